//! What an account may still spend, and its margin: the state as [`crate::margin`] sees it.

use crate::{
    clearing::unreceived_usd,
    liquidity::{backing_shares, collateral_value as pool_collateral},
    margin::{AccountMargin, CollateralValue, Exposure, OpenOrders, default_leverage, liquidation_price},
    market_math::{RATE_ONE, quote_amount, quote_value_usd, value_floor_usd},
    options,
    risk::{market_fraction, weighed_collateral},
    state::{MarketStanding, PositionRecord, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    address::AccountId,
    decimal::power_of_ten,
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketKind, MarketSpec, RiskTerms},
    numbers::{Amount, FundingIndex, Price, Usd},
    rejection::Rejection,
};

/// Positions and open orders of an account in one linear market, with the requirement that its crowd asks for now. Funding
/// that is owed is part of the position's cost.
pub fn exposure(state: &State, account: AccountId, market: &MarketSpec) -> Result<Exposure, Rejection> {
    let terms = market.linear().ok_or(Rejection::NoLeverage { market: market.id })?;
    let exposure = exposure_of(state, &state.standing(account, market.id), market)?;
    Ok(Exposure { market_fraction: market_fraction(state, market, &terms)?, ..exposure })
}

/// The same with the requirement as of the last mark, which is near enough for markets that are not traded in.
fn exposure_of(state: &State, standing: &MarketStanding, market: &MarketSpec) -> Result<Exposure, Rejection> {
    let (maximum_leverage, risk) = lever(market).ok_or(Rejection::NoLeverage { market: market.id })?;
    let mark = state.mark(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?;
    let totals = &standing.totals;
    Ok(Exposure {
        position: standing.position.with_owed_funding(owed_index(state, standing))?,
        buys: OpenOrders { lots: totals.buy_size, notional_usd: totals.buy_notional_usd },
        sells: OpenOrders { lots: totals.sell_size, notional_usd: totals.sell_notional_usd },
        leverage: leverage_of(standing, maximum_leverage),
        maximum_leverage,
        size_decimals: market.size_decimals,
        fee: market.maker_fee.max(market.taker_fee),
        mark: mark.price,
        slow_mark: mark.slow_price,
        market_fraction: mark.market_fraction,
        depeg_addition: mark.depeg_addition,
        depth_usd: mark.depth_usd.max(risk.depth_minimum_usd),
        is_isolated: standing.is_isolated(),
    })
}

/// The position of an account in a linear market, without its open orders: what maintenance looks at.
pub(crate) fn exposure_at_rest(state: &State, account: AccountId, market: &MarketSpec) -> Result<Exposure, Rejection> {
    Ok(exposure_of(state, &state.standing(account, market.id), market)?.without_orders())
}

/// The maximum leverage and the risk terms of a linear market, where they are: margin asks this of every position.
const fn lever(market: &MarketSpec) -> Option<(u32, &RiskTerms)> {
    match &market.kind {
        MarketKind::Perpetual { maximum_leverage, risk, .. } | MarketKind::Future { maximum_leverage, risk, .. } => {
            Some((*maximum_leverage, risk))
        }
        MarketKind::Spot { .. } | MarketKind::Option { .. } => None,
    }
}

/// The funding index that a position owes up to.
fn owed_index(state: &State, standing: &MarketStanding) -> FundingIndex {
    if standing.position.is_empty() { FundingIndex::ZERO } else { state.funding_index(standing.market) }
}

/// The leverage an account has in a market: what it chose, else the default.
pub fn leverage(state: &State, account: AccountId, market: &MarketSpec) -> u32 {
    let maximum = market.maximum_leverage().unwrap_or(1);
    leverage_of(&state.standing(account, market.id), maximum)
}

fn leverage_of(standing: &MarketStanding, maximum: u32) -> u32 {
    standing.setting.map_or_else(|| default_leverage(maximum), |setting| setting.leverage).min(maximum).max(1)
}

/// An account's position; an empty one if it holds none.
pub(crate) fn position(state: &State, account: AccountId, market: MarketId) -> PositionRecord {
    state.position(account, market).copied().unwrap_or_default()
}

/// An account's margin in a universe, one linear market left out; in portfolio mode nothing can be.
pub(crate) fn margin_without(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    left_out: Option<MarketId>,
) -> Result<AccountMargin, Rejection> {
    margin_beside(state, account, universe, left_out.as_slice())
}

/// An account's margin in a universe, some markets left out.
pub(crate) fn margin_beside(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    left_out: &[MarketId],
) -> Result<AccountMargin, Rejection> {
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    let collateral = record.spec.collateral;
    let mut margin =
        AccountMargin::of_cash(state.balance(account, universe, collateral), state.held(account, universe, collateral));
    // A plain loop: an exposure is large, and each adaptor of an iterator would move it once more.
    for standing in state.standings_of(account) {
        if !standing.counts() || left_out.contains(&standing.market) {
            continue;
        }
        let market = state.market(standing.market).filter(|market| market.universe == universe);
        if let Some(market) = market.filter(|market| lever(market).is_some()) {
            margin.add(&exposure_of(state, standing, market)?.cross_margin()?)?;
        }
    }
    if options::margin::has_options(state.standings_of(account)) {
        margin = margin.with_options(&options::margin::of(state, account, universe, None)?)?;
    }
    if state.is_portfolio(account, universe) {
        margin = margin.with_portfolio(&options::portfolio::need(state, universe, cross_positions(state, account))?)?;
    }
    if state.other_assets_of(account).is_empty() && !state.holds_pool_shares(account) {
        return Ok(margin);
    }
    Ok(margin.with_collateral(collateral_value(state, account, universe)?))
}

/// What an account holds that is not isolated, in order of market.
fn cross_positions(state: &State, account: AccountId) -> impl Iterator<Item = (MarketId, i64)> + Clone {
    let cross = state.standings_of(account).iter().filter(|standing| !standing.is_isolated());
    cross.map(|standing| (standing.market, standing.position.position.get())).filter(|(_, lots)| *lots != 0)
}

/// What an account's assets other than the quote and its shares of pools ([`crate::liquidity`]) count for in a universe: what no
/// order locks, at the index (for initial margin at the slow price, if that is lower, and less of it once the universe holds much), by
/// their weights, rounded down. Without an index an asset counts nothing.
pub fn collateral_value(state: &State, account: AccountId, universe: UniverseId) -> Result<CollateralValue, Rejection> {
    let mut value = CollateralValue::default();
    for &((_, asset), amount) in state.other_assets_of(account).iter().filter(|((of, _), _)| *of == universe) {
        let Some(spec) = state.asset(asset) else { continue };
        let (Some(terms), Some(index)) = (spec.collateral, state.index(asset)) else { continue };
        let free = amount.checked_sub(state.held(account, universe, asset)).ok_or(Rejection::Overflow)?;
        let total_usd = asset_value_usd(state.balance_total(universe, asset), spec.decimals, index.price)?;
        let worth = |price| asset_value_usd(free.max(Amount::ZERO), spec.decimals, price);
        value = value.with(weighed_collateral(&terms, index, total_usd, worth)?)?;
    }
    if state.holds_pool_shares(account) {
        for (market, _, shares) in backing_shares(state, account, universe) {
            value = value.with(pool_collateral(state, market, shares)?)?;
        }
    }
    Ok(value)
}

/// What an amount of an asset is worth at a price, rounded down.
pub(crate) fn asset_value_usd(amount: Amount, decimals: u8, price: Price) -> Result<Usd, Rejection> {
    let scale = power_of_ten(decimals).ok_or(Rejection::Overflow)?;
    multiply_divide_floor(amount.get(), i128::from(price.get()), scale).map(Usd::new).ok_or(Rejection::Overflow)
}

/// Where the collateral of an account's position in a market lies: with the account, or apart if it is isolated.
pub(crate) fn collateral_account(state: &State, account: AccountId, market: MarketId) -> AccountId {
    if state.standing(account, market).is_isolated() { AccountId::isolated(account, market) } else { account }
}

/// The margin of an isolated position: its own collateral against the position alone.
pub fn isolated_margin(state: &State, account: AccountId, market: &MarketSpec) -> Result<AccountMargin, Rejection> {
    let universe = market.universe;
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if market.option().is_some() {
        let own = state.balance(AccountId::isolated(account, market.id), universe, record.spec.collateral);
        let lots = position(state, account, market.id).position.get();
        let options = options::margin::of_positions(state, universe, [(market.id, lots)])?;
        return AccountMargin::of(own, Amount::ZERO, std::iter::empty())?.with_options(&options);
    }
    let exposure = exposure(state, account, market)?.without_orders();
    let own = state.balance(AccountId::isolated(account, market.id), universe, record.spec.collateral);
    AccountMargin::of(own, Amount::ZERO, std::iter::once(Ok(Exposure { is_isolated: false, ..exposure })))
}

/// An account's margin in a universe.
pub fn margin(state: &State, account: AccountId, universe: UniverseId) -> Result<AccountMargin, Rejection> {
    margin_without(state, account, universe, None)
}

/// An account's margin in a universe as it counts where something leaves.
pub fn margin_to_leave(state: &State, account: AccountId, universe: UniverseId) -> Result<AccountMargin, Rejection> {
    with_unconfirmed_need(state, account, universe, margin(state, account, universe)?)
}

/// An account's margin with what its options, and in portfolio mode all its positions, need more at slow prices.
pub(crate) fn with_unconfirmed_need(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    margin: AccountMargin,
) -> Result<AccountMargin, Rejection> {
    let unconfirmed_need_usd = if state.is_portfolio(account, universe) {
        options::portfolio::unconfirmed_need_usd(state, universe, cross_positions(state, account))?
    } else if options::margin::has_options(state.standings_of(account)) {
        options::margin::unconfirmed_need_usd(state, account, universe)?
    } else {
        Usd::ZERO
    };
    Ok(AccountMargin { unconfirmed_need_usd, ..margin })
}

/// What of an account's collateral may leave it: what neither positions nor orders need and clearing has received.
pub fn withdrawable_usd(state: &State, account: AccountId, universe: UniverseId) -> Result<Usd, Rejection> {
    let margin = margin_to_leave(state, account, universe)?;
    let cash = margin.balance_usd.checked_sub(margin.held_usd).ok_or(Rejection::Overflow)?;
    let received = cash.checked_sub(unreceived_usd(state, account, universe)?).ok_or(Rejection::Overflow)?;
    Ok(margin.free_usd()?.min(received).max(Usd::ZERO))
}

/// What a position comes to, for people.
#[derive(Clone, Copy, Debug)]
pub struct PositionFigures {
    /// The market's mark.
    pub mark: Price,
    /// Its absolute value at the mark.
    pub value_usd: Usd,
    /// Profit at the mark; of an option, what it is worth, because its premium is paid.
    pub unrealised_usd: Usd,
    /// Initial margin of the position by itself; of an option, beside what it is worth.
    pub initial_usd: Usd,
    /// Maintenance margin of the position by itself.
    pub maintenance_usd: Usd,
    /// The account's leverage in the market; one in options.
    pub leverage: u32,
    /// Whether it has its own collateral.
    pub is_isolated: bool,
    linear: Option<Exposure>,
}

impl PositionFigures {
    /// The mark at which what backs the position meets maintenance margin, all else unchanged; none of an option, which no one
    /// price decides on.
    pub fn liquidation_price(&self, margin: &AccountMargin) -> Option<Price> {
        liquidation_price(margin, self.linear.as_ref()?)
    }
}

/// The figures of an account's position in a derivative market.
pub fn position_figures(state: &State, account: AccountId, market: &MarketSpec) -> Result<PositionFigures, Rejection> {
    if market.option().is_none() {
        let exposure = exposure(state, account, market)?;
        return Ok(PositionFigures {
            mark: exposure.mark,
            value_usd: exposure.notional_usd()?,
            unrealised_usd: exposure.unrealised_usd()?,
            initial_usd: exposure.position_initial_usd()?,
            maintenance_usd: exposure.maintenance_usd()?,
            leverage: exposure.leverage,
            is_isolated: exposure.is_isolated,
            linear: Some(exposure),
        });
    }
    let mark = state.mark(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?.price;
    let lots = position(state, account, market.id).position.get();
    let worth = value_floor_usd(mark, i128::from(lots), market.size_decimals)?;
    let needed = options::margin::isolated_requirement(state, market, lots)?;
    let beside = |usd: Usd| if lots > 0 { Usd::ZERO } else { usd };
    Ok(PositionFigures {
        mark,
        value_usd: if lots > 0 { worth } else { worth.checked_neg().ok_or(Rejection::Overflow)? },
        unrealised_usd: worth,
        initial_usd: beside(needed.initial_usd),
        maintenance_usd: beside(needed.maintenance_usd),
        leverage: 1,
        is_isolated: state.standing(account, market.id).is_isolated(),
        linear: None,
    })
}

/// The cash of an account with which premiums can be paid: what no order locks and clearing has received. What positions need
/// is judged apart.
pub(crate) fn received_cash_usd(state: &State, account: AccountId, universe: UniverseId) -> Result<Usd, Rejection> {
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let held = state.held(account, universe, collateral);
    let cash = state.balance(account, universe, collateral).checked_sub(held).ok_or(Rejection::Overflow)?;
    quote_value_usd(cash).checked_sub(unreceived_usd(state, account, universe)?).ok_or(Rejection::Overflow)
}

/// What trades with options among them did to an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paid<'a> {
    /// The cash that clearing had received before them.
    pub received_before: Usd,
    /// The account's margin after them.
    pub margin: &'a AccountMargin,
    /// Whether they made every position that they touched smaller and turned none.
    pub reduces: bool,
}

/// Refuses premiums beyond the cash that clearing has received (I4). All cash would not do: what another leg has realised and nobody has
/// paid in yet pays no premium, which its seller may take out. So a premium is cash that leaves, and what positions need as it counts
/// there must stay, unless the trades reduce.
pub(crate) fn check_premium(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    paid: &Paid<'_>,
) -> Result<(), Rejection> {
    let after = received_cash_usd(state, account, universe)?;
    if after >= paid.received_before {
        return Ok(());
    }
    if after < Usd::ZERO {
        let required = paid.received_before.checked_sub(after).ok_or(Rejection::Overflow)?;
        return Err(Rejection::PremiumUncovered { required, available: paid.received_before });
    }
    if paid.reduces {
        return Ok(());
    }
    with_unconfirmed_need(state, account, universe, *paid.margin)?.check_confirmed()
}

/// What an account may spend of an asset or send away: what it holds and no order locks; of the collateral only what its
/// positions and orders do not need and clearing has received, and of assets that back positions only as much as leaves enough. Negative if
/// they need more than there is.
pub fn spendable(state: &State, account: AccountId, universe: UniverseId, asset: AssetId) -> Result<Amount, Rejection> {
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    let held = state.held(account, universe, asset);
    let own = state.balance(account, universe, asset).checked_sub(held).ok_or(Rejection::Overflow)?;
    if record.spec.collateral == asset {
        let free = quote_amount(margin_to_leave(state, account, universe)?.free_usd()?);
        let received = own.checked_sub(quote_amount(unreceived_usd(state, account, universe)?));
        return Ok(free.min(received.ok_or(Rejection::Overflow)?));
    }
    let spec = state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?;
    let (Some(terms), Some(index)) = (spec.collateral, state.index(asset)) else { return Ok(own) };
    let margin = margin_to_leave(state, account, universe)?;
    if margin.is_whole_without_collateral()? {
        return Ok(own);
    }
    let free_usd = margin.free_usd()?.max(Usd::ZERO);
    let weight = i128::from(terms.initial_weight.get());
    let counted = multiply_divide_ceil(i128::from(index.price.min(index.slow_price).get()), weight, RATE_ONE);
    let scale = power_of_ten(spec.decimals).ok_or(Rejection::Overflow)?;
    let removable = counted
        .filter(|price| *price > 0)
        .map_or(Some(own.get()), |price| multiply_divide_floor(free_usd.get(), scale, price));
    Ok(own.min(Amount::new(removable.ok_or(Rejection::Overflow)?)))
}
