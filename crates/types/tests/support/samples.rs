//! One value per type and variant of everything that is hashed, signed or stored.

use super::{clearing_samples, multi_leg_samples, order_samples, synthetic_samples};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest, TransferDirection},
    address::{AccountId, Ed25519Key, SignerId},
    agent::{Agent, AgentScope},
    block::{Block, Body, ConsensusContext, Header, OperationsRange},
    codec,
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload, Signature, SignedAction},
    event::{CancelReason, Event, Trade, TradeSide},
    hash::{ActionId, BlockDigest, GenesisHash, Root},
    ids::{AssetId, ClientOrderId, Height, MarketId, Nonce, OrderId, SeatId, TradeId, UniverseId},
    market::{MarketKind, MarketSpec, OptionKind},
    numbers::{Amount, Position, Price, Rate, Shares, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote, SignedOracleVote},
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome, Receipt},
    rejection::{Inadmissible, Rejection},
    state_key::{BalanceId, Hold, OrderRecord, Table},
    time::TimeMs,
    vault::{Redemption, Tranche},
};
use serde::{Serialize, de::DeserializeOwned};

/// A value's encoding, with what its type makes of bytes.
pub struct Sample {
    /// `Type` or `Type::Variant`.
    pub name: String,
    /// The canonical encoding.
    pub bytes: Vec<u8>,
    /// Decodes bytes as the type and encodes the result again, or says what the decoder said.
    pub recode: fn(&[u8]) -> Result<Vec<u8>, String>,
    /// JSON of the value, and JSON read back and encoded, for types that JSON interfaces show.
    pub json: Option<(String, Vec<u8>)>,
}

const LIMIT_BYTES: usize = 1 << 20;

fn recode<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    codec::decode::<T>(bytes, LIMIT_BYTES).map(|value| codec::encode(&value)).map_err(|error| error.to_string())
}

fn plain<T: BorshSerialize + BorshDeserialize>(name: &str, value: &T) -> Sample {
    Sample { name: name.to_owned(), bytes: codec::encode(value), recode: recode::<T>, json: None }
}

fn shown<T: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned>(name: &str, value: &T) -> Sample {
    let text = serde_json::to_string(value).unwrap();
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error} in {text}"));
    Sample { json: Some((text, codec::encode(&again))), ..plain(name, value) }
}

/// The name that `Debug` gives an enum's variant.
fn variant(type_name: &str, value: &impl std::fmt::Debug) -> String {
    let shown = format!("{value:?}");
    let end = shown.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(shown.len());
    format!("{type_name}::{}", &shown[..end])
}

fn variants<T>(type_name: &str, values: &[T]) -> Vec<Sample>
where
    T: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned + std::fmt::Debug,
{
    values.iter().map(|value| shown(&variant(type_name, value), value)).collect()
}

pub fn account(number: u8) -> AccountId {
    AccountId([number; 20])
}

fn agent() -> SignerId {
    SignerId::Ed25519(Ed25519Key([0xed; 32]))
}

pub fn market() -> MarketId {
    MarketId::new(3)
}

pub fn time() -> TimeMs {
    TimeMs::new(1_700_000_000_000)
}

pub fn cloid() -> ClientOrderId {
    ClientOrderId([0xc1; 16])
}

pub fn price() -> Price {
    Price::new(6_543_210_000_000)
}

pub fn order_request(time_in_force: TimeInForce) -> OrderRequest {
    OrderRequest {
        market: market(),
        side: Side::Sell,
        price: price(),
        size: Size::new(250),
        time_in_force,
        reduce_only: true,
        client_order_id: Some(cloid()),
    }
}

fn open_order() -> OpenOrder {
    OpenOrder {
        id: OrderId::new(77),
        account: account(1),
        market: market(),
        side: Side::Buy,
        price: price(),
        remaining: Size::new(200),
        original: Size::new(250),
        reduce_only: false,
        time_in_force: TimeInForce::Gtt { expires_at_ms: time() },
        client_order_id: None,
        priority: 78,
        placed_at_ms: time(),
    }
}

