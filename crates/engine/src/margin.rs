//! Cross margin: what an account is worth in a universe, what its risk requires, and what it may still do.
//!
//! All collateral of an account in a universe backs all its positions there.
//!
//! - **Equity** = collateral balance − collateral held for spot orders + Σ unrealised profit at the mark + what options are worth.
//! - **Initial requirement** of a market = the worse of two futures, all its buys filled or all its sells filled at
//!   their limits: `notional / leverage` of the position then, plus what the fills would lose against the mark, plus
//!   their fees. Reduce-only orders can add no risk and reserve nothing.
//! - **Maintenance requirement** of a market = `notional at the mark / (2 × maximum leverage)`: half of the
//!   initial fraction at the market's maximum, whatever leverage the account chose.
//! - **Withdrawable** = balance − held + min(0, confirmed profit and loss) + what options are worth − initial requirement − what is needed
//!   more at slow prices, never below zero: profit that nobody has paid in yet can back positions but cannot leave, and a loss is over only
//!   once slow prices say so.
//!
//! Rounding: values that an account owns are rounded down, requirements up.
//!
//! Orders are admitted if the initial requirement is met with the order included, or if the order adds nothing to the
//! requirement. At a match the mark has the last word (I5): both accounts must meet the initial requirement of their
//! positions after the fill, or the fill must reduce the position without lowering health, which is equity −
//! maintenance requirement, and without taking equity below zero, or further below. The reservation formula guarantees
//! that an order which was affordable when it was placed stays so at an unchanged mark.

use crate::{
    market_math::{fee_usd, value_bounds_usd, value_ceil_usd, value_floor_usd},
    mutant::{Mutant, is_planted},
    options::{margin::OptionsMargin, portfolio::PortfolioNeed},
    risk::{concentration_usd, counted_profit_usd},
    state::PositionRecord,
    wide::multiply_divide_ceil,
};
use palisade_types::{
    decimal::power_of_ten,
    numbers::{Amount, Price, Rate, Size, Usd},
    rejection::Rejection,
};

/// Leverage of an account that never chose one, unless the market allows only less.
pub const DEFAULT_LEVERAGE: u32 = 20;

/// Maintenance fraction = initial fraction at maximum leverage / this.
pub const MAINTENANCE_DIVISOR: i128 = 2;

/// An account's open orders on one side of a market, reduce-only orders left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOrders {
    /// Lots still to fill.
    pub lots: Size,
    /// Σ limit price × lots still to fill.
    pub notional_usd: Usd,
}

impl OpenOrders {
    /// With one more order, or one more part of an order.
    pub fn with(self, lots: Size, notional_usd: Usd) -> Result<Self, Rejection> {
        Ok(Self {
            lots: self.lots.checked_add(lots).ok_or(Rejection::Overflow)?,
            notional_usd: self.notional_usd.checked_add(notional_usd).ok_or(Rejection::Overflow)?,
        })
    }
}

/// One market of an account, as margin sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// What is held.
    pub position: PositionRecord,
    /// Open buys.
    pub buys: OpenOrders,
    /// Open sells.
    pub sells: OpenOrders,
    /// The account's leverage here.
    pub leverage: u32,
    /// The market's maximum leverage.
    pub maximum_leverage: u32,
    /// Decimals of the market's lots.
    pub size_decimals: u8,
    /// The larger of the market's fees.
    pub fee: Rate,
    /// The market's mark.
    pub mark: Price,
    /// The mark's slow price: profit beyond it does not count for initial margin.
    pub slow_mark: Price,
    /// The least initial fraction of the market, for its crowd and its volatility.
    pub market_fraction: Rate,
    /// What requirements rise by while the quote asset is below its peg.
    pub depeg_addition: Rate,
    /// The depth of the market's book: larger positions need more, and less of their profit counts.
    pub depth_usd: Usd,
    /// Whether the position has its own collateral.
    pub is_isolated: bool,
}

