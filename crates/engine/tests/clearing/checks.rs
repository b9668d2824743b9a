//! What must hold after every block, from records and events by plain arithmetic: I1 to I5 and I8, caps, fences, gates, funding,
//! and the units that are found below maintenance. I7 is for whoever can execute a block again. Shared with the fuzzers.

use super::{
    books::{Books, DOLLAR, Unit, Worth, ceil, scale},
    follow::Follower,
    legs, liquidity, synthetics,
};
use palisade_engine::{BlockOutcome, State, accounts, liquidation};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    event::{Event, MarginLevel},
    ids::{MarketId, UniverseId},
    market::MarketSpec,
    receipt::{CancelResult, OrderResult, Outcome},
    rejection::Rejection,
};
use std::collections::{BTreeMap, BTreeSet};

/// What rounding may cost, per position.
const ROUNDING: i128 = 4;
/// The universe of all vaults that people lead.
const VAULTS: UniverseId = UniverseId::new(0);

/// A check's answer: what is wrong.
pub type Wrong = Vec<String>;

/// Whether actions may hold numbers that no state has room for.
#[allow(dead_code, reason = "the random runs choose sensible ones, the fuzzers any")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    Sensible,
    Any,
}

/// What a block was asked to do.
pub struct Asked<'a> {
    /// Who signed, or is acted for.
    pub acting: BTreeSet<AccountId>,
    /// The action, if there is exactly one.
    pub single: Option<&'a Action>,
    pub numbers: Numbers,
}

pub fn expect(wrong: &mut Wrong, holds: bool, what: impl FnOnce() -> String) {
    if !holds {
        wrong.push(what());
    }
}

/// Everything that a block's result can be asked.
pub fn after_block<'a>(
    state: &State,
    before: &Books,
    after: &'a Books,
    asked: &Asked<'_>,
    outcome: &BlockOutcome,
) -> (Wrong, Follower<'a>) {
    let mut wrong = Wrong::new();
    halts(outcome, asked.numbers, &mut wrong);
    let mut follower = Follower::new(before, after);
    follower.follow(&outcome.events);
    follower.compare();
    wrong.append(&mut follower.violations);
    check_ledger(state, after, &mut wrong);
    synthetics::check_state(after, &mut wrong);
    liquidity::check_state(after, &mut wrong);
    legs::check(before, after, &outcome.events, &mut wrong);
    check_idle(state, before, after, asked, &mut wrong);
    check_withdrawable(after, &mut wrong);
    check_initial(after, &follower, asked, outcome, &mut wrong);
    check_switch(before, after, asked, outcome, &mut wrong);
    check_debts(before, after, &follower, outcome, &mut wrong);
    check_gates(after, outcome, &mut wrong);
    check_prices(before, after, outcome, &mut wrong);
    check_capital(before, after, &follower, &mut wrong);
    check_funding(before, after, outcome, &mut wrong);
    (wrong, follower)
}

/// Nothing stops, and no action met a broken invariant.
pub fn halts(outcome: &BlockOutcome, numbers: Numbers, wrong: &mut Wrong) {
    for event in &outcome.events {
        if let Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } = event {
            wrong.push(format!("halt: {invariant}"));
        }
    }
    let mut see = |rejection: &Rejection| {
        let out_of_range = *rejection == Rejection::Overflow && numbers == Numbers::Sensible;
        if out_of_range || matches!(rejection, Rejection::InvariantViolated { .. }) {
            wrong.push(format!("halt: {rejection:?}"));
        }
    };
    for receipt in &outcome.receipts {
        match &receipt.outcome {
            Outcome::Rejected { rejection } => see(rejection),
            Outcome::Orders { results } => results.iter().for_each(|result| {
                if let OrderResult::Rejected { rejection } = result {
                    see(rejection);
                }
            }),
            Outcome::Cancels { results } => results.iter().for_each(|result| {
                if let CancelResult::Rejected { rejection } = result {
                    see(rejection);
                }
            }),
            _ => {}
        }
    }
}

