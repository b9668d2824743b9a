//! The backstop vault: takes over positions that the book could not close, within capital that is fenced off per market,
//! and works them off into the book.
//!
//! The vault holds each market's positions isolated ([`crate::isolated`]), at [`BACKSTOP_LEVERAGE`]: a market can cost it
//! the purse of that market and no more, and a takeover puts no more into a purse than the market's share of the vault. What
//! the vault gains by closing a part stays there with the rest. What a purse cannot cover is a deficit like anyone's.

use super::{
    BACKSTOP_DISCOUNT, BACKSTOP_LEVERAGE, BOOK_STEPS_MAX, DEPTH_SHARE_MAX, first_market,
    slice::{forced_order, limit_price},
    stake::Stake,
    transfer::trade,
    watch::{is_priced, standing},
};
use crate::{
    accounts::{exposure, position},
    future::is_over,
    margin::{AccountMargin, Exposure},
    market_math::{RATE_ONE, fee_usd, value_ceil_usd, value_floor_usd},
    matching,
    mutant::{Mutant, is_planted},
    options::margin::isolated_requirement,
    risk::depth_of_side,
    state::{MarginSetting, MarginSettingId, MarginUnit, Record, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    action::MarginMode,
    address::AccountId,
    decimal::power_of_ten,
    event::{Event, Liquidation, LiquidationMethod},
    ids::{AssetId, MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Price, Rate, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// How far from the mark the vault sells what it took over.
const UNWIND_BAND: Rate = Rate::new(5_000);
/// The same for options, whose books are wider.
const OPTION_UNWIND_BAND: Rate = Rate::new(100_000);

/// Markets in which the vault sells in one block.
const UNWINDS_PER_BLOCK_MAX: usize = 8;
/// Markets in which it tries to.
const UNWIND_LOOKS_PER_BLOCK_MAX: usize = 64;

/// Hands as much of the unit's riskiest position to the vault as its capital allows.
pub(super) fn take_over(work: &mut Work<'_>, unit: MarginUnit) -> Result<(), Rejection> {
    match first_market(work, unit)? {
        Some(market) => take_over_in(work, unit, market),
        None => Ok(()),
    }
}

/// Hands as much of the unit's position in a market to the vault as its capital allows, unless the unit owes.
pub(super) fn take_over_in(work: &mut Work<'_>, unit: MarginUnit, market: MarketId) -> Result<(), Rejection> {
    let vault = AccountId::backstop(unit.universe);
    if unit.account == vault {
        return Ok(());
    }
    let spec = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let stake = Stake::of(work.state, unit.account, &spec)?;
    let side = stake.closing_side();
    let now = standing(work.state, unit)?;
    if now.equity_usd < Usd::ZERO {
        return Ok(());
    }
    let lots = capacity(work.state, &spec, &stake, side)?;
    if lots.is_zero() {
        return Ok(());
    }
    let quote = price_of(&stake, lots, side, now.equity_usd)?;
    let id = MarginSettingId { account: vault, market };
    let record = MarginSetting { leverage: BACKSTOP_LEVERAGE, mode: MarginMode::Isolated };
    if work.state.margin_setting(vault, market) != Some(record) {
        work.state.put(Record::MarginSetting { id, record });
    }
    let done = trade(work, &spec, (unit.account, vault), side, lots, quote)?;
    work.emit(Event::Liquidated(Liquidation {
        account: unit.account,
        universe: unit.universe,
        market,
        is_isolated: unit.market.is_some(),
        method: LiquidationMethod::Backstop,
        side,
        size: lots,
        quote_usd: quote,
        fee_usd: Usd::ZERO,
        closed_pnl_usd: done.giver_pnl_usd,
        mark: stake.mark,
        start_position: done.start_position,
    }));
    Ok(())
}

/// What `lots` are handed over for: the mark less the discount, but no worse for the unit than what leaves it with nothing.
fn price_of(stake: &Stake, lots: Size, side: Side, equity: Usd) -> Result<Usd, Rejection> {
    let signed = i128::from(lots.get());
    let overflow = || Rejection::Overflow;
    let all = i128::from(stake.position.position.size().get().max(1));
    let own = multiply_divide_floor(equity.get(), signed, all).map(Usd::new).ok_or_else(overflow)?;
    match side {
        Side::Sell => {
            let value = value_floor_usd(stake.mark, signed, stake.size_decimals)?;
            let discount = fee_usd(value, BACKSTOP_DISCOUNT)?.min(own).max(Usd::ZERO);
            value.checked_sub(discount).ok_or_else(overflow)
        }
        Side::Buy => {
            let value = value_ceil_usd(stake.mark, signed, stake.size_decimals)?;
            let discount = fee_usd(value, BACKSTOP_DISCOUNT)?.min(own).max(Usd::ZERO);
            value.checked_add(discount).ok_or_else(overflow)
        }
    }
}

/// The vault's capital: its cash and all its purses.
pub(crate) fn capital(state: &State, universe: UniverseId, collateral: AssetId) -> Result<Usd, Rejection> {
    let vault = AccountId::backstop(universe);
    let mut sum = cash(state, universe, collateral, vault);
    for standing in state.standings_of(vault) {
        let purse = cash(state, universe, collateral, AccountId::isolated(vault, standing.market));
        sum = sum.checked_add(purse).ok_or(Rejection::Overflow)?;
    }
    Ok(sum)
}

fn cash(state: &State, universe: UniverseId, collateral: AssetId, account: AccountId) -> Usd {
    crate::market_math::quote_value_usd(state.balance(account, universe, collateral))
}

/// How many lots of a position, which is closed by trading on `side`, the vault can take: what it holds the other way
/// round, and beyond that as many as keep the market's purse within the market's share and the cash that there is.
fn capacity(state: &State, market: &MarketSpec, stake: &Stake, side: Side) -> Result<Size, Rejection> {
    let vault = AccountId::backstop(market.universe);
    // Closing what owes more than its purse would take the rest out of the vault's cash.
    if standing(state, purse_unit(market))?.equity_usd < Usd::ZERO {
        return Ok(Size::ZERO);
    }
    let wanted = stake.position.position.size();
    let mut fitting = position(state, vault, market.id).reducible(side.opposite(), wanted);
    let fence = Fence::of(state, market)?;
    let (mut low, mut high) = (fitting.get(), wanted.get());
    // Half of what is left is settled in each step: as many steps as a size has bits.
    for _ in 0..u64::BITS {
        if low >= high {
            break;
        }
        let middle = high.saturating_sub(high.saturating_sub(low) >> 1);
        if fence.holds(side.opposite(), Size::new(middle))? {
            (low, fitting) = (middle, Size::new(middle));
        } else {
            high = middle.saturating_sub(1);
        }
    }
    Ok(fitting)
}

/// What bounds the vault's position in a market.
struct Fence<'a> {
    state: &'a State,
    market: &'a MarketSpec,
    /// What the vault holds there; a linear position, margined as it margins.
    own: Own,
    /// The most that may lie in the market's purse.
    share: Usd,
    /// What lies there.
    purse: Usd,
    /// What there is to fill it: the purse and the vault's cash.
    funds: Usd,
}

/// A position of the vault.
enum Own {
    Linear(Box<Exposure>),
    Option(Box<Stake>),
}

impl<'a> Fence<'a> {
    fn of(state: &'a State, market: &'a MarketSpec) -> Result<Self, Rejection> {
        let universe = market.universe;
        let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
        let terms = market.derivative().ok_or(Rejection::NoLeverage { market: market.id })?;
        let vault = AccountId::backstop(universe);
        let part = i128::from(terms.risk.backstop_share.get());
        let share = multiply_divide_floor(capital(state, universe, collateral)?.get(), part, RATE_ONE);
        let share = share.map(Usd::new).ok_or(Rejection::Overflow)?;
        let purse = cash(state, universe, collateral, AccountId::isolated(vault, market.id));
        let funds = cash(state, universe, collateral, vault).max(Usd::ZERO).checked_add(purse);
        let own = match market.maximum_leverage() {
            Some(maximum) => {
                let leverage = BACKSTOP_LEVERAGE.min(maximum);
                let own = exposure(state, vault, market)?.without_orders();
                Own::Linear(Box::new(Exposure { leverage, is_isolated: false, ..own }))
            }
            None => Own::Option(Box::new(Stake::of(state, vault, market)?)),
        };
        let share = if is_planted(Mutant::BackstopUnfenced) { Usd::MAX } else { share };
        Ok(Self { state, market, own, share, purse, funds: funds.ok_or(Rejection::Overflow)? })
    }

    /// Whether the purse stays within its bounds when the vault has traded `lots` at the mark: then it holds what the
    /// position needs, its loss included.
    fn holds(&self, side: Side, lots: Size) -> Result<bool, Rejection> {
        let (needed, realised) = match &self.own {
            Own::Linear(own) => {
                let quote = value_ceil_usd(own.mark, i128::from(lots.get()), own.size_decimals)?;
                let effect = own.position.after_quote(side, lots, quote)?;
                let after = Exposure { position: effect.after, ..**own };
                let margin = AccountMargin::of(Amount::ZERO, Amount::ZERO, std::iter::once(Ok(after)))?;
                (margin.position_initial_usd.checked_sub(margin.initial_equity_usd()?), effect.realised_usd)
            }
            Own::Option(own) => {
                let quote = value_ceil_usd(own.mark, i128::from(lots.get()), own.size_decimals)?;
                let effect = own.position.after_premium(side, lots, quote)?;
                // Premiums stay in the purse, also when the position needs less of them since.
                let premium = effect.realised_usd;
                let kept = self.purse.checked_add(premium).ok_or(Rejection::Overflow)?;
                if premium > Usd::ZERO && kept > self.share {
                    return Ok(false);
                }
                (Some(self.option_needs(own.mark, effect.after.position.get())?), effect.realised_usd)
            }
        };
        let funds = self.funds.checked_add(realised.min(Usd::ZERO));
        Ok(needed.ok_or(Rejection::Overflow)? <= self.share.min(funds.ok_or(Rejection::Overflow)?))
    }

    /// What a position in the option ties up: of a short its worth and its requirement, of a long what it is worth and could lose.
    fn option_needs(&self, mark: Price, lots: i64) -> Result<Usd, Rejection> {
        let worth = value_ceil_usd(mark, i128::from(lots).abs(), self.market.size_decimals)?;
        if lots >= 0 {
            return Ok(worth);
        }
        let requirement = isolated_requirement(self.state, self.market, lots)?;
        worth.checked_add(requirement.initial_usd).ok_or(Rejection::Overflow)
    }
}

/// Works the vaults' positions off into the books, a share of depth per block, close to the mark. What finds no buyer costs a look and no sale.
pub(super) fn unwind(work: &mut Work<'_>) {
    let universes = work.state.universes().map(|record| record.spec.id);
    let held = universes.flat_map(|universe| {
        let vault = AccountId::backstop(universe);
        work.state.positions_of(vault).map(move |(market, _)| MarginUnit {
            account: vault,
            universe,
            market: Some(market),
        })
    });
    let mut held: Vec<MarginUnit> = held.collect();
    // Nobody is first in every block.
    let height = usize::try_from(work.state.height().get()).unwrap_or(0);
    let first = height.checked_rem(held.len()).unwrap_or(0);
    held.rotate_left(first);
    let (mut sales, mut looks) = (UNWINDS_PER_BLOCK_MAX, UNWIND_LOOKS_PER_BLOCK_MAX);
    for unit in held {
        let Some(market) = unit.market else { continue };
        if sales == 0 || looks == 0 {
            break;
        }
        // One that is over has no book, and waits for its payoff.
        let has_book = work.state.market(market).is_some_and(|spec| !is_over(spec, work.time_ms));
        if !has_book || !is_priced(work, &unit) {
            continue;
        }
        looks = looks.saturating_sub(1);
        let seen = work.events.len();
        // What cannot be sold now is offered again in a later block.
        let _ = work.attempt(|work| unwind_one(work, unit.account, market));
        let sold = work.events.iter().skip(seen).any(|event| matches!(event, Event::Traded(_)));
        sales = sales.saturating_sub(usize::from(sold));
    }
}

/// The unit of what the vault holds in a market.
fn purse_unit(market: &MarketSpec) -> MarginUnit {
    MarginUnit { account: AccountId::backstop(market.universe), universe: market.universe, market: Some(market.id) }
}

/// Sells a part of what the vault holds in a market: close to the mark, and at no worse a price than what leaves the purse with
/// nothing, or the rest would be taken out of the vault's cash.
fn unwind_one(work: &mut Work<'_>, vault: AccountId, market: MarketId) -> Result<(), Rejection> {
    let spec = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let stake = Stake::of(work.state, vault, &spec)?;
    let now = standing(work.state, purse_unit(&spec))?;
    let Some(limit) = limit_price(work.state, &spec, &stake, &now)? else { return Ok(()) };
    let side = stake.closing_side();
    let mark = i128::from(stake.mark.get());
    let share = if spec.option().is_some() { OPTION_UNWIND_BAND } else { UNWIND_BAND };
    let band = multiply_divide_floor(mark, i128::from(share.get()), RATE_ONE).ok_or(Rejection::Overflow)?;
    let tick = i128::from(spec.tick.get());
    let price = match side {
        Side::Sell => multiply_divide_ceil(mark.saturating_sub(band).max(1), 1, tick),
        Side::Buy => multiply_divide_floor(mark.saturating_add(band), 1, tick),
    };
    let price = price.and_then(|ticks| ticks.checked_mul(tick)).and_then(|price| i64::try_from(price).ok());
    let price = Price::new(price.filter(|price| *price > 0).ok_or(Rejection::Overflow)?);
    let price = match side {
        Side::Sell => price.max(limit),
        Side::Buy => price.min(limit),
    };
    let depth = depth_of_side(work.state, &spec, side.opposite(), stake.mark)?;
    let share = multiply_divide_floor(depth.get(), i128::from(DEPTH_SHARE_MAX.get()), RATE_ONE);
    let scale = power_of_ten(spec.size_decimals).ok_or(Rejection::Overflow)?;
    let lots =
        multiply_divide_floor(share.ok_or(Rejection::Overflow)?, scale, mark.max(1)).ok_or(Rejection::Overflow)?;
    let lots = Size::new(u64::try_from(lots).unwrap_or(u64::MAX)).min(stake.position.position.size());
    if lots.is_zero() {
        return Ok(());
    }
    let mut order = forced_order(work, vault, &spec, side, price, lots)?;
    matching::run_forced(work, &spec, &mut order, BOOK_STEPS_MAX)?;
    Ok(())
}

#[cfg(test)]
#[path = "backstop_tests.rs"]
mod tests;
