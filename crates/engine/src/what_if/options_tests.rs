//! Options and portfolio mode in questions: real accounts have the engine's own numbers, and what cannot be meant is refused.

use crate::{
    accounts::{margin, margin_to_leave},
    liquidation::level_of,
    options::portfolio::need,
    testing::{BTC, CORE, Venue, account_of, genesis, option_genesis, price, scenario_on, usd},
    what_if::{POSITIONS_MAX, WhatIfError, answer, left_out, question},
};
use palisade_pricing::{
    portfolio::question as portfolio,
    what_if::{LeftOut, WhatIf, WhatIfAnswer, WhatIfExpiry},
};
use palisade_types::{
    action::{Action, MarginMode},
    ids::MarketId,
    market::FutureSeriesSpec,
    numbers::{Rate, Size, Usd},
    receipt::Outcome,
};

/// Options on BTC, and a future that expires with those of the next day.
fn venue() -> Venue {
    let template = genesis().markets[0].clone();
    let mut genesis = option_genesis();
    genesis.future_series.push(FutureSeriesSpec {
        universe: CORE,
        underlying: BTC,
        daily: 1,
        weekly: 0,
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
    });
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

/// Bob has a spread and a lone put over two expiries, a perpetual and a future; alice and carol what he has not.
fn traded() -> Venue {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice buy BTC 50 @ 100 gtc                  -> resting 50
        bob   sell BTC 50 @ 100 gtc                 -> filled 50 for 5000
        carol buy BTC-15NOV23 30 @ 100 gtc          -> resting 30
        bob   sell BTC-15NOV23 30 @ 100 gtc         -> filled 30 for 3000
        alice sell BTC-15NOV23-100-C 200 @ 1 gtc    -> resting 200
        bob   buy BTC-15NOV23-100-C 200 @ 1 gtc     -> filled 200 for 20
        carol buy BTC-15NOV23-102-C 300 @ 0.3 gtc   -> resting 300
        bob   sell BTC-15NOV23-102-C 300 @ 0.3 gtc  -> filled 300 for 9
        alice buy BTC-17NOV23-100-P 400 @ 2 gtc     -> resting 400
        bob   sell BTC-17NOV23-100-P 400 @ 2 gtc    -> filled 400 for 80
        index BTC 103 for 32000
        ",
    );
    venue
}

fn asked(venue: &Venue, name: &str) -> WhatIf {
    question(venue.state(), account_of(name), CORE).expect("a known universe")
}

/// The engine's own numbers; what open orders reserve is no part of a question.
fn assert_same(venue: &Venue, name: &str, told: &WhatIfAnswer) {
    let real = margin(venue.state(), account_of(name), CORE).expect("in range");
    assert_eq!(Ok(told.equity_usd), real.equity_usd(), "{name}");
    assert_eq!(Ok(told.initial_equity_usd), real.initial_equity_usd(), "{name}");
    assert_eq!((told.initial_usd, told.maintenance_usd), (real.position_initial_usd, real.maintenance_usd), "{name}");
    assert_eq!(told.options_value_usd, real.options_value_usd, "{name}");
    let real = margin_to_leave(venue.state(), account_of(name), CORE).expect("in range");
    assert_eq!(told.unconfirmed_need_usd, real.unconfirmed_need_usd, "{name}");
    assert_eq!(Ok(told.level), level_of(told.equity_usd, real.maintenance_usd, real.netted_usd), "{name}");
}

fn switch(venue: &mut Venue, name: &str) {
    let outcome = venue.act(name, Action::SetPortfolioMode { universe: CORE, enabled: true }).outcome;
    assert_eq!(outcome, Outcome::Done, "{name}");
}

