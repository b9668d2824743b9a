use super::*;
use palisade_types::{ids::AssetId, market::OptionKind, time::TimeMs};

/// Forward · lots of a tenth · premium · rate · fee: a part of the forward's value, at most an eighth of the premium, rounded up.
#[test]
fn fees_of_options() {
    let contract = OptionContract {
        underlying: AssetId::new(1),
        expires_at_ms: TimeMs::new(1),
        strike: Price::ZERO,
        right: OptionKind::Call,
        fee_share_maximum: Rate::new(125_000),
    };
    for (forward, lots, quote, rate, expected) in [
        ("60000", 10, "1000", 300, "18"),
        ("60000", 10, "100", 300, "12.5"),
        ("60000", 1, "0.00000001", 300, "0.00000001"),
        ("60000", 10, "1000", 0, "0"),
        ("0.00000001", 1, "1000", 1, "0.00000001"),
    ] {
        let quote: Usd = quote.parse().expect("an amount");
        let forward: Price = forward.parse().expect("a price");
        let fee = option_fee_usd(&contract, forward, 1, quote, Size::new(lots), Rate::new(rate));
        assert_eq!(fee.map(|fee| fee.to_string()), Ok(expected.to_owned()), "{forward} {lots} {quote} {rate}");
    }
}
