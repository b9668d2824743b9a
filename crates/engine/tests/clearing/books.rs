//! The state as an outsider reads it: records alone, and margin by the book's formulas in plain arithmetic. Nothing of the
//! engine's is used but the records.

use super::{
    legs::Open,
    liquidity::Pools,
    options::{Expiry, OptionsWorth, expiry_of},
    synthetics::Synthetics,
};
use palisade_engine::{
    State,
    state::{IndexRecord, MarkRecord, OptionExpiryRecord, PositionRecord, Record},
};
use palisade_types::{
    action::MarginMode,
    address::AccountId,
    event::MarginLevel,
    ids::{AssetId, MarketId, UniverseId},
    market::{AssetSpec, DerivativeTerms, LinearTerms, MarketSpec},
    numbers::{Rate, Usd},
    order::{OpenOrder, Side},
    time::TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is margined together: account, universe, and the market of an isolated position.
pub type Unit = (AccountId, UniverseId, Option<MarketId>);

pub const DOLLAR: i128 = 100_000_000;
const MILLION: i128 = 1_000_000;

/// How old an index may be.
const FRESH_MS: u64 = 10_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub lots: i128,
    pub cost: i128,
    pub funding_index: i128,
}

impl From<&PositionRecord> for Held {
    fn from(record: &PositionRecord) -> Self {
        Self {
            lots: i128::from(record.position.get()),
            cost: record.entry_cost_usd.get(),
            funding_index: i128::from(record.funding_index.get()),
        }
    }
}

/// A unit in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worth {
    /// What it has, at the mark.
    pub equity: i128,
    /// What counts of it for new risk.
    pub initial_equity: i128,
    pub maintenance: i128,
    /// What its positions need for new risk, the crowd's part left out.
    pub position_initial: i128,
    /// With its open orders.
    pub initial: i128,
    /// Cash that no order holds.
    pub free_cash: i128,
    /// Σ unrealised losses and gains.
    pub unrealised: i128,
    /// The same where something leaves: of gains only what counts for new risk, and nothing better than the slow marks say.
    pub confirmed: i128,
    /// What options are worth at the marks.
    pub options: i128,
    /// The same where something leaves, less what is needed more at slow prices.
    pub options_confirmed: i128,
    /// What could leave: what counts for new risk, less what positions and orders need; of profits only what pays for losses.
    pub free: i128,
}

impl Worth {
    /// What counts where something leaves, profits included.
    pub fn initial_equity_confirmed(&self) -> i128 {
        self.free + self.initial + self.confirmed.max(0)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Books {
    pub time_ms: u64,
    pub balances: BTreeMap<(AccountId, UniverseId, AssetId), i128>,
    pub custody: BTreeMap<(UniverseId, AssetId), i128>,
    pub positions: BTreeMap<(AccountId, MarketId), Held>,
    pub settings: BTreeMap<(AccountId, MarketId), (u32, bool)>,
    pub orders: BTreeMap<AccountId, Vec<OpenOrder>>,
    pub locked: BTreeMap<(AccountId, UniverseId, AssetId), i128>,
    pub marks: BTreeMap<MarketId, MarkRecord>,
    /// Of expiries of options.
    pub forwards: BTreeMap<Expiry, i128>,
    pub expiries: BTreeMap<Expiry, OptionExpiryRecord>,
    /// Futures whose settlement price is fixed.
    pub fixed: BTreeSet<MarketId>,
    /// Who margins options together with what they are on.
    pub portfolios: BTreeSet<(AccountId, UniverseId)>,
    pub indices: BTreeMap<AssetId, IndexRecord>,
    pub fundings: BTreeMap<MarketId, i128>,
    pub markets: BTreeMap<MarketId, MarketSpec>,
    pub assets: BTreeMap<AssetId, AssetSpec>,
    pub universes: BTreeMap<UniverseId, (AssetId, bool, bool)>,
    /// Addresses that have an account record.
    pub accounts: BTreeSet<AccountId>,
    pub calls: BTreeMap<Unit, MarginLevel>,
    /// What was realised while clearing was short.
    pub unreceived: BTreeMap<(AccountId, MarketId), i128>,
    pub claims: BTreeMap<MarketId, i128>,
    pub vault_shares: BTreeMap<(AccountId, AccountId), i128>,
    pub vaults: BTreeMap<AccountId, i128>,
    /// Vaults that are closed, for good.
    pub closed_vaults: BTreeSet<AccountId>,
    pub backstop_shares: BTreeMap<(UniverseId, AccountId), (i128, i128)>,
    pub synthetics: Synthetics,
    pub pools: Pools,
    /// Combos, their orders, block requests and quotes.
    pub open: Open,
}

pub fn floor(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor)
}

pub fn ceil(value: i128, divisor: i128) -> i128 {
    -(-value).div_euclid(divisor)
}

pub fn scale(market: &MarketSpec) -> i128 {
    10i128.pow(u32::from(market.size_decimals))
}

impl Books {
    pub fn of(state: &State) -> Self {
        let mut books = Self { time_ms: state.time_ms().get(), ..Self::default() };
        for record in state.records() {
            books.synthetics.read(&record);
            books.pools.read(&record);
            books.open.read(&record);
            books.read(record);
        }
        books.mark_options();
        books
    }