/// I1 per universe and asset, I2 per market, and what is kept beside the records.
fn check_ledger(state: &State, books: &Books, wrong: &mut Wrong) {
    let mut sums: BTreeMap<_, i128> = BTreeMap::new();
    for ((_, universe, asset), amount) in &books.balances {
        *sums.entry((*universe, *asset)).or_default() += amount;
    }
    for key in sums.keys().chain(books.custody.keys()).copied().collect::<BTreeSet<_>>() {
        let (sum, custody) = (sums.get(&key).copied().unwrap_or(0), books.custody.get(&key).copied().unwrap_or(0));
        expect(wrong, sum == custody, || format!("I1 asset {} of universe {}: {sum}, custody {custody}", key.1, key.0));
    }
    for (market, _) in books.derivatives() {
        let held = books.positions.iter().filter(|((_, of), _)| *of == market.id);
        let (mut lots, mut long, mut cost) = (0, 0, 0);
        for ((owner, _), position) in held {
            lots += position.lots;
            long += position.lots.max(0);
            cost += position.cost + books.owed_funding(market.id, position);
            let kept = state.position(*owner, market.id).map(|record| i128::from(record.position.get()));
            expect(wrong, kept == Some(position.lots), || format!("standing of {owner} in {}: {kept:?}", market.id));
        }
        let totals = state.position_totals(market.id);
        let clearing = books.cash(AccountId::clearing(market.id), market.universe);
        expect(wrong, lots == 0, || format!("I2 lots of market {} sum to {lots}", market.id));
        expect(wrong, (totals.long as i128, totals.short as i128) == (long, long), || {
            format!("I2 open interest of market {}: {totals:?}, positions say {long}", market.id)
        });
        expect(wrong, cost + clearing == 0, || format!("I2 market {}: costs {cost}, clearing {clearing}", market.id));
    }
    check_holes(books, wrong);
    for (vault, shares) in &books.vaults {
        let held: i128 = books.vault_shares.iter().filter(|((of, _), _)| of == vault).map(|(_, held)| held).sum();
        expect(wrong, held == *shares, || format!("I3 vault {vault}: {shares} shares, held are {held}"));
    }
}

/// What is owed is owed by someone whom liquidation knows, or by a market's clearing account, which winners and losers balance.
fn check_holes(books: &Books, wrong: &mut Wrong) {
    let known: BTreeSet<AccountId> = books
        .units()
        .into_iter()
        .map(|(account, _, market)| market.map_or(account, |market| AccountId::isolated(account, market)))
        .chain(books.derivatives().map(|(market, _)| AccountId::clearing(market.id)))
        .collect();
    for ((owner, universe, asset), amount) in books.balances.iter().filter(|(_, amount)| **amount < 0) {
        expect(wrong, known.contains(owner), || format!("hole: {owner} owes {amount} of asset {asset} in {universe}"));
    }
}

/// I3: who holds no position, offers nothing and asks for nothing keeps what there is.
fn check_idle(state: &State, before: &Books, after: &Books, asked: &Asked<'_>, wrong: &mut Wrong) {
    let busy = |books: &Books, owner: AccountId| {
        let owes = books.balances.iter().any(|((holder, ..), amount)| *holder == owner && *amount < 0);
        let waits = books.orders.contains_key(&owner) || books.open.is_met(owner);
        owes || waits || books.positions.keys().any(|(holder, _)| *holder == owner)
    };
    for owner in &before.persons() {
        let controlled = state.controller(*owner).is_some() || state.is_system_account(*owner);
        if controlled || asked.acting.contains(owner) || busy(before, *owner) || busy(after, *owner) {
            continue;
        }
        for ((holder, universe, asset), amount) in &before.balances {
            if holder == owner && *amount > 0 {
                let now = after.balance(*owner, *universe, *asset);
                expect(wrong, now >= *amount, || format!("I3 {owner} idle: asset {asset} from {amount} to {now}"));
            }
        }
    }
}

