//! Records on disk: their bytes are pinned, and what is no engine's state is refused.

use super::{
    AccountRecord, BalanceId, ChainRecord, CustodyId, FaucetClaimId, Hold, IndexRecord, MarginSetting, MarkRecord,
    MarketState, MigrationProgress, NonceSet, OptionExpiryRecord, OrderRecord, PositionId, PositionRecord, Record,
    RecordKey, ScheduledUpgrade, SettlementRecord, State, StateError, UniverseRecord, Write,
};
use crate::{
    options::Pace,
    testing::{BTC, Venue, option_genesis, price},
};
use palisade_types::{
    address::{AccountId, Ed25519Key, SignerId},
    agent::{Agent, AgentScope},
    codec::DecodeError,
    hash::sha256,
    ids::{AssetId, ClientOrderId, Height, MarketId, Nonce, OrderId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, UniverseSpec},
    numbers::{Amount, Position, Price, Rate, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    time::TimeMs,
};

const ACCOUNT: AccountId = AccountId([0x11; 20]);
const MARKET: MarketId = MarketId::new(3);
const ASSET: AssetId = AssetId::new(2);
const UNIVERSE: UniverseId = UniverseId::new(1);
const MARGIN_SETTING: MarginSetting = MarginSetting { leverage: 8, mode: palisade_types::action::MarginMode::Cross };
const POSITION: PositionId = PositionId { account: ACCOUNT, market: MARKET };

fn standing() -> Vec<Record> {
    let chain = ChainRecord {
        height: Height::new(7),
        time_ms: TimeMs::new(8),
        protocol_version: 1,
        scheduled_upgrade: Some(ScheduledUpgrade { version: 2, height: Height::new(9) }),
        migration: Some(MigrationProgress { version: 1, cursor: Some(vec![1, 2]) }),
        next_order: 10,
        next_trade: 11,
        next_option: 4,
        oracle_round: Some(12),
        halted: Some("I1".to_owned()),
    };
    let spec = UniverseSpec { id: UNIVERSE, name: "core".to_owned(), collateral: ASSET };
    let kind = MarketKind::Perpetual {
        underlying: ASSET,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5),
        position_maximum: Size::new(6),
        risk: Default::default(),
    };
    let market = MarketSpec {
        id: MARKET,
        symbol: "BTC".to_owned(),
        universe: UNIVERSE,
        kind,
        size_decimals: 5,
        tick: Price::new(100),
        maker_fee: Rate::new(1),
        taker_fee: Rate::new(2),
        minimum_notional_usd: Usd::new(3),
        maximum_notional_usd: Usd::new(4),
        price_band: Rate::new(5),
        open_orders_per_account_max: 6,
    };
    let asset = AssetSpec { id: ASSET, symbol: "BTC".to_owned(), decimals: 8, has_index: true, collateral: None };
    vec![
        Record::Chain { id: (), record: chain },
        Record::Asset { id: ASSET, record: asset },
        Record::Universe { id: UNIVERSE, record: UniverseRecord { spec, halted: None, gated_since_ms: None } },
        Record::Market { id: MARKET, record: Box::new(market) },
        Record::MarketState { id: MARKET, record: MarketState { last_price: Some(Price::new(-1)) } },
        Record::Index {
            id: ASSET,
            record: IndexRecord {
                price: Price::new(5),
                time_ms: TimeMs::new(6),
                sources: 4,
                slow_price: Price::new(4),
                variance: 5,
            },
        },
        Record::Mark {
            id: MARKET,
            record: MarkRecord {
                price: Price::new(5),
                time_ms: TimeMs::new(6),
                basis_average: -7,
                slow_price: Price::new(4),
                volatility_fraction: Rate::new(3),
                market_fraction: Rate::new(4),
                depeg_addition: Rate::new(5),
                depth_usd: Usd::new(2),
            },
        },
    ]
}

fn belongings() -> Vec<Record> {
    let account = AccountRecord {
        created_at_ms: TimeMs::new(1),
        actions_used: 2,
        volume_usd: Usd::new(3),
        cancel_all_at_ms: Some(TimeMs::new(4)),
        hyperliquid_compatible: true,
    };
    let agent = Agent {
        account: ACCOUNT,
        name: "bot".to_owned(),
        scope: AgentScope::CancelOnly,
        expires_at_ms: Some(TimeMs::new(5)),
        approved_natively: true,
        retired: false,
    };
    let mut nonces = NonceSet::default();
    nonces.insert(Nonce::new(2));
    nonces.insert(Nonce::new(1));
    let order = OpenOrder {
        id: OrderId::new(9),
        account: ACCOUNT,
        market: MARKET,
        side: Side::Sell,
        price: Price::new(100),
        remaining: Size::new(1),
        original: Size::new(2),
        reduce_only: true,
        time_in_force: TimeInForce::Gtt { expires_at_ms: TimeMs::new(77) },
        client_order_id: Some(ClientOrderId([0x22; 16])),
        priority: 10,
        placed_at_ms: TimeMs::new(70),
    };
    let hold = Some(Hold { universe: UNIVERSE, asset: ASSET, amount: Amount::new(5) });
    let signer = SignerId::Ed25519(Ed25519Key([0x33; 32]));
    let position = PositionRecord {
        position: Position::new(-4),
        entry_cost_usd: Usd::new(-400),
        funding_index: Default::default(),
    };
    vec![
        Record::Account { id: ACCOUNT, record: account },
        Record::Agent { id: signer, record: agent },
        Record::Nonces { id: SignerId::Address(ACCOUNT), record: nonces },
        Record::Balance {
            id: BalanceId { account: ACCOUNT, universe: UNIVERSE, asset: ASSET },
            record: Amount::new(6),
        },
        Record::Custody { id: CustodyId { universe: UNIVERSE, asset: ASSET }, record: Amount::new(7) },
        Record::Position { id: POSITION, record: position },
        Record::MarginSetting { id: POSITION, record: MARGIN_SETTING },
        Record::Order { id: order.id, record: OrderRecord { order, notional_usd: Usd::new(100), hold } },
        Record::FaucetClaim { id: FaucetClaimId { account: ACCOUNT, asset: ASSET }, record: TimeMs::new(9) },
    ]
}

