//! Liquidity pools as an outsider reads them: reserves are balances, shares are records, and every trade, deposit and withdrawal is
//! judged by products in 256 bits.

use super::{
    books::{Books, floor},
    checks::{Wrong, expect},
    follow::Follower,
};
use palisade_engine::state::Record;
use palisade_types::{
    address::AccountId,
    event::{Event, Trade},
    ids::MarketId,
    order::Side,
};
use std::collections::{BTreeMap, BTreeSet};

const MILLION: i128 = 1_000_000;
/// Parts of a unit of 1e-8 USD that the base is valued in before the root is taken, and their root.
const VALUE_PARTS: i128 = 1_000_000_000_000;

/// Pools and who holds their shares.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    /// The fee in parts per million, and all shares.
    pub all: BTreeMap<MarketId, (i128, i128)>,
    pub shares: BTreeMap<(MarketId, AccountId), i128>,
}

impl Pools {
    pub fn read(&mut self, record: &Record) {
        match record {
            Record::LiquidityPool { id, record } => {
                self.all.insert(*id, (i128::from(record.fee.rate().get()), record.shares.get()));
            }
            Record::PoolShare { id, record } => {
                self.shares.insert((id.market, id.account), record.get());
            }
            _ => {}
        }
    }

    pub fn held(&self, market: MarketId, account: AccountId) -> i128 {
        self.shares.get(&(market, account)).copied().unwrap_or(0)
    }
}

/// A product of two numbers that are not negative, as high and low half.
pub fn product(left: i128, right: i128) -> (u128, u128) {
    let halves = |number: i128| (number.unsigned_abs() >> 64, number.unsigned_abs() & u128::from(u64::MAX));
    let ((left_high, left_low), (right_high, right_low)) = (halves(left), halves(right));
    let (low, first, second) = (left_low * right_low, left_high * right_low, left_low * right_high);
    let middle = (low >> 64) + (first & u128::from(u64::MAX)) + (second & u128::from(u64::MAX));
    let high = left_high * right_high + (first >> 64) + (second >> 64) + (middle >> 64);
    (high, (middle << 64) | (low & u128::from(u64::MAX)))
}