/// I4: what clearing is short of is held back from whoever was paid, and what everyone together could take out was paid in
/// and is not clearing's, but for what is owed by units below zero.
fn check_withdrawable(books: &Books, wrong: &mut Wrong) {
    for (market, _) in books.derivatives() {
        let short = books.shortfall(market.id);
        let held_back: i128 =
            books.unreceived.iter().filter(|((_, of), _)| *of == market.id).map(|(_, amount)| amount).sum();
        expect(wrong, short <= held_back && (short > 0 || held_back == 0), || {
            format!("I4 clearing of market {} is short of {short}, held back are {held_back}", market.id)
        });
    }
    let persons = books.persons();
    for (universe, (quote, ..)) in &books.universes {
        let (mut withdrawable, mut owed, mut positions) = (0, 0, 0);
        let owners: BTreeSet<AccountId> = books.balances.keys().map(|(owner, ..)| *owner).collect();
        let mut units: BTreeSet<Unit> = books.units().into_iter().filter(|unit| unit.1 == *universe).collect();
        units.extend(owners.iter().filter(|owner| persons.contains(owner)).map(|owner| (*owner, *universe, None)));
        for unit in units {
            let Some(worth) = books.worth(unit) else { return };
            let Worth { free_cash, unrealised, confirmed, options_confirmed: options, initial, .. } = worth;
            let held_back = if unit.2.is_none() { books.held_back(unit.0, *universe) } else { 0 };
            withdrawable += (free_cash + options + confirmed.min(0) - initial).min(free_cash - held_back).max(0);
            owed += (-(free_cash + unrealised.min(0))).max(held_back - free_cash).max(0);
            positions += 1;
        }
        let clearing = books.derivatives().filter(|(market, _)| market.universe == *universe);
        let received: i128 =
            clearing.map(|(market, _)| books.cash(AccountId::clearing(market.id), *universe).max(0)).sum();
        let custody = books.custody.get(&(*universe, *quote)).copied().unwrap_or(0);
        let there = custody - received + owed + ROUNDING * positions;
        expect(wrong, withdrawable <= there, || {
            format!("I4 universe {universe}: {withdrawable} could leave, there are {custody}, owed {owed}")
        });
    }
}

/// I4: who gives a position a purse of its own leaves there what it needs at slow prices, and keeps what the others need there.
fn check_switch(before: &Books, after: &Books, asked: &Asked<'_>, outcome: &BlockOutcome, wrong: &mut Wrong) {
    let Some(Action::UpdateLeverage { market, margin_mode: MarginMode::Isolated, .. }) = asked.single else { return };
    let forced = |event: &Event| matches!(event, Event::Liquidated(_) | Event::FundingRateSet { .. });
    if outcome.events.iter().any(forced) {
        return;
    }
    for receipt in outcome.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Done) {
        let owner = receipt.account;
        if before.is_isolated(owner, *market) || !after.positions.contains_key(&(owner, *market)) {
            continue;
        }
        let universe = after.markets[market].universe;
        let has_taken = after.cash(AccountId::isolated(owner, *market), universe) > 0;
        for unit in [(owner, universe, None), (owner, universe, Some(*market))] {
            let Some(worth) = after.worth(unit).filter(|_| has_taken || unit.2.is_some()) else { continue };
            let there = worth.initial_equity_confirmed();
            expect(wrong, there >= worth.position_initial, || {
                format!("I4 {owner} made {market} isolated and left {there} for {} in {unit:?}", worth.position_initial)
            });
        }
    }
}

/// I5: whoever's last fill opened meets the requirement of the positions; money that left was free.
fn check_initial(books: &Books, follower: &Follower<'_>, asked: &Asked<'_>, outcome: &BlockOutcome, wrong: &mut Wrong) {
    // Funding of a full hour comes after the timers, and with them TWAPs.
    let funded = outcome.events.iter().any(|event| matches!(event, Event::FundingRateSet { .. }));
    for ((owner, market), opened) in follower.last_fills.iter().filter(|_| !funded) {
        let unit = books.unit_of(*owner, *market);
        let closed_by_force = follower.deleveraged.contains(owner) || follower.hedged.contains(owner);
        if !opened || closed_by_force || !books.positions.contains_key(&(*owner, *market)) {
            continue;
        }
        if let Some(worth) = books.worth(unit) {
            expect(wrong, worth.initial_equity >= worth.position_initial, || {
                format!(
                    "I5 {owner} opened in market {market} with {} for {}",
                    worth.initial_equity, worth.position_initial
                )
            });
        }
    }
    let done = outcome.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Done);
    let done: BTreeSet<AccountId> = done.map(|receipt| receipt.account).collect();
    let Some(action) = asked.single else { return };
    let (universe, asset) = match action {
        Action::Transfer { universe, asset, .. } => (*universe, *asset),
        Action::MoveUniverse { from, asset, .. } => (*from, *asset),
        _ => return,
    };
    if !books.universes.contains_key(&universe) {
        return;
    }
    // What backs nothing is nobody's margin.
    if asset != books.quote(universe) && books.assets.get(&asset).is_none_or(|spec| spec.collateral.is_none()) {
        return;
    }
    for owner in done {
        if let Some(worth) = books.worth((owner, universe, None)) {
            expect(wrong, worth.free >= 0, || {
                format!("I4 {owner} sent away what was needed, or nobody's yet: {worth:?}")
            });
            let held_back = books.held_back(owner, universe);
            let is_cash = follower.left_in_cash.contains(&owner);
            expect(wrong, !is_cash || worth.free_cash >= held_back, || {
                format!("I4 {owner} sent away cash, left are {} of which {held_back} are not received", worth.free_cash)
            });
        }
    }
}

