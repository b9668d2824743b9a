use super::*;
use proptest::prelude::*;

/// Every price at which the least payoff can lie by itself: quadratic, and plain.
fn worst_of_each(legs: &[MarkedLeg]) -> Result<i128, PricingError> {
    let mut worst = None;
    for settled in std::iter::once(Price::ZERO).chain(legs.iter().map(|leg| leg.strike)) {
        let mut payoff = 0i128;
        for leg in legs {
            let gain = match leg.kind {
                OptionKind::Call => settled.get().saturating_sub(leg.strike.get()),
                OptionKind::Put => leg.strike.get().saturating_sub(settled.get()),
            };
            let unit = Fixed::from_price(Price::new(gain.max(0))).get();
            payoff = add(payoff, times(unit, leg.lots as i128)?)?;
        }
        worst = Some(worst.map_or(payoff, |least: i128| least.min(payoff)));
    }
    Ok(worst.unwrap_or(0))
}

/// Calls and puts, in no order and with strikes in common.
fn any_leg(strikes: impl Strategy<Value = i64>) -> impl Strategy<Value = MarkedLeg> {
    let kind = prop_oneof![Just(OptionKind::Call), Just(OptionKind::Put)];
    (kind, strikes, -1_000_000i64..1_000_000).prop_map(|(kind, strike, lots)| MarkedLeg {
        kind,
        strike: Price::new(strike),
        mark: Fixed::ZERO,
        lots,
    })
}

proptest! {
    #[test]
    fn a_sweep_finds_what_every_price_by_itself_does(
        few in proptest::collection::vec(any_leg((1i64..12).prop_map(|step| step * 50_000_000_000)), 0..40),
        any in proptest::collection::vec(any_leg(1i64..1_000_000_000_000_000), 0..12),
    ) {
        for legs in [&few, &any] {
            prop_assert!(worst_of_each(legs).is_ok());
            prop_assert_eq!(worst_payoff(legs), worst_of_each(legs));
        }
        let both = [few, any].concat();
        prop_assert_eq!(worst_payoff(&both), worst_of_each(&both));
    }
}

/// What leaves the range is refused, whether a product or a sum does.
#[test]
fn a_payoff_out_of_range_is_an_error() {
    let leg = |kind, lots| MarkedLeg { kind, strike: Price::new(i64::MAX), mark: Fixed::ZERO, lots };
    assert_eq!(worst_payoff(&[leg(OptionKind::Put, -1_000_000)]), worst_of_each(&[leg(OptionKind::Put, -1_000_000)]));
    for legs in [vec![leg(OptionKind::Put, i64::MIN)], vec![leg(OptionKind::Put, i64::MIN); 4]] {
        assert_eq!(worst_payoff(&legs), Err(OUT_OF_RANGE));
    }
    let call = MarkedLeg { strike: Price::new(1), ..leg(OptionKind::Call, i64::MIN) };
    let far = leg(OptionKind::Call, 1);
    assert_eq!(worst_payoff(&[call, far]), Err(OUT_OF_RANGE));
}
