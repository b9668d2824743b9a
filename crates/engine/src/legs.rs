//! Several trades between two accounts that stand or fall together. Rules: `docs/rules/block-trades.md`, `docs/rules/combos.md`.
//!
//! Rules:
//! - A **structure** is a list of legs in different derivative markets of one universe; what may be a leg is asked of
//!   [`may_be_leg`] alone.
//! - All legs are posted, then each side is judged once, on everything it has in the universe (I5): initial margin is met,
//!   or every leg reduces and health is not lower. The maker is judged first.
//! - If either fails nothing has happened: money, positions, events and numbers are as before.
//! - Caps count open orders, as when an order is placed, so that a structure leaves room for what rests in the books.

use crate::{
    accounts::{Paid, check_premium, exposure, margin as margin_of, margin_beside, position, received_cash_usd},
    action::move_universe::check_open,
    fill::{Fill, trade_leg},
    isolated,
    margin::AccountMargin,
    market_math::{RATE_ONE, quote_usd, value_ceil_usd},
    market_order::expired_at,
    matching::open_interest,
    mutant::{Mutant, is_planted},
    options::margin::check_count as check_option_count,
    perpetual::{only_reduces, open_interest_cut, position_room, reduces},
    state::{PositionRecord, State},
    vaults::check_order as check_vault_order,
    wide::multiply_divide_ceil,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{MarketId, OrderId, UniverseId},
    limits::LEG_RATIO,
    market::{DerivativeTerms, MarketSpec},
    multi_leg::{Leg, LegsFault, MakerFault},
    numbers::{Position, Price, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    rejection::Rejection,
    time::TimeMs,
};
use std::{ops::RangeInclusive, sync::Arc};

/// Whether a market may be a leg: it has positions, which margin can weigh against each other.
pub fn may_be_leg(market: &MarketSpec) -> bool {
    terms_of(market).is_some()
}

/// Caps and underlying of a market that may be a leg.
fn terms_of(market: &MarketSpec) -> Option<DerivativeTerms> {
    market.derivative()
}

/// Legs that go together.
#[derive(Clone, Debug)]
pub(crate) struct Structure {
    /// The universe of all.
    pub universe: UniverseId,
    /// At least one.
    pub legs: Vec<StructureLeg>,
}

/// A leg with its market's terms.
#[derive(Clone, Debug)]
pub(crate) struct StructureLeg {
    /// Where.
    pub market: Arc<MarketSpec>,
    /// What buying the structure does here.
    pub side: Side,
    /// Lots in one unit.
    pub ratio: u32,
    /// Of an option, the price for delivery at its expiry: its price band is a part of it.
    pub forward: Option<Price>,
}

impl StructureLeg {
    /// What a side of the structure does here.
    pub(crate) const fn side_for(&self, side: Side) -> Side {
        match side {
            Side::Buy => self.side,
            Side::Sell => self.side.opposite(),
        }
    }

    /// Lots in so many units.
    pub(crate) fn lots(&self, units: Size) -> Result<Size, Rejection> {
        units.get().checked_mul(u64::from(self.ratio)).map(Size::new).ok_or(Rejection::Overflow)
    }

    /// The caps and the underlying of its market.
    pub(crate) fn terms(&self) -> Result<DerivativeTerms, Rejection> {
        let fault = LegsFault::NoDerivative { market: self.market.id };
        terms_of(&self.market).ok_or(Rejection::InvalidLegs { fault })
    }

    /// Whether an incoming order may trade at a price: only its aggressive side is bounded, as in the market's own book.
    pub(crate) fn allows(&self, side: Side, price: Price, mark: Price) -> Result<bool, Rejection> {
        let (lowest, highest) = self.band(mark)?;
        Ok(match side {
            Side::Buy => i128::from(price.get()) <= highest,
            Side::Sell => i128::from(price.get()) >= lowest,
        })
    }

    /// The lowest and the highest price at which it may trade.
    fn band(&self, mark: Price) -> Result<(i128, i128), Rejection> {
        let base = i128::from(self.forward.unwrap_or(mark).get());
        let mark = i128::from(mark.get());
        let band = multiply_divide_ceil(base, i128::from(self.market.price_band.get()), RATE_ONE);
        let band = band.ok_or(Rejection::Overflow)?;
        let lowest = mark.checked_sub(band).ok_or(Rejection::Overflow)?;
        Ok((lowest, mark.checked_add(band).ok_or(Rejection::Overflow)?))
    }

    /// Position and open lots of an account on a side of its market.
    fn standing(&self, state: &State, account: AccountId, side: Side) -> (PositionRecord, Size) {
        let totals = state.open_totals(account, self.market.id);
        let open = match side {
            Side::Buy => totals.buy_size,
            Side::Sell => totals.sell_size,
        };
        (position(state, account, self.market.id), open)
    }

    /// Lots that an account may trade as a side of the structure, all its open orders on that side of the market filled too, before
    /// it holds more than the cap or, if that is more, than it does.
    fn position_room(&self, state: &State, account: AccountId, side: Side) -> Result<u64, Rejection> {
        let side = self.side_for(side);
        let (held, open) = self.standing(state, account, side);
        let room = position_room(self.terms()?.position_maximum, held.position, side);
        Ok(room.get().saturating_sub(open.get()))
    }

    /// Units within room for so many lots.
    fn narrow<'a>(
        &'a self,
        (units, by): (Size, Option<&'a Self>),
        room_lots: u64,
    ) -> Result<(Size, Option<&'a Self>), Rejection> {
        let within = Size::new(room_lots.checked_div(u64::from(self.ratio)).ok_or(Rejection::Overflow)?);
        Ok(if within < units { (within, Some(self)) } else { (units, by) })
    }
}

impl Structure {
    /// The structure of these legs, if they go together.
    pub(crate) fn of(state: &State, legs: &[Leg], count: &RangeInclusive<usize>) -> Result<Self, Rejection> {
        let invalid = |fault| Err(Rejection::InvalidLegs { fault });
        if !count.contains(&legs.len()) {
            let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let (minimum, maximum) = (number(*count.start()), number(*count.end()));
            return invalid(LegsFault::Count { found: number(legs.len()), minimum, maximum });
        }
        let mut found: Vec<StructureLeg> = Vec::with_capacity(legs.len());
        for leg in legs {
            let market = state.shared_market(leg.market).ok_or(Rejection::UnknownMarket { market: leg.market })?;
            if !may_be_leg(&market) {
                return invalid(LegsFault::NoDerivative { market: leg.market });
            }
            if found.iter().any(|other| other.market.id == leg.market) {
                return invalid(LegsFault::Repeated { market: leg.market });
            }
            if found.iter().any(|other| other.market.universe != market.universe) {
                return invalid(LegsFault::OtherUniverse { market: leg.market });
            }
            if !LEG_RATIO.contains(&leg.ratio) {
                return Err(Rejection::OutOfRange {
                    field: "ratio".to_owned(),
                    value: i64::from(leg.ratio),
                    minimum: i64::from(*LEG_RATIO.start()),
                    maximum: i64::from(*LEG_RATIO.end()),
                });
            }
            let forward = state.forward_of(leg.market);
            found.push(StructureLeg { market, side: leg.side, ratio: leg.ratio, forward });
        }
        let universe = found.first().map(|leg| leg.market.universe).ok_or(Rejection::ZeroSize)?;
        Ok(Self { universe, legs: found })
    }

    /// Refuses what cannot trade now: a universe that is halted or gated, a market that is over or has no fresh price.
    pub(crate) fn check_tradable(&self, state: &State, now: TimeMs) -> Result<(), Rejection> {
        check_open(state, self.universe)?;
        for leg in &self.legs {
            let market = leg.market.id;
            if let Some(expired_at_ms) = expired_at(&leg.market, now) {
                return Err(Rejection::MarketExpired { market, expired_at_ms });
            }
            let is_fresh = state.index(leg.terms()?.underlying).is_some_and(|index| index.is_fresh(now));
            if !is_fresh || state.mark(market).is_none() {
                return Err(Rejection::NoFreshPrice { market });
            }
        }
        Ok(())
    }

    /// The marks of the legs, in their order.
    pub(crate) fn marks(&self, state: &State) -> Result<Vec<Price>, Rejection> {
        let mark = |leg: &StructureLeg| {
            let market = leg.market.id;
            state.mark(market).map(|record| record.price).ok_or(Rejection::NoFreshPrice { market })
        };
        self.legs.iter().map(mark).collect()
    }

    /// What so many units are worth at the marks, all legs counted up; rounded up.
    pub(crate) fn gross_usd(&self, marks: &[Price], units: Size) -> Result<Usd, Rejection> {
        let mut sum = Usd::ZERO;
        for (leg, mark) in self.legs.iter().zip(marks) {
            let lots = i128::from(leg.lots(units)?.get());
            let notional = value_ceil_usd(*mark, lots, leg.market.size_decimals)?;
            sum = sum.checked_add(notional).ok_or(Rejection::Overflow)?;
        }
        Ok(sum)
    }

    /// What the buyer of so many units pays at these prices, exactly; negative: receives.
    pub(crate) fn quote_usd(&self, prices: &[Price], units: Size) -> Result<Usd, Rejection> {
        let mut sum = Usd::ZERO;
        for (leg, price) in self.legs.iter().zip(prices) {
            let quote = quote_usd(*price, leg.lots(units)?, leg.market.size_decimals)?;
            sum = match leg.side {
                Side::Buy => sum.checked_add(quote),
                Side::Sell => sum.checked_sub(quote),
            }
            .ok_or(Rejection::Overflow)?;
        }
        Ok(sum)
    }

    /// Refuses prices that are too far from the marks, on either side: nobody's is the aggressive one here.
    pub(crate) fn check_bands(&self, marks: &[Price], prices: &[Price]) -> Result<(), Rejection> {
        for ((leg, mark), price) in self.legs.iter().zip(marks).zip(prices) {
            let (lowest, highest) = leg.band(*mark)?;
            let (price, mark, market) = (*price, *mark, leg.market.id);
            if price.get() <= 0 || i128::from(price.get()) < lowest || i128::from(price.get()) > highest {
                return Err(Rejection::LegOutsideBand { market, price, mark });
            }
        }
        Ok(())
    }

    /// How many of `units` an account may trade within its position caps (a leg that is over its cap may be reduced), and the leg
    /// that says so if it is fewer.
    pub(crate) fn within_positions(
        &self,
        state: &State,
        account: AccountId,
        side: Side,
        units: Size,
    ) -> Result<(Size, Option<&StructureLeg>), Rejection> {
        let mut within = (units, None);
        for leg in &self.legs {
            let room = leg.position_room(state, account, side)?;
            within = leg.narrow(within, room)?;
        }
        Ok(within)
    }

    /// How many of `units` two accounts may trade within the open-interest caps, and the leg that says so if it is fewer.
    pub(crate) fn within_open_interest(
        &self,
        state: &State,
        buyer: AccountId,
        seller: AccountId,
        units: Size,
    ) -> Result<(Size, Option<&StructureLeg>), Rejection> {
        let mut within = (units, None);
        for leg in &self.legs {
            let (long, short) = match leg.side {
                Side::Buy => (buyer, seller),
                Side::Sell => (seller, buyer),
            };
            let held = |account| position(state, account, leg.market.id);
            let interest = open_interest(state, &leg.market);
            let room = open_interest_cut(&leg.terms()?, interest, held(long), held(short), leg.lots(units)?);
            within = leg.narrow(within, room.get())?;
        }
        Ok(within)
    }

    /// Refuses a vault that may only reduce, unless every leg does.
    pub(crate) fn check_vault(
        &self,
        state: &State,
        account: AccountId,
        side: Side,
        units: Size,
    ) -> Result<(), Rejection> {
        for leg in &self.legs {
            let side = leg.side_for(side);
            let (held, open) = leg.standing(state, account, side);
            check_vault_order(state, account, &leg.market, only_reduces(held, side, open, leg.lots(units)?))?;
        }
        Ok(())
    }
}

/// One side of a trade of several legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    /// Who.
    pub account: AccountId,
    /// The number that its side of every leg's trade carries.
    pub order: OrderId,
}

