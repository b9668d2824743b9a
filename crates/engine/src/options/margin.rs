//! What an account's options need outside portfolio mode. Formulas: `docs/rules/portfolio-margin.md`, Outside portfolio mode, and
//! `docs/rules/options.md`, Margin.
//!
//! Per expiry, options have a **value** `V` at the marks, which is equity, and a **requirement** `R`: the isolated formula of each
//! short with the longs at what they are worth, or what the expiry can lose, whichever is less. What must be there in cash is
//! `N = R − V`: exactly nothing for longs, whose worth is their requirement.
//!
//! Once the settlement price of an expiry is fixed, its options are worth what they pay and need nothing: they are delivered one by
//! one, over blocks, and whoever holds both legs of a spread must not lack the one that is gone.
//!
//! Open orders: buys reserve their premium and fee, sells what all of them filled would need more than they bring: their limits, and
//! no more than their marks, because a premium that nobody pays covers nothing. A fill is judged by itself, so a reservation only keeps
//! the book honest.
//!
//! Where cash leaves, the more counts of `N` at the marks and `N` at the slow forward ([`unconfirmed_need_usd`]): a wick of the index hides
//! no loss of a short. Longs need nothing at either.
//!
//! Rounding: values down, `N` up once, and `R = V + N`: rounded by itself, `R` would ask longs for what is nowhere. Positions that the
//! vault holds apart are not counted here but by themselves.

use crate::{
    market_math::value_floor_usd,
    mutant::{Mutant, is_planted},
    options::fees::option_fee_usd,
    state::{MarketStanding, OptionExpiryId, State},
};
use palisade_pricing::{
    Fixed,
    portfolio::standard::{MarkedLeg, Requirement, requirement},
};
use palisade_types::{
    address::AccountId,
    ids::{MarketId, UniverseId},
    market::{MarketSpec, OptionContract, OptionKind},
    numbers::{Price, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// Options of one universe in which an account may have a position or offer orders, isolated positions aside: every margin of the
/// account looks at each.
pub const OPTIONS_PER_ACCOUNT_MAX: usize = 2_000;

/// What options contribute to an account's margin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OptionsMargin {
    /// What the positions are worth at the marks; negative if shorts outweigh longs.
    pub value_usd: Usd,
    /// Initial requirement, open orders included.
    pub initial_usd: Usd,
    /// Initial requirement of the positions alone.
    pub position_initial_usd: Usd,
    /// Maintenance requirement.
    pub maintenance_usd: Usd,
    /// The part of it that the value meets, or what shorts are worth: levels are judged without it.
    pub netted_usd: Usd,
}

/// An order that is only thought of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderInThought {
    pub market: MarketId,
    pub side: Side,
    pub lots: Size,
    pub notional_usd: Usd,
}

/// A position in an option at its mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOption {
    pub right: OptionKind,
    pub strike: Price,
    pub mark: Price,
    pub lots: i64,
}

/// An option of an account: what it is, what is held and what is offered.
#[derive(Clone, Copy, Debug)]
struct Leg<'a> {
    expiry: OptionExpiryId,
    market: &'a MarketSpec,
    contract: OptionContract,
    mark: Price,
    slow_mark: Price,
    lots: i64,
    buys: Offered,
    sells: Offered,
}

/// Open orders of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    lots: Size,
    notional_usd: Usd,
}

impl Offered {
    fn with(self, lots: Size, notional_usd: Usd) -> Result<Self, Rejection> {
        Ok(Self {
            lots: self.lots.checked_add(lots).ok_or(Rejection::Overflow)?,
            notional_usd: sum(self.notional_usd, notional_usd)?,
        })
    }
}

fn sum(left: Usd, right: Usd) -> Result<Usd, Rejection> {
    left.checked_add(right).ok_or(Rejection::Overflow)
}

fn difference(left: Usd, right: Usd) -> Result<Usd, Rejection> {
    left.checked_sub(right).ok_or(Rejection::Overflow)
}

