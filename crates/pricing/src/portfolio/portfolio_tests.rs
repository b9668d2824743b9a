use super::{
    scenario::{GRID, PPM, SCENARIOS, TAIL_PRODUCT_PPM, VolatilityMove, VolatilityShock},
    standard::{MarkedLeg, requirement},
    *,
};
use crate::{
    PricingError,
    black::{OptionKind, OptionTerms, YEAR_MS},
    fixed::{Fixed, Volatility},
};
use palisade_types::numbers::{Price, Usd};
use proptest::prelude::*;

const DAY_MS: u64 = 86_400_000;
const ONE: Price = Price::new(100_000_000);
const SIZE_DECIMALS: u8 = 3;
const SPOT: i64 = 100_000 * 100_000_000;

fn expiries() -> Vec<Expiry> {
    [1, 7, 30, 90, 365]
        .map(|days| Expiry { forward: Price::new(SPOT / 1000 * (1000 + days as i64 / 10)), time_ms: days * DAY_MS })
        .to_vec()
}

fn margin(linear: &[LinearLeg], options: &[OptionLeg]) -> PortfolioMargin {
    let expiries = expiries();
    Portfolio { size_decimals: SIZE_DECIMALS, expiries: &expiries, linear, options }.margin(ONE).expect("a margin")
}

fn option(expiry: usize, kind: OptionKind, percent: i64, lots: i64) -> OptionLeg {
    let strike = Price::new(SPOT / 100 * percent);
    OptionLeg { expiry, kind, strike, volatility: Volatility::new(600_000_000_000), lots }
}

fn any_option(lots: impl Strategy<Value = i64>) -> impl Strategy<Value = OptionLeg> {
    let kind = prop_oneof![Just(OptionKind::Call), Just(OptionKind::Put)];
    (0usize..5, kind, 20i64..400, lots, 200u64..2_000).prop_map(|(expiry, kind, percent, lots, per_mille)| OptionLeg {
        volatility: Volatility::new(per_mille * 1_000_000_000),
        ..option(expiry, kind, percent, lots)
    })
}

fn any_linear() -> impl Strategy<Value = LinearLeg> {
    (proptest::option::of(0usize..5), -50_000i64..50_000).prop_map(|(expiry, lots)| LinearLeg {
        expiry,
        price: Price::new(SPOT),
        lots,
    })
}

fn any_portfolio() -> impl Strategy<Value = (Vec<LinearLeg>, Vec<OptionLeg>)> {
    (proptest::collection::vec(any_linear(), 0..3), proptest::collection::vec(any_option(-50_000i64..50_000), 0..6))
}

#[test]
fn the_grid_is_that_of_the_rules() {
    assert_eq!(GRID.len(), SCENARIOS);
    let core = GRID.iter().filter(|scenario| scenario.weight_ppm == PPM).count();
    assert_eq!(core, 27);
    for tail in &GRID[core..] {
        let product = tail.move_ppm.abs() * tail.weight_ppm / PPM;
        assert!(tail.volatility == VolatilityMove::Up && (TAIL_PRODUCT_PPM - 1..=TAIL_PRODUCT_PPM).contains(&product));
    }
    let weights: Vec<i64> = GRID[core..].iter().map(|tail| tail.weight_ppm).collect();
    assert_eq!(weights, [210_000, 420_000, 277_200, 138_600, 69_300, 46_200, 34_650, 27_720]);
}

#[test]
fn volatility_moves_are_those_of_the_formula() {
    for (days, base) in [(0u64, 0.6f64), (1, 0.6), (7, 0.2), (30, 0.6), (31, 0.6), (365, 1.5)] {
        let shock = VolatilityShock::of(days * DAY_MS);
        let power = if days <= 30 { 0.30 } else { 0.13 };
        let factor = (30.0 / days.max(1) as f64).powf(power);
        let at = |direction| shock.apply(Volatility::new((base * 1e12) as u64), direction).get() as f64 / 1e12;
        assert!((at(VolatilityMove::Up) - (base + base.max(0.4) * 0.5 * factor)).abs() < 1e-8, "{days}");
        assert!((at(VolatilityMove::Down) - base * (1.0 - 0.3 * factor)).abs() < 1e-8, "{days}");
        assert_eq!(at(VolatilityMove::None), base);
    }
}

