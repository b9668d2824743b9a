//! Liquidation step by step: who is called, what the book closes, what vault, fund and winners take over.

use super::watch::{scan, standing, units_of};
use crate::{
    state::{BalanceId, Bounds, FundingRecord, MarginUnit, MarkRecord, PositionId, Record, RecordKey, State},
    testing::{CORE, FUNDED, PERP, USDC, Venue, account_of, bundle, genesis, price, scenario_on, usd},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    event::{Event, Liquidation, LiquidationMethod, MarginLevel, Payer},
    genesis::GenesisBalance,
    market::CollateralTerms,
    numbers::{Amount, FundingIndex, Price, Rate, Usd},
    receipt::Outcome,
    time::TimeMs,
};
use std::collections::BTreeSet;

const DOLLAR: i128 = 100_000_000;

/// A venue whose people hold so many dollars, with a fund and a vault.
fn venue(dollars: &[(&str, i128)], fund: i128, vault: i128) -> Venue {
    let mut genesis = genesis();
    for balance in &mut genesis.balances {
        let name = FUNDED.iter().find(|name| account_of(name) == balance.account).expect("funded by name");
        if let Some((_, amount)) = dollars.iter().find(|(who, _)| who == name)
            && balance.asset == USDC
        {
            balance.amount = Amount::new(amount * DOLLAR);
        }
    }
    for (account, amount) in [(AccountId::insurance(CORE), fund), (AccountId::backstop(CORE), vault)] {
        if amount > 0 {
            genesis.balances.push(GenesisBalance {
                universe: CORE,
                account,
                asset: USDC,
                amount: Amount::new(amount * DOLLAR),
            });
        }
    }
    Venue::with(genesis)
}

/// Events of a block that brings the index to a price, a second later.
fn index_at(venue: &mut Venue, at: &str) -> Vec<Event> {
    let time_ms = TimeMs::new(venue.engine.time_ms().get() + 1_000);
    let prices = [price(at); 4];
    let bundle = bundle(crate::testing::BTC, &prices, time_ms);
    venue.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid").events
}

/// The index walks to a price and stays until the mark is there; all events.
fn walk_to(venue: &mut Venue, at: &str, seconds: usize) -> Vec<Event> {
    (0..seconds).flat_map(|_| index_at(venue, at)).collect()
}

fn unit(name: &str) -> MarginUnit {
    MarginUnit { account: account_of(name), universe: CORE, market: None }
}

fn dollars(venue: &Venue, account: AccountId) -> Amount {
    venue.state().balance(account, CORE, USDC)
}

/// Alice is long 50 at 100 with 300 dollars of her own; bob is short.
fn leveraged(fund: i128, vault: i128) -> Venue {
    let mut venue = venue(&[("alice", 300)], fund, vault);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC 50 @ 100 gtc cloid 1  -> resting 50
        bob sell BTC 50 @ 100 gtc           -> filled 50 for 5000
        ",
    );
    venue
}

fn levels(events: &[Event], name: &str) -> Vec<MarginLevel> {
    let mut all = Vec::new();
    for event in events {
        if let Event::MarginCalled { account, level, .. } = event
            && *account == account_of(name)
        {
            all.push(*level);
        }
    }
    all
}

fn methods(events: &[Event]) -> Vec<(LiquidationMethod, u64)> {
    let mut all = Vec::new();
    for event in events {
        if let Event::Liquidated(liquidation) = event {
            all.push((liquidation.method, liquidation.size.get()));
        }
    }
    all
}

/// 300 dollars less a fee of 0.5: 1.25 x maintenance is met down to 95.503, 1.1 x down to 95.321, 1 x to 95.199.
#[test]
fn an_account_is_warned_twice_before_it_is_liquidated() {
    let mut venue = leveraged(0, 0);
    let calm = walk_to(&mut venue, "95.6", 12);
    assert_eq!(levels(&calm, "alice"), []);
    let warned = walk_to(&mut venue, "95.4", 3);
    assert_eq!(levels(&warned, "alice"), [MarginLevel::Warned]);
    let called = walk_to(&mut venue, "95.25", 3);
    assert_eq!(levels(&called, "alice"), [MarginLevel::Called]);
    let recovered = walk_to(&mut venue, "97", 20);
    assert_eq!(levels(&recovered, "alice"), [MarginLevel::Healthy]);
}

