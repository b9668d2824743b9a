//! Liquidation as it is told: calls with the numbers behind them, slices, takeovers, who pays what is missing, and gates.
//!
//! Where the division between an account and its purses is not known ([`super::ledger`]), numbers are only bounded, not compared.

use super::{
    Auditor, Market, Objection, Universe, Who,
    deleveraging::Closing,
    ensure,
    ledger::{backstop, fees, insurance},
    numbers::{MILLION, ceil, floor, part_up},
    trading::{Change, signed},
    who,
    worth::{Unit, Worth},
};
use palisade_types::event::{Event, Liquidation, LiquidationMethod, MarginLevel, Payer};
use std::collections::{BTreeMap, BTreeSet};

/// Warned and called below these multiples of maintenance, in parts per million.
const WARNED_BELOW: i128 = 1_250_000;
const CALLED_BELOW: i128 = 1_100_000;
/// What a slice costs, and what the backstop vault is paid, in parts per million.
const LIQUIDATION_FEE: i128 = 5_000;
const DISCOUNT: i128 = 10_000;
/// How the backstop vault margins.
const BACKSTOP_LEVERAGE: u32 = 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Liquidations {
    /// Units that are not healthy.
    pub calls: BTreeMap<Unit, MarginLevel>,
    /// What the fund has paid for each market.
    pub claims: BTreeMap<Market, i128>,
    /// A deleveraging under way.
    pub closing: Option<Closing>,
    /// Markets in which the backstop vault has taken something over in this block.
    taken_over: BTreeSet<Market>,
    /// What the backstop vaults and their purses had before the block.
    before: BTreeMap<(Universe, Market), (i128, i128)>,
}

