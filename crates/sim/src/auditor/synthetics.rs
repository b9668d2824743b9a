//! Synthetics: who owes how much, what lies for it, what units stand for, and who bears what a debt lacks.
//!
//! All units are all debts and what nobody owes (`S = ΣD + W`); `W` has no record here, it is what is left. What new risk needs is
//! asked at the index alone, which is at most what the rule asks (the higher of index and slow price); the slow price, which is not
//! followed here, is an average of indices, so the rule asks no more than at the highest that there was.

use super::{
    Asset, Auditor, Objection, Universe, Who, ensure,
    funding::Index,
    ledger::{backstop, fees, insurance},
    numbers::{MILLION, ceil, floor},
    who,
};
use palisade_engine::State;
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::AssetId,
    synthetic::{DebtLiquidation, DebtLiquidationMethod, RedeemedDebt, SyntheticSpec},
};
use std::collections::BTreeMap;

/// Positions that pay one redemption.
const REDEEMED_MAX: usize = 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Synthetics {
    /// What is owed, by synthetic and account; never nothing.
    debts: BTreeMap<(Asset, Who), i128>,
    /// What the insurance fund has paid.
    claims: BTreeMap<Asset, i128>,
}

/// The terms of a synthetic in plain numbers.
#[derive(Clone, Copy, Debug)]
struct Terms {
    asset: Asset,
    tracks: Asset,
    universe: Universe,
    quote: Asset,
    /// Smallest units of one unit.
    scale: i128,
    ceiling: i128,
    minimum: i128,
    initial: i128,
    maintenance: i128,
    penalty: i128,
    mint_fee: i128,
    redemption_fee: i128,
    fund_maximum: i128,
}

/// What a position owes and what lies for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Debt {
    debt: i128,
    collateral: i128,
}

impl Debt {
    /// Whether its collateral over debt is below another's.
    fn is_below(&self, other: &Self) -> bool {
        self.collateral * other.debt < other.collateral * self.debt
    }
}

impl Terms {
    fn of(spec: &SyntheticSpec, quote: Asset, scale: i128) -> Self {
        Self {
            asset: spec.asset.get(),
            tracks: spec.tracks.get(),
            universe: spec.universe.get(),
            quote,
            scale,
            ceiling: spec.debt_ceiling.get(),
            minimum: spec.minimum_debt.get(),
            initial: spec.initial_ratio.get().into(),
            maintenance: spec.maintenance_ratio.get().into(),
            penalty: spec.liquidation_penalty.get().into(),
            mint_fee: spec.mint_fee.get().into(),
            redemption_fee: spec.redemption_fee.get().into(),
            fund_maximum: spec.fund_claim_maximum_usd.get(),
        }
    }

    /// Where what is owed by nobody else is written down.
    fn own(&self) -> Who {
        who(AccountId::synthetic(AssetId::new(self.asset)))
    }

    fn purse(&self, account: Who) -> Who {
        who(AccountId::debt(AccountId(account), AssetId::new(self.asset)))
    }

    fn pot(&self) -> (Universe, Asset) {
        (self.universe, self.quote)
    }

    /// So many millionths of a debt's value, rounded up.
    fn part_up(&self, debt: i128, price: i128, millionths: i128) -> i128 {
        ceil(debt * price * millionths, self.scale * MILLION)
    }

    /// The same, rounded down.
    fn part_down(&self, debt: i128, price: i128, millionths: i128) -> i128 {
        floor(debt * price * millionths, self.scale * MILLION)
    }

    fn covers(&self, debt: &Debt, price: i128) -> bool {
        debt.collateral >= self.part_up(debt.debt, price, MILLION)
    }

    fn check_initial(&self, debt: &Debt, price: i128) -> Result<(), Objection> {
        let needed = self.part_up(debt.debt, price, self.initial);
        ensure(debt.collateral >= needed, || format!("{debt:?} of asset {} needs {needed}", self.asset))
    }

