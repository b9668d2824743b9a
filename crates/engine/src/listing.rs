//! What anyone may list, and what it takes (`docs/rules/universes.md`, "Opening a universe").
//!
//! Rules:
//! - The genesis's own check says what any market must keep; the bounds here are narrower.
//! - The deposit is the new universe's first capital: half in its insurance fund, half as the lister's junior shares of
//!   its backstop vault, for good.
//! - Everything is checked before anything is changed.

use crate::{
    accounts::spendable,
    action::{move_universe::check_open, too_many},
    backstop,
    ledger::{Overdraft, Settlement, apply_between},
    market_math::quote_amount,
    state::State,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    genesis::{GenesisError, check_listed_symbol, check_market_terms},
    ids::{MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Rate, Usd},
    rejection::Rejection,
    time::TimeMs,
};

/// The universe that the chain began with; deposits come from it.
pub(crate) const CORE: UniverseId = UniverseId::new(0);
/// What each listed market takes at least: 10,000 USD.
pub const LISTING_DEPOSIT_MINIMUM_USD: Usd = Usd::new(10_000 * 100_000_000);
/// The most leverage of a listed market.
pub const LISTED_LEVERAGE_MAX: u32 = 10;
/// The largest fee of a listed market: 1 %.
pub const LISTED_FEE_MAX: Rate = Rate::new(10_000);
/// The widest price band of a listed market: 20 %.
pub const LISTED_PRICE_BAND_MAX: Rate = Rate::new(200_000);
/// The most open orders per account in a listed market.
pub const LISTED_OPEN_ORDERS_MAX: u32 = 1_000;
/// Open interest at which the initial fraction is one is at most this many deposits.
pub const LISTED_OPEN_INTEREST_PER_DEPOSIT: i128 = 100;
/// Universes that may be opened on a chain: each costs every block some work.
pub const LISTED_UNIVERSES_MAX: usize = 256;
/// Markets in an opened universe.
pub const LISTED_MARKETS_PER_UNIVERSE_MAX: u32 = 8;

/// Says whether a market may be listed for a deposit: `Ok` if every rule and bound is kept.
pub(crate) fn check_market(state: &State, market: &MarketSpec, deposit: Usd, now: TimeMs) -> Result<(), Rejection> {
    check_listed_symbol(&market.symbol).map_err(invalid)?;
    if state.markets().any(|other| other.symbol == market.symbol) {
        return Err(Rejection::NameInUse { name: market.symbol.clone() });
    }
    check_market_terms(market, now, |asset| state.asset(asset)).map_err(invalid)?;
    check_bounds(market, deposit)
}

/// What a genesis would be told.
pub(crate) fn invalid(error: GenesisError) -> Rejection {
    Rejection::InvalidListing { reason: error.to_string() }
}

fn check_bounds(market: &MarketSpec, deposit: Usd) -> Result<(), Rejection> {
    let terms = market.perpetual().ok_or(Rejection::NoLeverage { market: market.id })?;
    if deposit < LISTING_DEPOSIT_MINIMUM_USD {
        return Err(Rejection::BelowMinimumDeposit { amount: deposit, minimum: LISTING_DEPOSIT_MINIMUM_USD });
    }
    let open_interest = deposit.get().checked_mul(LISTED_OPEN_INTEREST_PER_DEPOSIT).ok_or(Rejection::Overflow)?;
    let bounds = [
        ("maximum leverage", i128::from(terms.maximum_leverage), i128::from(LISTED_LEVERAGE_MAX)),
        ("maker fee in parts per million", i128::from(market.maker_fee.get()), i128::from(LISTED_FEE_MAX.get())),
        ("taker fee in parts per million", i128::from(market.taker_fee.get()), i128::from(LISTED_FEE_MAX.get())),
        (
            "price band in parts per million",
            i128::from(market.price_band.get()),
            i128::from(LISTED_PRICE_BAND_MAX.get()),
        ),
        ("open orders per account", i128::from(market.open_orders_per_account_max), i128::from(LISTED_OPEN_ORDERS_MAX)),
        ("open interest at full margin in 1e-8 USD", terms.risk.open_interest_upper_usd.get(), open_interest),
    ];
    match bounds.into_iter().find(|(_, found, limit)| found > limit) {
        None => Ok(()),
        Some((what, found, limit)) => {
            Err(Rejection::ListingBound { what: what.to_owned(), found: Amount::new(found), limit: Amount::new(limit) })
        }
    }
}

/// The number of the next perpetual: after the last one, never reused.
pub(crate) fn next_perpetual(state: &State) -> Result<MarketId, Rejection> {
    let perpetuals = state.markets().filter(|market| market.perpetual().is_some());
    let next = perpetuals.map(|market| market.id.get()).max().map_or(Some(0), |last| last.checked_add(1));
    match next.filter(|next| *next < MarketId::FIRST_SPOT) {
        Some(next) => Ok(MarketId::new(next)),
        None => Err(too_many("perpetual markets", MarketId::FIRST_SPOT as usize)),
    }
}

/// Refuses a deposit that the lister cannot spend in the core universe.
pub(crate) fn check_deposit(state: &State, lister: AccountId, deposit: Usd) -> Result<(), Rejection> {
    check_open(state, CORE)?;
    let asset = state.universe(CORE).ok_or(Rejection::UnknownUniverse { universe: CORE })?.spec.collateral;
    let (required, available) = (quote_amount(deposit), spendable(state, lister, CORE, asset)?);
    if required > available {
        return Err(Rejection::InsufficientBalance { asset, required, available });
    }
    Ok(())
}

/// Moves a deposit into a universe that exists: the larger half to its insurance fund, the other to its backstop vault, as
/// junior shares of the lister for good.
pub(crate) fn lock_deposit(
    work: &mut Work<'_>,
    lister: AccountId,
    universe: UniverseId,
    deposit: Usd,
) -> Result<(), Rejection> {
    let asset = work.state.universe(CORE).ok_or(Rejection::UnknownUniverse { universe: CORE })?.spec.collateral;
    let to_backstop = Usd::new(deposit.get().checked_div(2).ok_or(Rejection::Overflow)?);
    let to_insurance = deposit.checked_sub(to_backstop).ok_or(Rejection::Overflow)?;
    // Priced before the money is there.
    backstop::deposit_for_good(work, lister, universe, to_backstop)?;
    let mut leaving = Settlement::new(CORE, Overdraft::Refused);
    leaving.withdraw(lister, asset, quote_amount(deposit))?;
    let mut entering = Settlement::new(universe, Overdraft::Refused);
    let parts = [(AccountId::insurance(universe), to_insurance), (AccountId::backstop(universe), to_backstop)];
    for (account, part) in parts {
        entering.deposit(account, asset, quote_amount(part))?;
    }
    apply_between(&leaving, &entering, work.state)?;
    for (to, part) in parts {
        let (from_universe, to_universe, amount) = (CORE, universe, quote_amount(part));
        work.emit(Event::MovedBetweenUniverses { from_universe, to_universe, from: lister, to, asset, amount });
    }
    Ok(())
}