/// Options were left out of questions, so that an account which held some was told the margin of the rest of it.
#[test]
fn an_account_with_options_as_a_question_has_the_margin_of_the_account() {
    let mut venue = traded();
    for name in ["alice", "bob", "carol"] {
        let asked = asked(&venue, name);
        assert!(!asked.options.is_empty() && !asked.portfolio);
        assert!(asked.options.iter().all(|option| option.mark.is_none() && option.volatility.is_some()), "they follow");
        assert!(asked.options.iter().all(|option| option.slow_mark.is_none()), "they follow");
        let dated = |expiry: &WhatIfExpiry| asked.options.iter().any(|option| asked.expiries[option.expiry] == *expiry);
        assert!(asked.expiries.iter().filter(|expiry| dated(expiry)).all(|expiry| expiry.slow_forward.is_some()));
        let told = answer(&asked).expect("a real account is a good question");
        assert_same(&venue, name, &told);
        let text = serde_json::to_string(&asked).expect("plain");
        assert_eq!(serde_json::from_str::<WhatIf>(&text).expect("its own text"), asked);
        let text = serde_json::to_string(&told).expect("plain");
        assert_eq!(serde_json::from_str::<WhatIfAnswer>(&text).expect("its own text"), told);
    }
    assert_eq!(asked(&venue, "bob").expiries.len(), 2, "the future expires with options");
    scenario_on(&mut venue, "bob sell BTC-15NOV23-102-C 5 @ 3 gtc -> resting 5");
    let told = answer(&asked(&venue, "bob")).expect("a good question");
    assert_same(&venue, "bob", &told);
}

#[test]
fn an_account_in_portfolio_mode_as_a_question_has_the_margin_of_the_account() {
    let mut venue = traded();
    let before = asked(&venue, "bob");
    let apart = answer(&before).expect("a good question");
    let thought = answer(&WhatIf { portfolio: true, ..before }).expect("all that the mode needs is in it");
    let held = venue.state().positions_of(account_of("bob")).map(|(market, record)| (market, record.position.get()));
    let need = need(venue.state(), CORE, held).expect("in range");
    assert_eq!((thought.initial_usd, thought.maintenance_usd), (need.initial_usd, need.maintenance_usd));
    assert!(apart.portfolios.is_empty() && thought.initial_usd != apart.initial_usd);
    for name in ["alice", "bob", "carol"] {
        switch(&mut venue, name);
        let asked = asked(&venue, name);
        assert!(asked.portfolio);
        let told = answer(&asked).expect("a real account is a good question");
        assert_same(&venue, name, &told);
        let [whole] = told.portfolios.as_slice() else { panic!("{name}: one underlying") };
        assert_eq!((whole.margin.initial_usd, whole.margin.maintenance_usd), (told.initial_usd, told.maintenance_usd));
        assert!(told.positions.iter().all(|position| position.liquidation_price.is_none()), "no one price decides");
    }
}

#[test]
fn what_is_margined_apart_is_named() {
    let mut venue = traded();
    assert_eq!(left_out(venue.state(), account_of("bob"), CORE), Ok(Vec::new()));
    let market = MarketId::new(MarketId::FIRST_FUTURE);
    let mode = Action::UpdateLeverage { market, leverage: 10, margin_mode: MarginMode::Isolated };
    assert_eq!(venue.act("carol", mode).outcome, Outcome::Done);
    scenario_on(&mut venue, "carol sell BTC-15NOV23-102-C 5 @ 3 gtc -> resting 5");
    let named = left_out(venue.state(), account_of("carol"), CORE).expect("in range");
    let isolated = LeftOut::IsolatedPosition { market: "BTC-15NOV23".to_owned() };
    assert_eq!(named, [isolated, LeftOut::OpenOrders { market: "BTC-15NOV23-102-C".to_owned() }]);
    let asked = asked(&venue, "carol");
    assert!(asked.positions.is_empty(), "it is margined by itself");
    assert_same(&venue, "carol", &answer(&asked).expect("a good question"));
}

