//! Values of clearing: futures, funding, margin calls, liquidations, universes, vaults.

use super::samples::{account, market, price, time};
use palisade_types::{
    action::{Action, TransferDirection},
    address::AccountId,
    event::{Event, Liquidation, LiquidationMethod, MarginLevel, Payer},
    ids::{AssetId, MarketId, TradeId, UniverseId},
    market::{OptionKind, RiskTerms},
    numbers::{Amount, FundingIndex, FundingRate, Position, Price, Rate, Shares, Size, Usd},
    order::Side,
    pool::PoolFee,
    rejection::Rejection,
    vault::{PerpetualListing, Redemption, Tranche},
};

fn listing() -> PerpetualListing {
    PerpetualListing {
        symbol: "PEPE".into(),
        underlying: AssetId::new(2),
        size_decimals: 2,
        tick: Price::new(1_000_000),
        maker_fee: Rate::new(200),
        taker_fee: Rate::new(500),
        minimum_notional_usd: Usd::new(1_000_000_000),
        maximum_notional_usd: Usd::new(1_000_000_000_000),
        price_band: Rate::new(50_000),
        open_orders_per_account_max: 100,
        maximum_leverage: 5,
        open_interest_maximum: Size::new(5_000),
        position_maximum: Size::new(1_000),
        risk: RiskTerms::flat(),
    }
}

pub fn capital_actions() -> Vec<Action> {
    vec![
        Action::CreateSubAccount { name: "hedges".into() },
        Action::TransferSubAccount {
            sub_account: account(7),
            universe: UniverseId::new(0),
            asset: AssetId::new(0),
            amount: Amount::new(5),
            direction: TransferDirection::Withdraw,
        },
        Action::MoveUniverse {
            from: UniverseId::new(0),
            to: UniverseId::new(1),
            asset: AssetId::new(0),
            amount: Amount::new(5),
        },
        Action::OpenUniverse {
            name: "pepe".into(),
            collateral: AssetId::new(0),
            market: listing(),
            deposit_usd: Usd::new(1_000_000_000_001),
        },
        Action::ListMarket {
            universe: UniverseId::new(1),
            market: listing(),
            deposit_usd: Usd::new(1_000_000_000_001),
        },
        Action::CreateVault {
            name: "carry".into(),
            description: "funding".into(),
            initial_usd: Usd::new(10_000_000_000),
        },
        Action::DepositVault { vault: account(8), amount_usd: Usd::new(1_000_000_000) },
        Action::WithdrawVault { vault: account(8), redemption: Redemption::Shares { shares: Shares::new(3) } },
        Action::CloseVault { vault: account(8) },
        Action::DepositBackstop {
            universe: UniverseId::new(1),
            tranche: Tranche::Senior,
            amount_usd: Usd::new(10_000_000_000),
        },
        Action::SetPortfolioMode { universe: UniverseId::new(0), enabled: true },
        Action::WithdrawBackstop {
            universe: UniverseId::new(1),
            tranche: Tranche::Junior,
            redemption: Redemption::All,
        },
        Action::CreatePool {
            market: MarketId::new(10_000),
            base: Amount::new(6),
            quote: Amount::new(7),
            fee: PoolFee::ThirtyBasisPoints,
        },
        Action::DepositPool {
            market: MarketId::new(10_000),
            base_maximum: Amount::new(6),
            quote_maximum: Amount::new(7),
            shares_minimum: Shares::new(8),
        },
        Action::WithdrawPool {
            market: MarketId::new(10_000),
            shares: Shares::new(8),
            base_minimum: Amount::new(6),
            quote_minimum: Amount::new(7),
        },
    ]
}

pub fn pool_rejections() -> Vec<Rejection> {
    let (market, asset, amount, minimum) = (MarketId::new(10_000), AssetId::new(1), Amount::new(6), Amount::new(7));
    vec![
        Rejection::UnknownPool { market },
        Rejection::PoolExists { market },
        Rejection::NotASpotMarket { market },
        Rejection::BelowPoolMinimum { asset, amount, minimum },
        Rejection::PoolTooLarge { asset, amount, limit: minimum },
        Rejection::PoolSharesBelowMinimum { shares: Shares::new(6), minimum: Shares::new(7) },
        Rejection::PoolAmountBelowMinimum { asset, amount, minimum },
        Rejection::PoolCrossesBook { quote: price(), best: price() },
    ]
}

pub fn pool_events() -> Vec<Event> {
    let (market, account, shares) = (MarketId::new(10_000), account(1), Shares::new(8));
    let (base, quote) = (Amount::new(6), Amount::new(7));
    vec![
        Event::PoolCreated {
            market,
            pool: AccountId([7; 20]),
            account,
            fee: PoolFee::HundredBasisPoints,
            locked: Shares::new(1),
        },
        Event::PoolDeposited { market, account, base, quote, shares },
        Event::PoolWithdrawn { market, account, base, quote, shares, forced: true },
        Event::PoolTraded { market, trade: TradeId::new(5), base_reserve: base, quote_reserve: quote },
    ]
}

pub fn vault_rejections() -> Vec<Rejection> {
    let (universe, vault) = (UniverseId::new(1), account(8));
    vec![
        Rejection::UniverseGated { universe },
        Rejection::SameUniverse { universe },
        Rejection::AssetNotAccepted { universe, asset: AssetId::new(2) },
        Rejection::InvalidListing { reason: "x".into() },
        Rejection::ListingBound { what: "leverage".into(), found: Amount::new(11), limit: Amount::new(10) },
        Rejection::NotYourUniverse { universe },
        Rejection::UnknownVault { vault },
        Rejection::NotYourVault { vault },
        Rejection::VaultClosed { vault },
        Rejection::VaultInsolvent { vault },
        Rejection::BelowMinimumDeposit { amount: Usd::new(1), minimum: Usd::new(2) },
        Rejection::SharesLocked { until_ms: time() },
        Rejection::InsufficientShares { required: Shares::new(2), available: Shares::new(1) },
        Rejection::LeaderShareTooSmall { held: Shares::new(1), required: Shares::new(2) },
        Rejection::NotForVaults { what: "spot markets".into() },
        Rejection::VaultMustReduce { vault },
    ]
}

