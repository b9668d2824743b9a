//! What option mathematics costs on one core, beside the same in floating point by `implied-vol`, an implementation of
//! Jäckel's "Let's be rational". Bounds that the project sets itself are in the names.

#[path = "../../engine/benches/clock/mod.rs"]
mod clock;

use clock::ThreadTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility, PriceBlackScholes};
use palisade_pricing::{Fixed, OptionKind, OptionTerms, Volatility};
use palisade_types::numbers::Price;
use std::hint::black_box;

/// An option, what it is valued at, and both as floating point.
struct Case {
    terms: OptionTerms,
    volatility: Volatility,
    price: Fixed,
    forward: f64,
    strike: f64,
    years: f64,
    volatility_float: f64,
    price_float: f64,
}

/// Options out of the money by up to three standard deviations on both sides, an hour to a year, 20 to 150 % volatility.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for index in 0..1024u64 {
        let part = |stride: u64| (index * stride % 1021) as f64 / 1021.0;
        let forward = 50_000.0 + 60_000.0 * part(7);
        let years = (1.0 / 8760.0) * 8760f64.powf(part(331));
        let volatility_float = 0.2 + 1.3 * part(89);
        let strike = (forward * (volatility_float * years.sqrt() * (6.0 * part(577) - 3.0)).exp()).round();
        let kind = if strike > forward { OptionKind::Call } else { OptionKind::Put };
        let terms = OptionTerms {
            kind,
            forward: Price::new((forward * 1e8) as i64),
            strike: Price::new((strike * 1e8) as i64),
            time_ms: (years * 31_536e6) as u64,
        };
        let volatility = Volatility::new((volatility_float * 1e12) as u64);
        let price = terms.price(volatility).expect("a price");
        let price_float = price.get() as f64 / 1e18;
        cases.push(Case { terms, volatility, price, forward, strike, years, volatility_float, price_float });
    }
    cases
}

fn group<'a>(criterion: &'a mut Criterion<ThreadTime>, name: &str, elements: usize) -> BenchmarkGroup<'a, ThreadTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(elements as u64));
    group
}

fn price_float(case: &Case) -> f64 {
    PriceBlackScholes::builder()
        .forward(case.forward)
        .strike(case.strike)
        .volatility(case.volatility_float)
        .expiry(case.years)
        .is_call(case.terms.kind == OptionKind::Call)
        .build()
        .expect("valid")
        .calculate::<DefaultSpecialFn>()
}

fn options(criterion: &mut Criterion<ThreadTime>) {
    let cases = cases();
    let mut prices = group(criterion, "option price (bound 0.15 µs)", cases.len());
    prices.bench_function("palisade", |bencher| {
        bencher.iter(|| cases.iter().map(|case| black_box(&case.terms).price(case.volatility).expect("a price").get()).max())
    });
    prices.bench_function("limit: implied-vol's price", |bencher| {
        bencher.iter(|| cases.iter().map(|case| price_float(black_box(case))).fold(0.0, f64::max))
    });
    prices.finish();
    let mut greeks = group(criterion, "option price and greeks (bound 0.4 µs)", cases.len());
    greeks.bench_function("palisade", |bencher| {
        bencher.iter(|| cases.iter().map(|case| black_box(&case.terms).greeks(case.volatility).expect("greeks").rho).max())
    });
    greeks.bench_function("limit: implied-vol's price alone", |bencher| {
        bencher.iter(|| cases.iter().map(|case| price_float(black_box(case))).fold(0.0, f64::max))
    });
    greeks.finish();
    let mut implied = group(criterion, "implied volatility (bound 1 µs)", cases.len());
    implied.bench_function("palisade", |bencher| {
        bencher.iter(|| {
            cases.iter().map(|case| black_box(&case.terms).implied_volatility(case.price).expect("a volatility")).max()
        })
    });
    implied.bench_function("limit: implied-vol", |bencher| {
        bencher.iter(|| {
            let volatility = |case: &Case| {
                ImpliedBlackVolatility::builder()
                    .option_price(case.price_float)
                    .forward(case.forward)
                    .strike(case.strike)
                    .expiry(case.years)
                    .is_call(case.terms.kind == OptionKind::Call)
                    .build()
                    .expect("valid")
                    .calculate::<DefaultSpecialFn>()
                    .expect("a volatility")
            };
            cases.iter().map(|case| volatility(black_box(case))).fold(0.0, f64::max)
        })
    });
    implied.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ThreadTime);
    targets = options
}
criterion_main!(benches);
