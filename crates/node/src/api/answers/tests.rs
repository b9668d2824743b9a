use super::book;
use crate::tests::exchange::{SPOT, Signers, WHOLE, order, view_after_genesis};
use palisade_engine::{
    margin::{AccountMargin, Exposure, OpenOrders, liquidation_price},
    state::PositionRecord,
};
use palisade_types::{
    ids::MarketId,
    numbers::{Amount, Position, Price, Rate, Size, Usd},
    order::Side,
};

/// A position of `lots` hundredths, entered at `entry` whole USD, at a mark of `mark`.
fn exposure(lots: i64, entry: i64, mark: Price) -> Exposure {
    Exposure {
        position: PositionRecord {
            position: Position::new(lots),
            entry_cost_usd: Usd::new(i128::from(lots) * i128::from(entry) * WHOLE / 100),
            ..PositionRecord::default()
        },
        buys: OpenOrders::default(),
        sells: OpenOrders::default(),
        leverage: 20,
        maximum_leverage: 40,
        size_decimals: 2,
        fee: Rate::new(350),
        mark,
        slow_mark: mark,
        market_fraction: Rate::ZERO,
        depeg_addition: Rate::ZERO,
        depth_usd: Usd::MAX,
        is_isolated: false,
    }
}

fn account(balance: i64, exposures: &[Exposure]) -> AccountMargin {
    let balance = Amount::new(i128::from(balance) * WHOLE);
    AccountMargin::of(balance, Amount::ZERO, exposures.iter().copied().map(Ok)).expect("small numbers")
}

fn whole(price: i64) -> Price {
    Price::new(price * 100_000_000)
}

/// At the liquidation price the account's health is nothing, a little further it is below.
#[test]
fn health_ends_at_the_liquidation_price() {
    for (lots, entry, mark, balance) in
        [(100, 50_000, 50_000, 5_000), (-100, 50_000, 50_000, 5_000), (37, 20_000, 21_000, 900), (-250, 100, 95, 40)]
    {
        let position = exposure(lots, entry, whole(mark));
        let other = exposure(10, 1_000, whole(1_000));
        let margin = account(balance, &[position, other]);
        let price = liquidation_price(&margin, &position).expect("a leveraged position has one");
        assert_eq!(price < whole(mark), lots > 0, "a long fears falling prices, a short rising ones");
        let health = |mark: Price| {
            let margin = account(balance, &[Exposure { mark, ..position }, other]);
            margin.health_usd().expect("small numbers").get()
        };
        assert!(health(price).abs() <= 10, "health at {price} is {}", health(price));
        let step = if lots > 0 { -1_000 } else { 1_000 };
        assert!(health(Price::new(price.get() + step)) < 0);
        assert!(health(Price::new(price.get() - step)) > 0);
    }
}

#[test]
fn what_cannot_be_liquidated_has_no_liquidation_price() {
    let long = exposure(100, 100, whole(100));
    assert_eq!(liquidation_price(&account(1_000, &[long]), &long), None, "more cash than the position is worth");
    let none = exposure(0, 0, whole(100));
    assert_eq!(liquidation_price(&account(1_000, &[none]), &none), None);
    let huge = Exposure { position: PositionRecord { position: Position::MAX, ..PositionRecord::default() }, ..long };
    let margin = AccountMargin { balance_usd: Usd::MAX, ..AccountMargin::default() };
    assert_eq!(liquidation_price(&margin, &huge), None, "no number, no panic");
}

#[test]
fn a_book_adds_up_orders_at_a_price_and_is_cut_at_its_depth() {
    let (view, mut chain) = view_after_genesis();
    let mut signers = Signers::default();
    let asks = [(101, 2), (101, 3), (102, 1), (103, 4)].map(|(price, size)| order(Side::Sell, price, size, None));
    let bids = [(99, 1), (98, 7)].map(|(price, size)| order(Side::Buy, price, size, None));
    let mut actions = Vec::new();
    for ask in asks {
        actions.push(signers.verified("alice", ask));
    }
    for bid in bids {
        actions.push(signers.verified("bob", bid));
    }
    chain.finalize(&view, &actions, None);
    view.read(|view| {
        let full = book(view, SPOT, 10).expect("listed");
        let levels = |levels: &[palisade_client::api::BookLevel]| -> Vec<(i64, u64, u32)> {
            levels.iter().map(|level| (level.price.get() / 100_000_000, level.size.get(), level.orders)).collect()
        };
        assert_eq!(levels(&full.asks), [(101, 5, 2), (102, 1, 1), (103, 4, 1)]);
        assert_eq!(levels(&full.bids), [(99, 1, 1), (98, 7, 1)]);
        let cut = book(view, SPOT, 1).expect("listed");
        assert_eq!((levels(&cut.asks), levels(&cut.bids)), (vec![(101, 5, 2)], vec![(99, 1, 1)]));
        assert!(book(view, SPOT, 0).expect("listed").asks.is_empty());
        assert!(book(view, MarketId::new(5), 1).is_none());
        assert_eq!(full.asks[0].size, Size::new(5));
    })
    .expect("loaded");
}