/// One coin and ten tenths of a call against it, in one portfolio.
const COVERED: &str = r#"{
    "cash_usd": "1000", "portfolio": true, "positions": [{
        "market": "BTC", "lots": "1", "size_decimals": 0, "cost_usd": "100", "mark": "100", "leverage": 10,
        "maximum_leverage": 40, "open_interest_usd": "0", "open_interest_lower_usd": "1000000",
        "open_interest_upper_usd": "2000000", "variance": 0, "volatility_multiplier": "3", "depth_usd": "1000000",
        "underlying": "BTC"
    }],
    "expiries": [{ "underlying": "BTC", "forward": "100", "time_ms": 2592000000 }],
    "options": [{
        "market": "CALL", "expiry": 0, "kind": "call", "strike": "110", "volatility": "0.55", "lots": "-10", "size_decimals": 1
    }]
}"#;

fn covered() -> WhatIf {
    serde_json::from_str(COVERED).expect("JSON")
}

#[test]
fn a_portfolio_is_told_scenario_by_scenario() {
    let told = answer(&covered()).expect("a good question");
    let same: portfolio::PortfolioQuestion = serde_json::from_str(
        r#"{ "size_decimals": 1, "expiries": [{ "forward": "100", "time_ms": 2592000000 }],
            "linear": [{ "expiry": null, "price": "100", "lots": 10 }],
            "options": [{ "expiry": 0, "kind": "call", "strike": "110", "volatility": "0.55", "lots": -10 }] }"#,
    )
    .expect("JSON");
    let same = portfolio::answer(&same).expect("in range");
    assert_eq!(told.portfolios[0].margin, same, "lots of one and of a tenth are one portfolio");
    assert_eq!((told.initial_usd, told.maintenance_usd), (same.initial_usd, same.maintenance_usd));
    assert_eq!(told.expiries[0].initial_usd, usd("13"), "apart the call needs its own formula");
    assert!(told.options[0].value_usd < Usd::ZERO, "a short owes what it is worth");
}

/// A short call whose forward is back in a wick needs what it would at the slow one; the volatility makes the slow mark, unless it is given.
#[test]
fn what_slow_forwards_do_not_confirm_is_told() {
    for portfolio in [false, true] {
        let mut asked = WhatIf { portfolio, ..covered() };
        let told = |asked: &WhatIf| answer(asked).expect("a good question");
        let unconfirmed = |asked: &WhatIf| told(asked).unconfirmed_need_usd;
        let caught_up = told(&asked);
        assert_eq!(caught_up.unconfirmed_need_usd, Usd::ZERO);
        asked.expiries[0].slow_forward = Some(price("90"));
        assert_eq!(unconfirmed(&asked), Usd::ZERO, "a call is worth less there");
        asked.expiries[0].slow_forward = Some(price("110"));
        let above = told(&asked);
        // The call is worth about half of the ten more; by itself it needs 15 % of 110 then, instead of 13 % of 100.
        let (least, most) = if portfolio { ("1", "6") } else { ("5", "10") };
        let more = above.unconfirmed_need_usd;
        assert!(more > usd(least) && more < usd(most), "{more}");
        let of_part =
            if portfolio { above.portfolios[0].unconfirmed_need_usd } else { above.expiries[0].unconfirmed_need_usd };
        assert_eq!(of_part, more);
        assert_eq!((above.equity_usd, above.initial_usd), (caught_up.equity_usd, caught_up.initial_usd));
        assert_eq!(above.withdrawable_usd, caught_up.withdrawable_usd.checked_sub(more).expect("in range"));
        asked.options[0].slow_mark = Some(price("60"));
        assert!(unconfirmed(&asked) > usd("50"), "what is given counts");
        asked.expiries[0].slow_forward = None;
        assert!(unconfirmed(&asked) > usd("50"), "by itself, too");
    }
}

