//! Margin of an account that is only thought of, by the functions that margin real ones; and real accounts as questions, to be
//! changed and asked again.

use crate::{
    accounts::{asset_value_usd, exposure_at_rest},
    liquidation::level_of,
    liquidity::{backing_shares, fair_value_usd},
    margin::{AccountMargin, CollateralValue, Exposure, OpenOrders, liquidation_price},
    market_math::{fee_usd, quote_amount, quote_value_usd, value_floor_usd},
    risk::{concentration_usd, crowd_fraction, depeg_addition, open_interest_usd, volatility_fraction, weighed_worth},
    state::{IndexRecord, PositionRecord, State},
    wide::multiply_divide_ceil,
};
use palisade_pricing::{
    PricingError,
    what_if::{LeftOut, WhatIf, WhatIfAnswer, WhatIfCollateral, WhatIfPosition, WhatIfPositionAnswer},
};
use palisade_types::{
    address::AccountId,
    decimal::power_of_ten,
    ids::{AssetId, UniverseId},
    market::{CollateralTerms, LinearTerms, MarketSpec, RiskTerms},
    numbers::{Amount, FundingIndex, Price, Rate, Usd},
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::BTreeSet;

mod options;

/// Positions that one question may have, and as many options, expiries and other assets.
pub const POSITIONS_MAX: usize = 1_000;

/// What is wrong with a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfError {
    /// Too many positions, or as much of something else.
    #[error("{found} positions, options, expiries or assets, the limit is {POSITIONS_MAX} of each")]
    TooMany { found: usize },
    /// The same market twice: positions of a market are one.
    #[error("market {market:?} is named twice: add its positions up")]
    Twice { market: String },
    /// The same expiry twice: what expires together is margined together.
    #[error("the expiry of {underlying:?} in {time_ms} ms is named twice")]
    ExpiryTwice { underlying: String, time_ms: u64 },
    /// A field outside its range.
    #[error("{what}: {field} must be {expected}")]
    Field { what: String, field: &'static str, expected: &'static str },
    /// An option that has no price, or a portfolio that has no margin.
    #[error("{what}: {error}")]
    Pricing { what: String, error: PricingError },
    /// A number left its range.
    #[error("the numbers are too large")]
    Overflow,
}

impl From<Rejection> for WhatIfError {
    fn from(_: Rejection) -> Self {
        Self::Overflow
    }
}

/// Answers a question.
pub fn answer(question: &WhatIf) -> Result<WhatIfAnswer, WhatIfError> {
    check(question)?;
    let depeg = depeg_addition(question.quote_index.map(index_at).as_ref());
    let exposures: Vec<(&WhatIfPosition, Exposure)> = question
        .positions
        .iter()
        .map(|position| exposure(position, depeg).map(|exposure| (position, exposure)))
        .collect::<Result<_, _>>()?;
    let collateral = collateral_value(&question.collateral)?;
    let marked = options::marked(question)?;
    let by_expiry = options::by_expiry(question, &marked)?;
    let slow = options::at_slow(question);
    let slow_marked = options::marked(&slow)?;
    let unconfirmed = options::unconfirmed_by_expiry(&by_expiry, &options::by_expiry(&slow, &slow_marked)?)?;
    let portfolios = if question.portfolio {
        options::portfolios(question, &exposures, &marked, (&slow, &slow_marked))?
    } else {
        Vec::new()
    };
    let mut margin = AccountMargin::of(
        quote_amount(question.cash_usd),
        quote_amount(question.held_usd),
        exposures.iter().map(|(_, exposure)| Ok(*exposure)),
    )?
    .with_collateral(collateral);
    for of_expiry in by_expiry.values() {
        margin = margin.with_options(of_expiry)?;
    }
    if question.portfolio {
        margin = margin.with_portfolio(&options::need_of(&portfolios)?)?;
    }
    let unconfirmed_need_usd = if question.portfolio {
        total(portfolios.iter().map(|portfolio| portfolio.unconfirmed_need_usd))?
    } else {
        total(unconfirmed.values().copied())?
    };
    let margin = AccountMargin { unconfirmed_need_usd, ..margin };
    // What the whole could lose is no line in one price.
    let judged = (!question.portfolio).then_some(&margin);
    let positions = exposures
        .iter()
        .map(|(position, exposure)| position_answer(position, exposure, judged))
        .collect::<Result<_, _>>()?;
    let (equity_usd, maintenance_usd) = (margin.equity_usd()?, margin.maintenance_usd);
    Ok(WhatIfAnswer {
        positions,
        options: options::option_answers(&marked)?,
        expiries: options::expiry_answers(&by_expiry, &unconfirmed),
        portfolios,
        options_value_usd: margin.options_value_usd,
        unconfirmed_need_usd,
        collateral_initial_usd: collateral.initial_usd,
        collateral_maintenance_usd: collateral.maintenance_usd,
        equity_usd,
        initial_equity_usd: margin.initial_equity_usd()?,
        initial_usd: margin.initial_usd,
        maintenance_usd,
        health_usd: margin.health_usd()?,
        withdrawable_usd: margin.withdrawable_usd()?,
        level: level_of(equity_usd, maintenance_usd, margin.netted_usd)?,
    })
}