/// An account's standing in a universe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountMargin {
    /// Collateral, held parts included; negative after losses beyond it.
    pub balance_usd: Usd,
    /// Collateral held for spot orders.
    pub held_usd: Usd,
    /// What other assets count for initial margin: at the lower of index and slow price, by their initial weights.
    pub collateral_initial_usd: Usd,
    /// What other assets count for maintenance: at the index, by their maintenance weights.
    pub collateral_maintenance_usd: Usd,
    /// Σ unrealised profit at the mark.
    pub unrealised_usd: Usd,
    /// The part of it that does not count for initial margin.
    pub uncounted_profit_usd: Usd,
    /// The part of it that does not count where something leaves.
    pub unconfirmed_usd: Usd,
    /// What options are worth at the marks; negative if shorts outweigh longs.
    pub options_value_usd: Usd,
    /// What options, and portfolios, need more at slow prices beyond what options are worth there. It counts where something leaves, and
    /// is worked out there alone: see [`crate::accounts::margin_to_leave`].
    pub unconfirmed_need_usd: Usd,
    /// Σ initial requirements, open orders included.
    pub initial_usd: Usd,
    /// Σ initial requirements of the positions alone.
    pub position_initial_usd: Usd,
    /// Σ maintenance requirements.
    pub maintenance_usd: Usd,
    /// The part of equity and maintenance that options meet by what they are worth, left out where levels are judged.
    pub netted_usd: Usd,
}

/// What an account's assets other than the quote count for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollateralValue {
    /// For initial margin.
    pub initial_usd: Usd,
    /// For maintenance.
    pub maintenance_usd: Usd,
}

impl CollateralValue {
    /// With what something else counts for.
    pub(crate) fn with(self, other: Self) -> Result<Self, Rejection> {
        Ok(Self {
            initial_usd: sum(self.initial_usd, other.initial_usd)?,
            maintenance_usd: sum(self.maintenance_usd, other.maintenance_usd)?,
        })
    }
}

/// What of an unrealised result does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uncounted {
    /// For initial margin.
    profit_usd: Usd,
    /// Where something leaves; never less.
    unconfirmed_usd: Usd,
}

/// What one market contributes to an account's margin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MarketMargin {
    /// Unrealised profit at the mark.
    unrealised_usd: Usd,
    /// The part of it that does not count for initial margin.
    uncounted_profit_usd: Usd,
    /// The part of it that does not count where something leaves.
    unconfirmed_usd: Usd,
    /// Initial requirement, open orders included.
    initial_usd: Usd,
    /// Initial requirement of the position alone.
    position_initial_usd: Usd,
    /// Maintenance requirement.
    maintenance_usd: Usd,
}

/// The leverage of an account that never chose one.
pub const fn default_leverage(maximum_leverage: u32) -> u32 {
    if maximum_leverage < DEFAULT_LEVERAGE { maximum_leverage } else { DEFAULT_LEVERAGE }
}

fn sum(left: Usd, right: Usd) -> Result<Usd, Rejection> {
    left.checked_add(right).ok_or(Rejection::Overflow)
}

fn difference(left: Usd, right: Usd) -> Result<Usd, Rejection> {
    left.checked_sub(right).ok_or(Rejection::Overflow)
}

/// What maintenance looks at of a position; one division for its value and one for the requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtRest {
    /// Absolute value at the mark, rounded up.
    pub notional_usd: Usd,
    /// Profit at the mark, rounded down.
    pub unrealised_usd: Usd,
    /// The maintenance requirement, rounded up.
    pub maintenance_usd: Usd,
}

/// A position that owes nothing any more (its funding is part of its cost) at a mark.
pub(crate) fn at_rest(
    position: &PositionRecord,
    mark: Price,
    size_decimals: u8,
    maximum_leverage: u32,
) -> Result<AtRest, Rejection> {
    let size = i128::from(position.position.size().get());
    let (floor_usd, notional_usd) = value_bounds_usd(mark, size, size_decimals)?;
    // Down for what is owned, up for what is owed: the notional is the value of a short as it is.
    let value =
        if position.position.get() < 0 { notional_usd.checked_neg().ok_or(Rejection::Overflow)? } else { floor_usd };
    let divisor = i128::from(maximum_leverage).checked_mul(MAINTENANCE_DIVISOR).ok_or(Rejection::Overflow)?;
    Ok(AtRest {
        notional_usd,
        unrealised_usd: difference(value, position.entry_cost_usd)?,
        maintenance_usd: fraction_ceil(notional_usd, divisor)?,
    })
}

fn fraction_ceil(notional: Usd, divisor: i128) -> Result<Usd, Rejection> {
    multiply_divide_ceil(notional.get(), 1, divisor).map(Usd::new).ok_or(Rejection::Overflow)
}

impl Exposure {
    /// Profit (negative: loss) if the position were closed at the mark.
    pub fn unrealised_usd(&self) -> Result<Usd, Rejection> {
        let value = value_floor_usd(self.mark, i128::from(self.position.position.get()), self.size_decimals)?;
        difference(value, self.position.entry_cost_usd)
    }

