use super::*;
use crate::{
    config::HistoryLimits,
    history::{
        Directory, History,
        apply::{
            AccountMessage, BlockUpdate,
            tests::{TAKER, accepted, block, order, trade},
        },
    },
    hyperliquid::format,
};
use palisade_types::{
    event::CancelReason,
    hash::ActionId,
    ids::MarketId,
    numbers::{Price, Size, Usd},
    order::Side,
    trigger::TriggerPurpose,
    twap::{Twap, TwapRequest},
};

fn trigger(id: u64, limit: Option<Price>, link: TriggerLink) -> TriggerOrder {
    TriggerOrder {
        id: OrderId::new(id),
        account: TAKER,
        market: MarketId::new(0),
        side: Side::Sell,
        size: Size::new(4),
        trigger_price: Price::new(90),
        purpose: TriggerPurpose::StopLoss,
        limit,
        reduce_only: true,
        client_order_id: None,
        link,
        action: ActionId([5; 32]),
        placed_at_ms: TimeMs::new(1_800_000_000_000),
    }
}

fn statuses(update: &BlockUpdate) -> Vec<&'static str> {
    let messages = update.accounts.get(&TAKER).cloned().unwrap_or_default();
    let of = |message: AccountMessage| match message {
        AccountMessage::Orders(records) => records.iter().map(|record| format::status(record.status)).collect(),
        _ => vec!["fills"],
    };
    messages.into_iter().flat_map(of).collect()
}

#[test]
fn a_trigger_is_an_order_from_its_placing_to_its_last_fill() {
    let mut history = History::new(HistoryLimits::standard());
    let waits = trigger(7, None, TriggerLink::Alone);
    let update = history.apply(&block(1, vec![Event::TriggerPlaced { trigger: waits }]));
    assert_eq!(statuses(&update), ["open"]);
    let fired = Event::TriggerFired { trigger: waits, mark: Price::new(89) };
    let working = order(7, TAKER, Side::Sell, 4, 4);
    let filled = Event::OrderFilled { order: order(7, TAKER, Side::Sell, 4, 0) };
    let update = history.apply(&block(2, vec![fired, accepted(working, 5), trade(1, 4, 1, 7), filled]));
    assert_eq!(statuses(&update), ["triggered", "open", "fills", "filled"]);
    let record = history.accounts().order(OrderId::new(7)).expect("it is remembered");
    let shown = format::frontend_order(record, Vec::new(), &Directory::default());
    let expected =
        [("orderType", "Stop Market"), ("triggerCondition", "Price below 0.0000009"), ("triggerPx", "0.0000009")];
    for (field, text) in expected {
        assert_eq!(shown[field], text, "{field}");
    }
    assert_eq!((shown["isTrigger"].as_bool(), shown["tif"].is_null()), (Some(true), true));
}

#[test]
fn ends_of_triggers_have_their_words() {
    let cases = [
        (Rejection::NothingToMatch, "marketOrderNoLiquidityRejected"),
        (Rejection::InsufficientMargin { required: Usd::ZERO, available: Usd::ZERO }, "perpMarginRejected"),
        (Rejection::NoFreshPrice { market: MarketId::new(0) }, "oracleRejected"),
        (Rejection::PositionCap { cap: Size::ZERO }, "perpMaxPositionRejected"),
        (Rejection::OpenInterestCap { market: MarketId::new(0), cap: Size::ZERO }, "openInterestIncreaseRejected"),
        (Rejection::BelowMinimumNotional { notional: Usd::ZERO, minimum: Usd::ZERO }, "minTradeNtlRejected"),
        (Rejection::Overflow, "rejected"),
    ];
    let waits = trigger(7, Some(Price::new(85)), TriggerLink::Position);
    for (rejection, status) in cases {
        let mut history = History::new(HistoryLimits::standard());
        let update = history.apply(&block(1, vec![Event::TriggerRejected { trigger: waits, rejection }]));
        assert_eq!(statuses(&update), [status]);
    }
    let reasons = [
        (CancelReason::Requested, "canceled"),
        (CancelReason::SiblingFilled, "siblingFilledCanceled"),
        (CancelReason::PositionClosed, "reduceOnlyCanceled"),
        (CancelReason::ParentCanceled, "canceled"),
    ];
    for (reason, status) in reasons {
        let mut history = History::new(HistoryLimits::standard());
        let update = history.apply(&block(1, vec![Event::TriggerCanceled { trigger: waits, reason }]));
        assert_eq!(statuses(&update), [status]);
    }
    let record = trigger_record(&waits, OrderStatus::Open, TimeMs::new(5));
    let shown = format::frontend_order(&record, Vec::new(), &Directory::default());
    assert_eq!((shown["orderType"].as_str(), shown["isPositionTpsl"].as_bool()), (Some("Stop Limit"), Some(true)));
}

#[test]
fn what_waits_for_its_parent_is_known_until_it_is_armed() {
    let mut history = History::new(HistoryLimits::standard());
    let link = |filled| TriggerLink::Parent {
        parent: OrderId::new(3),
        sibling: None,
        filled: Size::new(filled),
        parent_open: true,
    };
    history.apply(&block(1, vec![Event::TriggerPlaced { trigger: trigger(7, None, link(0)) }]));
    let waits_for =
        |history: &History| history.accounts().order(OrderId::new(7)).and_then(|record| record.trigger?.waits_for);
    assert_eq!(waits_for(&history), Some(OrderId::new(3)));
    let update = history.apply(&block(2, vec![Event::TriggerArmed { trigger: trigger(7, None, link(2)) }]));
    assert_eq!((waits_for(&history), statuses(&update).len()), (None, 0), "no news, but no longer inside its parent");
    assert!(update.touched.contains(&TAKER));
}

/// The event that an order is a slice comes after its fills.
#[test]
fn fills_of_a_slice_name_their_twap() {
    let mut history = History::new(HistoryLimits::standard());
    let request = TwapRequest {
        market: MarketId::new(0),
        side: Side::Buy,
        size: Size::new(40),
        duration_minutes: 5,
        randomize: false,
        reduce_only: false,
    };
    let twap = Twap {
        id: TwapId::new(50),
        account: TAKER,
        request,
        action: ActionId([5; 32]),
        started_at_ms: TimeMs::new(1),
        filled: Size::new(4),
        filled_quote_usd: Usd::ZERO,
    };
    let result = OrderResult::Accepted {
        order: OrderId::new(2),
        client_order_id: None,
        filled: Size::new(4),
        filled_quote_usd: Usd::ZERO,
        resting: Size::ZERO,
        remainder_canceled: None,
    };
    let slice = Event::TwapSlice { twap, slice: 0, size: Size::new(4), result };
    let update = history.apply(&block(
        1,
        vec![accepted(order(2, TAKER, Side::Buy, 4, 4), 5), trade(1, 4, 1, 2), trade(2, 3, 1, 9), slice],
    ));
    let twaps: Vec<_> = history.fills_newest_first(&TAKER).map(|fill| fill.twap).collect();
    assert_eq!(twaps, [None, Some(TwapId::new(50))]);
    assert!(update.touched.contains(&TAKER));
}
