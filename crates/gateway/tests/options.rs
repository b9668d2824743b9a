//! Options that are gone, as a gateway that starts later tells of them.

mod support;

use palisade_gateway::Limits;
use palisade_types::{
    address::AccountId,
    event::{Event, Trade, TradeSide},
    genesis::{ActionBudgetTerms, Genesis, StorageTerms},
    ids::{AssetId, MarketId, OrderId, TradeId, UniverseId},
    market::{ExpiryCounts, OptionKind, OptionSeriesSpec},
    numbers::{Position, Price, Rate, Size, Usd},
    order::Side,
    time::TimeMs,
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{
    MemoryNode, assets,
    client::{get, post},
    start_over, time_at,
};

const BUYER: AccountId = AccountId([0xAB; 20]);
const SELLER: AccountId = AccountId([0xCD; 20]);
const OPTION: MarketId = MarketId::new(MarketId::FIRST_OPTION + 7);
const NAME: &str = "BTC-15JAN27-120000-C";

/// A genesis with options on BTC, in lots of a hundredth.
fn genesis() -> Genesis {
    let series = OptionSeriesSpec {
        universe: UniverseId::new(0),
        underlying: AssetId::new(2),
        expiries: ExpiryCounts { daily: 1, weekly: 1, monthly: 0, quarterly: 0 },
        strikes_per_side: 5,
        default_volatility: Rate::new(500_000),
        volatility_move_per_second: Rate::new(1_000),
        size_decimals: 2,
        tick: Price::new(100_000_000),
        maker_fee: Rate::ZERO,
        taker_fee: Rate::ZERO,
        fee_share_maximum: Rate::ZERO,
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::MAX,
        price_band: Rate::MAX,
        open_orders_per_account_max: 100,
        open_interest_maximum: Size::MAX,
        position_maximum: Size::MAX,
        risk: Default::default(),
    };
    Genesis {
        chain_id: support::CHAIN_ID,
        name: "options".to_owned(),
        time_ms: time_at(0),
        seats: Vec::new(),
        assets: assets(),
        universes: Vec::new(),
        markets: Vec::new(),
        balances: Vec::new(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms { initial: 1, per_usd_traded: 1, refill_interval_ms: 1, cancel_allowance: 1 },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: vec![series],
        synthetics: Vec::new(),
    }
}

fn side(account: AccountId, order: u64) -> TradeSide {
    TradeSide {
        account,
        order: OrderId::new(order),
        client_order_id: None,
        fee_usd: Usd::ZERO,
        start_position: Position::ZERO,
        closed_pnl_usd: Usd::ZERO,
    }
}

/// Fills of an option that was settled before the gateway started were told as of `#1000000007`, with sizes in lots: its name
/// was on no list of the node any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_option_that_is_gone_keeps_its_name_over_a_start() {
    let node = MemoryNode::new(&[BUYER, SELLER]);
    *node.genesis.lock().expect("not poisoned") = Some(Arc::new(genesis()));
    node.tell(vec![Event::OptionListed {
        market: OPTION,
        symbol: NAME.to_owned(),
        universe: UniverseId::new(0),
        underlying: AssetId::new(2),
        expires_at_ms: TimeMs::new(1_800_000_000_000),
        strike: Price::new(120_000 * 100_000_000),
        right: OptionKind::Call,
    }]);
    node.tell(vec![Event::Traded(Trade {
        id: TradeId::new(1),
        market: OPTION,
        price: Price::new(250 * 100_000_000),
        size: Size::new(150),
        quote_usd: Usd::new(375 * 100_000_000),
        taker_side: Side::Buy,
        maker: side(SELLER, 1),
        taker: side(BUYER, 2),
    })]);
    let running = start_over(node, Limits::devnet()).await;
    let started = Instant::now();
    while get(running.address, "/status.json").await.json()["historyHeight"] != 2 {
        assert!(started.elapsed() < Duration::from_secs(10), "history catches up");
    }
    let request = format!(r#"{{"type":"userFills","user":"{BUYER}"}}"#);
    let fills = post(running.address, "/info", request).await.json();
    assert_eq!((&fills[0]["coin"], &fills[0]["sz"]), (&Value::from(NAME), &Value::from("1.5")), "{fills}");
}
