//! A node in memory that notes what it is asked and answers with fixed values: for the transport alone.

mod products;

use async_trait::async_trait;
use palisade_client::{
    api::{
        AccountInfo, ApiError, BalanceInfo, BlockRequests, Book, BookLevel, ComboBook, Combos, Debts, FinalizedBlock,
        MarginInfo, MarketInfo, NodeApi, PoolInfo, PositionInfo, ReceiptInfo, SignerRole, Status, SubAccountInfo,
        SyntheticInfo,
    },
    proof::{ProofBundle, ProofRequest},
    what_if::{
        LeftOut, MarginQuestion, WhatIf, WhatIfAnswer, WhatIfExpiry, WhatIfExpiryAnswer, WhatIfOption,
        WhatIfOptionAnswer,
    },
};
use palisade_types::{
    action::{Action, MarginMode},
    address::{AccountId, Ed25519Key, SignerId},
    agent::{Agent, AgentScope},
    block::{ConsensusContext, Header, OperationsRange},
    envelope::{Envelope, Payload, SignedAction},
    event::{CancelReason, Event, MarginLevel},
    genesis::{ActionBudgetTerms, Genesis, Seat, StorageTerms},
    hash::{ActionId, BlockDigest, GenesisHash, Root},
    ids::{AssetId, ClientOrderId, ComboId, Height, MarketId, Nonce, OrderId, SeatId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, OptionKind},
    numbers::{Amount, Position, Price, Rate, Size, Usd},
    oracle::SignedOracleVote,
    order::{OpenOrder, OrderReference, Side, TimeInForce},
    receipt::{OrderResult, Outcome, Receipt},
    rejection::Rejection,
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

pub use products::{block_requests, combo_book, combos, debts, pool, synthetic};

/// What the node does instead of answering.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    /// Answer.
    #[default]
    Normal,
    /// Refuse everything.
    Refuse(ApiError),
    /// Panic.
    Panic,
    /// Answer once a permit is given.
    Blocked,
}

