//! Matching with a pool against a model so plain that its rightness can be seen: one list of orders, searched from the start, and
//! a pool whose lots are priced one after the other. And long random runs over everything that touches a pool, with every
//! audit on.

use crate::{
    liquidation::watch::scan,
    liquidity::{Reserves, reserves},
    state::State,
    testing::{BTC, CORE, PERP, SPOT, SPOT_FINE, Venue, account_of, genesis, runs, scenario_on, usd},
    wide::root_of_product_floor,
};
use palisade_types::{
    action::{Action, CancelRequest},
    address::AccountId,
    event::{Event, MarginLevel},
    ids::{MarketId, OrderId},
    limits::MATCH_STEPS_MAX,
    market::CollateralTerms,
    numbers::{Amount, Price, Rate, Shares, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    pool::PoolFee,
    receipt::{OrderResult, Outcome},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::BTreeMap;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
/// Units of the base in a lot of the market.
const LOT: i128 = 100_000_000;
/// 1e-8 USD of a lot at one tick: half a dollar.
const TICK: i128 = 50_000_000;
const WHOLE: i128 = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Resting {
    id: OrderId,
    owner: usize,
    side: Side,
    price: i128,
    size: i128,
}

/// Maker (none: the pool), taker, price, size.
type ModelTrade = (Option<usize>, usize, i128, i128);

#[derive(Clone, Debug)]
struct Model {
    orders: Vec<Resting>,
    trades: Vec<ModelTrade>,
    base: i128,
    quote: i128,
    kept: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Accepted { filled: i128, resting: i128 },
}

fn div_up(top: i128, bottom: i128) -> i128 {
    (top + bottom - 1) / bottom
}

impl Model {
    fn best(&self, side: Side, limit: i128) -> Option<usize> {
        let crossing = self.orders.iter().enumerate().filter(|(_, order)| match side {
            Side::Buy => order.side == Side::Sell && order.price <= limit,
            Side::Sell => order.side == Side::Buy && order.price >= limit,
        });
        let rank = |order: &Resting| if side == Side::Buy { order.price } else { -order.price };
        crossing.min_by_key(|(place, order)| (rank(order), *place)).map(|(place, _)| place)
    }

    /// The price in ticks of the pool's next lot after `sold`, by itself; out of reach if there is none.
    fn lot_price(&self, side: Side, sold: i128) -> i128 {
        match side {
            Side::Buy => {
                let here = self.base - sold * LOT;
                if here <= LOT {
                    return i128::MAX;
                }
                let quote = div_up(self.quote * self.base, here);
                div_up(div_up(quote * LOT * WHOLE, (here - LOT) * self.kept), TICK)
            }
            Side::Sell => {
                let here = self.base + sold * LOT;
                let quote = self.quote * self.base / here;
                quote * LOT * self.kept / ((here + LOT) * WHOLE) / TICK
            }
        }
    }

    /// What all of so many lots cost or bring, in ticks per lot.
    fn mean_price(&self, side: Side, lots: i128) -> i128 {
        let base = lots * LOT;
        match side {
            Side::Buy => div_up(div_up(self.quote * base * WHOLE, (self.base - base) * self.kept), lots * TICK),
            Side::Sell => self.quote * base * self.kept / ((self.base + base) * WHOLE) / (lots * TICK),
        }
    }

    fn within(side: Side, price: i128, bound: i128) -> bool {
        if side == Side::Buy { price <= bound } else { price >= bound && price > 0 }
    }

    fn place(
        &mut self,
        id: OrderId,
        (owner, side): (usize, Side),
        limit: i128,
        size: i128,
        kind: TimeInForce,
    ) -> Expected {
        let before = self.clone();
        let crosses = self.best(side, limit).is_some() || Self::within(side, self.lot_price(side, 0), limit);
        if (kind == TimeInForce::Alo && crosses) || (kind == TimeInForce::Ioc && !crosses) {
            return Expected::Refused;
        }
        let mut left = size;
        while left > 0 {
            let best = self.best(side, limit);
            let bound = best.map_or(limit, |place| {
                let price = self.orders[place].price;
                if side == Side::Buy { price - 1 } else { price + 1 }
            });
            let mut lots = 0;
            while lots < left && Self::within(side, self.lot_price(side, lots), bound) {
                lots += 1;
            }
            if lots > 0 {
                let price = self.mean_price(side, lots);
                self.trades.push((None, owner, price, lots));
                let (base, quote) = (lots * LOT, price * TICK * lots);
                let product = self.base * self.quote;
                (self.base, self.quote) = match side {
                    Side::Buy => (self.base - base, self.quote + quote),
                    Side::Sell => (self.base + base, self.quote - quote),
                };
                assert!(self.base * self.quote >= product && Self::within(side, price, bound));
                left -= lots;
                continue;
            }
            let Some(place) = best else { break };
            let maker = self.orders[place].clone();
            if maker.owner == owner {
                self.orders.remove(place);
                continue;
            }
            let traded = left.min(maker.size);
            self.trades.push((Some(maker.owner), owner, maker.price, traded));
            left -= traded;
            if traded == maker.size {
                self.orders.remove(place);
            } else {
                self.orders[place].size -= traded;
            }
        }
        if kind == TimeInForce::Fok && left > 0 {
            *self = before;
            return Expected::Refused;
        }
        let rests = left > 0 && !matches!(kind, TimeInForce::Ioc | TimeInForce::Fok);
        if rests {
            self.orders.push(Resting { id, owner, side, price: limit, size: left });
        }
        Expected::Accepted { filled: size - left, resting: if rests { left } else { 0 } }
    }

    fn book(&self, side: Side) -> Vec<(OrderId, i128)> {
        let mut orders: Vec<&Resting> = self.orders.iter().filter(|order| order.side == side).collect();
        orders.sort_by_key(|order| if side == Side::Buy { -order.price } else { order.price });
        orders.into_iter().map(|order| (order.id, order.size)).collect()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Place { owner: usize, side: Side, price: i64, size: u64, kind: TimeInForce },
    Cancel { pick: usize },
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn kind() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        4 => Just(TimeInForce::Gtc),
        2 => Just(TimeInForce::Ioc),
        2 => Just(TimeInForce::Alo),
        1 => Just(TimeInForce::Fok),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let place = (0..PEOPLE.len(), side(), 180i64..=220, 1u64..=14, kind())
        .prop_map(|(owner, side, price, size, kind)| Operation::Place { owner, side, price, size, kind });
    prop_oneof![8 => place, 1 => any::<usize>().prop_map(|pick| Operation::Cancel { pick })]
}

fn there(state: &State, market: MarketId) -> Reserves {
    let market = state.market(market).expect("a market");
    reserves(state, market, market.spot().expect("a spot market"))
}

fn found_trades(events: &[Event]) -> Vec<ModelTrade> {
    let person = |account: AccountId| PEOPLE.iter().position(|name| account_of(name) == account);
    let trades = events.iter().filter_map(|event| match event {
        Event::Traded(trade) => Some(trade),
        _ => None,
    });
    trades
        .map(|trade| {
            let maker = person(trade.maker.account);
            assert_eq!(maker.is_none(), trade.maker.account == AccountId::pool(trade.market));
            let taker = person(trade.taker.account).expect("one of the people");
            (maker, taker, i128::from(trade.price.get()) / TICK, i128::from(trade.size.get()))
        })
        .collect()
}

fn apply(venue: &mut Venue, model: &mut Model, operation: &Operation) {
    match *operation {
        Operation::Place { owner, side, price, size, kind } => {
            let order = OrderRequest {
                market: SPOT,
                side,
                price: Price::new(price * 50_000_000),
                size: Size::new(size),
                time_in_force: kind,
                reduce_only: false,
                client_order_id: None,
            };
            let id = OrderId::new(venue.state().chain().next_order);
            let traded = model.trades.len();
            let expected = model.place(id, (owner, side), i128::from(price), i128::from(size), kind);
            let signed = venue.sign(PEOPLE[owner], Action::Place { orders: vec![order] });
            let outcome = venue.block(&[signed], None);
            let Outcome::Orders { results } = &outcome.receipts[0].outcome else { panic!("orders have results") };
            let found = match &results[0] {
                OrderResult::Accepted { filled, resting, .. } => {
                    Expected::Accepted { filled: filled.get().into(), resting: resting.get().into() }
                }
                _ => Expected::Refused,
            };
            assert_eq!(found, expected, "{operation:?}: {:?}", results[0]);
            assert_eq!(found_trades(&outcome.events), model.trades[traded..], "{operation:?}");
        }
        Operation::Cancel { pick } => {
            if model.orders.is_empty() {
                return;
            }
            let gone = model.orders.remove(pick % model.orders.len());
            let cancel = CancelRequest { market: SPOT, order: OrderReference::Id(gone.id) };
            venue.act(PEOPLE[gone.owner], Action::Cancel { cancels: vec![cancel] });
        }
    }
    for side in [Side::Buy, Side::Sell] {
        let book: Vec<(OrderId, i128)> = venue
            .state()
            .book_side(SPOT, side)
            .map(|record| (record.order.id, record.order.remaining.get().into()))
            .collect();
        assert_eq!(book, model.book(side));
    }
    let reserves = there(venue.state(), SPOT);
    assert_eq!((reserves.base.get(), reserves.quote.get()), (model.base, model.quote), "{operation:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs(40)))]

    #[test]
    fn the_engine_matches_with_a_pool_as_the_model_does(
        // A last trade at the pool's price leaves every limit within the price band, which the model does not know.
        base in 5i128..400, percent in 75i128..140, fee in prop::sample::select(PoolFee::ALL.to_vec()),
        operations in prop::collection::vec(operation(), 1..50),
    ) {
        let mut venue = Venue::new();
        let (base, quote) = (base * LOT, base * percent * LOT);
        let open = Action::CreatePool { market: SPOT, base: Amount::new(base), quote: Amount::new(quote), fee };
        venue.act("dave", open);
        let kept = WHOLE - i128::from(fee.rate().get());
        let mut model = Model { orders: Vec::new(), trades: Vec::new(), base, quote, kept };
        for operation in &operations {
            apply(&mut venue, &mut model, operation);
        }
        assert!(model.trades.len() < MATCH_STEPS_MAX as usize * operations.len());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Open { who: usize, market: MarketId, base: i128, quote: i128, fee: PoolFee },
    Join { who: usize, market: MarketId, base: i128, quote: i128 },
    Leave { who: usize, market: MarketId, percent: i128 },
    Order { who: usize, market: MarketId, side: Side, price: i64, size: u64, kind: TimeInForce },
    CancelAll { who: usize },
    Index { price: i64 },
    Transfer { who: usize, amount: i128 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE.len();
    let spot = prop_oneof![Just(SPOT), Just(SPOT_FINE)];
    let market = prop_oneof![3 => Just(SPOT), 2 => Just(SPOT_FINE), 2 => Just(PERP)];
    let fee = prop::sample::select(PoolFee::ALL.to_vec());
    let base = prop_oneof![1i128..2_000_000, LOT..40 * LOT];
    let quote = prop_oneof![1i128..200 * LOT, 100 * LOT..9_000 * LOT];
    let size = prop_oneof![1u64..20, 1u64..400];
    prop_oneof![
        2 => (who.clone(), spot.clone(), LOT..60 * LOT, 80i128..120, fee).prop_map(|(who, market, base, percent, fee)| {
            Step::Open { who, market, base, quote: base * percent, fee }
        }),
        3 => (who.clone(), spot.clone(), base, quote)
            .prop_map(|(who, market, base, quote)| Step::Join { who, market, base, quote }),
        2 => (who.clone(), spot, 1i128..=100).prop_map(|(who, market, percent)| Step::Leave { who, market, percent }),
        10 => (who.clone(), market, side(), 170i64..=230, size, kind())
            .prop_map(|(who, market, side, price, size, kind)| Step::Order { who, market, side, price, size, kind }),
        1 => who.clone().prop_map(|who| Step::CancelAll { who }),
        3 => (80i64..120).prop_map(|price| Step::Index { price: price * 100_000_000 }),
        1 => (who, 1i128..5_000 * LOT).prop_map(|(who, amount)| Step::Transfer { who, amount }),
    ]
}

fn action_of(state: &State, step: &Step) -> Option<(usize, Action)> {
    Some(match *step {
        Step::Open { who, market, base, quote, fee } => {
            (who, Action::CreatePool { market, base: Amount::new(base), quote: Amount::new(quote), fee })
        }
        Step::Join { who, market, base, quote } => {
            let (base_maximum, quote_maximum) = (Amount::new(base), Amount::new(quote));
            (who, Action::DepositPool { market, base_maximum, quote_maximum, shares_minimum: Shares::ZERO })
        }
        Step::Leave { who, market, percent } => {
            let held = state.pool_shares(market, account_of(PEOPLE[who])).get();
            let (base_minimum, quote_minimum) = (Amount::ZERO, Amount::ZERO);
            let shares = Shares::new(held * percent / 100);
            (who, Action::WithdrawPool { market, shares, base_minimum, quote_minimum })
        }
        Step::Order { who, market, side, price, size, kind } => {
            let size = Size::new(if market == SPOT_FINE { size * 1_000 } else { size });
            let price = Price::new(price * 50_000_000);
            let (time_in_force, reduce_only, client_order_id) = (kind, false, None);
            let order = OrderRequest { market, side, price, size, time_in_force, reduce_only, client_order_id };
            (who, Action::Place { orders: vec![order] })
        }
        Step::CancelAll { who } => (who, Action::CancelAll { market: None }),
        Step::Transfer { who, amount } => {
            let to = account_of(PEOPLE[(who + 1) % PEOPLE.len()]);
            (who, Action::Transfer { universe: CORE, to, asset: BTC, amount: Amount::new(amount) })
        }
        Step::Index { .. } => return None,
    })
}

/// `√(base × quote)` and the shares, by pool.
fn per_share(state: &State) -> BTreeMap<MarketId, (i128, i128)> {
    let pools = state.liquidity_pools();
    pools
        .map(|(market, record)| {
            let Reserves { base, quote } = there(state, market);
            (market, (root_of_product_floor(base.get(), quote.get()).expect("in range"), record.shares.get()))
        })
        .collect()
}

/// The people have little cash, coins that back positions, and positions that prices can ruin.
fn exposed() -> Venue {
    let mut genesis = genesis();
    genesis.assets[1].collateral = Some(CollateralTerms {
        initial_weight: Rate::new(850_000),
        maintenance_weight: Rate::new(920_000),
        full_weight_maximum_usd: usd("200000"),
    });
    for balance in &mut genesis.balances {
        if PEOPLE.iter().any(|name| account_of(name) == balance.account) {
            balance.amount = Amount::new(if balance.asset == BTC { 60 } else { 4_000 } * LOT);
        }
    }
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, Price::new(10_000_000_000));
    scenario_on(
        &mut venue,
        "
        alice open-pool BTC/USDC 15 1500 30         -> created
        carol join-pool BTC/USDC 15 1500            -> done
        alice buy BTC 700 @ 100 gtc                 -> resting 700
        dave  sell BTC 700 @ 100 gtc                -> filled 700 for 70000
        carol sell BTC 600 @ 100 gtc                -> resting 600
        dave  buy BTC 600 @ 100 gtc                 -> filled 600 for 60000
        ",
    );
    venue
}

/// How often what must happen in a run happened.
type Seen = BTreeMap<&'static str, u64>;

fn note(events: &[Event], seen: &mut Seen) {
    for event in events {
        let name = match event {
            Event::PoolCreated { .. } => "opened",
            Event::PoolDeposited { .. } => "joined",
            Event::PoolWithdrawn { forced: false, .. } => "left",
            Event::PoolWithdrawn { forced: true, .. } => "redeemed by force",
            Event::PoolTraded { .. } => "traded",
            Event::Liquidated(_) => "liquidated",
            _ => continue,
        };
        *seen.entry(name).or_default() += 1;
    }
}

fn run(steps: &[Step], seen: &mut Seen) {
    let mut venue = exposed();
    for step in steps {
        let before = per_share(venue.state());
        match (action_of(venue.state(), step), step) {
            (Some((who, action)), _) => {
                let signed = venue.sign(PEOPLE[who], action);
                note(&venue.block(&[signed], None).events, seen);
            }
            (None, Step::Index { price }) => {
                // Marks follow within seconds.
                for _ in 0..3 {
                    let outcome = venue.after_gap(BTC, Price::new(*price), 1_000);
                    note(&outcome.events, seen);
                }
            }
            (None, _) => {}
        }
        let state = venue.state();
        assert!(state.chain().halted.is_none());
        assert!(state.universes().all(|universe| universe.halted.is_none()), "{step:?}");
        let after = per_share(state);
        for (market, (root, shares)) in before {
            let (root_after, shares_after) = after[&market];
            assert!((root_after + 1) * shares >= root * shares_after, "{step:?} in {market}");
        }
        // What the step of a block finds is what a look at everyone finds.
        note(&venue.block(&[], None).events, seen);
        let state = venue.state();
        let called = state.margin_calls().filter(|(_, level)| *level == MarginLevel::Liquidatable);
        assert_eq!(called.map(|(unit, _)| unit).collect::<Vec<_>>(), scan(state).into_iter().collect::<Vec<_>>());
    }
}

/// Every block is checked by the venue: audits, rebuild, revert, determinism. Beyond that no share of a pool ever has less of its
/// product than before, and whoever is below maintenance is found, whatever backs them.
#[test]
fn nothing_that_happens_takes_from_who_holds_shares() {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(step(), 60..90);
    let mut seen = Seen::new();
    for _ in 0..runs(16) {
        run(&strategy.new_tree(&mut runner).expect("a list of steps").current(), &mut seen);
    }
    println!("{seen:?}");
    for name in ["opened", "joined", "left", "traded", "liquidated", "redeemed by force"] {
        assert!(seen.get(name).is_some_and(|times| *times > 3), "{name} hardly happened: {seen:?}");
    }
}