impl Auditor {
    pub(super) fn liquidation(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::MarginCalled { account, universe, market, level, equity_usd, maintenance_usd } => {
                let unit = (who(*account), universe.get(), market.map(|market| market.get()));
                self.called(unit, *level, (equity_usd.get(), maintenance_usd.get()))
            }
            Event::Liquidated(liquidation) => match liquidation.method {
                LiquidationMethod::Book => self.slice(liquidation),
                LiquidationMethod::Backstop => self.takeover(liquidation),
                LiquidationMethod::Deleverage => self.bankrupt_closed(liquidation),
                LiquidationMethod::Hedge => self.hedge(liquidation),
            },
            Event::DeficitPaid { account, payer: Payer::Insurance, amount_usd, .. }
                if self.is_synthetic(who(*account)) =>
            {
                self.synthetic_deficit_paid(who(*account), amount_usd.get())
            }
            Event::DeficitPaid { universe, account, market, payer, amount_usd } => self.deficit_paid(
                (who(*account), universe.get()),
                market.map(|market| market.get()),
                *payer,
                amount_usd.get(),
            ),
            Event::CollateralSold { universe, account, buyer, asset, amount, proceeds_usd } => self.collateral_sold(
                (who(*account), who(*buyer)),
                universe.get(),
                asset.get(),
                (amount.get(), proceeds_usd.get()),
            ),
            Event::PortfolioModeSet { account, universe, enabled } => {
                self.portfolio_mode_set(*account, *universe, *enabled)
            }
            Event::GateChanged { universe, closed } => {
                let changed =
                    if *closed { self.gated.insert(universe.get()) } else { self.gated.remove(&universe.get()) };
                ensure(changed, || format!("the gate of universe {universe} is told twice: {closed}"))?;
                self.check_gate(universe.get(), *closed)
            }
            _ => Ok(()),
        }
    }

    fn called(&mut self, unit: Unit, level: MarginLevel, (equity, maintenance): (i128, i128)) -> Result<(), Objection> {
        let due = level_of(equity, maintenance);
        // Levels above the last leave out what options are worth and need alike.
        let is_last = |level| level == MarginLevel::Liquidatable;
        let agrees = level == due || (self.is_exempt(unit) && is_last(level) == is_last(due));
        ensure(agrees, || format!("{unit:?} is told {level:?} with {equity} for {maintenance}"))?;
        if let Some(worth) = self.worth(unit) {
            self.note("auditor: the numbers of a margin call");
            ensure((worth.equity, worth.maintenance) == (equity, maintenance), || {
                format!("{unit:?} is called with {equity} for {maintenance}, it has {worth:?}")
            })?;
        }
        match level {
            MarginLevel::Healthy => self.liquidations.calls.remove(&unit),
            _ => self.liquidations.calls.insert(unit, level),
        };
        Ok(())
    }

    fn unit_of_liquidation(&self, told: &Liquidation) -> Result<Unit, Objection> {
        let (account, market) = (who(told.account), told.market.get());
        let unit = self.unit_of(account, market)?;
        let is_isolated = unit.2.is_some();
        ensure(is_isolated == told.is_isolated && unit.1 == told.universe.get(), || {
            format!("{} is liquidated in market {market} as {unit:?}", told.account)
        })?;
        let level = self.liquidations.calls.get(&unit);
        ensure(level == Some(&MarginLevel::Liquidatable), || format!("{unit:?} is liquidated at {level:?}"))?;
        let mark = self.mark_of(market).or_else(|| self.possible_mark(market, told.mark.get().into()));
        ensure(mark == Some(told.mark.get().into()), || {
            format!("liquidated at a mark of {}, it is {mark:?}", told.mark)
        })?;
        Ok(unit)
    }

    /// The fills were told; here is their sum.
    fn check_fills(&mut self, unit: Unit, told: &Liquidation) -> Result<(), Objection> {
        let incoming = self.incoming.take().ok_or("a slice without fills")?;
        let summed = (incoming.account, incoming.market, incoming.lots, incoming.quote);
        ensure(summed == (unit.0, told.market.get(), told.size.get().into(), told.quote_usd.get()), || {
            format!("a slice of {} lots for {}, the fills say {incoming:?}", told.size, told.quote_usd)
        })
    }

    /// A portfolio trades perpetuals against its delta: it opens or closes, and costs no more than any fill.
    fn hedge(&mut self, told: &Liquidation) -> Result<(), Objection> {
        let unit = self.unit_of_liquidation(told)?;
        let terms = self.market(told.market.get())?;
        ensure(self.is_portfolio(unit) && terms.expires_at_ms.is_none() && told.fee_usd.get() == 0, || {
            format!("{unit:?} is hedged in market {} for {}", told.market, told.fee_usd)
        })?;
        self.check_fills(unit, told)?;
        self.note("liquidated: a portfolio is hedged");
        Ok(())
    }

    /// The fills were told; here is what they cost.
    fn slice(&mut self, told: &Liquidation) -> Result<(), Objection> {
        let unit = self.unit_of_liquidation(told)?;
        let market = told.market.get();
        self.check_fills(unit, told)?;
        let full = part_up(told.quote_usd.get(), LIQUIDATION_FEE);
        let fee = told.fee_usd.get();
        ensure((0..=full).contains(&fee), || format!("a slice costs {fee}, at most {full}"))?;
        if let Some(worth) = self.worth(unit) {
            let due = full.min(worth.equity).max(0);
            ensure(fee == due, || format!("a slice costs {fee}, due are {due}"))?;
        }
        let pot = (unit.1, self.quote_of(unit.1)?);
        let payer = if self.positions.contains_key(&(unit.0, market)) { self.pot_of(unit.0, market) } else { unit.0 };
        self.ledger.pay(payer, insurance(unit.1), pot, fee);
        self.note("liquidated: into the book");
        Ok(())
    }

    fn takeover(&mut self, told: &Liquidation) -> Result<(), Objection> {
        let unit = self.unit_of_liquidation(told)?;
        let (account, universe, market) = (unit.0, unit.1, told.market.get());
        let lots = signed(told.side, i128::from(told.size.get()));
        self.check_closes(account, market, lots)?;
        if let Some(worth) = self.worth(unit) {
            let due = self.takeover_quote(account, market, lots, worth)?;
            ensure(worth.equity >= 0 && told.quote_usd.get() == due, || {
                format!("taken over for {}, due are {due} with {worth:?}", told.quote_usd)
            })?;
            self.note("auditor: the price of a takeover");
        }
        let quote = signed(told.side, told.quote_usd.get());
        let vault = backstop(universe);
        self.settings.insert((vault, market), (BACKSTOP_LEVERAGE, true));
        self.ledger.open_purse(vault, market);
        let gain = self.change_position(Change { account, market, lots, quote, price: None })?;
        ensure(gain == told.closed_pnl_usd.get(), || {
            format!("a takeover gave {}, due are {gain}", told.closed_pnl_usd)
        })?;
        self.change_position(Change { account: vault, market, lots: -lots, quote: -quote, price: None })?;
        self.liquidations.taken_over.insert(market);
        self.note("liquidated: by the backstop vault");
        Ok(())
    }

    /// The mark less the discount, as far as the account has that.
    fn takeover_quote(&self, account: Who, market: Market, lots: i128, worth: Worth) -> Result<i128, Objection> {
        let no_mark = || format!("market {market} has no mark");
        let all = self.positions.get(&(account, market)).map_or(1, |held| held.lots.abs());
        let own = floor(worth.equity * lots.abs(), all);
        let scale = self.market(market)?.scale;
        let mark = self.mark_of(market).ok_or_else(no_mark)?;
        if lots < 0 {
            let value = floor(mark * -lots, scale);
            return Ok(value - part_up(value, DISCOUNT).min(own).max(0));
        }
        let value = ceil(mark * lots, scale);
        Ok(value + part_up(value, DISCOUNT).min(own).max(0))
    }

    pub(super) fn check_closes(&self, account: Who, market: Market, lots: i128) -> Result<(), Objection> {
        let held = self.positions.get(&(account, market)).map_or(0, |held| held.lots);
        ensure(held * lots < 0 && lots.abs() <= held.abs(), || {
            format!("{lots} lots close a position of {held} in market {market}")
        })
    }

    /// What the fund may still pay for a market.
    pub(super) fn fund_room(&self, universe: Universe, market: Option<Market>) -> Result<i128, Objection> {
        let there = self.ledger.balance(insurance(universe), universe, self.quote_of(universe)?);
        let Some(market) = market else { return Ok(there) };
        let claimed = self.liquidations.claims.get(&market).copied().unwrap_or(0);
        Ok(there.min(self.market(market)?.fund_claim_maximum - claimed).max(0))
    }

    fn deficit_paid(
        &mut self,
        (account, universe): (Who, Universe),
        market: Option<Market>,
        payer: Payer,
        amount: i128,
    ) -> Result<(), Objection> {
        let quote = self.quote_of(universe)?;
        let isolated = market.filter(|market| self.is_isolated(account, *market));
        let unit = (account, universe, isolated);
        let room = self.fund_room(universe, market)?;
        let (source, most) = match payer {
            Payer::Insurance => (insurance(universe), room),
            Payer::Fees => (fees(universe), self.ledger.balance(fees(universe), universe, quote)),
        };
        ensure(amount > 0 && amount <= most, || format!("{payer:?} pays {amount} of {most}"))?;
        if let Some(worth) = self.worth(unit) {
            let missing = -worth.equity;
            ensure(amount == missing.min(most), || {
                format!("{payer:?} pays {amount} of {most}, missing are {missing}")
            })?;
            ensure(payer == Payer::Insurance || room == 0, || format!("fees pay, the fund has {room} to give"))?;
            self.note("auditor: the amount of a deficit");
        }
        let pot = self.pot_of_unit(unit);
        self.ledger.pay(source, pot, (universe, quote), amount);
        if let (Some(market), Payer::Insurance) = (market, payer) {
            *self.liquidations.claims.entry(market).or_default() += amount;
        }
        self.note(match payer {
            Payer::Insurance => "deficit: paid by the fund",
            Payer::Fees => "deficit: paid from fees",
        });
        Ok(())
    }

    fn pot_of_unit(&self, unit: Unit) -> Who {
        unit.2.map_or(unit.0, |market| super::ledger::purse_of(unit.0, market))
    }

    /// Collateral is sold at the index less the discount, for what the buyer has.
    fn collateral_sold(
        &mut self,
        (account, buyer): (Who, Who),
        universe: Universe,
        asset: u32,
        (amount, proceeds): (i128, i128),
    ) -> Result<(), Objection> {
        let quote = self.quote_of(universe)?;
        let index = self.fresh_index(asset).ok_or_else(|| format!("asset {asset} is sold at no index"))?;
        let unit = self.terms.assets[&asset].unit;
        let worth = |amount: i128| floor(floor(amount * index.price, unit) * (MILLION - DISCOUNT), MILLION);
        // Of a part the last unit is sold whole; the rounding of two values is left to the buyer.
        let (most, least) = (worth(amount), worth(amount - 1) - 2);
        ensure(amount > 0 && proceeds <= most && proceeds >= least, || {
            format!("{amount} of asset {asset} are sold for {proceeds}, they are worth {most}")
        })?;
        if let Some(worth) = self.worth((account, universe, None)) {
            let owes = self.ledger.balance(account, universe, quote) < 0;
            ensure(worth.equity < 0 || (owes && !worth.has_positions), || {
                format!("collateral of an account with {worth:?} is sold")
            })?;
        }
        ensure([backstop(universe), insurance(universe), fees(universe)].contains(&buyer), || {
            format!("collateral is sold to {buyer:?}")
        })?;
        self.ledger.pay(account, buyer, (universe, asset), amount);
        self.ledger.pay(buyer, account, (universe, quote), proceeds);
        let (left, cash) = (self.ledger.balance(account, universe, asset), self.ledger.balance(buyer, universe, quote));
        ensure(left >= 0 && (cash >= 0 || !self.is_divided(buyer)), || {
            format!("after a sale of collateral {left} are left, and the buyer has {cash}")
        })
    }

    /// A gate is closed while somebody owes more than there is.
    fn check_gate(&mut self, universe: Universe, closed: bool) -> Result<(), Objection> {
        let (mut owes, mut is_unknown) = (false, false);
        for unit in self.units().into_iter().filter(|unit| unit.1 == universe) {
            match self.worth(unit) {
                Some(worth) => owes |= worth.equity < 0,
                None => is_unknown = true,
            }
        }
        self.note("auditor: a gate");
        ensure(owes == closed || (closed && is_unknown), || {
            format!("the gate of universe {universe} is closed: {closed}, somebody owes: {owes}")
        })
    }

    /// What the backstop vault has in all, and in one market's purse.
    fn vault_capital(&self, universe: Universe, market: Market) -> Option<(i128, i128)> {
        let (vault, quote) = (backstop(universe), *self.terms.quotes.get(&universe)?);
        let purse = |market: Market| self.ledger.balance(super::ledger::purse_of(vault, market), universe, quote);
        let own = self.settings.keys().filter(|(account, _)| *account == vault);
        let purses: i128 = own.map(|(_, market)| purse(*market)).sum();
        Some((self.ledger.balance(vault, universe, quote) + purses, purse(market)))
    }

    /// Remembers what the backstop vaults have before a block; divided as the chain divides it.
    pub(super) fn remember_vaults(&mut self) {
        let linear = self.terms.markets.iter().filter(|(_, terms)| terms.underlying.is_some());
        let capital = linear.filter_map(|(market, terms)| {
            Some(((terms.universe, *market), self.vault_capital(terms.universe, *market)?))
        });
        self.liquidations.before = capital.collect();
        self.liquidations.taken_over.clear();
    }

    /// A market in which the vault has taken something over holds no more of it than the market's share; called once the chain's
    /// division is known.
    pub(super) fn check_fences(&mut self) -> Result<(), Objection> {
        for market in std::mem::take(&mut self.liquidations.taken_over) {
            let terms = self.market(market)?.clone();
            let before = self.liquidations.before.get(&(terms.universe, market)).copied().unwrap_or_default();
            let now = self.vault_capital(terms.universe, market).unwrap_or_default();
            let share = floor(before.0.max(now.0) * terms.backstop_share, MILLION);
            // What lay there before stays; a USD for roundings.
            let most = share.max(before.1) + 100_000_000;
            ensure(now.1 <= most, || format!("the vault has {} in market {market}, its share is {share}", now.1))?;
            self.note("auditor: a backstop fence");
        }
        Ok(())
    }
}

/// What the numbers say.
fn level_of(equity: i128, maintenance: i128) -> MarginLevel {
    if equity < maintenance {
        MarginLevel::Liquidatable
    } else if equity < part_up(maintenance, CALLED_BELOW) {
        MarginLevel::Called
    } else if equity < part_up(maintenance, WARNED_BELOW) {
        MarginLevel::Warned
    } else {
        MarginLevel::Healthy
    }
}
