//! Reading what `scripts/tables.py` computed with 60 digits.

/// The rows of a file under `tests/reference`, as integers.
pub fn rows<const COLUMNS: usize>(text: &str) -> Vec<[i128; COLUMNS]> {
    let rows: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| {
            let numbers: Vec<i128> = line.split(',').map(|number| number.parse().expect("an integer")).collect();
            numbers.try_into().expect("a number for each column")
        })
        .collect();
    assert!(rows.len() >= 100, "only {} references", rows.len());
    rows
}

/// What `count` in 1e-18 is more than `expected` in 1e-24, in 1e-18.
pub fn excess_e18(count: i128, expected_e24: i128) -> f64 {
    let whole = expected_e24 / 1_000_000;
    (count - whole) as f64 - (expected_e24 % 1_000_000) as f64 / 1e6
}