pub fn actions() -> Vec<Action> {
    vec![
        Action::Place { orders: vec![order_request(TimeInForce::Gtc)] },
        Action::Cancel {
            cancels: vec![CancelRequest { market: market(), order: OrderReference::Id(OrderId::new(77)) }],
        },
        Action::Modify {
            modifies: vec![ModifyRequest {
                order: OrderReference::Client(cloid()),
                replacement: order_request(TimeInForce::Alo),
            }],
        },
        Action::CancelAll { market: Some(market()) },
        Action::ScheduleCancel { at_ms: Some(time()) },
        Action::UpdateLeverage { market: market(), leverage: 20, margin_mode: MarginMode::Cross },
        Action::ApproveAgent {
            agent: agent(),
            name: "bot".into(),
            scope: AgentScope::Trade,
            expires_at_ms: Some(time()),
        },
        Action::RevokeAgent { agent: SignerId::Address(account(5)) },
        Action::Transfer {
            universe: UniverseId::new(0),
            to: account(2),
            asset: AssetId::new(0),
            amount: Amount::new(123_456_789),
        },
        Action::ClaimFaucet { asset: AssetId::new(0) },
        Action::SetHyperliquidCompatibility { enabled: true },
        Action::UpdateIsolatedMargin { market: MarketId::new(1), amount_usd: Usd::new(-2) },
    ]
    .into_iter()
    .chain(clearing_samples::capital_actions())
    .collect()
}

pub fn payloads() -> Vec<Payload> {
    vec![
        Payload::Native { action: Action::CancelAll { market: None } },
        Payload::HyperliquidL1 {
            source: HyperliquidSource::Mainnet,
            action_msgpack: vec![0x81, 0xa4, b't', b'y', b'p', b'e', 0xa4, b'n', b'o', b'o', b'p'],
            vault: Some(account(6)),
        },
        Payload::HyperliquidUser {
            source: HyperliquidSource::Testnet,
            signature_chain_id: 421_614,
            action: HyperliquidUserAction::UsdSend { destination: "0xAb".into(), amount: "1.5".into() },
        },
    ]
}

fn envelope(payload: Payload) -> Envelope {
    Envelope {
        chain_id: 7777,
        signer: SignerId::Address(account(1)),
        account: account(1),
        nonce: Nonce::new(1_700_000_000_123),
        expires_after_ms: Some(time()),
        payload,
    }
}

pub fn signed_action(payload: Payload) -> SignedAction {
    SignedAction {
        envelope: envelope(payload),
        signature: Signature::Secp256k1 { compact: [0x5e; 64], recovery_id: 1 },
    }
}

fn inadmissibles() -> Vec<Inadmissible> {
    let signer = agent();
    let nonce = Nonce::new(9);
    let block_time_ms = time();
    vec![
        Inadmissible::WrongChain { expected: 1, found: 2 },
        Inadmissible::BadSignature { signer },
        Inadmissible::Malformed { reason: "x".into() },
        Inadmissible::BatchSize { found: 41, limit: 40 },
        Inadmissible::UnknownSigner { signer, account: account(1) },
        Inadmissible::AgentRetired { signer },
        Inadmissible::OutOfScope { signer, kind: "place".into() },
        Inadmissible::NonceUsed { nonce },
        Inadmissible::NonceTooLow { nonce, smallest_kept: Nonce::new(10) },
        Inadmissible::NonceOutOfWindow { nonce, block_time_ms },
        Inadmissible::Expired { expires_after_ms: time(), block_time_ms },
        Inadmissible::BudgetExhausted { used: 11, cap: 10 },
        Inadmissible::UnknownAccount { account: account(1) },
        Inadmissible::HyperliquidFormRefused { signer },
        Inadmissible::ChainHalted,
        Inadmissible::TooLarge { found_bytes: 20_000, limit_bytes: 16_384 },
        Inadmissible::AccountNotSigned { account: account(7) },
    ]
}

