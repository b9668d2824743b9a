//! A client that means well: one order after the other, each over a connection of its own, from sending to final receipt.

#![allow(dead_code, reason = "each test file uses the part of this module that it needs")]

use crate::support::{Remote, wait_for};
use palisade_agents::market_maker::quoting::lots_per_unit;
use palisade_client::api::{ApiError, NodeApi as _};
use palisade_types::{
    action::Action,
    envelope::{Envelope, Payload, SignedAction},
    hash::ActionId,
    ids::Nonce,
    market::MarketSpec,
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
    signing::secp256k1::Secp256k1SecretKey,
};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Value of an order, in 1e-8 USD.
const ORDER_USD: i128 = 25 * 100_000_000;

pub struct Honest {
    pub url: String,
    pub chain_id: u64,
    key: Secp256k1SecretKey,
    nonce: u64,
    order: OrderRequest,
}

impl Honest {
    /// Waits until a perpetual market has an index, next to which orders can be placed.
    pub fn new(url: &str, key: &str) -> Self {
        let remote = Remote::new(url);
        let chain_id = remote.block_on(remote.api.status()).expect("a running node").chain_id;
        let (spec, index) = wait_for("a price", Duration::from_secs(60), || {
            let markets = remote.block_on(remote.api.markets()).ok()?;
            let mut perpetuals = markets.iter().filter(|market| market.spec.perpetual().is_some());
            perpetuals.find_map(|market| Some((market.spec.clone(), market.index?)))
        });
        Self {
            url: url.to_owned(),
            chain_id,
            key: key.parse().expect("a key"),
            nonce: now_ms(),
            order: behind(&spec, index),
        }
    }

    /// Signs a post-only order one hundredth behind the index.
    pub fn sign_order(&mut self) -> SignedAction {
        self.sign(Action::Place { orders: vec![self.order] })
    }

    /// Signs an action of so many such orders.
    pub fn sign_orders(&mut self, orders: usize) -> SignedAction {
        self.sign(Action::Place { orders: vec![self.order; orders] })
    }

    fn sign(&mut self, action: Action) -> SignedAction {
        self.nonce = (self.nonce + 1).max(now_ms());
        self.key.sign(Envelope {
            chain_id: self.chain_id,
            signer: self.key.signer_id(),
            account: self.key.address(),
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action },
        })
    }

    /// Hands an action in; its name once the node took it.
    pub fn submit(&self, remote: &Remote, action: SignedAction) -> Result<ActionId, ApiError> {
        remote.block_on(remote.api.submit(action))
    }

    /// Time from sending an order to the final receipt that says that it rests.
    pub fn order_time(&mut self) -> Duration {
        let signed = self.sign_order();
        let started = Instant::now();
        let remote = Remote::new(&self.url);
        let id = remote.block_on(remote.api.submit(signed)).expect("an honest order is taken in");
        let receipt = remote.block_on(remote.api.receipt(id, 20_000)).expect("and has a receipt");
        let took = started.elapsed();
        let Outcome::Orders { results } = receipt.receipt.outcome else { panic!("{receipt:?}") };
        assert!(matches!(results[..], [OrderResult::Accepted { .. }]), "{results:?}");
        took
    }

    /// The median of so many orders, after which they are cancelled.
    pub fn median(&mut self, orders: usize) -> Duration {
        let mut times: Vec<Duration> = (0..orders).map(|_| self.order_time()).collect();
        times.sort_unstable();
        let cancel = self.sign(Action::CancelAll { market: None });
        let remote = Remote::new(&self.url);
        let id = remote.block_on(remote.api.submit(cancel)).expect("an honest cancel is taken in");
        remote.block_on(remote.api.receipt(id, 20_000)).expect("and has a receipt");
        times[orders / 2]
    }
}

fn behind(spec: &MarketSpec, index: Price) -> OrderRequest {
    let tick = i128::from(spec.tick.get());
    let price = i128::from(index.get()) * 99 / 100 / tick * tick;
    let lots = ORDER_USD * lots_per_unit(spec) / price + 1;
    OrderRequest {
        market: spec.id,
        side: Side::Buy,
        price: Price::new(i64::try_from(price).expect("below the index")),
        size: Size::new(u64::try_from(lots).expect("a few lots")),
        time_in_force: TimeInForce::Alo,
        reduce_only: false,
        client_order_id: None,
    }
}

pub fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(elapsed.as_millis()).expect("small")
}
