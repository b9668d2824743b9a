use super::*;

#[test]
fn prices_round_to_significant_figures_away_from_the_other_side() {
    let check = |price: &str, figures: u32, mantissa: i64, down: &str, up: &str| {
        let price: Price = price.parse().expect("a price");
        assert_eq!(rounded(price, figures, mantissa, false).to_string(), down, "{price} down");
        assert_eq!(rounded(price, figures, mantissa, true).to_string(), up, "{price} up");
    };
    check("59123.4", 5, 1, "59123", "59124");
    check("59123.4", 2, 1, "59000", "60000");
    check("59123.4", 5, 5, "59120", "59125");
    check("59000", 5, 1, "59000", "59000");
    check("0.00123456", 3, 1, "0.00123", "0.00124");
    check("99.9", 2, 1, "99", "100");
    check("1", 5, 2, "1", "1");
}

#[test]
fn levels_of_one_rounded_price_become_one() {
    let level =
        |price: &str, size: u64| BookLevel { price: price.parse().expect("a price"), size: Size::new(size), orders: 1 };
    let joined = put_together(&[level("100.4", 1), level("100.1", 2), level("99.9", 3)], 3, 1, false);
    let shown: Vec<_> = joined.iter().map(|level| (level.price.to_string(), level.size.get(), level.orders)).collect();
    assert_eq!(shown, [("100".to_owned(), 3, 2), ("99.9".to_owned(), 3, 1)]);
}
