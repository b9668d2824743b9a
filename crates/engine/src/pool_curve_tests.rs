//! The curve against arithmetic so plain that its rightness can be seen: whole fractions of small numbers, one lot at a time.

use super::{Curve, POOL_RESERVE_MAX, PoolTrade};
use crate::testing::cases;
use palisade_types::{
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketKind, MarketSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    order::Side,
    pool::PoolFee,
};
use proptest::prelude::*;

const WHOLE: i128 = 1_000_000;

fn market(size_decimals: u8, tick: i64) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(10_000),
        symbol: "BTC/USDC".to_owned(),
        universe: UniverseId::new(0),
        kind: MarketKind::Spot { base: AssetId::new(1), quote: AssetId::new(0) },
        size_decimals,
        tick: Price::new(tick),
        maker_fee: Rate::ZERO,
        taker_fee: Rate::ZERO,
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::MAX,
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 1,
    }
}

/// A pool of small numbers: every product fits 128 bits.
#[derive(Clone, Copy, Debug)]
struct Small {
    base: i128,
    quote: i128,
    /// Decimals of the base beyond those of a lot.
    extra: u8,
    /// 1e-8 USD of a lot at one tick.
    tick_quote: i64,
    fee: PoolFee,
}

impl Small {
    fn curve(&self) -> Curve {
        let market = market(2, self.tick_quote * 100);
        let (base, quote) = (Amount::new(self.base), Amount::new(self.quote));
        Curve::new(&market, 2 + self.extra, self.fee.rate(), base, quote).expect("sound numbers")
    }

    fn lot(&self) -> i128 {
        10i128.pow(u32::from(self.extra))
    }

    fn kept(&self) -> i128 {
        WHOLE - i128::from(self.fee.rate().get())
    }

    /// What the first `lots` cost or bring by the curve, as a fraction.
    fn exact(&self, side: Side, lots: i128) -> (i128, i128) {
        let base = lots * self.lot();
        match side {
            Side::Buy => (self.quote * base * WHOLE, (self.base - base) * self.kept()),
            Side::Sell => (self.quote * base * self.kept(), (self.base + base) * WHOLE),
        }
    }

    /// Whether the own price of a lot, counted from 1, is within so many ticks: as fractions, without any rounding.
    fn is_within(&self, side: Side, number: i128, ticks: i128) -> bool {
        let bound = ticks * i128::from(self.tick_quote);
        let (before, after) = match side {
            Side::Buy => (self.base - (number - 1) * self.lot(), self.base - number * self.lot()),
            Side::Sell => (self.base + (number - 1) * self.lot(), self.base + number * self.lot()),
        };
        if after <= 0 {
            return false;
        }
        // The lot is worth base × quote × lot / (before × after), with the fee; a product out of range is the larger.
        let product = self.base * self.quote * self.lot();
        let bound = (before * after).checked_mul(bound);
        match side {
            Side::Buy => {
                bound.and_then(|bound| bound.checked_mul(self.kept())).is_none_or(|most| product * WHOLE <= most)
            }
            Side::Sell => {
                bound.and_then(|bound| bound.checked_mul(WHOLE)).is_some_and(|least| product * self.kept() >= least)
            }
        }
    }

    fn after(&self, side: Side, trade: &PoolTrade) -> Self {
        let base = i128::from(trade.lots.get()) * self.lot();
        match side {
            Side::Buy => Self { base: self.base - base, quote: self.quote + trade.quote_usd.get(), ..*self },
            Side::Sell => Self { base: self.base + base, quote: self.quote - trade.quote_usd.get(), ..*self },
        }
    }
}

