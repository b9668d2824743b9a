//! Reading the state: lookups that the engine and the readers of finalized blocks share.

use super::{
    State,
    indices::{BookPlace, PositionTotals, Timer, Unreceived},
    linear_records::{FundingRecord, FutureSeriesRecord, SettlementRecord},
    option_records::{OptionExpiryId, OptionExpiryRecord, OptionSeriesRecord, PortfolioModeId},
    records::{
        AccountRecord, BalanceId, ChainRecord, CustodyId, FaucetClaimId, IndexRecord, MarginSetting, MarginUnit,
        MarkRecord, MarketState, NonceSet, OrderRecord, PositionId, PositionRecord, UniverseRecord,
    },
    standing::{MarketStanding, OpenTotals, Standing},
};
use crate::options::Pace;
use palisade_pricing::{OptionTerms, Volatility, portfolio::OptionRisk};
use palisade_types::{
    address::{AccountId, SignerId},
    agent::Agent,
    event::MarginLevel,
    ids::{AssetId, ClientOrderId, Height, MarketId, OrderId, UniverseId},
    market::{AssetSpec, MarketSpec},
    numbers::{Amount, FundingIndex, Price, Usd},
    order::{OrderReference, Side},
    time::TimeMs,
};
use std::sync::Arc;

/// What the chain record reads as before block 1.
static BEFORE_GENESIS: ChainRecord = ChainRecord {
    height: Height::new(0),
    time_ms: TimeMs::new(0),
    protocol_version: 0,
    scheduled_upgrade: None,
    migration: None,
    next_order: 1,
    next_trade: 1,
    next_option: 0,
    oracle_round: None,
    halted: None,
};

/// The highest order, for ranges over compound ids.
const LAST_ORDER: OrderId = OrderId::new(u64::MAX);

impl State {
    /// The chain's own standing.
    pub fn chain(&self) -> &ChainRecord {
        self.tables.chain.get(&()).unwrap_or(&BEFORE_GENESIS)
    }

    /// The newest executed block.
    pub fn height(&self) -> Height {
        self.chain().height
    }

    /// Its time.
    pub fn time_ms(&self) -> TimeMs {
        self.chain().time_ms
    }

    /// Every asset, in order.
    pub fn assets(&self) -> impl Iterator<Item = &AssetSpec> {
        self.tables.assets.values()
    }

    /// An asset.
    pub fn asset(&self, id: AssetId) -> Option<&AssetSpec> {
        self.tables.assets.get(&id)
    }

    /// Every universe, in order.
    pub fn universes(&self) -> impl Iterator<Item = &UniverseRecord> {
        self.tables.universes.values()
    }

    /// A universe.
    pub fn universe(&self, id: UniverseId) -> Option<&UniverseRecord> {
        self.tables.universes.get(&id)
    }

    /// Every market, in order.
    pub fn markets(&self) -> impl Iterator<Item = &MarketSpec> {
        self.tables.markets.values().map(Box::as_ref)
    }

    /// A market's terms.
    pub fn market(&self, id: MarketId) -> Option<&MarketSpec> {
        self.tables.markets.get(&id).map(Box::as_ref)
    }

    /// A market's terms, to be held while the state changes.
    pub(crate) fn shared_market(&self, id: MarketId) -> Option<Arc<MarketSpec>> {
        self.indices.markets.get(&id).map(Arc::clone)
    }

    /// Perpetuals, in order.
    pub fn perpetuals(&self) -> impl Iterator<Item = &MarketSpec> {
        let core = self.tables.markets.range(..MarketId::new(MarketId::FIRST_SPOT));
        let listed = MarketId::new(MarketId::FUTURES_END)..MarketId::new(MarketId::FIRST_OPTION);
        let listed = self.tables.markets.range(listed);
        core.chain(listed).map(|(_, market)| market.as_ref()).filter(|market| market.perpetual().is_some())
    }

    /// Futures that are not settled yet, in order.
    pub fn live_futures(&self) -> impl Iterator<Item = &MarketSpec> {
        self.indices.live_futures.iter().filter_map(|id| self.tables.markets.get(id).map(Box::as_ref))
    }

