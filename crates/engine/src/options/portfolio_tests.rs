use super::*;
use crate::{
    accounts::{margin, margin_to_leave},
    testing::{BTC, CORE, PERP, Venue, account_of, option_genesis, price, scenario_on, usd},
};
use palisade_types::{action::Action, market::MarketKind, receipt::Outcome};

fn venue() -> Venue {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

fn market(venue: &Venue, name: &str) -> MarketId {
    venue.state().markets().find(|market| market.symbol == name).expect("it is listed").id
}

fn need_of(venue: &Venue, positions: &[(MarketId, i64)]) -> PortfolioNeed {
    need(venue.state(), CORE, positions.iter().copied()).expect("in range")
}

fn switch(venue: &mut Venue, name: &str, enabled: bool) -> Outcome {
    venue.act(name, Action::SetPortfolioMode { universe: CORE, enabled }).outcome
}

/// The perpetual in lots of one, options in lots of a tenth.
#[test]
fn legs_of_different_steps_are_one_portfolio() {
    let venue = venue();
    let call = market(&venue, "BTC-15NOV23-100-C");
    assert_eq!(need_of(&venue, &[]), PortfolioNeed::default());
    // 18 % of 5,000, and 0.8 of it.
    let linear = PortfolioNeed { initial_usd: usd("900"), maintenance_usd: usd("720") };
    assert_eq!(need_of(&venue, &[(PERP, 50)]), linear);
    assert_eq!(need_of(&venue, &[(PERP, -50)]), linear);
    let naked = need_of(&venue, &[(call, -500)]);
    let covered = need_of(&venue, &[(PERP, 50), (call, -500)]);
    // A rise by 18 % less what the call is worth, and the naked charge; covered, a fall by 18 % less that.
    assert!(naked.initial_usd > usd("870") && naked.initial_usd < usd("900"), "{naked:?}");
    assert!(covered.initial_usd < usd("900"), "{covered:?}");
    assert!(need_of(&venue, &[(call, 500)]).initial_usd <= usd("40"), "a long loses its worth and no more");
}

/// A switch must leave either side with its initial requirement; what a hedge needs less can be used at once.
#[test]
fn a_switch_leaves_both_sides_healthy() {
    let mut venue = venue();
    assert_eq!(switch(&mut venue, "bob", true), Outcome::Done);
    scenario_on(
        &mut venue,
        "
        alice buy BTC-15NOV23-100-C 60000 @ 0.7 gtc       -> resting 60000
        bob   sell BTC-15NOV23-100-C 60000 @ 0.7 ioc      -> canceled margin
        carol sell BTC-15NOV23-102-C 60000 @ 0.3 gtc      -> resting 60000
        bob   buy BTC-15NOV23-102-C 60000 @ 0.3 gtc       -> filled 60000 for 1800
        bob   sell BTC-15NOV23-100-C 60000 @ 0.7 ioc      -> filled 60000 for 4200
        ",
    );
    let spread = margin(venue.state(), account_of("bob"), CORE).expect("in range");
    // 6,000 units times a distance of two, the price of a rise by 18 %, and the naked charge.
    assert!(spread.initial_usd < usd("20000"), "{spread:?}");
    assert_eq!(switch(&mut venue, "bob", false), Outcome::Done);
    assert_eq!(switch(&mut venue, "bob", false), Outcome::Done, "twice is once");
    scenario_on(&mut venue, "carol transfer dave USDC 5000 -> done");
    assert_eq!(switch(&mut venue, "carol", true), Outcome::Rejected { rejection: too_little(&venue, "carol") });
    assert!(!venue.state().is_portfolio(account_of("carol"), CORE));
}

/// What carol would be told: 6,000 calls short need more as a portfolio than she has.
fn too_little(venue: &Venue, name: &str) -> Rejection {
    let account = account_of(name);
    let positions = venue.state().positions_of(account).map(|(market, record)| (market, record.position.get()));
    let required = need(venue.state(), CORE, positions).expect("in range").initial_usd;
    let available =
        margin(venue.state(), account, CORE).and_then(|margin| margin.initial_equity_usd()).expect("in range");
    assert!(available < required);
    Rejection::InsufficientMargin { required, available }
}

/// Calls sold against the perpetual need what a fall costs; by themselves fifteen percent of the forward each, which is more than there
/// is: who holds them stays in portfolio mode.
#[test]
fn leaving_needs_what_the_positions_need_by_themselves() {
    let mut venue = venue();
    assert_eq!(switch(&mut venue, "bob", true), Outcome::Done);
    scenario_on(
        &mut venue,
        "
        carol sell BTC 3000 @ 100 gtc                     -> resting 3000
        bob   buy BTC 3000 @ 100 gtc                      -> filled 3000 for 300000
        alice buy BTC-15NOV23-100-C 60000 @ 0.7 gtc       -> resting 60000
        bob   sell BTC-15NOV23-100-C 20000 @ 0.7 gtc      -> filled 20000 for 1400
        bob   sell BTC-15NOV23-100-C 20000 @ 0.7 gtc      -> filled 20000 for 1400
        bob   sell BTC-15NOV23-100-C 20000 @ 0.7 gtc      -> filled 20000 for 1400
        ",
    );
    let together = margin(venue.state(), account_of("bob"), CORE).expect("in range");
    assert!(together.initial_usd < usd("70000"), "{together:?}");
    let action = Action::SetPortfolioMode { universe: CORE, enabled: false };
    let rejection = venue.refused("bob", account_of("bob"), action);
    let Rejection::InsufficientMargin { required, available } = rejection else { panic!("{rejection:?}") };
    // 90,000 for the calls beside what they are worth, and 15,000 for the perpetual at twenty times.
    assert!(
        required > usd("100000") && available < usd("100000") && available > usd("95000"),
        "{required} {available}"
    );
    assert!(venue.state().is_portfolio(account_of("bob"), CORE));
}

/// A perpetual as crowded as `lower` to `upper` say, at most at this leverage, of which 60 lots at 100 are open.
fn crowded(lower: &str, upper: &str, leverage: u32) -> Venue {
    let mut genesis = option_genesis();
    for market in genesis.markets.iter_mut().filter(|market| market.id == PERP) {
        if let MarketKind::Perpetual { risk, maximum_leverage, .. } = &mut market.kind {
            (risk.open_interest_lower_usd, risk.open_interest_upper_usd) = (usd(lower), usd(upper));
            *maximum_leverage = leverage;
        }
    }
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    scenario_on(
        &mut venue,
        "
        bob   sell BTC 60 @ 100 gtc   -> resting 60
        carol buy BTC 60 @ 100 gtc    -> filled 60 for 6000
        ",
    );
    venue
}

/// What a crowd asks for is asked of portfolios too, beyond what the grid asks; a hedge saves what the grid asks and no more.
#[test]
fn a_portfolio_does_not_leave_the_crowd_behind() {
    let venue = crowded("1000", "11000", 40);
    // Half of the way from 2.5 % to all of it: 51.25 % of 5,000.
    let alone = need_of(&venue, &[(PERP, 50)]);
    assert_eq!((alone.initial_usd, alone.maintenance_usd), (usd("2562.5"), usd("720")));
    assert_eq!(need_of(&venue, &[(PERP, -50)]), alone);
    let put = market(&venue, "BTC-15NOV23-102-P");
    let hedged = need_of(&venue, &[(PERP, 50), (put, 500)]);
    let of_crowd = usd("1662.5");
    assert!(hedged.initial_usd > of_crowd && hedged.initial_usd < usd("2000"), "{hedged:?}");
    assert!(hedged.maintenance_usd < usd("250"), "{hedged:?}");
    // Nobody is in the way: 18 %, as ever.
    let empty = crowded("1000000", "2000000", 40);
    assert_eq!(need_of(&empty, &[(PERP, 50)]).initial_usd, usd("900"));
}

/// A market of little leverage asks for more than the grid, for maintenance too.
#[test]
fn a_portfolio_needs_what_the_market_allows_at_most() {
    let venue = crowded("1000000", "2000000", 2);
    let half = need_of(&venue, &[(PERP, 50)]);
    assert_eq!((half.initial_usd, half.maintenance_usd), (usd("2500"), usd("1250")));
}

/// Far away longs are worth next to nothing, by parts of a unit of 1e-8 USD, and a smile that turns would multiply them. They need what they
/// are worth and no more: whoever holds nothing else is not liquidated.
#[test]
fn longs_alone_need_at_most_what_they_are_worth() {
    let mut venue = venue();
    let options = ["100-C", "101-C", "102-C"].map(|name| market(&venue, &format!("BTC-15NOV23-{name}")));
    for index in ["97", "94", "91", "88", "85"] {
        venue.set_index(BTC, price(index));
        venue.block(&[], None);
        for lots in [1, 3, 7, 1_000] {
            for held in [&options[..1], &options[1..], &options[..]] {
                let positions: Vec<(MarketId, i64)> = held.iter().map(|option| (*option, lots)).collect();
                let worth: i128 = held
                    .iter()
                    .map(|option| {
                        i128::from(venue.state().mark(*option).expect("a mark").price.get()) * i128::from(lots) / 10
                    })
                    .sum();
                let need = need_of(&venue, &positions);
                let most = need.initial_usd.max(need.maintenance_usd);
                assert!(most <= Usd::new(worth), "{lots} lots of {held:?} at {index}: {need:?} of {worth}");
            }
        }
    }
}

/// A wick from 110 down to 100 hides what a portfolio needs at the slow forward: a short call, and a spread that is far away at 100. A spread
/// that was paid for, and longs alone, keep nothing back that they do not lend.
#[test]
fn a_wick_hides_no_loss_of_a_portfolio() {
    let mut venue = venue();
    venue.keep_index(BTC, price("110"), 400_000);
    let [low, high, put] = ["100-C", "112-C", "100-P"].map(|name| market(&venue, &format!("BTC-15NOV23-{name}")));
    let unconfirmed = |venue: &Venue, positions: &[(MarketId, i64)]| {
        unconfirmed_need_usd(venue.state(), CORE, positions.iter().copied()).expect("in range")
    };
    let in_cash = |venue: &Venue, positions: &[(MarketId, i64)]| {
        let worth = positions.iter().filter(|(market, _)| market.is_option()).map(|(market, lots)| {
            i128::from(venue.state().mark(*market).expect("a mark").price.get()) * i128::from(*lots) / 10
        });
        need_of(venue, positions).initial_usd.get() - worth.sum::<i128>()
    };
    let short = [(low, -500)];
    let far = [(high, -500), (market(&venue, "BTC-15NOV23-110-C"), 500)];
    let hedged = [(PERP, 50), (low, -500)];
    let paid = [(low, 500), (high, -500)];
    let all: [&[(MarketId, i64)]; 5] = [&short, &far, &hedged, &paid, &[(put, 500)]];
    let known = all.map(|positions| in_cash(&venue, positions));
    assert_eq!(all.map(|positions| unconfirmed(&venue, positions)), [Usd::ZERO; 5], "it has caught up");
    venue.keep_index(BTC, price("100"), 16_000);
    for (positions, known) in all.iter().zip(known) {
        let (now, more) = (in_cash(&venue, positions), unconfirmed(&venue, positions).get());
        // What was needed at 110, but for half a per cent that the slow forward has moved.
        assert!((now + more - known.max(now)).abs() <= usd("60").get(), "{positions:?}: {now} and {more}, was {known}");
    }
    assert!(unconfirmed(&venue, &short) > usd("400"), "fifty calls, each worth ten less");
    let lent = -in_cash(&venue, &[(put, 500)]);
    assert!(unconfirmed(&venue, &[(put, 500)]).get() <= lent, "longs alone need nothing at any price");
    // Upwards for real: the spread that was paid for has gained, which keeps no cash back.
    let gained = unconfirmed(&venue, &paid);
    assert!(gained < usd("60"), "{gained}");
}

/// The same over a whole account: neither a transfer nor a switch of modes lets go what is needed at slow prices.
#[test]
fn a_wick_lets_nothing_out_of_a_portfolio() {
    let mut venue = venue();
    assert_eq!(switch(&mut venue, "bob", true), Outcome::Done);
    scenario_on(
        &mut venue,
        "
        alice buy BTC-15NOV23-102-C 1000 @ 0.3 gtc   -> resting 1000
        bob   sell BTC-15NOV23-102-C 1000 @ 0.3 gtc  -> filled 1000 for 30
        ",
    );
    let free =
        |venue: &Venue| margin_to_leave(venue.state(), account_of("bob"), CORE).and_then(|margin| margin.free_usd());
    venue.keep_index(BTC, price("110"), 400_000);
    let known = free(&venue).expect("in range").get();
    venue.keep_index(BTC, price("100"), 16_000);
    let hidden = free(&venue).expect("in range").get();
    assert!((hidden - known).abs() < usd("150").get(), "{known} {hidden}");
    let asked = known / usd("1").get() + 900;
    let transfer = format!("bob transfer dave USDC {asked} -> refused insufficient_balance");
    scenario_on(&mut venue, &transfer);
    for enabled in [false, true] {
        assert_eq!(switch(&mut venue, "bob", enabled), Outcome::Done);
        scenario_on(&mut venue, &transfer);
    }
    venue.keep_index(BTC, price("100"), 400_000);
    scenario_on(&mut venue, &format!("bob transfer dave USDC {asked} -> done"));
}
