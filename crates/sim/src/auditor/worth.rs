//! What accounts are worth, by the formulas of the book: equity and maintenance of a margin unit, and the two values of a vault.
//!
//! Initial margin with its add-ons is not decided here: who may open what is left to the engine's own models.

use super::{
    Asset, Auditor, Held, Market, Objection, Universe, Who,
    ledger::{backstop, purse_of},
    numbers::{ceil, floor, part_down, part_up},
};
use std::collections::BTreeSet;

/// What is margined together: account, universe, and the market of an isolated position.
pub type Unit = ([u8; 20], u32, Option<u32>);

/// Equity and maintenance requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Worth {
    pub equity: i128,
    pub maintenance: i128,
    pub has_positions: bool,
}

impl Auditor {
    pub(super) fn is_isolated(&self, account: Who, market: Market) -> bool {
        self.settings.get(&(account, market)).is_some_and(|(_, isolated)| *isolated)
    }

    /// Where the collateral of a position lies.
    pub(super) fn pot_of(&self, account: Who, market: Market) -> Who {
        if self.is_isolated(account, market) { purse_of(account, market) } else { account }
    }

    pub(super) fn unit_of(&self, account: Who, market: Market) -> Result<Unit, Objection> {
        let universe = self.market(market)?.universe;
        Ok((account, universe, self.is_isolated(account, market).then_some(market)))
    }

    pub(super) fn positions_of(&self, unit: Unit) -> Vec<(Market, Held)> {
        let first = (unit.0, 0);
        let own = self.positions.range(first..).take_while(|((account, _), _)| *account == unit.0);
        own.filter(|((account, market), _)| self.unit_of(*account, *market) == Ok(unit))
            .map(|((_, market), held)| (*market, *held))
            .collect()
    }

    /// What a position has gained, what it owes in funding taken off; rounded down.
    pub(super) fn unrealised(&self, market: Market, held: &Held) -> Option<i128> {
        let owed = held.lots * (self.funding_index(market) - held.index);
        Some(self.value(market, held.lots)? - held.cost - owed)
    }

    /// The value of lots at a market's mark, rounded down.
    pub(super) fn value(&self, market: Market, lots: i128) -> Option<i128> {
        Some(floor(self.mark_of(market)? * lots, self.terms.markets.get(&market)?.scale))
    }

    fn maintenance(&self, market: Market, lots: i128) -> Option<i128> {
        let terms = self.terms.markets.get(&market)?;
        let notional = ceil(self.mark_of(market)? * lots.abs(), terms.scale);
        Some(ceil(notional, 2 * terms.maximum_leverage))
    }

    /// What an account's open spot orders lock of an asset: notional and the larger fee of a buy, the base of a sell.
    pub(super) fn locked(&self, account: Who, universe: Universe, asset: Asset) -> i128 {
        let mut sum = 0;
        for order in self.orders.values().filter(|order| order.owner == account) {
            let Some(terms) = self.terms.markets.get(&order.market).filter(|terms| terms.universe == universe) else {
                continue;
            };
            let Some((base, quote)) = terms.spot else { continue };
            let lots = i128::from(order.lots);
            if order.buys && quote == asset {
                let notional = i128::from(order.price) * lots / terms.scale;
                sum += notional + part_up(notional, terms.maker_fee.max(terms.taker_fee));
            } else if !order.buys && base == asset {
                sum += lots * (self.terms.assets[&base].unit / terms.scale);
            }
        }
        sum
    }

    /// What assets beside the universe's own count for maintenance.
    fn other_assets(&self, account: Who, universe: Universe) -> i128 {
        let quote = self.terms.quotes.get(&universe).copied();
        let mut sum = 0;
        for (asset, terms) in self.terms.assets.iter().filter(|(asset, _)| Some(**asset) != quote) {
            let (Some(weights), Some(index)) = (terms.collateral, self.index_of(*asset)) else { continue };
            let amount = self.ledger.balance(account, universe, *asset);
            let free = (amount - self.locked(account, universe, *asset)).max(0);
            let worth = floor(free * index.price, terms.unit);
            sum += part_down(worth, weights.maintenance_weight.get().into());
        }
        sum
    }

    /// Whether the division of an account's money between cash and purses is known.
    pub(super) fn is_divided(&self, account: Who) -> bool {
        !self.ledger.is_divided_unknown(account)
    }

