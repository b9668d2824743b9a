use super::*;
use crate::market_math::value_floor_usd;
use palisade_types::ids::AssetId;
use proptest::prelude::*;

const SIZE_DECIMALS: u8 = 2;

fn position(lots: i64, cost: i128) -> PositionRecord {
    PositionRecord { position: Position::new(lots), entry_cost_usd: Usd::new(cost), funding_index: Default::default() }
}

fn terms(open_interest: u64, position: u64) -> DerivativeTerms {
    DerivativeTerms {
        underlying: AssetId::new(1),
        open_interest_maximum: Size::new(open_interest),
        position_maximum: Size::new(position),
        risk: Default::default(),
        expires_at_ms: None,
    }
}

/// Position (lots, cost) · side, lots, price in units · position afterwards and what is realised. Two size decimals.
#[test]
fn fills() {
    use Side::{Buy, Sell};
    for (name, before, (side, lots, at), after, realised) in [
        ("open long", (0, 0), (Buy, 3, 1_000), (3, 30), 0),
        ("open short", (0, 0), (Sell, 3, 1_000), (-3, -30), 0),
        ("add", (3, 30), (Buy, 2, 2_000), (5, 70), 0),
        ("close part with profit", (5, 70), (Sell, 2, 2_000), (3, 42), 12),
        ("close part, cost released rounded up", (3, 100), (Sell, 1, 3_400), (2, 66), 0),
        ("close part of a short, released rounded up", (-3, -100), (Buy, 1, 3_400), (-2, -67), -1),
        ("close all", (3, 100), (Sell, 3, 3_400), (0, 0), 2),
        ("close all at a loss", (-3, -100), (Buy, 3, 3_400), (0, 0), -2),
        ("turn to short", (3, 100), (Sell, 5, 3_400), (-2, -68), 2),
        ("turn to long", (-3, -100), (Buy, 4, 3_400), (1, 34), -2),
        ("nothing", (3, 100), (Buy, 0, 3_400), (3, 100), 0),
    ] {
        let effect = position(before.0, before.1)
            .after_fill(side, Price::new(at), Size::new(lots), SIZE_DECIMALS)
            .expect("in range");
        assert_eq!(effect.after, position(after.0, after.1), "{name}");
        assert_eq!(effect.realised_usd, Usd::new(realised), "{name}");
    }
}

#[test]
fn positions_past_i64_are_refused() {
    let most = position(i64::MAX, 0);
    assert_eq!(most.after_fill(Side::Buy, Price::new(100), Size::new(1), 2), Err(Rejection::Overflow));
    let least = position(i64::MIN, 0);
    assert_eq!(least.after_fill(Side::Sell, Price::new(100), Size::new(1), 2), Err(Rejection::Overflow));
    assert!(least.after_fill(Side::Buy, Price::new(100), Size::new(1 << 63), 2).is_ok());
}

#[test]
fn what_reduces() {
    use Side::{Buy, Sell};
    for (lots, side, open, wanted, cut, only) in [
        (5, Sell, 0, 3, 3, true),
        (5, Sell, 2, 3, 3, true),
        (5, Sell, 3, 3, 3, false),
        (5, Sell, 0, 9, 5, false),
        (5, Buy, 0, 1, 0, false),
        (-5, Buy, 0, 9, 5, false),
        (-5, Buy, 4, 1, 1, true),
        (0, Buy, 0, 1, 0, false),
        (5, Sell, u64::MAX, 1, 1, false),
    ] {
        let held = position(lots, 0);
        assert_eq!(reduce_only_cut(held, side, Size::new(wanted)), Size::new(cut), "{lots} {side:?} {wanted}");
        assert_eq!(
            only_reduces(held, side, Size::new(open), Size::new(wanted)),
            only,
            "{lots} {side:?} {open}+{wanted}"
        );
        let refusal = Rejection::ReduceOnlyWouldIncrease { position: Position::new(lots) };
        let expected = if cut == 0 { Err(refusal) } else { Ok(()) };
        assert_eq!(check_reduce_only(held, side), expected, "{lots} {side:?}");
    }
}

#[test]
fn position_caps() {
    use Side::{Buy, Sell};
    let cap = Err(Rejection::PositionCap { cap: Size::new(10) });
    for (lots, side, open, wanted, expected) in [
        (0, Buy, 0, 10, Ok(())),
        (0, Buy, 0, 11, cap.clone()),
        (0, Buy, 9, 2, cap.clone()),
        (-10, Buy, 0, 20, Ok(())),
        (-10, Buy, 0, 21, cap.clone()),
        (-10, Sell, 0, 1, cap.clone()),
        // Above a lowered cap an order may still go down or to the other side.
        (15, Sell, 0, 1, Ok(())),
        (15, Sell, 0, 25, Ok(())),
        (15, Buy, 0, 1, cap),
        (0, Buy, u64::MAX, 1, Err(Rejection::Overflow)),
    ] {
        let found = check_position_cap(&terms(100, 10), position(lots, 0), side, Size::new(open), Size::new(wanted));
        assert_eq!(found, expected, "{lots} {side:?} {open}+{wanted}");
    }
}