pub fn vault_events() -> Vec<Event> {
    let (universe, vault, amount_usd, shares) = (UniverseId::new(1), account(8), Usd::new(9), Shares::new(10));
    let (account, tranche) = (account(1), Tranche::Junior);
    vec![
        Event::MovedBetweenUniverses {
            from_universe: UniverseId::new(0),
            to_universe: universe,
            from: account,
            to: account,
            asset: AssetId::new(0),
            amount: Amount::new(9),
        },
        Event::UniverseOpened { universe, name: "pepe".into(), collateral: AssetId::new(0), lister: account },
        Event::MarketListed {
            market: listing().into_spec(market(), universe),
            lister: account,
            deposit_usd: amount_usd,
        },
        Event::VaultCreated { vault, leader: account, name: "carry".into() },
        Event::VaultDeposited { vault, account, amount_usd, shares },
        Event::VaultWithdrawn { vault, account, shares, value_usd: amount_usd, leader_part_usd: Usd::new(1) },
        Event::VaultWithdrawalQueued { vault, account, shares },
        Event::VaultWithdrawalDropped { vault, account, shares },
        Event::VaultClosed { vault },
        Event::BackstopDeposited { universe, account, tranche, amount_usd, shares },
        Event::BackstopWithdrawn { universe, account, tranche, shares, value_usd: amount_usd },
        Event::BackstopSynced { universe, junior_usd: amount_usd, senior_usd: Usd::new(8) },
    ]
}

pub fn market_events() -> Vec<Event> {
    let (universe, asset) = (UniverseId::new(0), AssetId::new(0));
    vec![
        Event::FutureListed {
            market: market(),
            symbol: "BTC-27NOV26".into(),
            universe,
            underlying: asset,
            expires_at_ms: time(),
        },
        Event::SettlementPriceFixed { market: market(), price: price(), measured_ms: 1_800_000 },
        Event::Delivered {
            account: account(1),
            market: market(),
            price: price(),
            position: Position::new(-5),
            payoff_usd: Usd::new(-409),
        },
        Event::MarketSettled { market: market(), dust_usd: Usd::new(3) },
        Event::OptionListed {
            market: MarketId::new(MarketId::FIRST_OPTION),
            symbol: "BTC-27NOV26-60000-P".into(),
            universe,
            underlying: asset,
            expires_at_ms: time(),
            strike: price(),
            right: OptionKind::Put,
        },
        Event::SurfaceUpdated {
            universe,
            underlying: asset,
            expires_at_ms: time(),
            forward: price(),
            volatility: Rate::new(600_000),
        },
        Event::PortfolioModeSet { account: account(1), universe, enabled: true },
        Event::OptionsFixed { universe, underlying: asset, expires_at_ms: time(), price: price(), measured_ms: 4 },
    ]
}

pub fn margin_events() -> Vec<Event> {
    vec![
        Event::IsolatedMarginMoved { account: account(1), market: MarketId::new(1), amount_usd: Usd::new(-2) },
        Event::MarginCalled {
            account: account(1),
            universe: UniverseId::new(2),
            market: Some(MarketId::new(3)),
            level: MarginLevel::Called,
            equity_usd: Usd::new(-4),
            maintenance_usd: Usd::new(5),
        },
        Event::Liquidated(Liquidation {
            account: account(1),
            universe: UniverseId::new(2),
            market: MarketId::new(3),
            is_isolated: true,
            method: LiquidationMethod::Backstop,
            side: Side::Sell,
            size: Size::new(4),
            quote_usd: Usd::new(5),
            fee_usd: Usd::new(6),
            closed_pnl_usd: Usd::new(-7),
            mark: Price::new(8),
            start_position: Position::new(9),
        }),
        Event::DeficitPaid {
            universe: UniverseId::new(2),
            account: account(1),
            market: None,
            payer: Payer::Fees,
            amount_usd: Usd::new(3),
        },
        Event::Deleveraged {
            market: MarketId::new(3),
            account: account(1),
            side: Side::Buy,
            size: Size::new(4),
            quote_usd: Usd::new(5),
            closed_pnl_usd: Usd::new(6),
            haircut_usd: Usd::new(7),
            bankrupt: account(2),
        },
        Event::GateChanged { universe: UniverseId::new(2), closed: true },
        Event::CollateralSold {
            universe: UniverseId::new(2),
            account: account(1),
            buyer: account(2),
            asset: AssetId::new(3),
            amount: Amount::new(4),
            proceeds_usd: Usd::new(5),
        },
        Event::LossSettled { market: market(), account: account(1), amount_usd: Usd::new(2) },
        Event::FundingRateSet {
            market: market(),
            rate: FundingRate::new(12_500_000),
            premium: FundingRate::new(-7),
            index: FundingIndex::new(81_790_125),
            index_price: price(),
            time_ms: time(),
        },
        Event::FundingPaid {
            account: account(1),
            market: market(),
            amount_usd: Usd::new(-409),
            position: Position::new(-5),
            from_index: FundingIndex::new(1),
            index: FundingIndex::new(82),
        },
        Event::SubAccountCreated { master: account(1), sub_account: account(7), name: "hedges".into() },
    ]
}
