use super::*;
use palisade_types::{
    block::{ConsensusContext, Header, OperationsRange},
    event::CancelReason,
    hash::BlockDigest,
    ids::{AssetId, ClientOrderId, TradeId, UniverseId},
    numbers::{Amount, Position, Price, Usd},
    order::{Side, TimeInForce},
};

pub(super) const MAKER: AccountId = AccountId([1; 20]);
pub(super) const TAKER: AccountId = AccountId([2; 20]);

pub(super) fn block(height: u64, events: Vec<Event>) -> FinalizedBlock {
    let header = Header {
        chain_id: 7,
        protocol_version: 1,
        height: Height::new(height),
        parent: BlockDigest::default(),
        context: ConsensusContext {
            epoch: 0,
            view: height,
            leader: Default::default(),
            parent_view: 0,
            parent: BlockDigest::default(),
        },
        time_ms: TimeMs::new(1_800_000_000_000 + height * 1_000),
        body_root: Default::default(),
        oracle_bundle_root: Default::default(),
        state_root: Default::default(),
        operations_root: Default::default(),
        operations_range: OperationsRange { start: 0, end: 0 },
        receipts_root: Default::default(),
        events_root: Default::default(),
        genesis_hash: Default::default(),
        beacon: Vec::new(),
    };
    FinalizedBlock { digest: header.digest(), header, receipts: Vec::new(), events }
}

pub(super) fn order(id: u64, account: AccountId, side: Side, original: u64, remaining: u64) -> OpenOrder {
    OpenOrder {
        id: OrderId::new(id),
        account,
        market: MarketId::new(0),
        side,
        price: Price::new(100),
        remaining: Size::new(remaining),
        original: Size::new(original),
        reduce_only: false,
        time_in_force: TimeInForce::Gtc,
        client_order_id: Some(ClientOrderId([id as u8; 16])),
        priority: id,
        placed_at_ms: TimeMs::new(1),
    }
}

pub(super) fn accepted(order: OpenOrder, action: u8) -> Event {
    Event::OrderAccepted { order, action: ActionId([action; 32]), immediate_or_cancel: false }
}

pub(super) fn trade(id: u64, size: u64, maker_order: u64, taker_order: u64) -> Event {
    let side = |account, order: u64, fee: i128| TradeSide {
        account,
        order: OrderId::new(order),
        client_order_id: None,
        fee_usd: Usd::new(fee),
        start_position: Position::new(-3),
        closed_pnl_usd: Usd::new(9),
    };
    Event::Traded(Trade {
        id: TradeId::new(id),
        market: MarketId::new(0),
        price: Price::new(100),
        size: Size::new(size),
        quote_usd: Usd::new(1_000),
        taker_side: Side::Buy,
        maker: side(MAKER, maker_order, 1),
        taker: side(TAKER, taker_order, 2),
    })
}

/// What an account is told, as (channel, state, lots left or filled).
fn told(update: &BlockUpdate, account: AccountId) -> Vec<(&'static str, Vec<(OrderStatus, u64)>)> {
    let messages = update.accounts.get(&account).cloned().unwrap_or_default();
    messages
        .into_iter()
        .map(|message| match message {
            AccountMessage::Orders(records) => {
                ("orders", records.iter().map(|record| (record.status, record.order.remaining.get())).collect())
            }
            AccountMessage::Fills(fills) => {
                ("fills", fills.iter().map(|fill| (OrderStatus::Open, fill.size.get())).collect())
            }
            AccountMessage::Funding(_) => ("funding", Vec::new()),
            AccountMessage::Liquidated(_) => ("liquidated", Vec::new()),
            AccountMessage::MarginCalled(_) => ("margin", Vec::new()),
        })
        .collect()
}

#[test]
fn a_resting_order_is_announced_once_and_each_fill_in_the_order_of_the_work() {
    use OrderStatus::{Filled, Open};
    let mut history = History::new(HistoryLimits::standard());
    let resting = order(1, MAKER, Side::Sell, 10, 10);
    let update = history.apply(&block(1, vec![accepted(resting, 1), Event::OrderRested { order: resting }]));
    assert_eq!(told(&update, MAKER), [("orders", vec![(Open, 10)])], "whole at rest is no second news");
    assert_eq!(update.changed_books.len(), 1);

    let taker = order(2, TAKER, Side::Buy, 4, 4);
    let filled = Event::OrderFilled { order: order(2, TAKER, Side::Buy, 4, 0) };
    let update = history.apply(&block(2, vec![accepted(taker, 2), trade(1, 3, 1, 2), trade(2, 1, 1, 2), filled]));
    assert_eq!(
        told(&update, TAKER),
        [("orders", vec![(Open, 4)]), ("fills", vec![(Open, 3), (Open, 1)]), ("orders", vec![(Filled, 0)])]
    );
    assert_eq!(
        told(&update, MAKER),
        [
            ("fills", vec![(Open, 3)]),
            ("orders", vec![(Open, 7)]),
            ("fills", vec![(Open, 1)]),
            ("orders", vec![(Open, 6)])
        ]
    );
    let fill = history.fills_newest_first(&MAKER).next().cloned().expect("a fill");
    assert_eq!((fill.crossed, fill.side, fill.fee_usd.get(), fill.action), (false, Side::Sell, 1, ActionId([2; 32])));
    let trade = history.trades_newest_first(MarketId::new(0)).next().cloned().expect("a trade");
    assert_eq!((trade.buyer, trade.seller, trade.action), (TAKER, MAKER, ActionId([2; 32])));
    let day = history.day(MarketId::new(0));
    assert_eq!((day.quote_usd.get(), day.volume.get(), day.previous_price), (2_000, 4, Some(Price::new(100))));
}

