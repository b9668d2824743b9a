use super::*;
use palisade_types::{
    ids::{Height, MarketId},
    market::AssetSpec,
    numbers::{Position, Price},
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
        }],
        margins: vec![MarginInfo {
            universe: CORE,
            equity_usd: usd("3000"),
            initial_margin_usd: usd("11800"),
            maintenance_margin_usd: usd("1180"),
            withdrawable_usd: usd(withdrawable),
            positions_value_usd: usd("118000"),
        }],
        agents: Vec::new(),
        leverages: Vec::new(),
        hyperliquid_compatible: true,
        scheduled_cancel_ms: None,
        actions_used: 0,
        actions_cap: 0,
        traded_usd: Usd::ZERO,
    }
}

#[test]
fn account_value_is_raw_usd_plus_the_signed_value_of_positions() {
    let state = clearinghouse_state(&account("700"), &directory());
    assert_eq!(state["marginSummary"]["accountValue"], "3000");
    assert_eq!(state["marginSummary"]["totalRawUsd"], "121000", "a short was paid for what it sold");
    assert_eq!(state["marginSummary"], state["crossMarginSummary"]);
    let position = &state["assetPositions"][0]["position"];
    assert_eq!(position["entryPx"], "60000");
    assert_eq!(position["returnOnEquity"], "0.169491");
    assert_eq!(position["liquidationPx"], Json::Null);
    assert_eq!(state["withdrawable"], "700");
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
    let state = clearinghouse_state(&empty, &directory());
    assert_eq!(state["marginSummary"]["accountValue"], "0");
    assert_eq!(state["assetPositions"], json!([]));
    assert_eq!(spot_state(&empty, &directory()), json!({"balances": []}));
}
