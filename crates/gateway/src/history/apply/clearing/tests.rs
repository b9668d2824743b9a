use super::*;
use crate::{
    config::HistoryLimits,
    history::{
        Directory, History,
        apply::tests::{MAKER, TAKER, block, trade},
    },
    hyperliquid::format,
};
use palisade_types::{
    event::MarginLevel,
    ids::UniverseId,
    numbers::{FundingIndex, FundingRate},
    time::TimeMs,
};

fn liquidation(method: LiquidationMethod) -> Event {
    Event::Liquidated(Liquidation {
        account: TAKER,
        universe: UniverseId::new(0),
        market: MarketId::new(0),
        is_isolated: false,
        method,
        side: Side::Buy,
        size: Size::new(4),
        quote_usd: Usd::new(410),
        fee_usd: Usd::new(3),
        closed_pnl_usd: Usd::new(-9),
        mark: Price::new(101),
        start_position: Position::new(-5),
    })
}

fn kinds(messages: &[AccountMessage]) -> Vec<&'static str> {
    let kind = |message: &AccountMessage| match message {
        AccountMessage::Orders(_) => "orders",
        AccountMessage::Fills(_) => "fills",
        AccountMessage::Funding(_) => "funding",
        AccountMessage::Liquidated(_) => "liquidated",
        AccountMessage::MarginCalled(_) => "margin",
    };
    messages.iter().map(kind).collect()
}

/// The engine's own order has no owner's order before it, and that is how its trades are told from others of the block.
#[test]
fn trades_of_a_liquidation_name_it_on_both_sides() {
    let mut history = History::new(HistoryLimits::standard());
    let update = history.apply(&block(1, vec![trade(1, 4, 1, 9), liquidation(LiquidationMethod::Book)]));
    assert_eq!(kinds(&update.accounts[&TAKER]), ["fills", "liquidated"]);
    for account in [MAKER, TAKER] {
        let fills: Vec<_> = history.fills_newest_first(&account).cloned().collect();
        assert_eq!(fills.len(), 1, "a trade of the book is no second fill");
        let shown = format::fill(&fills[0], &Directory::default());
        assert_eq!(shown["liquidation"]["liquidatedUser"], TAKER.to_string());
        assert_eq!(shown["liquidation"]["method"], "market");
    }
    let entry = history.ledger_newest_first(&TAKER).next().cloned().expect("an entry");
    let delta = LedgerDelta::Liquidation {
        market: MarketId::new(0),
        size: Position::new(-4),
        value_usd: Usd::new(410),
        is_isolated: false,
    };
    assert_eq!(entry.delta, delta);
}

#[test]
fn what_does_not_go_through_the_book_is_a_fill_all_the_same() {
    let mut history = History::new(HistoryLimits::standard());
    let deleveraged = Event::Deleveraged {
        market: MarketId::new(0),
        account: MAKER,
        side: Side::Sell,
        size: Size::new(4),
        quote_usd: Usd::new(410),
        closed_pnl_usd: Usd::new(7),
        haircut_usd: Usd::new(1),
        bankrupt: TAKER,
    };
    let events =
        vec![deleveraged, liquidation(LiquidationMethod::Deleverage), liquidation(LiquidationMethod::Backstop)];
    history.apply(&block(1, events));
    let winner = history.fills_newest_first(&MAKER).next().cloned().expect("a fill");
    let shown = format::fill(&winner, &Directory::default());
    assert_eq!((shown["dir"].as_str(), winner.crossed), (Some("Auto-Deleveraging"), false));
    assert_eq!((winner.price, winner.start_position), (Price::new(102), Position::new(4)));
    let mine: Vec<_> = history.fills_newest_first(&TAKER).cloned().collect();
    let methods: Vec<_> = mine.iter().filter_map(|fill| Some(fill.liquidation?.method)).collect();
    assert_eq!(methods, [LiquidationMethod::Backstop, LiquidationMethod::Deleverage]);
    let mut numbers: Vec<_> = mine.iter().chain([&winner]).map(|fill| fill.trade.get()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() == 3 && numbers.iter().all(|number| (1 << 52..1 << 53).contains(number)), "{numbers:?}");
}

