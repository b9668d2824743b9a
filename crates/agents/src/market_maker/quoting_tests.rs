use super::*;
use palisade_types::{
    ids::{AssetId, MarketId, UniverseId},
    market::MarketKind,
    numbers::Rate,
};
use proptest::prelude::*;

fn btc() -> MarketSpec {
    MarketSpec {
        id: MarketId::new(0),
        symbol: "BTC".into(),
        universe: UniverseId::new(0),
        kind: MarketKind::Perpetual {
            underlying: AssetId::new(2),
            maximum_leverage: 40,
            open_interest_maximum: Size::MAX,
            position_maximum: Size::MAX,
            risk: Default::default(),
        },
        size_decimals: 5,
        tick: "0.1".parse().expect("a price"),
        maker_fee: Rate::new(150),
        taker_fee: Rate::new(450),
        minimum_notional_usd: "10".parse().expect("an amount"),
        maximum_notional_usd: "10000000".parse().expect("an amount"),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 1_000,
    }
}

fn ample(inventory: i64) -> Capacity {
    Capacity { inventory: Position::new(inventory), bid_lots: Size::MAX, ask_lots: Size::MAX, appetite_ppm: 1_000_000 }
}

fn index() -> Price {
    "117003.4".parse().expect("a price")
}

fn mid(quotes: &[DesiredQuote]) -> i64 {
    let best = |side| quotes.iter().find(|quote| quote.side == side).expect("both sides").price.get();
    (best(Side::Buy) + best(Side::Sell)) / 2
}

#[test]
fn both_sides_are_quoted_around_the_index_and_never_cross() {
    let quotes = desired_quotes(&btc(), index(), ample(0), &QuoteTerms::default());
    assert_eq!(quotes.len(), 10);
    for quote in &quotes {
        match quote.side {
            Side::Buy => assert!(quote.price < index()),
            Side::Sell => assert!(quote.price > index()),
        }
        assert_eq!(quote.price.get() % 100_000_000, 0, "above 10,000 USD prices are whole dollars");
    }
}

#[test]
fn inventory_shifts_quotes_towards_reducing_it() {
    let terms = QuoteTerms::default();
    let flat = mid(&desired_quotes(&btc(), index(), ample(0), &terms));
    let long = mid(&desired_quotes(&btc(), index(), ample(1_000_000), &terms));
    let short = mid(&desired_quotes(&btc(), index(), ample(-1_000_000), &terms));
    assert!(long < flat && flat < short, "{long} {flat} {short}");
}

#[test]
fn at_the_inventory_limit_only_the_reducing_side_is_quoted() {
    let quotes = desired_quotes(&btc(), index(), ample(2_000_000), &QuoteTerms::default());
    assert!(!quotes.is_empty() && quotes.iter().all(|quote| quote.side == Side::Sell));
}

#[test]
fn without_margin_only_the_position_is_offered() {
    let capacity = Capacity { appetite_ppm: 0, ..ample(-7_000) };
    let quotes = desired_quotes(&btc(), index(), capacity, &QuoteTerms::default());
    assert_eq!(quotes.iter().map(|quote| quote.size.get()).sum::<u64>(), 7_000);
    assert!(quotes.iter().all(|quote| quote.side == Side::Buy));
    assert!(
        desired_quotes(&btc(), index(), Capacity { appetite_ppm: 0, ..ample(0) }, &QuoteTerms::default()).is_empty()
    );
}

proptest! {
    #[test]
    fn quotes_obey_the_market(
        index in 1_000_000i64..10_000_000_000_000_000,
        inventory in -5_000_000i64..5_000_000,
        lots in 0u64..10_000_000,
        appetite_ppm in 0i64..=1_000_000,
    ) {
        let spec = btc();
        let capacity = Capacity {
            inventory: Position::new(inventory),
            bid_lots: Size::new(lots),
            ask_lots: Size::new(lots),
            appetite_ppm,
        };
        let quotes = desired_quotes(&spec, Price::new(index), capacity, &QuoteTerms::default());
        for side in [Side::Buy, Side::Sell] {
            let total: u64 = quotes.iter().filter(|quote| quote.side == side).map(|quote| quote.size.get()).sum();
            prop_assert!(total <= lots);
        }
        let best_bid = quotes.iter().filter(|quote| quote.side == Side::Buy).map(|quote| quote.price).max();
        let best_ask = quotes.iter().filter(|quote| quote.side == Side::Sell).map(|quote| quote.price).min();
        if let (Some(bid), Some(ask)) = (best_bid, best_ask) {
            prop_assert!(bid < ask);
        }
        for quote in quotes {
            prop_assert_eq!(quote.price.get() % spec.tick.get(), 0);
            let value = value_usd(&spec, quote.price, quote.size);
            prop_assert!(value >= spec.minimum_notional_usd.get() && value <= spec.maximum_notional_usd.get());
        }
    }
}