#[test]
fn the_book_takes_the_smallest_slice_that_restores_the_account() {
    let mut venue = leveraged(0, 0);
    scenario_on(&mut venue, "carol buy BTC 100 @ 95 gtc cloid 9  -> resting 100");
    let events = walk_to(&mut venue, "95.1", 15);
    let closed = methods(&events);
    assert!(closed.iter().all(|(method, _)| *method == LiquidationMethod::Book), "{closed:?}");
    let lots: u64 = closed.iter().map(|(_, lots)| lots).sum();
    assert!(lots > 0 && lots < 50, "a part: {lots}");
    let now = standing(venue.state(), unit("alice")).expect("in range");
    assert!(now.equity_usd >= now.maintenance_usd, "{now:?}");
    assert!(dollars(&venue, AccountId::insurance(CORE)) > Amount::ZERO, "the fund earned the fee");
    assert!(scan(venue.state()).is_empty());
}

#[test]
fn without_a_book_the_vault_takes_over_within_its_share() {
    // A fifth of 1000 dollars margins 2000 dollars of position.
    let mut venue = leveraged(0, 1_000);
    let events = walk_to(&mut venue, "94.7", 15);
    let vault: u64 = methods(&events)
        .iter()
        .filter(|(method, _)| *method == LiquidationMethod::Backstop)
        .map(|(_, lots)| lots)
        .sum();
    assert!(vault > 0, "{:?}", methods(&events));
    let purse = dollars(&venue, AccountId::isolated(AccountId::backstop(CORE), PERP));
    assert!(purse > Amount::ZERO && purse <= Amount::new(200 * DOLLAR), "{purse}");
}

/// The index gaps through the account: fund first, winners for the rest, to the unit.
#[test]
fn a_deficit_is_paid_by_the_fund_and_then_by_winners() {
    let mut venue = leveraged(20, 0);
    let events = walk_to(&mut venue, "90", 12);
    let mut paid = Usd::ZERO;
    let mut haircut = Usd::ZERO;
    for event in &events {
        match event {
            Event::DeficitPaid { payer: Payer::Insurance, amount_usd, .. } => {
                paid = paid.checked_add(*amount_usd).unwrap()
            }
            Event::Deleveraged { account, haircut_usd, .. } => {
                assert_eq!(*account, account_of("bob"));
                haircut = haircut.checked_add(*haircut_usd).unwrap();
            }
            _ => {}
        }
    }
    assert_eq!(paid, usd("20"), "{events:?}");
    assert!(haircut > Usd::ZERO);
    assert!(venue.state().position(account_of("alice"), PERP).is_none());
    assert!(venue.state().position(account_of("bob"), PERP).is_none());
    assert_eq!(dollars(&venue, account_of("alice")), Amount::ZERO);
    assert!(scan(venue.state()).is_empty());
    let gates: Vec<bool> = events
        .iter()
        .filter_map(|event| match event {
            Event::GateChanged { closed, .. } => Some(*closed),
            _ => None,
        })
        .collect();
    assert!(gates.is_empty(), "allocated within the block: {gates:?}");
}

/// A bankrupt account keeps no collateral while the fund pays for it: what it has goes to the vault first.
#[test]
fn collateral_is_sold_before_the_fund_pays() {
    let mut genesis = genesis();
    genesis.assets[1].collateral = Some(CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: usd("1000000"),
    });
    for balance in &mut genesis.balances {
        if balance.account == account_of("alice") {
            balance.amount = Amount::new(if balance.asset == USDC { 150 } else { 2 } * DOLLAR);
        }
    }
    for account in [AccountId::insurance(CORE), AccountId::backstop(CORE)] {
        let amount = Amount::new(1_000 * DOLLAR);
        genesis.balances.push(GenesisBalance { universe: CORE, account, asset: USDC, amount });
    }
    let mut venue = Venue::with(genesis);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC 50 @ 100 gtc cloid 1  -> resting 50
        bob sell BTC 50 @ 100 gtc           -> filled 50 for 5000
        ",
    );
    let events = walk_to(&mut venue, "80", 12);
    let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted);
    let sold = place(|event| matches!(event, Event::CollateralSold { .. })).expect("the vault had cash");
    let paid = place(|event| matches!(event, Event::DeficitPaid { .. })).expect("a gap beyond the collateral");
    assert!(sold < paid, "{events:?}");
    assert_eq!(venue.state().balance(account_of("alice"), CORE, crate::testing::BTC), Amount::ZERO);
    assert!(scan(venue.state()).is_empty());
}

