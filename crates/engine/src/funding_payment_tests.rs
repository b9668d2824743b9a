use super::*;
use palisade_types::{
    numbers::{Position, Price, Size},
    order::Side,
};
use proptest::prelude::*;

const PEOPLE: usize = 4;
const SIZE_DECIMALS: u8 = 2;

fn position(lots: i64, cost: i128, index: i64) -> PositionRecord {
    PositionRecord {
        position: Position::new(lots),
        entry_cost_usd: Usd::new(cost),
        funding_index: FundingIndex::new(index),
    }
}

/// Lots, funding index, index of the market · owed.
#[test]
fn what_is_owed() {
    for (lots, from, to, owed) in [
        (0, 5, 9, 0),
        (3, 5, 5, 0),
        (3, 5, 9, 12),
        (-3, 5, 9, -12),
        (3, 9, 5, -12),
        (-3, -5, 5, -30),
        (i64::MAX, 0, i64::MAX, i128::from(i64::MAX) * i128::from(i64::MAX)),
    ] {
        let held = position(lots, 7, from);
        assert_eq!(held.funding_owed_usd(FundingIndex::new(to)), Ok(Usd::new(owed)), "{lots} {from} {to}");
        let seen = held.with_owed_funding(FundingIndex::new(to)).expect("in range");
        assert_eq!(seen, position(lots, 7 + owed, to), "margin sees it as cost");
        let paid = OwedFunding::of(held, FundingIndex::new(to)).expect("in range");
        assert_eq!(paid.paid(), position(lots, 7, to), "paying leaves the cost alone");
    }
    let farthest = position(i64::MIN, -1, i64::MIN);
    assert!(farthest.funding_owed_usd(FundingIndex::MAX).is_ok(), "no position is too large to owe");
    let costly = position(1, i128::MAX, 0).with_owed_funding(FundingIndex::new(1));
    assert_eq!(costly, Err(Rejection::Overflow));
}

/// What happens in the model.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// The index moves.
    Hour(i64),
    /// Two people trade.
    Fill { buyer: usize, seller: usize, lots: u64, price: i64 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (-1_000_000i64..1_000_000).prop_map(Happening::Hour),
        (0..PEOPLE, 1..PEOPLE, 1u64..1_000, 1i64..1_000).prop_map(|(buyer, other, lots, price)| {
            let seller = (buyer + other) % PEOPLE;
            Happening::Fill { buyer, seller, lots, price: price * 100 }
        }),
    ]
}

/// One person, kept twice.
#[derive(Clone, Copy, Debug, Default)]
struct Person {
    /// As the engine does: funding is paid when the position is touched.
    lazy: PositionRecord,
    lazy_cash: i128,
    /// Everybody pays every hour.
    eager: PositionRecord,
    eager_cash: i128,
}

impl Person {
    fn trade(&mut self, side: Side, lots: u64, price: i64, index: i64) -> (i128, i128) {
        let (lots, price) = (Size::new(lots), Price::new(price));
        let owed = OwedFunding::of(self.lazy, FundingIndex::new(index)).expect("in range");
        let lazy = owed.paid().after_fill(side, price, lots, SIZE_DECIMALS).expect("in range");
        let eager = self.eager.after_fill(side, price, lots, SIZE_DECIMALS).expect("in range");
        assert_eq!(lazy.realised_usd, eager.realised_usd, "funding does not touch what a trade realises");
        self.lazy = lazy.after;
        self.eager = eager.after;
        let paid = lazy.realised_usd.get() - owed.amount_usd.get();
        self.lazy_cash += paid;
        self.eager_cash += eager.realised_usd.get();
        (paid, eager.realised_usd.get())
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(500))]

    /// Whenever positions pay, everybody is worth what they would be had all paid every hour, to the unit, and the market
    /// balances.
    #[test]
    fn paying_late_is_paying_every_hour(happenings in prop::collection::vec(happening(), 1..80)) {
        let mut people = [Person::default(); PEOPLE];
        let (mut index, mut clearing) = (0i64, 0i128);
        for happening in happenings {
            match happening {
                Happening::Hour(step) => {
                    index += step;
                    for person in &mut people {
                        person.eager_cash -= i128::from(person.eager.position.get()) * i128::from(step);
                    }
                }
                Happening::Fill { buyer, seller, lots, price } => {
                    for (who, side) in [(buyer, Side::Buy), (seller, Side::Sell)] {
                        let (paid, _) = people[who].trade(side, lots, price, index);
                        clearing -= paid;
                    }
                }
            }
            let mut balance = clearing;
            for person in &people {
                let owed = person.lazy.funding_owed_usd(FundingIndex::new(index)).expect("in range").get();
                prop_assert_eq!(person.lazy_cash - owed, person.eager_cash);
                prop_assert_eq!(person.lazy.position, person.eager.position);
                prop_assert_eq!(person.lazy.entry_cost_usd, person.eager.entry_cost_usd);
                balance += person.lazy.entry_cost_usd.get() + owed;
            }
            prop_assert_eq!(balance, 0, "costs + owed funding + clearing");
        }
    }
}
