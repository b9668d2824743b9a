use super::*;
use crate::{
    state::{IndexRecord, MarkRecord, Record, SettlementRecord},
    testing::{BTC, CORE, GENESIS_TIME, Venue, genesis, price},
};
use palisade_types::{
    market::{MarketKind, MarketSpec},
    numbers::{Rate, Size, Usd},
};

fn curve(points: &[(u64, i64)]) -> BasisCurve {
    BasisCurve { index: Price::new(1_000), points: points.to_vec() }
}

/// Points of the basis · time ahead · forward, with an index of 1000.
#[test]
fn forwards_lie_on_a_line_between_marks() {
    for (points, ahead_ms, expected) in [
        (vec![(0, 0)], 0, 1_000),
        (vec![(0, 7)], 1_000_000, 1_007),
        (vec![(0, 0), (100, 50)], 0, 1_000),
        (vec![(0, 0), (100, 50)], 50, 1_025),
        (vec![(0, 0), (100, 50)], 1, 1_000),
        (vec![(0, 0), (100, 50)], 100, 1_050),
        (vec![(0, 0), (100, 50)], 10_000, 1_050),
        (vec![(0, 10), (100, -50), (300, 50)], 50, 980),
        (vec![(0, 10), (100, -50), (300, 50)], 200, 1_000),
        // Rounded down, not towards zero.
        (vec![(0, 0), (3, -1)], 1, 999),
        (vec![(0, -5_000)], 0, 1),
    ] {
        let found = curve(&points).forward(ahead_ms).map(Price::get);
        assert_eq!(found, Ok(expected), "{points:?} {ahead_ms}");
    }
}

/// A future's converged mark went into the curve, so an option of the same expiry converged twice and other expiries were bent:
/// 60300 a quarter of an hour before the end of a window whose mean so far is 60000, with an index of 61200 since.
#[test]
fn a_future_in_its_window_speaks_with_its_free_mark() {
    const FUTURE: MarketId = MarketId::new(MarketId::FIRST_FUTURE);
    let expires_at_ms = GENESIS_TIME.saturating_add(3 * 3_600_000);
    let (ahead_ms, now) = (900_000, expires_at_ms.saturating_sub(900_000));
    let mut genesis = genesis();
    let kind = MarketKind::Future {
        underlying: BTC,
        expires_at_ms,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5_000),
        position_maximum: Size::new(3_000),
        risk: Default::default(),
    };
    genesis.markets.push(MarketSpec {
        id: FUTURE,
        symbol: "BTC-15NOV23".to_owned(),
        kind,
        ..genesis.markets[0].clone()
    });
    let mut venue = Venue::with(genesis);
    let index =
        IndexRecord { price: price("61200"), time_ms: now, sources: 4, slow_price: price("61200"), variance: 0 };
    let settlement = SettlementRecord {
        integral: 900_000 * i128::from(price("60000").get()),
        measured_ms: 900_000,
        measured_to_ms: now,
        free_mark: Some(price("61200")),
        ..SettlementRecord::first(&index, expires_at_ms, now)
    };
    let mark = MarkRecord {
        price: settlement.converged_mark(price("61200"), expires_at_ms, now).expect("in range"),
        time_ms: now,
        basis_average: 0,
        slow_price: price("61200"),
        volatility_fraction: Rate::ZERO,
        market_fraction: Rate::ZERO,
        depeg_addition: Rate::ZERO,
        depth_usd: Usd::ZERO,
    };
    assert_eq!(mark.price, price("60600"));
    venue.damage(Record::Index { id: BTC, record: index });
    venue.damage(Record::Settlement { id: FUTURE, record: settlement });
    venue.damage(Record::Mark { id: FUTURE, record: mark });
    let curve = BasisCurve::of(venue.state(), CORE, BTC, now).expect("there is an index");
    let free = curve.forward(ahead_ms).expect("in range");
    assert_eq!(settlement.converged_mark(free, expires_at_ms, now), Ok(mark.price), "as the future's own mark");
    for other_ms in [0, ahead_ms / 2, 10 * ahead_ms] {
        assert_eq!(curve.forward(other_ms), Ok(price("61200")), "{other_ms}");
    }
}
