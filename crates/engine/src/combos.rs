//! Combos: structures with books of their own, whose orders fill every unit with all its legs or not at all.
//! Rules: `docs/rules/combos.md`.
//!
//! Rules:
//! - One combo per structure: legs by market, ratios without a common divisor, the first leg bought.
//! - A resting order reserves nothing. It is judged when it is met, like a maker whose order outlived its margin: one who cannot
//!   afford the fill loses its orders on that side of the combo, and costs nobody anything.
//!
//! Invariants:
//! - A combo's book never rests crossed; orders are filled by price, then time.
//! - Net prices lie on the combo's tick, so every fill splits onto the legs to the unit.

mod implied;
mod matching;

use crate::{
    action::{move_universe::check_open, too_many},
    follow,
    legs::Structure,
    market_math::value_floor_usd,
    market_order::expired_at,
    net_price::{NetTerms, greatest_common_divisor},
    state::{Record, RecordKey, State},
    vaults::{check_spendable, pay},
    work::Work,
};
use matching::Incoming;
use palisade_types::{
    address::AccountId,
    event::Event,
    hash::ActionId,
    ids::{ComboId, OrderId},
    limits::{COMBO_LEGS, COMBO_ORDERS_PER_ACCOUNT_MAX},
    multi_leg::{Combo, ComboOrder, ComboOrderEnd, ComboTimeInForce, Leg},
    numbers::{Price, Size, Usd},
    order::Side,
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

/// What registering a combo costs, for a record that stays as long as its legs: 10 USD to the universe's fees.
pub const COMBO_FEE_USD: Usd = Usd::new(10 * 100_000_000);

/// A combo order as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ComboPlacement {
    /// Which combo.
    pub combo: ComboId,
    /// Buy or sell.
    pub side: Side,
    /// The worst net price accepted.
    pub price: Price,
    /// Units.
    pub lots: Size,
    /// How long it works.
    pub time_in_force: ComboTimeInForce,
}

/// What the books of a combo's legs offer at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpliedOffer {
    /// Units.
    pub units: Size,
    /// What a buyer pays for them, exactly; negative if it is paid.
    pub quote_usd: Usd,
    /// The net price, on the combo's tick, at which a limit just takes them.
    pub price: Price,
}

/// What the books of a combo's legs offer to whoever comes next as `side`, before position and open-interest caps; nothing
/// while the combo cannot trade. Their own orders are nobody's: readers have no group.
pub fn implied_offer(
    state: &State,
    combo: ComboId,
    side: Side,
    now: TimeMs,
) -> Result<Option<ImpliedOffer>, Rejection> {
    let record = state.combo(combo).ok_or(Rejection::UnknownCombo { combo })?;
    let structure = Structure::of(state, &record.legs, &COMBO_LEGS)?;
    if structure.check_tradable(state, now).is_err() {
        return Ok(None);
    }
    let terms = NetTerms::of(&structure)?;
    let asker = implied::Asker { structure: &structure, side, group: None };
    let found = implied::found(state, asker, Size::MAX, now)?;
    let offer = found.map(|found| {
        let price = terms.limit_for(side, found.quote_usd, found.units)?;
        Ok(ImpliedOffer { units: found.units, quote_usd: found.quote_usd, price })
    });
    offer.transpose()
}

/// Registers a combo, unless it is; the combo, and whether buying what was asked for is selling it.
pub(crate) fn create(work: &mut Work<'_>, account: AccountId, legs: &[Leg]) -> Result<(ComboId, bool), Rejection> {
    let asked = Structure::of(work.state, legs, &COMBO_LEGS)?;
    let universe = asked.universe;
    check_open(work.state, universe)?;
    for leg in &asked.legs {
        if let Some(expired_at_ms) = expired_at(&leg.market, work.time_ms) {
            return Err(Rejection::MarketExpired { market: leg.market.id, expired_at_ms });
        }
    }
    let (legs, is_mirrored) = canonical(legs)?;
    if let Some(combo) = work.state.combo_of(&legs) {
        return Ok((combo, is_mirrored));
    }
    let terms = NetTerms::of(&Structure::of(work.state, &legs, &COMBO_LEGS)?)?;
    let collateral = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    check_spendable(work.state, account, universe, collateral, COMBO_FEE_USD)?;
    pay(work, universe, collateral, account, &[(AccountId::fees(universe), COMBO_FEE_USD)])?;
    let id = ComboId::new(work.take_order_number()?.get());
    let combo = Combo { id, universe, legs, tick: terms.tick, size_decimals: terms.size_decimals };
    work.emit(Event::ComboCreated { combo: combo.clone(), creator: account });
    work.state.put(Record::Combo { id, record: combo });
    Ok((id, is_mirrored))
}

/// The one way to write a structure down, and whether it is the other way round.
fn canonical(legs: &[Leg]) -> Result<(Vec<Leg>, bool), Rejection> {
    let mut legs = legs.to_vec();
    legs.sort_unstable_by_key(|leg| leg.market);
    let common = legs.iter().fold(0, |common, leg| greatest_common_divisor(common, i128::from(leg.ratio)));
    let is_mirrored = legs.first().is_some_and(|leg| leg.side == Side::Sell);
    for leg in &mut legs {
        let ratio = i128::from(leg.ratio).checked_div(common).ok_or(Rejection::Overflow)?;
        leg.ratio = u32::try_from(ratio).map_err(|_| Rejection::Overflow)?;
        if is_mirrored {
            leg.side = leg.side.opposite();
        }
    }
    Ok((legs, is_mirrored))
}

