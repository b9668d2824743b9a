//! Liquidity pools: reserves that trade along a constant product, and shares of them. Whatever is rounded stays in the pool, so
//! what a share has of either reserve never falls by who comes or goes, nor their product by a trade.

use super::{
    Auditor, Market, Objection, Universe, Who, ensure,
    numbers::{MILLION, ceil, floor, part_down},
    who,
};
use palisade_engine::State;
use palisade_types::{
    address::AccountId,
    event::{Event, MarginLevel, Trade},
    ids::MarketId,
    order::Side,
};
use std::collections::BTreeMap;

/// The least that a pool begins with, of base and quote, and that a deposit brings of the quote.
const FIRST_BASE_MIN: i128 = 1_000_000;
const FIRST_QUOTE_MIN: i128 = 100 * 100_000_000;
const DEPOSIT_MIN: i128 = 10 * 100_000_000;
/// One in so many of the first shares stays for good.
const LOCKED_DIVISOR: i128 = 1_000;
/// Parts of 1e-8 USD in which a reserve is valued before the root is taken, a square, and its root.
const VALUE_PARTS: i128 = 1_000_000_000_000;
const ROOT_PARTS: i128 = 1_000_000;

#[derive(Clone, Debug, Default)]
struct Pool {
    fee: i128,
    shares: i128,
    holders: BTreeMap<Who, i128>,
    /// Shares that stay for good, until the first deposit.
    locked: Option<i128>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Liquidity {
    pools: BTreeMap<Market, Pool>,
    /// The trade of a pool that its reserves must be told of next.
    untold: Option<u64>,
}

/// Base and quote.
type Both = (i128, i128);

fn pool_of(market: Market) -> Who {
    who(AccountId::pool(MarketId::new(market)))
}

/// The root of a product, rounded down; `None` beyond the range.
fn root(left: i128, right: i128) -> Option<i128> {
    let product = u128::try_from(left).ok()?.checked_mul(u128::try_from(right).ok()?)?;
    i128::try_from(product.isqrt()).ok()
}

impl Auditor {
    pub(super) fn liquid(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::PoolCreated { market, pool, fee, locked, .. } => {
                let (id, locked) = (market.get(), Some(locked.get()));
                let empty = self.reserves(id)? == (0, 0);
                ensure(who(*pool) == pool_of(id) && empty, || format!("{pool} is opened as the pool of {market}"))?;
                let new = Pool { fee: fee.rate().get().into(), locked, ..Pool::default() };
                let before = self.liquidity.pools.insert(id, new);
                ensure(before.is_none(), || format!("the pool of market {market} is opened twice"))
            }
            Event::PoolDeposited { market, account, base, quote, shares } => {
                self.pool_deposited(market.get(), who(*account), (base.get(), quote.get()), shares.get())
            }
            Event::PoolWithdrawn { market, account, base, quote, shares, forced } => {
                let both = (base.get(), quote.get());
                self.pool_withdrawn(market.get(), who(*account), both, (shares.get(), *forced))
            }
            Event::PoolTraded { market, trade, base_reserve, quote_reserve } => {
                let told = self.liquidity.untold.take();
                ensure(told == Some(trade.get()), || format!("trade {trade} of a pool follows {told:?}"))?;
                let own = self.reserves(market.get())?;
                ensure(own == (base_reserve.get(), quote_reserve.get()), || {
                    format!("the pool of market {market} tells {base_reserve} and {quote_reserve}, it has {own:?}")
                })
            }
            _ => Ok(()),
        }
    }

    /// What a market's pool has.
    pub(super) fn reserves(&self, market: Market) -> Result<Both, Objection> {
        let terms = self.market(market)?;
        let (base, quote) = terms.spot.ok_or_else(|| format!("market {market} has a pool and is not spot"))?;
        let of = |asset| self.ledger.balance(pool_of(market), terms.universe, asset);
        Ok((of(base), of(quote)))
    }

    fn was_moved(&self, from: Who, to: Who, (base, quote): Both) -> bool {
        let mut payments = vec![(from, to, base), (from, to, quote)];
        payments.retain(|(.., amount)| *amount != 0);
        self.ledger.was_paid(&payments)
    }

    fn pool_deposited(&mut self, market: Market, account: Who, both: Both, shares: i128) -> Result<(), Objection> {
        ensure(self.was_moved(account, pool_of(market), both), || format!("{both:?} did not come into a pool"))?;
        // The assets are there already.
        let there = self.reserves(market)?;
        let before = (there.0 - both.0, there.1 - both.1);
        let no_pool = || format!("a deposit into no pool of market {market}");
        let pool = self.liquidity.pools.get_mut(&market).ok_or_else(no_pool)?;
        if let Some(locked) = pool.locked.take() {
            let all = root(both.0, both.1).ok_or("a first deposit beyond the range")?;
            let enough = both.0 >= FIRST_BASE_MIN && both.1 >= FIRST_QUOTE_MIN;
            ensure(
                before == (0, 0) && enough && shares + locked == all && locked == ceil(all, LOCKED_DIVISOR),
                || {
                    format!(
                        "a pool opens with {both:?} beside {before:?} for {shares} and {locked} shares, all are {all}"
                    )
                },
            )?;
            pool.holders.insert(pool_of(market), locked);
            pool.shares = locked;
        } else {
            let part = |reserve: i128| ceil(reserve * shares, pool.shares.max(1));
            let due = (part(before.0), part(before.1));
            ensure(both == due && shares > 0 && both.1 >= DEPOSIT_MIN, || {
                format!("{both:?} buy {shares} of {} shares of {before:?}, due are {due:?}", pool.shares)
            })?;
        }
        pool.shares += shares;
        *pool.holders.entry(account).or_default() += shares;
        self.note("auditor: shares of a pool bought");
        Ok(())
    }