    /// An option's mark follows from its expiry's record.
    fn mark_options(&mut self) {
        for (id, market) in &self.markets {
            let Some((contract, expiry)) = market.option().zip(expiry_of(market)) else { continue };
            let prices = self
                .expiries
                .get(&expiry)
                .and_then(|record| record.mark_price(&contract).zip(record.slow_mark_price(&contract)));
            let Some((price, slow_price)) = prices else { continue };
            let record = MarkRecord {
                price,
                time_ms: TimeMs::new(0),
                basis_average: 0,
                slow_price,
                volatility_fraction: Rate::ZERO,
                market_fraction: Rate::ZERO,
                depeg_addition: Rate::ZERO,
                depth_usd: Usd::ZERO,
            };
            self.marks.insert(*id, record);
        }
    }

    fn read(&mut self, record: Record) {
        match record {
            Record::Balance { id, record } => {
                self.balances.insert((id.account, id.universe, id.asset), record.get());
            }
            Record::Custody { id, record } => {
                self.custody.insert((id.universe, id.asset), record.get());
            }
            Record::Position { id, record } => {
                self.positions.insert((id.account, id.market), Held::from(&record));
            }
            Record::MarginSetting { id, record } => {
                let isolated = record.mode == MarginMode::Isolated;
                self.settings.insert((id.account, id.market), (record.leverage, isolated));
            }
            Record::Order { record, .. } => {
                self.orders.entry(record.order.account).or_default().push(record.order);
                if let Some(hold) = record.hold {
                    let key = (record.order.account, hold.universe, hold.asset);
                    *self.locked.entry(key).or_default() += hold.amount.get();
                }
            }
            Record::MarginCall { id, record } => {
                self.calls.insert((id.account, id.universe, id.market), record);
            }
            Record::FundClaim { id, record } => {
                self.claims.insert(id, record.get());
            }
            Record::Unreceived { id, record } => {
                self.unreceived.insert((id.account, id.market), record.get());
            }
            record => self.read_terms(record),
        }
    }

    fn read_terms(&mut self, record: Record) {
        match record {
            Record::Mark { id, record } => {
                self.marks.insert(id, record);
            }
            Record::Index { id, record } => {
                self.indices.insert(id, record);
            }
            Record::PortfolioMode { id, .. } => {
                self.portfolios.insert((id.account, id.universe));
            }
            Record::OptionExpiry { id, record } => {
                let expiry = (id.universe, id.underlying, id.expires_at_ms);
                self.forwards.insert(expiry, i128::from(record.forward.get()));
                self.expiries.insert(expiry, *record);
            }
            Record::Settlement { id, record } if record.price.is_some() => {
                self.fixed.insert(id);
            }
            Record::Funding { id, record } => {
                self.fundings.insert(id, i128::from(record.index.get()));
            }
            Record::Market { id, record } => {
                self.markets.insert(id, *record);
            }
            Record::Asset { id, record } => {
                self.assets.insert(id, record);
            }
            Record::Universe { id, record } => {
                let (halted, gated) = (record.halted.is_some(), record.gated_since_ms.is_some());
                self.universes.insert(id, (record.spec.collateral, halted, gated));
            }
            Record::Account { id, .. } => {
                self.accounts.insert(id);
            }
            Record::Vault { id, record } => {
                self.vaults.insert(id, record.shares.get());
                if record.closed {
                    self.closed_vaults.insert(id);
                }
            }
            Record::VaultShare { id, record } => {
                self.vault_shares.insert((id.vault, id.account), record.shares.get());
            }
            Record::BackstopShare { id, record } => {
                self.backstop_shares.insert((id.universe, id.account), (record.junior.get(), record.senior.get()));
            }
            _ => {}
        }
    }