#[test]
fn smaller_on_the_same_side_is_a_reduction() {
    let cases = [
        (10, 5, true),
        (10, 0, true),
        (10, 10, false),
        (10, 11, false),
        (10, -1, false),
        (10, -9, false),
        (-10, -9, true),
        (-10, 1, false),
        (0, 0, false),
        (0, 1, false),
    ];
    for (before, after, expected) in cases {
        assert_eq!(reduces(Position::new(before), Position::new(after)), expected, "{before} to {after}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Fill {
    buyer: usize,
    seller: usize,
    lots: u64,
    ticks: i64,
}

fn fill() -> impl Strategy<Value = Fill> {
    (0usize..5, 1usize..5, 1u64..50, 1i64..400).prop_map(|(buyer, ahead, lots, ticks)| Fill {
        buyer,
        seller: (buyer + ahead) % 5,
        lots,
        ticks,
    })
}

/// What a naive bookkeeper knows of an account: cash in and out, lots, and the exact average cost as a fraction.
#[derive(Clone, Copy, Debug, Default)]
struct Naive {
    lots: i128,
    paid: i128,
    fills: i128,
    /// Cost of the open lots × 2^20, closed pro rata.
    exact_cost: i128,
}

impl Naive {
    fn trade(&mut self, signed: i128, tick_price: i128) {
        let before = self.lots;
        self.lots += signed;
        self.paid += signed * tick_price;
        self.fills += 1;
        let scaled = |units: i128| units << 20;
        if before == 0 || (before > 0) == (signed > 0) {
            self.exact_cost += scaled(signed * tick_price);
        } else if self.lots == 0 || (self.lots > 0) == (before > 0) {
            self.exact_cost = self.exact_cost * self.lots / before;
        } else {
            self.exact_cost = scaled(self.lots * tick_price);
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(500))]

    /// The ledger identity, I2, exact cash accounting per account, and a cost near the exact average.
    #[test]
    fn costs_and_clearing_cancel(fills in prop::collection::vec(fill(), 1..120)) {
        let mut positions = [PositionRecord::default(); 5];
        let mut realised = [0i128; 5];
        let mut naive = [Naive::default(); 5];
        for Fill { buyer, seller, lots, ticks } in fills {
            let at = Price::new(ticks * 100);
            for (who, side) in [(buyer, Side::Buy), (seller, Side::Sell)] {
                let before = positions[who];
                let effect = before.after_fill(side, at, Size::new(lots), SIZE_DECIMALS).expect("in range");
                positions[who] = effect.after;
                realised[who] += effect.realised_usd.get();
                naive[who].trade(signed_lots(side, Size::new(lots)), i128::from(ticks));
            }
            let clearing = -realised.iter().sum::<i128>();
            let cost: i128 = positions.iter().map(|held| held.entry_cost_usd.get()).sum();
            prop_assert_eq!(cost + clearing, 0);
            prop_assert_eq!(positions.iter().map(|held| i128::from(held.position.get())).sum::<i128>(), 0);
            for who in 0..5 {
                let (held, model) = (positions[who], naive[who]);
                prop_assert_eq!(i128::from(held.position.get()), model.lots);
                prop_assert_eq!(held.entry_cost_usd.get() - realised[who], model.paid, "cash is exact");
                let drift = (held.entry_cost_usd.get() << 20) - model.exact_cost;
                prop_assert!(drift.abs() <= (model.fills + 1) << 20, "cost {held:?} strays from {model:?}");
                prop_assert!(held.entry_cost_usd.is_zero() || (held.entry_cost_usd.get() > 0) == (model.lots > 0));
                prop_assert!(model.lots != 0 || held.is_empty() && held.entry_cost_usd.is_zero());
                let value = value_floor_usd(at, model.lots, SIZE_DECIMALS).expect("in range").get();
                prop_assert_eq!(value, model.lots * i128::from(ticks), "on the tick, value is exact");
            }
        }
    }

    /// The closed form of the open-interest cut is the brute-force maximum.
    #[test]
    fn open_interest_cut_is_the_most_that_fits(
        buyer in -6i64..7, seller in -6i64..7, others in 0u64..8, cap in 0u64..16, lots in 1u64..20,
    ) {
        let longs = |b: i64, s: i64| others + b.max(0) as u64 + s.max(0) as u64;
        let before = longs(buyer, seller);
        let allowed = |q: u64| {
            let after = longs(buyer + q as i64, seller - q as i64);
            after <= cap.max(before)
        };
        let most = (0..=lots).rev().find(|q| allowed(*q)).expect("nothing is always allowed");
        let cut = open_interest_cut(
            &terms(cap, 100), u128::from(before), position(buyer, 0), position(seller, 0), Size::new(lots),
        );
        prop_assert_eq!(cut.get(), most);
    }
}
