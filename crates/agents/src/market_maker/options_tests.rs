use super::*;
use palisade_pricing::Greeks;
use palisade_types::{
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketKind, OptionKind},
    numbers::{Position, Rate},
};

const NOW: TimeMs = TimeMs::new(1_700_000_000_000);

fn option(strike: &str, right: OptionKind, days: u64) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(MarketId::FIRST_OPTION),
        symbol: "BTC-15NOV23-60000-C".into(),
        universe: UniverseId::new(0),
        kind: MarketKind::Option {
            underlying: AssetId::new(2),
            expires_at_ms: NOW.saturating_add(days * 86_400_000),
            strike: strike.parse().expect("a price"),
            right,
            fee_share_maximum: Rate::new(125_000),
            open_interest_maximum: Size::MAX,
            position_maximum: Size::MAX,
            risk: Default::default(),
        },
        size_decimals: 2,
        tick: "1".parse().expect("a price"),
        maker_fee: Rate::new(300),
        taker_fee: Rate::new(300),
        minimum_notional_usd: "0".parse().expect("an amount"),
        maximum_notional_usd: "10000000".parse().expect("an amount"),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 1_000,
    }
}

fn info() -> OptionInfo {
    let zero = palisade_pricing::Fixed::ZERO;
    let greeks = Greeks { price: zero, delta: zero, gamma: zero, vega: zero, theta: zero, rho: zero };
    OptionInfo { forward: "60000".parse().expect("a price"), volatility: Volatility::new(600_000_000_000), greeks }
}

fn quotes(spec: &MarketSpec, inventory: i64) -> Vec<DesiredQuote> {
    let capacity = Capacity {
        inventory: Position::new(inventory),
        bid_lots: Size::MAX,
        ask_lots: Size::MAX,
        appetite_ppm: 1_000_000,
    };
    desired_quotes(spec, &info(), NOW, capacity)
}

/// A month at the money at 52 %: 60000 × 0.52 × √(30/365) × 0.3989 = 3568.
#[test]
fn both_sides_lie_around_what_the_smile_says() {
    let quotes = quotes(&option("60000", OptionKind::Call, 30), 0);
    let [bid, ask] = quotes.as_slice() else { panic!("{quotes:?}") };
    assert_eq!((bid.side, ask.side), (Side::Buy, Side::Sell));
    let (bid_usd, ask_usd) = (bid.price.get() / 100_000_000, ask.price.get() / 100_000_000);
    assert!((3_450..3_568).contains(&bid_usd) && (3_568..3_680).contains(&ask_usd), "{bid_usd} {ask_usd}");
    assert_eq!(bid.price.get() % 100_000_000, 0, "on the tick");
    assert_eq!(bid.size, Size::new(41), "25,000 USD of the underlying in hundredths");
}

/// What is worth less than a tick has no bid; its ask is at least a tick.
#[test]
fn worthless_options_have_an_ask_alone() {
    let quotes = quotes(&option("120000", OptionKind::Call, 1), 0);
    assert!(quotes.iter().all(|quote| quote.side == Side::Sell && quote.price.get() >= 100_000_000), "{quotes:?}");
}

#[test]
fn inventory_moves_quotes_and_ends_them() {
    let spec = option("60000", OptionKind::Put, 30);
    let bid =
        |inventory| quotes(&spec, inventory).iter().find(|quote| quote.side == Side::Buy).map(|quote| quote.price);
    assert!(bid(400) < bid(0) && bid(0) < bid(-400));
    assert_eq!(bid(2_000), None, "twenty quotes are held");
    let sides: Vec<Side> = quotes(&spec, -2_000).iter().map(|quote| quote.side).collect();
    assert_eq!(sides, [Side::Buy]);
}