/// All legs of a structure between two accounts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MultiTrade<'a> {
    /// What.
    pub structure: &'a Structure,
    /// At which prices, in the order of the legs; on the ticks.
    pub prices: &'a [Price],
    /// Units.
    pub units: Size,
    /// What the taker does.
    pub taker_side: Side,
    /// Who waited.
    pub maker: Party,
    /// Who came.
    pub taker: Party,
}

/// What became of a trade of several legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MultiVerdict {
    /// All legs traded.
    Traded,
    /// The maker cannot afford the whole; nothing happened.
    MakerFails,
    /// The taker cannot afford the whole, and why; nothing happened.
    TakerFails(Rejection),
}

/// Trades all legs if both sides can afford the whole. `announcement` is told before the legs' trades, if they stand.
pub(crate) fn trade(
    work: &mut Work<'_>,
    trade: &MultiTrade<'_>,
    announcement: Event,
) -> Result<MultiVerdict, Rejection> {
    let maker = Judged::before(work.state, trade.structure, trade.maker.account)?;
    let taker = Judged::before(work.state, trade.structure, trade.taker.account)?;
    let checkpoint = work.checkpoint();
    work.emit(announcement);
    if let Err(rejection) = post(work, trade) {
        work.revert_to(checkpoint);
        return Err(rejection);
    }
    if !maker.affords(work.state, trade.structure)? {
        work.revert_to(checkpoint);
        return Ok(MultiVerdict::MakerFails);
    }
    match taker.check(work.state, trade.structure) {
        Ok(()) => Ok(MultiVerdict::Traded),
        Err(rejection) if is_unaffordable(&rejection) => {
            work.revert_to(checkpoint);
            Ok(MultiVerdict::TakerFails(rejection))
        }
        Err(rejection) => Err(rejection),
    }
}