    pub fn balance(&self, account: AccountId, universe: UniverseId, asset: AssetId) -> i128 {
        self.balances.get(&(account, universe, asset)).copied().unwrap_or(0)
    }

    pub fn quote(&self, universe: UniverseId) -> AssetId {
        self.universes[&universe].0
    }

    pub fn cash(&self, account: AccountId, universe: UniverseId) -> i128 {
        self.balance(account, universe, self.quote(universe))
    }

    pub fn is_isolated(&self, account: AccountId, market: MarketId) -> bool {
        self.settings.get(&(account, market)).is_some_and(|(_, isolated)| *isolated)
    }

    pub fn linear(&self) -> impl Iterator<Item = (&MarketSpec, LinearTerms)> {
        self.markets.values().filter_map(|market| market.linear().map(|terms| (market, terms)))
    }

    /// Whatever positions are held in.
    pub fn derivatives(&self) -> impl Iterator<Item = (&MarketSpec, DerivativeTerms)> {
        self.markets.values().filter_map(|market| market.derivative().map(|terms| (market, terms)))
    }

    pub fn is_option(&self, market: MarketId) -> bool {
        self.markets[&market].option().is_some()
    }

    /// The unit that a position belongs to.
    pub fn unit_of(&self, account: AccountId, market: MarketId) -> Unit {
        (account, self.markets[&market].universe, self.is_isolated(account, market).then_some(market))
    }

    /// Accounts of people: what was sent to an address makes nobody of a purse or of a market.
    pub fn persons(&self) -> BTreeSet<AccountId> {
        let purses = self.settings.iter().filter(|(_, (_, isolated))| *isolated);
        let purses = purses.map(|((account, market), _)| AccountId::isolated(*account, *market));
        let keyless: BTreeSet<AccountId> =
            purses.chain(self.markets.keys().map(|market| AccountId::clearing(*market))).collect();
        self.accounts.difference(&keyless).copied().collect()
    }

    /// Everything that can owe something.
    pub fn units(&self) -> BTreeSet<Unit> {
        let held = self.positions.keys().map(|(account, market)| self.unit_of(*account, *market));
        let persons = self.persons();
        let owing = self.balances.iter().filter(|((account, universe, asset), amount)| {
            let owes = persons.contains(account) || *account == AccountId::backstop(*universe);
            **amount < 0 && owes && self.quote(*universe) == *asset
        });
        // What a delivery took beyond an isolated position's purse.
        let purses = self.settings.keys().filter(|(account, market)| {
            let spec = &self.markets[market];
            let purse = AccountId::isolated(*account, *market);
            let is_held = self.positions.contains_key(&(*account, *market));
            self.is_isolated(*account, *market) && !is_held && self.cash(purse, spec.universe) < 0
        });
        let purses = purses.map(|(account, market)| (*account, self.markets[market].universe, Some(*market)));
        held.chain(owing.map(|((account, universe, _), _)| (*account, *universe, None))).chain(purses).collect()
    }

    /// What an account holds, whatever it is margined with.
    pub fn held_by(&self, account: AccountId) -> impl Iterator<Item = (MarketId, Held)> {
        let all = self.positions.range((account, MarketId::new(0))..=(account, MarketId::new(u32::MAX)));
        all.map(|((_, market), held)| (*market, *held))
    }

    fn balances_of(&self, account: AccountId) -> impl Iterator<Item = (UniverseId, AssetId, i128)> {
        let first = (account, UniverseId::new(0), AssetId::new(0));
        let of_account = self.balances.range(first..).take_while(move |((owner, ..), _)| *owner == account);
        of_account.map(|((_, universe, asset), amount)| (*universe, *asset, *amount))
    }

    /// What lies in an account, over all universes.
    pub fn assets_of(&self, account: AccountId) -> impl Iterator<Item = (AssetId, i128)> {
        self.balances_of(account).map(|(_, asset, amount)| (asset, amount))
    }

    pub fn positions_of(&self, unit: Unit) -> Vec<(MarketId, Held)> {
        self.held_by(unit.0).filter(|(market, _)| self.unit_of(unit.0, *market) == unit).collect()
    }

    /// Whether an asset's index may be acted on.
    pub fn is_fresh(&self, asset: AssetId) -> bool {
        let index = self.indices.get(&asset);
        index.is_some_and(|index| self.time_ms.saturating_sub(index.time_ms.get()) <= FRESH_MS)
    }

