use super::*;
use crate::price::quote::consolidate;

const BTC: AssetId = AssetId::new(2);
const START: u64 = 1_760_000_000;

fn world(seed: u64) -> SyntheticWorld {
    let anchor: Price = "100000".parse().expect("a price");
    SyntheticWorld::new(seed, BTreeMap::from([(BTC, anchor)]))
}

fn price_at(world: &SyntheticWorld, second: u64) -> i64 {
    let now = TimeMs::new(second * 1_000 + 250);
    consolidate(&world.quotes(BTC, now), now, 2).expect("a synthetic price").get()
}

#[test]
fn the_same_seed_and_moment_make_the_same_quotes() {
    let now = TimeMs::new(START * 1_000);
    assert_eq!(world(7).quotes(BTC, now), world(7).quotes(BTC, now.saturating_add(999)));
    assert_ne!(world(7).quotes(BTC, now), world(8).quotes(BTC, now));
}

#[test]
fn an_asset_without_anchor_has_no_quotes() {
    assert!(world(1).quotes(AssetId::new(99), TimeMs::new(0)).is_empty());
}

#[test]
fn the_path_moves_and_stays_in_its_bounds() {
    let world = world(1);
    let prices: Vec<i64> = (0..5_000).map(|step| price_at(&world, START + step * 61)).collect();
    let anchor = 100_000i64 * 100_000_000;
    let (low, high) = (prices.iter().min().expect("prices"), prices.iter().max().expect("prices"));
    assert!(*low > anchor * 95 / 100 && *high < anchor * 105 / 100, "{low} {high}");
    assert!(high - low > anchor / 100, "the path hardly moves: {low} {high}");
}

#[test]
fn one_second_moves_the_price_by_less_than_a_tenth_of_a_percent() {
    let world = world(3);
    for second in START..START + 2_000 {
        let (before, after) = (price_at(&world, second), price_at(&world, second + 1));
        assert!((after - before).abs() < before / 1_000, "{before} to {after} at {second}");
    }
}
