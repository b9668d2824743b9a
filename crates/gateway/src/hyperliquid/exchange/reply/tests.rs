use super::*;
use palisade_types::{
    event::CancelReason,
    hyperliquid::{Grouping, LimitTimeInForce, Modify, Order, OrderKind, Twap},
    ids::{AssetId, ClientOrderId, OrderId, TwapId, UniverseId},
    market::{MarketKind, MarketSpec},
    numbers::{Price, Rate},
    order::OrderReference,
    rejection::Rejection,
};

fn directory() -> Directory {
    let spec = MarketSpec {
        id: MarketId::new(0),
        symbol: "BTC".into(),
        universe: UniverseId::new(0),
        kind: MarketKind::Perpetual {
            underlying: AssetId::new(1),
            maximum_leverage: 50,
            open_interest_maximum: Size::MAX,
            position_maximum: Size::MAX,
            risk: Default::default(),
        },
        size_decimals: 3,
        tick: Price::new(1),
        maker_fee: Rate::ZERO,
        taker_fee: Rate::ZERO,
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::MAX,
        price_band: Rate::MAX,
        open_orders_per_account_max: 1,
    };
    Directory::new(Vec::new(), [spec])
}

fn an_order() -> Order {
    Order {
        market: MarketId::new(0),
        is_buy: true,
        price: "1".into(),
        size: "1".into(),
        reduce_only: false,
        kind: OrderKind::Limit { time_in_force: LimitTimeInForce::Gtc },
        client_order_id: None,
    }
}

fn accepted(filled: u64, quote: i128, resting: u64, canceled: Option<CancelReason>) -> OrderResult {
    OrderResult::Accepted {
        order: OrderId::new(77),
        client_order_id: Some(ClientOrderId([5; 16])),
        filled: Size::new(filled),
        filled_quote_usd: Usd::new(quote),
        resting: Size::new(resting),
        remainder_canceled: canceled,
    }
}

fn answer(action: &L1Action, outcome: Outcome) -> Json {
    match of(action, &outcome, &directory()) {
        Ok(answer) => answer,
        Err(Refusal::Business(text)) => json!({ "err": text }),
        Err(Refusal::Request(error)) => panic!("a receipt is never a wrong request: {error}"),
    }
}

#[test]
fn orders_rest_fill_or_fail_each_alone() {
    let order = L1Action::Order { orders: vec![an_order(); 5], grouping: Grouping::Na, builder: None };
    let results = vec![
        accepted(0, 0, 10, None),
        accepted(3, 900, 7, None),
        // 1.5 at 1.00000001 and 0.5 at 1.00000002: the average is rounded down.
        accepted(2_000, 200_000_002, 0, None),
        accepted(0, 0, 0, Some(CancelReason::ImmediateOrCancel)),
        OrderResult::Rejected { rejection: Rejection::ZeroSize },
    ];
    let cloid = "0x05050505050505050505050505050505";
    assert_eq!(
        answer(&order, Outcome::Orders { results }),
        json!({ "status": "ok", "response": { "type": "order", "data": { "statuses": [
            { "resting": { "oid": 77, "cloid": cloid } },
            { "resting": { "oid": 77, "cloid": cloid } },
            { "filled": { "oid": 77, "cloid": cloid, "totalSz": "2", "avgPx": "1.00000001" } },
            { "error": "Order could not immediately match against any resting orders." },
            { "error": "Order has zero size." },
        ] } } })
    );
}