#[test]
fn options_with_something_missing_doubled_or_absurd_are_refused() {
    let broken = |from: &str, to: &str| {
        assert!(COVERED.contains(from), "{from}");
        match serde_json::from_str::<WhatIf>(&COVERED.replacen(from, to, 1)) {
            Ok(question) => answer(&question).expect_err(to).to_string(),
            Err(error) => error.to_string(),
        }
    };
    for (from, to, said) in [
        (r#""lots": "-10""#, r#""lots": "0""#, "option \"CALL\": lots must be other than zero"),
        (
            r#""expiry": 0"#,
            r#""expiry": 1"#,
            "option \"CALL\": expiry must be the place of one of the expiries, from 0",
        ),
        (r#""strike": "110""#, r#""strike": "-1""#, "strike must be positive"),
        (r#""volatility": "0.55", "#, "", "volatility must be given in portfolio mode"),
        (r#""volatility": "0.55""#, r#""mark": "-1""#, "mark must be not negative"),
        (r#""size_decimals": 1"#, r#""size_decimals": 19"#, "at most 18"),
        (r#""kind": "call""#, r#""kind": "digital""#, "unknown variant"),
        (r#""forward": "100""#, r#""forward": "0""#, "expiry 0: forward must be positive"),
        (r#""forward": "100""#, r#""forward": "100", "slow_forward": "0""#, "expiry 0: slow_forward must be positive"),
        (r#""lots": "-10""#, r#""lots": "-10", "slow_mark": "-1""#, "option \"CALL\": slow_mark must be not negative"),
        (r#""time_ms": 2592000000"#, r#""time_ms": 99999999999999"#, "option \"CALL\": 99999999999999 ms"),
        (
            r#""depth_usd": "1000000","#,
            r#""depth_usd": "1000000", "expiry": 3,"#,
            "position in \"BTC\": expiry must be the place",
        ),
        (r#""underlying": "BTC", "forward""#, r#""underlying": "ETH", "forward""#, ""),
        (r#"{ "underlying": "BTC", "#, "{ ", "missing field `underlying`"),
        (r#""market": "CALL""#, r#""market": "BTC""#, "named twice"),
        (r#""market": "CALL""#, r#""market": "CALL", "market": "PUT""#, "duplicate field `market`"),
        (r#""market": "CALL""#, r#""market": "CALL", "colour": "red""#, "unknown field `colour`"),
    ] {
        if said.is_empty() {
            // An option on another coin is a portfolio of its own, and no mistake.
            let question = serde_json::from_str(&COVERED.replacen(from, to, 1)).expect("JSON");
            assert_eq!(answer(&question).expect("two underlyings").portfolios.len(), 2);
            continue;
        }
        let error = broken(from, to);
        assert!(error.contains(said), "{to}: {error}");
    }
}

#[test]
fn what_no_text_says_shortly_is_refused_too() {
    let mut nameless = covered();
    nameless.positions[0].underlying = None;
    assert!(answer(&nameless).expect_err("whose?").to_string().contains("underlying must be given in portfolio mode"));
    let mut unpriced = WhatIf { portfolio: false, ..covered() };
    unpriced.options[0].volatility = None;
    assert!(answer(&unpriced).expect_err("no price").to_string().contains("given where there is no mark"));
    unpriced.options[0].mark = Some(price("1"));
    assert!(answer(&unpriced).is_ok(), "a mark is enough outside portfolio mode");
    let mut elsewhere = covered();
    elsewhere.positions[0].expiry = Some(0);
    elsewhere.positions[0].underlying = Some("ETH".to_owned());
    assert!(answer(&elsewhere).expect_err("not its expiry").to_string().contains("one of its underlying"));
    let mut twice = covered();
    twice.options.push(twice.options[0].clone());
    twice.options[1].market = "AGAIN".to_owned();
    assert_eq!(answer(&twice), Err(WhatIfError::Twice { market: "AGAIN".to_owned() }));
    twice.options[1].strike = price("120");
    assert!(answer(&twice).is_ok());
    twice.options[1].size_decimals = 2;
    assert!(answer(&twice).expect_err("two steps").to_string().contains("the same for all options of an expiry"));
    let mut expiries = covered();
    expiries.expiries.push(expiries.expiries[0].clone());
    let time_ms = expiries.expiries[0].time_ms;
    assert_eq!(answer(&expiries), Err(WhatIfError::ExpiryTwice { underlying: "BTC".to_owned(), time_ms }));
    let mut many = covered();
    many.options = vec![many.options[0].clone(); POSITIONS_MAX + 1];
    assert_eq!(answer(&many), Err(WhatIfError::TooMany { found: POSITIONS_MAX + 1 }));
}
