//! Synthetics as an outsider reads them: who owes what by records and events, and every payment by the formulas of the rules page
//! in plain arithmetic.

use super::{
    books::{Books, ceil, floor, scale},
    checks::{Wrong, expect},
    follow::Follower,
};
use palisade_engine::state::Record;
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::AssetId,
    numbers::Amount,
    synthetic::{DebtLiquidation, DebtLiquidationMethod, RedeemedDebt, SyntheticSpec},
};
use std::collections::{BTreeMap, BTreeSet};

const MILLION: i128 = 1_000_000;
/// Positions that may pay one redemption.
const REDEEMED_MAX: usize = 16;
/// Positions that one redemption may look at.
const REDEEMED_LOOKS_MAX: usize = 64;
/// Positions that one block may serve.
const SERVED_MAX: usize = 32;
/// Units that the fees of a purchase may be rounded up by: one per fill.
const FILLS_MAX: i128 = 32;

/// A synthetic's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synthetic {
    pub spec: SyntheticSpec,
    pub shortfall: i128,
    /// What the fund has paid for it.
    pub claimed: i128,
}

/// Synthetics and debts.
#[derive(Clone, Debug, Default)]
pub struct Synthetics {
    pub all: BTreeMap<AssetId, Synthetic>,
    /// What is owed, and the collateral as recorded.
    pub debts: BTreeMap<(AssetId, AccountId), (i128, i128)>,
}

impl Synthetics {
    pub fn read(&mut self, record: &Record) {
        match record {
            Record::Synthetic { id, record } => {
                let (shortfall, claimed) = (record.shortfall.get(), record.fund_claimed_usd.get());
                self.all.insert(*id, Synthetic { spec: record.spec, shortfall, claimed });
            }
            Record::Debt { id, record } => {
                self.debts.insert((id.asset, id.account), (record.debt.get(), record.collateral_usd.get()));
            }
            _ => {}
        }
    }

    pub fn debt(&self, asset: AssetId, account: AccountId) -> i128 {
        self.debts.get(&(asset, account)).map_or(0, |(debt, _)| *debt)
    }

    /// All that is owed.
    pub fn owed(&self, asset: AssetId) -> i128 {
        self.debts.iter().filter(|((of, _), _)| *of == asset).map(|(_, (debt, _))| debt).sum()
    }

    fn accounts(&self, asset: AssetId) -> impl Iterator<Item = AccountId> {
        self.debts.keys().filter(move |(of, _)| *of == asset).map(|(_, account)| *account)
    }

    fn own(&self, account: AccountId) -> Option<AssetId> {
        self.all.keys().copied().find(|asset| AccountId::synthetic(*asset) == account)
    }
}

impl Books {
    /// All units, wherever they are.
    pub fn supply(&self, asset: AssetId) -> i128 {
        self.custody.iter().filter(|((_, of), _)| *of == asset).map(|(_, amount)| amount).sum()
    }

    /// What lies at the address of a debt position.
    pub fn debt_collateral(&self, asset: AssetId, account: AccountId) -> i128 {
        self.cash(AccountId::debt(account, asset), self.synthetics.all[&asset].spec.universe)
    }

    /// What is owed and what backs it.
    fn debt_and_collateral(&self, asset: AssetId, account: AccountId) -> (i128, i128) {
        (self.synthetics.debt(asset, account), self.debt_collateral(asset, account))
    }

    fn units_per_coin(&self, asset: AssetId) -> i128 {
        10i128.pow(u32::from(self.assets[&asset].decimals))
    }

    /// The tracked index and the higher of it and the slow price; `None` before there is one.
    fn tracked(&self, asset: AssetId) -> Option<(i128, i128)> {
        let index = self.indices.get(&self.synthetics.all[&asset].spec.tracks)?;
        let (price, slow) = (i128::from(index.price.get()), i128::from(index.slow_price.get()));
        Some((price, price.max(slow)))
    }

