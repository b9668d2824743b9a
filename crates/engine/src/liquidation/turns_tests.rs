//! No universe keeps another waiting, and nobody is hidden for ever by those for whom nothing can be done.

use super::LIQUIDATIONS_PER_BLOCK_MAX;
use crate::{
    state::{BalanceId, CustodyId, PositionId, PositionRecord, Record},
    testing::{BTC, CORE, PERP, USDC, Venue, account_of, genesis, price, scenario_on},
};
use palisade_types::{
    address::AccountId,
    event::Event,
    genesis::GenesisBalance,
    ids::{MarketId, UniverseId},
    market::{MarketSpec, UniverseSpec},
    numbers::{Amount, FundingIndex, Position, Usd},
};

const DOLLAR: i128 = 100_000_000;
const SIDE: UniverseId = UniverseId::new(1);
/// Two markets of the other universe.
const SIDE_PERP: MarketId = MarketId::new(1);
const SIDE_OTHER: MarketId = MarketId::new(2);

/// Two universes, with so many dollars in their vaults; dave and erin have money in both.
fn venue(vaults: [i128; 2]) -> Venue {
    let mut genesis = genesis();
    genesis.universes.push(UniverseSpec { id: SIDE, name: "side".to_owned(), collateral: USDC });
    for (place, (id, symbol)) in [(SIDE_PERP, "SIDE"), (SIDE_OTHER, "OTHER")].into_iter().enumerate() {
        let market = MarketSpec { id, symbol: symbol.to_owned(), universe: SIDE, ..genesis.markets[0].clone() };
        genesis.markets.insert(place + 1, market);
    }
    let mut fund = |universe, account, dollars: i128| {
        let amount = Amount::new(dollars * DOLLAR);
        genesis.balances.push(GenesisBalance { universe, account, asset: USDC, amount });
    };
    fund(SIDE, account_of("dave"), 100_000);
    fund(SIDE, account_of("erin"), 100_000);
    for (universe, dollars) in [CORE, SIDE].into_iter().zip(vaults).filter(|(_, dollars)| *dollars > 0) {
        fund(universe, AccountId::backstop(universe), dollars);
    }
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    venue
}

/// A crowd that is long of one market.
struct Crowd {
    kind: &'static str,
    count: u64,
    universe: UniverseId,
    market: MarketId,
    /// What a lot has cost, and what each of them has, in dollars.
    cost: i128,
    cash: i128,
    /// Who is short.
    against: &'static str,
}

/// Each holds 100 lots, which need 125 dollars at a price of 100.
fn gather(venue: &mut Venue, crowd: &Crowd) {
    let Crowd { universe, market, .. } = *crowd;
    let position = |lots: i64| PositionRecord {
        position: Position::new(lots),
        entry_cost_usd: Usd::new(i128::from(lots) * crowd.cost * DOLLAR),
        funding_index: FundingIndex::ZERO,
    };
    let mut paid_in = venue.state().custody(universe, USDC).get();
    for number in 0..crowd.count {
        let account = AccountId::derived(crowd.kind, number);
        let amount = Amount::new(crowd.cash * DOLLAR);
        venue.damage(Record::Balance { id: BalanceId { account, universe, asset: USDC }, record: amount });
        venue.damage(Record::Position { id: PositionId { account, market }, record: position(100) });
        paid_in += amount.get();
    }
    let short = position(-100 * i64::try_from(crowd.count).expect("not so many"));
    venue.damage(Record::Position { id: PositionId { account: account_of(crowd.against), market }, record: short });
    venue.damage(Record::Custody { id: CustodyId { universe, asset: USDC }, record: Amount::new(paid_in) });
}

/// Two hundred for whom neither book nor vault can do anything.
const HOPELESS: Crowd =
    Crowd { kind: "hopeless", count: 200, universe: SIDE, market: SIDE_PERP, cost: 100, cash: 12, against: "erin" };

fn liquidated(events: &[Event]) -> Vec<(UniverseId, MarketId)> {
    let of = |event: &Event| match event {
        Event::Liquidated(liquidation) => Some((liquidation.universe, liquidation.market)),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn hopeless_units_of_one_universe_do_not_keep_another_waiting() {
    let mut venue = venue([1_000_000, 0]);
    gather(&mut venue, &HOPELESS);
    // Not as far below, so behind all of them in a common line.
    let core = Crowd { kind: "core", universe: CORE, market: PERP, cash: 100, against: "dave", count: 10, ..HOPELESS };
    gather(&mut venue, &core);
    let events = venue.block(&[], None).events;
    assert_eq!(liquidated(&events), [(CORE, PERP); 10]);
}

#[test]
fn units_that_can_be_served_share_the_block_out_among_universes() {
    let mut venue = venue([10_000_000; 2]);
    let side = Crowd { cash: 90, ..HOPELESS };
    gather(&mut venue, &side);
    let core = Crowd { kind: "core", universe: CORE, market: PERP, cash: 100, against: "dave", ..side };
    gather(&mut venue, &core);
    let closed = liquidated(&venue.block(&[], None).events);
    let of_core = closed.iter().filter(|(universe, _)| *universe == CORE).count();
    assert_eq!((closed.len(), of_core), (LIQUIDATIONS_PER_BLOCK_MAX, LIQUIDATIONS_PER_BLOCK_MAX / 2));
}

#[test]
fn hopeless_units_do_not_hide_those_behind_them() {
    let mut venue = venue([0, 0]);
    scenario_on(&mut venue, "dave buy OTHER 100 @ 99.5 gtc  -> resting 100");
    gather(&mut venue, &HOPELESS);
    gather(&mut venue, &Crowd { kind: "able", count: 1, market: SIDE_OTHER, cash: 112, ..HOPELESS });
    let closed: Vec<_> = (0..5).flat_map(|_| liquidated(&venue.block(&[], None).events)).collect();
    assert!(closed.contains(&(SIDE, SIDE_OTHER)), "{closed:?}");
    assert!(!closed.contains(&(SIDE, SIDE_PERP)), "{closed:?}");
}

#[test]
fn deleveragings_are_shared_out_among_universes() {
    let mut venue = venue([0, 0]);
    let side = Crowd { count: 8, cost: 101, cash: 10, ..HOPELESS };
    gather(&mut venue, &side);
    let core = Crowd { kind: "core", universe: CORE, market: PERP, cash: 50, against: "dave", ..side };
    gather(&mut venue, &core);
    for _ in 0..4 {
        let events = venue.block(&[], None).events;
        let gave = |wanted: MarketId| {
            events
                .iter()
                .filter(|event| matches!(event, Event::Deleveraged { market, .. } if *market == wanted))
                .count()
        };
        assert_eq!((gave(SIDE_PERP), gave(PERP)), (2, 2));
    }
    assert_eq!(venue.state().position_holders(PERP).count(), 0, "all are closed");
    assert_eq!(venue.state().position_holders(SIDE_PERP).count(), 0, "all are closed");
}
