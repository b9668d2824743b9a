//! Auto-deleveraging: what neither book, vault nor fund could take is closed against the other side of the market, for
//! exactly what leaves the bankrupt unit with nothing. So winners together give up the deficit, no more.
//!
//! - **Who**: holders of opposite positions that are healthy themselves. First those in profit, by `profit × leverage`; then,
//!   if these are not enough, the others by size.
//! - **Hedges last**: lots that offset another position of the same account on the same underlying are taken after everyone's
//!   unhedged lots. A put is a position downwards; an option offsets whole units, whatever its delta: this decides on an order alone.
//! - **How much**: pro rata, in whole lots. Nobody is taken below their maintenance requirement.
//! - **At what**: the quote of all lots is shared by cumulative rounding, so that the parts sum to the whole. What was given in the end is compared
//!   with the deficit (I8): a step that closed anything else is turned back, and its universe stops.

use super::{
    boxes::is_portfolio,
    first_market,
    stake::Stake,
    transfer::trade,
    watch::{Standing, standing, standing_with_lots},
};
use crate::{
    market_math::{value_ceil_usd, value_floor_usd},
    mutant::{Mutant, is_planted},
    state::{MarginUnit, State},
    wide::multiply_divide_floor,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{Event, Liquidation, LiquidationMethod},
    ids::AssetId,
    market::{MarketSpec, OptionKind},
    numbers::{Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// Rounds of sharing out, each after someone's limit was met.
const ROUNDS_MAX: usize = 8;

/// A holder of the other side.
#[derive(Clone, Debug)]
struct Winner {
    account: AccountId,
    /// Lots that may be taken: unhedged, then hedged.
    free: u64,
    hedged: u64,
    /// Profit × leverage, or zero.
    weight: i128,
    /// Lots taken.
    taken: u64,
}

/// Closes as much of the unit's worst position as the other side can give; whether anything was closed.
pub(super) fn run(work: &mut Work<'_>, unit: MarginUnit) -> Result<bool, Rejection> {
    let Some(market) = first_market(work, unit)? else { return Ok(false) };
    let spec = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let stake = Stake::of(work.state, unit.account, &spec)?;
    let now = standing(work.state, unit)?;
    let side = stake.closing_side();
    let all = stake.position.position.size();
    let deficit = now.equity_usd.checked_neg().ok_or(Rejection::Overflow)?.max(Usd::ZERO);
    let value = mark_value(&stake, side)?;
    let quote = bankruptcy_quote(value, side, deficit)?;
    let loss_per_lot = Loss { deficit, lots: all };
    let mut winners = find_winners(work.state, unit.account, &spec, side, loss_per_lot)?;
    let taken = share_out(&mut winners, all);
    if taken.is_zero() {
        return Ok(false);
    }
    settle(work, unit, &spec, &winners, Terms { side, value, quote, all, deficit })?;
    Ok(true)
}

/// What the whole position is worth at the mark, rounded against the unit.
fn mark_value(stake: &Stake, side: Side) -> Result<Usd, Rejection> {
    let lots = i128::from(stake.position.position.size().get());
    match side {
        Side::Sell => value_floor_usd(stake.mark, lots, stake.size_decimals),
        Side::Buy => value_ceil_usd(stake.mark, lots, stake.size_decimals),
    }
}

/// The quote at which closing everything leaves the unit with nothing: what the mark says, moved by the deficit.
fn bankruptcy_quote(value: Usd, side: Side, deficit: Usd) -> Result<Usd, Rejection> {
    match side {
        Side::Sell => value.checked_add(deficit),
        Side::Buy => value.checked_sub(deficit),
    }
    .ok_or(Rejection::Overflow)
}

/// What every lot costs whoever takes it, against the mark.
#[derive(Clone, Copy)]
struct Loss {
    deficit: Usd,
    lots: Size,
}

impl Loss {
    /// What `lots` of them cost, rounded up.
    fn of(self, lots: u64) -> Option<i128> {
        crate::wide::multiply_divide_ceil(self.deficit.get(), i128::from(lots), i128::from(self.lots.get().max(1)))
    }
}

fn find_winners(
    state: &State,
    bankrupt: AccountId,
    market: &MarketSpec,
    side: Side,
    loss: Loss,
) -> Result<Vec<Winner>, Rejection> {
    let underlying = market.derivative().ok_or(Rejection::NoLeverage { market: market.id })?.underlying;
    let mut winners = Vec::new();
    for account in state.position_holders(market.id).filter(|account| *account != bankrupt) {
        let stake = Stake::of(state, account, market)?;
        if stake.position.reducible(side.opposite(), Size::MAX).is_zero() {
            continue;
        }
        let unit = MarginUnit {
            account,
            universe: market.universe,
            market: state.standing(account, market.id).is_isolated().then_some(market.id),
        };
        let now = standing(state, unit)?;
        let takeable = if market.option().is_some() || is_portfolio(state, &unit) {
            takeable_together(state, &unit, market, &stake, loss)?
        } else {
            takeable(&stake, &now, loss)?
        };
        if takeable == 0 {
            continue;
        }
        let hedged = hedged_lots(state, account, market, underlying, &stake).min(takeable);
        let weight = weight_of(&stake, &now)?;
        let free = takeable.saturating_sub(hedged);
        winners.push(Winner { account, free, hedged, weight, taken: 0 });
    }
    Ok(winners)
}

/// How many lots can be taken from a holder without leaving it below its maintenance requirement: losing `l` per lot and
/// freeing `m` per lot, `q ≤ health / (l − m)`.
fn takeable(stake: &Stake, now: &Standing, loss: Loss) -> Result<u64, Rejection> {
    let held = stake.position.position.size().get();
    let health = now.equity_usd.checked_sub(now.maintenance_usd).ok_or(Rejection::Overflow)?;
    if health < Usd::ZERO {
        return Ok(0);
    }
    let lost = loss.of(held).ok_or(Rejection::Overflow)?;
    let freed = stake.maintenance_usd.get();
    // Two units for the rounding of value and requirement.
    let net = lost.checked_sub(freed).and_then(|net| net.checked_add(2)).ok_or(Rejection::Overflow)?;
    if net <= health.get() {
        return Ok(held);
    }
    let lots = multiply_divide_floor(i128::from(held), health.get(), net.max(1)).ok_or(Rejection::Overflow)?;
    Ok(u64::try_from(lots).unwrap_or(held).min(held))
}

/// The same where the position may hedge others of its account: the most lots, by halves, that can be taken at that loss and leave
/// the unit at or above its maintenance requirement.
fn takeable_together(
    state: &State,
    unit: &MarginUnit,
    market: &MarketSpec,
    stake: &Stake,
    loss: Loss,
) -> Result<u64, Rejection> {
    let held = stake.position.position.get();
    let leaves_it_healthy = |lots: u64| -> Result<bool, Rejection> {
        let signed = i64::try_from(lots).map_err(|_| Rejection::Overflow)?;
        let after = if held > 0 { held.checked_sub(signed) } else { held.checked_add(signed) };
        let value = value_floor_usd(stake.mark, i128::from(signed), market.size_decimals)?.get();
        let paid = if held > 0 {
            value
        } else {
            value.checked_add(1).and_then(i128::checked_neg).ok_or(Rejection::Overflow)?
        };
        // What lots owe in funding is paid when they are closed.
        let closed = if held > 0 { i128::from(signed) } else { i128::from(signed).saturating_neg() };
        let funding =
            closed.checked_mul(i128::from(state.funding_index(market.id).get())).ok_or(Rejection::Overflow)?;
        let lost = loss.of(lots).and_then(|lost| lost.checked_add(funding)).ok_or(Rejection::Overflow)?;
        let cash = paid.checked_sub(lost).ok_or(Rejection::Overflow)?;
        let changed = standing_with_lots(state, *unit, market.id, after.ok_or(Rejection::Overflow)?, Usd::new(cash))?;
        Ok(changed.equity_usd >= changed.maintenance_usd)
    };
    let (mut taken, mut left) = (0u64, held.unsigned_abs());
    while left > 0 {
        let more = taken.saturating_add(left);
        if leaves_it_healthy(more)? {
            taken = more;
        }
        left >>= 1;
        if taken == held.unsigned_abs() {
            break;
        }
    }
    Ok(taken)
}

/// A position in lots, counted upwards: what gains when the underlying rises is positive.
fn upwards(market: &MarketSpec, lots: i64) -> i128 {
    let is_put = market.option().is_some_and(|contract| contract.right == OptionKind::Put);
    let lots = i128::from(lots);
    if is_put { lots.saturating_neg() } else { lots }
}

/// Lots that offset other positions of the account on the same underlying.
fn hedged_lots(state: &State, account: AccountId, market: &MarketSpec, underlying: AssetId, stake: &Stake) -> u64 {
    let scale = |decimals: u8| palisade_types::decimal::power_of_ten(decimals).unwrap_or(1);
    let own_scale = scale(market.size_decimals);
    let mut offset: i128 = 0;
    for (other, record) in state.positions_of(account).filter(|(other, _)| *other != market.id) {
        let Some(spec) = state.market(other) else { continue };
        if spec.universe == market.universe && spec.derivative().is_some_and(|terms| terms.underlying == underlying) {
            let lots = upwards(spec, record.position.get());
            offset =
                offset.saturating_add(multiply_divide_floor(lots, own_scale, scale(spec.size_decimals)).unwrap_or(0));
        }
    }
    let held = upwards(market, stake.position.position.get());
    let opposite = if held > 0 { offset.min(0).unsigned_abs() } else { offset.max(0).unsigned_abs() };
    u64::try_from(opposite).unwrap_or(u64::MAX).min(stake.position.position.size().get())
}

/// Profit × leverage, in whole USD times parts per million; zero without profit.
fn weight_of(stake: &Stake, now: &Standing) -> Result<i128, Rejection> {
    let profit = stake.unrealised_usd;
    if profit <= Usd::ZERO {
        return Ok(0);
    }
    let leverage =
        multiply_divide_floor(stake.notional_usd.get(), 1_000, now.equity_usd.get().max(1)).unwrap_or(i128::MAX);
    let whole = profit.get().checked_div(1_000_000).unwrap_or(0).max(1);
    Ok(whole.saturating_mul(leverage.clamp(1, 1_000_000)))
}

/// Shares `wanted` lots out; returns how many found a taker. Unhedged winners first, then hedged ones, then the rest by size.
fn share_out(winners: &mut [Winner], wanted: Size) -> Size {
    let mut left = wanted.get();
    for pass in [Pass::FreeWinners, Pass::HedgedWinners, Pass::FreeOthers, Pass::HedgedOthers] {
        for _ in 0..ROUNDS_MAX {
            if left == 0 {
                break;
            }
            let before = left;
            left = share_once(winners, left, pass);
            if left == before {
                break;
            }
        }
    }
    Size::new(wanted.get().saturating_sub(left))
}

/// Who gives in a pass, and by what weight.
#[derive(Clone, Copy)]
enum Pass {
    FreeWinners,
    HedgedWinners,
    FreeOthers,
    HedgedOthers,
}

impl Pass {
    fn room(self, winner: &Winner) -> u64 {
        match self {
            Self::FreeWinners if winner.weight > 0 => winner.free,
            Self::HedgedWinners if winner.weight > 0 => winner.hedged,
            Self::FreeOthers if winner.weight == 0 => winner.free,
            Self::HedgedOthers if winner.weight == 0 => winner.hedged,
            _ => 0,
        }
    }

    fn weight(self, winner: &Winner) -> i128 {
        match self {
            Self::FreeWinners | Self::HedgedWinners => winner.weight,
            Self::FreeOthers | Self::HedgedOthers => i128::from(self.room(winner)),
        }
    }

    fn take(self, winner: &mut Winner, lots: u64) {
        winner.taken = winner.taken.saturating_add(lots);
        match self {
            Self::FreeWinners | Self::FreeOthers => winner.free = winner.free.saturating_sub(lots),
            Self::HedgedWinners | Self::HedgedOthers => winner.hedged = winner.hedged.saturating_sub(lots),
        }
    }
}

/// One round: pro rata among those with room, whole lots rounded down; what rounding leaves goes out one by one, by weight.
fn share_once(winners: &mut [Winner], left: u64, pass: Pass) -> u64 {
    let total: i128 = winners
        .iter()
        .filter(|winner| pass.room(winner) > 0)
        .fold(0, |sum, winner| sum.saturating_add(pass.weight(winner)));
    if total == 0 {
        return left;
    }
    let wanted = left;
    let mut left = left;
    for winner in winners.iter_mut().filter(|winner| pass.room(winner) > 0) {
        let share = multiply_divide_floor(i128::from(wanted), pass.weight(winner), total).unwrap_or(0);
        let lots = u64::try_from(share).unwrap_or(u64::MAX).min(pass.room(winner)).min(left);
        pass.take(winner, lots);
        left = left.saturating_sub(lots);
    }
    if left == wanted || left < u64::try_from(winners.len()).unwrap_or(u64::MAX) {
        let mut order: Vec<(i128, AccountId, usize)> =
            winners.iter().enumerate().map(|(place, one)| (pass.weight(one), one.account, place)).collect();
        order.sort_unstable_by(|one, other| other.cmp(one));
        for (_, _, place) in order {
            if left == 0 {
                break;
            }
            if let Some(winner) = winners.get_mut(place).filter(|one| pass.room(one) > 0) {
                pass.take(winner, 1);
                left = left.saturating_sub(1);
            }
        }
    }
    left
}

/// What all lots are closed for.
#[derive(Clone, Copy, Debug)]
struct Terms {
    side: Side,
    /// What they are worth at the mark.
    value: Usd,
    quote: Usd,
    all: Size,
    deficit: Usd,
}

/// What winners gave so far.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    lots: u64,
    quote: i128,
    /// What they were told that it cost them.
    haircut: i128,
}

impl Terms {
    /// The part of a whole that so many of all lots are, rounded down.
    fn part(&self, whole: Usd, lots: u64) -> Result<i128, Rejection> {
        multiply_divide_floor(whole.get(), i128::from(lots), i128::from(self.all.get().max(1)))
            .ok_or(Rejection::Overflow)
    }

    /// I8: what winners gave against the mark, and what they were told, is the deficit's part that their lots are, to one unit.
    fn check(&self, given: &Given) -> Result<(), Rejection> {
        let worth = self.part(self.value, given.lots)?;
        let lost = match self.side {
            Side::Sell => given.quote.checked_sub(worth),
            Side::Buy => worth.checked_sub(given.quote),
        };
        let (lost, due) = (lost.ok_or(Rejection::Overflow)?, self.part(self.deficit, given.lots)?);
        if given.lots > self.all.get() || lost.abs_diff(due) > 1 || given.haircut.abs_diff(due) > 1 {
            let (lots, told, all) = (given.lots, given.haircut, self.all);
            return Err(Rejection::InvariantViolated {
                invariant: format!("I8: winners of {lots} of {all} lots lost {lost}, were told {told}, due are {due}"),
            });
        }
        Ok(())
    }
}

fn settle(
    work: &mut Work<'_>,
    unit: MarginUnit,
    market: &MarketSpec,
    winners: &[Winner],
    terms: Terms,
) -> Result<(), Rejection> {
    let mut given = Given::default();
    for winner in winners.iter().filter(|winner| winner.taken > 0) {
        let after = given.lots.saturating_add(winner.taken);
        let quote = terms.part(terms.quote, after)?.saturating_sub(terms.part(terms.quote, given.lots)?);
        let haircut = terms.part(terms.deficit, after)?.saturating_sub(terms.part(terms.deficit, given.lots)?);
        let lots = Size::new(winner.taken);
        let mark = work.state.mark(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?.price;
        let quote_usd =
            Usd::new(if is_planted(Mutant::DeleverageTwice) { quote.saturating_add(haircut) } else { quote });
        let done = trade(work, market, (unit.account, winner.account), terms.side, lots, quote_usd)?;
        given = Given {
            lots: after,
            quote: given.quote.saturating_add(quote_usd.get()),
            haircut: given.haircut.saturating_add(haircut),
        };
        work.emit(Event::Deleveraged {
            market: market.id,
            account: winner.account,
            side: terms.side.opposite(),
            size: lots,
            quote_usd,
            closed_pnl_usd: done.taker_pnl_usd,
            haircut_usd: Usd::new(haircut),
            bankrupt: unit.account,
        });
        work.emit(Event::Liquidated(Liquidation {
            account: unit.account,
            universe: unit.universe,
            market: market.id,
            is_isolated: unit.market.is_some(),
            method: LiquidationMethod::Deleverage,
            side: terms.side,
            size: lots,
            quote_usd,
            fee_usd: Usd::ZERO,
            closed_pnl_usd: done.giver_pnl_usd,
            mark,
            start_position: done.start_position,
        }));
    }
    terms.check(&given)
}

#[cfg(test)]
#[path = "deleverage_tests.rs"]
mod tests;