/// The node.
#[derive(Debug)]
pub struct Fake {
    pub mood: Mutex<Mood>,
    pub gate: Semaphore,
    pub entered: AtomicUsize,
    pub asked: Mutex<Vec<String>>,
    pub status: Mutex<Status>,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            mood: Mutex::default(),
            gate: Semaphore::new(0),
            entered: AtomicUsize::new(0),
            asked: Mutex::default(),
            status: Mutex::new(status()),
        })
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn last_asked(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    async fn enter(&self, asked: String) -> Result<(), ApiError> {
        self.asked.lock().unwrap().push(asked);
        self.entered.fetch_add(1, Ordering::SeqCst);
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Normal => Ok(()),
            Mood::Refuse(error) => Err(error),
            Mood::Panic => panic!("this node panics on purpose"),
            Mood::Blocked => {
                self.gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }
}

#[async_trait]
impl NodeApi for Fake {
    async fn status(&self) -> Result<Status, ApiError> {
        self.enter("status".to_owned()).await?;
        Ok(self.status.lock().unwrap().clone())
    }

    async fn genesis(&self) -> Result<Arc<Genesis>, ApiError> {
        self.enter("genesis".to_owned()).await?;
        Ok(Arc::new(genesis()))
    }

    async fn block(&self, height: Height, wait_ms: u64) -> Result<Arc<FinalizedBlock>, ApiError> {
        self.enter(format!("block {height} {wait_ms}")).await?;
        Ok(Arc::new(block()))
    }

    async fn block_actions(&self, height: Height) -> Result<Vec<SignedAction>, ApiError> {
        self.enter(format!("block_actions {height}")).await?;
        Ok(vec![action(), action()])
    }

    async fn submit(&self, action: SignedAction) -> Result<ActionId, ApiError> {
        self.enter(format!("submit {action:?}")).await?;
        Ok(action.id())
    }

    async fn submit_oracle_vote(&self, vote: SignedOracleVote) -> Result<(), ApiError> {
        self.enter(format!("submit_oracle_vote {vote:?}")).await
    }

    async fn receipt(&self, action: ActionId, wait_ms: u64) -> Result<ReceiptInfo, ApiError> {
        self.enter(format!("receipt {action} {wait_ms}")).await?;
        Ok(receipt_info())
    }

    async fn assets(&self) -> Result<Vec<AssetSpec>, ApiError> {
        self.enter("assets".to_owned()).await?;
        Ok(vec![asset()])
    }

    async fn markets(&self) -> Result<Arc<Vec<MarketInfo>>, ApiError> {
        self.enter("markets".to_owned()).await?;
        Ok(Arc::new(vec![market()]))
    }

    async fn book(&self, market: MarketId, depth: u32) -> Result<Book, ApiError> {
        self.enter(format!("book {market} {depth}")).await?;
        Ok(book())
    }

    async fn account(&self, account: AccountId) -> Result<AccountInfo, ApiError> {
        self.enter(format!("account {account}")).await?;
        Ok(account_info())
    }

    async fn open_orders(&self, account: AccountId) -> Result<Vec<OpenOrder>, ApiError> {
        self.enter(format!("open_orders {account}")).await?;
        Ok(vec![order()])
    }

    async fn open_order(&self, account: AccountId, reference: OrderReference) -> Result<OpenOrder, ApiError> {
        self.enter(format!("open_order {account} {reference:?}")).await?;
        Ok(order())
    }

    async fn open_order_by_id(&self, id: OrderId) -> Result<OpenOrder, ApiError> {
        self.enter(format!("open_order_by_id {id}")).await?;
        Ok(order())
    }

    async fn signer_role(&self, signer: SignerId) -> Result<SignerRole, ApiError> {
        self.enter(format!("signer_role {signer}")).await?;
        Ok(SignerRole::Agent { agent: agent() })
    }

    async fn margin(&self, question: WhatIf) -> Result<WhatIfAnswer, ApiError> {
        self.enter(format!("margin {}", question.cash_usd)).await?;
        Ok(margin_answer())
    }

    async fn margin_question(&self, account: AccountId, universe: UniverseId) -> Result<MarginQuestion, ApiError> {
        self.enter(format!("margin_question {account} {universe}")).await?;
        Ok(margin_question())
    }

    async fn combos(&self, from: ComboId, limit: u32) -> Result<Combos, ApiError> {
        self.enter(format!("combos {from} {limit}")).await?;
        Ok(combos())
    }

    async fn synthetics(&self) -> Result<Vec<SyntheticInfo>, ApiError> {
        self.enter("synthetics".to_owned()).await?;
        Ok(vec![synthetic()])
    }

    async fn debts(&self, account: AccountId) -> Result<Debts, ApiError> {
        self.enter(format!("debts {account}")).await?;
        Ok(debts())
    }

    async fn combo_book(&self, combo: ComboId, depth: u32) -> Result<ComboBook, ApiError> {
        self.enter(format!("combo_book {combo} {depth}")).await?;
        Ok(combo_book())
    }

    async fn block_requests(&self, account: AccountId) -> Result<BlockRequests, ApiError> {
        self.enter(format!("block_requests {account}")).await?;
        Ok(block_requests())
    }

    async fn pool(&self, market: MarketId) -> Result<PoolInfo, ApiError> {
        self.enter(format!("pool {market}")).await?;
        Ok(pool())
    }

    async fn prove(&self, request: ProofRequest) -> Result<ProofBundle, ApiError> {
        self.enter(format!("prove {request:?}")).await?;
        Ok(bundle())
    }
}

pub fn margin_question() -> MarginQuestion {
    let question = WhatIf {
        cash_usd: Usd::new(7),
        held_usd: Usd::ZERO,
        collateral: Vec::new(),
        positions: Vec::new(),
        expiries: vec![WhatIfExpiry {
            underlying: "BTC".to_owned(),
            forward: Price::new(5),
            slow_forward: Some(Price::new(4)),
            time_ms: 6,
        }],
        options: vec![WhatIfOption {
            market: "BTC-4DEC26-120000-C".to_owned(),
            expiry: 0,
            kind: OptionKind::Call,
            strike: Price::new(7),
            lots: Position::new(-8),
            size_decimals: 5,
            volatility: Some("0.55".parse().expect("a volatility")),
            mark: None,
            slow_mark: None,
        }],
        portfolio: true,
        quote_index: Some(Price::new(100_000_000)),
    };
    let left_out = vec![
        LeftOut::OpenOrders { market: "BTC".to_owned() },
        LeftOut::IsolatedPosition { market: "ETH".to_owned() },
        LeftOut::Debt { asset: "pBTC".to_owned() },
    ];
    MarginQuestion { question, left_out }
}

pub fn margin_answer() -> WhatIfAnswer {
    WhatIfAnswer {
        positions: Vec::new(),
        options: vec![WhatIfOptionAnswer { market: "C".to_owned(), mark: Price::new(1), value_usd: Usd::new(-2) }],
        expiries: vec![WhatIfExpiryAnswer {
            expiry: 0,
            value_usd: Usd::new(-2),
            initial_usd: Usd::new(3),
            maintenance_usd: Usd::new(4),
            unconfirmed_need_usd: Usd::new(5),
        }],
        portfolios: Vec::new(),
        options_value_usd: Usd::new(-2),
        unconfirmed_need_usd: Usd::new(5),
        collateral_initial_usd: Usd::new(1),
        collateral_maintenance_usd: Usd::new(2),
        equity_usd: Usd::new(3),
        initial_equity_usd: Usd::new(4),
        initial_usd: Usd::new(5),
        maintenance_usd: Usd::new(6),
        health_usd: Usd::new(-3),
        withdrawable_usd: Usd::ZERO,
        level: MarginLevel::Liquidatable,
    }
}

pub fn key() -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes([9; 32])
}