    fn pool_withdrawn(
        &mut self,
        market: Market,
        account: Who,
        both: Both,
        (shares, forced): (i128, bool),
    ) -> Result<(), Objection> {
        ensure(self.was_moved(pool_of(market), account, both), || format!("{both:?} did not come out of a pool"))?;
        // The assets have left already.
        let there = self.reserves(market)?;
        let before = (there.0 + both.0, there.1 + both.1);
        let unit = (account, self.market(market)?.universe, None);
        let level = self.liquidations.calls.get(&unit);
        ensure(!forced || level == Some(&MarginLevel::Liquidatable), || {
            format!("shares of {account:?} are redeemed by force at {level:?}")
        })?;
        let no_pool = || format!("a withdrawal from no pool of market {market}");
        let pool = self.liquidity.pools.get_mut(&market).ok_or_else(no_pool)?;
        let part = |reserve: i128| floor(reserve * shares, pool.shares.max(1));
        let due = (part(before.0), part(before.1));
        let held = pool.holders.get(&account).copied().unwrap_or(0);
        ensure(both == due && shares > 0 && shares <= held && account != pool_of(market), || {
            format!("{shares} of {held} shares bring {both:?} of {before:?}, due are {due:?}")
        })?;
        pool.shares -= shares;
        pool.holders.insert(account, held - shares);
        pool.holders.retain(|_, shares| *shares > 0);
        self.note(if forced {
            "auditor: shares of a pool redeemed by force"
        } else {
            "auditor: shares of a pool redeemed"
        });
        Ok(())
    }

    /// What a pool takes is at least what the curve asks for what it gives, the fee left out of what it was paid.
    pub(super) fn check_pool_trade(&mut self, trade: &Trade, base: i128, before: Both) -> Result<(), Objection> {
        let (market, quote) = (trade.market.get(), trade.quote_usd.get());
        let no_pool = || format!("trade {} is with no pool", trade.id);
        let kept = MILLION - self.liquidity.pools.get(&market).ok_or_else(no_pool)?.fee;
        let (x, y) = before;
        let holds = match trade.taker_side {
            Side::Buy => base < x && quote * kept * (x - base) >= y * base * MILLION,
            Side::Sell => quote * MILLION * (x + base) <= y * base * kept,
        };
        ensure(holds, || format!("a pool with {before:?} gives {quote} for {base} by {:?}", trade.taker_side))?;
        let after = self.reserves(market)?;
        let grows = after.0.checked_mul(after.1) >= x.checked_mul(y) && after.0 > 0 && after.1 > 0;
        ensure(grows, || format!("trade {} costs the pool: {before:?} became {after:?}", trade.id))?;
        let untold = self.liquidity.untold.replace(trade.id.get());
        ensure(untold.is_none(), || format!("trade {untold:?} of a pool is not told of"))?;
        self.note("auditor: a trade of a pool");
        Ok(())
    }

    /// What shares of pools count for maintenance: what the reserves would be worth once they had been traded to the index,
    /// weighed as the base is. `None` beyond the range.
    pub(super) fn pool_shares_worth(&self, account: Who, universe: Universe) -> Option<i128> {
        let mut sum = 0;
        for (market, pool) in &self.liquidity.pools {
            let (Some(shares), Some(terms)) = (pool.holders.get(&account), self.terms.markets.get(market)) else {
                continue;
            };
            let (base, quote) = terms.spot?;
            let backs = terms.universe == universe && self.terms.quotes.get(&universe) == Some(&quote);
            let asset = self.terms.assets.get(&base)?;
            let (Some(weights), Some(index), true) = (asset.collateral, self.index_of(base), backs) else { continue };
            let (x, y) = self.reserves(*market).ok()?;
            let value = floor(x.checked_mul(index.price.checked_mul(VALUE_PARTS)?)?, asset.unit);
            let fair = floor(root(value, y)?.checked_mul(2 * shares)?, pool.shares.checked_mul(ROOT_PARTS)?);
            sum += part_down(fair, weights.maintenance_weight.get().into());
        }
        Some(sum)
    }

    /// Shares are the chain's, and holders hold all of them.
    pub(super) fn compare_liquidity(&self, state: &State) -> Result<(), Objection> {
        ensure(self.liquidity.untold.is_none(), || "a trade of a pool is not told of".to_owned())?;
        let told: BTreeMap<Market, i128> =
            state.liquidity_pools().map(|(market, record)| (market.get(), record.shares.get())).collect();
        let own: BTreeMap<Market, i128> =
            self.liquidity.pools.iter().map(|(market, pool)| (*market, pool.shares)).collect();
        ensure(told == own, || super::compare::difference("shares of pools", &told, &own))?;
        for (market, pool) in &self.liquidity.pools {
            let holders: BTreeMap<Who, i128> = state
                .pool_holders(MarketId::new(*market))
                .map(|(holder, shares)| (who(holder), shares.get()))
                .collect();
            ensure(holders == pool.holders, || {
                super::compare::difference("holders of a pool", &holders, &pool.holders)
            })?;
            let sum: i128 = pool.holders.values().sum();
            ensure(sum == pool.shares && pool.locked.is_none(), || {
                format!("holders of the pool of market {market} have {sum} of {} shares", pool.shares)
            })?;
        }
        Ok(())
    }
}
