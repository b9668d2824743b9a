//! Bundles, indices and marks as blocks see them.

use crate::exchange::{Exchange, Setup};
use palisade_engine::{BlockOutcome, InvalidBlock, oracle::BundleError};
use palisade_types::{
    action::Action,
    event::Event,
    ids::{AssetId, MarketId, SeatId},
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    time::TimeMs,
};

const BTC: AssetId = AssetId::new(1);
const BTC_PERPETUAL: MarketId = MarketId::new(0);

fn exchange() -> Exchange {
    let mut setup = Setup::default();
    for name in ["alice", "bob"] {
        setup.funds.insert(name.to_owned(), "1000000".parse().expect("an amount"));
    }
    Exchange::new(&setup)
}

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

fn mark(exchange: &Exchange) -> Option<Price> {
    exchange.engine.state().mark(BTC_PERPETUAL).map(|record| record.price)
}

fn index(exchange: &Exchange) -> Option<(Price, u64)> {
    exchange.engine.state().index(BTC).map(|record| (record.price, record.time_ms.get()))
}

fn order(side: Side, at: &str) -> Action {
    Action::Place {
        orders: vec![OrderRequest {
            market: BTC_PERPETUAL,
            side,
            price: price(at),
            size: Size::new(10_000),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}

fn price_events(outcome: &BlockOutcome) -> Vec<Event> {
    let is_price = |event: &&Event| matches!(event, Event::IndexUpdated { .. } | Event::MarkUpdated { .. });
    outcome.events.iter().filter(is_price).cloned().collect()
}

#[test]
fn a_bundle_sets_index_and_mark_and_says_so() {
    let mut exchange = exchange();
    exchange.set_price(BTC, "60000");
    let taken_at = exchange.time_ms + 700;
    let bundle = exchange.bundle(taken_at, |_| true);
    let outcome = exchange.block_with(900, Some(&bundle), &[]).expect("a valid block");
    assert_eq!(index(&exchange), Some((price("60000"), taken_at)));
    assert_eq!(mark(&exchange), Some(price("60000")));
    let (at, time_ms) = (price("60000"), TimeMs::new(taken_at));
    let expected = [
        Event::IndexUpdated { asset: BTC, price: at, time_ms, sources: 4 },
        Event::MarkUpdated { market: BTC_PERPETUAL, mark: at },
    ];
    assert_eq!(price_events(&outcome), expected);
}

#[test]
fn a_wrong_bundle_makes_the_block_invalid_and_leaves_no_trace() {
    let mut exchange = exchange();
    exchange.set_price(BTC, "60000");
    let before = exchange.engine.state().clone();
    let time_ms = exchange.time_ms + 500;
    let mut forged = exchange.bundle(time_ms, |_| true);
    forged.votes[1].vote.entries[0].price = price("1");
    let mut few = exchange.bundle(time_ms, |_| true);
    few.votes.truncate(2);
    let late = exchange.bundle(time_ms + 501, |_| true);
    for (bundle, expected) in [
        (forged, BundleError::BadSignature { seat: SeatId::new(1) }),
        (few, BundleError::BelowQuorum { found: 2, quorum: 3 }),
        (
            late,
            BundleError::OutOfTime {
                seat: SeatId::new(0),
                time_ms: TimeMs::new(time_ms + 501),
                block_time_ms: TimeMs::new(time_ms),
            },
        ),
    ] {
        let refused = exchange.block_with(500, Some(&bundle), &[("alice".to_owned(), order(Side::Buy, "1000"))]);
        assert_eq!(refused.map(|_| ()), Err(InvalidBlock::Bundle(expected)));
        assert!(*exchange.engine.state() == before);
    }
    // The same nonces and the honest bundle still go.
    let honest = exchange.bundle(time_ms, |_| true);
    exchange.block_with(500, Some(&honest), &[]).expect("a valid block");
    let again = exchange.block_with(100, Some(&honest), &[]);
    let round = time_ms / 1_000;
    assert_eq!(again.map(|_| ()), Err(InvalidBlock::Bundle(BundleError::OldRound { round, last: round })));
}

#[test]
fn below_a_quorum_of_prices_an_asset_keeps_its_index_and_the_round_still_counts() {
    let mut exchange = exchange();
    exchange.set_price(BTC, "60000");
    let first_ms = exchange.time_ms + 1_000;
    let first = exchange.bundle(first_ms, |_| true);
    exchange.block_with(1_000, Some(&first), &[]).expect("a valid block");
    exchange.set_price(BTC, "61000");
    let second_ms = exchange.time_ms + 1_000;
    let silent = exchange.bundle(second_ms, |seat| seat < 2);
    exchange.block_with(1_000, Some(&silent), &[]).expect("a valid block");
    assert_eq!(index(&exchange), Some((price("60000"), first_ms)));
    assert_eq!(exchange.engine.state().chain().oracle_round, Some(second_ms / 1_000));
    let third = exchange.bundle(exchange.time_ms + 1_000, |seat| seat != 2);
    exchange.block_with(1_000, Some(&third), &[]).expect("a valid block");
    assert_eq!(index(&exchange).map(|(at, _)| at), Some(price("61000")));
}

/// Only a quorum can jump time: after an outage the bundle carries it, without one a block may not.
#[test]
fn a_bundle_carries_time_over_an_outage() {
    let mut exchange = exchange();
    exchange.set_price(BTC, "60000");
    let outage_ms = 3_600_000;
    let alone = exchange.block_with(outage_ms, None, &[]);
    assert!(matches!(alone, Err(InvalidBlock::WrongTime { .. })), "{alone:?}");
    let bundle = exchange.bundle(exchange.time_ms + outage_ms - 1_000, |_| true);
    let beyond = exchange.block_with(outage_ms + 1, Some(&bundle), &[]);
    assert!(matches!(beyond, Err(InvalidBlock::WrongTime { .. })), "{beyond:?}");
    exchange.block_with(outage_ms, Some(&bundle), &[]).expect("a valid block");
}

/// The mark looks at the book that earlier blocks left.
#[test]
fn no_action_of_a_block_moves_the_marks_of_that_block() {
    let mut exchange = exchange();
    exchange.set_price(BTC, "60000");
    let first = exchange.bundle(exchange.time_ms + 1_000, |_| true);
    exchange.block_with(1_000, Some(&first), &[]).expect("a valid block");
    let bid = ("alice".to_owned(), order(Side::Buy, "60600"));
    let ask = ("bob".to_owned(), order(Side::Sell, "60700"));
    exchange.block_with(1_000, None, &[bid, ask]).expect("a valid block");
    assert_eq!(mark(&exchange), Some(price("60000")));
    let outcome = exchange.block_with(1_000, None, &[]).expect("a valid block");
    // basis 650; 650 × (1 − exp(−1/150)) = 4.31892093…; the median of this, the book and the index.
    assert_eq!(mark(&exchange), Some(price("60004.31892093")));
    let moved = Event::MarkUpdated { market: BTC_PERPETUAL, mark: price("60004.31892093") };
    assert_eq!(price_events(&outcome), [moved]);
    // Nothing changes within the interval.
    let quiet = exchange.block_with(999, None, &[]).expect("a valid block");
    assert_eq!(price_events(&quiet), []);
}