/// Per record: the first bytes of the database key, and of SHA-256 of the value. A change here changes every
/// state root: it needs a new protocol version and a migration.
const PINNED: [(&str, &str); 16] = [
    ("4bf5122f344554c5", "08a9a915f83d4c3d"),
    ("46090cbfcb0371db", "2f3f68ddf06b6bb1"),
    ("395c561424653325", "4abeb18068107845"),
    ("8c9d3cc07e256564", "38da25ffc2f70ec9"),
    ("c15b83f3a42e8d38", "42b3f1d318acf44a"),
    ("fe3a8dd401157454", "3a758b275f221682"),
    ("fd6f281428060edc", "cf79aec55a341b1d"),
    ("1c18226136e77a3e", "fb0bc5287f07f412"),
    ("9f3d458b813743ed", "81367c227d53f965"),
    ("634dcf425a7f0151", "32f1d16d1fe3eae4"),
    ("6132af220d30ec6c", "86d467e57c04db22"),
    ("763e6753033300a8", "11926fedafd0aeb1"),
    ("842292c3f4b2e55e", "205f1631a386fe1d"),
    ("9bc6796b61626d12", "ef7d248b930a33b8"),
    ("ece2168bf82d9d61", "d8c14fc8caee0ab6"),
    ("6b90700b6848ed6d", "0769cb5754aa2f84"),
];

fn short_hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keys_and_values_of_records_are_pinned() {
    let records: Vec<Record> = standing().into_iter().chain(belongings()).collect();
    let found: Vec<(String, String)> = records
        .iter()
        .map(|record| (short_hex(&record.key().database_key()), short_hex(&sha256(&[&record.encode()]))))
        .collect();
    let pinned: Vec<(String, String)> = PINNED.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    assert_eq!(found, pinned);
    for record in records {
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Ok(record));
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        assert!(Record::decode(&longer).is_err(), "no trailing bytes");
        for length in 0..bytes.len() {
            assert!(Record::decode(&bytes[..length]).is_err(), "no cut records");
        }
    }
}

#[test]
fn what_is_no_state_is_refused() {
    let values = |records: Vec<Record>| records.into_iter().map(|record| record.encode());
    assert_eq!(State::from_records(std::iter::empty()), Ok(State::default()));
    let twice = standing().into_iter().chain(standing()).collect();
    assert!(matches!(State::from_records(values(twice)), Err(StateError::Duplicate { .. })));
    assert_eq!(State::from_records(values(belongings())), Err(StateError::NoChainRecord));
    let unknown_version = State::from_records([vec![2, 1]].into_iter());
    let source = DecodeError::UnknownVersion { found: 2 };
    assert_eq!(unknown_version, Err(StateError::Malformed { source }));
    let unknown_table = State::from_records([vec![1, 99]].into_iter());
    assert!(matches!(unknown_table, Err(StateError::Malformed { .. })));
}

#[test]
fn a_write_that_is_misnamed_is_refused() {
    let mut state = Venue::new().state().clone();
    let before = state.clone();
    let name = RecordKey::MarginSetting(POSITION);
    let value = Some(
        Record::MarginSetting { id: PositionId { market: MarketId::new(4), ..POSITION }, record: MARGIN_SETTING }
            .encode(),
    );
    let write = Write { key: name.database_key(), name, value };
    assert!(matches!(state.apply_record(&write), Err(StateError::Misnamed { .. })));
    assert_eq!(state, before);
}

/// Every strike listed and every index measured in a window made all marks of the expiry anew and forgot all its risks, up to 32
/// times a block, though neither moves a mark. The settlement price does.
#[test]
fn only_what_moves_marks_makes_them_anew() {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    let option = MarketId::new(MarketId::FIRST_OPTION);
    let (id, listed) = venue.state().option_expiries().map(|(id, record)| (id, *record)).next().expect("it is listed");
    assert!(venue.state().option_risk(option, Pace::Now).is_some());
    let settled = SettlementRecord::of_option(price("101"), TimeMs::new(8));
    let measured = SettlementRecord { price: None, ..settled };
    let cases = [
        (OptionExpiryRecord { strike_highest: price("103"), ..listed }, true),
        (OptionExpiryRecord { settlement: Some(measured), ..listed }, true),
        (OptionExpiryRecord { settlement: Some(settled), ..listed }, false),
        // What an undo puts back.
        (listed, false),
        (OptionExpiryRecord { forward: price("101"), ..listed }, false),
        (OptionExpiryRecord { slow_forward: price("99"), ..listed }, false),
        (OptionExpiryRecord { as_of_ms: TimeMs::new(9), ..listed }, false),
    ];
    for (record, is_kept) in cases {
        venue.damage(Record::OptionExpiry { id, record: Box::new(record) });
        let state = venue.state();
        assert_eq!(state.indices.option_risks.get(option, Pace::Now, || None).is_some(), is_kept, "{record:?}");
        assert_eq!(state.option_risk(option, Pace::Now).is_some(), record.settlement_price().is_none());
        assert_eq!(*state, state.rebuilt(), "{record:?}");
    }
}