/// Whether it is the account that fails, and not the trade.
const fn is_unaffordable(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::InsufficientMargin { .. } | Rejection::PremiumUncovered { .. } | Rejection::TooMany { .. }
    )
}

fn post(work: &mut Work<'_>, trade: &MultiTrade<'_>) -> Result<(), Rejection> {
    let dropped = usize::from(is_planted(Mutant::LastLegMissing));
    let posted = trade.structure.legs.len().saturating_sub(dropped);
    for (leg, price) in trade.structure.legs.iter().zip(trade.prices).take(posted) {
        let lots = leg.lots(trade.units)?;
        let taker_side = leg.side_for(trade.taker_side);
        let order = |party: Party, side| leg_order(party, leg.market.id, (side, *price, lots), work.time_ms);
        let (maker, taker) = (order(trade.maker, taker_side.opposite()), order(trade.taker, taker_side));
        trade_leg(work, &Fill { market: &leg.market, maker: &maker, taker: &taker, lots, is_forced: true })?;
    }
    Ok(())
}

/// One side of a leg's trade, as trades are told: by an order, which lies in no book of the market.
pub(crate) fn leg_order(
    party: Party,
    market: MarketId,
    (side, price, lots): (Side, Price, Size),
    now: TimeMs,
) -> OpenOrder {
    OpenOrder {
        id: party.order,
        account: party.account,
        market,
        side,
        price,
        remaining: lots,
        original: lots,
        reduce_only: false,
        time_in_force: TimeInForce::Ioc,
        client_order_id: None,
        priority: party.order.get(),
        placed_at_ms: now,
    }
}