#[test]
fn a_leg_without_convexity_needs_the_edge_of_the_core() {
    for lots in [1_000, -1_000] {
        let leg = LinearLeg { expiry: None, price: Price::new(SPOT), lots };
        let margin = margin(&[leg], &[]);
        let usd = |dollars: i128| Usd::new(dollars * 100_000_000);
        assert_eq!(
            (margin.core_loss_usd, margin.initial_usd, margin.maintenance_usd),
            (usd(18_000), usd(18_000), usd(14_400))
        );
        assert_eq!(margin.naked_initial_usd, Usd::ZERO);
    }
}

/// What the results are made of, computed once more from single prices.
#[test]
fn results_are_those_of_single_prices() {
    let expiries = expiries();
    let legs = [
        option(0, OptionKind::Call, 103, -7_000),
        option(2, OptionKind::Put, 80, 11_000),
        option(4, OptionKind::Call, 300, -900),
    ];
    let future = LinearLeg { expiry: Some(1), price: expiries[1].forward, lots: 2_500 };
    let portfolio = Portfolio { size_decimals: SIZE_DECIMALS, expiries: &expiries, linear: &[future], options: &legs };
    let margin = portfolio.margin(ONE).expect("a margin");
    for (scenario, result) in GRID.iter().zip(&margin.results_usd) {
        let moved = 1.0 + scenario.move_ppm as f64 / 1e6;
        let mut expected = future.price.get() as f64 / 1e8 * (moved - 1.0) * future.lots as f64 / 1e3;
        for leg in &legs {
            let Expiry { forward, time_ms } = expiries[leg.expiry];
            let price = |forward: f64, volatility| {
                let forward = Price::new(forward.round() as i64);
                let terms = OptionTerms { kind: leg.kind, forward, strike: leg.strike, time_ms };
                terms.price(volatility).expect("a price").get() as f64 / 1e18
            };
            let shocked = VolatilityShock::of(time_ms).apply(leg.volatility, scenario.volatility);
            let forward = forward.get() as f64;
            expected += (price(forward * moved, shocked) - price(forward, leg.volatility)) * leg.lots as f64 / 1e3;
        }
        expected *= scenario.weight_ppm as f64 / 1e6;
        let result = result.get() as f64 / 1e8;
        assert!((result - expected).abs() < 1e-6, "{scenario:?}: {result} {expected}");
    }
}

#[test]
fn a_missing_peg_and_naked_shorts_cost_extra() {
    let expiries = expiries();
    let legs = [option(2, OptionKind::Call, 120, -1_000), option(2, OptionKind::Call, 130, 1_000)];
    let portfolio = |options| Portfolio { size_decimals: SIZE_DECIMALS, expiries: &expiries, linear: &[], options };
    let pegged = portfolio(&legs[..1]).margin(ONE).expect("a margin");
    let unit = i128::from(expiries[2].forward.get());
    assert_eq!(pegged.naked_initial_usd, Usd::new(unit * 5 / 1_000));
    assert_eq!(pegged.naked_maintenance_usd, Usd::new(unit * 3 / 1_000));
    // A long of another strike limits the loss, not the charge.
    let spread = portfolio(&legs).margin(ONE).expect("a margin");
    assert_eq!(spread.naked_initial_usd, pegged.naked_initial_usd);
    assert!(spread.initial_usd < pegged.initial_usd);
    // At 0.94 the loss counts 1 + 4 × 0.05 times.
    let broken = portfolio(&legs[..1]).margin(Price::new(94_000_000)).expect("a margin");
    let core = pegged.core_loss_usd.get();
    assert_eq!(broken.initial_usd.get() - broken.naked_initial_usd.get(), (core * 12 + 9) / 10);
    assert_eq!(broken.maintenance_usd, pegged.maintenance_usd);
}

