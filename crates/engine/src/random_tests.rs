//! Long random runs over everything: orders of every kind in every market, money, leverage, prices, time.
//!
//! A follower that knows only events keeps its own ledger, positions and books and must agree with the state after every
//! block. At random moments the chain is turned back over a few blocks, executes a sibling, and comes back by
//! another road and from a cold start, with the same writes.

mod orders;

use crate::{
    Engine,
    execute::BlockInput,
    state::{State, Write},
    testing::{BTC, CORE, FUNDED, PERP, SPOT, SPOT_FINE, USDC, Venue, account_of, bundle, genesis, runs},
};
use orders::SpecialFollower;
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::AccountId,
    event::{Event, Trade, TradeSide},
    hash::{BlockDigest, sha256},
    ids::{AssetId, ClientOrderId, MarketId, OrderId},
    numbers::{Amount, Price, Size},
    oracle::OracleBundle,
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
    signing::VerifiedAction,
    time::TimeMs,
};
use std::{collections::BTreeMap, sync::Arc};

/// SplitMix64: small, seeded, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("small")]
    }
}

/// What can be known from events alone.
#[derive(Default)]
struct Follower {
    balances: BTreeMap<(AccountId, AssetId), i128>,
    positions: BTreeMap<(AccountId, MarketId), i64>,
    orders: BTreeMap<OrderId, OpenOrder>,
    trades: u64,
    special: SpecialFollower,
}

impl Follower {
    fn move_funds(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        *self.balances.entry((account, asset)).or_default() += amount;
    }

    fn see(&mut self, event: &Event) {
        self.special.see(event);
        match event {
            Event::Deposited { account, asset, amount, .. } => self.move_funds(*account, *asset, amount.get()),
            Event::Transferred { from, to, asset, amount, .. } => {
                self.move_funds(*from, *asset, -amount.get());
                self.move_funds(*to, *asset, amount.get());
            }
            Event::OrderRested { order } => {
                self.orders.insert(order.id, *order);
            }
            Event::OrderCanceled { order, .. } | Event::OrderFilled { order } => {
                self.orders.remove(&order.id);
            }
            Event::FundingPaid { account, market, amount_usd, .. }
            | Event::LossSettled { account, market, amount_usd } => {
                self.move_funds(*account, USDC, -amount_usd.get());
                self.move_funds(AccountId::clearing(*market), USDC, amount_usd.get());
            }
            Event::Traded(trade) => self.see_trade(trade),
            _ => {}
        }
    }

    fn see_trade(&mut self, trade: &Trade) {
        self.trades += 1;
        if let Some(maker) = self.orders.get_mut(&trade.maker.order) {
            maker.remaining = maker.remaining.checked_sub(trade.size).expect("a maker has what is filled");
        }
        self.see_side(trade, &trade.taker, trade.taker_side);
        self.see_side(trade, &trade.maker, trade.taker_side.opposite());
    }

    fn see_side(&mut self, trade: &Trade, side: &TradeSide, direction: Side) {
        let sign = if direction == Side::Buy { 1 } else { -1 };
        self.move_funds(side.account, USDC, -side.fee_usd.get());
        self.move_funds(AccountId::fees(CORE), USDC, side.fee_usd.get());
        if trade.market.is_spot() {
            let lot = if trade.market == SPOT_FINE { 100_000 } else { 100_000_000 };
            self.move_funds(side.account, BTC, i128::from(sign) * i128::from(trade.size.get()) * lot);
            self.move_funds(side.account, USDC, -i128::from(sign) * trade.quote_usd.get());
        } else {
            self.move_funds(side.account, USDC, side.closed_pnl_usd.get());
            self.move_funds(AccountId::clearing(trade.market), USDC, -side.closed_pnl_usd.get());
            let position = self.positions.entry((side.account, trade.market)).or_default();
            assert_eq!(*position, side.start_position.get());
            *position += sign * i64::try_from(trade.size.get()).expect("small");
        }
    }

    fn compare(&self, state: &State) {
        self.special.compare(state);
        for (&(account, asset), &amount) in &self.balances {
            assert_eq!(state.balance(account, CORE, asset), Amount::new(amount), "{account} {asset}");
        }
        assert_eq!(state.balances().count(), self.balances.values().filter(|amount| **amount != 0).count());
        for (&(account, market), &lots) in &self.positions {
            assert_eq!(state.position(account, market).map_or(0, |record| record.position.get()), lots);
        }
        assert_eq!(state.open_order_count(), self.orders.len());
        for (id, order) in &self.orders {
            assert_eq!(state.order(*id).map(|record| record.order), Some(*order));
        }
    }
}