    /// Whether every price that the unit depends on may be acted on.
    pub fn is_priced(&self, unit: Unit) -> bool {
        let fresh = |market: MarketId| {
            self.is_fresh(self.markets[&market].derivative().expect("positions are in derivatives").underlying)
        };
        !self.universes[&unit.1].1 && self.positions_of(unit).iter().all(|(market, _)| fresh(*market))
    }

    /// The value of lots at a market's mark, rounded down.
    pub fn value(&self, market: MarketId, lots: i128) -> Option<i128> {
        let mark = i128::from(self.marks.get(&market)?.price.get());
        Some(floor(mark * lots, scale(&self.markets[&market])))
    }

    pub fn owed_funding(&self, market: MarketId, held: &Held) -> i128 {
        held.lots * (self.fundings.get(&market).copied().unwrap_or(0) - held.funding_index)
    }

    pub fn unrealised(&self, market: MarketId, held: &Held) -> Option<i128> {
        Some(self.value(market, held.lots)? - held.cost - self.owed_funding(market, held))
    }

    pub fn maintenance(&self, market: MarketId, lots: i128) -> Option<i128> {
        let spec = &self.markets[&market];
        let mark = i128::from(self.marks.get(&market)?.price.get());
        let notional = ceil(mark * lots.abs(), scale(spec));
        Some(ceil(notional, 2 * i128::from(spec.linear()?.maximum_leverage)))
    }

    /// What a unit is worth by the records; `None` while a mark is missing.
    pub fn worth(&self, unit: Unit) -> Option<Worth> {
        let (account, universe, isolated) = unit;
        let quote = self.quote(universe);
        let purse = isolated.map_or(account, |market| AccountId::isolated(account, market));
        let locked = self.locked.get(&(purse, universe, quote)).copied().unwrap_or(0);
        let mut worth = Worth { free_cash: self.balance(purse, universe, quote) - locked, ..Worth::default() };
        (worth.equity, worth.initial_equity) = (worth.free_cash, worth.free_cash);
        if isolated.is_none() {
            let (initial, maintenance) = self.other_assets(account, universe);
            worth.initial_equity += initial;
            worth.free += initial;
            worth.equity += maintenance;
        }
        for (market, held) in self.positions_of(unit).into_iter().filter(|(market, _)| !self.is_option(*market)) {
            let unrealised = self.unrealised(market, &held)?;
            worth.unrealised += unrealised;
            worth.equity += unrealised;
            let counted = self.counted(market, &held)?;
            worth.confirmed += counted.min(self.unrealised_at_slow(market, &held)?);
            worth.initial_equity += counted;
            worth.maintenance += self.maintenance(market, held.lots)?;
            worth.position_initial += self.requirement(account, market, self.notional(market, held.lots)?)?;
        }
        let options = match isolated {
            Some(market) if self.is_option(market) => {
                let lots = self.positions.get(&(account, market)).map_or(0, |held| held.lots);
                self.option_alone(market, lots)?
            }
            Some(_) => OptionsWorth::default(),
            None => self.options_worth(account, universe)?,
        };
        (worth.options, worth.options_confirmed) = (options.value, options.value - options.unconfirmed);
        worth.equity += options.value;
        worth.initial_equity += options.value;
        worth.maintenance += options.maintenance;
        worth.position_initial += options.position_initial;
        worth.initial = match isolated {
            Some(_) => worth.position_initial,
            None => self.initial(account, universe)? + options.initial,
        };
        if isolated.is_none() && self.portfolios.contains(&(account, universe)) {
            let held: Vec<(MarketId, i128)> =
                self.positions_of(unit).into_iter().map(|(market, held)| (market, held.lots)).collect();
            let (initial, maintenance) = self.together(&held)?;
            worth.options_confirmed = worth.options - self.unconfirmed_together(&held)?;
            let orders = worth.initial - worth.position_initial;
            (worth.initial, worth.position_initial, worth.maintenance) = (initial + orders, initial, maintenance);
        }
        worth.free += worth.free_cash + worth.options_confirmed + worth.confirmed.min(0) - worth.initial;
        Some(worth)
    }

    fn notional(&self, market: MarketId, lots: i128) -> Option<i128> {
        let mark = i128::from(self.marks.get(&market)?.price.get());
        Some(ceil(mark * lots.abs(), scale(&self.markets[&market])))
    }

