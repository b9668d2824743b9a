//! A gateway over a node in memory, and clients that speak raw HTTP and WebSocket to it.
//!
//! The node verifies signatures with the real code and matches orders by price and time, one block per action; it has
//! no margin and no consensus. What it cannot show is tested against a whole devnet by `tests/clients`.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod client;
pub mod exchange;
pub mod signing;

use async_trait::async_trait;
use exchange::Exchange;
use palisade_client::{
    api::{
        AccountInfo, ApiError, BalanceInfo, BlockRequests, Book, ComboBook, Combos, Debts, FinalizedBlock, MarginInfo,
        MarketInfo, NodeApi, PoolInfo, ReceiptInfo, SignerRole, Status, SyntheticInfo,
    },
    proof::{ProofBundle, ProofRequest},
    what_if::{MarginQuestion, WhatIf, WhatIfAnswer},
};
use palisade_gateway::{Gateway, GatewayConfig, Limits};
use palisade_types::{
    address::{AccountId, SignerId},
    envelope::SignedAction,
    event::{Event, MarginLevel},
    genesis::Genesis,
    hash::ActionId,
    ids::{AssetId, ComboId, Height, MarketId, OrderId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    oracle::SignedOracleVote,
    order::{OpenOrder, OrderReference},
    time::TimeMs,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

pub const CHAIN_ID: u64 = 4242;

/// A node in memory.
pub struct MemoryNode {
    pub exchange: Mutex<Exchange>,
    /// What it started from, if it says.
    pub genesis: Mutex<Option<Arc<Genesis>>>,
    /// Time that its status takes.
    pub status_takes: Mutex<Duration>,
    height: watch::Sender<u64>,
}

impl MemoryNode {
    pub fn new(accounts: &[AccountId]) -> Arc<Self> {
        Arc::new(Self {
            exchange: Mutex::new(Exchange::new(accounts)),
            genesis: Mutex::default(),
            status_takes: Mutex::default(),
            height: watch::channel(0).0,
        })
    }

    /// Puts a block with these events on the chain.
    pub fn tell(&self, events: Vec<Event>) {
        let height = self.with(|exchange| exchange.seal(None, events));
        self.height.send_replace(height.get());
    }

    fn with<T>(&self, work: impl FnOnce(&mut Exchange) -> T) -> T {
        work(&mut self.exchange.lock().expect("no test panics with the lock"))
    }
}

/// A running gateway; it ends with its runtime.
pub struct Running {
    pub node: Arc<MemoryNode>,
    pub address: SocketAddr,
}

/// Starts a gateway over a fresh node in which these accounts trade.
pub async fn start(accounts: &[AccountId], limits: Limits) -> Running {
    start_over(MemoryNode::new(accounts), limits).await
}

/// Starts a gateway over a node that may have a past.
pub async fn start_over(node: Arc<MemoryNode>, limits: Limits) -> Running {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = GatewayConfig { listen, limits, metrics: Some(Arc::new(|| "palisade_up 1\n".to_owned())) };
    let gateway = Gateway::bind(config, node.clone()).await.expect("a free port");
    let address = gateway.address();
    tokio::spawn(gateway.run(std::future::pending()));
    Running { node, address }
}

pub fn assets() -> Vec<AssetSpec> {
    let asset = |id, symbol: &str, decimals| AssetSpec {
        id: AssetId::new(id),
        symbol: symbol.into(),
        decimals,
        has_index: id > 0,
        collateral: None,
    };
    vec![asset(0, "USDC", 8), asset(1, "PURR", 5), asset(2, "BTC", 8)]
}

pub fn markets() -> Vec<MarketSpec> {
    let perpetual = MarketKind::Perpetual {
        underlying: AssetId::new(2),
        maximum_leverage: 40,
        open_interest_maximum: Size::MAX,
        position_maximum: Size::MAX,
        risk: Default::default(),
    };
    let spot = |base| MarketKind::Spot { base: AssetId::new(base), quote: AssetId::new(0) };
    let market = |id, symbol: &str, kind, size_decimals| MarketSpec {
        id: MarketId::new(id),
        symbol: symbol.into(),
        universe: UniverseId::new(0),
        kind,
        size_decimals,
        tick: Price::new(10_000_000),
        maker_fee: Rate::new(150),
        taker_fee: Rate::new(450),
        minimum_notional_usd: Usd::new(1_000_000_000),
        maximum_notional_usd: Usd::MAX,
        price_band: Rate::MAX,
        open_orders_per_account_max: 100,
    };
    let future = |expires_at_ms| MarketKind::Future {
        underlying: AssetId::new(2),
        expires_at_ms: TimeMs::new(expires_at_ms),
        maximum_leverage: 20,
        open_interest_maximum: Size::MAX,
        position_maximum: Size::MAX,
        risk: Default::default(),
    };
    vec![
        market(0, "BTC", perpetual, 5),
        market(10_000, "PURR/USDC", spot(1), 0),
        market(10_001, "BTC/USDC", spot(2), 5),
        // One is over, one is not: see `time_at`.
        market(110_000, "BTC-8JAN27", future(1_800_000_000_000 - 7 * 86_400_000), 5),
        market(110_001, "BTC-15JAN28", future(1_800_000_000_000 + 365 * 86_400_000), 5),
    ]
}

#[async_trait]
impl NodeApi for MemoryNode {
    async fn status(&self) -> Result<Status, ApiError> {
        let takes = *self.status_takes.lock().expect("no test panics with the lock");
        tokio::time::sleep(takes).await;
        Ok(self.with(|exchange| Status {
            chain_id: CHAIN_ID,
            chain_name: "memory <script>".into(),
            genesis_hash: Default::default(),
            protocol_version: 1,
            height: exchange.height(),
            digest: Default::default(),
            state_root: Default::default(),
            time_ms: exchange.time(),
            oldest_height: Height::new(1),
            seat_count: 1,
            seat: Some(0),
            voting: true,
            peers_connected: 0,
            mempool_actions: 0,
            mempool_own_actions: 0,
            clock_ms: exchange.time(),
            chain_halted: false,
            version: "0".into(),
        }))
    }

    async fn genesis(&self) -> Result<Arc<Genesis>, ApiError> {
        let genesis = self.genesis.lock().expect("no test panics with the lock").clone();
        genesis.ok_or_else(|| ApiError::Unavailable { reason: "this node has none".into() })
    }

    async fn block(&self, height: Height, wait_ms: u64) -> Result<Arc<FinalizedBlock>, ApiError> {
        let mut heights = self.height.subscribe();
        let there = heights.wait_for(|known| *known >= height.get());
        if tokio::time::timeout(Duration::from_millis(wait_ms), there).await.is_err() {
            return Err(ApiError::Timeout { timeout_ms: wait_ms });
        }
        self.with(|exchange| exchange.block(height)).ok_or(ApiError::NotFound { what: "block".into() })
    }

    async fn block_actions(&self, _: Height) -> Result<Vec<SignedAction>, ApiError> {
        Ok(Vec::new())
    }

    async fn submit(&self, action: SignedAction) -> Result<ActionId, ApiError> {
        let (id, height) =
            self.with(|exchange| exchange.submit(action)).map_err(|reason| ApiError::Inadmissible { reason })?;
        self.height.send_replace(height.get());
        Ok(id)
    }

    async fn submit_oracle_vote(&self, _: SignedOracleVote) -> Result<(), ApiError> {
        Ok(())
    }

    async fn receipt(&self, action: ActionId, wait_ms: u64) -> Result<ReceiptInfo, ApiError> {
        self.with(|exchange| exchange.receipt(action)).ok_or(ApiError::Timeout { timeout_ms: wait_ms })
    }

    async fn assets(&self) -> Result<Vec<AssetSpec>, ApiError> {
        Ok(assets())
    }

    async fn markets(&self) -> Result<Arc<Vec<MarketInfo>>, ApiError> {
        Ok(self.with(|exchange| {
            let info = |spec: MarketSpec| {
                let book = exchange.book(spec.id);
                let is_perpetual = spec.linear().is_some();
                MarketInfo {
                    index: is_perpetual.then_some(Price::new(11_700_000_000_000)),
                    index_time_ms: is_perpetual.then(|| exchange.time()),
                    mark: is_perpetual.then_some(Price::new(11_700_050_000_000)),
                    last: None,
                    best_bid: book.bids.first().map(|level| level.price),
                    best_ask: book.asks.first().map(|level| level.price),
                    open_interest: Size::ZERO,
                    funding: None,
                    option: None,
                    halted: false,
                    spec,
                }
            };
            Arc::new(markets().into_iter().map(info).collect())
        }))
    }

    async fn book(&self, market: MarketId, depth: u32) -> Result<Book, ApiError> {
        let mut book = self.with(|exchange| exchange.book(market));
        book.bids.truncate(depth as usize);
        book.asks.truncate(depth as usize);
        Ok(book)
    }

    async fn account(&self, account: AccountId) -> Result<AccountInfo, ApiError> {
        let (height, time_ms) = self.with(|exchange| (exchange.height(), exchange.time()));
        let known = self.with(|exchange| exchange.role(SignerId::Address(account)) != SignerRole::Unknown);
        let universe = UniverseId::new(0);
        let thousand = 100_000_000_000;
        let balance =
            BalanceInfo { universe, asset: AssetId::new(0), total: Amount::new(thousand), hold: Amount::ZERO };
        let margin = MarginInfo {
            universe,
            level: MarginLevel::Healthy,
            portfolio: false,
            equity_usd: Usd::new(thousand),
            initial_margin_usd: Usd::ZERO,
            maintenance_margin_usd: Usd::ZERO,
            withdrawable_usd: Usd::new(thousand),
            positions_value_usd: Usd::ZERO,
        };
        Ok(AccountInfo {
            account,
            height,
            time_ms,
            exists: known,
            balances: if known { vec![balance] } else { Vec::new() },
            positions: Vec::new(),
            margins: if known { vec![margin] } else { Vec::new() },
            agents: self.with(|exchange| exchange.agents(account)),
            leverages: Vec::new(),
            triggers: Vec::new(),
            twaps: Vec::new(),
            controller: None,
            sub_accounts: Vec::new(),
            vault: None,
            vault_stakes: Vec::new(),
            pool_stakes: Vec::new(),
            hyperliquid_compatible: known,
            scheduled_cancel_ms: None,
            actions_used: 3,
            actions_cap: 10_000,
            traded_usd: Usd::ZERO,
        })
    }

    async fn open_orders(&self, account: AccountId) -> Result<Vec<OpenOrder>, ApiError> {
        Ok(self.with(|exchange| exchange.open_orders(account)))
    }

    async fn open_order(&self, account: AccountId, order: OrderReference) -> Result<OpenOrder, ApiError> {
        let found = self.with(|exchange| {
            exchange.open_orders(account).into_iter().find(|open| match order {
                OrderReference::Id(id) => open.id == id,
                OrderReference::Client(client) => open.client_order_id == Some(client),
            })
        });
        found.ok_or(ApiError::NotFound { what: "order".into() })
    }

    async fn open_order_by_id(&self, _: OrderId) -> Result<OpenOrder, ApiError> {
        Err(ApiError::NotFound { what: "order".into() })
    }

    async fn signer_role(&self, signer: SignerId) -> Result<SignerRole, ApiError> {
        Ok(self.with(|exchange| exchange.role(signer)))
    }

    async fn margin(&self, _: WhatIf) -> Result<WhatIfAnswer, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no margin".into() })
    }

    async fn margin_question(&self, _: AccountId, _: UniverseId) -> Result<MarginQuestion, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no margin".into() })
    }

    async fn synthetics(&self) -> Result<Vec<SyntheticInfo>, ApiError> {
        Ok(Vec::new())
    }

    async fn debts(&self, _: AccountId) -> Result<Debts, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no synthetics".into() })
    }

    async fn combos(&self, _: ComboId, _: u32) -> Result<Combos, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no combos".into() })
    }

    async fn combo_book(&self, _: ComboId, _: u32) -> Result<ComboBook, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no combos".into() })
    }

    async fn block_requests(&self, _: AccountId) -> Result<BlockRequests, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no block trades".into() })
    }

    async fn pool(&self, _: MarketId) -> Result<PoolInfo, ApiError> {
        Err(ApiError::Unavailable { reason: "this node knows no pools".into() })
    }

    async fn prove(&self, _: ProofRequest) -> Result<ProofBundle, ApiError> {
        Err(ApiError::Unavailable { reason: "this node proves nothing".into() })
    }
}

/// Block time at a height.
pub fn time_at(height: u64) -> TimeMs {
    TimeMs::new(1_800_000_000_000 + height * 1_000)
}