    /// The position without the account's open orders.
    #[must_use]
    pub fn without_orders(&self) -> Self {
        Self { buys: OpenOrders::default(), sells: OpenOrders::default(), ..*self }
    }

    /// The position's absolute value at the mark.
    pub fn notional_usd(&self) -> Result<Usd, Rejection> {
        self.notional_of(i128::from(self.position.position.size().get()))
    }

    fn notional_of(&self, lots: i128) -> Result<Usd, Rejection> {
        value_ceil_usd(self.mark, lots, self.size_decimals)
    }

    /// The initial requirement of the position alone.
    pub fn position_initial_usd(&self) -> Result<Usd, Rejection> {
        self.margin().map(|margin| margin.position_initial_usd)
    }

    /// The maintenance requirement of the position.
    pub fn maintenance_usd(&self) -> Result<Usd, Rejection> {
        self.margin().map(|margin| margin.maintenance_usd)
    }

    /// The initial requirement with open orders: the worse side.
    pub fn initial_usd(&self) -> Result<Usd, Rejection> {
        self.margin().map(|margin| margin.initial_usd)
    }

    /// What the market contributes to the account's margin; each value is computed once, and nothing is divided where
    /// there is nothing to divide: most accounts hold a position or offer orders in a market, not both.
    pub(crate) fn margin(&self) -> Result<MarketMargin, Rejection> {
        let without_orders = self.buys == OpenOrders::default() && self.sells == OpenOrders::default();
        if self.position.is_empty() {
            // A cost without lots would be a loss: it counts like one.
            let unrealised_usd = difference(Usd::ZERO, self.position.entry_cost_usd)?;
            let initial_usd = if without_orders { Usd::ZERO } else { self.orders_initial_usd(Usd::ZERO)? };
            return Ok(MarketMargin { unrealised_usd, initial_usd, ..MarketMargin::default() });
        }
        let AtRest { notional_usd: notional, unrealised_usd, maintenance_usd } =
            at_rest(&self.position, self.mark, self.size_decimals, self.maximum_leverage)?;
        let position_initial_usd = self.requirement_usd(notional)?;
        let Uncounted { profit_usd: uncounted_profit_usd, unconfirmed_usd } =
            self.uncounted(unrealised_usd, notional)?;
        Ok(MarketMargin {
            unrealised_usd,
            uncounted_profit_usd,
            unconfirmed_usd,
            initial_usd: if without_orders { position_initial_usd } else { self.orders_initial_usd(notional)? },
            position_initial_usd,
            maintenance_usd,
        })
    }

    /// The initial requirement of lots worth `notional`: the larger of what leverage, crowd and volatility ask, and
    /// what size adds.
    fn requirement_usd(&self, notional: Usd) -> Result<Usd, Rejection> {
        let by_leverage = fraction_ceil(notional, i128::from(self.leverage))?;
        let by_market =
            if self.market_fraction.is_zero() { Usd::ZERO } else { fee_usd(notional, self.market_fraction)? };
        let requirement = sum(by_leverage.max(by_market), concentration_usd(notional, self.depth_usd)?)?;
        if self.depeg_addition.is_zero() {
            return Ok(requirement);
        }
        sum(requirement, fee_usd(requirement, self.depeg_addition)?)
    }

    /// What the market contributes to the account's cross margin: all of it, or, if the position has its own collateral,
    /// what open orders may ask for beyond it.
    pub(crate) fn cross_margin(&self) -> Result<MarketMargin, Rejection> {
        let margin = self.margin()?;
        if !self.is_isolated {
            return Ok(margin);
        }
        let initial_usd = difference(margin.initial_usd, margin.position_initial_usd)?;
        Ok(MarketMargin { initial_usd, ..MarketMargin::default() })
    }

    /// What of an unrealised result does not count. Nothing is divided where the slow mark confirms it: it mostly does.
    fn uncounted(&self, unrealised: Usd, notional: Usd) -> Result<Uncounted, Rejection> {
        let is_long = self.position.position.get() > 0;
        let slow_confirms = if is_long { self.slow_mark >= self.mark } else { self.slow_mark <= self.mark };
        if slow_confirms && (unrealised <= Usd::ZERO || notional <= self.depth_usd) {
            return Ok(Uncounted::default());
        }
        let slow = Self { mark: self.slow_mark, ..*self }.unrealised_usd()?;
        let counted = counted_profit_usd(unrealised, slow, notional, self.depth_usd)?;
        Ok(Uncounted {
            profit_usd: difference(unrealised, counted)?,
            unconfirmed_usd: difference(unrealised, counted.min(slow))?,
        })
    }