/// I5: a reduction of one's own takes nobody below zero, nor deeper: what is missing there others bear. Isolated positions have their
/// own rule.
fn check_debts(before: &Books, after: &Books, follower: &Follower<'_>, outcome: &BlockOutcome, wrong: &mut Wrong) {
    let moved: BTreeSet<AccountId> = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Liquidated(liquidation) => Some(liquidation.account),
            Event::Delivered { account, .. } => Some(*account),
            _ => None,
        })
        .collect();
    let funded = outcome.events.iter().any(|event| matches!(event, Event::FundingRateSet { .. }));
    for ((owner, market), opened) in follower.last_fills.iter().filter(|_| !funded) {
        let by_force = moved.contains(owner) || follower.deleveraged.contains(owner) || follower.hedged.contains(owner);
        let unit = after.unit_of(*owner, *market);
        if *opened || by_force || unit.2.is_some() {
            continue;
        }
        let Some(now) = after.worth(unit).filter(|worth| worth.equity < 0) else { continue };
        let (balances, locked) = (before.balances.clone(), before.locked.clone());
        let (positions, settings) = (before.positions.clone(), before.settings.clone());
        let then = Books { balances, locked, positions, settings, ..after.clone() };
        let then = then.worth(unit).map_or(i128::MIN, |worth| worth.equity);
        expect(wrong, now.equity >= then, || {
            format!("I5 {owner} closed in market {market} and is worth {}, before {then}", now.equity)
        });
    }
}

/// Nobody loses a position or a debt to an old price, be it of another market that the position is margined with.
fn check_prices(before: &Books, after: &Books, outcome: &BlockOutcome, wrong: &mut Wrong) {
    let is_fresh = |market: &MarketId| {
        let kind = before.markets.get(market).or_else(|| after.markets.get(market));
        kind.and_then(MarketSpec::derivative).is_some_and(|terms| after.is_fresh(terms.underlying))
    };
    for event in &outcome.events {
        let is_priced = match event {
            Event::Liquidated(done) => {
                let unit = (done.account, done.universe, done.is_isolated.then_some(done.market));
                is_fresh(&done.market) && after.positions_of(unit).iter().all(|(market, _)| is_fresh(market))
            }
            Event::Deleveraged { market, .. } => is_fresh(market),
            Event::DebtLiquidated(done) => {
                after.synthetics.all.get(&done.asset).is_some_and(|one| after.is_fresh(one.spec.tracks))
            }
            _ => continue,
        };
        expect(wrong, is_priced, || format!("an old price: {event:?}"));
    }
}