/// Whether an account holds or offers options. Its markets are sorted, and options come last.
pub(crate) fn has_options(standings: &[MarketStanding]) -> bool {
    standings.last().is_some_and(|standing| standing.market.is_option())
}

/// The options of an account in a universe, open orders and one in thought included.
pub(crate) fn of(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    order: Option<&OrderInThought>,
) -> Result<OptionsMargin, Rejection> {
    let mut legs = Vec::new();
    for standing in options_of(state.standings_of(account)) {
        if standing.counts() && !standing.is_isolated() {
            legs.extend(leg(state, universe, standing.market, standing.position.position.get())?.map(|leg| Leg {
                buys: Offered { lots: standing.totals.buy_size, notional_usd: standing.totals.buy_notional_usd },
                sells: Offered { lots: standing.totals.sell_size, notional_usd: standing.totals.sell_notional_usd },
                ..leg
            }));
        }
    }
    if let Some(order) = order {
        if !legs.iter().any(|leg| leg.market.id == order.market) {
            legs.extend(leg(state, universe, order.market, 0)?);
        }
        for leg in legs.iter_mut().filter(|leg| leg.market.id == order.market) {
            let offered = match order.side {
                Side::Buy => &mut leg.buys,
                Side::Sell => &mut leg.sells,
            };
            *offered = offered.with(order.lots, order.notional_usd)?;
        }
    }
    margin_of(state, legs)
}

/// Refuses more options than an account may have in a universe, with one that it is about to offer orders in; what it has already is
/// no more for that.
pub(crate) fn check_count(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    next: Option<MarketId>,
) -> Result<(), Rejection> {
    let standings = options_of(state.standings_of(account));
    if standings.len() < OPTIONS_PER_ACCOUNT_MAX {
        return Ok(());
    }
    let is_here = |market| state.market(market).is_some_and(|spec| spec.universe == universe);
    let counted = standings.iter().filter(|standing| standing.counts() && !standing.is_isolated());
    let has: Vec<MarketId> = counted.map(|standing| standing.market).filter(|market| is_here(*market)).collect();
    let room = OPTIONS_PER_ACCOUNT_MAX.saturating_sub(usize::from(next.is_some()));
    if has.len() <= room || next.is_some_and(|next| has.contains(&next)) {
        return Ok(());
    }
    let limit = u32::try_from(OPTIONS_PER_ACCOUNT_MAX).unwrap_or(u32::MAX);
    Err(Rejection::TooMany { what: "options of an account in a universe".to_owned(), limit })
}

/// Positions alone, wherever they are from: `(option, lots)`, each option once.
pub(crate) fn of_positions(
    state: &State,
    universe: UniverseId,
    positions: impl IntoIterator<Item = (MarketId, i64)>,
) -> Result<OptionsMargin, Rejection> {
    let mut legs = Vec::new();
    for (market, lots) in positions {
        legs.extend(leg(state, universe, market, lots)?);
    }
    margin_of(state, legs)
}

fn options_of(standings: &[MarketStanding]) -> &[MarketStanding] {
    let first = standings.partition_point(|standing| !standing.market.is_option());
    standings.get(first..).unwrap_or_default()
}

/// `None` if the option is of another universe.
fn leg(state: &State, universe: UniverseId, market: MarketId, lots: i64) -> Result<Option<Leg<'_>>, Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    if spec.universe != universe {
        return Ok(None);
    }
    let contract = spec.option().ok_or(Rejection::UnknownMarket { market })?;
    let OptionContract { underlying, expires_at_ms, .. } = contract;
    let record = state.mark(market).ok_or(Rejection::NoFreshPrice { market })?;
    let (mark, slow_mark) = (record.price, record.slow_price);
    let expiry = OptionExpiryId { universe, underlying, expires_at_ms };
    let (buys, sells) = (Offered::default(), Offered::default());
    Ok(Some(Leg { expiry, market: spec, contract, mark, slow_mark, lots, buys, sells }))
}

