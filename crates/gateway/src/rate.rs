//! How much one address may ask for: request weight, WebSockets, their messages and subscriptions.
//!
//! Rules: an allowance refills evenly over a minute and never exceeds one minute's worth. What a request costs is
//! known in part only after it is answered (lists cost by length), so an address may go into debt and then waits.
//! Addresses without open sockets whose allowance is full again are forgotten, so memory stays bounded by activity.

use crate::config::Limits;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

/// Addresses remembered before the idle ones are dropped.
const ADDRESSES_MAX: usize = 16_384;
const MINUTE_MS: i64 = 60_000;

/// Counts what every address uses.
pub struct Limiter {
    limits: Limits,
    epoch: Instant,
    addresses: Mutex<HashMap<IpAddr, Usage>>,
}

/// An allowance in thousandths of a unit, so that slow refills lose nothing to rounding.
#[derive(Clone, Copy)]
struct Allowance {
    per_minute: u32,
    left_milli: i64,
    at_ms: i64,
}

struct Usage {
    weight: Allowance,
    messages: Allowance,
    sockets: u32,
    subscriptions: u32,
}

/// Why an address must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Request weight is used up.
    #[error("rate limited: {per_minute} weight per minute and address; retry in {retry_seconds} s")]
    Weight { per_minute: u32, retry_seconds: u64 },
    /// WebSocket messages are used up.
    #[error("rate limited: {per_minute} messages per minute and address; retry in {retry_seconds} s")]
    Messages { per_minute: u32, retry_seconds: u64 },
    /// Too many WebSockets.
    #[error("too many connections: {limit} WebSockets per address")]
    Sockets { limit: u32 },
    /// Too many subscriptions.
    #[error("Cannot subscribe to more than {limit} channels.")]
    Subscriptions { limit: u32 },
}

impl RateError {
    /// Seconds until another try makes sense.
    pub const fn retry_seconds(&self) -> u64 {
        match self {
            Self::Weight { retry_seconds, .. } | Self::Messages { retry_seconds, .. } => *retry_seconds,
            Self::Sockets { .. } | Self::Subscriptions { .. } => 60,
        }
    }
}

impl Allowance {
    fn full(per_minute: u32, now_ms: i64) -> Self {
        Self { per_minute, left_milli: i64::from(per_minute) * 1_000, at_ms: now_ms }
    }

    fn refill(&mut self, now_ms: i64) {
        let capacity = i64::from(self.per_minute) * 1_000;
        let elapsed_ms = now_ms.saturating_sub(self.at_ms).clamp(0, MINUTE_MS);
        let gained = elapsed_ms.saturating_mul(capacity) / MINUTE_MS;
        self.left_milli = self.left_milli.saturating_add(gained).min(capacity);
        self.at_ms = now_ms;
    }

    fn is_full(&self) -> bool {
        self.left_milli >= i64::from(self.per_minute) * 1_000
    }

    /// Takes `units`, or says in how many seconds they will be there. A request that costs more than a whole minute's
    /// worth passes once the allowance is full, and is paid off later.
    fn take(&mut self, units: u32, now_ms: i64) -> Result<(), u64> {
        self.refill(now_ms);
        let capacity = i64::from(self.per_minute) * 1_000;
        let cost = i64::from(units) * 1_000;
        let missing = cost.min(capacity).saturating_sub(self.left_milli);
        if missing > 0 {
            let per_second = u64::from(self.per_minute).saturating_mul(1_000).div_ceil(60).max(1);
            return Err(missing.unsigned_abs().div_ceil(per_second));
        }
        self.left_milli = self.left_milli.saturating_sub(cost);
        Ok(())
    }
}

impl Limiter {
    /// Starts with full allowances.
    pub fn new(limits: Limits) -> Self {
        Self { limits, epoch: Instant::now(), addresses: Mutex::new(HashMap::new()) }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Usage>> {
        self.addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn with<T>(&self, address: IpAddr, work: impl FnOnce(&mut Usage, i64) -> T) -> T {
        let now_ms = self.now_ms();
        let mut addresses = self.lock();
        if addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, usage| {
                usage.weight.refill(now_ms);
                usage.messages.refill(now_ms);
                usage.sockets > 0 || !usage.weight.is_full() || !usage.messages.is_full()
            });
        }
        let limits = self.limits;
        let usage = addresses.entry(address).or_insert_with(|| Usage {
            weight: Allowance::full(limits.weight_per_minute, now_ms),
            messages: Allowance::full(limits.messages_per_minute, now_ms),
            sockets: 0,
            subscriptions: 0,
        });
        work(usage, now_ms)
    }

    /// Spends request weight.
    pub fn spend_weight(&self, address: IpAddr, weight: u32) -> Result<(), RateError> {
        self.with(address, |usage, now_ms| usage.weight.take(weight, now_ms))
            .map_err(|retry_seconds| RateError::Weight { per_minute: self.limits.weight_per_minute, retry_seconds })
    }

    /// Spends weight that is known only after the answer; never refused.
    pub fn spend_weight_late(&self, address: IpAddr, weight: u32) {
        self.with(address, |usage, _| {
            usage.weight.left_milli = usage.weight.left_milli.saturating_sub(i64::from(weight) * 1_000);
        });
    }

    /// Spends one WebSocket message.
    pub fn spend_message(&self, address: IpAddr) -> Result<(), RateError> {
        self.with(address, |usage, now_ms| usage.messages.take(1, now_ms))
            .map_err(|retry_seconds| RateError::Messages { per_minute: self.limits.messages_per_minute, retry_seconds })
    }

    /// Opens a WebSocket; it counts until the permit is dropped.
    pub fn open_socket(self: &Arc<Self>, address: IpAddr) -> Result<SocketPermit, RateError> {
        let limit = self.limits.sockets_per_address;
        self.with(address, |usage, _| {
            if usage.sockets >= limit {
                return Err(RateError::Sockets { limit });
            }
            usage.sockets += 1;
            Ok(())
        })?;
        Ok(SocketPermit { limiter: Arc::clone(self), address, subscriptions: 0 })
    }
}

/// The right to one WebSocket, with the subscriptions it holds.
pub struct SocketPermit {
    limiter: Arc<Limiter>,
    address: IpAddr,
    subscriptions: u32,
}

impl SocketPermit {
    /// Counts one more subscription.
    pub fn subscribe(&mut self) -> Result<(), RateError> {
        let limit = self.limiter.limits.subscriptions_per_address;
        self.limiter.with(self.address, |usage, _| {
            if usage.subscriptions >= limit {
                return Err(RateError::Subscriptions { limit });
            }
            usage.subscriptions += 1;
            Ok(())
        })?;
        self.subscriptions += 1;
        Ok(())
    }

    /// Counts one subscription less.
    pub fn unsubscribe(&mut self) {
        if self.subscriptions > 0 {
            self.subscriptions -= 1;
            self.limiter.with(self.address, |usage, _| usage.subscriptions = usage.subscriptions.saturating_sub(1));
        }
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let held = self.subscriptions;
        self.limiter.with(self.address, |usage, _| {
            usage.sockets = usage.sockets.saturating_sub(1);
            usage.subscriptions = usage.subscriptions.saturating_sub(held);
        });
    }
}

#[cfg(test)]
mod tests;