    /// What the vault has: cash, purses, and what its debts leave it.
    fn vault_capital(&self, asset: AssetId, price: i128) -> i128 {
        let universe = self.synthetics.all[&asset].spec.universe;
        let vault = AccountId::backstop(universe);
        let purses = self.settings.keys().filter(|(account, _)| *account == vault);
        let purses: i128 = purses.map(|(_, market)| self.cash(AccountId::isolated(vault, *market), universe)).sum();
        let (debt, collateral) = self.debt_and_collateral(asset, vault);
        let left = (collateral - ceil(debt * price, self.units_per_coin(asset))).max(0);
        self.cash(vault, universe) + purses + if debt > 0 { left } else { 0 }
    }

    /// Who owes, the least collateral over debt first.
    fn debts_in_order(&self, asset: AssetId) -> Vec<(AccountId, i128, i128)> {
        let owed = |account| {
            let (debt, collateral) = self.debt_and_collateral(asset, account);
            (account, debt, collateral)
        };
        let mut all: Vec<_> = self.synthetics.accounts(asset).map(owed).collect();
        all.sort_by(|(one, debt, collateral), (other, its_debt, its_collateral)| {
            (collateral * its_debt).cmp(&(its_collateral * debt)).then(one.cmp(other))
        });
        all
    }
}

/// Records against each other: units are what is owed and what nobody owes, a position's collateral is what lies at its address.
pub fn check_state(books: &Books, wrong: &mut Wrong) {
    for (asset, synthetic) in &books.synthetics.all {
        let (supply, owed) = (books.supply(*asset), books.synthetics.owed(*asset));
        let Synthetic { spec, shortfall, claimed } = synthetic;
        expect(wrong, supply == owed + shortfall && *shortfall >= 0, || {
            format!("I2 synthetic {asset}: {supply} units, {owed} are owed, {shortfall} by nobody")
        });
        expect(wrong, supply <= spec.debt_ceiling.get(), || format!("ceiling: {supply} units of synthetic {asset}"));
        expect(wrong, *claimed <= spec.fund_claim_maximum_usd.get(), || {
            format!("I8 the fund paid {claimed} for synthetic {asset}")
        });
        let held: i128 = books.balances.iter().filter(|((.., of), _)| of == asset).map(|(_, amount)| amount).sum();
        expect(wrong, held == supply, || format!("I1 synthetic {asset}: {supply} units, held are {held}"));
    }
    for ((asset, account), (debt, collateral)) in &books.synthetics.debts {
        let there = books.debt_collateral(*asset, *account);
        expect(wrong, *debt > 0 && there == *collateral && there >= 0, || {
            format!("I2 {account} owes {debt} of synthetic {asset} with {collateral}, there are {there}")
        });
    }
}

/// After the step that works on debts, on a fresh index: nobody owes more than their collateral covers (unless more did than a block
/// works on), what the system owes is covered, and holders bear nothing as long as the fund may pay. For a block without actions.
pub fn check_served(books: &Books, wrong: &mut Wrong) {
    for (asset, synthetic) in &books.synthetics.all {
        let spec = &synthetic.spec;
        let Some((price, _)) = books.tracked(*asset).filter(|_| books.is_fresh(spec.tracks)) else { continue };
        if books.universes[&spec.universe].1 {
            continue;
        }
        let unit = books.units_per_coin(*asset);
        let own = AccountId::synthetic(*asset);
        let uncovered: Vec<_> = books
            .debts_in_order(*asset)
            .into_iter()
            .filter(|(account, debt, collateral)| *account != own && *collateral < ceil(debt * price, unit))
            .collect();
        let left: Vec<_> = uncovered.iter().filter(|(account, ..)| !books.is_keyless(*account, spec)).collect();
        expect(wrong, left.is_empty() || books.synthetics.debts.len() >= SERVED_MAX, || {
            format!("debts: not covered and not written off: {left:?}")
        });
        let (debt, collateral) = books.debt_and_collateral(*asset, own);
        expect(wrong, floor(debt * price, unit) <= collateral + 1, || {
            format!("I8 synthetic {asset} itself owes {debt} with {collateral}")
        });
        let fund = books.cash(AccountId::insurance(spec.universe), spec.universe);
        let exhausted = synthetic.claimed == spec.fund_claim_maximum_usd.get() || fund <= 0;
        expect(wrong, synthetic.shortfall == 0 || exhausted, || {
            format!("I8 holders of synthetic {asset} bear {} and the fund has {fund}", synthetic.shortfall)
        });
    }
}

