//! The exchange of every run: one spot market, one perpetual, a few funded people, a committee of four.
//!
//! Keys are derived from names, so that a replayed seed signs the same bytes.

use commonware_cryptography::{Signer as _, ed25519};
use palisade_types::{
    address::{AccountId, Ed25519Key},
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::sha256,
    ids::{AssetId, MarketId, SeatId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
};

/// Seats of the committee: the least that tolerates a fault.
pub const SEATS: usize = 4;
/// People who trade.
pub const PEOPLE: usize = 6;
/// The chain's id.
pub const CHAIN_ID: u64 = 1_337;
/// The collateral.
pub const USDC: AssetId = AssetId::new(0);
/// What is traded.
pub const BTC: AssetId = AssetId::new(1);
/// The only universe.
pub const CORE: UniverseId = UniverseId::new(0);
/// The perpetual market.
pub const PERPETUAL: MarketId = MarketId::new(0);
/// The spot market.
pub const SPOT: MarketId = MarketId::new(10_000);
/// When every run begins.
pub const GENESIS_TIME: TimeMs = TimeMs::new(1_700_000_000_000);
/// Parts of one unit of an asset or a USD.
pub const WHOLE: i64 = 100_000_000;
/// Where the price of BTC begins, in whole USD.
pub const FIRST_PRICE_USD: i64 = 1_000;

/// The vote key of a seat.
pub fn vote_key(seat: usize) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(100 + seat as u64)
}

/// The oracle key of a seat.
pub fn oracle_key(seat: usize) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"oracle key ", &seat.to_be_bytes()]))
}

/// The key of a person.
pub fn person_key(person: usize) -> Secp256k1SecretKey {
    let seed = sha256(&[b"person ", &person.to_be_bytes()]);
    Secp256k1SecretKey::from_bytes(seed).expect("a hash below the group order is a key")
}

/// The account of a person.
pub fn account(person: usize) -> AccountId {
    person_key(person).address()
}

fn market(id: MarketId, symbol: &str, kind: MarketKind) -> MarketSpec {
    MarketSpec {
        id,
        symbol: symbol.to_owned(),
        universe: CORE,
        kind,
        size_decimals: 0,
        tick: Price::new(WHOLE / 2),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(10 * i128::from(WHOLE)),
        maximum_notional_usd: Usd::new(10_000_000 * i128::from(WHOLE)),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 50,
    }
}

fn seats() -> Vec<Seat> {
    let seat = |(index, id): (usize, u32)| {
        let mut vote = [0u8; 32];
        vote.copy_from_slice(vote_key(index).public_key().as_ref());
        Seat {
            id: SeatId::new(id),
            name: format!("seat-{index}"),
            vote_key: Ed25519Key(vote),
            oracle_key: oracle_key(index).public_key(),
        }
    };
    (0..SEATS).zip(0u32..).map(seat).collect()
}

/// What every run starts from. The budget is small, so that people run out of it.
pub fn genesis() -> Genesis {
    let asset = |id, symbol: &str, has_index| AssetSpec {
        id,
        symbol: symbol.to_owned(),
        decimals: 8,
        has_index,
        collateral: None,
    };
    let balance = |person, asset, whole: i64| GenesisBalance {
        universe: CORE,
        account: account(person),
        asset,
        amount: Amount::new(i128::from(whole) * i128::from(WHOLE)),
    };
    let perpetual = MarketKind::Perpetual {
        underlying: BTC,
        maximum_leverage: 20,
        open_interest_maximum: Size::new(2_000),
        position_maximum: Size::new(1_000),
        risk: Default::default(),
    };
    Genesis {
        chain_id: CHAIN_ID,
        name: "simulated".to_owned(),
        time_ms: GENESIS_TIME,
        seats: seats(),
        assets: vec![asset(USDC, "USDC", false), asset(BTC, "BTC", true)],
        universes: vec![UniverseSpec { id: CORE, name: "core".to_owned(), collateral: USDC }],
        markets: vec![
            market(PERPETUAL, "BTC", perpetual),
            market(SPOT, "BTC/USDC", MarketKind::Spot { base: BTC, quote: USDC }),
        ],
        balances: (0..PEOPLE).flat_map(|who| [balance(who, USDC, 100_000), balance(who, BTC, 100)]).collect(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 200,
            per_usd_traded: 1,
            refill_interval_ms: 1_000,
            cancel_allowance: 1_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
    }
}