#[test]
fn cancels_and_single_modifies_have_their_own_shapes() {
    let cancel = L1Action::Cancel { cancels: Vec::new() };
    let results = vec![
        CancelResult::Canceled { order: OrderId::new(1) },
        CancelResult::Rejected { rejection: Rejection::OrderNotOpen },
    ];
    assert_eq!(
        answer(&cancel, Outcome::Cancels { results }),
        json!({ "status": "ok", "response": { "type": "cancel", "data": { "statuses": [
            "success",
            { "error": "Order was never placed, already canceled, or filled." },
        ] } } })
    );
    let modify = Modify { order: OrderReference::Id(OrderId::new(1)), replacement: an_order() };
    let modify = L1Action::Modify { modify };
    let default = json!({ "status": "ok", "response": { "type": "default" } });
    assert_eq!(answer(&modify, Outcome::Orders { results: vec![accepted(0, 0, 1, None)] }), default);
    let refused = OrderResult::Rejected { rejection: Rejection::OrderNotOpen };
    assert_eq!(
        answer(&modify, Outcome::Orders { results: vec![refused] }),
        json!({ "err": "Order was never placed, already canceled, or filled." })
    );
    let schedule = L1Action::ScheduleCancel { at_ms: None };
    assert_eq!(answer(&schedule, Outcome::Done), default);
    let rejection = Rejection::LeverageOutOfRange { leverage: 99, maximum: 50 };
    assert_eq!(answer(&schedule, Outcome::Rejected { rejection }), json!({ "err": "Invalid leverage value." }));
}

/// Alone a trigger answers like an order that rests, so that clients learn its number; of a group as Hyperliquid does.
#[test]
fn triggers_say_what_they_wait_for() {
    let waiting = |armed| OrderResult::Waiting { order: OrderId::new(7), client_order_id: None, armed };
    let with = |grouping| L1Action::Order { orders: vec![an_order(); 2], grouping, builder: None };
    let statuses = |grouping, results| {
        answer(&with(grouping), Outcome::Orders { results })["response"]["data"]["statuses"].clone()
    };
    assert_eq!(statuses(Grouping::Na, vec![waiting(true)]), json!([{ "resting": { "oid": 7 } }]));
    assert_eq!(statuses(Grouping::PositionTpsl, vec![waiting(true)]), json!(["waitingForTrigger"]));
    let children = statuses(Grouping::NormalTpsl, vec![accepted(0, 0, 1, None), waiting(false)]);
    assert_eq!((children[1].as_str(), children[0]["resting"]["oid"].as_u64()), (Some("waitingForFill"), Some(77)));
    assert_eq!(statuses(Grouping::NormalTpsl, vec![waiting(true)]), json!(["waitingForTrigger"]));
    let modify = Modify { order: OrderReference::Id(OrderId::new(7)), replacement: an_order() };
    let modified =
        answer(&L1Action::BatchModify { modifies: vec![modify] }, Outcome::Orders { results: vec![waiting(true)] });
    assert_eq!(modified["response"]["data"]["statuses"][0], json!({ "resting": { "oid": 7 } }));
    let rejection = Rejection::TriggerWouldFire { trigger_price: Price::new(1), reference: Price::new(2) };
    let refused = statuses(Grouping::Na, vec![OrderResult::Rejected { rejection }]);
    assert_eq!(refused, json!([{ "error": "Invalid TP/SL price." }]));
}

#[test]
fn twaps_and_new_accounts_have_their_own_shapes() {
    let ok = |kind: &str, data: Json| json!({ "status": "ok", "response": { "type": kind, "data": data } });
    let twap = Twap {
        market: MarketId::new(0),
        is_buy: true,
        size: "1".into(),
        reduce_only: false,
        minutes: 5,
        randomize: false,
    };
    let order = L1Action::TwapOrder { twap };
    let running = answer(&order, Outcome::Twap { twap: TwapId::new(9) });
    assert_eq!(running, ok("twapOrder", json!({ "status": { "running": { "twapId": 9 } } })));
    let cancel = L1Action::TwapCancel { market: MarketId::new(0), twap: 9 };
    assert_eq!(answer(&cancel, Outcome::Done), ok("twapCancel", json!({ "status": "success" })));
    let rejection = Rejection::TwapNotRunning { twap: TwapId::new(9) };
    let text = "TWAP was never placed, already canceled, or filled.";
    assert_eq!(
        answer(&cancel, Outcome::Rejected { rejection }),
        ok("twapCancel", json!({ "status": { "error": text } }))
    );
    let create = L1Action::CreateSubAccount { name: "a".into() };
    let account = palisade_types::address::AccountId([0xab; 20]);
    assert_eq!(
        answer(&create, Outcome::AccountCreated { account }),
        ok("createSubAccount", account.to_string().into())
    );
}