#[test]
fn an_isolated_position_costs_no_more_than_its_purse() {
    let mut venue = venue(&[("alice", 300)], 0, 0);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice leverage BTC 20 isolated      -> done
        alice buy BTC 40 @ 100 gtc cloid 1  -> resting 40
        bob sell BTC 40 @ 100 gtc           -> filled 40 for 4000
        ",
    );
    let left = dollars(&venue, account_of("alice"));
    let events = walk_to(&mut venue, "90", 14);
    assert!(!methods(&events).is_empty());
    assert_eq!(dollars(&venue, account_of("alice")), left);
    assert!(venue.state().position(account_of("alice"), PERP).is_none());
}

/// What is closed whole pays the fee out of what comes back from the purse.
#[test]
fn an_isolated_position_that_is_closed_whole_pays_its_fee() {
    let mut venue = venue(&[("alice", 300)], 0, 0);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice leverage BTC 20 isolated      -> done
        alice buy BTC 1 @ 100 gtc cloid 1   -> resting 1
        bob sell BTC 1 @ 100 gtc            -> filled 1 for 100
        carol buy BTC 100 @ 96 gtc cloid 2  -> resting 100
        ",
    );
    let events = walk_to(&mut venue, "96.2", 14);
    let closed: Vec<&Liquidation> = events
        .iter()
        .filter_map(|event| match event {
            Event::Liquidated(liquidation) => Some(liquidation),
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert_eq!((closed[0].method, closed[0].quote_usd), (LiquidationMethod::Book, usd("96")));
    assert_eq!(closed[0].fee_usd, usd("0.48"), "half a hundredth");
    assert_eq!(dollars(&venue, AccountId::insurance(CORE)), Amount::new(48_000_000));
    assert!(venue.state().position(account_of("alice"), PERP).is_none());
}

/// Little is left of what the vault took over, and the next bid is further away than that: it is not sold there, or the vault's cash
/// would pay the rest.
#[test]
fn a_market_costs_the_vault_no_more_than_its_purse() {
    let mut genesis = genesis();
    genesis.markets[0].tick = price("0.01");
    for (name, amount) in [("alice", 300), ("bob", 100_000)] {
        let is_theirs = |balance: &&mut GenesisBalance| balance.account == account_of(name) && balance.asset == USDC;
        genesis.balances.iter_mut().find(is_theirs).expect("funded").amount = Amount::new(amount * DOLLAR);
    }
    let vault_funds = Amount::new(1_000 * DOLLAR);
    genesis.balances.push(GenesisBalance {
        universe: CORE,
        account: AccountId::backstop(CORE),
        asset: USDC,
        amount: vault_funds,
    });
    let mut venue = Venue::with(genesis);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC 50 @ 100 gtc cloid 1  -> resting 50
        bob sell BTC 50 @ 100 gtc           -> filled 50 for 5000
        ",
    );
    walk_to(&mut venue, "94.7", 15);
    let vault = AccountId::backstop(CORE);
    let held = MarginUnit { account: vault, universe: CORE, market: Some(PERP) };
    let left = |venue: &Venue| standing(venue.state(), held).expect("in range").equity_usd;
    let mut at_cents: u32 = 9_470;
    while left(&venue) > usd("6") {
        at_cents -= 2;
        walk_to(&mut venue, &format!("{}.{:02}", at_cents / 100, at_cents % 100), 2);
    }
    assert!(left(&venue) > Usd::ZERO && venue.state().position(vault, PERP).is_some(), "{}", left(&venue));
    let (cash, mark) = (dollars(&venue, vault), venue.state().mark(PERP).expect("marked").price.get());
    // 0.45 % below the mark costs more than what is left.
    let bid = mark / 10_000 * 9_955;
    let bid = format!("{}.{:02}", bid / 100_000_000, bid % 100_000_000 / 1_000_000);
    scenario_on(&mut venue, &format!("carol buy BTC 1000 @ {bid} gtc cloid 9  -> resting 1000"));
    walk_to(&mut venue, &format!("{}.{:02}", at_cents / 100, at_cents % 100), 1);
    assert!(dollars(&venue, vault) >= cash, "{} of {cash}", dollars(&venue, vault));
    walk_to(&mut venue, "80", 30);
    assert!(venue.state().position(vault, PERP).is_none(), "winners took it");
    assert!(dollars(&venue, vault) >= cash, "{} of {cash}", dollars(&venue, vault));
    assert!(dollars(&venue, AccountId::isolated(vault, PERP)) >= Amount::ZERO);
    assert!(scan(venue.state()).is_empty());
}

