//! Long random runs of block trades and combos among orders, transfers and moving prices.
//!
//! The venue executes every block twice, turned back in between, and audits it in full. Here, of every block:
//! - whatever traded as a block or a combo traded all its legs, of all its units, at quotes that add up;
//! - positions are what the trades say;
//! - at unchanged marks nobody who met initial margin before the block misses it after (I5).

use crate::{
    accounts::margin,
    random_tests::Random,
    state::State,
    testing::{
        BTC, CORE, FUNDED, PERP, USDC, Venue, account_of, bundle,
        multi_leg::{FINE, FUTURE, NEXT, venue},
        runs,
    },
};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    event::{Event, Trade},
    ids::{BlockRequestId, ComboId, MarketId, OrderId},
    multi_leg::{BlockPrice, BlockQuoteTerms, BlockRequest, BlockTerms, ComboTimeInForce, Leg},
    numbers::{Amount, Price, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    receipt::Outcome,
};
use std::collections::{BTreeMap, BTreeSet};

const MARKETS: [MarketId; 4] = [PERP, NEXT, FINE, FUTURE];

/// What can be known from events alone.
#[derive(Default)]
struct Follower {
    positions: BTreeMap<(AccountId, MarketId), i64>,
    requests: BTreeMap<BlockRequestId, BlockRequest>,
    combos: BTreeMap<ComboId, Vec<Leg>>,
    /// Whether somebody was closed by force, which no trade tells of.
    is_blind: bool,
    seen: BTreeMap<String, u64>,
}

/// What should have traded, as the buyer of a structure.
struct Expected<'a> {
    legs: &'a [Leg],
    units: u64,
    quote_usd: Usd,
    taker_side: Side,
    taker: AccountId,
    /// Of two parties alone; none: of the books.
    maker: Option<AccountId>,
}

impl Follower {
    fn see(&mut self, events: &[Event]) {
        for (place, event) in events.iter().enumerate() {
            let trades = |first: u64, count: u32| -> Vec<&Trade> {
                let trades = events.iter().filter_map(|event| match event {
                    Event::Traded(trade) => Some(trade),
                    _ => None,
                });
                trades.filter(|trade| (first..first + u64::from(count)).contains(&trade.id.get())).collect()
            };
            match event {
                Event::Traded(trade) => self.hold(trade),
                Event::BlockRequested { request } => {
                    self.requests.insert(request.id, request.clone());
                }
                Event::ComboCreated { combo, .. } => {
                    self.combos.insert(combo.id, combo.legs.clone());
                }
                Event::BlockTraded(block) => {
                    let expected = Expected {
                        legs: &self.requests[&block.request].terms.legs,
                        units: block.lots.get(),
                        quote_usd: block.quote_usd,
                        taker_side: block.taker_side,
                        taker: block.taker,
                        maker: Some(block.maker),
                    };
                    expected.check(&trades(block.first_trade.get(), block.trades));
                    let next = events[place + 1..].iter().filter(|event| matches!(event, Event::Traded(_)));
                    assert!(next.count() >= expected.legs.len(), "its legs follow it");
                    self.note("block traded");
                }
                Event::ComboTraded(trade) => {
                    let expected = Expected {
                        legs: &self.combos[&trade.combo],
                        units: trade.lots.get(),
                        quote_usd: trade.quote_usd,
                        taker_side: trade.taker_side,
                        taker: trade.taker.account,
                        maker: trade.maker.map(|maker| maker.account),
                    };
                    expected.check(&trades(trade.first_trade.get(), trade.trades));
                    self.note(if trade.maker.is_some() { "combo traded" } else { "combo implied" });
                }
                Event::ComboOrderEnded { reason, .. } => self.note(&format!("combo order {reason:?}")),
                Event::BlockQuoteEnded { reason, .. } => self.note(&format!("block quote {reason:?}")),
                Event::BlockRequestEnded { reason, .. } => self.note(&format!("block request {reason:?}")),
                Event::Liquidated(_) | Event::Deleveraged { .. } | Event::Delivered { .. } => self.is_blind = true,
                Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } => panic!("{invariant}"),
                _ => {}
            }
        }
    }

    fn note(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    fn hold(&mut self, trade: &Trade) {
        for (side, direction) in [(&trade.taker, trade.taker_side), (&trade.maker, trade.taker_side.opposite())] {
            let lots = i64::try_from(trade.size.get()).expect("small");
            let position = self.positions.entry((side.account, trade.market)).or_default();
            *position += if direction == Side::Buy { lots } else { -lots };
        }
    }

    fn compare(&self, state: &State) {
        if self.is_blind {
            return;
        }
        for (&(account, market), &lots) in &self.positions {
            let held = state.position(account, market).map_or(0, |record| record.position.get());
            assert_eq!(held, lots, "{account} in {market}");
        }
    }
}