fn order_rejections() -> Vec<Rejection> {
    let (market, price, usd) = (market(), price(), Usd::new);
    vec![
        Rejection::UnknownMarket { market },
        Rejection::UnknownAsset { asset: AssetId::new(9) },
        Rejection::UnknownUniverse { universe: UniverseId::new(9) },
        Rejection::PriceNotPositive { price: Price::new(-1) },
        Rejection::OffTick { price, tick: Price::new(1_000_000) },
        Rejection::ZeroSize,
        Rejection::InvalidSize { size_decimals: 5 },
        Rejection::BelowMinimumNotional { notional: usd(1), minimum: usd(2) },
        Rejection::AboveMaximumNotional { notional: usd(2), maximum: usd(1) },
        Rejection::OutsidePriceBand { price, reference: Price::new(1) },
        Rejection::TooManyOpenOrders { open: 5, limit: 5 },
        Rejection::ClientOrderIdInUse { order: OrderId::new(7) },
        Rejection::WouldMatch { best_opposite: price },
        Rejection::NothingToMatch,
        Rejection::NotFillable { wanted: Size::new(2), available: Size::new(1) },
        Rejection::InsufficientMargin { required: usd(-2), available: usd(-3) },
        Rejection::InsufficientBalance { asset: AssetId::new(0), required: Amount::new(2), available: Amount::new(1) },
        Rejection::ReduceOnlyWouldIncrease { position: Position::new(-4) },
        Rejection::ReduceOnlyOnSpot { market },
        Rejection::OpenInterestCap { market, cap: Size::new(1) },
        Rejection::PositionCap { cap: Size::new(1) },
        Rejection::OrderNotOpen,
        Rejection::ModifyChangesMarketOrSide,
    ]
}

fn other_rejections() -> Vec<Rejection> {
    let (market, agent) = (market(), agent());
    vec![
        Rejection::TimeNotAhead { time_ms: time(), block_time_ms: time(), minimum_ahead_ms: 5000 },
        Rejection::LeverageOutOfRange { leverage: 51, maximum: 50 },
        Rejection::NoLeverage { market },
        Rejection::AgentNotFresh { agent },
        Rejection::TooManyAgents { limit: 16 },
        Rejection::NotYourAgent { agent },
        Rejection::InvalidName { limit_bytes: 64 },
        Rejection::AmountNotPositive { amount: Amount::new(0) },
        Rejection::InvalidRecipient { to: account(1) },
        Rejection::NoFaucet { asset: AssetId::new(1) },
        Rejection::FaucetTooSoon { next_ms: time() },
        Rejection::NoFreshPrice { market },
        Rejection::UniverseHalted { universe: UniverseId::new(0) },
        Rejection::Overflow,
        Rejection::InvariantViolated { invariant: "I1".into() },
        Rejection::Unsupported { feature: "twapOrder".into() },
        Rejection::InvalidNumber { field: "price".into() },
        Rejection::MarketExpired { market, expired_at_ms: time() },
        Rejection::NoIsolatedPosition { market: MarketId::new(1) },
        Rejection::IsolatedMarginNeeded { market: MarketId::new(1), short_usd: Usd::new(-2) },
        Rejection::NotYourSubAccount { sub_account: account(7) },
        Rejection::TooMany { what: "sub-accounts of one account".into(), limit: 10 },
        Rejection::NameInUse { name: "hedges".into() },
        Rejection::NotAMaster { account: account(7) },
    ]
}

fn trade() -> Trade {
    let side = |number| TradeSide {
        account: account(number),
        order: OrderId::new(u64::from(number)),
        client_order_id: Some(cloid()),
        fee_usd: Usd::new(-5),
        start_position: Position::new(-10),
        closed_pnl_usd: Usd::new(6),
    };
    Trade {
        id: TradeId::new(4),
        market: market(),
        price: price(),
        size: Size::new(3),
        quote_usd: Usd::new(19_629_630_000_000),
        taker_side: Side::Sell,
        maker: side(1),
        taker: side(2),
    }
}