fn random_order(random: &mut Random, now: TimeMs) -> OrderRequest {
    let market = random.pick(&[PERP, PERP, SPOT, SPOT, SPOT_FINE]);
    let lots = if market == SPOT_FINE { 100 + random.below(6_000) } else { 1 + random.below(40) };
    let lots = if random.chance(3) { lots * 50 } else { lots };
    let kinds = [
        TimeInForce::Gtc,
        TimeInForce::Gtc,
        TimeInForce::Ioc,
        TimeInForce::Alo,
        TimeInForce::Fok,
        TimeInForce::Gtt { expires_at_ms: now.saturating_add(random.below(5_000)) },
    ];
    let number = random.below(30);
    OrderRequest {
        market,
        side: if random.chance(50) { Side::Buy } else { Side::Sell },
        price: Price::new(i64::try_from(180 + random.below(40)).expect("small") * 50_000_000),
        size: Size::new(lots),
        time_in_force: random.pick(&kinds),
        reduce_only: random.chance(15),
        client_order_id: (number < 15).then(|| ClientOrderId(u128::from(number).to_be_bytes())),
    }
}

fn random_reference(random: &mut Random, state: &State, account: AccountId) -> (MarketId, OrderReference) {
    let open: Vec<&OpenOrder> = state.orders_of(account).map(|record| &record.order).collect();
    if open.is_empty() || random.chance(5) {
        let id = OrderId::new(random.below(500));
        return (random.pick(&[PERP, SPOT]), OrderReference::Id(id));
    }
    let order = random.pick(&open);
    match order.client_order_id {
        Some(client_order_id) if random.chance(50) => (order.market, OrderReference::Client(client_order_id)),
        _ => (order.market, OrderReference::Id(order.id)),
    }
}

fn random_action(random: &mut Random, state: &State, account: AccountId, now: TimeMs) -> Action {
    if random.chance(35) {
        return orders::action(random, state, account);
    }
    match random.below(100) {
        0..55 => {
            let count = 1 + random.below(4);
            Action::Place { orders: (0..count).map(|_| random_order(random, now)).collect() }
        }
        55..65 => {
            let (market, order) = random_reference(random, state, account);
            Action::Cancel { cancels: vec![CancelRequest { market, order }] }
        }
        65..82 => {
            let (_, order) = random_reference(random, state, account);
            let mut replacement = random_order(random, now);
            if let Some(record) = state.order_of(account, order) {
                (replacement.market, replacement.side) = (record.order.market, record.order.side);
                if random.chance(40) {
                    replacement.price = record.order.price;
                    replacement.time_in_force = record.order.time_in_force;
                }
            }
            Action::Modify { modifies: vec![ModifyRequest { order, replacement }] }
        }
        82..85 => Action::CancelAll { market: random.chance(50).then_some(PERP) },
        85..88 => {
            let at_ms = random.chance(70).then(|| now.saturating_add(4_000 + random.below(8_000)));
            Action::ScheduleCancel { at_ms }
        }
        88..92 => {
            let leverage = u32::try_from(random.below(45)).expect("small");
            Action::UpdateLeverage { market: PERP, leverage, margin_mode: MarginMode::Cross }
        }
        92..98 => Action::Transfer {
            universe: CORE,
            to: account_of(random.pick(&FUNDED)),
            asset: random.pick(&[USDC, BTC]),
            amount: Amount::new(i128::from(random.below(3_000)) * 10_000_000 - 5),
        },
        _ => Action::ClaimFaucet { asset: USDC },
    }
}

/// A block that can be executed again.
struct Kept {
    height: palisade_types::ids::Height,
    time_ms: TimeMs,
    parent: BlockDigest,
    bundle: Option<OracleBundle>,
    actions: Vec<Arc<VerifiedAction>>,
}

impl Kept {
    fn input(&self) -> BlockInput<'_> {
        BlockInput {
            height: self.height,
            time_ms: self.time_ms,
            parent: self.parent,
            oracle_bundle: self.bundle.as_ref(),
            actions: &self.actions,
        }
    }
}