/// An account before several trades, to be judged after them.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    account: AccountId,
    margin: AccountMargin,
    /// The cash that clearing has received, if a leg is an option.
    received_usd: Option<Usd>,
    /// In the order of the legs.
    positions: Vec<Position>,
    /// Of the same, what isolated ones have in their purses.
    purses: Vec<Option<AccountMargin>>,
}

impl Judged {
    /// The account as it is.
    pub(crate) fn before(state: &State, structure: &Structure, account: AccountId) -> Result<Self, Rejection> {
        let margin = whole_margin(state, structure, account)?;
        let option = structure.legs.iter().find(|leg| leg.market.option().is_some());
        let received = option.map(|_| received_cash_usd(state, account, structure.universe));
        let held = |leg: &StructureLeg| position(state, account, leg.market.id).position;
        let positions = structure.legs.iter().map(held).collect();
        let purses = structure.legs.iter().map(|leg| isolated::purse(state, account, &leg.market));
        let purses = purses.collect::<Result<_, _>>()?;
        Ok(Self { account, margin, received_usd: received.transpose()?, positions, purses })
    }

    /// Whether the account can afford what has happened since.
    pub(crate) fn affords(&self, state: &State, structure: &Structure) -> Result<bool, Rejection> {
        match self.check(state, structure) {
            Ok(()) => Ok(true),
            Err(rejection) if is_unaffordable(&rejection) => Ok(false),
            Err(rejection) => Err(rejection),
        }
    }