/// Whoever sent something to an address before it became a purse or a clearing account made nobody of it who owes.
#[test]
fn an_address_of_the_engine_owes_nothing_as_such() {
    let mut venue = leveraged(0, 0);
    let purse = AccountId::isolated(account_of("alice"), PERP);
    let transfer = Action::Transfer { universe: CORE, to: purse, asset: USDC, amount: Amount::new(1) };
    let sent = venue.sign("bob", transfer);
    assert_eq!(venue.block(&[sent], None).receipts[0].outcome, Outcome::Done);
    scenario_on(&mut venue, "alice leverage BTC 20 isolated -> done");
    let mut state = venue.state().clone();
    state.put(Record::Balance {
        id: BalanceId { account: purse, universe: CORE, asset: USDC },
        record: Amount::new(-1),
    });
    assert!(state.account(purse).is_some() && state.is_system_account(purse));
    assert_eq!(units_of(&state, purse), BTreeSet::new());
    let own = MarginUnit { market: Some(PERP), ..unit("alice") };
    assert_eq!(units_of(&state, account_of("alice")), BTreeSet::from([own]));
    state.delete(RecordKey::Position(PositionId { account: account_of("alice"), market: PERP }));
    assert_eq!(
        units_of(&state, account_of("alice")),
        BTreeSet::from([own]),
        "a purse that owes is looked at without a position"
    );
    let vault = AccountId::backstop(CORE);
    state.put(Record::Balance {
        id: BalanceId { account: vault, universe: CORE, asset: USDC },
        record: Amount::new(-1),
    });
    let owed = MarginUnit { account: vault, universe: CORE, market: None };
    assert_eq!(units_of(&state, vault), BTreeSet::from([owed]), "with or without a record of its own");
}

/// The quick look of the watch and the whole margin are two ways to the same numbers.
#[test]
fn the_watch_sees_what_margin_sees() {
    let mut venue = leveraged(0, 1_000);
    scenario_on(
        &mut venue,
        "
        carol leverage BTC 10 isolated      -> done
        carol buy BTC 7 @ 100 gtc cloid 3   -> resting 7
        dave sell BTC 7 @ 100 gtc           -> filled 7 for 700
        erin buy BTC/USDC 3 @ 90 gtc cloid 4 -> resting 3
        ",
    );
    walk_to(&mut venue, "97.3", 4);
    let spec = venue.state().market(PERP).expect("listed").clone();
    for name in ["alice", "bob", "dave", "erin"] {
        let whole = crate::accounts::margin(venue.state(), account_of(name), CORE).expect("in range");
        let quick = standing(venue.state(), unit(name)).expect("in range");
        assert_eq!(
            (Ok(quick.equity_usd), quick.maintenance_usd),
            (whole.equity_usd(), whole.maintenance_usd),
            "{name}"
        );
    }
    let whole = crate::accounts::isolated_margin(venue.state(), account_of("carol"), &spec).expect("in range");
    let quick = standing(venue.state(), MarginUnit { market: Some(PERP), ..unit("carol") }).expect("in range");
    assert_eq!((Ok(quick.equity_usd), quick.maintenance_usd), (whole.equity_usd(), whole.maintenance_usd));
    assert!(quick.maintenance_usd > Usd::ZERO);
}