    /// The number of the next future that is listed; `None` once all are used. Markets stay on record, so none is used twice.
    pub(crate) fn next_future(&self) -> Option<MarketId> {
        let first = MarketId::new(MarketId::FIRST_FUTURE);
        let next = match self.indices.listed_futures.last() {
            Some(last) => MarketId::new(last.get().checked_add(1)?),
            None => first,
        };
        next.is_future().then_some(next)
    }

    /// How far the settlement of a future is; `None` until shortly before its window.
    pub fn settlement(&self, market: MarketId) -> Option<&SettlementRecord> {
        self.tables.settlements.get(&market)
    }

    /// When a series of futures lists next; `None` before its first listing.
    pub fn future_series(&self, series: u32) -> Option<&FutureSeriesRecord> {
        self.tables.future_series.get(&series)
    }

    /// The first account, in order, that holds a position in a market.
    pub(crate) fn first_holder(&self, market: MarketId) -> Option<AccountId> {
        self.position_holders(market).next()
    }

    /// An expiry of options.
    pub fn option_expiry(&self, id: OptionExpiryId) -> Option<&OptionExpiryRecord> {
        self.tables.option_expiries.get(&id).map(Box::as_ref)
    }

    /// Expiries of options, in order of universe, underlying and time.
    pub fn option_expiries(&self) -> impl Iterator<Item = (OptionExpiryId, &OptionExpiryRecord)> {
        self.tables.option_expiries.iter().map(|(id, record)| (*id, record.as_ref()))
    }

    /// The options of an expiry, in order of number.
    pub fn options_of(&self, expiry: OptionExpiryId) -> impl Iterator<Item = MarketId> {
        self.indices.options.get(&expiry).into_iter().flatten().copied()
    }

    /// When a series of options lists next; `None` before its first listing.
    pub fn option_series(&self, series: u32) -> Option<&OptionSeriesRecord> {
        self.tables.option_series.get(&series)
    }

    /// Whether an account margins options together with what they are on.
    pub fn is_portfolio(&self, account: AccountId, universe: UniverseId) -> bool {
        let modes = &self.tables.portfolio_modes;
        !modes.is_empty() && modes.contains_key(&PortfolioModeId { account, universe })
    }

    /// The price for delivery at an option's expiry.
    pub fn forward_of(&self, option: MarketId) -> Option<Price> {
        let expiry = OptionExpiryId::of(self.market(option)?)?;
        self.option_expiry(expiry).map(|record| record.forward)
    }

    /// What a unit of an option gains in every case that a portfolio must survive; `None` without a price.
    pub(crate) fn option_risk(&self, option: MarketId, pace: Pace) -> Option<&OptionRisk> {
        let record = self.option_expiry(OptionExpiryId::of(self.market(option)?)?)?;
        let forward = pace.of(record.forward, record.slow_forward);
        // Where the slow forward has caught up there is one of it.
        let pace = if forward == record.forward { Pace::Now } else { pace };
        let work_out = || {
            let (terms, volatility) = self.priced_option(self.market(option)?)?;
            OptionRisk::of(&OptionTerms { forward, ..terms }, volatility).ok()
        };
        self.indices.option_risks.get(option, pace, work_out)
    }

    /// An option as pricing sees it, with the volatility of its strike; `None` without a price, and once what it pays is fixed.
    pub(crate) fn priced_option(&self, market: &MarketSpec) -> Option<(OptionTerms, Volatility)> {
        let record = self.option_expiry(OptionExpiryId::of(market)?)?;
        let slice = record.slice.filter(|_| record.settlement_price().is_none())?;
        let terms = record.terms(&market.option()?, &slice);
        let volatility = slice.volatility(terms.log_strike().ok()?);
        Some((terms, volatility))
    }

    /// Whether the settlement price of a future or an option is fixed: no price moves what it pays any more.
    pub(crate) fn is_fixed(&self, market: &MarketSpec) -> bool {
        match OptionExpiryId::of(market) {
            Some(expiry) => self.option_expiry(expiry).is_some_and(|record| record.settlement_price().is_some()),
            None => market.id.is_future() && self.settlement(market.id).is_some_and(|record| record.price.is_some()),
        }
    }