#[test]
fn parting_forwards_and_a_turning_smile_cost_what_the_grid_does_not_see() {
    // A perpetual against a future: no scenario of the grid moves one without the other.
    let legs = [
        LinearLeg { expiry: None, price: Price::new(SPOT), lots: 1_000 },
        LinearLeg { expiry: Some(4), price: Price::new(SPOT), lots: -1_000 },
    ];
    let hedged = margin(&legs, &[]);
    assert!(hedged.results_usd.iter().all(|result| *result == Usd::ZERO));
    // (0.5 + min(2, 0.5 + 2 × 1)) × 4.5 % of 100,000 USD, the factor's product rounded up.
    let expected = 11_250 * 100_000_000;
    assert!((0..=2).contains(&(hedged.basis_loss_usd.get() - expected)), "{}", hedged.basis_loss_usd);
    assert_eq!(hedged.worst, WorstCase::Basis);
    // Short one wing, long the other, and the underlying against it: what is left is the skew.
    let reversal = [option(2, OptionKind::Call, 115, -10_000), option(2, OptionKind::Put, 87, 10_000)];
    assert!(margin(&[], &reversal).skew_loss_usd > Usd::ZERO);
}

#[test]
fn what_does_not_fit_is_refused() {
    let expiries = expiries();
    let portfolio = |options| Portfolio { size_decimals: SIZE_DECIMALS, expiries: &expiries, linear: &[], options };
    let unknown = [option(5, OptionKind::Call, 100, 1)];
    assert_eq!(portfolio(&unknown).margin(ONE), Err(PricingError::OutOfRange { what: "the place of an expiry" }));
    let huge = [OptionLeg { strike: Price::new(1), ..option(0, OptionKind::Call, 100, i64::MAX) }; 4];
    assert!(matches!(portfolio(&huge).margin(ONE), Err(PricingError::OutOfRange { .. })));
    let free = [OptionLeg { strike: Price::ZERO, ..option(0, OptionKind::Call, 100, 1) }];
    assert!(matches!(portfolio(&free).margin(ONE), Err(PricingError::NotPositive { .. })));
    let crowd = vec![option(0, OptionKind::Call, 100, 1); book::LEGS_MAX + 1];
    assert_eq!(portfolio(&crowd).margin(ONE), Err(PricingError::OutOfRange { what: "the number of legs" }));
    // Nor where the options are priced, as the engine has them.
    let terms = OptionTerms { kind: OptionKind::Call, forward: ONE, strike: ONE, time_ms: 1 };
    let risk = OptionRisk::of(&terms, Volatility::new(500_000_000_000)).expect("a price");
    let leg = PricedLeg { expiry: 0, kind: OptionKind::Call, strike: ONE, lots: 1, risk: &risk };
    let priced = vec![leg; book::LEGS_MAX + 1];
    let whole = portfolio(&crowd);
    let priced = PricedPortfolio { size_decimals: 2, expiries: whole.expiries, linear: &[], options: &priced };
    assert_eq!(priced.margin(ONE), Err(PricingError::OutOfRange { what: "the number of legs" }));
    assert_eq!(margin(&[], &[]).initial_usd, Usd::ZERO);
}