fn margin_of(state: &State, mut legs: Vec<Leg<'_>>) -> Result<OptionsMargin, Rejection> {
    legs.sort_by_key(|leg| leg.expiry);
    let mut margin = OptionsMargin::default();
    for of_expiry in legs.chunk_by(|one, other| one.expiry == other.expiry) {
        let part = expiry_margin(state, of_expiry)?;
        margin.value_usd = sum(margin.value_usd, part.value_usd)?;
        margin.initial_usd = sum(margin.initial_usd, part.initial_usd)?;
        margin.position_initial_usd = sum(margin.position_initial_usd, part.position_initial_usd)?;
        margin.maintenance_usd = sum(margin.maintenance_usd, part.maintenance_usd)?;
        margin.netted_usd = sum(margin.netted_usd, part.netted_usd)?;
    }
    Ok(margin)
}

/// What the options of an account need more, in cash, at the slow forwards: per expiry `max(0, N at slow prices − N)`.
pub(crate) fn unconfirmed_need_usd(state: &State, account: AccountId, universe: UniverseId) -> Result<Usd, Rejection> {
    let mut unconfirmed = Usd::ZERO;
    if is_planted(Mutant::ShortsLossCanLeave) {
        return Ok(unconfirmed);
    }
    let mut legs = Vec::new();
    for standing in options_of(state.standings_of(account)) {
        if !standing.position.is_empty() && !standing.is_isolated() {
            legs.extend(leg(state, universe, standing.market, standing.position.position.get())?);
        }
    }
    legs.sort_by_key(|leg| leg.expiry);
    for of_expiry in legs.chunk_by(|one, other| one.expiry == other.expiry) {
        let Some(record) = of_expiry.first().and_then(|leg| state.option_expiry(leg.expiry)) else { continue };
        if record.settlement_price().is_some() || record.slow_forward == record.forward {
            continue;
        }
        let lots = |leg: &Leg<'_>| Some(leg.lots);
        let (_, now) = worth(Some(record.forward), of_expiry, |leg| leg.mark, lots)?;
        let (_, slow) = worth(Some(record.slow_forward), of_expiry, |leg| leg.slow_mark, lots)?;
        let more = difference(slow.initial_usd, now.initial_usd)?.max(Usd::ZERO);
        unconfirmed = sum(unconfirmed, more)?;
    }
    Ok(unconfirmed)
}