    /// What assets other than the quote, and shares of pools, count for: for new risk, and for maintenance.
    pub fn other_assets(&self, account: AccountId, universe: UniverseId) -> (i128, i128) {
        let quote = self.quote(universe);
        let mut sums = (0, 0);
        let mut add = |(initial, maintenance): (i128, i128)| sums = (sums.0 + initial, sums.1 + maintenance);
        for (_, asset, amount) in self.balances_of(account).filter(|(of, asset, _)| *of == universe && *asset != quote)
        {
            let unit = 10i128.pow(u32::from(self.assets[&asset].decimals));
            let locked = self.locked.get(&(account, universe, asset)).copied().unwrap_or(0);
            let free = (amount - locked).max(0);
            add(self.weighed(universe, asset, |price| floor(free * price, unit)));
        }
        for ((market, _), shares) in self.pools.shares.iter().filter(|((_, holder), _)| *holder == account) {
            let spot = self.markets[market].spot().expect("pools are of spot markets");
            if self.markets[market].universe == universe && spot.quote == quote {
                add(self.weighed(universe, spot.base, |price| self.shares_worth(*market, *shares, price)));
            }
        }
        sums
    }

    /// What something counts for that is worth so much at a price of an asset: by the asset's weights, and less of it once the
    /// universe holds much.
    fn weighed(&self, universe: UniverseId, asset: AssetId, worth: impl Fn(i128) -> i128) -> (i128, i128) {
        let spec = &self.assets[&asset];
        let (Some(terms), Some(index)) = (spec.collateral, self.indices.get(&asset)) else { return (0, 0) };
        let everyone = self.balances.iter().filter(|((_, of, other), _)| *of == universe && *other == asset);
        let everyone: i128 = everyone.map(|(_, amount)| amount).sum();
        let (price, slow) = (i128::from(index.price.get()), i128::from(index.slow_price.get()));
        let total = floor(everyone * price, 10i128.pow(u32::from(spec.decimals)));
        let full = terms.full_weight_maximum_usd.get();
        let counted = |worth: i128| if total <= full { worth } else { floor(worth * full, total) };
        let weighed = |worth: i128, rate: i64| floor(worth * i128::from(rate), MILLION);
        let initial = weighed(counted(worth(price.min(slow))), terms.initial_weight.get());
        (initial, weighed(worth(price), terms.maintenance_weight.get()))
    }

    /// What a market's clearing account has paid and not received.
    pub fn shortfall(&self, market: MarketId) -> i128 {
        (-self.cash(AccountId::clearing(market), self.markets[&market].universe)).max(0)
    }

    /// What of an account's cash may not leave it, because clearing has not received it.
    pub fn held_back(&self, account: AccountId, universe: UniverseId) -> i128 {
        let own = self
            .unreceived
            .iter()
            .filter(|((owner, market), _)| *owner == account && self.markets[market].universe == universe);
        own.map(|((_, market), amount)| self.shortfall(*market).min(*amount)).sum()
    }

    fn depth(&self, market: MarketId) -> Option<i128> {
        let minimum = self.markets[&market].linear()?.risk.depth_minimum_usd.get();
        Some(self.marks.get(&market)?.depth_usd.get().max(minimum))
    }

    /// A market's slow mark.
    pub fn slow_mark(&self, market: MarketId) -> Option<i128> {
        Some(i128::from(self.marks.get(&market)?.slow_price.get()))
    }

    fn unrealised_at_slow(&self, market: MarketId, held: &Held) -> Option<i128> {
        let slow = self.slow_mark(market)?;
        Some(floor(slow * held.lots, scale(&self.markets[&market])) - held.cost - self.owed_funding(market, held))
    }

    /// What counts of an unrealised profit for new risk; losses whole.
    fn counted(&self, market: MarketId, held: &Held) -> Option<i128> {
        let at_mark = self.unrealised(market, held)?;
        if at_mark <= 0 {
            return Some(at_mark);
        }
        let confirmed = at_mark.min(self.unrealised_at_slow(market, held)?).max(0);
        let (notional, depth) = (self.notional(market, held.lots)?, self.depth(market)?);
        Some(if notional <= depth { confirmed } else { floor(confirmed * depth, notional) })
    }

    pub fn leverage(&self, account: AccountId, market: MarketId) -> i128 {
        let maximum = self.markets[&market].linear().map_or(1, |terms| terms.maximum_leverage);
        let chosen = self.settings.get(&(account, market)).map_or(maximum.min(20), |(leverage, _)| *leverage);
        i128::from(chosen.min(maximum).max(1))
    }