#[test]
fn outside_portfolio_mode_shorts_need_their_formula_and_spreads_their_width() {
    let expiries = [Expiry { forward: Price::new(SPOT), time_ms: YEAR_MS / 12 }];
    let needs = |options: &[OptionLeg]| {
        let portfolio = Portfolio { size_decimals: SIZE_DECIMALS, expiries: &expiries, linear: &[], options };
        let requirement = portfolio.expiry_requirement(0).expect("a requirement");
        (requirement.initial_usd.get() / 100_000_000, requirement.maintenance_usd.get() / 100_000_000)
    };
    // At the money 15 and 9 %; 1 % out 14 %; far out the least, 13 %.
    assert_eq!(needs(&[option(0, OptionKind::Call, 100, -1_000)]), (15_000, 9_000));
    assert_eq!(needs(&[option(0, OptionKind::Call, 101, -1_000)]), (14_000, 9_000));
    assert_eq!(needs(&[option(0, OptionKind::Call, 200, -1_000)]), (13_000, 9_000));
    assert_eq!(needs(&[option(0, OptionKind::Put, 98, -1_000)]), (13_000, 9_000));
    // A put worth 200,000 USD: 9 % of that, and 1.05 times for initial margin.
    let (initial, maintenance) = needs(&[option(0, OptionKind::Put, 300, -1_000)]);
    assert!(
        (18_000..=18_010).contains(&maintenance) && (18_900..=18_911).contains(&initial),
        "{initial} {maintenance}"
    );
    // A spread of 5,000 USD: at most its width, and no more than the formula.
    let spread = needs(&[option(0, OptionKind::Call, 100, -1_000), option(0, OptionKind::Call, 105, 1_000)]);
    assert!(spread.0 <= 5_000 && spread.0 == spread.1 && spread.0 > 2_000, "{spread:?}");
    // A long needs what it is worth; with calls short beyond it the rest is unpaired.
    let long = needs(&[option(0, OptionKind::Call, 100, 1_000)]);
    assert!((6_000..8_000).contains(&long.0) && long.0 == long.1, "{long:?}");
}