    fn is_liquidatable(&self, debt: &Debt, price: i128) -> bool {
        debt.collateral < self.part_up(debt.debt, price, self.maintenance)
    }
}

impl Auditor {
    pub(super) fn synthetic(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::SyntheticMinted { asset, account, amount, collateral_usd, fee_usd } => self.minted(
                &self.synthetic_terms(asset.get())?,
                who(*account),
                (amount.get(), collateral_usd.get(), fee_usd.get()),
            ),
            Event::SyntheticBurned { asset, account, amount, debt, returned_usd } => self.burned(
                &self.synthetic_terms(asset.get())?,
                who(*account),
                (amount.get(), debt.get(), returned_usd.get()),
            ),
            Event::SyntheticRedeemed { asset, account, amount, paid_usd, debts } => {
                self.redeemed(&self.synthetic_terms(asset.get())?, who(*account), (amount.get(), paid_usd.get()), debts)
            }
            Event::DebtLiquidated(told) => self.debt_liquidated(&self.synthetic_terms(told.asset.get())?, told),
            Event::ShortfallChanged { asset, shortfall, debt, collateral_usd } => {
                let terms = self.synthetic_terms(asset.get())?;
                let before = self.debt_of(&terms, terms.own());
                let price = self.tracked(&terms)?.price;
                let nominal = before.debt + self.shortfall(&terms);
                let due = floor(before.collateral * terms.scale, price).min(nominal);
                ensure((debt.get(), collateral_usd.get()) == (due, before.collateral), || {
                    format!("asset {asset} owes {debt} of {nominal} itself, due are {due} with {before:?}")
                })?;
                self.owe(&terms, terms.own(), debt.get());
                let own = self.shortfall(&terms);
                ensure(own == shortfall.get(), || format!("{shortfall} of asset {asset} are owed by nobody, not {own}"))
            }
            _ => Ok(()),
        }
    }

    fn synthetic_terms(&self, asset: Asset) -> Result<Terms, Objection> {
        let spec = self.genesis.synthetics.iter().find(|spec| spec.asset.get() == asset);
        let spec = spec.ok_or_else(|| format!("asset {asset} is no synthetic"))?;
        Ok(Terms::of(spec, self.quote_of(spec.universe.get())?, self.terms.assets[&asset].unit))
    }

    fn all_synthetics(&self) -> Vec<Terms> {
        self.genesis.synthetics.iter().filter_map(|spec| self.synthetic_terms(spec.asset.get()).ok()).collect()
    }

    /// The index on which risk may be taken.
    fn tracked(&self, terms: &Terms) -> Result<Index, Objection> {
        self.fresh_index(terms.tracks).ok_or_else(|| format!("asset {} moves at no fresh index", terms.asset))
    }

    fn debt_of(&self, terms: &Terms, account: Who) -> Debt {
        let debt = self.synthetics.debts.get(&(terms.asset, account)).copied().unwrap_or(0);
        Debt { debt, collateral: self.ledger.balance(terms.purse(account), terms.universe, terms.quote) }
    }

    fn all_debts(&self, terms: &Terms) -> Vec<(Who, Debt)> {
        let of_asset = self.synthetics.debts.keys().filter(|(asset, _)| *asset == terms.asset);
        of_asset.map(|(_, account)| (*account, self.debt_of(terms, *account))).collect()
    }

    fn owe(&mut self, terms: &Terms, account: Who, debt: i128) {
        let key = (terms.asset, account);
        if debt == 0 {
            self.synthetics.debts.remove(&key);
        } else {
            self.synthetics.debts.insert(key, debt);
        }
    }

    /// All units, and all that is owed.
    fn sums(&self, terms: &Terms) -> (i128, i128) {
        (self.ledger.supply(terms.asset), self.all_debts(terms).iter().map(|(_, debt)| debt.debt).sum())
    }

    fn shortfall(&self, terms: &Terms) -> i128 {
        let (supply, owed) = self.sums(terms);
        supply - owed
    }

    /// What leaves a position less in debt; `left` may be nothing or what is worth keeping.
    fn check_left(&self, terms: &Terms, account: Who, left: i128) -> Result<(), Objection> {
        let is_system = account == terms.own() || account == backstop(terms.universe);
        ensure(left == 0 || left >= terms.minimum || (is_system && left > 0), || {
            format!("{account:?} is left owing {left} of asset {}", terms.asset)
        })
    }

    fn minted(
        &mut self,
        terms: &Terms,
        account: Who,
        (amount, collateral, fee): (i128, i128, i128),
    ) -> Result<(), Objection> {
        let price = self.tracked(terms)?.price;
        ensure(!self.gated.contains(&terms.universe), || "minted through a closed gate".to_owned())?;
        let (supply, owed) = self.sums(terms);
        ensure(supply == owed, || format!("minted while {} units are owed by nobody", supply - owed))?;
        ensure(amount > 0 && collateral >= 0 && owed + amount <= terms.ceiling, || {
            format!("{amount} are minted beside {owed}, the ceiling is {}", terms.ceiling)
        })?;
        let due = terms.part_up(amount, price, terms.mint_fee);
        ensure(fee == due, || format!("minting {amount} costs {fee}, due are {due}"))?;
        self.ledger.pay(account, terms.purse(account), terms.pot(), collateral);
        self.ledger.pay(account, fees(terms.universe), terms.pot(), fee);
        self.ledger.mint(account, terms.universe, terms.asset, amount);
        let after = self.debt_of(terms, account).debt + amount;
        self.owe(terms, account, after);
        ensure(after >= terms.minimum, || format!("{account:?} owes {after} of asset {}", terms.asset))?;
        terms.check_initial(&self.debt_of(terms, account), price)?;
        self.note("auditor: a mint");
        Ok(())
    }

    /// Burned by who owes, or by the backstop vault, whose position has bought what it burns.
    fn burned(
        &mut self,
        terms: &Terms,
        account: Who,
        (amount, debt, returned): (i128, i128, i128),
    ) -> Result<(), Objection> {
        if account == backstop(terms.universe) {
            let (bought, spent) = self.bought_back(terms, account, (debt, returned))?;
            self.note("auditor: a debt bought back by the vault");
            return ensure(bought == amount, || format!("{amount} are burned, {bought} were bought for {spent}"));
        }
        let (supply, owed) = self.sums(terms);
        let before = self.debt_of(terms, account);
        let due = ceil(debt * supply, owed.max(1));
        ensure(amount == due && debt > 0 && debt <= before.debt, || {
            format!("{amount} are burned for {debt} of {before:?}, due are {due}")
        })?;
        self.ledger.mint(account, terms.universe, terms.asset, -amount);
        self.note("auditor: a burn");
        self.retire(terms, account, debt, returned)
    }

    /// Less is owed; who owes nothing any more gets back what is left.
    fn retire(&mut self, terms: &Terms, account: Who, debt: i128, returned: i128) -> Result<(), Objection> {
        let before = self.debt_of(terms, account);
        let left = before.debt - debt;
        self.check_left(terms, account, left)?;
        let due = if left == 0 && account != terms.own() { before.collateral } else { 0 };
        ensure(returned == due, || format!("{account:?} gets {returned} back, due are {due} of {before:?}"))?;
        self.ledger.pay(terms.purse(account), account, terms.pot(), returned);
        self.owe(terms, account, left);
        Ok(())
    }

    /// A position's address has bought units, which are burned; what was burned, and what all of it cost.
    fn bought_back(
        &mut self,
        terms: &Terms,
        account: Who,
        (debt, returned): (i128, i128),
    ) -> Result<(i128, i128), Objection> {
        let purse = terms.purse(account);
        let incoming = self.incoming.take().filter(|incoming| incoming.account == purse);
        let incoming = incoming.ok_or_else(|| format!("{account:?} burns what it did not buy"))?;
        let lot = terms.scale / self.market(incoming.market)?.scale;
        let bought = incoming.lots * lot;
        let spent = incoming.quote + incoming.fees;
        let now = self.debt_of(terms, account);
        let before = Debt { collateral: now.collateral + spent, ..now };
        let (supply, owed) = self.sums(terms);
        let due = floor(bought * owed, supply.max(1)).min(before.debt);
        ensure(debt == due && debt > 0, || format!("{bought} units retire {debt} of {before:?}, due are {due}"))?;
        let after = Debt { debt: before.debt - debt, ..now };
        ensure(!after.is_below(&before), || format!("buying back made {before:?} {after:?}"))?;
        // What no debt is left for of a last lot is the owner's, which is told next.
        let burned = if after.debt == 0 { bought.min(ceil(debt * supply, owed.max(1))) } else { bought };
        ensure(bought - burned < lot, || format!("{bought} units are bought for {debt} of {before:?}"))?;
        self.ledger.mint(purse, terms.universe, terms.asset, -burned);
        self.retire(terms, account, debt, returned)?;
        Ok((burned, spent))
    }

    fn redeemed(
        &mut self,
        terms: &Terms,
        account: Who,
        (amount, paid): (i128, i128),
        hits: &[RedeemedDebt],
    ) -> Result<(), Objection> {
        let price = self.tracked(terms)?.price;
        ensure(!self.gated.contains(&terms.universe), || "redeemed through a closed gate".to_owned())?;
        self.check_line(terms, hits)?;
        let (supply, owed) = self.sums(terms);
        let (mut retired, mut sum) = (0, 0);
        for hit in hits {
            let (payer, debt) = (who(hit.account), hit.debt.get());
            let before = self.debt_of(terms, payer);
            ensure(terms.covers(&before, price), || format!("{before:?} pays, a loss is pending"))?;
            ensure(debt > 0 && debt <= before.debt, || format!("{before:?} is redeemed for {debt}"))?;
            let value = terms.part_down(debt, price, MILLION - terms.redemption_fee);
            let due = value.min(floor(before.collateral * debt, before.debt));
            ensure(hit.paid_usd.get() == due, || {
                format!("{before:?} pays {} for {debt}, due are {due}", hit.paid_usd)
            })?;
            self.ledger.pay(terms.purse(payer), account, terms.pot(), due);
            self.retire(terms, payer, debt, hit.returned_usd.get())?;
            (retired, sum) = (retired + debt, sum + due);
        }
        let due = ceil(retired * supply, owed.max(1));
        ensure((amount, paid) == (due, sum) && paid > 0, || {
            format!("{amount} units are redeemed for {paid}, due are {due} for {sum}")
        })?;
        self.ledger.mint(account, terms.universe, terms.asset, -amount);
        self.note("auditor: a redemption");
        Ok(())
    }

    /// Who pays is who has least for what is owed; only who owes the least there may be is passed over.
    fn check_line(&self, terms: &Terms, hits: &[RedeemedDebt]) -> Result<(), Objection> {
        ensure(hits.len() <= REDEEMED_MAX, || format!("{} positions pay one redemption", hits.len()))?;
        let mut left = self.all_debts(terms);
        for hit in hits {
            let paying = self.debt_of(terms, who(hit.account));
            left.retain(|(account, _)| *account != who(hit.account));
            let passed = left.iter().find(|(account, debt)| {
                debt.is_below(&paying)
                    && !hits.iter().any(|other| who(other.account) == *account)
                    && debt.debt > terms.minimum
            });
            ensure(passed.is_none(), || format!("{paying:?} is redeemed before {passed:?}"))?;
        }
        Ok(())
    }

    fn debt_liquidated(&mut self, terms: &Terms, told: &DebtLiquidation) -> Result<(), Objection> {
        let price = self.tracked(terms)?.price;
        ensure(price == told.index.get().into(), || format!("a debt is closed at {}, not {price}", told.index))?;
        let account = who(told.account);
        let (debt, collateral, returned) = (told.debt.get(), told.collateral_usd.get(), told.returned_usd.get());
        let added = told.added_usd.get();
        ensure(added == 0 || told.method == DebtLiquidationMethod::Backstop, || {
            format!("{added} are added to a debt that the vault does not owe")
        })?;
        match told.method {
            DebtLiquidationMethod::Book => {
                let before = self.debt_of(terms, account);
                let before = Debt { collateral: before.collateral + collateral, ..before };
                // What the vault owes it buys back close to the index, which is told as a burn.
                let is_vault = account == backstop(terms.universe);
                ensure(!is_vault && terms.is_liquidatable(&before, price) && terms.covers(&before, price), || {
                    format!("{before:?} is bought back at {price}")
                })?;
                let (_, spent) = self.bought_back(terms, account, (debt, returned))?;
                self.note("auditor: a debt bought back in the book");
                ensure(spent == collateral, || format!("{collateral} went for a debt, {spent} were spent"))
            }
            DebtLiquidationMethod::Backstop => self.debt_taken_over(terms, told),
            DebtLiquidationMethod::WrittenOff => {
                let before = self.debt_of(terms, account);
                ensure(
                    before == (Debt { debt, collateral }) && !terms.covers(&before, price) && returned == 0,
                    || format!("{before:?} is written off as {debt} with {collateral}"),
                )?;
                let own = self.debt_of(terms, terms.own()).debt;
                self.ledger.pay(terms.purse(account), terms.purse(terms.own()), terms.pot(), collateral);
                self.owe(terms, account, 0);
                self.owe(terms, terms.own(), own + debt);
                self.note("auditor: a debt written off");
                Ok(())
            }
        }
    }

    /// The vault owes it, with its value and the penalty, as far as that is there, and adds what new risk needs.
    fn debt_taken_over(&mut self, terms: &Terms, told: &DebtLiquidation) -> Result<(), Objection> {
        let (account, debt, taken) = (who(told.account), told.debt.get(), told.collateral_usd.get());
        let price = self.tracked(terms)?.price;
        let (before, vault) = (self.debt_of(terms, account), backstop(terms.universe));
        let is_own = account == terms.own();
        ensure(is_own || (terms.is_liquidatable(&before, price) && terms.covers(&before, price)), || {
            format!("{before:?} is taken over at {price}")
        })?;
        let penalty = if is_own { 0 } else { terms.penalty };
        let part = floor(before.collateral * debt, before.debt.max(1));
        let due = terms.part_up(debt, price, MILLION + penalty).min(part);
        ensure(debt > 0 && debt <= before.debt && taken == due && account != vault, || {
            format!("{debt} of {before:?} are taken over with {taken}, due are {due}")
        })?;
        self.ledger.pay(terms.purse(account), terms.purse(vault), terms.pot(), taken);
        self.retire(terms, account, debt, told.returned_usd.get())?;
        let owed = self.debt_of(terms, vault).debt + debt;
        self.owe(terms, vault, owed);
        self.vault_adds(terms, vault, told.added_usd.get())?;
        self.note("auditor: a debt taken over by the vault");
        Ok(())
    }

    /// To what the vault has taken over it adds what new risk needs at the worst price, and nothing that was there without it.
    fn vault_adds(&mut self, terms: &Terms, vault: Who, added: i128) -> Result<(), Objection> {
        let price = self.tracked(terms)?.price;
        let without = self.debt_of(terms, vault);
        self.ledger.pay(vault, terms.purse(vault), terms.pot(), added);
        let with = self.debt_of(terms, vault);
        terms.check_initial(&with, price)?;
        let most = terms.part_up(with.debt, self.highest_index(terms.tracks), terms.initial);
        ensure(added == 0 || (added > 0 && with.collateral <= most), || {
            format!(
                "the vault adds {added} to {without:?} of asset {}, no price asks for more than {most}",
                terms.asset
            )
        })
    }

    /// Whether an account is a synthetic's own, which the fund pays for.
    pub(super) fn is_synthetic(&self, account: Who) -> bool {
        self.all_synthetics().iter().any(|terms| terms.own() == account)
    }

    /// The fund pays what the synthetic's own collateral lacks, as far as it has it and may.
    pub(super) fn synthetic_deficit_paid(&mut self, account: Who, amount: i128) -> Result<(), Objection> {
        let all = self.all_synthetics();
        let terms = all.iter().find(|terms| terms.own() == account).ok_or("a deficit of no synthetic")?;
        let own = self.debt_of(terms, account);
        let price = self.tracked(terms)?.price;
        let lacking = terms.part_up(own.debt + self.shortfall(terms), price, MILLION) - own.collateral;
        let claimed = self.synthetics.claims.get(&terms.asset).copied().unwrap_or(0);
        let fund = self.ledger.balance(insurance(terms.universe), terms.universe, terms.quote);
        let due = lacking.min(terms.fund_maximum - claimed).min(fund);
        ensure(amount == due && amount > 0, || {
            format!("the fund pays {amount} for asset {}, due are {due} of {lacking}", terms.asset)
        })?;
        self.ledger.pay(insurance(terms.universe), terms.purse(account), terms.pot(), amount);
        *self.synthetics.claims.entry(terms.asset).or_default() += amount;
        self.note("auditor: the deficit of a synthetic");
        Ok(())
    }

    /// Collateral that somebody takes out of a position leaves what new risk needs.
    pub(super) fn check_collateral_left(&self, from: Who) -> Result<(), Objection> {
        for terms in self.all_synthetics() {
            let owing = self.all_debts(&terms).into_iter().find(|(account, _)| terms.purse(*account) == from);
            if let Some((_, debt)) = owing {
                terms.check_initial(&debt, self.tracked(&terms)?.price)?;
            }
        }
        Ok(())
    }

    /// What a backstop vault's debts are worth to it, none less than nothing; `None` without a fresh index.
    pub(super) fn debts_worth(&self, vault: Who, universe: Universe) -> Option<i128> {
        let mut sum = 0;
        for terms in self.all_synthetics().iter().filter(|terms| terms.universe == universe) {
            let own = self.debt_of(terms, vault);
            if own.debt > 0 {
                let price = self.tracked(terms).ok()?.price;
                sum += (own.collateral - terms.part_up(own.debt, price, MILLION)).max(0);
            }
        }
        Some(sum)
    }

    /// Debts are the chain's, and units are what is owed and what is short.
    pub(super) fn compare_synthetics(&mut self, state: &State) -> Result<(), Objection> {
        let debts: BTreeMap<(Asset, Who), i128> =
            state.debts().map(|(id, record)| ((id.asset.get(), who(id.account)), record.debt.get())).collect();
        ensure(debts == self.synthetics.debts, || super::compare::difference("debts", &debts, &self.synthetics.debts))?;
        for (id, record) in state.debts() {
            let own = self.debt_of(&self.synthetic_terms(id.asset.get())?, who(id.account));
            ensure(own.collateral == record.collateral_usd.get(), || {
                format!("{} has {} for its debt, the auditor {own:?}", id.account, record.collateral_usd)
            })?;
        }
        for terms in self.all_synthetics() {
            let record = state.synthetic(AssetId::new(terms.asset));
            let told = record.map(|record| (record.shortfall.get(), record.fund_claimed_usd.get()));
            let claimed = self.synthetics.claims.get(&terms.asset).copied().unwrap_or(0);
            let own = (self.shortfall(&terms), claimed);
            ensure(told == Some(own) && own.0 >= 0, || {
                format!("nobody owes of asset {} and the fund paid {told:?}, due are {own:?}", terms.asset)
            })?;
        }
        Ok(())
    }
}