fn small() -> impl Strategy<Value = Small> {
    let fee = prop::sample::select(PoolFee::ALL.to_vec());
    (1_000i128..1_000_000_000, 1_000_000i128..1_000_000_000_000, 0u8..4, 1i64..100_000, fee)
        .prop_map(|(base, quote, extra, tick_quote, fee)| Small { base, quote, extra, tick_quote, fee })
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn lots(count: i128) -> Size {
    Size::new(u64::try_from(count).expect("small"))
}

/// A bound that no price of the pool reaches.
fn any_price(side: Side) -> Price {
    Price::new(if side == Side::Buy { i64::MAX } else { 1 })
}

#[test]
fn the_first_lots_of_a_known_pool() {
    // 100 at 100, lots of one whole, ticks of a half, 0.3 %.
    let pool = Small {
        base: 10_000_000_000,
        quote: 1_000_000_000_000,
        extra: 8,
        tick_quote: 50_000_000,
        fee: PoolFee::ThirtyBasisPoints,
    };
    let tick = 100 * 50_000_000;
    let curve = pool.curve();
    // 10000 / 99 / 0.997 = 101.314…, 10000 / 101 × 0.997 = 98.712…
    assert_eq!(curve.price(Side::Buy), Some(Price::new(203 * tick)));
    assert_eq!(curve.price(Side::Sell), Some(Price::new(197 * tick)));
    // The second lot by itself is at 103.38, the third at 105.51: two at (20000 / 98 / 0.997) / 2 = 102.35.
    let two = PoolTrade { lots: lots(2), price: Price::new(205 * tick), quote_usd: Usd::new(20_500_000_000) };
    assert_eq!(curve.trade(Side::Buy, Price::new(210 * tick), lots(50)), Some(two));
    assert_eq!(curve.trade(Side::Buy, Price::new(202 * tick), lots(50)), None);
    assert_eq!(curve.trade(Side::Sell, Price::new(198 * tick), lots(50)), None);
    // All but one: the last one is never for sale.
    let most = curve.trade(Side::Buy, any_price(Side::Buy), lots(1_000)).expect("lots");
    assert_eq!(most.lots, lots(99));
}

#[test]
fn what_has_no_price_is_not_offered() {
    // Less than a lot is there.
    let dust = Small { base: 5, quote: 1_000_000, extra: 1, tick_quote: 10, fee: PoolFee::OneBasisPoint };
    assert_eq!(dust.curve().price(Side::Buy), None);
    assert_eq!(dust.curve().trade(Side::Buy, any_price(Side::Buy), lots(1)), None);
    // A lot brings less than a tick.
    let poor = Small { base: 1_000_000, quote: 100, extra: 0, tick_quote: 1, fee: PoolFee::OneBasisPoint };
    assert_eq!(poor.curve().price(Side::Sell), None);
    // What the pool could not hold is not bought, and what overflows has no price.
    let most = POOL_RESERVE_MAX.get();
    for (base, quote) in [(most, most), (most, 1), (1, most), (2, most)] {
        let curve =
            Curve::new(&market(2, 100), 2, Rate::new(3_000), Amount::new(base), Amount::new(quote)).expect("sound");
        for side in [Side::Buy, Side::Sell] {
            if let Some(trade) = curve.trade(side, any_price(side), Size::MAX) {
                let bought = i128::from(trade.lots.get());
                let (base, quote) = match side {
                    Side::Buy => (base - bought, quote + trade.quote_usd.get()),
                    Side::Sell => (base + bought, quote - trade.quote_usd.get()),
                };
                assert!((1..=most).contains(&base) && (1..=most).contains(&quote), "{side:?} {trade:?}");
            }
        }
    }
    // Numbers that no pool has.
    let bad = |base, quote| Curve::new(&market(2, 100), 2, Rate::new(3_000), Amount::new(base), Amount::new(quote));
    assert_eq!((bad(0, 5), bad(5, 0), bad(-1, 5)), (None, None, None));
    assert_eq!(Curve::new(&market(3, 100), 2, Rate::new(3_000), Amount::new(5), Amount::new(5)), None);
}

/// A sale in two parts: the second gets a part of the fee that the first left in the pool, and no more.
#[test]
fn a_sale_in_parts_gets_a_part_of_its_own_fee_back() {
    let pool = Small { base: 1_000, quote: 13_924_709_928, extra: 1, tick_quote: 1, fee: PoolFee::OneBasisPoint };
    let sell = |pool: &Small, count| pool.curve().trade(Side::Sell, any_price(Side::Sell), lots(count)).expect("sold");
    let whole = sell(&pool, 2).quote_usd.get();
    let first = sell(&pool, 1);
    let parts = first.quote_usd.get() + sell(&pool.after(Side::Sell, &first), 1).quote_usd.get();
    let fee = first.quote_usd.get() / 10_000;
    assert!((1..fee).contains(&(parts - whole)), "{parts} in parts, {whole} at once, a fee of {fee}");
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_trade_is_exact_within_its_bound_and_never_lowers_the_product(
        pool in small(), side in side(), away in -3_000i64..3_000, wanted in 1i128..5_000,
    ) {
        let curve = pool.curve();
        let tick = pool.tick_quote * 100;
        let Some(first) = curve.price(side) else { return Ok(()) };
        prop_assume!(first.get() < i64::MAX / 2);
        let bound_ticks = (first.get() / tick + away).max(1);
        let bound = Price::new(bound_ticks * tick);
        let reaches = |price: Price| if side == Side::Buy { price <= bound } else { price >= bound };
        let Some(trade) = curve.trade(side, bound, lots(wanted)) else {
            prop_assert!(!reaches(first), "the first lot at {first} is within {bound}");
            return Ok(());
        };
        prop_assert!(reaches(first) && reaches(trade.price));
        prop_assert_eq!(trade.price.get() % tick, 0);
        let count = i128::from(trade.lots.get());
        prop_assert!((1..=wanted).contains(&count));
        prop_assert_eq!(trade.quote_usd.get(), i128::from(trade.price.get()) / 100 * count);
        // Never better than the first lot, nor than what the curve says before any lot.
        let marginal = match side {
            Side::Buy => {
                prop_assert!(trade.price >= first);
                trade.quote_usd.get() * pool.kept() * pool.base >= pool.quote * count * pool.lot() * WHOLE
            }
            Side::Sell => {
                prop_assert!(trade.price <= first);
                trade.quote_usd.get() * WHOLE * pool.base <= pool.quote * count * pool.lot() * pool.kept()
            }
        };
        prop_assert!(marginal);
        // The curve's own amount, and less than a tick per lot beyond it.
        let (top, bottom) = pool.exact(side, count);
        let rounded = i128::from(pool.tick_quote) * count;
        match side {
            Side::Buy => {
                prop_assert!(trade.quote_usd.get() * bottom >= top);
                prop_assert!((trade.quote_usd.get() - rounded - 1) * bottom < top);
            }
            Side::Sell => {
                prop_assert!(trade.quote_usd.get() * bottom <= top);
                prop_assert!((trade.quote_usd.get() + rounded + 1) * bottom > top);
            }
        }
        let after = pool.after(side, &trade);
        prop_assert!(after.base > 0 && after.quote > 0);
        prop_assert!(after.base * after.quote >= pool.base * pool.quote);
    }

    /// As many lots as have prices of their own within the bound, found by looking at one after the other.
    #[test]
    fn a_trade_takes_every_lot_within_its_bound(
        pool in small(), side in side(), away in 0i64..400, wanted in 1i128..400,
    ) {
        let curve = pool.curve();
        let tick = pool.tick_quote * 100;
        let Some(first) = curve.price(side) else { return Ok(()) };
        prop_assume!(first.get() < i64::MAX / 2);
        let ticks = match side {
            Side::Buy => first.get() / tick + away,
            Side::Sell => (first.get() / tick - away).max(1),
        };
        let trade = curve.trade(side, Price::new(ticks * tick), lots(wanted)).expect("the first lot is within");
        let found = i128::from(trade.lots.get());
        let exact = (1..=wanted).take_while(|number| pool.is_within(side, *number, i128::from(ticks))).count() as i128;
        // Rounding against the taker may cost one lot at the very edge.
        prop_assert!(found <= exact && exact <= found + 1, "{found} lots, {exact} by fractions");
    }

    #[test]
    fn splitting_saves_no_more_than_the_tick_and_the_fee_left_before(pool in small(), side in side(), one in 1i128..300, other in 1i128..300) {
        let all = |pool: &Small, count| pool.curve().trade(side, any_price(side), lots(count));
        let Some(whole) = all(&pool, one + other) else { return Ok(()) };
        if i128::from(whole.lots.get()) < one + other {
            return Ok(());
        }
        let first = all(&pool, one).expect("a part of it");
        prop_assume!(i128::from(first.lots.get()) == one);
        let Some(second) = all(&pool.after(side, &first), other) else { return Ok(()) };
        prop_assume!(i128::from(second.lots.get()) == other);
        let parts = first.quote_usd.get() + second.quote_usd.get();
        let (top, bottom) = pool.exact(side, one + other);
        let tick_of_all = i128::from(pool.tick_quote) * (one + other);
        match side {
            Side::Buy => {
                prop_assert!(parts * bottom >= top, "no way is cheaper than the curve");
                prop_assert!(whole.quote_usd.get() < parts + tick_of_all + 1);
            }
            Side::Sell => {
                // What the first part left as its fee is in the pool when the second sells to it.
                let fees_back = first.quote_usd.get() * (WHOLE - pool.kept()) / pool.kept() + 1;
                prop_assert!(parts * bottom <= top * WHOLE / pool.kept() + bottom, "no way brings more than the curve without its fee");
                prop_assert!(whole.quote_usd.get() > parts - tick_of_all - fees_back - 1);
            }
        }
    }

    #[test]
    fn going_there_and_back_never_pays(
        pool in small(), side in side(), count in 1i128..500, cuts in prop::collection::vec(1i128..200, 0..4),
    ) {
        let mut now = pool;
        let Some(there) = now.curve().trade(side, any_price(side), lots(count)) else { return Ok(()) };
        now = now.after(side, &there);
        let mut left = i128::from(there.lots.get());
        // Back in parts of any size.
        for part in cuts.into_iter().chain([i128::MAX]) {
            let wanted = part.min(left);
            if wanted == 0 {
                break;
            }
            let Some(back) = now.curve().trade(side.opposite(), any_price(side.opposite()), lots(wanted)) else { break };
            now = now.after(side.opposite(), &back);
            left -= i128::from(back.lots.get());
        }
        if left == 0 {
            prop_assert_eq!(now.base, pool.base);
            prop_assert!(now.quote >= pool.quote, "the round trip took {} from the pool", pool.quote - now.quote);
        }
    }
}
