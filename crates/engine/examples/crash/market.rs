//! The markets of the replay and their terms.

use crate::replay::DOLLAR;
use palisade_types::{
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketKind, MarketSpec, RiskTerms},
    numbers::{Price, Rate, Size, Usd},
};

/// A market of the replay.
pub struct Market {
    pub symbol: &'static str,
    pub universe: u32,
    /// Venue and symbol of the bars that the index follows.
    pub series: (&'static str, &'static str),
    pub size_decimals: u8,
    pub maximum_leverage: u32,
    /// What the maker shows within 2 % of the index in calm times, in millions of USD a side.
    pub depth_musd: i128,
}

const fn market(
    symbol: &'static str,
    universe: u32,
    series: (&'static str, &'static str),
    (size_decimals, maximum_leverage): (u8, u32),
    depth_musd: i128,
) -> Market {
    Market { symbol, universe, series, size_decimals, maximum_leverage, depth_musd }
}

/// In order of market id.
pub const MARKETS: &[Market] = &[
    market("BTC", 0, ("gemini", "BTCUSD"), (5, 40), 20),
    market("ETH", 0, ("gemini", "ETHUSD"), (4, 25), 12),
    market("SOL", 0, ("gemini", "SOLUSD"), (2, 20), 6),
    market("AVAX", 1, ("coinbase", "AVAX-USD"), (2, 10), 1),
    market("LINK", 1, ("coinbase", "LINK-USD"), (1, 10), 1),
    market("DOGE", 1, ("coinbase", "DOGE-USD"), (0, 10), 1),
    market("WIF", 2, ("coinbase", "WIF-USD"), (0, 5), 1),
];

pub const UNIVERSES: [&str; 3] = ["core", "alts", "memes"];
/// Insurance fund and backstop vault of each universe, in thousands of USD.
pub const CAPITAL_KUSD: [(i128, i128); 3] = [(1_000, 5_000), (200, 1_000), (50, 200)];

pub fn spec(place: usize) -> MarketSpec {
    let market = &MARKETS[place];
    MarketSpec {
        id: MarketId::new(place as u32),
        symbol: market.symbol.into(),
        universe: UniverseId::new(market.universe),
        kind: MarketKind::Perpetual {
            underlying: AssetId::new(place as u32 + 1),
            maximum_leverage: market.maximum_leverage,
            open_interest_maximum: Size::new(1 << 60),
            position_maximum: Size::new(1 << 60),
            risk: RiskTerms {
                open_interest_lower_usd: Usd::new(market.depth_musd * 50_000_000 * DOLLAR),
                open_interest_upper_usd: Usd::new(market.depth_musd * 500_000_000 * DOLLAR),
                depth_minimum_usd: Usd::new(100_000 * DOLLAR),
                impact_notional_usd: Usd::new(20_000 * DOLLAR),
                volatility_multiplier: Rate::new(3_000_000),
                backstop_share: Rate::new(330_000),
                fund_claim_maximum_usd: Usd::new(CAPITAL_KUSD[market.universe as usize].0 * 500 * DOLLAR),
            },
        },
        size_decimals: market.size_decimals,
        tick: Price::new(10i64.pow(2 + u32::from(market.size_decimals))),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(450),
        minimum_notional_usd: Usd::new(DOLLAR),
        maximum_notional_usd: Usd::new(1_000_000_000 * DOLLAR),
        price_band: Rate::new(200_000),
        open_orders_per_account_max: 100,
    }
}
