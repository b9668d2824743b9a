//! The exchange of every run: two universes, three perpetuals, a spot market, a dated future and a series of them, a series of
//! options, a synthetic with a spot market of its own, collateral beside USDC, funds and backstop vaults, a dozen people of three kinds, a committee of four.
//!
//! Keys are derived from names, so that a replayed seed signs the same bytes. The run begins shortly before a full hour, at which
//! funding is paid, before the expiry of the first future, and an hour and as much again before that of the first options, so that
//! these are listed at all and an hour without power is enough to end them. How much the funds and vaults have is drawn from the seed: with
//! much nobody is deleveraged, with little many are.

use commonware_cryptography::{Signer as _, ed25519};
use palisade_types::{
    address::{AccountId, Ed25519Key},
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::sha256,
    ids::{AssetId, MarketId, SeatId, UniverseId},
    market::{
        AssetSpec, CollateralTerms, ExpiryCounts, FutureSeriesSpec, MarketKind, MarketSpec, OptionSeriesSpec,
        RiskTerms, UniverseSpec,
    },
    numbers::{Amount, Price, Rate, Size, Usd},
    signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
    synthetic::SyntheticSpec,
    time::TimeMs,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::ops::Range;

/// Seats of the committee: the least that tolerates a fault.
pub const SEATS: usize = 4;
/// People who trade.
pub const PEOPLE: usize = 12;
/// People with enough of everything.
pub const TRADERS: Range<usize> = 1..5;
/// People with little, which they lever up.
pub const GAMBLERS: Range<usize> = 5..10;
/// People who quote in all markets.
pub const MAKERS: Range<usize> = 10..12;
/// People who trade options beside the makers: two with enough, two with little. The others hold none, so that the auditor knows
/// what they are worth without a price of an option.
pub const OPTION_PEOPLE: [usize; 4] = [3, 4, 8, 9];
/// The chain's id.
pub const CHAIN_ID: u64 = 1_337;
/// The collateral.
pub const USDC: AssetId = AssetId::new(0);
/// What is traded; it backs positions too.
pub const BTC: AssetId = AssetId::new(1);
/// What else is traded.
pub const ETH: AssetId = AssetId::new(2);
/// A synthetic that tracks the former.
pub const PETH: AssetId = AssetId::new(3);
/// The spot markets.
pub const SPOT_BTC: MarketId = MarketId::new(MarketId::FIRST_SPOT);
/// That of the synthetic, in which its debts are bought back.
pub const SPOT_PETH: MarketId = MarketId::new(MarketId::FIRST_SPOT + 1);
/// The first universe.
pub const CORE: UniverseId = UniverseId::new(0);
/// The other one.
pub const SIDE: UniverseId = UniverseId::new(1);
/// The full hour that comes first: 07:00 UTC. Series expire at 08:00, and list an expiry while more than an hour is left.
const FIRST_HOUR_MS: u64 = 1_700_031_600_000;
/// When every run begins.
pub const GENESIS_TIME: TimeMs = TimeMs::new(FIRST_HOUR_MS - 30_000);
/// When the first future expires.
pub const FIRST_EXPIRY: TimeMs = TimeMs::new(FIRST_HOUR_MS + 10_000);
/// Parts of one unit of an asset or a USD.
pub const WHOLE: i64 = 100_000_000;
/// Where prices begin, in whole USD.
pub const FIRST_PRICES_USD: [(AssetId, i64); 2] = [(BTC, 1_000), (ETH, 100)];

/// Sets the terms of a seed apart from its plan.
const STREAM: u64 = 0x0067_656e_6573_6973;

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

fn usd(whole: i64) -> Usd {
    Usd::new(i128::from(whole) * i128::from(WHOLE))
}

fn market(id: u32, symbol: &str, universe: UniverseId, kind: MarketKind) -> MarketSpec {
    let (size_decimals, tick) = match (kind.clone(), symbol) {
        (_, "pETH/USDC") => (2, WHOLE / 100),
        (_, "ETH") => (1, WHOLE / 20),
        _ => (2, WHOLE / 2),
    };
    MarketSpec {
        id: MarketId::new(id),
        symbol: symbol.to_owned(),
        universe,
        kind,
        size_decimals,
        tick: Price::new(tick),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: usd(10),
        maximum_notional_usd: usd(10_000_000),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 50,
    }
}

/// What differs from seed to seed.
struct Capital {
    /// Most that the fund pays for the synthetic.
    synthetic_claim_usd: i64,
    insurance_usd: [i64; 2],
    backstop_usd: [i64; 2],
    risk: RiskTerms,
}

impl Capital {
    fn of(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ STREAM);
        let mut one_of = |choices: &[i64]| choices[random.random_range(0..choices.len())];
        let insurance_usd = [one_of(&[0, 5, 300, 50_000]), one_of(&[0, 20, 5_000])];
        let backstop_usd = [one_of(&[0, 1_000, 10_000, 200_000]), one_of(&[0, 2_000, 50_000])];
        let mut risk = RiskTerms {
            impact_notional_usd: usd(1_000),
            backstop_share: Rate::new(one_of(&[200_000, 500_000])),
            ..RiskTerms::flat()
        };
        if let cap @ 1.. = one_of(&[0, 50, 2_000]) {
            risk.fund_claim_maximum_usd = usd(cap);
        }
        let synthetic_claim_usd = one_of(&[0, 20, 100_000]);
        Self { synthetic_claim_usd, insurance_usd, backstop_usd, risk }
    }

    fn perpetual(&self, underlying: AssetId, maximum_leverage: u32) -> MarketKind {
        let (open_interest_maximum, position_maximum) = (Size::new(2_000_000), Size::new(1_000_000));
        MarketKind::Perpetual { underlying, maximum_leverage, open_interest_maximum, position_maximum, risk: self.risk }
    }

    fn markets(&self) -> Vec<MarketSpec> {
        // What margin adds for size and volatility, in one market.
        let eth = match self.perpetual(ETH, 10) {
            MarketKind::Perpetual { underlying, maximum_leverage, open_interest_maximum, position_maximum, risk } => {
                let risk = RiskTerms {
                    depth_minimum_usd: usd(50_000),
                    volatility_multiplier: Rate::new(1_000_000),
                    open_interest_lower_usd: usd(200_000),
                    open_interest_upper_usd: usd(5_000_000),
                    ..risk
                };
                MarketKind::Perpetual { underlying, maximum_leverage, open_interest_maximum, position_maximum, risk }
            }
            kind => kind,
        };
        let future = MarketKind::Future {
            underlying: BTC,
            expires_at_ms: FIRST_EXPIRY,
            maximum_leverage: 20,
            open_interest_maximum: Size::new(2_000_000),
            position_maximum: Size::new(1_000_000),
            risk: self.risk,
        };
        vec![
            market(0, "BTC", CORE, self.perpetual(BTC, 25)),
            market(1, "ETH", CORE, eth),
            market(2, "BTC-SIDE", SIDE, self.perpetual(BTC, 20)),
            market(SPOT_BTC.get(), "BTC/USDC", CORE, MarketKind::Spot { base: BTC, quote: USDC }),
            market(SPOT_PETH.get(), "pETH/USDC", CORE, MarketKind::Spot { base: PETH, quote: USDC }),
            market(MarketId::FIRST_FUTURE, "BTC-FIRST", CORE, future),
        ]
    }

    /// The next day's future, and the next after a night without power.
    fn series(&self) -> FutureSeriesSpec {
        FutureSeriesSpec {
            universe: CORE,
            underlying: BTC,
            daily: 1,
            weekly: 0,
            size_decimals: 2,
            tick: Price::new(WHOLE / 2),
            maker_fee: Rate::new(100),
            taker_fee: Rate::new(350),
            minimum_notional_usd: usd(10),
            maximum_notional_usd: usd(10_000_000),
            price_band: Rate::new(500_000),
            open_orders_per_account_max: 50,
            maximum_leverage: 20,
            open_interest_maximum: Size::new(2_000_000),
            position_maximum: Size::new(1_000_000),
            risk: self.risk,
        }
    }

    /// Today, tomorrow, and the next Friday.
    fn options(&self) -> OptionSeriesSpec {
        OptionSeriesSpec {
            universe: CORE,
            underlying: BTC,
            expiries: ExpiryCounts { daily: 2, weekly: 1, monthly: 0, quarterly: 0 },
            strikes_per_side: 2,
            default_volatility: Rate::new(600_000),
            volatility_move_per_second: Rate::new(5_000),
            size_decimals: 1,
            tick: Price::new(WHOLE / 100),
            maker_fee: Rate::new(200),
            taker_fee: Rate::new(300),
            fee_share_maximum: Rate::new(125_000),
            minimum_notional_usd: Usd::new(i128::from(WHOLE) / 10),
            maximum_notional_usd: usd(1_000_000),
            price_band: Rate::new(100_000),
            open_orders_per_account_max: 50,
            open_interest_maximum: Size::new(20_000),
            position_maximum: Size::new(5_000),
            risk: self.risk,
        }
    }

    /// Ratios so near to each other that a jump of the price is enough for a liquidation, and a gap for a loss.
    fn synthetic(&self) -> SyntheticSpec {
        let units = |whole: i64| Amount::new(i128::from(whole) * i128::from(WHOLE));
        SyntheticSpec {
            asset: PETH,
            tracks: ETH,
            universe: CORE,
            market: Some(SPOT_PETH),
            debt_ceiling: units(900),
            minimum_debt: Amount::new(i128::from(WHOLE) / 2),
            initial_ratio: Rate::new(1_250_000),
            maintenance_ratio: Rate::new(1_150_000),
            liquidation_penalty: Rate::new(50_000),
            mint_fee: Rate::new(1_000),
            redemption_fee: Rate::new(5_000),
            backstop_share: Rate::new(200_000),
            fund_claim_maximum_usd: usd(self.synthetic_claim_usd),
        }
    }

    fn balances(&self) -> Vec<GenesisBalance> {
        let mut all = Vec::new();
        let mut give = |universe, account, asset, whole: i64| {
            if whole > 0 {
                let amount = Amount::new(i128::from(whole) * i128::from(WHOLE));
                all.push(GenesisBalance { universe, account, asset, amount });
            }
        };
        for person in 0..PEOPLE {
            let [core, side, btc] = match person {
                person if MAKERS.contains(&person) => [500_000, 200_000, 300],
                person if GAMBLERS.contains(&person) => {
                    let step = person as i64 - GAMBLERS.start as i64;
                    [50 + 700 * step, 300 * step, if step == 0 { 2 } else { 0 }]
                }
                _ => [100_000, 10_000, 100],
            };
            give(CORE, account(person), USDC, core);
            give(SIDE, account(person), USDC, side);
            give(CORE, account(person), BTC, btc);
        }
        for (place, universe) in [CORE, SIDE].into_iter().enumerate() {
            give(universe, AccountId::insurance(universe), USDC, self.insurance_usd[place]);
            give(universe, AccountId::backstop(universe), USDC, self.backstop_usd[place]);
        }
        all
    }
}

