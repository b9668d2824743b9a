use super::*;
use crate::testing::{BTC, CORE, USDC, Venue, genesis, price, scenario_on};
use palisade_types::{
    genesis::Genesis,
    ids::{AssetId, MarketId},
    market::{AssetSpec, MarketSpec},
    numbers::{Rate, Size},
};

fn series(underlying: AssetId, daily: u32, weekly: u32) -> FutureSeriesSpec {
    let genesis = genesis();
    let template: &MarketSpec = &genesis.markets[0];
    FutureSeriesSpec {
        universe: CORE,
        underlying,
        daily,
        weekly,
        size_decimals: 0,
        tick: template.tick,
        maker_fee: template.maker_fee,
        taker_fee: template.taker_fee,
        minimum_notional_usd: template.minimum_notional_usd,
        maximum_notional_usd: template.maximum_notional_usd,
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 200,
        maximum_leverage: 20,
        open_interest_maximum: Size::new(5_000),
        position_maximum: Size::new(3_000),
        risk: Default::default(),
    }
}

fn genesis_with(future_series: Vec<FutureSeriesSpec>) -> Genesis {
    let mut genesis = genesis();
    let (id, symbol) = (AssetId::new(2), "ETH".to_owned());
    genesis.assets.push(AssetSpec { id, symbol, ..genesis.assets[usize::try_from(BTC.get()).expect("small")].clone() });
    Genesis { future_series, ..genesis }
}

fn live(venue: &Venue) -> Vec<String> {
    venue.state().live_futures().map(|market| format!("{} {}", market.id, market.symbol)).collect()
}

/// Block 1 is of Tuesday, 14 November 2023, 22:13 UTC. BTC has two days and two Fridays, of which one is a day too.
#[test]
fn series_list_the_next_expiries_and_replace_what_ends() {
    let mut venue = Venue::with(genesis_with(vec![series(BTC, 2, 2)]));
    let first = ["110000 BTC-15NOV23", "110001 BTC-16NOV23", "110002 BTC-17NOV23", "110003 BTC-24NOV23"];
    assert_eq!(live(&venue), first);
    venue.advance(3_000);
    assert_eq!(live(&venue), first, "each is listed once");
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC-15NOV23 10 @ 100 gtc  -> resting 10
        bob   sell BTC-15NOV23 10 @ 100 gtc -> filled 10 for 1000
        ",
    );
    // 06:59:59.900 and 07:00:00 on the 15th: Thursday and Friday are listed already.
    let seven = 1_700_031_600_000;
    let now = |venue: &Venue| venue.engine.time_ms().get();
    let ahead = seven - 100 - now(&venue);
    venue.after_gap(BTC, price("100"), ahead);
    venue.advance(100);
    assert_eq!(live(&venue), first);
    // Past 08:00: the 15th is settled and gone.
    venue.after_gap(BTC, price("101"), 3_700_000);
    venue.advance(100);
    assert_eq!(live(&venue), &first[1..]);
    // 07:00 on the 16th: Saturday follows, with the next number.
    let ahead = seven + 86_400_000 - now(&venue);
    let events = venue.after_gap(BTC, price("101"), ahead).events;
    let listed = events.iter().find_map(|event| match event {
        Event::FutureListed { market, symbol, .. } => Some((*market, symbol.clone())),
        _ => None,
    });
    assert_eq!(listed, Some((MarketId::new(110_004), "BTC-18NOV23".to_owned())));
    // A week later everything has been replaced, and no number came twice.
    venue.after_gap(BTC, price("101"), 7 * 86_400_000);
    venue.advance(100);
    let expected = ["110003 BTC-24NOV23", "110005 BTC-25NOV23", "110006 BTC-1DEC23"];
    assert_eq!(live(&venue), expected);
    assert_eq!(
        venue.state().balance(palisade_types::address::AccountId::clearing(MarketId::new(110_000)), CORE, USDC).get(),
        0
    );
}

#[test]
fn listings_are_bounded_per_block() {
    let mut venue = Venue::before_genesis(genesis_with(vec![series(BTC, 3, 0), series(AssetId::new(2), 6, 1)]));
    for expected in [4, 8, 9, 9] {
        venue.block(&[], None);
        assert_eq!(venue.state().live_futures().count(), expected);
    }
    let names = live(&venue);
    assert_eq!(names[3], "110003 ETH-15NOV23");
    assert_eq!(names[8], "110008 ETH-20NOV23");
}

/// A market of the genesis that has a series' name is not listed twice.
#[test]
fn what_the_genesis_lists_is_there_already() {
    let mut genesis = genesis_with(vec![series(BTC, 1, 0)]);
    let listed =
        series(BTC, 1, 0).market(MarketId::new(110_000), "BTC-15NOV23".to_owned(), TimeMs::new(1_700_035_200_000));
    genesis.markets.push(listed);
    let mut venue = Venue::with(genesis);
    venue.advance(100);
    assert_eq!(live(&venue), ["110000 BTC-15NOV23"]);
}

/// Numbers end where those of futures do; whoever is left over waits for good.
#[test]
fn numbers_are_never_used_twice() {
    let mut venue = Venue::with(genesis_with(Vec::new()));
    assert_eq!(venue.state().next_future(), Some(MarketId::new(110_000)));
    let last = MarketId::new(MarketId::FUTURES_END - 1);
    let record = series(BTC, 1, 0).market(last, "BTC-LAST".to_owned(), TimeMs::new(u64::MAX));
    venue.engine.state_mut().put(Record::Market { id: last, record: Box::new(record) });
    assert_eq!(venue.state().next_future(), None);
}
