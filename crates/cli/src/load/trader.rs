//! One load account: what it sends next, and what it remembers of its open orders.

use super::report::Outcome;
use crate::dev_keys;
use palisade_agents::{clock, market_maker::quoting::lots_per_unit};
use palisade_client::{
    api::{ApiError, NodeApi, ReceiptInfo},
    nonce::NonceSource,
};
use palisade_types::{
    action::{Action, CancelRequest},
    envelope::{Envelope, Payload},
    hash::sha256,
    ids::{AssetId, MarketId, OrderId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Price, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome as ReceiptOutcome},
    signing::secp256k1::Secp256k1SecretKey,
};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Open orders after which an account cancels before it places more.
const OPEN_ORDERS_MAX: usize = 20;
/// Value of an order, in 1e-8 USD.
const ORDER_USD: i128 = 25 * 100_000_000;
/// Amount of a transfer: one cent.
const TRANSFER: i128 = 1_000_000;
/// An action counts if it is in a block within this time.
const ACTION_LIFE_MS: u64 = 30_000;
/// Pause before a node that could not answer is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// A market that is traded, with the price it had at the start.
pub struct Market {
    /// Its terms.
    pub spec: MarketSpec,
    /// Its index at the start.
    pub index: Price,
}

/// See the module.
pub struct Trader {
    key: Secp256k1SecretKey,
    next: Secp256k1SecretKey,
    chain_id: u64,
    nonces: NonceSource,
    open: Mutex<VecDeque<(MarketId, OrderId)>>,
}

impl Trader {
    /// Load account `number` of `count`.
    pub fn new(number: u64, count: u64, chain_id: u64) -> Self {
        Self {
            key: dev_keys::load(number),
            next: dev_keys::load((number + 1) % count.max(1)),
            chain_id,
            nonces: NonceSource::new(),
            open: Mutex::default(),
        }
    }

    /// Sends action `number` and waits for what becomes of it.
    pub async fn act(&self, node: &dyn NodeApi, markets: &[Market], seed: u64, number: u64, wait_ms: u64) -> Outcome {
        let action = self.choose(markets, seed, number);
        let market = match &action {
            Action::Place { orders } => orders.first().map(|order| order.market),
            _ => None,
        };
        let signed = self.key.sign(Envelope {
            chain_id: self.chain_id,
            signer: self.key.signer_id(),
            account: self.key.address(),
            nonce: self.nonces.next(),
            expires_after_ms: Some(clock::now().saturating_add(ACTION_LIFE_MS)),
            payload: Payload::Native { action },
        });
        let started = Instant::now();
        let id = match node.submit(signed).await {
            Ok(id) => id,
            Err(error) => return Outcome::Refused { error },
        };
        match self.receipt(node, id, wait_ms).await {
            Ok(receipt) => {
                if let Some(market) = market {
                    self.remember(market, &receipt);
                }
                Outcome::Answered { receipt: Box::new(receipt), latency: started.elapsed() }
            }
            Err(error) => Outcome::Unanswered { error },
        }
    }

    async fn receipt(
        &self,
        node: &dyn NodeApi,
        id: palisade_types::hash::ActionId,
        wait_ms: u64,
    ) -> Result<ReceiptInfo, ApiError> {
        let deadline = clock::now().saturating_add(wait_ms);
        loop {
            let left_ms = deadline.since(clock::now());
            match node.receipt(id, left_ms.min(10_000)).await {
                Err(ApiError::Timeout { .. } | ApiError::NotFound { .. }) if left_ms > 0 => {}
                // The node is starting again, or busy with others who wait.
                Err(ApiError::Unavailable { .. }) if left_ms > 0 => tokio::time::sleep(RETRY).await,
                answer => return answer,
            }
        }
    }

    /// Six of ten place a post-only order near the index, two trade at once, one moves a cent, one cancels.
    fn choose(&self, markets: &[Market], seed: u64, number: u64) -> Action {
        let dice = sha256(&[b"palisade/load/", &seed.to_be_bytes(), &number.to_be_bytes()]);
        let oldest = self.oldest_if_many(dice[0] % 10 == 9);
        if let Some((market, order)) = oldest {
            return Action::Cancel { cancels: vec![CancelRequest { market, order: OrderReference::Id(order) }] };
        }
        let transfer = Action::Transfer {
            universe: UniverseId::new(0),
            to: self.next.address(),
            asset: AssetId::new(0),
            amount: Amount::new(TRANSFER),
        };
        if dice[0] % 10 == 8 && self.next != self.key {
            return transfer;
        }
        let Some(market) = markets.get(usize::from(dice[1]) % markets.len().max(1)) else { return transfer };
        let side = if dice[2].is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let takes = matches!(dice[0] % 10, 6 | 7);
        // Post-only orders lie 1 % to 6 % behind the index, takers reach 2 % past it.
        let away_ppm = if takes { -20_000 } else { 10_000 + i128::from(dice[3]) * 200 };
        let sign = if side == Side::Buy { -1 } else { 1 };
        let exact = i128::from(market.index.get()) * (1_000_000 + sign * away_ppm) / 1_000_000;
        let tick = i128::from(market.spec.tick.get()).max(1);
        let price = Price::new(i64::try_from(exact / tick * tick).unwrap_or(i64::MAX));
        let lots = ORDER_USD * lots_per_unit(&market.spec) / exact.max(1) + 1;
        Action::Place {
            orders: vec![OrderRequest {
                market: market.spec.id,
                side,
                price,
                size: Size::new(u64::try_from(lots).unwrap_or(1)),
                time_in_force: if takes { TimeInForce::Ioc } else { TimeInForce::Alo },
                reduce_only: false,
                client_order_id: None,
            }],
        }
    }

    fn oldest_if_many(&self, wanted: bool) -> Option<(MarketId, OrderId)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted || open.len() >= OPEN_ORDERS_MAX { open.pop_front() } else { None }
    }

    fn remember(&self, market: MarketId, receipt: &ReceiptInfo) {
        let ReceiptOutcome::Orders { results } = &receipt.receipt.outcome else { return };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for result in results {
            if let OrderResult::Accepted { order, resting, .. } = result
                && !resting.is_zero()
            {
                open.push_back((market, *order));
            }
        }
    }
}