/// Whether options are for a person.
pub fn trades_options(person: usize) -> bool {
    OPTION_PEOPLE.contains(&person) || MAKERS.contains(&person)
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

/// What a run starts from. The budget is small, so that people run out of it.
pub fn genesis(seed: u64) -> Genesis {
    let weights = CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: usd(800_000),
    };
    let asset = |id, symbol: &str, has_index, collateral| AssetSpec {
        id,
        symbol: symbol.to_owned(),
        decimals: 8,
        has_index,
        collateral,
    };
    let universe = |id, name: &str| UniverseSpec { id, name: name.to_owned(), collateral: USDC };
    let capital = Capital::of(seed);
    Genesis {
        chain_id: CHAIN_ID,
        name: "simulated".to_owned(),
        time_ms: GENESIS_TIME,
        seats: seats(),
        assets: vec![
            asset(USDC, "USDC", false, None),
            asset(BTC, "BTC", true, Some(weights)),
            asset(ETH, "ETH", true, None),
            asset(PETH, "pETH", false, None),
        ],
        universes: vec![universe(CORE, "core"), universe(SIDE, "side")],
        markets: capital.markets(),
        balances: capital.balances(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 200,
            per_usd_traded: 1,
            refill_interval_ms: 1_000,
            cancel_allowance: 1_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: vec![capital.series()],
        option_series: vec![capital.options()],
        synthetics: vec![capital.synthetic()],
    }
}