    /// The initial requirement with open orders; `notional` is the position's.
    fn orders_initial_usd(&self, notional: Usd) -> Result<Usd, Rejection> {
        let lots = i128::from(self.position.position.get());
        let bought_value = value_floor_usd(self.mark, i128::from(self.buys.lots.get()), self.size_decimals)?;
        let sold_value = value_ceil_usd(self.mark, i128::from(self.sells.lots.get()), self.size_decimals)?;
        let bought_loss = difference(self.buys.notional_usd, bought_value)?;
        let sold_loss = difference(sold_value, self.sells.notional_usd)?;
        // Lots sold below the mark weigh as much as the mark says once they are held.
        let sells = OpenOrders { lots: self.sells.lots, notional_usd: self.sells.notional_usd.max(sold_value) };
        let if_bought = self.side_initial_usd(lots, notional, &self.buys, bought_loss)?;
        let behind_lots = lots.checked_neg().ok_or(Rejection::Overflow)?;
        let if_sold = self.side_initial_usd(behind_lots, notional, &sells, sold_loss)?;
        Ok(if_bought.max(if_sold))
    }

    /// The requirement once all `orders` of a side are filled. `ahead_lots` is the position counted in that side's
    /// direction. Added lots count at their limits (sells at the mark if that is higher), lots held before at the mark;
    /// after a turn through zero only added lots are left.
    fn side_initial_usd(
        &self,
        ahead_lots: i128,
        held_notional: Usd,
        orders: &OpenOrders,
        loss_usd: Usd,
    ) -> Result<Usd, Rejection> {
        let order_lots = i128::from(orders.lots.get());
        let after_lots = ahead_lots.checked_add(order_lots).ok_or(Rejection::Overflow)?;
        let notional = if ahead_lots >= 0 {
            sum(held_notional, orders.notional_usd)?
        } else if after_lots <= 0 {
            self.notional_of(after_lots.checked_neg().ok_or(Rejection::Overflow)?)?
        } else {
            multiply_divide_ceil(orders.notional_usd.get(), after_lots, order_lots)
                .map(Usd::new)
                .ok_or(Rejection::Overflow)?
        };
        let requirement = self.requirement_usd(notional)?;
        let fees = fee_usd(orders.notional_usd, self.fee)?.max(Usd::ZERO);
        sum(sum(requirement, loss_usd.max(Usd::ZERO))?, fees)
    }
}

impl AccountMargin {
    /// An account without positions and open orders.
    pub(crate) fn of_cash(balance: Amount, held: Amount) -> Self {
        Self {
            balance_usd: crate::market_math::quote_value_usd(balance),
            held_usd: crate::market_math::quote_value_usd(held),
            ..Self::default()
        }
    }

    /// Sums up an account: its collateral and each market in which it has a position or open orders.
    pub fn of(
        balance: Amount,
        held: Amount,
        exposures: impl IntoIterator<Item = Result<Exposure, Rejection>>,
    ) -> Result<Self, Rejection> {
        let mut account = Self::of_cash(balance, held);
        for exposure in exposures {
            account.add(&exposure?.cross_margin()?)?;
        }
        Ok(account)
    }

    /// With another collateral balance.
    pub(crate) const fn with_balance(&self, balance: Amount) -> Self {
        Self { balance_usd: crate::market_math::quote_value_usd(balance), ..*self }
    }

    /// With assets other than the quote that back the positions.
    pub(crate) const fn with_collateral(&self, value: CollateralValue) -> Self {
        Self { collateral_initial_usd: value.initial_usd, collateral_maintenance_usd: value.maintenance_usd, ..*self }
    }

    /// With the account's options.
    pub(crate) fn with_options(&self, options: &OptionsMargin) -> Result<Self, Rejection> {
        Ok(Self {
            options_value_usd: sum(self.options_value_usd, options.value_usd)?,
            initial_usd: sum(self.initial_usd, options.initial_usd)?,
            position_initial_usd: sum(self.position_initial_usd, options.position_initial_usd)?,
            maintenance_usd: sum(self.maintenance_usd, options.maintenance_usd)?,
            netted_usd: sum(self.netted_usd, options.netted_usd)?,
            ..*self
        })
    }