impl Expected<'_> {
    /// Every leg with all its lots, and quotes that add up to the unit.
    fn check(&self, trades: &[&Trade]) {
        let mut sum = 0;
        for leg in self.legs {
            let side = if self.taker_side == Side::Buy { leg.side } else { leg.side.opposite() };
            let of_leg: Vec<_> = trades.iter().filter(|trade| trade.market == leg.market).collect();
            let lots: u64 = of_leg.iter().map(|trade| trade.size.get()).sum();
            assert_eq!(lots, self.units * u64::from(leg.ratio), "the leg in {}", leg.market);
            for trade in of_leg {
                assert_eq!((trade.taker.account, trade.taker_side), (self.taker, side));
                assert!(self.maker.is_none_or(|maker| trade.maker.account == maker));
                sum += if leg.side == Side::Buy { trade.quote_usd.get() } else { -trade.quote_usd.get() };
            }
        }
        assert_eq!(sum, self.quote_usd.get(), "the legs' quotes add up");
        assert!(trades.iter().all(|trade| self.legs.iter().any(|leg| leg.market == trade.market)));
    }
}

fn side(random: &mut Random) -> Side {
    if random.chance(50) { Side::Buy } else { Side::Sell }
}

/// Distinct legs with lots of about equal worth.
fn legs(random: &mut Random, count: usize) -> Vec<Leg> {
    let mut markets = MARKETS.to_vec();
    while markets.len() > count {
        let gone = usize::try_from(random.below(markets.len() as u64)).expect("small");
        markets.remove(gone);
    }
    let leg = |market| {
        let lots = if market == FINE { 100 } else { 1 };
        Leg { market, side: side(random), ratio: lots * (1 + u32::try_from(random.below(2)).expect("small")) }
    };
    markets.into_iter().map(leg).collect()
}

/// What a structure is worth at the marks, on a tick that suits every structure here, and some ticks away from it.
fn near(random: &mut Random, state: &State, legs: &[Leg], tick: i64) -> Price {
    let decimals = |market| state.market(market).expect("listed").size_decimals;
    let finest = legs.iter().map(|leg| decimals(leg.market)).max().expect("legs");
    let worth: i64 = legs
        .iter()
        .map(|leg| {
            let mark = state.mark(leg.market).expect("a mark").price.get();
            let weight = i64::from(leg.ratio) * 10_i64.pow(u32::from(finest - decimals(leg.market)));
            if leg.side == Side::Buy { mark * weight } else { -mark * weight }
        })
        .sum();
    let away = i64::try_from(random.below(9)).expect("small") - 4;
    Price::new((worth.div_euclid(tick) + away) * tick)
}

fn order(random: &mut Random) -> Action {
    let market = random.pick(&MARKETS);
    let fine = market == FINE;
    let lots = (1 + random.below(60)) * if fine { 100 } else { 1 };
    let tick = if fine { 20_000_000 } else { 50_000_000 };
    let price = 10_000_000_000 + (i64::try_from(random.below(11)).expect("small") - 5) * 50_000_000;
    let order = OrderRequest {
        market,
        side: side(random),
        price: Price::new(price.div_euclid(tick) * tick),
        size: Size::new(lots),
        time_in_force: random.pick(&[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Alo, TimeInForce::Ioc]),
        reduce_only: random.chance(10),
        client_order_id: None,
    };
    Action::Place { orders: vec![order] }
}