#[test]
fn a_partly_filled_order_at_rest_and_its_cancel_are_news() {
    let mut history = History::new(HistoryLimits::standard());
    let rested = Event::OrderRested { order: order(2, TAKER, Side::Buy, 5, 2) };
    let events = vec![accepted(order(2, TAKER, Side::Buy, 5, 5), 2), trade(1, 3, 1, 2), rested];
    let update = history.apply(&block(1, events));
    let states: Vec<_> = told(&update, TAKER).into_iter().map(|(channel, _)| channel).collect();
    assert_eq!(states, ["orders", "fills", "orders"]);

    let reason = CancelReason::Scheduled;
    let canceled = Event::OrderCanceled { order: order(2, TAKER, Side::Buy, 5, 2), reason };
    let update = history.apply(&block(2, vec![canceled]));
    assert_eq!(told(&update, TAKER), [("orders", vec![(OrderStatus::Canceled(reason), 2)])]);
    let by_name = OrderReference::Client(ClientOrderId([2; 16]));
    let record = history.accounts().account_order(TAKER, by_name).expect("still known");
    assert_eq!((record.status, record.action), (OrderStatus::Canceled(reason), ActionId([2; 32])));
    assert_eq!(record.status_time, TimeMs::new(1_800_000_002_000));
}

#[test]
fn orders_from_before_history_are_picked_up_and_funds_are_listed_on_both_sides() {
    let mut history = History::new(HistoryLimits::standard());
    let (universe, asset, amount) = (UniverseId::new(0), AssetId::new(0), Amount::new(5));
    let update = history.apply(&block(
        9,
        vec![
            Event::OrderCanceled { order: order(1, MAKER, Side::Sell, 5, 5), reason: CancelReason::Requested },
            Event::Deposited { universe, account: MAKER, asset, amount },
            Event::Transferred { universe, from: MAKER, to: TAKER, asset, amount },
        ],
    ));
    assert_eq!(told(&update, MAKER).len(), 1);
    assert_eq!(history.ledger_newest_first(&MAKER).count(), 2);
    assert_eq!(history.ledger_newest_first(&TAKER).count(), 1);
    assert_eq!(update.touched.iter().copied().collect::<Vec<_>>(), [MAKER, TAKER]);
    assert_eq!(history.height(), Height::new(9));
    assert_eq!(history.blocks_newest_first().count(), 1);
}

/// A pool trades as the maker, without an order: the trade is everybody's news, and the fill its taker's.
#[test]
fn a_trade_with_a_pool_is_a_trade_and_a_fill_of_its_taker() {
    use OrderStatus::{Filled, Open};
    let mut history = History::new(HistoryLimits::standard());
    let pool = AccountId::pool(MarketId::new(0));
    let taker = order(2, TAKER, Side::Buy, 4, 4);
    let filled = Event::OrderFilled { order: order(2, TAKER, Side::Buy, 4, 0) };
    let Event::Traded(mut with_pool) = trade(1, 4, 0, 2) else { panic!("a trade") };
    with_pool.maker.account = pool;
    assert_eq!(with_pool.maker.order, OrderId::POOL);
    let told_then = Event::PoolTraded {
        market: MarketId::new(0),
        trade: TradeId::new(1),
        base_reserve: Amount::new(1),
        quote_reserve: Amount::new(2),
    };
    let events = vec![accepted(taker, 2), Event::Traded(with_pool), told_then, filled];
    let update = history.apply(&block(1, events));
    assert_eq!(
        told(&update, TAKER),
        [("orders", vec![(Open, 4)]), ("fills", vec![(Open, 4)]), ("orders", vec![(Filled, 0)])]
    );
    assert_eq!(told(&update, pool), [("fills", vec![(Open, 4)])], "and there is no order of the pool to tell of");
    let trades = update.trades.get(&MarketId::new(0)).expect("a trade in the feed");
    assert_eq!((trades.len(), trades[0].buyer, trades[0].seller), (1, TAKER, pool));
    assert!(update.changed_books.contains(&MarketId::new(0)));
}