    /// With what positions need together in place of what they need by themselves; what open orders ask for stays.
    pub(crate) fn with_portfolio(&self, need: &PortfolioNeed) -> Result<Self, Rejection> {
        let orders = difference(self.initial_usd, self.position_initial_usd)?;
        Ok(Self {
            initial_usd: sum(need.initial_usd, orders)?,
            position_initial_usd: need.initial_usd,
            maintenance_usd: need.maintenance_usd,
            netted_usd: Usd::ZERO,
            ..*self
        })
    }

    /// With other initial requirements of the same options.
    pub(crate) fn with_options_replaced(
        &self,
        before: &OptionsMargin,
        after: &OptionsMargin,
    ) -> Result<Self, Rejection> {
        let added = difference(after.initial_usd, before.initial_usd)?;
        Ok(Self { initial_usd: sum(self.initial_usd, added)?, ..*self })
    }

    /// With other open orders of a linear market.
    pub(crate) fn with_exposure_replaced(&self, before: &Exposure, after: &Exposure) -> Result<Self, Rejection> {
        let added = difference(after.cross_margin()?.initial_usd, before.cross_margin()?.initial_usd)?;
        Ok(Self { initial_usd: sum(self.initial_usd, added)?, ..*self })
    }

    /// With one more market.
    pub(crate) fn with(&self, market: &MarketMargin) -> Result<Self, Rejection> {
        let mut account = *self;
        account.add(market)?;
        Ok(account)
    }

    /// Adds one more market.
    pub(crate) fn add(&mut self, market: &MarketMargin) -> Result<(), Rejection> {
        self.unrealised_usd = sum(self.unrealised_usd, market.unrealised_usd)?;
        self.uncounted_profit_usd = sum(self.uncounted_profit_usd, market.uncounted_profit_usd)?;
        self.unconfirmed_usd = sum(self.unconfirmed_usd, market.unconfirmed_usd)?;
        self.initial_usd = sum(self.initial_usd, market.initial_usd)?;
        self.position_initial_usd = sum(self.position_initial_usd, market.position_initial_usd)?;
        self.maintenance_usd = sum(self.maintenance_usd, market.maintenance_usd)?;
        Ok(())
    }

    /// What backs the positions.
    pub fn equity_usd(&self) -> Result<Usd, Rejection> {
        let own = sum(difference(self.balance_usd, self.held_usd)?, self.collateral_maintenance_usd)?;
        sum(sum(own, self.unrealised_usd)?, self.options_value_usd)
    }

    /// What counts for new risk.
    pub fn initial_equity_usd(&self) -> Result<Usd, Rejection> {
        let own = sum(difference(self.balance_usd, self.held_usd)?, self.collateral_initial_usd)?;
        let profit = difference(self.unrealised_usd, self.uncounted_profit_usd)?;
        sum(sum(own, profit)?, self.options_value_usd)
    }

    /// What counts where something leaves: the same, with results and options as slow prices have them where that is worse. Otherwise a
    /// wick would let go the cash that a loss needs, one that it hides or one in another market.
    pub(crate) fn confirmed_equity_usd(&self) -> Result<Usd, Rejection> {
        sum(self.confirmed_own_usd()?, self.confirmed_result_usd()?)
    }

    /// What is no unrealised result of a position.
    fn confirmed_own_usd(&self) -> Result<Usd, Rejection> {
        let own = sum(difference(self.balance_usd, self.held_usd)?, self.collateral_initial_usd)?;
        difference(sum(own, self.options_value_usd)?, self.unconfirmed_need_usd)
    }

    fn confirmed_result_usd(&self) -> Result<Usd, Rejection> {
        let is_forgotten = is_planted(Mutant::ForgottenLossCanLeave);
        difference(self.unrealised_usd, if is_forgotten { self.uncounted_profit_usd } else { self.unconfirmed_usd })
    }

    /// What no requirement needs of what counts where something leaves, profit left out but for what pays for losses. Negative if something
    /// is lacking.
    pub fn free_usd(&self) -> Result<Usd, Rejection> {
        let most = if is_planted(Mutant::ProfitCanLeave) { Usd::MAX } else { Usd::ZERO };
        let counted = sum(self.confirmed_own_usd()?, self.confirmed_result_usd()?.min(most))?;
        difference(counted, self.initial_usd)
    }