/// The root of a product, rounded down.
pub fn root(left: i128, right: i128) -> i128 {
    let whole = product(left, right);
    let (mut low, mut high) = (0, left.max(right) + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if product(middle, middle) <= whole {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

impl Books {
    pub fn reserves(&self, market: MarketId) -> (i128, i128) {
        let spec = &self.markets[&market];
        let spot = spec.spot().expect("pools are of spot markets");
        let of = |asset| self.balance(AccountId::pool(market), spec.universe, asset);
        (of(spot.base), of(spot.quote))
    }

    /// What shares are worth at a price of the base: their part of `2 √(base × price × quote)`.
    pub fn shares_worth(&self, market: MarketId, shares: i128, price: i128) -> i128 {
        let (base, quote) = self.reserves(market);
        let spot = self.markets[&market].spot().expect("pools are of spot markets");
        let unit = 10i128.pow(u32::from(self.assets[&spot.base].decimals));
        let rooted = root(base * (price * VALUE_PARTS / unit), quote);
        floor(rooted * 2 * shares, self.pools.all[&market].1 * MILLION)
    }
}

/// Shares sum to the pool's, a pool has both reserves, and its product is never below the square of its shares.
pub fn check_state(books: &Books, wrong: &mut Wrong) {
    for (market, (_, shares)) in &books.pools.all {
        let held: i128 = books.pools.shares.iter().filter(|((of, _), _)| of == market).map(|(_, held)| held).sum();
        expect(wrong, held == *shares && *shares > 0, || format!("I9 pool of {market}: {shares} shares, held {held}"));
        let (base, quote) = books.reserves(*market);
        let enough = base > 0 && quote > 0 && product(base, quote) >= product(*shares, *shares);
        expect(wrong, enough, || format!("I9 pool of {market}: {base} and {quote} for {shares} shares"));
    }
    for (market, account) in books.pools.shares.keys() {
        expect(wrong, books.pools.all.contains_key(market), || {
            format!("I9 {account} holds shares of no pool {market}")
        });
    }
}

impl Follower<'_> {
    /// A trade is about to be posted: what the pool had before it.
    pub(super) fn see_pool_before(&mut self, trade: &Trade) {
        if trade.maker.account == AccountId::pool(trade.market) {
            self.pool_before = Some((trade.clone(), self.books.reserves(trade.market)));
        }
    }

    pub(super) fn see_pool(&mut self, event: &Event) {
        match event {
            Event::PoolTraded { market, trade, base_reserve, quote_reserve } => {
                let told = (base_reserve.get(), quote_reserve.get());
                let before =
                    self.pool_before.take().filter(|(before, _)| (before.id, before.market) == (*trade, *market));
                let Some((trade, before)) = before else {
                    self.violations.push(format!("I9 a pool traded, and trade {trade} is not the last"));
                    return;
                };
                self.pool_traded(&trade, before, told);
            }
            Event::PoolCreated { market, pool, fee, locked, .. } => {
                self.check(*pool == AccountId::pool(*market) && !self.books.pools.all.contains_key(market), || {
                    format!("I9 a pool of market {market} was opened at {pool}")
                });
                self.books.pools.all.insert(*market, (i128::from(fee.rate().get()), locked.get()));
                self.books.pools.shares.insert((*market, *pool), locked.get());
            }
            Event::PoolDeposited { market, account, base, quote, shares } => {
                self.shares_changed(*market, *account, shares.get(), (base.get(), quote.get()));
            }
            Event::PoolWithdrawn { market, account, base, quote, shares, .. } => {
                self.shares_changed(*market, *account, -shares.get(), (-base.get(), -quote.get()));
            }
            _ => {}
        }
    }

    /// With the fee left out of what came in, the product did not fall: so the fee stays in the reserves.
    fn pool_traded(&mut self, trade: &Trade, before: (i128, i128), told: (i128, i128)) {
        let market = trade.market;
        let now = self.books.reserves(market);
        self.check(now == told, || format!("I9 the pool of {market} holds {now:?}, the trade says {told:?}"));
        let (fee, _) = self.books.pools.all[&market];
        let (kept, quote) = (MILLION - fee, trade.quote_usd.get());
        let (after, least) = match trade.taker_side {
            Side::Buy => (product(now.0, before.1 * MILLION + quote * kept), product(before.0, before.1 * MILLION)),
            Side::Sell => (product(now.0, before.1 * kept - quote * MILLION), product(before.0, before.1 * kept)),
        };
        self.check(after >= least, || format!("I9 the product of the pool of {market} fell: {before:?} to {now:?}"));
    }

    /// The assets have moved; nobody else's share may have lost by it.
    fn shares_changed(&mut self, market: MarketId, account: AccountId, shares: i128, moved: (i128, i128)) {
        let now = self.books.reserves(market);
        let before = (now.0 - moved.0, now.1 - moved.1);
        let Some(pool) = self.books.pools.all.get_mut(&market) else {
            self.violations.push(format!("I9 shares of no pool of {market}"));
            return;
        };
        let was = pool.1;
        pool.1 += shares;
        let is = pool.1;
        let held = self.books.pools.shares.entry((market, account)).or_default();
        *held += shares;
        let held = *held;
        if held == 0 {
            self.books.pools.shares.remove(&(market, account));
        }
        self.check(held >= 0 && shares != 0, || format!("I9 {account} holds {held} shares of the pool of {market}"));
        if before == (0, 0) {
            // The first deposit: the root of its product, of which a thousandth stays.
            let locked = self.books.pools.held(market, AccountId::pool(market));
            let expected = root(now.0, now.1);
            self.check(is == expected && locked == -(-expected).div_euclid(1_000), || {
                format!("I9 the pool of {market} began with {is} shares, {locked} for good, its root is {expected}")
            });
            return;
        }
        let kept = product(now.0, was) >= product(before.0, is) && product(now.1, was) >= product(before.1, is);
        self.check(kept, || {
            format!("I9 a share of the pool of {market} fell: {before:?} for {was} became {now:?} for {is}")
        });
    }

    pub(super) fn compare_pools(&mut self) {
        let now = self.now;
        let keys: BTreeSet<_> = self.books.pools.shares.keys().chain(now.pools.shares.keys()).copied().collect();
        for (market, account) in keys {
            let (told, there) = (self.books.pools.held(market, account), now.pools.held(market, account));
            self.check(told == there, || {
                format!("I9 {account} holds {there} shares of the pool of {market}, events say {told}")
            });
        }
        let told = self.books.pools.all.clone();
        self.check(told == now.pools.all, || format!("I9 pools are {:?}, events say {told:?}", now.pools.all));
    }
}