fn request(random: &mut Random, venue: &Venue) -> Action {
    let count = 1 + usize::try_from(random.below(4)).expect("small");
    let makers = match random.below(3) {
        0 => FUNDED.iter().map(|name| account_of(name)).take(3).collect(),
        _ => Vec::new(),
    };
    let side = if random.chance(30) { Some(side(random)) } else { None };
    let expires_at_ms = venue.engine.time_ms().saturating_add(20 + random.below(4_000));
    let lots = Size::new((1_000 + random.below(1_500)) / count as u64);
    Action::RequestBlock { block: BlockTerms { legs: legs(random, count), side, lots, makers, expires_at_ms } }
}

fn quote(random: &mut Random, venue: &Venue, account: AccountId) -> Option<Action> {
    let is_meant = |request: &&BlockRequest| request.account != account;
    let requests: Vec<&BlockRequest> = venue.state().block_requests().filter(is_meant).collect();
    if requests.is_empty() {
        return None;
    }
    let request = random.pick(&requests);
    let terms = &request.terms;
    let price = if random.chance(50) {
        let net = crate::legs::Structure::of(venue.state(), &terms.legs, &(1..=12)).expect("it was asked for");
        let tick = crate::net_price::NetTerms::of(&net).expect("in range").tick.get();
        BlockPrice::Net { price: near(random, venue.state(), &terms.legs, tick) }
    } else {
        let price = |leg: &Leg| Price::new(if leg.market == FINE { 9_980_000_000 } else { 10_050_000_000 });
        BlockPrice::Legs { prices: terms.legs.iter().map(price).collect() }
    };
    let lots =
        if random.chance(70) { terms.lots } else { Size::new(terms.lots.get() - random.below(terms.lots.get() / 3)) };
    let side = terms.side.map_or_else(|| side(random), Side::opposite);
    let expires_at_ms = venue.engine.time_ms().saturating_add(20 + random.below(3_000));
    Some(Action::QuoteBlock { quote: BlockQuoteTerms { request: request.id, side, price, lots, expires_at_ms } })
}

fn spread(random: &mut Random, venue: &Venue) -> Option<Action> {
    let combos: Vec<(ComboId, &Vec<Leg>, i64)> =
        venue.state().combos().map(|combo| (combo.id, &combo.legs, combo.tick.get())).collect();
    if combos.is_empty() {
        return None;
    }
    let (combo, legs, tick) = random.pick(&combos);
    let price = near(random, venue.state(), legs, tick);
    let most = if random.chance(25) { 1_500 } else { 40 };
    let lots = Size::new(1 + random.below(most));
    let kinds = [ComboTimeInForce::Gtc, ComboTimeInForce::Gtc, ComboTimeInForce::Ioc, ComboTimeInForce::Fok];
    let side = side(random);
    Some(Action::PlaceCombo { combo, side, price, lots, time_in_force: random.pick(&kinds) })
}

fn action(random: &mut Random, venue: &Venue, account: AccountId) -> Action {
    let state = venue.state();
    let chosen = match random.below(100) {
        0..30 => None,
        30..38 => Some(request(random, venue)),
        38..50 => quote(random, venue, account),
        50..64 => {
            let request = state.block_requests_of(account).next().map(|request| request.id);
            let quote = request.and_then(|request| state.block_quotes_for(request).last());
            quote.map(|quote| Action::AcceptBlock { request: quote.terms.request, quote: quote.id })
        }
        64..66 => {
            let open = state.block_quotes_of(account).next();
            open.map(|quote| Action::CancelBlockQuote { quote: quote.id })
        }
        66..67 => {
            let open = state.block_requests_of(account).next();
            open.map(|request| Action::CancelBlockRequest { request: request.id })
        }
        67..70 => {
            let count = 2 + usize::try_from(random.below(3)).expect("small");
            Some(Action::CreateCombo { legs: legs(random, count) })
        }
        70..89 => spread(random, venue),
        89..91 => {
            let open = state.combo_orders_of(account).next();
            Some(Action::CancelCombo { order: open.map_or(OrderId::new(1), |order| order.id) })
        }
        91..93 => {
            let margin_mode = if random.chance(50) { MarginMode::Isolated } else { MarginMode::Cross };
            let leverage = 1 + u32::try_from(random.below(40)).expect("small");
            Some(Action::UpdateLeverage { market: random.pick(&MARKETS), leverage, margin_mode })
        }
        93..94 => Some(Action::CancelAll { market: random.chance(50).then_some(NEXT) }),
        _ => {
            let to = account_of(random.pick(&FUNDED));
            let amount = Amount::new(i128::from(random.below(90_000)) * 100_000_000 + 1);
            Some(Action::Transfer { universe: CORE, to, asset: USDC, amount })
        }
    };
    chosen.unwrap_or_else(|| order(random))
}