/// While a loss is not borne, nothing comes into its universe or leaves it.
fn check_gates(books: &Books, outcome: &BlockOutcome, wrong: &mut Wrong) {
    let gated = |universe| books.universes.get(universe).is_some_and(|(.., gated)| *gated);
    for event in &outcome.events {
        let passed = match event {
            Event::MovedBetweenUniverses { from_universe, to_universe, .. } => {
                gated(from_universe) || gated(to_universe)
            }
            Event::BackstopDeposited { universe, .. } | Event::BackstopWithdrawn { universe, .. } => gated(universe),
            Event::VaultDeposited { .. } | Event::VaultWithdrawn { .. } => gated(&VAULTS),
            Event::MarketListed { market, .. } => gated(&market.universe),
            Event::SyntheticMinted { asset, .. } | Event::SyntheticRedeemed { asset, .. } => {
                gated(&books.synthetics.all[asset].spec.universe)
            }
            Event::ComboTraded(trade) => {
                books.open.combos.get(&trade.combo).is_some_and(|combo| gated(&combo.universe))
            }
            // Units of a last lot that a position bought are its owner's, gate or not.
            Event::Transferred { universe, from, to, asset: moved, .. } => {
                let mut all = books.synthetics.all.keys();
                gated(universe) && all.any(|asset| asset != moved && *from == AccountId::debt(*to, *asset))
            }
            _ => false,
        };
        expect(wrong, !passed, || format!("gate: {event:?}"));
    }
}

/// The fund pays no more than a market's cap; the vault puts no more than its share into one market.
fn check_capital(before: &Books, after: &Books, follower: &Follower<'_>, wrong: &mut Wrong) {
    for (market, terms) in after.derivatives() {
        let (was, is) = (before.claims.get(&market.id), after.claims.get(&market.id));
        let claimed = is.copied().unwrap_or(0) - was.copied().unwrap_or(0);
        let told = follower.claims.get(&market.id).copied().unwrap_or(0);
        expect(wrong, claimed == told, || format!("I8 claims of market {}: {claimed}, events say {told}", market.id));
        let cap = terms.risk.fund_claim_maximum_usd.get();
        expect(wrong, is.copied().unwrap_or(0) <= cap, || {
            format!("I8 the fund paid {is:?} in {}, cap {cap}", market.id)
        });
    }
    for market in &follower.backstop_markets {
        check_fence(before, after, (*market, follower), wrong);
    }
}