proptest! {

    /// A hedge never costs more than its legs, and the requirement follows the size.
    #[test]
    fn two_portfolios_together_need_at_most_both_alone(a in any_portfolio(), b in any_portfolio()) {
        let (one, other) = (margin(&a.0, &a.1), margin(&b.0, &b.1));
        let both = margin(&[a.0.clone(), b.0].concat(), &[a.1.clone(), b.1].concat());
        // One unit of rounding for each part.
        prop_assert!(both.initial_usd.get() <= one.initial_usd.get() + other.initial_usd.get() + 8);
        prop_assert!(both.maintenance_usd.get() <= one.maintenance_usd.get() + other.maintenance_usd.get() + 8);
        let twice = margin(&[a.0.clone(), a.0].concat(), &[a.1.clone(), a.1].concat());
        prop_assert!((twice.initial_usd.get() - 2 * one.initial_usd.get()).abs() <= 8);
    }

    /// Every tail that loses is covered, at its weight; maintenance is below initial.
    #[test]
    fn requirements_cover_every_scenario(portfolio in any_portfolio()) {
        let margin = margin(&portfolio.0, &portfolio.1);
        for result in &margin.results_usd {
            prop_assert!(margin.initial_usd.get() >= -result.get());
            prop_assert!(margin.maintenance_usd.get() * 10 >= -result.get() * 8);
        }
        prop_assert!(margin.maintenance_usd <= margin.initial_usd);
    }

    /// Among shorts of one kind, more of any never needs less; nor does an option more.
    #[test]
    fn more_short_never_needs_less(
        legs in proptest::collection::vec(any_option(-50_000i64..0), 1..6), more in 1i64..50_000, place in any::<usize>(),
        kind in prop_oneof![Just(OptionKind::Call), Just(OptionKind::Put)],
    ) {
        let legs: Vec<OptionLeg> = legs.into_iter().map(|leg| OptionLeg { kind, ..leg }).collect();
        let before = margin(&[], &legs);
        let mut grown = legs.clone();
        let place = place % grown.len();
        grown[place].lots -= more;
        let after = margin(&[], &grown);
        prop_assert!(after.initial_usd >= before.initial_usd && after.maintenance_usd >= before.maintenance_usd);
        let fewer = margin(&[], &legs[1..]);
        prop_assert!(fewer.initial_usd <= before.initial_usd && fewer.maintenance_usd <= before.maintenance_usd);
    }

    /// A short on top of any portfolio adds to it, but for what it hedges: never less than the worst of the scenarios says.
    #[test]
    fn a_short_adds_its_loss_to_every_scenario(portfolio in any_portfolio(), short in any_option(-50_000i64..0)) {
        let before = margin(&portfolio.0, &portfolio.1);
        let alone = margin(&[], &[short]);
        let after = margin(&portfolio.0, &[portfolio.1, vec![short]].concat());
        for place in 0..SCENARIOS {
            let sum = before.results_usd[place].get() + alone.results_usd[place].get();
            prop_assert!((after.results_usd[place].get() - sum).abs() <= 3);
            prop_assert!(after.initial_usd.get() >= -sum - 3);
        }
        prop_assert!(after.naked_initial_usd.get() + 2 >= before.naked_initial_usd.get());
    }

    /// Outside portfolio mode too, more short never needs less, and a hedge never more than its legs alone.
    #[test]
    fn isolated_shorts_are_monotone(
        legs in proptest::collection::vec(any_option(-50_000i64..50_000), 1..6), short in any_option(-50_000i64..0),
    ) {
        let expiries = expiries();
        let here = |leg: &OptionLeg| OptionLeg { expiry: 2, ..*leg };
        let legs: Vec<OptionLeg> = legs.iter().map(here).collect();
        let need = |options: &[OptionLeg]| {
            let portfolio = Portfolio { size_decimals: SIZE_DECIMALS, expiries: &expiries, linear: &[], options };
            portfolio.expiry_requirement(2).expect("a requirement")
        };
        let short = here(&short);
        let all = [&legs[..], &[short]].concat();
        let (alone, with) = (need(&[short]), need(&all));
        let sum: i128 = all.iter().map(|leg| need(&[*leg]).initial_usd.get()).sum();
        prop_assert!(with.initial_usd.get() <= sum + 4);
        let doubled = OptionLeg { lots: short.lots * 2, ..short };
        prop_assert!(need(&[doubled]).initial_usd >= alone.initial_usd);
        prop_assert!(alone.maintenance_usd <= alone.initial_usd);
    }

    /// Beside anything a short asks for no less beyond the value of all, which is what the engine asks for.
    #[test]
    fn a_short_beside_others_never_needs_less_beyond_the_value(
        legs in proptest::collection::vec((any::<bool>(), 20i64..400, 0i64..SPOT, -50_000i64..50_000), 1..7), short in 1i64..50_000,
    ) {
        let leg = |(is_call, percent, mark, lots): &(bool, i64, i64, i64)| MarkedLeg {
            kind: if *is_call { OptionKind::Call } else { OptionKind::Put },
            strike: Price::new(SPOT / 100 * percent),
            mark: Fixed::from_price(Price::new(*mark)),
            lots: *lots,
        };
        let mut legs: Vec<MarkedLeg> = legs.iter().map(leg).filter(|leg| leg.lots != 0).collect();
        prop_assume!(!legs.is_empty());
        let last = legs.len() - 1;
        legs[last].lots = -short;
        let before = requirement(Price::new(SPOT), SIZE_DECIMALS, &legs[..last]).expect("in range");
        let after = requirement(Price::new(SPOT), SIZE_DECIMALS, &legs).expect("in range");
        prop_assert!(after.initial_usd >= before.initial_usd, "{before:?} {after:?}");
        prop_assert!(after.maintenance_usd >= before.maintenance_usd, "{before:?} {after:?}");
    }

    /// Longs need nothing beyond what they are worth, whatever it is rounded to, and less by what they certainly pay.
    #[test]
    fn longs_need_nothing_beyond_what_they_are_worth(
        longs in proptest::collection::vec((any::<bool>(), 20i64..400, 0i64..SPOT, 1i64..50_000), 1..6), size_decimals in 0u8..6,
    ) {
        let leg = |(is_call, percent, mark, lots): &(bool, i64, i64, i64)| MarkedLeg {
            kind: if *is_call { OptionKind::Call } else { OptionKind::Put },
            strike: Price::new(SPOT / 100 * percent),
            mark: Fixed::from_price(Price::new(*mark)),
            lots: *lots,
        };
        let legs: Vec<MarkedLeg> = longs.iter().map(leg).collect();
        let needed = requirement(Price::new(SPOT), size_decimals, &legs).expect("in range");
        prop_assert_eq!(needed.initial_usd, needed.maintenance_usd);
        prop_assert!(needed.initial_usd <= Usd::ZERO, "{:?}", needed);
        if legs.iter().all(|leg| leg.kind == legs[0].kind) {
            prop_assert_eq!(needed.initial_usd, Usd::ZERO, "all may expire worthless");
        }
    }
}