#[test]
fn a_margin_call_is_told_to_its_owner() {
    let mut history = History::new(HistoryLimits::standard());
    let update = history.apply(&block(
        1,
        vec![Event::MarginCalled {
            account: MAKER,
            universe: UniverseId::new(0),
            market: None,
            level: MarginLevel::Called,
            equity_usd: Usd::new(5),
            maintenance_usd: Usd::new(4),
        }],
    ));
    assert_eq!(kinds(&update.accounts[&MAKER]), ["margin"]);
}

fn hour(number: u64, rate: i64, index: i64) -> Event {
    Event::FundingRateSet {
        market: MarketId::new(0),
        rate: FundingRate::new(rate),
        premium: FundingRate::new(7),
        index: FundingIndex::new(index),
        index_price: Price::new(100),
        time_ms: TimeMs::new(number * 3_600_000),
    }
}

fn paid(amount: i128, from: i64, to: i64) -> Event {
    Event::FundingPaid {
        account: TAKER,
        market: MarketId::new(0),
        amount_usd: Usd::new(amount),
        position: Position::new(-5),
        from_index: FundingIndex::new(from),
        index: FundingIndex::new(to),
    }
}

/// Positions pay when they are touched, so that one payment is for all hours since.
#[test]
fn a_payment_names_the_hours_that_it_is_for() {
    let mut history = History::new(HistoryLimits::standard());
    history.apply(&block(1, vec![hour(1, 10, 100), hour(2, -4, 60), hour(3, 20, 260), hour(4, 1, 270)]));
    let update = history.apply(&block(2, vec![paid(-1_700, 100, 270), paid(0, 270, 270), paid(50, 5, 60)]));
    assert_eq!(kinds(&update.accounts[&TAKER]), ["funding"; 3]);
    let payments: Vec<_> = history.funding_newest_first(&TAKER).collect();
    let found: Vec<_> = payments.iter().rev().map(|payment| (payment.rate.get(), payment.hours)).collect();
    assert_eq!(found, [(17, 3), (0, 0), (6, 2)], "as far as history reaches");
    let shown = crate::hyperliquid::funding_delta(payments[2], &Directory::default());
    assert_eq!((shown["usdc"].as_str(), shown["nSamples"].as_u64()), (Some("0.000017"), Some(3)));
    let sums = history.funding_paid(TAKER, MarketId::new(0));
    assert_eq!((sums.all_usd, sums.since_open_usd), (Usd::new(-1_650), Usd::new(-1_650)));
    let times: Vec<_> = history.funding_hours(MarketId::new(0)).map(|hour| hour.time.get()).collect();
    assert_eq!(times, [3_600_000, 7_200_000, 10_800_000, 14_400_000]);
}

#[test]
fn a_position_that_is_opened_anew_has_paid_nothing() {
    let mut history = History::new(HistoryLimits::standard());
    // The taker is short by 3 lots and buys 4.
    history.apply(&block(1, vec![paid(30, 0, 1), trade(1, 4, 1, 2)]));
    let sums = history.funding_paid(TAKER, MarketId::new(0));
    assert_eq!((sums.all_usd, sums.since_open_usd), (Usd::new(30), Usd::ZERO));
}

#[test]
fn a_delivery_is_a_fill_of_the_whole_position() {
    let mut history = History::new(HistoryLimits::standard());
    let delivered = Event::Delivered {
        account: MAKER,
        market: MarketId::new(110_000),
        price: Price::new(105),
        position: Position::new(-4),
        payoff_usd: Usd::new(-20),
    };
    history.apply(&block(1, vec![delivered]));
    let fill = history.fills_newest_first(&MAKER).next().cloned().expect("a fill");
    let shown = format::fill(&fill, &Directory::default());
    assert_eq!(
        (shown["dir"].as_str(), shown["side"].as_str(), shown["fee"].as_str()),
        (Some("Settlement"), Some("B"), Some("0"))
    );
    assert_eq!((fill.size, fill.start_position, fill.closed_pnl_usd), (Size::new(4), Position::new(-4), Usd::new(-20)));
}
