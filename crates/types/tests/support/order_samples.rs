//! Values of the orders beyond limit orders: triggers, TWAPs, scales, quotes, protection.

use super::samples::{account, cloid, market, order_request, price, time};
use palisade_types::{
    action::Action,
    event::{CancelReason, Event},
    hash::ActionId,
    ids::{OrderId, TwapId},
    numbers::{Price, Rate, Size, Usd},
    order::{Side, TimeInForce},
    quote::{Level, ProtectionTerms, Quote, QuoteResult, QuoteSideResult},
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
    trigger::{TriggerGrouping, TriggerLink, TriggerOrder, TriggerPurpose, TriggerRequest},
    twap::{Twap, TwapEnd, TwapRequest},
};

fn trigger_request() -> TriggerRequest {
    TriggerRequest {
        market: market(),
        side: Side::Sell,
        size: Size::new(250),
        trigger_price: price(),
        purpose: TriggerPurpose::StopLoss,
        limit: Some(price()),
        reduce_only: true,
        client_order_id: Some(cloid()),
    }
}

pub fn trigger_links() -> Vec<TriggerLink> {
    vec![
        TriggerLink::Alone,
        TriggerLink::Sibling { sibling: OrderId::new(8) },
        TriggerLink::Parent {
            parent: OrderId::new(7),
            sibling: Some(OrderId::new(8)),
            filled: Size::new(5),
            parent_open: true,
        },
        TriggerLink::Position,
    ]
}

pub fn trigger_order() -> TriggerOrder {
    TriggerOrder {
        id: OrderId::new(9),
        account: account(1),
        market: market(),
        side: Side::Sell,
        size: Size::new(250),
        trigger_price: price(),
        purpose: TriggerPurpose::TakeProfit,
        limit: None,
        reduce_only: true,
        client_order_id: None,
        link: TriggerLink::Alone,
        action: ActionId([0xac; 32]),
        placed_at_ms: time(),
    }
}

pub fn twap() -> Twap {
    Twap {
        id: TwapId::new(11),
        account: account(1),
        request: twap_request(),
        action: ActionId([0xac; 32]),
        started_at_ms: time(),
        filled: Size::new(3),
        filled_quote_usd: Usd::new(4),
    }
}

fn twap_request() -> TwapRequest {
    TwapRequest {
        market: market(),
        side: Side::Buy,
        size: Size::new(1_000),
        duration_minutes: 30,
        randomize: true,
        reduce_only: false,
    }
}

fn terms() -> ProtectionTerms {
    ProtectionTerms { window_ms: 1_000, frozen_ms: 5_000, size_limit: Size::new(100), delta_limit: Some(Size::new(50)) }
}

pub fn actions() -> Vec<Action> {
    let level = Level { price: price(), size: Size::new(2) };
    vec![
        Action::PlaceTriggers {
            parent: Some(order_request(TimeInForce::Gtc)),
            triggers: vec![trigger_request()],
            grouping: TriggerGrouping::Attached,
        },
        Action::PlaceTwap { twap: twap_request() },
        Action::CancelTwap { twap: TwapId::new(11) },
        Action::PlaceScale {
            market: market(),
            side: Side::Sell,
            size: Size::new(100),
            price_from: price(),
            price_to: Price::new(7_000_000_000_000),
            orders: 5,
            skew: Rate::new(2_000_000),
            post_only: true,
            reduce_only: false,
        },
        Action::SetMarketMakerProtection { market: market(), terms: Some(terms()) },
        Action::ResetMarketMakerProtection { market: market() },
        Action::MassQuote { quotes: vec![Quote { market: market(), bid: Some(level), ask: None }] },
    ]
}

pub fn rejections() -> Vec<Rejection> {
    let market = market();
    vec![
        Rejection::NoMark { market },
        Rejection::PremiumUncovered { required: Usd::new(7), available: Usd::new(-3) },
        Rejection::TriggerWouldFire { trigger_price: price(), reference: Price::new(1) },
        Rejection::WrongTriggerGroup { grouping: TriggerGrouping::Attached },
        Rejection::WrongTriggerSide { market, side: Side::Buy },
        Rejection::TooManyTriggers { waiting: 100, limit: 100 },
        Rejection::ParentNotOpen,
        Rejection::OutOfRange { field: "orders".into(), value: 1, minimum: 2, maximum: 20 },
        Rejection::TwapNotRunning { twap: TwapId::new(11) },
        Rejection::TooManyTwaps { running: 10, limit: 10 },
        Rejection::QuotesFrozen { market, until_ms: Some(time()) },
    ]
}

pub fn events() -> Vec<Event> {
    let trigger = trigger_order();
    let result = OrderResult::Rejected { rejection: Rejection::NothingToMatch };
    vec![
        Event::TriggerPlaced { trigger },
        Event::TriggerArmed { trigger },
        Event::TriggerFired { trigger, mark: price() },
        Event::TriggerCanceled { trigger, reason: CancelReason::SiblingFilled },
        Event::TriggerRejected { trigger, rejection: Rejection::NothingToMatch },
        Event::TwapStarted { twap: twap() },
        Event::TwapSlice { twap: twap(), slice: 2, size: Size::new(17), result },
        Event::TwapEnded { twap: twap(), reason: TwapEnd::Requested },
        Event::ProtectionSet { account: account(1), market: market(), terms: Some(terms()) },
        Event::ProtectionFrozen { account: account(1), market: market(), frozen: true, until_ms: Some(time()) },
    ]
}

pub fn quote_side_results() -> Vec<QuoteSideResult> {
    vec![
        QuoteSideResult::Nothing,
        QuoteSideResult::Canceled { order: OrderId::new(7) },
        QuoteSideResult::Resting { order: OrderId::new(8) },
        QuoteSideResult::Rejected { rejection: Rejection::ZeroSize },
    ]
}

pub fn order_results() -> Vec<OrderResult> {
    vec![OrderResult::Waiting { order: OrderId::new(9), client_order_id: Some(cloid()), armed: false }]
}

pub fn outcomes() -> Vec<Outcome> {
    let [_, canceled, resting, _] = quote_side_results().try_into().expect("four");
    vec![
        Outcome::Twap { twap: TwapId::new(11) },
        Outcome::Quotes { results: vec![QuoteResult { bid: resting, ask: canceled }] },
    ]
}

pub const GROUPINGS: [TriggerGrouping; 4] =
    [TriggerGrouping::Single, TriggerGrouping::OneCancelsOther, TriggerGrouping::Attached, TriggerGrouping::Position];

pub const PURPOSES: [TriggerPurpose; 2] = [TriggerPurpose::TakeProfit, TriggerPurpose::StopLoss];

pub const TWAP_ENDS: [TwapEnd; 5] =
    [TwapEnd::Filled, TwapEnd::TimeOver, TwapEnd::Requested, TwapEnd::Scheduled, TwapEnd::MarketClosed];

pub const CANCEL_REASONS: [CancelReason; 5] = [
    CancelReason::SiblingFilled,
    CancelReason::ParentCanceled,
    CancelReason::PositionClosed,
    CancelReason::MarketMakerProtection,
    CancelReason::QuoteReplaced,
];
