use super::*;
use crate::testing::{SPOT, Venue, account_of, price};
use palisade_types::{
    numbers::Size,
    order::{OrderRequest, Side, TimeInForce},
    receipt::OrderResult,
};

fn order(side: Side) -> Action {
    let order = OrderRequest {
        market: SPOT,
        side,
        price: price("100"),
        size: Size::new(3),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    Action::Place { orders: vec![order] }
}

#[test]
fn actions_trade_as_in_a_block_and_are_turned_back() {
    let mut venue = Venue::new();
    let before = venue.state().clone();
    let mut core = MatchingCore::new(&mut venue.engine);
    core.run(account_of("alice"), &order(Side::Buy)).expect("it rests");
    let outcome = core.run(account_of("bob"), &order(Side::Sell)).expect("it trades");
    let Outcome::Orders { results } = outcome else { panic!("orders have results") };
    assert!(matches!(results[..], [OrderResult::Accepted { filled, .. }] if filled == Size::new(3)), "{results:?}");
    assert!(core.events().iter().any(|event| matches!(event, Event::Traded(_))));
    assert_ne!(*core.state(), before);
    drop(core);
    assert_eq!(*venue.state(), before);
    venue.act("alice", order(Side::Buy));
    assert_eq!(venue.state().open_order_count(), 1);
}
