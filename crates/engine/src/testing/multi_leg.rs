//! A venue with several derivative markets on BTC, for trades of several legs.

use super::{BTC, GENESIS_TIME, Venue, genesis, price};
use palisade_types::{
    ids::MarketId,
    market::{MarketKind, MarketSpec},
    numbers::{Rate, Size, Usd},
    time::TimeMs,
};

/// A perpetual like the first, whose band is 10 %.
pub(crate) const NEXT: MarketId = MarketId::new(1);
/// A perpetual with lots of a hundredth and a tick of 0.2.
pub(crate) const FINE: MarketId = MarketId::new(2);
/// A future like the first perpetual.
pub(crate) const FUTURE: MarketId = MarketId::new(MarketId::FIRST_FUTURE);
/// When it expires.
pub(crate) const EXPIRES_MS: TimeMs = GENESIS_TIME.saturating_add(3 * 3_600_000);

/// The usual venue with three markets more: `NEXT`, `FINE` and `FUTURE`.
pub(crate) fn venue() -> Venue {
    let mut genesis = genesis();
    let first = genesis.markets[0].clone();
    let perpetual = |lots: u64| MarketKind::Perpetual {
        underlying: BTC,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5_000 * lots),
        position_maximum: Size::new(3_000 * lots),
        risk: Default::default(),
    };
    let future = MarketKind::Future {
        underlying: BTC,
        expires_at_ms: EXPIRES_MS,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5_000),
        position_maximum: Size::new(3_000),
        risk: Default::default(),
    };
    let next = MarketSpec {
        id: NEXT,
        symbol: "NEXT".to_owned(),
        kind: perpetual(1),
        price_band: Rate::new(100_000),
        ..first.clone()
    };
    let fine = MarketSpec {
        id: FINE,
        symbol: "FINE".to_owned(),
        kind: perpetual(100),
        size_decimals: 2,
        tick: price("0.2"),
        minimum_notional_usd: Usd::ZERO,
        ..first.clone()
    };
    let future = MarketSpec { id: FUTURE, symbol: "FUTURE".to_owned(), kind: future, ..first };
    genesis.markets.splice(1..1, [next, fine]);
    genesis.markets.push(future);
    Venue::with(genesis)
}