fn events() -> Vec<Event> {
    let (universe, asset, amount, order) = (UniverseId::new(0), AssetId::new(0), Amount::new(9), open_order());
    let action = ActionId([0xac; 32]);
    vec![
        Event::Deposited { universe, account: account(1), asset, amount },
        Event::Transferred { universe, from: account(1), to: account(2), asset, amount },
        Event::OrderAccepted { order, action, immediate_or_cancel: false },
        Event::OrderRested { order },
        Event::OrderCanceled { order, reason: CancelReason::Requested },
        Event::OrderFilled { order },
        Event::OrderRejected {
            account: account(1),
            action,
            market: market(),
            side: Side::Buy,
            price: price(),
            size: Size::new(1),
            client_order_id: None,
            rejection: Rejection::ZeroSize,
        },
        Event::Traded(trade()),
        Event::AgentApproved {
            account: account(1),
            agent: agent(),
            name: String::new(),
            scope: AgentScope::CancelOnly,
            expires_at_ms: None,
        },
        Event::AgentRetired { account: account(1), agent: agent() },
        Event::LeverageUpdated {
            account: account(1),
            market: market(),
            leverage: 5,
            margin_mode: MarginMode::Isolated,
        },
        Event::CancelScheduled { account: account(1), at_ms: None },
        Event::IndexUpdated { asset, price: price(), time_ms: time(), sources: 3 },
        Event::MarkUpdated { market: market(), mark: price() },
        Event::UniverseHalted { universe, invariant: "I2".into() },
        Event::ChainHalted { invariant: "I1".into() },
        Event::HyperliquidCompatibilitySet { account: account(1), enabled: false },
    ]
}

fn receipt(outcome: Outcome) -> Receipt {
    Receipt { action: ActionId([0xac; 32]), signer: agent(), account: account(1), nonce: Nonce::new(5), outcome }
}

fn order_results() -> Vec<OrderResult> {
    vec![
        OrderResult::Rejected { rejection: Rejection::ZeroSize },
        OrderResult::Accepted {
            order: OrderId::new(7),
            client_order_id: Some(cloid()),
            filled: Size::new(1),
            filled_quote_usd: Usd::new(2),
            resting: Size::new(3),
            remainder_canceled: Some(CancelReason::ImmediateOrCancel),
        },
    ]
}

fn cancel_results() -> Vec<CancelResult> {
    vec![
        CancelResult::Rejected { rejection: Rejection::OrderNotOpen },
        CancelResult::Canceled { order: OrderId::new(7) },
    ]
}

fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::Rejected { rejection: Rejection::Overflow },
        Outcome::Done,
        Outcome::Orders { results: order_results() },
        Outcome::Cancels { results: cancel_results() },
        Outcome::AccountCreated { account: account(7) },
    ]
}

fn oracle_vote() -> OracleVote {
    OracleVote {
        chain_id: 7777,
        epoch: 2,
        round: 1_700_000_000,
        seat: SeatId::new(3),
        time_ms: time(),
        entries: vec![OracleEntry { asset: AssetId::new(1), price: price() }],
    }
}

fn oracle_bundle() -> OracleBundle {
    OracleBundle { votes: vec![SignedOracleVote { vote: oracle_vote(), signature: [0x0a; 64] }] }
}

fn header() -> Header {
    Header {
        chain_id: 7777,
        protocol_version: 1,
        height: Height::new(9),
        parent: BlockDigest([1; 32]),
        context: ConsensusContext {
            epoch: 2,
            view: 3,
            leader: Ed25519Key([4; 32]),
            parent_view: 2,
            parent: BlockDigest([1; 32]),
        },
        time_ms: time(),
        body_root: Root([5; 32]),
        oracle_bundle_root: Root([6; 32]),
        state_root: Root([7; 32]),
        operations_root: Root([8; 32]),
        operations_range: OperationsRange { start: 10, end: 20 },
        receipts_root: Root([9; 32]),
        events_root: Root([10; 32]),
        genesis_hash: GenesisHash([11; 32]),
        beacon: vec![12, 13],
    }
}

