//! What option mathematics costs on one core, beside the same in floating point by `implied-vol`, an implementation of
//! Jäckel's "Let's be rational". Bounds that the project sets itself are in the names.

#[path = "../../engine/benches/clock/mod.rs"]
mod clock;

use clock::ThreadTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility, PriceBlackScholes};
use palisade_pricing::{
    Fixed, OptionKind, OptionTerms, Q57, Volatility,
    portfolio::{Expiry, LinearLeg, OptionLeg, Portfolio, scenario::SCENARIOS},
    surface::{ExpiryQuotes, Quote, SurfaceTerms, refit},
};
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
        bencher.iter(|| {
            cases.iter().map(|case| black_box(&case.terms).price(case.volatility).expect("a price").get()).max()
        })
    });
    prices.bench_function("limit: implied-vol's price", |bencher| {
        bencher.iter(|| cases.iter().map(|case| price_float(black_box(case))).fold(0.0, f64::max))
    });
    prices.finish();
    let mut greeks = group(criterion, "option price and greeks (bound 0.4 µs)", cases.len());
    greeks.bench_function("palisade", |bencher| {
        bencher
            .iter(|| cases.iter().map(|case| black_box(&case.terms).greeks(case.volatility).expect("greeks").rho).max())
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

/// 50 options over 10 expiries and two linear legs.
fn portfolios(criterion: &mut Criterion<ThreadTime>) {
    let spot = 100_000 * 100_000_000;
    let expiries: Vec<Expiry> =
        (0..10u64).map(|place| Expiry { forward: Price::new(spot), time_ms: 86_400_000 << place }).collect();
    let options: Vec<OptionLeg> = (0..50usize)
        .map(|place| OptionLeg {
            expiry: place / 5,
            kind: if place % 2 == 0 { OptionKind::Call } else { OptionKind::Put },
            strike: Price::new(spot / 100 * (70 + 13 * (place as i64 % 5))),
            volatility: Volatility::new(500_000_000_000 + 1_000_000_000 * place as u64),
            lots: (place as i64 - 25) * 1_000,
        })
        .collect();
    let linear = [None, Some(3)].map(|expiry| LinearLeg { expiry, price: Price::new(spot), lots: 5_000 });
    let portfolio = Portfolio { size_decimals: 3, expiries: &expiries, linear: &linear, options: &options };
    let mut group = group(criterion, "portfolio margin of 50 options (bound 150 µs)", 1);
    group.bench_function("palisade", |bencher| {
        bencher.iter(|| black_box(&portfolio).margin(Price::new(100_000_000)).expect("a margin"))
    });
    let cases = cases();
    group.bench_function("limit: 50 × 35 of implied-vol's prices", |bencher| {
        bencher.iter(|| {
            cases.iter().cycle().take(50 * SCENARIOS).map(|case| price_float(black_box(case))).fold(0.0, f64::max)
        })
    });
    group.finish();
}

/// Eight expiries of 40 quotes whose smile has moved since the last surface.
fn surfaces(criterion: &mut Criterion<ThreadTime>) {
    let smile = |place: usize, shift: f64| -> (u64, Vec<Quote>) {
        let time_ms = 86_400_000u64 << place;
        let root = (time_ms as f64 / 31_536e6).sqrt();
        let quote = |strike: usize| {
            let z = 2.4 * strike as f64 / 39.0 - 1.2;
            let volatility =
                shift + 0.05 * ((z + 0.1).powi(2) + 0.16).sqrt() - 0.02 * z + 0.003 * ((strike * 7 % 5) as f64 - 2.0);
            Quote {
                log_moneyness: Q57::new((z * root * 2f64.powi(57)) as i64),
                volatility: Volatility::new((volatility * 1e12) as u64),
                weight: 1 + strike as u32 % 4,
            }
        };
        (time_ms, (0..40).map(quote).collect())
    };
    let terms = SurfaceTerms { band: Volatility::new(20_000_000_000), default: Volatility::new(600_000_000_000) };
    let books = |shift: f64| -> Vec<(u64, Vec<Quote>)> { (0..8).map(|place| smile(place, shift)).collect() };
    let inputs = |books: &[(u64, Vec<Quote>)], last: &[palisade_pricing::surface::Slice]| -> Vec<_> {
        let last = |place: usize| last.get(place).copied();
        let of = |(place, (time_ms, quotes)): (usize, &(u64, Vec<Quote>))| (*time_ms, last(place), quotes.clone());
        books.iter().enumerate().map(of).collect()
    };
    let run = |inputs: &[(u64, Option<palisade_pricing::surface::Slice>, Vec<Quote>)]| {
        let expiries: Vec<ExpiryQuotes<'_>> = inputs
            .iter()
            .map(|(time_ms, last, quotes)| ExpiryQuotes { time_ms: *time_ms, last: *last, quotes })
            .collect();
        refit(&expiries, &terms).expect("a surface")
    };
    let first = run(&inputs(&books(0.5), &[]));
    // The band of 2 points stops a smile that is 5 points higher: the line search runs for every expiry.
    let moved = inputs(&books(0.55), &first);
    let mut group = group(criterion, "surface of 8 expiries × 40 quotes (bound 2 ms)", 1);
    group.bench_function("palisade", |bencher| bencher.iter(|| run(black_box(&moved))));
    let cases = cases();
    group.bench_function("limit: implied-vol's prices of the 320 quotes", |bencher| {
        bencher.iter(|| cases.iter().take(320).map(|case| price_float(black_box(case))).fold(0.0, f64::max))
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ThreadTime);
    targets = options, portfolios, surfaces
}
criterion_main!(benches);