    /// Refuses what the account cannot afford (I5): its initial margin is met, or every leg has reduced its position without
    /// turning it and health is no lower. What isolated positions took must be there in cash, and counts as no reduction; whether one
    /// took any is told by its position, because the balance sums over all legs.
    pub(crate) fn check(&self, state: &State, structure: &Structure) -> Result<(), Rejection> {
        let after = whole_margin(state, structure, self.account)?;
        let mut all_reduce = true;
        let mut fills_purse = false;
        for ((leg, before), purse) in structure.legs.iter().zip(&self.positions).zip(&self.purses) {
            let now = state.standing(self.account, leg.market.id);
            let leg_reduces = reduces(*before, now.position.position);
            isolated::check_purse(state, self.account, &leg.market, purse.as_ref(), leg_reduces)?;
            let is_paid_for = leg_reduces && after.balance_usd >= self.margin.balance_usd;
            fills_purse = fills_purse || (now.is_isolated() && !is_paid_for);
            all_reduce = all_reduce && leg_reduces;
        }
        let opens = |(leg, before): (&StructureLeg, &Position)| leg.market.option().is_some() && before.is_zero();
        if structure.legs.iter().zip(&self.positions).any(opens) {
            check_option_count(state, self.account, structure.universe, None)?;
        }
        if let Some(received_before) = self.received_usd {
            let paid = Paid { received_before, margin: &after, reduces: all_reduce };
            check_premium(state, self.account, structure.universe, &paid)?;
        }
        if fills_purse {
            isolated::check_taken(state, self.account, structure.universe, &after)?;
        }
        after.check_fill(&self.margin, all_reduce && !fills_purse)
    }
}

/// An account's margin in the universe, with the markets of the legs as crowded as they are now.
fn whole_margin(state: &State, structure: &Structure, account: AccountId) -> Result<AccountMargin, Rejection> {
    if state.is_portfolio(account, structure.universe) {
        return margin_of(state, account, structure.universe);
    }
    // Options are margined together, and are there already.
    let linear = || structure.legs.iter().filter(|leg| leg.market.option().is_none());
    let markets: Vec<MarketId> = linear().map(|leg| leg.market.id).collect();
    let mut margin = margin_beside(state, account, structure.universe, &markets)?;
    for leg in linear() {
        margin = margin.with(&exposure(state, account, &leg.market)?.cross_margin()?)?;
    }
    Ok(margin)
}

/// What keeps the maker of a block from trading it, of what can be told before it is tried.
pub(crate) fn maker_fault(
    state: &State,
    structure: &Structure,
    maker: AccountId,
    side: Side,
    units: Size,
) -> Result<Option<MakerFault>, Rejection> {
    match structure.check_vault(state, maker, side, units) {
        Err(Rejection::VaultMustReduce { .. }) => return Ok(Some(MakerFault::MustReduce)),
        Err(rejection) => return Err(rejection),
        Ok(()) => {}
    }
    let (_, full) = structure.within_positions(state, maker, side, units)?;
    Ok(full.map(|_| MakerFault::PositionCap))
}

#[cfg(test)]
#[path = "legs_tests.rs"]
mod tests;