fn block() -> Block {
    let actions = payloads().into_iter().map(signed_action).collect();
    Block { header: header(), body: Body { oracle_bundle: Some(oracle_bundle()), actions } }
}

fn market_kinds() -> Vec<MarketKind> {
    vec![
        MarketKind::Spot { base: AssetId::new(1), quote: AssetId::new(0) },
        MarketKind::Perpetual {
            underlying: AssetId::new(1),
            maximum_leverage: 50,
            open_interest_maximum: Size::new(1_000_000),
            position_maximum: Size::new(100_000),
            risk: Default::default(),
        },
        MarketKind::Future {
            underlying: AssetId::new(1),
            expires_at_ms: TimeMs::new(1_700_000_000_001),
            maximum_leverage: 50,
            open_interest_maximum: Size::new(1_000_000),
            position_maximum: Size::new(100_000),
            risk: Default::default(),
        },
        MarketKind::Option {
            underlying: AssetId::new(1),
            expires_at_ms: TimeMs::new(1_700_000_000_001),
            strike: Price::new(6_000_000_000_000),
            right: OptionKind::Put,
            fee_share_maximum: Rate::new(125_000),
            open_interest_maximum: Size::new(1_000_000),
            position_maximum: Size::new(100_000),
            risk: Default::default(),
        },
    ]
}

fn market_spec(kind: MarketKind) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(0),
        symbol: "BTC".into(),
        universe: UniverseId::new(0),
        kind,
        size_decimals: 5,
        tick: Price::new(100_000_000),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(1_000_000_000),
        maximum_notional_usd: Usd::new(1_000_000_000_000_000),
        price_band: Rate::new(50_000),
        open_orders_per_account_max: 1000,
    }
}

fn small_enums() -> Vec<Sample> {
    let reasons = [
        CancelReason::Requested,
        CancelReason::Modified,
        CancelReason::ImmediateOrCancel,
        CancelReason::SelfTrade,
        CancelReason::Margin,
        CancelReason::ReduceOnly,
        CancelReason::Expired,
        CancelReason::Scheduled,
        CancelReason::MatchStepLimit,
        CancelReason::Liquidation,
        CancelReason::Cap,
        CancelReason::VaultWithdrawal,
        CancelReason::Delisted,
    ];
    let times_in_force = [
        TimeInForce::Gtc,
        TimeInForce::Ioc,
        TimeInForce::Alo,
        TimeInForce::Fok,
        TimeInForce::Gtt { expires_at_ms: time() },
    ];
    let user_actions = [
        HyperliquidUserAction::ApproveAgent { agent_address: account(4), agent_name: "bot valid_until 5".into() },
        HyperliquidUserAction::UsdSend { destination: "0xAb".into(), amount: "1.5".into() },
        HyperliquidUserAction::SpotSend { destination: "0xAb".into(), token: "USDC:0x6d".into(), amount: "1.5".into() },
        HyperliquidUserAction::UsdClassTransfer { amount: "1.5 subaccount:0xab".into(), to_perp: true },
        HyperliquidUserAction::SendAsset {
            destination: "0xAb".into(),
            source_dex: "".into(),
            destination_dex: "spot".into(),
            token: "USDC:0x6d".into(),
            amount: "1.5".into(),
            from_sub_account: "0xCd".into(),
        },
        HyperliquidUserAction::Withdraw { destination: "0xAb".into(), amount: "1.5".into() },
        HyperliquidUserAction::ApproveBuilderFee { max_fee_rate: "0.01%".into(), builder: account(6) },
        HyperliquidUserAction::UserDexAbstraction { user: account(1), enabled: true },
        HyperliquidUserAction::UserSetAbstraction { user: account(1), abstraction: "unifiedAccount".into() },
    ];
    let signatures = [Signature::Secp256k1 { compact: [1; 64], recovery_id: 1 }, Signature::Ed25519 { bytes: [2; 64] }];
    [
        variants("CancelReason", &reasons),
        variants("CancelReason", &order_samples::CANCEL_REASONS),
        variants("TimeInForce", &times_in_force),
        variants("HyperliquidUserAction", &user_actions),
        variants("Side", &[Side::Buy, Side::Sell]),
        variants("MarginMode", &[MarginMode::Cross, MarginMode::Isolated]),
        variants(
            "Redemption",
            &[
                Redemption::All,
                Redemption::Shares { shares: Shares::new(3) },
                Redemption::Value { amount_usd: Usd::new(4) },
            ],
        ),
        variants("Tranche", &[Tranche::Junior, Tranche::Senior]),
        variants("PoolFee", &palisade_types::pool::PoolFee::ALL),
        variants("TransferDirection", &[TransferDirection::Deposit, TransferDirection::Withdraw]),
        variants("AgentScope", &[AgentScope::Trade, AgentScope::CancelOnly]),
        variants("HyperliquidSource", &[HyperliquidSource::Mainnet, HyperliquidSource::Testnet]),
        variants("OrderReference", &[OrderReference::Id(OrderId::new(7)), OrderReference::Client(cloid())]),
        vec![shown("SignerId::Address", &SignerId::Address(account(1))), shown("SignerId::Ed25519", &agent())],
        signatures.iter().map(|value| plain(&variant("Signature", value), value)).collect(),
    ]
    .concat_samples()
}

