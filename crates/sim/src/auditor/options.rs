//! Options: what is listed, who pays the premium, what a fill costs, what a mark may be, and the price of an expiry.
//!
//! A mark is not computed here, that would be the engine's mathematics once more: it is bounded by what no option can be worth
//! less or more than, and a call and a put of one strike must differ by what the forward and the strike differ by. So whoever
//! holds an option, or margins as a portfolio, is worth what the chain says ([`Auditor::is_exempt`]).

use super::{
    Asset, Auditor, Market, Objection, Universe, Who, ensure,
    numbers::{ceil, part_up},
    trading::Change,
    who,
    worth::Unit,
};
use palisade_engine::State;
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{MarketId, UniverseId},
    market::{OptionContract, OptionKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// Options expire at 08:00 UTC.
const DAY_MS: u64 = 86_400_000;
const EXPIRY_OF_DAY_MS: u64 = 28_800_000;
/// Two roundings of a price to its nearest unit.
const PARITY_ERROR: i128 = 2;

/// What an option pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Contract {
    pub strike: i128,
    pub is_call: bool,
    /// Most of a premium that a fee may take, in parts per million.
    pub fee_share: i128,
}

impl Contract {
    pub fn of(contract: &OptionContract) -> Self {
        Self {
            strike: contract.strike.get().into(),
            is_call: contract.right == OptionKind::Call,
            fee_share: contract.fee_share_maximum.get().into(),
        }
    }

    /// What a unit pays at a price.
    pub fn payoff(&self, price: i128) -> i128 {
        if self.is_call { (price - self.strike).max(0) } else { (self.strike - price).max(0) }
    }

    /// What no option of European exercise without interest is worth less or more than, to the rounding of a price.
    fn check_mark(&self, mark: i128, forward: i128) -> Result<(), Objection> {
        let most = if self.is_call { forward } else { self.strike };
        let least = self.payoff(forward);
        ensure(mark >= least - 1 && mark <= most + 1, || {
            format!("{self:?} is marked at {mark} with a forward of {forward}")
        })
    }
}

/// Universe, underlying and time.
pub(super) type Expiry = (Universe, Asset, u64);

#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// The price for delivery at each expiry, once it was told.
    forwards: BTreeMap<Expiry, i128>,
    /// Expiries whose settlement price is fixed.
    fixed: BTreeSet<Expiry>,
    portfolios: BTreeSet<(Who, Universe)>,
}

impl Auditor {
    /// The series of the genesis lists options, at 08:00 UTC of days to come, each contract once.
    pub(super) fn option_listed(&mut self, event: &Event) -> Result<(), Objection> {
        let Event::OptionListed { market, symbol, universe, underlying, expires_at_ms, strike, right } = event else {
            return Ok(());
        };
        let series = self.genesis.option_series.iter();
        let of_rule = series.clone().find(|one| (one.universe, one.underlying) == (*universe, *underlying));
        let series = of_rule.ok_or_else(|| format!("option {symbol} is of no series"))?;
        let at_ms = expires_at_ms.get();
        ensure(at_ms > self.now_ms && at_ms % DAY_MS == EXPIRY_OF_DAY_MS && strike.get() > 0, || {
            format!("option {symbol} expires at {at_ms} with a strike of {strike}")
        })?;
        let spec = series.market(*market, symbol.clone(), *expires_at_ms, *strike, *right);
        let expiry = (universe.get(), underlying.get(), at_ms);
        let contract = spec.option().as_ref().map(Contract::of);
        let twin = self.options_of(expiry).into_iter().find(|(_, other)| Some(*other) == contract);
        ensure(twin.is_none(), || format!("option {symbol} is listed as {twin:?} already"))?;
        self.list(&spec)
    }

    fn options_of(&self, expiry: Expiry) -> Vec<(Market, Contract)> {
        let listed = self.terms.markets.iter();
        listed
            .filter(|(market, _)| self.expiry_of(**market) == Some(expiry))
            .filter_map(|(market, terms)| Some((*market, terms.contract?)))
            .collect()
    }

    fn expiry_of(&self, market: Market) -> Option<Expiry> {
        let terms = self.terms.markets.get(&market).filter(|terms| terms.contract.is_some())?;
        Some((terms.universe, terms.underlying?, terms.expires_at_ms?))
    }

    pub(super) fn surface_updated(&mut self, event: &Event) -> Result<(), Objection> {
        let Event::SurfaceUpdated { universe, underlying, expires_at_ms, forward, volatility } = event else {
            return Ok(());
        };
        let expiry = (universe.get(), underlying.get(), expires_at_ms.get());
        ensure(!self.options_of(expiry).is_empty(), || format!("a surface of {expiry:?}, where nothing is listed"))?;
        ensure(!self.options.fixed.contains(&expiry), || format!("a surface of {expiry:?}, whose price is fixed"))?;
        ensure(forward.get() > 0 && volatility.get() > 0, || {
            format!("a forward of {forward} at a volatility of {volatility}")
        })?;
        self.options.forwards.insert(expiry, forward.get().into());
        Ok(())
    }

    /// One price for all options of an expiry, from the window like that of a future.
    pub(super) fn options_fixed(&mut self, event: &Event) -> Result<(), Objection> {
        let Event::OptionsFixed { universe, underlying, expires_at_ms, price, measured_ms } = event else {
            return Ok(());
        };
        let expiry = (universe.get(), underlying.get(), expires_at_ms.get());
        let price = i128::from(price.get());
        self.check_settlement_price(expiry.1, expiry.2, (price, *measured_ms))
            .map_err(|objection| format!("options of {expiry:?}: {objection}"))?;
        ensure(self.options.fixed.insert(expiry), || format!("options of {expiry:?} are settled twice"))?;
        self.options.forwards.insert(expiry, price);
        for (market, contract) in self.options_of(expiry) {
            self.open_settlement(market, contract.payoff(price))?;
        }
        self.note("auditor: the settlement price of an expiry");
        Ok(())
    }

