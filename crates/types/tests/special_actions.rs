//! What actions of orders beyond limit orders weigh, cost and when they are executed.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    action::{Action, ExecutionClass},
    numbers::Size,
    order::TimeInForce,
    request::Request,
};
use support::{multi_leg_samples, order_samples, samples};

fn of_kind(kind: &str) -> Action {
    order_samples::actions().into_iter().find(|action| action.kind() == kind).expect("every kind has a sample")
}

#[test]
fn weights_parts_classes_and_allowances() {
    let cases = [
        // a parent and a trigger
        ("place_triggers", 5, 2, ExecutionClass::C, false),
        ("place_twap", 3, 1, ExecutionClass::A, false),
        ("cancel_twap", 2, 1, ExecutionClass::A, true),
        // five post-only orders
        ("place_scale", 11, 5, ExecutionClass::B, false),
        ("set_market_maker_protection", 2, 1, ExecutionClass::A, false),
        ("reset_market_maker_protection", 2, 1, ExecutionClass::A, false),
        ("mass_quote", 4, 1, ExecutionClass::B, false),
    ];
    assert_eq!(order_samples::actions().len(), cases.len());
    for (kind, weight, parts, class, is_cancel) in cases {
        let action = of_kind(kind);
        assert_eq!((action.weight(), action.part_count()), (weight, parts), "{kind}");
        assert_eq!((action.execution_class(), action.is_cancel()), (class, is_cancel), "{kind}");
        let request = Request::Native(action.clone());
        assert_eq!((request.weight(), request.part_count()), (weight, parts), "{kind}");
        assert!(action.batch_is_valid(), "{kind}");
    }
}

#[test]
fn blocks_and_combos_weigh_what_they_can_cause() {
    let cases = [
        ("request_block", 33, ExecutionClass::A, false),
        ("quote_block", 2, ExecutionClass::B, false),
        ("accept_block", 41, ExecutionClass::C, false),
        ("cancel_block_request", 33, ExecutionClass::A, true),
        ("cancel_block_quote", 2, ExecutionClass::A, true),
        ("create_combo", 2, ExecutionClass::A, false),
        ("place_combo", 17, ExecutionClass::C, false),
        ("cancel_combo", 2, ExecutionClass::A, true),
    ];
    let actions = multi_leg_samples::actions();
    assert_eq!(actions.len(), cases.len());
    for (action, (kind, weight, class, is_cancel)) in actions.iter().zip(cases) {
        assert_eq!(action.kind(), kind);
        assert_eq!((action.weight(), action.part_count()), (weight, 1), "{kind}");
        assert_eq!((action.execution_class(), action.is_cancel()), (class, is_cancel), "{kind}");
    }
}

#[test]
fn triggers_without_a_parent_take_no_liquidity_and_scales_may() {
    let Action::PlaceTriggers { triggers, grouping, .. } = of_kind("place_triggers") else {
        panic!("the kind says so")
    };
    let alone = Action::PlaceTriggers { parent: None, triggers: triggers.clone(), grouping };
    assert_eq!((alone.execution_class(), alone.weight(), alone.batch_length()), (ExecutionClass::A, 3, 1));
    let parent = Some(samples::order_request(TimeInForce::Alo));
    let post_only = Action::PlaceTriggers { parent, triggers: triggers.clone(), grouping };
    assert_eq!(post_only.execution_class(), ExecutionClass::B);
    let many = Action::PlaceTriggers { parent, triggers: vec![triggers[0]; 40], grouping };
    assert!(!many.batch_is_valid(), "41 parts");
    assert!(!Action::PlaceTriggers { parent: None, triggers: Vec::new(), grouping }.batch_is_valid());
    assert!(!Action::MassQuote { quotes: Vec::new() }.batch_is_valid());
    let Action::PlaceScale { market, side, price_from, price_to, skew, reduce_only, .. } = of_kind("place_scale")
    else {
        panic!("the kind says so")
    };
    let scale = |orders| Action::PlaceScale {
        market,
        side,
        size: Size::new(5),
        price_from,
        price_to,
        orders,
        skew,
        post_only: false,
        reduce_only,
    };
    assert_eq!(scale(2).execution_class(), ExecutionClass::C);
    // What is out of range is refused, but never costs nothing or more than a batch.
    assert_eq!((scale(0).part_count(), scale(255).part_count()), (1, 40));
}
