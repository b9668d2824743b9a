use super::*;
use crate::config::HistoryLimits;
use palisade_types::{
    ids::{Height, MarketId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec},
    numbers::{Position, Price, Rate, Size},
    time::TimeMs,
};

fn directory() -> Directory {
    let asset = |id, symbol: &str| AssetSpec {
        id: AssetId::new(id),
        symbol: symbol.into(),
        decimals: 8,
        has_index: false,
        collateral: None,
    };
    Directory::new(vec![asset(0, "USDC"), asset(1, "BTC")], [])
}

fn usd(text: &str) -> Usd {
    text.parse().expect("an amount")
}

fn account(withdrawable: &str) -> AccountInfo {
    let balance = |asset, total, hold| BalanceInfo {
        universe: CORE,
        asset: AssetId::new(asset),
        total: Amount::new(total),
        hold: Amount::new(hold),
    };
    AccountInfo {
        account: AccountId([1; 20]),
        height: Height::new(1),
        time_ms: TimeMs::new(5),
        exists: true,
        balances: vec![balance(0, 100_000_000_000, 5_000_000_000), balance(1, 200_000_000, 50_000_000)],
        positions: vec![PositionInfo {
            market: MarketId::new(0),
            size: Position::new(-2),
            cost_usd: usd("-120000"),
            mark: Some(Price::new(5_900_000_000_000)),
            value_usd: usd("118000"),
            unrealised_pnl_usd: usd("2000"),
            initial_margin_usd: usd("11800"),
            maintenance_margin_usd: usd("1180"),
            liquidation_price: None,
            leverage: 10,
            margin_mode: MarginMode::Cross,
            collateral_usd: Usd::ZERO,
            owed_funding_usd: usd("-3"),
        }],
        margins: vec![MarginInfo {
            universe: CORE,
            level: MarginLevel::Healthy,
            portfolio: false,
            equity_usd: usd("3000"),
            initial_margin_usd: usd("11800"),
            maintenance_margin_usd: usd("1180"),
            withdrawable_usd: usd(withdrawable),
            positions_value_usd: usd("118000"),
        }],
        agents: Vec::new(),
        leverages: Vec::new(),
        triggers: Vec::new(),
        twaps: Vec::new(),
        controller: None,
        sub_accounts: Vec::new(),
        vault: None,
        vault_stakes: Vec::new(),
        pool_stakes: Vec::new(),
        hyperliquid_compatible: true,
        scheduled_cancel_ms: None,
        actions_used: 0,
        actions_cap: 0,
        traded_usd: Usd::ZERO,
    }
}

#[test]
fn account_value_is_raw_usd_plus_the_signed_value_of_positions() {
    let state =
        clearinghouse_state(&account("700"), &directory(), &History::new(HistoryLimits::standard()), Venue::Main);
    assert_eq!(state["marginSummary"]["accountValue"], "3000");
    assert_eq!(state["marginSummary"]["totalRawUsd"], "121000", "a short was paid for what it sold");
    assert_eq!(state["marginSummary"], state["crossMarginSummary"]);
    let position = &state["assetPositions"][0]["position"];
    assert_eq!(position["entryPx"], "60000");
    assert_eq!(position["returnOnEquity"], "0.169491");
    assert_eq!(position["liquidationPx"], Json::Null);
    assert_eq!(state["withdrawable"], "700");
    assert_eq!(position["cumFunding"], json!({ "allTime": "-3", "sinceOpen": "-3", "sinceChange": "-3" }));
}

#[test]
fn collateral_that_cannot_be_taken_out_is_on_hold() {
    let hold = |withdrawable: &str| {
        let state = spot_state(&account(withdrawable), &directory());
        assert_eq!(state["balances"][1], json!({"coin":"BTC","token":1,"total":"2","hold":"0.5","entryNtl":"0.0"}));
        state["balances"][0]["hold"].clone()
    };
    assert_eq!(hold("700"), "300");
    assert_eq!(hold("990"), "50", "never less than spot orders lock");
    assert_eq!(hold("5000"), "50");
    assert_eq!(hold("-10"), "1000", "never more than there is");
}

#[test]
fn an_account_that_never_held_anything_has_zeros() {
    let mut empty = account("0");
    empty.balances.clear();
    empty.positions.clear();
    empty.margins.clear();
    let state = clearinghouse_state(&empty, &directory(), &History::new(HistoryLimits::standard()), Venue::Main);
    assert_eq!(state["marginSummary"]["accountValue"], "0");
    assert_eq!(state["assetPositions"], json!([]));
    assert_eq!(spot_state(&empty, &directory()), json!({"balances": []}));
}

fn isolated(collateral: &str) -> AccountInfo {
    let mut info = account("700");
    info.positions[0].margin_mode = MarginMode::Isolated;
    info.positions[0].collateral_usd = usd(collateral);
    info.margins[0] = MarginInfo {
        equity_usd: usd("1000"),
        initial_margin_usd: Usd::ZERO,
        maintenance_margin_usd: Usd::ZERO,
        positions_value_usd: Usd::ZERO,
        ..info.margins[0].clone()
    };
    info
}

/// Of an isolated position `rawUsd` plus its signed value is what backs it, and that is also its margin.
#[test]
fn an_isolated_position_comes_on_top_of_cross_margin() {
    let state =
        clearinghouse_state(&isolated("11800"), &directory(), &History::new(HistoryLimits::standard()), Venue::Main);
    let position = &state["assetPositions"][0]["position"];
    assert_eq!(position["leverage"], json!({ "type": "isolated", "value": 10, "rawUsd": "131800" }));
    assert_eq!(position["marginUsed"], "13800", "collateral and profit");
    let total = json!({"accountValue":"14800","totalNtlPos":"118000","totalRawUsd":"132800","totalMarginUsed":"13800"});
    assert_eq!(state["marginSummary"], total);
    let cross = json!({"accountValue":"1000","totalNtlPos":"0","totalRawUsd":"1000","totalMarginUsed":"0"});
    assert_eq!(state["crossMarginSummary"], cross);
}

/// Clients know one clearing house, so what is in another universe looks isolated to them.
#[test]
fn a_position_in_another_universe_looks_isolated() {
    let mut info = account("700");
    let market = MarketSpec {
        id: MarketId::new(0),
        symbol: "ALT".into(),
        universe: UniverseId::new(1),
        kind: MarketKind::Perpetual {
            underlying: AssetId::new(1),
            maximum_leverage: 10,
            open_interest_maximum: Size::MAX,
            position_maximum: Size::MAX,
            risk: Default::default(),
        },
        size_decimals: 0,
        tick: Price::new(1),
        maker_fee: Rate::ZERO,
        taker_fee: Rate::ZERO,
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::MAX,
        price_band: Rate::MAX,
        open_orders_per_account_max: 1,
    };
    let assets = directory().assets().to_vec();
    let directory = Directory::new(assets, [market]);
    let core = MarginInfo { equity_usd: usd("50"), ..isolated("0").margins[0].clone() };
    let other = MarginInfo { universe: UniverseId::new(1), equity_usd: usd("3000"), ..core.clone() };
    info.margins = vec![core, other];
    let state = clearinghouse_state(&info, &directory, &History::new(HistoryLimits::standard()), Venue::Main);
    let leverage = &state["assetPositions"][0]["position"]["leverage"];
    assert_eq!(leverage, &json!({ "type": "isolated", "value": 10, "rawUsd": "121000" }));
    assert_eq!(state["marginSummary"]["accountValue"], "3050");
    assert_eq!(state["crossMarginSummary"]["accountValue"], "50");
}