trait ConcatSamples {
    fn concat_samples(self) -> Vec<Sample>;
}

impl<const COUNT: usize> ConcatSamples for [Vec<Sample>; COUNT] {
    fn concat_samples(self) -> Vec<Sample> {
        self.into_iter().flatten().collect()
    }
}

fn structs() -> Vec<Sample> {
    let record = Agent {
        account: account(1),
        name: "bot".into(),
        scope: AgentScope::Trade,
        expires_at_ms: Some(time()),
        approved_natively: true,
        retired: false,
    };
    let envelopes = payloads().into_iter().map(envelope);
    let mut samples: Vec<Sample> =
        envelopes.map(|value| shown(&variant("Envelope/Payload", &value.payload), &value)).collect();
    samples.extend([
        plain("SignedAction", &signed_action(Payload::Native { action: Action::CancelAll { market: None } })),
        shown("Agent", &record),
        shown("OpenOrder", &open_order()),
        shown("TriggerOrder", &order_samples::trigger_order()),
        shown("Twap", &order_samples::twap()),
        shown("BlockRequest", &multi_leg_samples::block_request()),
        shown("BlockQuote", &multi_leg_samples::block_quote()),
        shown("Combo", &multi_leg_samples::combo()),
        shown("ComboOrder", &multi_leg_samples::combo_order()),
        shown("OracleVote", &oracle_vote()),
        plain("OracleBundle", &oracle_bundle()),
        shown("Header", &header()),
        plain("Block", &block()),
        plain("Body", &Body::default()),
        shown("MarketSpec", &market_spec(market_kinds().remove(1))),
        shown("SyntheticSpec", &synthetic_samples::spec()),
        shown("Genesis", &crate::support::genesis::genesis()),
        shown("Receipt", &receipt(Outcome::Done)),
    ]);
    samples
}