/// Checks, matches and rests a combo order.
pub(crate) fn place(
    work: &mut Work<'_>,
    account: AccountId,
    action: ActionId,
    placement: &ComboPlacement,
) -> Result<Outcome, Rejection> {
    let combo = placement.combo;
    let combo = work.state.combo(combo).ok_or(Rejection::UnknownCombo { combo })?;
    let structure = Structure::of(work.state, &combo.legs, &COMBO_LEGS)?;
    let terms = NetTerms::of(&structure)?;
    check(work, account, placement, &structure, &terms)?;
    let order = ComboOrder {
        id: work.take_order_number()?,
        account,
        combo: placement.combo,
        side: placement.side,
        price: placement.price,
        remaining: placement.lots,
        original: placement.lots,
        placed_at_ms: work.time_ms,
    };
    let immediate_or_cancel = placement.time_in_force != ComboTimeInForce::Gtc;
    work.emit(Event::ComboOrderAccepted { order, action, immediate_or_cancel });
    let group = work.state.group_of(account);
    let mut incoming = Incoming { structure: &structure, terms: &terms, order, group };
    let matched = matching::run(work, &mut incoming)?;
    let order = incoming.order;
    if placement.time_in_force == ComboTimeInForce::Fok && !order.remaining.is_zero() {
        return Err(Rejection::NotFillable { wanted: placement.lots, available: matched.filled });
    }
    let remainder_canceled = finish(work, order, matched.stopped, immediate_or_cancel);
    follow::run(work);
    Ok(Outcome::ComboOrder {
        order: order.id,
        filled: matched.filled,
        filled_quote_usd: matched.quote_usd,
        resting: if remainder_canceled.is_none() { order.remaining } else { Size::ZERO },
        remainder_canceled,
    })
}

/// Rests what remains, or says why it does not.
fn finish(
    work: &mut Work<'_>,
    order: ComboOrder,
    stopped: Option<ComboOrderEnd>,
    immediate_or_cancel: bool,
) -> Option<ComboOrderEnd> {
    if order.remaining.is_zero() {
        work.emit(Event::ComboOrderEnded { order, reason: ComboOrderEnd::Filled });
        return None;
    }
    let reason = stopped.or(immediate_or_cancel.then_some(ComboOrderEnd::ImmediateOrCancel));
    match reason {
        Some(reason) => work.emit(Event::ComboOrderEnded { order, reason }),
        None => work.state.put(Record::ComboOrder { id: order.id, record: order }),
    }
    reason
}

/// What can be said before anything is matched.
fn check(
    work: &Work<'_>,
    account: AccountId,
    placement: &ComboPlacement,
    structure: &Structure,
    terms: &NetTerms,
) -> Result<(), Rejection> {
    structure.check_tradable(work.state, work.time_ms)?;
    if placement.lots.is_zero() {
        return Err(Rejection::ZeroSize);
    }
    let marks = structure.marks(work.state)?;
    for (leg, mark) in structure.legs.iter().zip(&marks) {
        let market = &leg.market;
        let lots = i128::from(leg.lots(placement.lots)?.get());
        let notional = value_floor_usd(*mark, lots, market.size_decimals)?;
        if notional < market.minimum_notional_usd {
            return Err(Rejection::BelowMinimumNotional { notional, minimum: market.minimum_notional_usd });
        }
        if notional > market.maximum_notional_usd {
            return Err(Rejection::AboveMaximumNotional { notional, maximum: market.maximum_notional_usd });
        }
    }
    terms.split(structure, placement.price, &marks)?;
    structure.check_vault(work.state, account, placement.side, placement.lots)?;
    let may_rest = placement.time_in_force == ComboTimeInForce::Gtc;
    if may_rest && work.state.combo_orders_of(account).count() >= COMBO_ORDERS_PER_ACCOUNT_MAX {
        return Err(too_many("open combo orders of an account", COMBO_ORDERS_PER_ACCOUNT_MAX));
    }
    Ok(())
}

/// Takes an open combo order out of its book.
pub(crate) fn end_order(work: &mut Work<'_>, id: OrderId, reason: ComboOrderEnd) {
    if let Some(order) = work.state.combo_order(id).copied() {
        work.state.delete(RecordKey::ComboOrder(id));
        work.emit(Event::ComboOrderEnded { order, reason });
    }
}

/// Ends one order of a combo that is over, or the combo if it has none.
pub(crate) fn end_next(work: &mut Work<'_>, combo: ComboId) {
    match first_order(work.state, combo) {
        Some(order) => end_order(work, order, ComboOrderEnd::Delisted),
        None => {
            work.state.delete(RecordKey::Combo(combo));
            work.emit(Event::ComboEnded { combo });
        }
    }
}

fn first_order(state: &State, combo: ComboId) -> Option<OrderId> {
    let first = |side| state.combo_book_side(combo, side).next().map(|order| order.id);
    first(Side::Buy).or_else(|| first(Side::Sell))
}

#[cfg(test)]
#[path = "combos_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "combos_model_tests.rs"]
mod model_tests;
