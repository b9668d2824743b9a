//! The exchange that the benchmarks trade on.

use palisade_types::{
    address::AccountId,
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    ids::{AssetId, MarketId, SeatId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};

pub const CHAIN_ID: u64 = 4_242;
pub const MARKETS: u32 = 10;
pub const SEATS: u32 = 4;
/// 1e-8 in a whole unit.
pub const UNIT: i64 = 100_000_000;
/// Whole USD around which all markets trade.
pub const MIDDLE_USD: i64 = 10_000;
pub const START_MS: u64 = 1_700_000_000_000;
const CORE: UniverseId = UniverseId::new(0);
const USDC: AssetId = AssetId::new(0);
const FUNDS_USD: i128 = 10_000_000;
const FUNDS_OF_BASE: i128 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Spot,
    Perpetual,
}

impl Kind {
    pub fn market(self, place: u32) -> MarketId {
        match self {
            Self::Spot => MarketId::new(MarketId::FIRST_SPOT + place),
            Self::Perpetual => MarketId::new(place),
        }
    }
}

pub fn oracle_key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes([u8::try_from(seat).expect("few seats") + 101; 32])
}

fn seat(id: u32) -> Seat {
    let vote_seed = [u8::try_from(id).expect("few seats") + 1; 32];
    Seat {
        id: SeatId::new(id),
        name: format!("seat-{id}"),
        vote_key: Ed25519SecretKey::from_bytes(vote_seed).public_key(),
        oracle_key: oracle_key(id).public_key(),
    }
}

fn market(kind: Kind, place: u32) -> MarketSpec {
    let underlying = AssetId::new(place + 1);
    let (symbol, terms) = match kind {
        Kind::Spot => (format!("A{place}/USDC"), MarketKind::Spot { base: underlying, quote: USDC }),
        Kind::Perpetual => (
            format!("A{place}"),
            MarketKind::Perpetual {
                underlying,
                maximum_leverage: 50,
                open_interest_maximum: Size::new(1_000_000_000),
                position_maximum: Size::new(1_000_000_000),
                risk: Default::default(),
            },
        ),
    };
    MarketSpec {
        id: kind.market(place),
        symbol,
        universe: CORE,
        kind: terms,
        size_decimals: 2,
        tick: Price::new(UNIT),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(10 * i128::from(UNIT)),
        maximum_notional_usd: Usd::new(10_000_000 * i128::from(UNIT)),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 1_000,
    }
}

/// Ten markets of one kind, and accounts with plenty of everything.
pub fn genesis(kind: Kind, accounts: impl Iterator<Item = AccountId>) -> Genesis {
    let asset = |id, symbol: String, has_index| AssetSpec {
        id: AssetId::new(id),
        symbol,
        decimals: 8,
        has_index,
        collateral: None,
    };
    let balance = |account, asset, whole: i128| GenesisBalance {
        universe: CORE,
        account,
        asset,
        amount: Amount::new(whole * i128::from(UNIT)),
    };
    let bases = 1..=(if kind == Kind::Spot { MARKETS } else { 0 });
    Genesis {
        chain_id: CHAIN_ID,
        name: "benchmark".to_owned(),
        time_ms: TimeMs::new(START_MS),
        seats: (0..SEATS).map(seat).collect(),
        assets: std::iter::once(asset(0, "USDC".to_owned(), false))
            .chain((0..MARKETS).map(|place| asset(place + 1, format!("A{place}"), true)))
            .collect(),
        universes: vec![UniverseSpec { id: CORE, name: "core".to_owned(), collateral: USDC }],
        markets: (0..MARKETS).map(|place| market(kind, place)).collect(),
        balances: accounts
            .flat_map(|account| {
                let base = bases.clone().map(move |base| balance(account, AssetId::new(base), FUNDS_OF_BASE));
                std::iter::once(balance(account, USDC, FUNDS_USD)).chain(base)
            })
            .collect(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 10_000_000,
            per_usd_traded: 1,
            refill_interval_ms: 1_000,
            cancel_allowance: 1_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}