impl Books {
    fn is_keyless(&self, account: AccountId, spec: &SyntheticSpec) -> bool {
        account == AccountId::synthetic(spec.asset) || account == AccountId::backstop(spec.universe)
    }
}

impl Follower<'_> {
    pub(super) fn see_synthetic(&mut self, event: &Event) {
        match event {
            Event::SyntheticMinted { asset, account, amount, collateral_usd, fee_usd } => {
                self.minted(*asset, *account, amount.get(), (collateral_usd.get(), fee_usd.get()));
            }
            Event::SyntheticBurned { asset, account, amount, debt, returned_usd } => {
                self.burned(*asset, *account, amount.get(), (debt.get(), returned_usd.get()));
            }
            Event::SyntheticRedeemed { asset, account, amount, paid_usd, debts } => {
                self.redeemed(*asset, *account, (amount.get(), paid_usd.get()), debts);
            }
            Event::DebtLiquidated(done) => self.debt_liquidated(done),
            Event::ShortfallChanged { asset, shortfall, debt, collateral_usd } => {
                let own = AccountId::synthetic(*asset);
                self.owe(*asset, own, debt.get());
                let there = self.books.debt_collateral(*asset, own);
                let left = self.books.supply(*asset) - self.books.synthetics.owed(*asset);
                let told = (shortfall.get(), collateral_usd.get());
                self.check(told == (left, there), || {
                    format!("I8 synthetic {asset} said {told:?} are short and there, found {:?}", (left, there))
                });
            }
            _ => {}
        }
    }

    /// A deficit of a synthetic is paid into its own position; whether the account is a synthetic's.
    pub(super) fn synthetic_paid(&mut self, account: AccountId, payer: AccountId, amount: i128) -> bool {
        let Some(asset) = self.books.synthetics.own(account) else { return false };
        let Some(synthetic) = self.books.synthetics.all.get_mut(&asset) else { return false };
        synthetic.claimed += amount;
        let universe = synthetic.spec.universe;
        self.pay(universe, payer, AccountId::debt(account, asset), amount);
        true
    }

    fn owe(&mut self, asset: AssetId, account: AccountId, debt: i128) {
        if debt == 0 {
            self.books.synthetics.debts.remove(&(asset, account));
        } else {
            self.books.synthetics.debts.insert((asset, account), (debt, 0));
        }
    }

    fn spec(&self, asset: AssetId) -> SyntheticSpec {
        self.books.synthetics.all[&asset].spec
    }

    /// Price, the higher price, and smallest units of a unit.
    fn terms(&self, asset: AssetId) -> (i128, i128, i128) {
        let (price, worst) = self.books.tracked(asset).expect("an index was asked for");
        (price, worst, self.books.units_per_coin(asset))
    }

    fn make(&mut self, asset: AssetId, holder: AccountId, amount: i128) {
        let universe = self.spec(asset).universe;
        self.add(holder, universe, asset, amount);
        *self.books.custody.entry((universe, asset)).or_default() += amount;
    }

    /// What is left of a position is nothing, or no less than the minimum, unless the system owes it.
    fn check_left(&mut self, asset: AssetId, account: AccountId) {
        let (spec, left) = (self.spec(asset), self.books.synthetics.debt(asset, account));
        let enough = left == 0 || left >= spec.minimum_debt.get() || self.books.is_keyless(account, &spec);
        self.check(enough, || format!("minimum: {account} is left owing {left} of synthetic {asset}"));
    }

    fn minted(&mut self, asset: AssetId, account: AccountId, amount: i128, (collateral, fee): (i128, i128)) {
        let (spec, (price, worst, unit)) = (self.spec(asset), self.terms(asset));
        let short = self.books.supply(asset) - self.books.synthetics.owed(asset);
        self.pay(spec.universe, account, AccountId::debt(account, asset), collateral);
        self.pay(spec.universe, account, AccountId::fees(spec.universe), fee);
        self.make(asset, account, amount);
        let debt = self.books.synthetics.debt(asset, account) + amount;
        self.owe(asset, account, debt);
        self.check_left(asset, account);
        let expected = ceil(amount * price * i128::from(spec.mint_fee.get()), unit * MILLION);
        self.check(fee == expected, || format!("I3 minting {amount} cost {fee}, its fee is {expected}"));
        self.check(short == 0, || format!("I8 {amount} were minted while {short} are short"));
        let (owed, ceiling) = (self.books.synthetics.owed(asset), spec.debt_ceiling.get());
        self.check(owed <= ceiling, || format!("ceiling: {owed} of synthetic {asset} are owed, at most {ceiling}"));
        self.check_ratio(asset, account, worst);
    }

    /// I5 of debts: what new risk needs is there.
    pub(super) fn check_ratio(&mut self, asset: AssetId, account: AccountId, worst: i128) {
        let unit = self.books.units_per_coin(asset);
        let ratio = i128::from(self.spec(asset).initial_ratio.get());
        let (debt, collateral) = self.books.debt_and_collateral(asset, account);
        let needed = ceil(debt * worst * ratio, unit * MILLION);
        self.check(collateral >= needed, || {
            format!("I5 {account} owes {debt} of synthetic {asset} with {collateral}, needed are {needed}")
        });
    }

    /// Units that retire a debt: `debt × S ≤ units × ΣD`, so that who stays loses nothing.
    fn check_retired(&mut self, asset: AssetId, units: i128, debt: i128, is_all: bool) {
        let (supply, owed) = (self.books.supply(asset), self.books.synthetics.owed(asset));
        let fair = debt * supply <= units * owed && (is_all || (debt + 1) * supply > units * owed);
        self.check(fair, || format!("I3 {units} of {supply} units retired {debt} of {owed}"));
    }

    fn burned(&mut self, asset: AssetId, account: AccountId, amount: i128, (debt, returned): (i128, i128)) {
        let spec = self.spec(asset);
        let is_vault = account == AccountId::backstop(spec.universe);
        let before = self.books.synthetics.debt(asset, account);
        self.check_retired(asset, amount, debt, debt == before);
        // The vault's position buys with its own collateral, and burns what it bought.
        let holder = if is_vault { AccountId::debt(account, asset) } else { account };
        self.make(asset, holder, -amount);
        self.reduce(asset, account, debt, returned);
        self.check_left(asset, account);
    }

    /// A position owes less; with nothing owed its collateral goes back.
    fn reduce(&mut self, asset: AssetId, account: AccountId, debt: i128, returned: i128) {
        let (before, collateral) = self.books.debt_and_collateral(asset, account);
        let left = before - debt;
        let expected = if left == 0 && account != AccountId::synthetic(asset) { collateral } else { 0 };
        self.check(left >= 0 && debt > 0, || format!("I2 {account} owed {before} of synthetic {asset}, {debt} less"));
        self.check(returned == expected, || format!("I3 {account} got {returned} back, {expected} were left"));
        let universe = self.spec(asset).universe;
        self.pay(universe, AccountId::debt(account, asset), account, returned);
        self.owe(asset, account, left);
    }

    fn redeemed(&mut self, asset: AssetId, account: AccountId, (amount, paid): (i128, i128), debts: &[RedeemedDebt]) {
        let total: i128 = debts.iter().map(|hit| hit.debt.get()).sum();
        let sum: i128 = debts.iter().map(|hit| hit.paid_usd.get()).sum();
        self.check(sum == paid && paid > 0, || format!("I3 a redemption paid {paid}, positions paid {sum}"));
        self.check_retired(asset, amount, total, false);
        let expected = self.expected_hits(asset, total);
        self.check(expected == debts, || format!("I3 a redemption took {debts:?}, in order it is {expected:?}"));
        self.make(asset, account, -amount);
        let universe = self.spec(asset).universe;
        for hit in debts {
            self.pay(universe, AccountId::debt(hit.account, asset), account, hit.paid_usd.get());
            self.reduce(asset, hit.account, hit.debt.get(), hit.returned_usd.get());
            self.check_left(asset, hit.account);
        }
    }

    /// Who pays for so much of debt, and how much, by the rules.
    fn expected_hits(&self, asset: AssetId, total: i128) -> Vec<RedeemedDebt> {
        let (spec, (price, _, unit)) = (self.spec(asset), self.terms(asset));
        let kept = MILLION - i128::from(spec.redemption_fee.get());
        let (mut left, mut hits) = (total, Vec::new());
        for (account, owed, collateral) in self.books.debts_in_order(asset).into_iter().take(REDEEMED_LOOKS_MAX) {
            if hits.len() == REDEEMED_MAX {
                break;
            }
            let above = if self.books.is_keyless(account, &spec) { owed } else { owed - spec.minimum_debt.get() };
            let debt = if left >= owed { owed } else { left.min(above).max(0) };
            if debt == 0 {
                continue;
            }
            left -= debt;
            let paid = floor(debt * price * kept, unit * MILLION).min(floor(collateral * debt, owed));
            let ends = debt == owed && account != AccountId::synthetic(asset);
            let returned = if ends { collateral - paid } else { 0 };
            hits.push(RedeemedDebt {
                account,
                debt: Amount::new(debt),
                paid_usd: palisade_types::numbers::Usd::new(paid),
                returned_usd: palisade_types::numbers::Usd::new(returned),
            });
        }
        hits
    }

    fn debt_liquidated(&mut self, done: &DebtLiquidation) {
        let DebtLiquidation { asset, account, method, .. } = *done;
        let (debt, taken, returned) = (done.debt.get(), done.collateral_usd.get(), done.returned_usd.get());
        self.check(method == DebtLiquidationMethod::Backstop || done.added_usd.get() == 0, || {
            format!("debts: {} are added to what {account} owed, the vault does not owe it", done.added_usd)
        });
        let (spec, (price, _, unit)) = (self.spec(asset), self.terms(asset));
        let (owed, collateral) = self.books.debt_and_collateral(asset, account);
        let own = AccountId::synthetic(asset);
        let maintenance = ceil(owed * price * i128::from(spec.maintenance_ratio.get()), unit * MILLION);
        match method {
            DebtLiquidationMethod::Book => self.bought(asset, account, debt, (taken, returned)),
            DebtLiquidationMethod::Backstop => {
                self.check(account == own || collateral < maintenance, || {
                    format!("debts: {account} lost {debt} to the vault with {collateral}, needed are {maintenance}")
                });
                self.taken_over(done);
                self.check_left(asset, account);
            }
            DebtLiquidationMethod::WrittenOff => {
                let uncovered = collateral < ceil(owed * price, unit);
                self.check(uncovered && (debt, taken, returned) == (owed, collateral, 0), || {
                    format!("I8 {account} owed {owed} with {collateral}, written off are {debt} with {taken}")
                });
                let more = self.books.synthetics.debt(asset, own) + debt;
                self.pay(spec.universe, AccountId::debt(account, asset), AccountId::debt(own, asset), taken);
                self.owe(asset, account, 0);
                self.owe(asset, own, more);
            }
        }
    }

    /// Units were bought in the book by the position's own address; the fills were told.
    fn bought(&mut self, asset: AssetId, account: AccountId, debt: i128, (spent, returned): (i128, i128)) {
        let (spec, (price, _, unit)) = (self.spec(asset), self.terms(asset));
        let purse = AccountId::debt(account, asset);
        let vault = AccountId::backstop(spec.universe);
        self.check(account != vault, || format!("the vault bought back {debt} of synthetic {asset} beyond the index"));
        let bought = self.books.balance(purse, spec.universe, asset);
        let (before, left) = self.books.debt_and_collateral(asset, account);
        // Of the last lot of a whole debt the owner is sent what stands for none; that is told next.
        let (supply, owed) = (self.books.supply(asset), self.books.synthetics.owed(asset));
        let amount = if debt == before { bought.min(ceil(debt * supply, owed)) } else { bought };
        let market = &self.books.markets[&spec.market.expect("it bought in one")];
        let lot = unit / scale(market);
        self.check(bought - amount < lot, || format!("I3 {account} bought {bought} for {amount} of synthetic {asset}"));
        self.check_retired(asset, amount, debt, debt == before);
        // What is left is no worse off, and nobody is paid more than the penalty; a unit of debt is lost by rounding.
        self.check(left * before >= (left + spent) * (before - debt), || {
            format!("I3 {account} paid {spent} of {} for {debt} of {before}", left + spent)
        });
        let paid_for = debt + bought - amount;
        let most = ceil(paid_for * price * (MILLION + i128::from(spec.liquidation_penalty.get())), unit * MILLION);
        self.check(spent <= most + ceil(price * 2, unit) + FILLS_MAX, || {
            format!("I3 {account} paid {spent} for {debt} of synthetic {asset}, the most is {most}")
        });
        self.make(asset, purse, -amount);
        self.reduce(asset, account, debt, returned);
        self.check_left(asset, account);
    }

    /// The vault owes it from now on, and adds what new risk needs.
    fn taken_over(&mut self, done: &DebtLiquidation) {
        let DebtLiquidation { asset, account, .. } = *done;
        let (debt, taken, returned) = (done.debt.get(), done.collateral_usd.get(), done.returned_usd.get());
        let (spec, (price, worst, unit)) = (self.spec(asset), self.terms(asset));
        let (vault, own) = (AccountId::backstop(spec.universe), AccountId::synthetic(asset));
        let penalty = if account == own { 0 } else { i128::from(spec.liquidation_penalty.get()) };
        let (owed, collateral) = self.books.debt_and_collateral(asset, account);
        let expected = ceil(debt * price * (MILLION + penalty), unit * MILLION).min(floor(collateral * debt, owed));
        self.check(taken == expected, || format!("I3 the vault took {taken} with {debt}, by the rules {expected}"));
        let capital = self.books.vault_capital(asset, price);
        let (its_debt, there) = self.books.debt_and_collateral(asset, vault);
        let needed = ceil((its_debt + debt) * worst * i128::from(spec.initial_ratio.get()), unit * MILLION);
        let added = (needed - there - taken).max(0);
        self.check(done.added_usd.get() == added, || {
            format!("the vault added {} to what it took of synthetic {asset}, by the rules {added}", done.added_usd)
        });
        let at_stake = there + taken + added - ceil((its_debt + debt) * price, unit);
        let share = floor(capital * i128::from(spec.backstop_share.get()), MILLION);
        self.check(at_stake <= share, || {
            format!("fence: the vault has {at_stake} in synthetic {asset}, its share is {share}")
        });
        self.pay(spec.universe, AccountId::debt(account, asset), AccountId::debt(vault, asset), taken);
        self.pay(spec.universe, vault, AccountId::debt(vault, asset), added);
        self.reduce(asset, account, debt, returned);
        self.owe(asset, vault, its_debt + debt);
    }

    /// Debts and what the fund paid, against the state after the block.
    pub(super) fn compare_synthetics(&mut self) {
        let now = self.now;
        let keys: BTreeSet<_> =
            self.books.synthetics.debts.keys().chain(now.synthetics.debts.keys()).copied().collect();
        for (asset, account) in keys {
            let (told, there) = (self.books.synthetics.debt(asset, account), now.synthetics.debt(asset, account));
            self.check(told == there, || format!("I2 {account} owes {there} of synthetic {asset}, events say {told}"));
        }
        for (asset, synthetic) in &now.synthetics.all {
            let told = self.books.synthetics.all[asset].claimed;
            self.check(told == synthetic.claimed, || {
                format!("I8 the fund paid {} for synthetic {asset}, events say {told}", synthetic.claimed)
            });
        }
        let keys: BTreeSet<_> = self.books.custody.keys().chain(now.custody.keys()).copied().collect();
        for key in keys {
            let of = |books: &Books| books.custody.get(&key).copied().unwrap_or(0);
            let (told, there) = (of(&self.books), of(now));
            self.check(told == there, || {
                format!("I1 custody of asset {} of universe {} is {there}, events say {told}", key.1, key.0)
            });
        }
    }
}
