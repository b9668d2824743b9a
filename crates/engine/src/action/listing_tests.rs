//! Permissionless listing: a universe of one's own with a locked deposit, and every absurd listing refused.

use crate::{
    listing::{
        LISTED_MARKETS_PER_UNIVERSE_MAX, LISTED_UNIVERSES_MAX, LISTING_DEPOSIT_MINIMUM_USD, check_market,
        next_perpetual,
    },
    state::{ListingRecord, Record},
    testing::{CORE, USDC, Venue, account_of, price, usd},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    event::Event,
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketKind, RiskTerms},
    numbers::{Amount, Price, Rate, Shares, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    receipt::Outcome,
    rejection::Rejection,
    vault::{PerpetualListing, Redemption, Tranche},
};

const BTC: AssetId = AssetId::new(1);
const OPENED: UniverseId = UniverseId::new(1);
const LISTED: MarketId = MarketId::new(1);
const UNIT: i128 = 100_000_000;

fn listing(symbol: &str) -> PerpetualListing {
    PerpetualListing {
        symbol: symbol.to_owned(),
        underlying: BTC,
        size_decimals: 2,
        tick: price("0.5"),
        maker_fee: Rate::new(200),
        taker_fee: Rate::new(500),
        minimum_notional_usd: usd("10"),
        maximum_notional_usd: usd("100000"),
        price_band: Rate::new(50_000),
        open_orders_per_account_max: 100,
        maximum_leverage: 5,
        open_interest_maximum: Size::new(500_000),
        position_maximum: Size::new(100_000),
        risk: RiskTerms {
            open_interest_lower_usd: usd("100000"),
            open_interest_upper_usd: usd("1000000"),
            ..RiskTerms::flat()
        },
    }
}

fn open(name: &str, market: PerpetualListing, deposit: &str) -> Action {
    Action::OpenUniverse { name: name.to_owned(), collateral: USDC, market, deposit_usd: usd(deposit) }
}

fn list(universe: UniverseId, market: PerpetualListing) -> Action {
    Action::ListMarket { universe, market, deposit_usd: LISTING_DEPOSIT_MINIMUM_USD }
}

#[test]
fn a_listing_opens_a_universe_with_the_deposit_in_it() {
    let mut venue = Venue::new();
    let alice = account_of("alice");
    let signed = venue.sign("alice", open("moon", listing("MOON"), "10000.00000001"));
    let outcome = venue.block(&[signed], None);
    assert_eq!(outcome.receipts[0].outcome, Outcome::Done);
    let opened = outcome.events.iter().find_map(|event| match event {
        Event::UniverseOpened { universe, name, collateral, lister } => {
            Some((*universe, name.clone(), *collateral, *lister))
        }
        _ => None,
    });
    assert_eq!(opened, Some((OPENED, "moon".to_owned(), USDC, alice)));
    let stored = venue.state().market(LISTED).expect("it is listed").clone();
    assert_eq!(stored, listing("MOON").into_spec(LISTED, OPENED));
    let listed = Event::MarketListed { market: stored, lister: alice, deposit_usd: usd("10000.00000001") };
    assert!(outcome.events.contains(&listed));
    // The odd unit is the insurance fund's.
    let held = |account| venue.state().balance(account, OPENED, USDC);
    assert_eq!(held(AccountId::insurance(OPENED)), Amount::new(5_000 * UNIT + 1));
    assert_eq!(held(AccountId::backstop(OPENED)), Amount::new(5_000 * UNIT));
    assert_eq!(venue.state().custody(OPENED, USDC), Amount::new(10_000 * UNIT + 1));
    assert_eq!(venue.state().balance(alice, CORE, USDC), Amount::new(90_000 * UNIT - 1));
    let holding = venue.state().backstop_share(OPENED, alice);
    assert_eq!(holding.junior, holding.junior_for_good);
    assert!(holding.junior > Shares::ZERO);
    let record = ListingRecord { lister: alice, deposit_usd: usd("10000.00000001"), markets: 1 };
    assert_eq!(venue.state().listing(OPENED), Some(&record));
    for account in [AccountId::insurance(OPENED), AccountId::backstop(OPENED), AccountId::clearing(LISTED)] {
        assert!(venue.state().is_system_account(account));
    }
    // The deposit does not come back.
    let out = Action::WithdrawBackstop { universe: OPENED, tranche: Tranche::Junior, redemption: Redemption::All };
    let rejection = venue.refused("alice", alice, out);
    assert_eq!(rejection, Rejection::InsufficientShares { required: Shares::ZERO, available: Shares::ZERO });
}