    /// Whether what is owed and needed is met without the assets that back positions, so that all of them may leave. Options may owe
    /// what they require nothing for: a short box was paid for in advance, and its requirement is its worth and its loss, which is nothing.
    pub(crate) fn is_whole_without_collateral(&self) -> Result<bool, Rejection> {
        Ok(self.free_usd()? >= self.collateral_initial_usd)
    }

    /// Equity − maintenance requirement; below zero the account is due for liquidation.
    pub fn health_usd(&self) -> Result<Usd, Rejection> {
        difference(self.equity_usd()?, self.maintenance_usd)
    }

    /// What would be left to withdraw, profit left out; negative if too much was taken.
    pub(crate) fn withdrawable_after_usd(&self) -> Result<Usd, Rejection> {
        Ok(self.free_usd()?.min(difference(self.balance_usd, self.held_usd)?))
    }

    /// What may leave the account, or be spent on spot; never below zero.
    pub fn withdrawable_usd(&self) -> Result<Usd, Rejection> {
        let cash = difference(self.balance_usd, self.held_usd)?;
        Ok(self.free_usd()?.min(cash).max(Usd::ZERO))
    }

    /// Whether an order may be accepted: `self` is the account with it, `before` without it.
    pub fn check_order(&self, before: &Self) -> Result<(), Rejection> {
        if self.initial_usd <= before.initial_usd {
            return Ok(());
        }
        self.check_initial()
    }

    /// Whether the initial requirement, open orders included, is met.
    pub fn check_initial(&self) -> Result<(), Rejection> {
        let available = self.initial_equity_usd()?;
        if available < self.initial_usd {
            return Err(Rejection::InsufficientMargin { required: self.initial_usd, available });
        }
        Ok(())
    }

    /// Whether what the positions need is met by what counts where something leaves.
    pub(crate) fn check_confirmed(&self) -> Result<(), Rejection> {
        let available = self.confirmed_equity_usd()?;
        if available < self.position_initial_usd {
            return Err(Rejection::InsufficientMargin { required: self.position_initial_usd, available });
        }
        Ok(())
    }

    /// Whether fills may stand for this account: `self` is the account after them, `before` before them; `reduces` says that they
    /// made every position that they touched smaller and turned none. What is below zero afterwards others would bear, so a
    /// reduction may not take an account there, nor deeper.
    pub fn check_fill(&self, before: &Self, reduces: bool) -> Result<(), Rejection> {
        let available = self.initial_equity_usd()?;
        if available >= self.position_initial_usd {
            return Ok(());
        }
        if reduces && self.health_usd()? >= before.health_usd()? {
            let equity = self.equity_usd()?;
            if equity >= Usd::ZERO || equity >= before.equity_usd()? {
                return Ok(());
            }
        }
        Err(Rejection::InsufficientMargin { required: self.position_initial_usd, available })
    }
}

/// The mark at which equity meets maintenance margin, all else unchanged; `None` if no positive mark does.
///
/// With `rest = equity − value − maintenance of other markets`, `value = mark × lots` (signed) and the maintenance
/// divisor `d`, the mark `m` solves `rest + m × lots = m × |lots| / d`. For people, not for rules: it is rounded
/// towards zero and a number that does not fit is left out.
pub fn liquidation_price(margin: &AccountMargin, exposure: &Exposure) -> Option<Price> {
    let lots = i128::from(exposure.position.position.get());
    if lots == 0 {
        return None;
    }
    let unit = power_of_ten(exposure.size_decimals)?;
    let divisor = i128::from(exposure.maximum_leverage).checked_mul(MAINTENANCE_DIVISOR)?;
    let value = i128::from(exposure.mark.get()).checked_mul(lots)?.checked_div(unit)?;
    let others = margin.maintenance_usd.get().checked_sub(exposure.maintenance_usd().ok()?.get())?;
    let rest = margin.equity_usd().ok()?.get().checked_sub(value)?.checked_sub(others)?;
    // Long: m × lots × (1 − 1/d) = −rest. Short: m × |lots| × (1 + 1/d) = rest.
    let (numerator, weight) =
        if lots > 0 { (rest.checked_neg()?, divisor.checked_sub(1)?) } else { (rest, divisor.checked_add(1)?) };
    let scaled = numerator.checked_mul(divisor)?.checked_mul(unit)?;
    let mark = scaled.checked_div(lots.checked_abs()?.checked_mul(weight)?)?;
    let mark = i64::try_from(mark).ok()?;
    (mark > 0).then_some(Price::new(mark))
}

#[cfg(test)]
#[path = "margin_tests.rs"]
mod tests;