    /// The initial requirement of lots worth `notional`; what the crowd asks for is left out.
    fn requirement(&self, account: AccountId, market: MarketId, notional: i128) -> Option<i128> {
        let mark = self.marks.get(&market)?;
        let by_leverage = ceil(notional, self.leverage(account, market));
        let by_volatility = ceil(notional * i128::from(mark.volatility_fraction.get()), MILLION);
        let needed = by_leverage.max(by_volatility) + self.concentration(market, notional)?;
        Some(needed + ceil(needed * i128::from(mark.depeg_addition.get()), MILLION))
    }

    /// What size adds for lots worth `notional`.
    fn concentration(&self, market: MarketId, notional: i128) -> Option<i128> {
        let depth = self.depth(market)?;
        let part = if notional <= depth { 0 } else { ceil((notional - depth) * 10_000, depth.max(1)).min(500_000) };
        Some(ceil(notional * part, MILLION))
    }

    /// What the market of a linear leg asks beyond the 18 % that the grid asks of it alone, and beyond four fifths of that for
    /// maintenance; what the crowd asks for is left out.
    pub fn beyond_grid(&self, market: MarketId, lots: i128) -> Option<(i128, i128)> {
        let mark = self.marks.get(&market)?;
        let notional = self.notional(market, lots)?;
        let maximum = i128::from(self.markets[&market].linear()?.maximum_leverage);
        let by_volatility = ceil(notional * i128::from(mark.volatility_fraction.get()), MILLION);
        let asked = ceil(notional, maximum).max(by_volatility) - floor(notional * 18, 100);
        let initial = asked.max(0) + self.concentration(market, notional)?;
        let initial = initial + ceil(initial * i128::from(mark.depeg_addition.get()), MILLION);
        Some((initial, (ceil(notional, 2 * maximum) - floor(notional * 144, 1_000)).max(0)))
    }

    /// The initial requirement of the cross margin with open orders; isolated markets ask for what goes beyond the purse.
    fn initial(&self, account: AccountId, universe: UniverseId) -> Option<i128> {
        let mut markets: BTreeSet<MarketId> = self.held_by(account).map(|(market, _)| market).collect();
        markets.extend(self.orders.get(&account).into_iter().flatten().map(|order| order.market));
        let mut sum = 0;
        for market in markets {
            let spec = &self.markets[&market];
            if spec.universe != universe || spec.linear().is_none() {
                continue;
            }
            let lots = self.positions.get(&(account, market)).map_or(0, |held| held.lots);
            let alone = self.requirement(account, market, self.notional(market, lots)?)?;
            let with_orders = self.with_orders(account, market, lots)?.max(alone);
            sum += if self.is_isolated(account, market) { with_orders - alone } else { with_orders };
        }
        Some(sum)
    }

    fn with_orders(&self, account: AccountId, market: MarketId, lots: i128) -> Option<i128> {
        let spec = &self.markets[&market];
        let unit = scale(spec);
        let mark = i128::from(self.marks.get(&market)?.price.get());
        let mut sums = [(0i128, 0i128); 2];
        for order in self.orders.get(&account).into_iter().flatten() {
            if order.market == market && !order.reduce_only {
                let sum = &mut sums[usize::from(order.side == Side::Sell)];
                let open = i128::from(order.remaining.get());
                *sum = (sum.0 + open, sum.1 + open * i128::from(order.price.get()) / unit);
            }
        }
        let [buys, sells] = sums;
        let fee = i128::from(spec.maker_fee.max(spec.taker_fee).get());
        let side = |held: i128, (open, notional): (i128, i128), loss: i128| {
            let after = held + open;
            let at_risk = if held >= 0 {
                ceil(mark * held, unit) + notional
            } else if after <= 0 {
                ceil(mark * -after, unit)
            } else {
                ceil(notional * after, open)
            };
            Some(self.requirement(account, market, at_risk)? + loss.max(0) + ceil(notional * fee, MILLION))
        };
        let bought = side(lots, buys, buys.1 - floor(mark * buys.0, unit))?;
        let sold_value = ceil(mark * sells.0, unit);
        let sold = side(-lots, (sells.0, sells.1.max(sold_value)), sold_value - sells.1)?;
        Some(bought.max(sold))
    }

    /// Units below maintenance.
    pub fn liquidatable(&self) -> BTreeSet<Unit> {
        let below = |unit: &Unit| self.worth(*unit).is_some_and(|worth| worth.equity < worth.maintenance);
        self.units().into_iter().filter(below).collect()
    }
}