/// Who meets the initial margin of positions, and the marks by which that is so.
fn standing(state: &State) -> (Vec<Option<Price>>, Vec<bool>) {
    let marks = MARKETS.iter().map(|market| state.mark(*market).map(|record| record.price)).collect();
    let meets = |name: &&str| {
        margin(state, account_of(name), CORE)
            .is_ok_and(|margin| margin.initial_equity_usd().expect("in range") >= margin.position_initial_usd)
    };
    (marks, FUNDED.iter().map(meets).collect())
}

fn run(seed: u64, blocks: usize) -> BTreeMap<String, u64> {
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut venue = venue();
    let mut follower = Follower::default();
    let mut index = 10_000_000_000;
    for number in 0..blocks {
        let before = standing(venue.state());
        let outcome = if number % 20 == 0 {
            index = (index + i64::try_from(random.below(200_000_000)).expect("small") - 100_000_000)
                .clamp(9_500_000_000, 10_500_000_000);
            let time_ms = venue.engine.time_ms().saturating_add(1_000);
            venue.block_at(time_ms, &[], Some(&bundle(BTC, &[Price::new(index); 4], time_ms))).expect("valid")
        } else {
            let actions: Vec<_> = (0..1 + random.below(5))
                .map(|_| {
                    let name = random.pick(&FUNDED);
                    let action = action(&mut random, &venue, account_of(name));
                    venue.sign(name, action)
                })
                .collect();
            let time_ms = venue.engine.time_ms().saturating_add(1 + random.below(300));
            venue.block_at(time_ms, &actions, None).expect("valid")
        };
        follower.see(&outcome.events);
        follower.compare(venue.state());
        for receipt in &outcome.receipts {
            if let Outcome::Rejected { rejection } = &receipt.outcome {
                let code = serde_json::to_value(rejection).expect("it serialises")["code"].to_string();
                follower.note(&format!("rejected {code}"));
            }
        }
        let after = standing(venue.state());
        if before.0 == after.0 {
            for ((name, met), meets) in FUNDED.iter().zip(&before.1).zip(&after.1) {
                assert!(*meets || !met, "seed {seed}, block {number}: {name} misses initial margin by trading");
            }
        }
    }
    follower.seen
}

#[test]
fn random_blocks_and_combos_trade_all_legs_or_none() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    // 15: somebody withdrew what a loss needed, for which a profit stood that the slow mark did not confirm.
    let seeds: BTreeSet<u64> = (1..=u64::from(runs(6))).chain([15]).collect();
    for seed in seeds {
        for (name, times) in run(seed, 250) {
            *seen.entry(name).or_default() += times;
        }
    }
    println!("{seen:#?}");
    for name in [
        "block traded",
        "combo traded",
        "combo implied",
        "combo order Filled",
        "combo order Margin",
        "combo order SelfTrade",
        "combo order ImmediateOrCancel",
        "block quote RequestEnded",
        "block quote Replaced",
        "block quote Expired",
        "block request Expired",
        "rejected \"insufficient_margin\"",
        "rejected \"maker_fails\"",
    ] {
        assert!(seen.get(name).is_some_and(|times| *times > 1), "{name} hardly happened: {seen:#?}");
    }
}