    /// A unit in numbers; `None` while a mark is missing or a purse not known, and of units that are exempt ([`Self::is_exempt`]).
    pub(super) fn worth(&self, unit: Unit) -> Option<Worth> {
        let (account, universe, market) = unit;
        if !self.is_divided(account) || self.is_portfolio(unit) {
            return None;
        }
        let quote = *self.terms.quotes.get(&universe)?;
        let pot = market.map_or(account, |market| purse_of(account, market));
        let mut equity = self.ledger.balance(pot, universe, quote) - self.locked(pot, universe, quote);
        if market.is_none() {
            equity += self.other_assets(account, universe) + self.pool_shares_worth(account, universe)?;
        }
        let positions = self.positions_of(unit);
        let mut maintenance = 0;
        for (market, held) in &positions {
            equity += self.unrealised(*market, held)?;
            maintenance += self.maintenance(*market, held.lots)?;
        }
        Some(Worth { equity, maintenance, has_positions: !positions.is_empty() })
    }

    /// Everything that can owe something.
    pub(super) fn units(&self) -> BTreeSet<Unit> {
        let mut units: BTreeSet<Unit> =
            self.positions.keys().filter_map(|(account, market)| self.unit_of(*account, *market).ok()).collect();
        for ((account, universe, asset), amount) in &self.ledger.balances {
            if *amount < 0 && self.terms.quotes.get(universe) == Some(asset) && self.is_person(*account) {
                units.insert((*account, *universe, None));
            }
        }
        // What is missing in the purse of an isolated position, also after it.
        for ((account, market), (_, isolated)) in &self.settings {
            let Some(terms) = self.terms.markets.get(market) else { continue };
            let Some(quote) = self.terms.quotes.get(&terms.universe) else { continue };
            let purse = self.ledger.balance(purse_of(*account, *market), terms.universe, *quote);
            if *isolated && purse < 0 {
                units.insert((*account, terms.universe, Some(*market)));
            }
        }
        units
    }

    /// Units below maintenance but for exempt ones; `None` if something that this needs is not known.
    pub(super) fn liquidatable(&self) -> Option<BTreeSet<Unit>> {
        let mut below = BTreeSet::new();
        for unit in self.units().into_iter().filter(|unit| !self.is_exempt(*unit)) {
            let worth = self.worth(unit)?;
            if worth.equity < worth.maintenance {
                below.insert(unit);
            }
        }
        Some(below)
    }

    /// What a vault is worth with its positions at the lower and at the higher of mark and index.
    pub(super) fn vault_worth(&self, vault: Who, universe: Universe) -> Option<(i128, i128)> {
        if !self.is_divided(vault) {
            return None;
        }
        let quote = *self.terms.quotes.get(&universe)?;
        let cash = self.ledger.balance(vault, universe, quote) - self.locked(vault, universe, quote);
        let (mut low, mut high) = (0, 0);
        let (mut at_mark, mut at_index) = (cash, cash);
        let own = self.positions.range((vault, 0)..).take_while(|((account, _), _)| *account == vault);
        for ((_, market), held) in own {
            let terms = self.terms.markets.get(market)?;
            if terms.universe != universe {
                continue;
            }
            let unrealised = self.unrealised(*market, held)?;
            let index = self.fresh_index(terms.underlying?)?;
            let other = unrealised + floor(index.price * held.lots, terms.scale) - self.value(*market, held.lots)?;
            if self.is_isolated(vault, *market) {
                let purse = self.ledger.balance(purse_of(vault, *market), universe, quote);
                let (one, two) = ((purse + unrealised).max(0), (purse + other).max(0));
                (low, high) = (low + one.min(two), high + one.max(two));
            } else {
                (at_mark, at_index) = (at_mark + unrealised, at_index + other);
            }
        }
        (low, high) = (low + at_mark.min(at_index), high + at_mark.max(at_index));
        if vault == backstop(universe) {
            let (least, most) = self.taken_over(vault, universe, quote);
            let debts = self.debts_worth(vault, universe)?;
            (low, high) = (low + least + debts, high + most + debts);
        }
        Some((low, high))
    }

    /// Collateral that a backstop vault has bought: with its weight while the index is fresh, and whole.
    fn taken_over(&self, vault: Who, universe: Universe, quote: Asset) -> (i128, i128) {
        let (mut least, mut most) = (0, 0);
        for (asset, terms) in self.terms.assets.iter().filter(|(asset, _)| **asset != quote) {
            let Some(index) = self.index_of(*asset) else { continue };
            let whole = floor(self.ledger.balance(vault, universe, *asset).max(0) * index.price, terms.unit);
            let weight = terms.collateral.filter(|_| self.fresh_index(*asset).is_some());
            let weighed = weight.map_or(0, |weights| part_down(whole, weights.maintenance_weight.get().into()));
            (least, most) = (least + weighed.min(whole), most + weighed.max(whole));
        }
        (least, most)
    }
}