pub fn action() -> SignedAction {
    key().sign(Envelope {
        chain_id: 77,
        signer: key().signer_id(),
        account: AccountId([1; 20]),
        nonce: Nonce::new(1_700_000_000_000),
        expires_after_ms: Some(TimeMs::new(5)),
        payload: Payload::Native { action: Action::CancelAll { market: Some(MarketId::new(3)) } },
    })
}

pub fn status() -> Status {
    Status {
        chain_id: u64::MAX,
        chain_name: "fake \"chain\"".to_owned(),
        genesis_hash: GenesisHash([1; 32]),
        protocol_version: 1,
        height: Height::new(12),
        digest: BlockDigest([2; 32]),
        state_root: Root([3; 32]),
        time_ms: TimeMs::new(1_700_000_000_000),
        oldest_height: Height::new(1),
        seat_count: 4,
        seat: Some(2),
        voting: true,
        peers_connected: 3,
        mempool_actions: 5,
        mempool_own_actions: 2,
        clock_ms: TimeMs::new(1_700_000_060_000),
        chain_halted: false,
        version: "0.1.0".to_owned(),
    }
}

pub fn genesis() -> Genesis {
    Genesis {
        chain_id: 77,
        name: "fake".to_owned(),
        time_ms: TimeMs::new(1),
        seats: vec![Seat {
            id: SeatId::new(0),
            name: "seat".to_owned(),
            vote_key: Ed25519Key([4; 32]),
            oracle_key: Ed25519Key([5; 32]),
        }],
        assets: vec![asset()],
        universes: Vec::new(),
        markets: vec![market().spec],
        balances: Vec::new(),
        hyperliquid_compatible: vec![AccountId([6; 20])],
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms { initial: 1, per_usd_traded: 2, refill_interval_ms: 3, cancel_allowance: 4 },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}

pub fn header() -> Header {
    Header {
        chain_id: 77,
        protocol_version: 1,
        height: Height::new(12),
        parent: BlockDigest([1; 32]),
        context: ConsensusContext {
            epoch: 0,
            view: 13,
            leader: Ed25519Key([4; 32]),
            parent_view: 12,
            parent: BlockDigest([1; 32]),
        },
        time_ms: TimeMs::new(9),
        body_root: Root([1; 32]),
        oracle_bundle_root: Root([2; 32]),
        state_root: Root([3; 32]),
        operations_root: Root([4; 32]),
        operations_range: OperationsRange { start: 5, end: 6 },
        receipts_root: Root([7; 32]),
        events_root: Root([8; 32]),
        genesis_hash: GenesisHash::default(),
        beacon: vec![1, 2, 3],
    }
}

pub fn order() -> OpenOrder {
    OpenOrder {
        id: OrderId::new(8),
        account: AccountId([1; 20]),
        market: MarketId::new(0),
        side: Side::Buy,
        price: Price::new(123_456_789),
        remaining: Size::new(2),
        original: Size::new(3),
        reduce_only: true,
        time_in_force: TimeInForce::Gtt { expires_at_ms: TimeMs::new(99) },
        client_order_id: Some(ClientOrderId([5; 16])),
        priority: 8,
        placed_at_ms: TimeMs::new(7),
    }
}

pub fn receipt() -> Receipt {
    let results = vec![
        OrderResult::Rejected { rejection: Rejection::OffTick { price: Price::new(1), tick: Price::new(10) } },
        OrderResult::Accepted {
            order: OrderId::new(8),
            client_order_id: None,
            filled: Size::new(u64::MAX),
            filled_quote_usd: Usd::new(i128::MIN),
            resting: Size::ZERO,
            remainder_canceled: Some(CancelReason::MatchStepLimit),
        },
    ];
    Receipt {
        action: action().id(),
        signer: key().signer_id(),
        account: AccountId([1; 20]),
        nonce: Nonce::new(1_700_000_000_000),
        outcome: Outcome::Orders { results },
    }
}

pub fn receipt_info() -> ReceiptInfo {
    ReceiptInfo { height: Height::new(12), time_ms: TimeMs::new(9), index: 3, receipt: receipt() }
}

pub fn block() -> FinalizedBlock {
    FinalizedBlock {
        digest: header().digest(),
        header: header(),
        receipts: vec![receipt()],
        events: vec![
            Event::OrderRested { order: order() },
            Event::ChainHalted { invariant: "I1".to_owned() },
            Event::MarkUpdated { market: MarketId::new(0), mark: Price::new(i64::MIN) },
        ],
    }
}

pub fn asset() -> AssetSpec {
    AssetSpec { id: AssetId::new(0), symbol: "USDC".to_owned(), decimals: 8, has_index: false, collateral: None }
}

pub fn market() -> MarketInfo {
    MarketInfo {
        spec: MarketSpec {
            id: MarketId::new(0),
            symbol: "BTC".to_owned(),
            universe: UniverseId::new(0),
            kind: MarketKind::Perpetual {
                underlying: AssetId::new(1),
                maximum_leverage: 50,
                open_interest_maximum: Size::new(1_000),
                position_maximum: Size::new(100),
                risk: Default::default(),
            },
            size_decimals: 5,
            tick: Price::new(100_000_000),
            maker_fee: Rate::new(150),
            taker_fee: Rate::new(450),
            minimum_notional_usd: Usd::new(1_000_000_000),
            maximum_notional_usd: Usd::new(1_000_000_000_000_000),
            price_band: Rate::new(100_000),
            open_orders_per_account_max: 1_000,
        },
        index: Some(Price::new(1)),
        index_time_ms: Some(TimeMs::new(2)),
        mark: Some(Price::new(3)),
        last: None,
        best_bid: Some(Price::new(4)),
        best_ask: None,
        open_interest: Size::new(5),
        funding: None,
        option: None,
        halted: true,
    }
}

pub fn book() -> Book {
    let level = BookLevel { price: Price::new(5), size: Size::new(6), orders: 7 };
    Book {
        market: MarketId::new(0),
        height: Height::new(12),
        time_ms: TimeMs::new(9),
        bids: vec![level.clone(), level],
        asks: Vec::new(),
    }
}

pub fn agent() -> Agent {
    Agent {
        account: AccountId([1; 20]),
        name: "bot".to_owned(),
        scope: AgentScope::CancelOnly,
        expires_at_ms: None,
        approved_natively: true,
        retired: false,
    }
}

pub fn account_info() -> AccountInfo {
    AccountInfo {
        account: AccountId([1; 20]),
        height: Height::new(12),
        time_ms: TimeMs::new(9),
        exists: true,
        balances: vec![BalanceInfo {
            universe: UniverseId::new(0),
            asset: AssetId::new(0),
            total: Amount::new(i128::MAX),
            hold: Amount::new(1),
        }],
        positions: vec![PositionInfo {
            market: MarketId::new(0),
            size: Position::new(-3),
            cost_usd: Usd::new(-1),
            mark: None,
            value_usd: Usd::new(2),
            unrealised_pnl_usd: Usd::new(3),
            initial_margin_usd: Usd::new(4),
            maintenance_margin_usd: Usd::new(5),
            liquidation_price: Some(Price::new(6)),
            leverage: 7,
            margin_mode: MarginMode::Cross,
            collateral_usd: Usd::ZERO,
            owed_funding_usd: Usd::new(8),
        }],
        margins: vec![MarginInfo {
            universe: UniverseId::new(0),
            level: MarginLevel::Called,
            portfolio: true,
            equity_usd: Usd::new(1),
            initial_margin_usd: Usd::new(2),
            maintenance_margin_usd: Usd::new(3),
            withdrawable_usd: Usd::new(4),
            positions_value_usd: Usd::new(5),
        }],
        agents: vec![(key().signer_id(), agent())],
        leverages: vec![(MarketId::new(0), 20)],
        triggers: Vec::new(),
        twaps: Vec::new(),
        controller: Some(AccountId([2; 20])),
        sub_accounts: vec![SubAccountInfo { account: AccountId([3; 20]), name: "hedges".to_owned() }],
        vault: None,
        vault_stakes: Vec::new(),
        pool_stakes: Vec::new(),
        hyperliquid_compatible: true,
        scheduled_cancel_ms: None,
        actions_used: 1,
        actions_cap: 2,
        traded_usd: Usd::new(3),
    }
}

pub fn bundle() -> ProofBundle {
    ProofBundle {
        request: ProofRequest::Order { order: OrderId::new(8) },
        height: Height::new(12),
        headers: vec!["0x00".to_owned()],
        certificate: "0x01".to_owned(),
        value: None,
        proof: "0x02".to_owned(),
    }
}