fn state_records() -> Vec<Sample> {
    let tables = [
        Table::Chain,
        Table::Asset,
        Table::Universe,
        Table::Market,
        Table::MarketState,
        Table::Index,
        Table::Mark,
        Table::Account,
        Table::Agent,
        Table::Nonces,
        Table::Balance,
        Table::Custody,
        Table::Position,
        Table::MarginSetting,
        Table::Order,
        Table::FaucetClaim,
        Table::Funding,
        Table::MarginCall,
        Table::FundClaim,
        Table::Unreceived,
        Table::Trigger,
        Table::Twap,
        Table::Protection,
        Table::Quote,
        Table::SubAccount,
        Table::Vault,
        Table::VaultShare,
        Table::VaultWithdrawal,
        Table::Backstop,
        Table::BackstopShare,
        Table::Listing,
        Table::Settlement,
        Table::FutureSeries,
        Table::OptionExpiry,
        Table::OptionSeries,
        Table::PortfolioMode,
        Table::Synthetic,
        Table::Debt,
        Table::LiquidityPool,
        Table::PoolShare,
        Table::BlockRequest,
        Table::BlockQuote,
        Table::Combo,
        Table::ComboOrder,
    ];
    let (universe, asset) = (UniverseId::new(0), AssetId::new(2));
    let balance = (Table::Balance, BalanceId { account: account(1), universe, asset }, Amount::new(5));
    let record = OrderRecord {
        order: open_order(),
        notional_usd: Usd::new(13_086_420_000_000),
        hold: Some(Hold { universe, asset, amount: Amount::new(6) }),
    };
    let mut samples = variants("Table", &tables);
    samples.push(plain("Record/Balance", &balance));
    samples.push(plain("Record/Order", &(Table::Order, open_order().id, record)));
    samples
}

/// All of them.
pub fn samples() -> Vec<Sample> {
    [
        variants("Action", &actions()),
        variants("Action", &order_samples::actions()),
        variants("Payload", &payloads()),
        variants("Inadmissible", &inadmissibles()),
        variants("Rejection", &order_rejections()),
        variants("Rejection", &other_rejections()),
        variants("Rejection", &order_samples::rejections()),
        variants("Rejection", &clearing_samples::vault_rejections()),
        variants("Rejection", &clearing_samples::pool_rejections()),
        variants("Event", &events()),
        variants("Event", &clearing_samples::market_events()),
        variants("Event", &clearing_samples::margin_events()),
        variants("Event", &order_samples::events()),
        variants("Event", &clearing_samples::vault_events()),
        variants("Action", &synthetic_samples::actions()),
        variants("Event", &synthetic_samples::events()),
        variants("Rejection", &synthetic_samples::rejections()),
        variants("DebtLiquidationMethod", &synthetic_samples::METHODS),
        variants("Event", &clearing_samples::pool_events()),
        variants("Outcome", &outcomes()),
        variants("Outcome", &order_samples::outcomes()),
        variants("QuoteSideResult", &order_samples::quote_side_results()),
        variants("TriggerLink", &order_samples::trigger_links()),
        variants("TriggerGrouping", &order_samples::GROUPINGS),
        variants("TriggerPurpose", &order_samples::PURPOSES),
        variants("TwapEnd", &order_samples::TWAP_ENDS),
        variants("OrderResult", &order_results()),
        variants("OrderResult", &order_samples::order_results()),
        variants("CancelResult", &cancel_results()),
        variants("MarketKind", &market_kinds()),
        variants("Action", &multi_leg_samples::actions()),
        variants("Rejection", &multi_leg_samples::rejections()),
        variants("Event", &multi_leg_samples::events()),
        variants("Outcome", &multi_leg_samples::outcomes()),
        variants("BlockPrice", &multi_leg_samples::block_prices()),
        variants("BlockEnd", &multi_leg_samples::BLOCK_ENDS),
        variants("ComboTimeInForce", &multi_leg_samples::COMBO_TIMES_IN_FORCE),
        variants("ComboOrderEnd", &multi_leg_samples::COMBO_ORDER_ENDS),
        variants("LegsFault", &multi_leg_samples::legs_faults()),
        variants("MakerFault", &multi_leg_samples::MAKER_FAULTS),
        small_enums(),
        structs(),
        state_records(),
    ]
    .concat_samples()
}