    /// A settled option is gone, with everything kept under its number.
    pub(super) fn forget_option(&mut self, market: Market) {
        let is_option = self.terms.markets.get(&market).is_some_and(|terms| terms.contract.is_some());
        if is_option {
            self.terms.markets.remove(&market);
            self.settings.retain(|(_, of), _| *of != market);
            self.liquidations.claims.remove(&market);
            self.ledger.forget_purses(market);
        }
    }

    pub(super) fn portfolio_mode_set(
        &mut self,
        account: AccountId,
        universe: UniverseId,
        enabled: bool,
    ) -> Result<(), Objection> {
        let key = (who(account), universe.get());
        let modes = &mut self.options.portfolios;
        let changed = if enabled { modes.insert(key) } else { modes.remove(&key) };
        ensure(changed, || format!("portfolio mode of {account} is told twice: {enabled}"))
    }

    /// The mark of an option, if it may be that.
    pub(super) fn possible_mark(&self, market: Market, mark: i128) -> Option<i128> {
        let contract = self.terms.markets.get(&market)?.contract?;
        let forward = self.options.forwards.get(&self.expiry_of(market)?)?;
        contract.check_mark(mark, *forward).is_ok().then_some(mark)
    }

    /// Whether what a unit is worth depends on the marks of options, or its requirement on a grid of scenarios.
    pub(super) fn is_exempt(&self, unit: Unit) -> bool {
        self.is_portfolio(unit) || self.positions_of(unit).iter().any(|(market, _)| self.expiry_of(*market).is_some())
    }

    pub(super) fn is_portfolio(&self, unit: Unit) -> bool {
        unit.2.is_none() && self.options.portfolios.contains(&(unit.0, unit.1))
    }

    /// What a fill of an option costs: a part of the forward's value, and no more than a share of the premium, each rounded up.
    pub(super) fn option_fee(&self, market: Market, rate: i128, (quote, lots): (i128, i128)) -> Option<i128> {
        let terms = self.terms.markets.get(&market)?;
        let share = part_up(quote, terms.contract?.fee_share);
        let forward = self.options.forwards.get(&self.expiry_of(market)?)?;
        Some(part_up(ceil(forward * lots, terms.scale), rate).min(share))
    }

    /// An option is paid for when it is traded: the premium goes through clearing, and the position has no cost.
    pub(super) fn premium_paid(&mut self, change: Change) -> Result<i128, Objection> {
        let Change { account, market, lots, quote, .. } = change;
        let held = self.positions.entry((account, market)).or_default();
        held.lots += lots;
        let held = *held;
        ensure(held.cost == 0 && held.index == 0, || format!("an option position has a cost: {held:?}"))?;
        if held.lots == 0 {
            self.positions.remove(&(account, market));
        }
        Ok(-quote)
    }

    /// Who waited with an order is asked for the premium in cash.
    pub(super) fn check_premium_covered(&self, account: Who, market: Market) -> Result<(), Objection> {
        let universe = self.market(market)?.universe;
        let quote = self.quote_of(universe)?;
        let cash = self.ledger.balance(account, universe, quote) - self.locked(account, universe, quote);
        let is_known = self.is_divided(account) && !self.is_isolated(account, market);
        ensure(cash >= 0 || !is_known, || format!("{account:?} paid a premium and has {cash} of cash"))
    }

    /// Marks are possible, calls and puts of a strike differ by forward less strike, modes are what was told.
    pub(super) fn compare_options(&self, state: &State) -> Result<(), Objection> {
        let expiries: BTreeMap<Expiry, i128> = state
            .option_expiries()
            .map(|(id, record)| {
                ((id.universe.get(), id.underlying.get(), id.expires_at_ms.get()), record.forward.get().into())
            })
            .collect();
        for (expiry, forward) in &expiries {
            let told = self.options.forwards.get(expiry).copied();
            ensure(told.is_none_or(|told| told == *forward), || {
                format!("the forward of {expiry:?} is {forward}, {told:?} was told")
            })?;
            let mut marks: BTreeMap<(i128, bool), i128> = BTreeMap::new();
            for (market, contract) in self.options_of(*expiry) {
                let Some(mark) = state.mark(MarketId::new(market)) else { continue };
                let mark = i128::from(mark.price.get());
                contract.check_mark(mark, *forward)?;
                marks.insert((contract.strike, contract.is_call), mark);
            }
            for ((strike, is_call), call) in &marks {
                let put = marks.get(&(*strike, false)).filter(|_| *is_call);
                let error = put.map_or(0, |put| (call - put - (forward - strike)).abs());
                ensure(error <= PARITY_ERROR, || {
                    format!("call and put of {expiry:?} at {strike} are {call} and {put:?}, the forward is {forward}")
                })?;
            }
        }
        for (account, _) in state.accounts() {
            for universe in self.terms.quotes.keys() {
                let told = state.is_portfolio(account, UniverseId::new(*universe));
                let own = self.options.portfolios.contains(&(who(account), *universe));
                ensure(told == own, || format!("{account} margins universe {universe} as a portfolio: {told}"))?;
            }
        }
        Ok(())
    }
}