    /// What a market did last.
    pub fn market_state(&self, id: MarketId) -> MarketState {
        self.tables.market_states.get(&id).copied().unwrap_or_default()
    }

    /// An asset's index.
    pub fn index(&self, asset: AssetId) -> Option<&IndexRecord> {
        self.tables.indices.get(&asset)
    }

    /// A market's mark: of perpetuals and futures as recorded, of options as their expiry says.
    pub fn mark(&self, market: MarketId) -> Option<&MarkRecord> {
        if market.is_option() {
            return self.indices.option_marks.get(&market);
        }
        self.tables.marks.get(&market)
    }

    /// A perpetual market's funding; `None` before its first sample.
    pub fn funding(&self, market: MarketId) -> Option<&FundingRecord> {
        self.tables.fundings.get(&market)
    }

    /// What one lot of a market has paid in funding since listing.
    pub fn funding_index(&self, market: MarketId) -> FundingIndex {
        self.funding(market).map_or(FundingIndex::ZERO, |record| record.index)
    }

    /// An account's standing; `None` if it never held anything.
    pub fn account(&self, account: AccountId) -> Option<&AccountRecord> {
        self.tables.accounts.get(&account)
    }

    /// Every account that ever held anything, in order.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &AccountRecord)> {
        self.tables.accounts.iter().map(|(id, record)| (*id, record))
    }

    /// Whether an address belongs to the engine and not to a person: it has no key, and pays and is paid by rule alone. Purses of
    /// isolated positions are among them.
    pub fn is_system_account(&self, account: AccountId) -> bool {
        self.indices.system_accounts.contains(&account)
    }

    /// An agent, retired ones included.
    pub fn agent(&self, signer: SignerId) -> Option<&Agent> {
        self.tables.agents.get(&signer)
    }

    /// The account's agents that are not retired, in order of key.
    pub fn agents_of(&self, account: AccountId) -> impl Iterator<Item = (SignerId, &Agent)> {
        let first = (account, SignerId::Address(AccountId::default()));
        self.indices
            .agents_by_account
            .range(first..)
            .take_while(move |(owner, _)| *owner == account)
            .filter_map(|(_, signer)| self.tables.agents.get(signer).map(|agent| (*signer, agent)))
    }

    /// The nonces a signer used.
    pub fn nonces(&self, signer: SignerId) -> Option<&NonceSet> {
        self.tables.nonces.get(&signer)
    }

    /// What an account holds of an asset, held amounts included.
    pub fn balance(&self, account: AccountId, universe: UniverseId, asset: AssetId) -> Amount {
        self.tables.balances.get(&BalanceId { account, universe, asset }).copied().unwrap_or_default()
    }

    /// What an account holds, in order of universe and asset.
    pub fn balances_of(&self, account: AccountId) -> impl Iterator<Item = (BalanceId, Amount)> {
        let first = BalanceId { account, universe: UniverseId::new(0), asset: AssetId::new(0) };
        self.tables
            .balances
            .range(first..)
            .take_while(move |(id, _)| id.account == account)
            .map(|(id, amount)| (*id, *amount))
    }

    /// Every balance, in order.
    pub fn balances(&self) -> impl Iterator<Item = (BalanceId, Amount)> {
        self.tables.balances.iter().map(|(id, amount)| (*id, *amount))
    }

    /// What an account's open spot orders lock of an asset.
    pub fn held(&self, account: AccountId, universe: UniverseId, asset: AssetId) -> Amount {
        self.indices.standing(account).map_or(Amount::ZERO, |standing| standing.held(universe, asset))
    }

    /// What an account holds of assets other than the quote, by universe and asset.
    pub fn other_assets_of(&self, account: AccountId) -> &[((UniverseId, AssetId), Amount)] {
        self.indices.standing(account).map_or(&[], Standing::assets)
    }

    /// Sum of all balances of an asset in a universe.
    pub fn balance_total(&self, universe: UniverseId, asset: AssetId) -> Amount {
        self.indices.balance_totals.get(&CustodyId { universe, asset }).copied().unwrap_or_default()
    }

    /// What was paid in of an asset and not out.
    pub fn custody(&self, universe: UniverseId, asset: AssetId) -> Amount {
        self.tables.custody.get(&CustodyId { universe, asset }).copied().unwrap_or_default()
    }

    /// Every custody entry, in order.
    pub fn custodies(&self) -> impl Iterator<Item = (CustodyId, Amount)> {
        self.tables.custody.iter().map(|(id, amount)| (*id, *amount))
    }

    /// An account's position in a market.
    pub fn position(&self, account: AccountId, market: MarketId) -> Option<&PositionRecord> {
        let standing = self.indices.standing(account)?.market(market)?;
        Some(&standing.position).filter(|position| !position.is_empty())
    }

    /// An account's positions, in order of market.
    pub fn positions_of(&self, account: AccountId) -> impl Iterator<Item = (MarketId, &PositionRecord)> {
        let held = self.standings_of(account).iter().filter(|standing| !standing.position.is_empty());
        held.map(|standing| (standing.market, &standing.position))
    }

    /// Every position, in order.
    pub fn positions(&self) -> impl Iterator<Item = (PositionId, &PositionRecord)> {
        self.tables.positions.iter().map(|(id, record)| (*id, record))
    }

    /// Who holds positions in a market, in order.
    pub fn position_holders(&self, market: MarketId) -> impl Iterator<Item = AccountId> {
        self.indices.holders.get(&market).into_iter().flatten().copied()
    }

    /// At most `count` holders of positions in a market, beginning at an address and going around once.
    pub(crate) fn position_holders_from(&self, market: MarketId, first: AccountId, count: usize) -> Vec<AccountId> {
        let Some(holders) = self.indices.holders.get(&market) else { return Vec::new() };
        holders.range(first..).chain(holders.range(..first)).take(count).copied().collect()
    }

    /// What an account realised in a market while its clearing account was short.
    pub fn unreceived(&self, id: PositionId) -> Usd {
        self.tables.unreceived.get(&id).copied().unwrap_or_default()
    }

    /// The same for every market in which it did.
    pub(crate) fn unreceived_of(&self, account: AccountId) -> impl Iterator<Item = (MarketId, Usd)> {
        let first = PositionId { account, market: MarketId::new(0) };
        let all = self.tables.unreceived.range(first..).take_while(move |(id, _)| id.account == account);
        all.map(|(id, amount_usd)| (id.market, *amount_usd))
    }

    /// The same for everyone in a market.
    pub(crate) fn unreceived_of_market(&self, market: MarketId) -> Option<&Unreceived> {
        self.indices.unreceived.get(&market)
    }

    /// The markets whose clearing account is short.
    pub(crate) fn short_markets(&self) -> impl Iterator<Item = MarketId> {
        self.indices.unreceived.keys().copied()
    }

    /// How far a margin unit was from liquidation when it was last looked at.
    pub fn margin_level(&self, unit: MarginUnit) -> MarginLevel {
        self.tables.margin_calls.get(&unit).copied().unwrap_or(MarginLevel::Healthy)
    }

    /// Margin units that are not healthy, in order.
    pub fn margin_calls(&self) -> impl Iterator<Item = (MarginUnit, MarginLevel)> {
        self.tables.margin_calls.iter().map(|(unit, level)| (*unit, *level))
    }

    /// What the insurance fund has paid for a market.
    pub fn fund_claim(&self, market: MarketId) -> Usd {
        self.tables.fund_claims.get(&market).copied().unwrap_or_default()
    }

    /// Sums over a market's positions.
    pub fn position_totals(&self, market: MarketId) -> PositionTotals {
        self.indices.position_totals.get(&market).copied().unwrap_or_default()
    }

    /// The leverage and mode an account chose in a market, if it did.
    pub fn margin_setting(&self, account: AccountId, market: MarketId) -> Option<MarginSetting> {
        self.indices.standing(account)?.market(market)?.setting
    }

    /// An open order.
    pub fn order(&self, id: OrderId) -> Option<&OrderRecord> {
        self.tables.orders.get(&id).map(Box::as_ref)
    }

    /// An account's open order by whichever name.
    pub fn order_of(&self, account: AccountId, reference: OrderReference) -> Option<&OrderRecord> {
        let id = match reference {
            OrderReference::Id(id) => id,
            OrderReference::Client(client_order_id) => self.order_by_client_id(account, client_order_id)?,
        };
        self.order(id).filter(|record| record.order.account == account)
    }

    /// The open order that an account named so.
    pub fn order_by_client_id(&self, account: AccountId, client_order_id: ClientOrderId) -> Option<OrderId> {
        let first = (account, client_order_id, OrderId::new(0));
        let last = (account, client_order_id, LAST_ORDER);
        self.indices.orders_by_client_id.range(first..=last).next().map(|(_, _, order)| *order)
    }

    /// An account's open orders, by market and number.
    pub fn orders_of(&self, account: AccountId) -> impl Iterator<Item = &OrderRecord> {
        let orders = self.indices.standing(account).map_or(&[][..], Standing::orders);
        orders.iter().filter_map(|(_, order)| self.tables.orders.get(order).map(Box::as_ref))
    }

    /// An account's open orders in one market, by number.
    pub fn orders_of_in(&self, account: AccountId, market: MarketId) -> impl Iterator<Item = &OrderRecord> {
        let orders = self.indices.standing(account).map_or(&[][..], |standing| standing.orders_in(market));
        orders.iter().filter_map(|(_, order)| self.tables.orders.get(order).map(Box::as_ref))
    }

    /// One side of a book, best first.
    pub fn book_side(&self, market: MarketId, side: Side) -> impl DoubleEndedIterator<Item = &OrderRecord> {
        self.indices
            .books
            .get(&(market, side))
            .into_iter()
            .flatten()
            .filter_map(|place: &BookPlace| self.tables.orders.get(&place.order).map(Box::as_ref))
    }

    /// The first order in line on one side of a book.
    pub fn best_order(&self, market: MarketId, side: Side) -> Option<&OrderRecord> {
        self.book_side(market, side).next()
    }

    /// How many orders are open on the chain.
    pub fn open_order_count(&self) -> usize {
        self.tables.orders.len()
    }

    /// Sums over an account's open orders in a market.
    pub fn open_totals(&self, account: AccountId, market: MarketId) -> OpenTotals {
        self.standing(account, market).totals
    }

    /// Markets in which an account has open orders, with their sums, in order of market.
    pub fn open_totals_of(&self, account: AccountId) -> impl Iterator<Item = (MarketId, OpenTotals)> {
        let open = self.standings_of(account).iter().filter(|standing| standing.totals.orders > 0);
        open.map(|standing| (standing.market, standing.totals))
    }

    /// An account in one market: its position, the sums of its open orders and its leverage.
    pub fn standing(&self, account: AccountId, market: MarketId) -> MarketStanding {
        let found = self.indices.standing(account).and_then(|standing| standing.market(market));
        found.copied().unwrap_or_else(|| MarketStanding::empty(market))
    }

    /// Lets an account's standing tell of a position, whatever the records say.
    #[cfg(test)]
    pub(crate) fn corrupt_standing(&mut self, account: AccountId, market: MarketId, position: PositionRecord) {
        let standing = self.indices.standings.entry(account).or_default();
        standing.update_market(market, |standing| standing.position = position);
    }

    /// How many positions stand in the accounts' standings.
    pub(crate) fn standing_positions(&self) -> usize {
        let held = |standing: &Standing| standing.markets().iter().filter(|market| !market.position.is_empty()).count();
        self.indices.standings.values().map(held).sum()
    }

    /// An account in every market where it holds or offers anything or chose its leverage, in order of market.
    pub fn standings_of(&self, account: AccountId) -> &[MarketStanding] {
        self.indices.standing(account).map_or(&[], Standing::markets)
    }

    /// The first timer that is due by `time_ms`.
    pub fn next_timer(&self, time_ms: TimeMs) -> Option<(TimeMs, Timer)> {
        self.indices.timers.first().copied().filter(|(due_ms, _)| *due_ms <= time_ms)
    }

    /// When an account last drew an asset from the faucet.
    pub fn faucet_claim(&self, account: AccountId, asset: AssetId) -> Option<TimeMs> {
        self.tables.faucet_claims.get(&FaucetClaimId { account, asset }).copied()
    }
}
