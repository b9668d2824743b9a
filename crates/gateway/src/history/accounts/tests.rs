use super::*;

fn account(number: u8) -> AccountId {
    AccountId([number; 20])
}

#[test]
fn a_log_is_bounded_per_account_and_in_all() {
    let mut log = AccountLog::new(3, 5);
    for entry in 0..4u32 {
        let gone = log.push(account(1), entry);
        assert_eq!(gone, if entry == 3 { vec![0] } else { vec![] });
    }
    assert_eq!(log.newest_first(&account(1)).copied().collect::<Vec<_>>(), [3, 2, 1]);
    assert!(log.push(account(2), 10).is_empty());
    assert!(log.push(account(2), 11).is_empty(), "the oldest arrival went before, by its account's own bound");
    assert_eq!(log.push(account(2), 12), vec![1], "now the globally oldest that is left goes");
    assert_eq!(log.newest_first(&account(1)).copied().collect::<Vec<_>>(), [3, 2]);
    for entry in 0..100 {
        log.push(account(3), entry);
    }
    assert_eq!(log.by_account.len(), 1, "accounts without entries are forgotten");
    assert!(log.arrivals.len() <= 5);
}

#[test]
fn orders_are_found_by_number_and_name_until_they_are_dropped() {
    let mut limits = crate::config::HistoryLimits::standard();
    limits.orders_per_account = 2;
    let mut history = AccountHistory::new(&limits);
    let record = |id: u64, client: u8| OrderRecord {
        trigger: None,
        order: OpenOrder {
            id: OrderId::new(id),
            account: account(1),
            market: MarketId::new(0),
            side: Side::Buy,
            price: Price::new(1),
            remaining: Size::new(1),
            original: Size::new(1),
            reduce_only: false,
            time_in_force: palisade_types::order::TimeInForce::Gtc,
            client_order_id: Some(ClientOrderId([client; 16])),
            priority: id,
            placed_at_ms: TimeMs::new(1),
        },
        immediate_or_cancel: false,
        action: ActionId::default(),
        status: OrderStatus::Open,
        status_time: TimeMs::new(1),
    };
    let by_client = |history: &AccountHistory, client: u8| {
        let reference = OrderReference::Client(ClientOrderId([client; 16]));
        history.account_order(account(1), reference).map(|record| record.order.id.get())
    };
    history.set_order(record(1, 7));
    history.set_order(record(2, 8));
    history.set_order(record(1, 7));
    assert_eq!((by_client(&history, 7), by_client(&history, 8)), (Some(1), Some(2)));
    history.set_order(record(3, 7));
    assert_eq!(by_client(&history, 7), Some(3), "the newest of that name, though the older one was dropped");
    assert!(history.order(OrderId::new(1)).is_none());
    assert!(history.account_order(account(2), OrderReference::Id(OrderId::new(2))).is_none(), "not that account's");
    let ids: Vec<_> = history.orders_newest_first(&account(1)).map(|record| record.order.id.get()).collect();
    assert_eq!(ids, [3, 2]);
}