/// The legs of one expiry, at least one.
fn expiry_margin(state: &State, legs: &[Leg<'_>]) -> Result<OptionsMargin, Rejection> {
    let Some(first) = legs.first() else { return Ok(OptionsMargin::default()) };
    let record = state.option_expiry(first.expiry).ok_or(Rejection::NoFreshPrice { market: first.market.id })?;
    let (forward, is_fixed) = (record.forward, record.settlement_price().is_some());
    let at_risk = (!is_fixed).then_some(forward);
    let (value_usd, held) = worth(at_risk, legs, |leg| leg.mark, |leg| Some(leg.lots))?;
    let mut needed = held.initial_usd;
    let mut reserved = Usd::ZERO;
    let mut premiums = None;
    for leg in legs {
        for (offered, side) in [(&leg.buys, Side::Buy), (&leg.sells, Side::Sell)] {
            if offered.lots.is_zero() {
                continue;
            }
            let rate = leg.market.maker_fee.max(leg.market.taker_fee);
            let decimals = leg.market.size_decimals;
            let fee = option_fee_usd(&leg.contract, forward, decimals, offered.notional_usd, offered.lots, rate)?;
            reserved = sum(reserved, fee)?;
            match side {
                Side::Buy => reserved = sum(reserved, offered.notional_usd)?,
                Side::Sell => {
                    let at_mark = value_floor_usd(leg.mark, i128::from(offered.lots.get()), decimals)?;
                    premiums = Some(sum(premiums.unwrap_or(Usd::ZERO), offered.notional_usd.min(at_mark))?);
                }
            }
        }
    }
    if let Some(premiums) = premiums {
        let sold = |leg: &Leg<'_>| i64::try_from(leg.sells.lots.get()).ok().and_then(|sold| leg.lots.checked_sub(sold));
        let (_, after) = worth(at_risk, legs, |leg| leg.mark, sold)?;
        needed = needed.max(difference(after.initial_usd, premiums)?);
    }
    let maintenance_usd = sum(value_usd, held.maintenance_usd)?;
    Ok(OptionsMargin {
        value_usd,
        initial_usd: sum(sum(value_usd, needed)?, reserved)?,
        position_initial_usd: sum(value_usd, held.initial_usd)?,
        maintenance_usd,
        netted_usd: if is_fixed { Usd::ZERO } else { value_usd.min(maintenance_usd) },
    })
}

/// What so many lots of each leg are worth at these marks, and what they need together beyond that: without a forward, when what they pay
/// is fixed, as much less as they are worth, so that they need nothing.
fn worth(
    forward: Option<Price>,
    legs: &[Leg<'_>],
    mark: impl Fn(&Leg<'_>) -> Price,
    lots: impl Fn(&Leg<'_>) -> Option<i64>,
) -> Result<(Usd, Requirement), Rejection> {
    let decimals = legs.first().map_or(0, |leg| leg.market.size_decimals);
    let held = legs.iter().map(|leg| {
        let OptionContract { right, strike, .. } = leg.contract;
        Ok(HeldOption { right, strike, mark: mark(leg), lots: lots(leg).ok_or(Rejection::Overflow)? })
    });
    worth_of(forward, decimals, held)
}

/// The same of options of one expiry, whoever holds them.
fn worth_of(
    forward: Option<Price>,
    size_decimals: u8,
    held: impl Iterator<Item = Result<HeldOption, Rejection>>,
) -> Result<(Usd, Requirement), Rejection> {
    let mut value_usd = Usd::ZERO;
    let mut marked = Vec::with_capacity(held.size_hint().0);
    for option in held {
        let HeldOption { right, strike, mark, lots } = option?;
        if lots != 0 {
            value_usd = sum(value_usd, value_floor_usd(mark, i128::from(lots), size_decimals)?)?;
            marked.push(MarkedLeg { kind: right, strike, mark: Fixed::from_price(mark), lots });
        }
    }
    let Some(forward) = forward else {
        let nothing = difference(Usd::ZERO, value_usd)?;
        return Ok((value_usd, Requirement { initial_usd: nothing, maintenance_usd: nothing }));
    };
    let requirement = requirement(forward, size_decimals, &marked).map_err(|_| Rejection::Overflow)?;
    Ok((value_usd, requirement))
}

/// What options of one expiry contribute that nobody holds, without orders.
pub(crate) fn of_held(forward: Price, size_decimals: u8, held: &[HeldOption]) -> Result<OptionsMargin, Rejection> {
    let (value_usd, needed) = worth_of(Some(forward), size_decimals, held.iter().copied().map(Ok))?;
    let initial_usd = sum(value_usd, needed.initial_usd)?;
    let maintenance_usd = sum(value_usd, needed.maintenance_usd)?;
    Ok(OptionsMargin {
        value_usd,
        initial_usd,
        position_initial_usd: initial_usd,
        maintenance_usd,
        netted_usd: value_usd.min(maintenance_usd),
    })
}

/// What a position needs by itself, of a short beside its mark; nothing, once what it pays is fixed.
pub(crate) fn isolated_requirement(state: &State, market: &MarketSpec, lots: i64) -> Result<Requirement, Rejection> {
    let no_price = || Rejection::NoFreshPrice { market: market.id };
    let contract = market.option().ok_or(Rejection::UnknownMarket { market: market.id })?;
    if state.is_fixed(market) {
        return Ok(Requirement::default());
    }
    let mark = Fixed::from_price(state.mark(market.id).ok_or_else(no_price)?.price);
    let forward = state.forward_of(market.id).ok_or_else(no_price)?;
    let leg = MarkedLeg { kind: contract.right, strike: contract.strike, mark, lots };
    leg.requirement(forward, market.size_decimals).map_err(|_| Rejection::Overflow)
}

#[cfg(test)]
#[path = "margin_tests.rs"]
mod tests;