#[test]
fn a_listed_market_trades_in_its_own_universe_alone() {
    let mut venue = Venue::new();
    venue.act("alice", open("moon", listing("MOON"), "10000"));
    venue.set_index(BTC, price("100"));
    let order = |side| Action::Place {
        orders: vec![OrderRequest {
            market: LISTED,
            side,
            price: price("100"),
            size: Size::new(1_000),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    };
    // What bob has in the core universe does not count here.
    let outcome = venue.act("bob", order(Side::Buy)).outcome;
    assert!(format!("{outcome:?}").contains("InsufficientMargin"), "{outcome:?}");
    for name in ["bob", "carol"] {
        let amount = Amount::new(1_000 * UNIT);
        venue.act(name, Action::MoveUniverse { from: CORE, to: OPENED, asset: USDC, amount });
    }
    venue.act("bob", order(Side::Buy));
    venue.act("carol", order(Side::Sell));
    let position = venue.state().position(account_of("bob"), LISTED).expect("it was filled");
    assert_eq!(position.position.get(), 1_000);
    // Nor does trading where a lister sets the fees earn actions.
    for name in ["bob", "carol"] {
        assert_eq!(venue.state().account(account_of(name)).expect("funded").volume_usd, Usd::ZERO, "{name}");
    }
}

#[test]
fn a_lister_lists_more_and_nobody_else_does() {
    let mut venue = Venue::new();
    let (alice, bob) = (account_of("alice"), account_of("bob"));
    venue.act("alice", open("moon", listing("MOON"), "10000"));
    let not_yours = |universe| Rejection::NotYourUniverse { universe };
    assert_eq!(venue.refused("bob", bob, list(OPENED, listing("SUN"))), not_yours(OPENED));
    assert_eq!(venue.refused("alice", alice, list(CORE, listing("SUN"))), not_yours(CORE));
    let nowhere = UniverseId::new(9);
    let unknown = Rejection::UnknownUniverse { universe: nowhere };
    assert_eq!(venue.refused("alice", alice, list(nowhere, listing("SUN"))), unknown);
    for number in 1..LISTED_MARKETS_PER_UNIVERSE_MAX {
        assert_eq!(venue.act("alice", list(OPENED, listing(&format!("M{number}")))).outcome, Outcome::Done);
    }
    let record = venue.state().listing(OPENED).expect("opened");
    assert_eq!((record.markets, record.deposit_usd), (8, usd("80000")));
    let rejection = venue.refused("alice", alice, list(OPENED, listing("ONE_MORE")));
    assert_eq!(rejection, Rejection::TooMany { what: "markets in an opened universe".to_owned(), limit: 8 });
}

/// One absurdity each; the state is compared by the venue.
#[test]
fn absurd_listings_are_refused() {
    let mut venue = Venue::new();
    let alice = account_of("alice");
    let bound = |what: &str, found: i128, limit: i128| Rejection::ListingBound {
        what: what.to_owned(),
        found: Amount::new(found),
        limit: Amount::new(limit),
    };
    let with = |change: fn(&mut PerpetualListing)| {
        let mut market = listing("MOON");
        change(&mut market);
        open("moon", market, "10000")
    };
    let bounded: [(Action, Rejection); 6] = [
        (with(|market| market.maximum_leverage = 11), bound("maximum leverage", 11, 10)),
        (with(|market| market.maker_fee = Rate::new(10_001)), bound("maker fee in parts per million", 10_001, 10_000)),
        (with(|market| market.taker_fee = Rate::new(10_001)), bound("taker fee in parts per million", 10_001, 10_000)),
        (
            with(|market| market.price_band = Rate::new(200_001)),
            bound("price band in parts per million", 200_001, 200_000),
        ),
        (with(|market| market.open_orders_per_account_max = 1_001), bound("open orders per account", 1_001, 1_000)),
        (
            with(|market| market.risk.open_interest_upper_usd = Usd::new(1_000_000 * UNIT + 1)),
            bound("open interest at full margin in 1e-8 USD", 1_000_000 * UNIT + 1, 1_000_000 * UNIT),
        ),
    ];
    for (action, expected) in bounded {
        assert_eq!(venue.refused("alice", alice, action), expected);
    }
    type Wrong = (fn(&mut PerpetualListing), &'static str);
    let invalid: [Wrong; 16] = [
        (|market| market.symbol = String::new(), "the market symbol"),
        (|market| market.symbol = "BTC/USDC2".to_owned(), "the market symbol"),
        (|market| market.symbol = "BTC-25DEC26".to_owned(), "the market symbol"),
        (|market| market.symbol = "X".repeat(65), "the market symbol"),
        (|market| market.underlying = AssetId::new(7), "asset 7"),
        (|market| market.underlying = USDC, "index"),
        (|market| market.size_decimals = 9, "size decimals"),
        (|market| market.tick = Price::new(0), "tick"),
        (|market| market.tick = Price::new(3), "tick"),
        (|market| market.maximum_leverage = 0, "leverage"),
        (|market| market.maker_fee = Rate::new(-1), "fee"),
        (|market| market.open_interest_maximum = Size::ZERO, "open interest"),
        (|market| market.position_maximum = Size::MAX, "position"),
        (|market| market.maximum_notional_usd = Usd::ZERO, "order value"),
        (|market| market.price_band = Rate::ZERO, "price band"),
        (|market| market.risk.depth_minimum_usd = Usd::ZERO, "risk"),
    ];
    for (change, word) in invalid {
        match venue.refused("alice", alice, with(change)) {
            Rejection::InvalidListing { reason } => assert!(reason.contains(word), "{word:?} is not in {reason:?}"),
            rejection => panic!("{word}: {rejection:?}"),
        }
    }
}

#[test]
fn names_deposits_and_numbers_are_bounded() {
    let mut venue = Venue::new();
    let alice = account_of("alice");
    let name_in_use = |name: &str| Rejection::NameInUse { name: name.to_owned() };
    assert_eq!(venue.refused("alice", alice, open("core", listing("MOON"), "10000")), name_in_use("core"));
    assert_eq!(venue.refused("alice", alice, open("moon", listing("BTC"), "10000")), name_in_use("BTC"));
    for name in ["", "a b", "a/b"] {
        let rejection = venue.refused("alice", alice, open(name, listing("MOON"), "10000"));
        assert!(matches!(rejection, Rejection::InvalidListing { .. }), "{rejection:?}");
    }
    let minimum = LISTING_DEPOSIT_MINIMUM_USD;
    for deposit in ["9999.99999999", "0", "-10000"] {
        // Open interest is bounded by the deposit too, so it is asked first.
        let rejection = venue.refused("alice", alice, open("moon", listing("MOON"), deposit));
        assert_eq!(rejection, Rejection::BelowMinimumDeposit { amount: usd(deposit), minimum });
    }
    let (required, available) = (Amount::new(100_001 * UNIT), Amount::new(100_000 * UNIT));
    let rejection = venue.refused("alice", alice, open("moon", listing("MOON"), "100001"));
    assert_eq!(rejection, Rejection::InsufficientBalance { asset: USDC, required, available });
    let most = Action::OpenUniverse {
        name: "moon".to_owned(),
        collateral: USDC,
        market: listing("MOON"),
        deposit_usd: Usd::MAX,
    };
    let required = Amount::new(i128::MAX);
    let rejection = venue.refused("alice", alice, most);
    assert_eq!(rejection, Rejection::InsufficientBalance { asset: USDC, required, available });
    let collateral = Action::OpenUniverse {
        name: "moon".to_owned(),
        collateral: BTC,
        market: listing("MOON"),
        deposit_usd: usd("10000"),
    };
    assert!(matches!(venue.refused("alice", alice, collateral), Rejection::InvalidListing { .. }));
    let sub = match venue.act("alice", Action::CreateSubAccount { name: "a".to_owned() }).outcome {
        Outcome::AccountCreated { account } => account,
        outcome => panic!("{outcome:?}"),
    };
    let rejection = venue.refused("alice", sub, open("moon", listing("MOON"), "10000"));
    assert_eq!(rejection, Rejection::NotAMaster { account: sub });
    venue.act("alice", open("moon", listing("MOON"), "10000"));
    assert_eq!(venue.refused("alice", alice, open("moon", listing("SUN"), "10000")), name_in_use("moon"));
    assert_eq!(venue.refused("alice", alice, open("sun", listing("MOON"), "10000")), name_in_use("MOON"));
}

/// Bounds that no test can fill with real listings, on a state that says they are full.
#[test]
fn universes_and_perpetuals_are_bounded() {
    let mut venue = Venue::new();
    let lister = account_of("alice");
    let now = venue.engine.time_ms();
    let (state, _) = venue.engine.parts_mut();
    let start = state.checkpoint();
    for number in 0..LISTED_UNIVERSES_MAX {
        let id = UniverseId::new(1_000 + number as u32);
        let record = ListingRecord { lister, deposit_usd: Usd::ZERO, markets: 0 };
        state.put(Record::Listing { id, record });
    }
    let limit = LISTED_UNIVERSES_MAX as u32;
    let full = Rejection::TooMany { what: "opened universes".to_owned(), limit };
    assert_eq!(super::check_universe(state, "moon", USDC), Err(full));
    assert_eq!(next_perpetual(state), Ok(LISTED));
    let last = MarketId::new(MarketId::FIRST_SPOT - 1);
    let record = listing("LAST").into_spec(last, CORE);
    assert!(matches!(record.kind, MarketKind::Perpetual { .. }));
    assert_eq!(check_market(state, &record, usd("10000"), now), Ok(()));
    state.put(Record::Market { id: last, record: Box::new(record) });
    let full = Rejection::TooMany { what: "perpetual markets".to_owned(), limit: MarketId::FIRST_SPOT };
    assert_eq!(next_perpetual(state), Err(full));
    state.revert_to(start);
}
