use super::*;

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