fn random_block(random: &mut Random, venue: &mut Venue, index: &mut i64) -> Kept {
    let with_prices = venue.state().mark(PERP).is_none() || random.chance(25);
    // Now and then nothing happens for an hour or more.
    let gap = if random.chance(6) { random.below(5_000_000) } else { 0 };
    let step = if with_prices { 1_000 + gap } else { 1 + random.below(400) };
    let time_ms = venue.engine.time_ms().saturating_add(step);
    let bundle = with_prices.then(|| {
        *index = (*index + i64::try_from(random.below(900_000_000)).expect("small") - 450_000_000)
            .clamp(8_000_000_000, 12_000_000_000);
        bundle(BTC, &[Price::new(*index); 4], time_ms)
    });
    let count = random.below(6);
    let actions = (0..count)
        .map(|_| {
            let name = random.pick(&FUNDED);
            let action = random_action(random, venue.state(), account_of(name), time_ms);
            venue.sign(name, action)
        })
        .collect();
    let parent = BlockDigest(sha256(&[&random.next().to_be_bytes()]));
    Kept { height: venue.engine.height().next(), time_ms, parent, bundle, actions }
}

/// Turns blocks back, executes a sibling instead, and comes back.
fn take_detour(random: &mut Random, venue: &mut Venue, path: &mut Vec<(Kept, crate::Undo, Vec<Write>)>) {
    let depth = usize::try_from(random.below(5)).expect("small").min(path.len());
    let tip = venue.state().clone();
    let mut again = Vec::new();
    for _ in 0..depth {
        let (kept, undo, writes) = path.pop().expect("not deeper than the path");
        venue.engine.revert(undo);
        again.push((kept, writes));
    }
    let fork = venue.state().clone();
    let mut index = 10_000_000_000;
    let sibling = random_block(random, venue, &mut index);
    if let Ok(outcome) = venue.engine.execute(&venue.rules.clone(), &sibling.input()) {
        venue.engine.revert(outcome.undo);
    }
    assert_eq!(*venue.state(), fork, "the sibling left no trace");
    let values: Vec<Vec<u8>> = fork.records().map(|record| record.encode()).collect();
    let mut cold = Engine::from_records(Arc::new(genesis()), values.into_iter().rev()).expect("own records");
    for (kept, writes) in again.into_iter().rev() {
        let outcome = venue.engine.execute(&venue.rules.clone(), &kept.input()).expect("it was valid");
        assert_eq!(outcome.writes, writes, "the same block on the same parent");
        let cold_outcome = cold.execute(&venue.rules.clone(), &kept.input()).expect("it was valid");
        assert_eq!(cold_outcome.writes, writes, "from a cold start too");
        path.push((kept, outcome.undo, writes));
    }
    assert_eq!(*venue.state(), tip);
}

fn run(seed: u64, blocks: usize) -> Follower {
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut venue = Venue::before_genesis(genesis());
    let mut follower = Follower::default();
    let mut path: Vec<(Kept, crate::Undo, Vec<Write>)> = Vec::new();
    let mut index = 10_000_000_000;
    for _ in 0..blocks {
        let kept = if path.is_empty() {
            let (height, time_ms) = (venue.engine.height().next(), venue.engine.time_ms().saturating_add(10));
            Kept { height, time_ms, parent: BlockDigest::default(), bundle: None, actions: Vec::new() }
        } else {
            random_block(&mut random, &mut venue, &mut index)
        };
        let outcome = venue.checked(&kept.input()).expect("random blocks are valid");
        outcome.events.iter().for_each(|event| follower.see(event));
        follower.compare(venue.state());
        assert!(venue.state().chain().halted.is_none(), "seed {seed}");
        path.push((kept, outcome.undo, outcome.writes));
        if random.chance(10) {
            take_detour(&mut random, &mut venue, &mut path);
        }
    }
    assert!(follower.trades > blocks as u64 / 4, "seed {seed}: a run without trades shows nothing");
    follower
}

#[test]
fn random_blocks_keep_every_invariant_and_turn_back_exactly() {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 1..=u64::from(runs(8)) {
        for (name, times) in run(seed, 250).special.seen {
            *seen.entry(name).or_default() += times;
        }
    }
    println!("{seen:?}");
    for name in [
        "armed",
        "fired",
        "rejected",
        "sibling filled",
        "parent canceled",
        "position closed",
        "twap slice",
        "protection fired",
        "quote replaced",
    ] {
        assert!(seen.get(name).is_some_and(|times| *times > 2), "{name} hardly happened: {seen:?}");
    }
}