/// A market's purse holds what was there or the market's share, whichever is more, and what the market brought in this block. The share is
/// one of the most that the vault can have had meanwhile: what it was paid for a purse that owed, and what it gained in any market, may be
/// gone again at the end.
fn check_fence(before: &Books, after: &Books, (market, follower): (MarketId, &Follower<'_>), wrong: &mut Wrong) {
    if !after.markets.contains_key(&market) {
        // An option that was settled in the same block.
        return;
    }
    let universe = after.markets[&market].universe;
    let vault = AccountId::backstop(universe);
    let purse = |books: &Books, of: MarketId| books.cash(AccountId::isolated(vault, of), universe);
    let capital = |books: &Books| {
        let purses: i128 =
            books.derivatives().filter(|(of, _)| of.universe == universe).map(|(of, _)| purse(books, of.id)).sum();
        books.cash(vault, universe) + purses
    };
    let share = i128::from(after.markets[&market].derivative().expect("a derivative").risk.backstop_share.get());
    let gains = follower.backstop_gains.get(&market).copied().unwrap_or(0);
    let paid = follower.backstop_paid.get(&universe).copied().unwrap_or(0);
    let all_gains = follower
        .backstop_gains
        .iter()
        .filter(|(of, _)| after.markets.get(of).is_some_and(|of| of.universe == universe));
    let meanwhile = paid + all_gains.map(|(_, gains)| gains).sum::<i128>();
    let most = ((capital(before) + meanwhile).max(capital(after)) * share / 1_000_000).max(purse(before, market));
    let there = purse(after, market);
    expect(wrong, there <= most + gains + DOLLAR, || {
        format!("fence: the vault has {there} in market {market}, its share is {most}, gains {gains}")
    });
}

/// The units that the engine recorded as liquidatable are those that a look at everyone finds, twice: the engine's own and the
/// books'; and a universe is gated while one of them owes more than it has. To be asked after a block without actions.
pub fn compare_sets(state: &State, books: &Books, wrong: &mut Wrong) {
    let scanned: BTreeSet<Unit> =
        liquidation::scan(state).into_iter().map(|unit| (unit.account, unit.universe, unit.market)).collect();
    let own = books.liquidatable();
    synthetics::check_served(books, wrong);
    compare_margins(state, books, wrong);
    expect(wrong, scanned == own, || format!("scan: the engine's finds {scanned:?}, this one {own:?}"));
    let calls = books.calls.iter().filter(|(_, level)| **level == MarginLevel::Liquidatable);
    let recorded: BTreeSet<Unit> = calls.map(|(unit, _)| *unit).collect();
    let missed: Vec<&Unit> = own.difference(&recorded).collect();
    expect(wrong, missed.is_empty(), || format!("boxes: below maintenance and not recorded: {missed:?}"));
    // Where prices are old nothing is done, and a unit that has recovered meanwhile is told so later.
    let stale: Vec<&Unit> = recorded.difference(&own).filter(|unit| books.is_priced(**unit)).collect();
    expect(wrong, stale.is_empty(), || format!("boxes: recorded and not below maintenance: {stale:?}"));
    let owing: BTreeSet<UniverseId> = own
        .iter()
        .filter(|unit| books.worth(**unit).is_some_and(|worth| worth.equity < 0))
        .map(|(_, universe, _)| *universe)
        .collect();
    let gated: BTreeSet<UniverseId> =
        books.universes.iter().filter(|(_, (.., gated))| *gated).map(|(universe, _)| *universe).collect();
    expect(wrong, gated == owing, || {
        let worth = |unit: &Unit| (*unit, books.worth(*unit).map(|worth| worth.equity));
        let who: Vec<_> = own.iter().map(worth).collect();
        format!("gate: closed in {gated:?}, somebody owes in {owing:?}: {who:?}")
    });
}

/// What an account has, needs and has besides cash is for the engine what it is by the formulas: sets alone would tell of a fault only
/// where it decides on somebody.
fn compare_margins(state: &State, books: &Books, wrong: &mut Wrong) {
    for (account, universe) in books.persons().iter().flat_map(|who| books.universes.keys().map(|of| (*who, *of))) {
        let (Some(worth), Ok(margin)) =
            (books.worth((account, universe, None)), accounts::margin(state, account, universe))
        else {
            continue;
        };
        let told = margin
            .equity_usd()
            .map(|equity| (equity.get(), margin.maintenance_usd.get(), margin.collateral_initial_usd.get()));
        let own = (worth.equity, worth.maintenance, books.other_assets(account, universe).0);
        expect(wrong, told == Ok(own), || {
            format!("margin: {account} in {universe} has {told:?}, by the books {own:?}")
        });
        let Ok(margin) = accounts::margin_to_leave(state, account, universe) else { continue };
        let told = [
            margin.unrealised_usd.get() - margin.unconfirmed_usd.get(),
            margin.options_value_usd.get() - margin.unconfirmed_need_usd.get(),
        ];
        let own = [worth.confirmed, worth.options_confirmed];
        expect(wrong, told == own, || {
            format!("margin: of results and options of {account} in {universe} count {told:?}, by the books {own:?}")
        });
    }
}

/// A funding index moves when an hour is closed and by no more than the hour may cost: the cap's part of the index price per lot.
fn check_funding(before: &Books, after: &Books, outcome: &BlockOutcome, wrong: &mut Wrong) {
    let mut told: BTreeSet<MarketId> = BTreeSet::new();
    for event in &outcome.events {
        if let Event::FundingRateSet { market, .. } = event {
            expect(wrong, told.insert(*market), || format!("funding: two steps of market {market} in a block"));
        }
    }
    for (market, terms) in after.linear() {
        let Some(was) = before.fundings.get(&market.id).copied() else { continue };
        let Some(is) = after.fundings.get(&market.id).copied() else {
            wrong.push(format!("funding: the index of market {} is gone", market.id));
            continue;
        };
        // An eighth of six times what lies between initial and maintenance fraction, 1 / (2 × leverage); at most 4 %; in 1e-12.
        let cap = (6_000_000_000_000 / (16 * i128::from(terms.maximum_leverage))).min(40_000_000_000);
        let price = after.indices.get(&terms.underlying).map_or(0, |index| i128::from(index.price.get()));
        let most = if told.contains(&market.id) { ceil(cap * price, scale(market) * 1_000_000_000_000) } else { 0 };
        expect(wrong, (is - was).abs() <= most, || {
            format!("funding: the index of market {} went from {was} to {is}, the most is {most}", market.id)
        });
    }
}