fn total(mut parts: impl Iterator<Item = Usd>) -> Result<Usd, Rejection> {
    parts.try_fold(Usd::ZERO, Usd::checked_add).ok_or(Rejection::Overflow)
}

/// A real account as a question: what it holds that is margined together in a universe, at the prices of now. What else it has
/// is named by [`left_out`]; owed funding is part of a position's cost.
pub fn question(state: &State, account: AccountId, universe: UniverseId) -> Result<WhatIf, Rejection> {
    let quote = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let (mut positions, mut dated) = (Vec::new(), options::Dated::default());
    let mut cash_usd = quote_value_usd(state.balance(account, universe, quote));
    for standing in state.standings_of(account) {
        if standing.position.is_empty() || standing.is_isolated() {
            continue;
        }
        let Some(market) = state.market(standing.market).filter(|market| market.universe == universe) else { continue };
        if let Some(terms) = market.linear() {
            if is_left_to_delivery(state, account, market) {
                continue;
            }
            positions.push(position_of(state, account, (market, &terms), &mut dated)?);
        } else if market.option().is_some() {
            let lots = standing.position.position.get();
            if state.is_fixed(market) {
                // What it pays is known and needs nothing: it counts as cash until it is delivered.
                let mark = state.mark(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?;
                let paid_usd = value_floor_usd(mark.price, i128::from(lots), market.size_decimals)?;
                cash_usd = cash_usd.checked_add(paid_usd).ok_or(Rejection::Overflow)?;
            } else {
                dated.add(state, market, lots)?;
            }
        }
    }
    Ok(WhatIf {
        cash_usd,
        held_usd: quote_value_usd(state.held(account, universe, quote)),
        collateral: collateral_of(state, account, universe)?,
        positions,
        expiries: dated.expiries,
        options: dated.options,
        portfolio: state.is_portfolio(account, universe),
        quote_index: state.index(quote).map(|index| index.price.min(index.slow_price)),
    })
}

/// Whether a future's price is fixed and it is no leg of its owner's portfolio any more.
fn is_left_to_delivery(state: &State, account: AccountId, market: &MarketSpec) -> bool {
    state.is_portfolio(account, market.universe) && state.is_fixed(market)
}

fn position_of(
    state: &State,
    account: AccountId,
    (market, terms): (&MarketSpec, &LinearTerms),
    dated: &mut options::Dated,
) -> Result<WhatIfPosition, Rejection> {
    let exposure = exposure_at_rest(state, account, market)?;
    let expiry = terms.expires_at_ms.map(|expires_at_ms| {
        let time_ms = expires_at_ms.since(state.time_ms());
        dated.place_of(state, (terms.underlying, expires_at_ms), (exposure.mark, exposure.slow_mark), time_ms)
    });
    Ok(WhatIfPosition {
        market: market.symbol.clone(),
        lots: exposure.position.position,
        size_decimals: exposure.size_decimals,
        cost_usd: exposure.position.entry_cost_usd,
        mark: exposure.mark,
        slow_mark: Some(exposure.slow_mark),
        leverage: exposure.leverage,
        maximum_leverage: exposure.maximum_leverage,
        open_interest_usd: open_interest_usd(state, market, exposure.mark)?,
        open_interest_lower_usd: terms.risk.open_interest_lower_usd,
        open_interest_upper_usd: terms.risk.open_interest_upper_usd,
        variance: state.index(terms.underlying).map_or(0, |index| index.variance),
        volatility_multiplier: terms.risk.volatility_multiplier,
        depth_usd: exposure.depth_usd,
        underlying: Some(options::symbol_of(state, terms.underlying)?),
        expiry: expiry.transpose()?,
    })
}

/// What an account has in a universe that its question says nothing of: it is margined apart, or reserves margin for orders alone.
pub fn left_out(state: &State, account: AccountId, universe: UniverseId) -> Result<Vec<LeftOut>, Rejection> {
    let mut left_out = Vec::new();
    for standing in state.standings_of(account) {
        let Some(spec) = state.market(standing.market).filter(|market| market.universe == universe) else { continue };
        let market = &spec.symbol;
        // What orders in spot markets lock is in the question.
        if standing.totals.orders > 0 && spec.derivative().is_some() {
            left_out.push(LeftOut::OpenOrders { market: market.clone() });
        }
        if standing.is_isolated() && !standing.position.is_empty() {
            left_out.push(LeftOut::IsolatedPosition { market: market.clone() });
        } else if !standing.position.is_empty() && spec.linear().is_some() && is_left_to_delivery(state, account, spec)
        {
            left_out.push(LeftOut::FixedFuture { market: market.clone() });
        }
    }
    for (asset, _) in state.debts_of(account) {
        if state.synthetic(asset).is_some_and(|synthetic| synthetic.spec.universe == universe) {
            left_out.push(LeftOut::Debt { asset: options::symbol_of(state, asset)? });
        }
    }
    Ok(left_out)
}

fn collateral_of(state: &State, account: AccountId, universe: UniverseId) -> Result<Vec<WhatIfCollateral>, Rejection> {
    let mut collateral = Vec::new();
    for &((_, asset), amount) in state.other_assets_of(account).iter().filter(|((of, _), _)| *of == universe) {
        let (Some(spec), Some(index)) = (state.asset(asset), state.index(asset)) else { continue };
        let Some(terms) = spec.collateral else { continue };
        let free = amount.checked_sub(state.held(account, universe, asset)).ok_or(Rejection::Overflow)?;
        let value = |amount: Amount, price| asset_value_usd(amount.max(Amount::ZERO), spec.decimals, price);
        collateral.push(WhatIfCollateral {
            symbol: spec.symbol.clone(),
            value_usd: value(free, index.price)?,
            slow_value_usd: value(free, index.slow_price)?,
            universe_value_usd: value(state.balance_total(universe, asset), index.price)?,
            initial_weight: terms.initial_weight,
            maintenance_weight: terms.maintenance_weight,
            full_weight_maximum_usd: terms.full_weight_maximum_usd,
        });
    }
    collateral.extend(pool_shares_of(state, account, universe)?);
    Ok(collateral)
}

/// Shares of liquidity pools, each as an asset of its market's name.
fn pool_shares_of(state: &State, account: AccountId, universe: UniverseId) -> Result<Vec<WhatIfCollateral>, Rejection> {
    let mut collateral = Vec::new();
    for (market, base, shares) in backing_shares(state, account, universe) {
        let (Some(market), Some(spec), Some(index)) = (state.market(market), state.asset(base), state.index(base))
        else {
            continue;
        };
        let Some(terms) = spec.collateral else { continue };
        let value = |price| fair_value_usd(state, market, spec.decimals, shares, price);
        let universe_value_usd = asset_value_usd(state.balance_total(universe, base), spec.decimals, index.price)?;
        collateral.push(WhatIfCollateral {
            symbol: market.symbol.clone(),
            value_usd: value(index.price)?,
            slow_value_usd: value(index.slow_price)?,
            universe_value_usd,
            initial_weight: terms.initial_weight,
            maintenance_weight: terms.maintenance_weight,
            full_weight_maximum_usd: terms.full_weight_maximum_usd,
        });
    }
    Ok(collateral)
}

fn index_at(price: Price) -> IndexRecord {
    IndexRecord { price, time_ms: TimeMs::new(0), sources: 1, slow_price: price, variance: 0 }
}

fn check(question: &WhatIf) -> Result<(), WhatIfError> {
    let WhatIf { positions, collateral, expiries, options, .. } = question;
    let counts = [positions.len(), collateral.len(), expiries.len(), options.len()];
    let found = counts.into_iter().max().unwrap_or(0);
    if found > POSITIONS_MAX {
        return Err(WhatIfError::TooMany { found });
    }
    let mut markets = BTreeSet::new();
    for position in &question.positions {
        if !markets.insert(&position.market) {
            return Err(WhatIfError::Twice { market: position.market.clone() });
        }
        check_position(position)?;
    }
    for option in &question.options {
        if !markets.insert(&option.market) {
            return Err(WhatIfError::Twice { market: option.market.clone() });
        }
    }
    options::check(question)?;
    let mut symbols = BTreeSet::new();
    for asset in &question.collateral {
        if !symbols.insert(&asset.symbol) {
            return Err(WhatIfError::Twice { market: asset.symbol.clone() });
        }
        let what = || format!("collateral {:?}", asset.symbol);
        let whole = Rate::new(1_000_000);
        if asset.initial_weight < Rate::ZERO
            || asset.initial_weight > asset.maintenance_weight
            || asset.maintenance_weight > whole
        {
            let expected = "0 <= initial_weight <= maintenance_weight <= 1";
            return Err(WhatIfError::Field { what: what(), field: "the weights", expected });
        }
        if asset.full_weight_maximum_usd <= Usd::ZERO || asset.value_usd < Usd::ZERO || asset.slow_value_usd < Usd::ZERO
        {
            return Err(WhatIfError::Field { what: what(), field: "values", expected: "not negative" });
        }
    }
    Ok(())
}

fn check_position(position: &WhatIfPosition) -> Result<(), WhatIfError> {
    let wrong = |field, expected| {
        Err(WhatIfError::Field { what: format!("position in {:?}", position.market), field, expected })
    };
    if position.lots.is_zero() {
        return wrong("lots", "other than zero");
    }
    if position.mark.get() <= 0 || position.slow_mark.is_some_and(|slow| slow.get() <= 0) {
        return wrong("mark and slow_mark", "positive");
    }
    if position.maximum_leverage == 0 || !(1..=position.maximum_leverage).contains(&position.leverage) {
        return wrong("leverage", "between 1 and maximum_leverage");
    }
    if position.size_decimals > 18 {
        return wrong("size_decimals", "at most 18");
    }
    if position.open_interest_usd < Usd::ZERO
        || position.open_interest_lower_usd <= Usd::ZERO
        || position.open_interest_upper_usd < position.open_interest_lower_usd
    {
        return wrong("open interest", "not negative, with 0 < lower <= upper");
    }
    if position.depth_usd <= Usd::ZERO {
        return wrong("depth_usd", "positive");
    }
    if position.variance < 0 || position.volatility_multiplier < Rate::ZERO {
        return wrong("variance and volatility_multiplier", "not negative");
    }
    Ok(())
}

fn terms(position: &WhatIfPosition) -> LinearTerms {
    LinearTerms {
        underlying: AssetId::new(0),
        expires_at_ms: None,
        maximum_leverage: position.maximum_leverage,
        risk: RiskTerms {
            open_interest_lower_usd: position.open_interest_lower_usd,
            open_interest_upper_usd: position.open_interest_upper_usd,
            volatility_multiplier: position.volatility_multiplier,
            ..RiskTerms::flat()
        },
    }
}

fn exposure(position: &WhatIfPosition, depeg: Rate) -> Result<Exposure, Rejection> {
    let terms = terms(position);
    let crowd = crowd_fraction(&terms, position.open_interest_usd)?;
    Ok(Exposure {
        position: PositionRecord {
            position: position.lots,
            entry_cost_usd: position.cost_usd,
            funding_index: FundingIndex::ZERO,
        },
        buys: OpenOrders::default(),
        sells: OpenOrders::default(),
        leverage: position.leverage,
        maximum_leverage: position.maximum_leverage,
        size_decimals: position.size_decimals,
        fee: Rate::ZERO,
        mark: position.mark,
        slow_mark: position.slow_mark.unwrap_or(position.mark),
        market_fraction: crowd.max(volatility_fraction(&terms, position.variance)),
        depeg_addition: depeg,
        depth_usd: position.depth_usd,
        is_isolated: false,
    })
}

fn collateral_value(assets: &[WhatIfCollateral]) -> Result<CollateralValue, Rejection> {
    let mut value = CollateralValue::default();
    for asset in assets {
        let terms = CollateralTerms {
            initial_weight: asset.initial_weight,
            maintenance_weight: asset.maintenance_weight,
            full_weight_maximum_usd: asset.full_weight_maximum_usd,
        };
        let slow_usd = asset.value_usd.min(asset.slow_value_usd);
        value = value.with(weighed_worth(&terms, asset.value_usd, slow_usd, asset.universe_value_usd)?)?;
    }
    Ok(value)
}

fn position_answer(
    position: &WhatIfPosition,
    exposure: &Exposure,
    margin: Option<&AccountMargin>,
) -> Result<WhatIfPositionAnswer, Rejection> {
    let terms = terms(position);
    let notional_usd = exposure.notional_usd()?;
    let unrealised_usd = exposure.unrealised_usd()?;
    let by_leverage = multiply_divide_ceil(notional_usd.get(), 1, i128::from(exposure.leverage));
    let by_leverage_usd = by_leverage.map(Usd::new).ok_or(Rejection::Overflow)?;
    let by_crowd_usd = fee_usd(notional_usd, crowd_fraction(&terms, position.open_interest_usd)?)?;
    let by_volatility_usd = fee_usd(notional_usd, volatility_fraction(&terms, position.variance))?;
    let concentration_usd = concentration_usd(notional_usd, position.depth_usd)?;
    let initial_usd = exposure.position_initial_usd()?;
    let largest = by_leverage_usd.max(by_crowd_usd).max(by_volatility_usd);
    let base = largest.checked_add(concentration_usd).ok_or(Rejection::Overflow)?;
    let uncounted = margin_of_one(exposure)?.uncounted_profit_usd;
    Ok(WhatIfPositionAnswer {
        market: position.market.clone(),
        notional_usd,
        unrealised_usd,
        counted_profit_usd: unrealised_usd.checked_sub(uncounted).ok_or(Rejection::Overflow)?,
        by_leverage_usd,
        by_crowd_usd,
        by_volatility_usd,
        concentration_usd,
        depeg_usd: initial_usd.checked_sub(base).ok_or(Rejection::Overflow)?,
        initial_usd,
        maintenance_usd: exposure.maintenance_usd()?,
        liquidation_price: power_of_ten(position.size_decimals).and_then(|_| liquidation_price(margin?, exposure)),
    })
}

fn margin_of_one(exposure: &Exposure) -> Result<AccountMargin, Rejection> {
    AccountMargin::of(quote_amount(Usd::ZERO), quote_amount(Usd::ZERO), std::iter::once(Ok(*exposure)))
}

#[cfg(test)]
#[path = "what_if_tests.rs"]
mod tests;