/// Alice waits for somebody who takes her position. Carol would, but the index is old.
#[test]
fn nobody_is_liquidated_on_a_stale_index() {
    let mut venue = leveraged(0, 0);
    assert!(methods(&walk_to(&mut venue, "95.1", 15)).is_empty(), "there is no book");
    assert_eq!(scan(venue.state()), BTreeSet::from([unit("alice")]));
    scenario_on(&mut venue, "carol buy BTC 100 @ 95 gtc cloid 9  -> resting 100");
    assert!(methods(&venue.block_after(11_000).events).is_empty(), "the index is old");
    assert_eq!(scan(venue.state()), BTreeSet::from([unit("alice")]));
    let closed = methods(&index_at(&mut venue, "95.1"));
    assert!(matches!(closed[..], [(LiquidationMethod::Book, _)]), "{closed:?}");
}

/// Alice's or bob's box, and a state in which mark and funding index are what `at` makes of it.
fn with_values(venue: &Venue, name: &str, at: impl Fn(Bounds, bool) -> Bounds) -> State {
    let mut state = venue.state().clone();
    let number = state.watch_number(&unit(name)).expect("watched");
    let watched = state.watched(number).expect("watched").clone();
    assert!(watched.is_boxed, "{name}");
    let [edge] = watched.edges[..] else { panic!("one position: {watched:?}") };
    let values = at(edge.bounds, edge.lots > 0);
    let mark = MarkRecord { price: Price::new(values.price), ..*state.mark(PERP).expect("marked") };
    let funding = FundingRecord { index: FundingIndex::new(values.funding), ..*state.funding(PERP).expect("sampled") };
    state.put(Record::Mark { id: PERP, record: mark });
    state.put(Record::Funding { id: PERP, record: funding });
    state
}

/// With mark and funding index at the edges of a box together, its unit is at its level still, and nobody needs to look; a unit
/// of either further, the unit is a candidate.
#[test]
fn at_the_edges_of_its_box_a_unit_is_at_its_level() {
    let mut venue = leveraged(0, 0);
    for at in ["100", "98", "96", "95.4", "95.25", "99"] {
        walk_to(&mut venue, at, 8);
        for name in ["alice", "bob"] {
            let number = venue.state().watch_number(&unit(name)).expect("watched");
            let edge = with_values(&venue, name, |bounds, _| bounds);
            let level = standing(&edge, unit(name)).and_then(|standing| standing.level()).expect("in range");
            assert!(level <= edge.margin_level(unit(name)), "{name} at {at}: {level:?}");
            assert!(!edge.outside_boxes().contains(&number), "{name} at {at}");
            let beyond = |is_long: bool, worse: i64| if is_long { worse } else { -worse };
            let price = |bounds: Bounds, is_long| Bounds { price: bounds.price - beyond(is_long, 1), ..bounds };
            let funding = |bounds: Bounds, is_long| Bounds { funding: bounds.funding + beyond(is_long, 1), ..bounds };
            assert!(with_values(&venue, name, price).outside_boxes().contains(&number), "{name} at {at}");
            assert!(with_values(&venue, name, funding).outside_boxes().contains(&number), "{name} at {at}");
        }
    }
}

/// What a box leaves to funding is worth something: the hourly step of an ordinary rate concerns nobody who is not near a level.
#[test]
fn an_ordinary_hour_of_funding_makes_nobody_a_candidate() {
    let mut venue = leveraged(0, 0);
    walk_to(&mut venue, "100", 2);
    // 0.00125 % of the price.
    let hour = |_: Bounds, is_long: bool| {
        let step = price("100").get() / 80_000;
        Bounds { price: price("100").get(), funding: if is_long { step } else { -step } }
    };
    for name in ["alice", "bob"] {
        let mut state = with_values(&venue, name, hour);
        assert_eq!(state.outside_boxes(), [], "{name}");
        assert_eq!(state.take_touched(), [], "{name}");
    }
}
