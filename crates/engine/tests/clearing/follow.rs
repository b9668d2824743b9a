//! A block's events, told to a bookkeeper who knew the state before: positions exactly, cash per owner, and what every
//! deleveraging cost whom (I8).

use super::{
    books::{Books, DOLLAR, Held, Unit, floor, scale},
    options::{Expiry, expiry_of, payoff},
};
use palisade_types::{
    address::AccountId,
    event::{Event, Liquidation, LiquidationMethod, Payer, Trade, TradeSide},
    ids::{AssetId, MarketId, UniverseId},
    order::Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// Units that every winner's share of a quote may be rounded by.
const ROUNDING: i128 = 2;

/// A deleveraging under way: who is closed where, and what came of it so far.
struct Closing {
    bankrupt: AccountId,
    market: MarketId,
    /// Lots before it; signed.
    lots: i128,
    /// What was missing; `None` if events do not tell.
    deficit: Option<i128>,
    taken: i128,
    haircuts: i128,
    /// What the winners got less than the mark says, by the quotes.
    by_quotes: i128,
    winners: i128,
}

pub struct Follower<'a> {
    /// Marks, indices and terms as they are after the block's prices.
    pub(super) now: &'a Books,
    /// Positions, cash, settings, debts and shares; moved by events.
    pub(super) books: Books,
    /// The last trade with a pool, and the pool's reserves before it.
    pub(super) pool_before: Option<(Trade, (i128, i128))>,
    /// At which price the options of an expiry were settled.
    settled: BTreeMap<Expiry, i128>,
    /// Accounts whose purse moved by a rule that no event tells.
    purses_moved: BTreeSet<AccountId>,
    closing: Option<Closing>,
    /// Who traded, and whether the last fill opened or turned a position.
    pub last_fills: BTreeMap<(AccountId, MarketId), bool>,
    pub deleveraged: BTreeSet<AccountId>,
    /// Portfolios whose delta was hedged by force.
    pub hedged: BTreeSet<AccountId>,
    /// Who sent cash away.
    pub left_in_cash: BTreeSet<AccountId>,
    pub claims: BTreeMap<MarketId, i128>,
    pub backstop_markets: BTreeSet<MarketId>,
    /// What each market of linear positions brought its universe's vault by closing some of them.
    pub backstop_gains: BTreeMap<MarketId, i128>,
    /// What fund and fees paid each universe's vault for purses that owed.
    pub backstop_paid: BTreeMap<UniverseId, i128>,
    /// Deficits that were shared out, and checked against what was missing.
    pub allocations: u64,
    pub liquidations: u64,
    pub violations: Vec<String>,
}

fn signed(side: Side, value: i128) -> i128 {
    if side == Side::Buy { value } else { -value }
}

impl<'a> Follower<'a> {
    pub fn new(before: &Books, now: &'a Books) -> Self {
        let mut books = before.clone();
        // An option that is settled in the block is there before it alone.
        let gone = std::mem::take(&mut books.marks).into_iter().filter(|(market, _)| !now.marks.contains_key(market));
        books.marks = now.marks.iter().map(|(id, record)| (*id, *record)).chain(gone).collect();
        books.portfolios.clone_from(&now.portfolios);
        books.expiries.extend(now.expiries.iter().map(|(id, record)| (*id, *record)));
        books.forwards.extend(now.forwards.iter().map(|(id, forward)| (*id, *forward)));
        books.indices.clone_from(&now.indices);
        books.fundings.clone_from(&now.fundings);
        books.markets.extend(now.markets.iter().map(|(id, spec)| (*id, spec.clone())));
        books.assets.clone_from(&now.assets);
        books.universes.clone_from(&now.universes);
        Self {
            now,
            books,
            pool_before: None,
            settled: BTreeMap::new(),
            purses_moved: BTreeSet::new(),
            closing: None,
            last_fills: BTreeMap::new(),
            deleveraged: BTreeSet::new(),
            hedged: BTreeSet::new(),
            left_in_cash: BTreeSet::new(),
            claims: BTreeMap::new(),
            backstop_markets: BTreeSet::new(),
            backstop_gains: BTreeMap::new(),
            backstop_paid: BTreeMap::new(),
            allocations: 0,
            liquidations: 0,
            violations: Vec::new(),
        }
    }

    pub(super) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(what());
        }
    }

    fn universe_of(&self, market: MarketId) -> UniverseId {
        self.books.markets[&market].universe
    }

    pub(super) fn add(&mut self, account: AccountId, universe: UniverseId, asset: AssetId, amount: i128) {
        *self.books.balances.entry((account, universe, asset)).or_default() += amount;
    }

    fn note_cash(&mut self, from: AccountId, universe: UniverseId, asset: AssetId) {
        if asset == self.books.quote(universe) {
            self.left_in_cash.insert(from);
        }
    }

    /// Cash of a position's collateral: its purse if it is isolated.
    fn add_cash(&mut self, account: AccountId, market: MarketId, amount: i128) {
        let universe = self.universe_of(market);
        let isolated = self.books.is_isolated(account, market);
        let purse = if isolated { AccountId::isolated(account, market) } else { account };
        self.add(purse, universe, self.books.quote(universe), amount);
    }

    pub(super) fn pay(&mut self, universe: UniverseId, from: AccountId, to: AccountId, amount: i128) {
        let quote = self.books.quote(universe);
        self.add(from, universe, quote, -amount);
        self.add(to, universe, quote, amount);
    }

    pub fn follow(&mut self, events: &[Event]) {
        for event in events {
            if !matches!(event, Event::Deleveraged { .. } | Event::Liquidated(_) | Event::FundingPaid { .. }) {
                self.end_closing();
            }
            self.see(event);
        }
        self.end_closing();
    }

    fn see(&mut self, event: &Event) {
        match event {
            Event::Deposited { universe, account, asset, amount } => {
                self.add(*account, *universe, *asset, amount.get());
                *self.books.custody.entry((*universe, *asset)).or_default() += amount.get();
            }
            Event::Transferred { universe, from, to, asset, amount } => {
                self.add(*from, *universe, *asset, -amount.get());
                self.add(*to, *universe, *asset, amount.get());
                self.note_cash(*from, *universe, *asset);
            }
            Event::MovedBetweenUniverses { from_universe, to_universe, from, to, asset, amount } => {
                self.add(*from, *from_universe, *asset, -amount.get());
                self.add(*to, *to_universe, *asset, amount.get());
                *self.books.custody.entry((*from_universe, *asset)).or_default() -= amount.get();
                *self.books.custody.entry((*to_universe, *asset)).or_default() += amount.get();
                self.note_cash(*from, *from_universe, *asset);
            }
            Event::Traded(trade) => self.trade(trade),
            Event::FundingPaid { account, market, amount_usd, index, .. } => {
                self.add_cash(*account, *market, -amount_usd.get());
                let clearing = AccountId::clearing(*market);
                self.add(clearing, self.universe_of(*market), self.quote_of(*market), amount_usd.get());
                if let Some(held) = self.books.positions.get_mut(&(*account, *market)) {
                    held.funding_index = i128::from(index.get());
                }
            }
            Event::LossSettled { market, account, amount_usd } => {
                self.loss_settled(*market, *account, amount_usd.get())
            }
            Event::LeverageUpdated { account, market, .. } => {
                if let Some(setting) = self.now.settings.get(&(*account, *market)) {
                    self.books.settings.insert((*account, *market), *setting);
                }
                self.purses_moved.insert(*account);
            }
            Event::IsolatedMarginMoved { account, market, amount_usd } => {
                let purse = AccountId::isolated(*account, *market);
                self.pay(self.universe_of(*market), *account, purse, amount_usd.get());
            }
            Event::OrderCanceled { order, .. } => self.unlock(order.account),
            Event::Delivered { account, market, payoff_usd, .. } => self.delivered(*account, *market, payoff_usd.get()),
            Event::OptionsFixed { universe, underlying, expires_at_ms, price, .. } => {
                self.settled.insert((*universe, *underlying, *expires_at_ms), i128::from(price.get()));
            }
            Event::MarketSettled { market, dust_usd } => {
                let universe = self.universe_of(*market);
                self.check(dust_usd.get() >= 0, || format!("I3 market {market} ended with {dust_usd} too little"));
                self.pay(universe, AccountId::clearing(*market), AccountId::insurance(universe), dust_usd.get());
            }
            Event::SyntheticMinted { .. }
            | Event::SyntheticBurned { .. }
            | Event::SyntheticRedeemed { .. }
            | Event::DebtLiquidated(_)
            | Event::ShortfallChanged { .. } => self.see_synthetic(event),
            Event::PoolCreated { .. }
            | Event::PoolDeposited { .. }
            | Event::PoolWithdrawn { .. }
            | Event::PoolTraded { .. } => self.see_pool(event),
            event => self.see_liquidation(event),
        }
    }

    /// A position is paid out. An option pays its intrinsic value, rounded down: what rounding leaves is nobody's gain.
    fn delivered(&mut self, account: AccountId, market: MarketId, paid: i128) {
        let held = self.books.positions.remove(&(account, market));
        let spec = &self.books.markets[&market];
        if let Some((contract, expiry)) = spec.option().zip(expiry_of(spec)) {
            let recorded = self.books.expiries.get(&expiry).and_then(|record| record.settlement_price());
            let settled = self.settled.get(&expiry).copied().or(recorded.map(|price| i128::from(price.get())));
            let lots = held.map_or(0, |held| held.lots);
            let expected = settled.map(|settled| floor(payoff(&contract, settled) * lots, scale(spec)));
            self.check(expected == Some(paid), || {
                format!("I3 {account} was paid {paid} for {lots} lots of option {market}, they are worth {expected:?}")
            });
        }
        self.add_cash(account, market, paid);
        let (universe, quote) = (self.universe_of(market), self.quote_of(market));
        self.add(AccountId::clearing(market), universe, quote, -paid);
        self.purses_moved.insert(account);
    }

    /// A loser pays in, and no more than was lost.
    fn loss_settled(&mut self, market: MarketId, account: AccountId, amount: i128) {
        let lost = self.books.positions.get(&(account, market)).and_then(|held| self.books.unrealised(market, held));
        self.check(amount > 0 && lost.is_some_and(|lost| amount <= -lost), || {
            format!("I4 {account} paid {amount} of a result of {lost:?} in market {market}")
        });
        self.add_cash(account, market, -amount);
        self.add(AccountId::clearing(market), self.universe_of(market), self.quote_of(market), amount);
        if let Some(held) = self.books.positions.get_mut(&(account, market)) {
            held.cost -= amount;
        }
    }

    /// Whoever is liquidated has no order left when it comes to what is missing.
    fn unlock(&mut self, account: AccountId) {
        self.books.locked.retain(|(owner, ..), _| *owner != account);
    }

    fn quote_of(&self, market: MarketId) -> AssetId {
        self.books.quote(self.universe_of(market))
    }

    fn see_liquidation(&mut self, event: &Event) {
        match event {
            Event::Liquidated(liquidation) => self.liquidated(liquidation),
            Event::Deleveraged { market, account, side, size, quote_usd, closed_pnl_usd, haircut_usd, bankrupt } => {
                self.begin_closing(*bankrupt, *market);
                let lots = signed(*side, i128::from(size.get()));
                let quote = signed(*side, quote_usd.get());
                let mark_value = self.books.value(*market, lots).expect("a mark");
                if let Some(closing) = &mut self.closing {
                    closing.taken += lots.abs();
                    closing.haircuts += haircut_usd.get();
                    // A winner who buys back pays more than the mark, one who sells gets less.
                    closing.by_quotes += quote - mark_value;
                    closing.winners += 1;
                }
                let before = self.lots(*account, *market);
                self.check(before != 0 && (before > 0) != (lots > 0) && lots.abs() <= before.abs(), || {
                    format!("I8 winner {account} held {before} lots and was closed by {lots}")
                });
                self.deleveraged.insert(*account);
                // What a position leaves in its purse goes to its owner, without an event of its own.
                if self.books.is_isolated(*account, *market) {
                    self.purses_moved.insert(*account);
                }
                self.fill(*account, *market, lots, quote, None, Some(closed_pnl_usd.get()));
            }
            Event::DeficitPaid { universe, account, market, payer, amount_usd } => {
                let source = match payer {
                    Payer::Insurance => AccountId::insurance(*universe),
                    Payer::Fees => AccountId::fees(*universe),
                };
                if self.synthetic_paid(*account, source, amount_usd.get()) {
                    return;
                }
                let purse = market.filter(|market| self.books.is_isolated(*account, *market));
                let to = purse.map_or(*account, |market| AccountId::isolated(*account, market));
                self.pay(*universe, source, to, amount_usd.get());
                self.check(amount_usd.get() > 0, || format!("I8 {account} was paid {amount_usd}"));
                if *account == AccountId::backstop(*universe) {
                    *self.backstop_paid.entry(*universe).or_default() += amount_usd.get();
                }
                if let (Some(market), Payer::Insurance) = (market, payer) {
                    *self.claims.entry(*market).or_default() += amount_usd.get();
                }
            }
            Event::CollateralSold { universe, account, buyer, asset, amount, proceeds_usd } => {
                self.add(*account, *universe, *asset, -amount.get());
                self.add(*buyer, *universe, *asset, amount.get());
                self.pay(*universe, *buyer, *account, proceeds_usd.get());
            }
            _ => {}
        }
    }

    fn lots(&self, account: AccountId, market: MarketId) -> i128 {
        self.books.positions.get(&(account, market)).map_or(0, |held| held.lots)
    }

    fn trade(&mut self, trade: &Trade) {
        self.see_pool_before(trade);
        self.side(trade, &trade.maker, trade.taker_side.opposite());
        self.side(trade, &trade.taker, trade.taker_side);
    }

    fn side(&mut self, trade: &Trade, side: &TradeSide, direction: Side) {
        let market = trade.market;
        let universe = self.universe_of(market);
        let lots = signed(direction, i128::from(trade.size.get()));
        let quote = signed(direction, trade.quote_usd.get());
        if let Some(spot) = self.books.markets[&market].spot() {
            let unit =
                10i128.pow(u32::from(self.books.assets[&spot.base].decimals)) / scale(&self.books.markets[&market]);
            self.add(side.account, universe, spot.quote, -quote - side.fee_usd.get());
            self.add(side.account, universe, spot.base, lots * unit);
            self.add(AccountId::fees(universe), universe, spot.quote, side.fee_usd.get());
            return;
        }
        let before = self.lots(side.account, market);
        self.check(i128::from(side.start_position.get()) == before, || {
            format!("I2 {} held {before} lots, the fill says {:?}", side.account, side.start_position)
        });
        self.add_cash(side.account, market, -side.fee_usd.get());
        let fees = AccountId::fees(universe);
        self.add(fees, universe, self.books.quote(universe), side.fee_usd.get());
        self.fill(
            side.account,
            market,
            lots,
            quote,
            Some(i128::from(trade.price.get())),
            Some(side.closed_pnl_usd.get()),
        );
        let after = before + lots;
        let reduces = after.abs() < before.abs() && (after == 0 || (after > 0) == (before > 0));
        self.last_fills.insert((side.account, market), !reduces);
        let cap = self.books.markets[&market].derivative().map_or(0, |terms| i128::from(terms.position_maximum.get()));
        self.check(after.abs() <= cap.max(before.abs()), || {
            format!("cap: {} went from {before} to {after} lots in market {market}, the cap is {cap}", side.account)
        });
        self.check(reduces || !self.books.closed_vaults.contains(&side.account), || {
            format!("closed vault {} went from {before} to {after} lots in market {market}", side.account)
        });
    }

    fn liquidated(&mut self, liquidation: &Liquidation) {
        let Liquidation { account, universe, market, method, side, size, quote_usd, fee_usd, .. } = *liquidation;
        self.liquidations += 1;
        let lots = signed(side, i128::from(size.get()));
        let quote = signed(side, quote_usd.get());
        match method {
            LiquidationMethod::Book => {
                // The fills were told. The fee may come from the purse or, if it is gone, from its owner.
                self.purses_moved.insert(account);
                self.add_cash(account, market, -fee_usd.get());
                let quote = self.books.quote(universe);
                self.add(AccountId::insurance(universe), universe, quote, fee_usd.get());
            }
            LiquidationMethod::Backstop => {
                self.backstop_markets.insert(market);
                self.purses_moved.insert(account);
                self.fill(account, market, lots, quote, None, Some(liquidation.closed_pnl_usd.get()));
                let vault = AccountId::backstop(universe);
                self.books.settings.entry((vault, market)).or_insert((10, true));
                self.fill(vault, market, -lots, -quote, None, None);
            }
            LiquidationMethod::Hedge => {
                // The fills were told; forced, they ask for no margin.
                self.hedged.insert(account);
            }
            LiquidationMethod::Deleverage => {
                self.fill(account, market, lots, quote, None, Some(liquidation.closed_pnl_usd.get()));
            }
        }
    }

    /// Signed lots for a signed quote (both positive when bought). Closing takes its share of the cost, rounded up, so that
    /// profit is rounded down: nobody gains by rounding.
    fn fill(
        &mut self,
        account: AccountId,
        market: MarketId,
        lots: i128,
        quote: i128,
        price: Option<i128>,
        reported: Option<i128>,
    ) {
        let unit = scale(&self.books.markets[&market]);
        let funding_index = self.books.fundings.get(&market).copied().unwrap_or(0);
        let entry = self.books.positions.entry((account, market)).or_insert(Held { funding_index, ..Held::default() });
        if self.books.markets[&market].option().is_some() {
            // The premium is paid: a position costs nothing.
            entry.lots += lots;
            let is_closed = entry.lots == 0;
            if is_closed {
                self.books.positions.remove(&(account, market));
            }
            self.check(reported.is_none_or(|reported| reported == -quote), || {
                format!("I2 {account} was said to get {reported:?} for a premium of {quote} in market {market}")
            });
            self.add_cash(account, market, -quote);
            let (universe, quote_asset) = (self.universe_of(market), self.quote_of(market));
            self.add(AccountId::clearing(market), universe, quote_asset, quote);
            return;
        }
        let before = *entry;
        let closes = before.lots != 0 && (before.lots > 0) != (lots > 0);
        let closed = if closes { lots.abs().min(before.lots.abs()) } else { 0 };
        let closing_quote = match price {
            Some(price) => price * closed / unit,
            None => floor(quote.abs() * closed, lots.abs().max(1)),
        };
        let received = if lots < 0 { closing_quote } else { -closing_quote };
        // In parts of all lots held: cost × closed, unrounded.
        let exact = received * before.lots.abs().max(1) - before.cost * closed;
        let profit = floor(exact, before.lots.abs().max(1));
        entry.lots += lots;
        entry.cost += quote + profit;
        if entry.lots == 0 {
            self.books.positions.remove(&(account, market));
        }
        self.check(reported.is_none_or(|reported| reported == profit), || {
            format!("I3 rounding: {account} was given {reported:?} for what is worth {profit} in market {market}")
        });
        self.add_cash(account, market, profit);
        let (universe, quote_asset) = (self.universe_of(market), self.quote_of(market));
        self.add(AccountId::clearing(market), universe, quote_asset, -profit);
        if account == AccountId::backstop(universe) {
            *self.backstop_gains.entry(market).or_default() += profit.max(0);
        }
    }

    fn equity(&self, unit: Unit) -> Option<i128> {
        if (unit.2.is_some() || self.has_purses(unit)) && self.purses_moved.contains(&unit.0) {
            return None;
        }
        self.books.worth(unit).map(|worth| worth.equity)
    }

    fn has_purses(&self, unit: Unit) -> bool {
        self.books.settings.iter().any(|((account, _), (_, isolated))| *account == unit.0 && *isolated)
    }

    fn begin_closing(&mut self, bankrupt: AccountId, market: MarketId) {
        if self.closing.as_ref().is_some_and(|now| (now.bankrupt, now.market) == (bankrupt, market)) {
            return;
        }
        self.end_closing();
        let unit = self.books.unit_of(bankrupt, market);
        let deficit = self.equity(unit).map(|equity| -equity);
        let lots = self.lots(bankrupt, market);
        self.closing =
            Some(Closing { bankrupt, market, lots, deficit, taken: 0, haircuts: 0, by_quotes: 0, winners: 0 });
    }

    /// I8: what the winners gave up is what was missing, for the part of the position that was closed.
    fn end_closing(&mut self) {
        let Some(closing) = self.closing.take() else { return };
        let Closing { bankrupt, market, lots, taken, haircuts, by_quotes, winners, .. } = closing;
        let Some(deficit) = closing.deficit else { return };
        self.allocations += 1;
        let expected = deficit.max(0) * taken;
        let all = lots.abs().max(1);
        let told = (haircuts * all - expected).abs();
        self.check(told <= all, || {
            format!("I8 haircuts of {bankrupt} in market {market} are {haircuts}, missing were {deficit}, {taken} of {all} lots")
        });
        let paid = (by_quotes * all - expected).abs();
        self.check(paid <= all * (winners * ROUNDING + ROUNDING), || {
            format!("I8 winners gave {by_quotes} for {bankrupt} in market {market}, missing were {deficit}, {taken} of {all} lots")
        });
        self.check(deficit >= -DOLLAR, || {
            format!("I8 {bankrupt} was closed against winners in market {market} with {} left", -deficit)
        });
    }

    /// Everything that the events explain, against the state after the block.
    pub fn compare(&mut self) {
        let expected: Vec<_> = self.books.positions.iter().map(|(id, held)| (*id, (held.lots, held.cost))).collect();
        let found: Vec<_> = self.now.positions.iter().map(|(id, held)| (*id, (held.lots, held.cost))).collect();
        self.check(expected == found, || format!("I2 positions are {found:?}, events say {expected:?}"));
        let owners = self.owners();
        let fold = |books: &Books| {
            let mut sums: BTreeMap<(AccountId, UniverseId, AssetId), i128> = BTreeMap::new();
            for ((account, universe, asset), amount) in &books.balances {
                let owner = owners.get(account).copied().unwrap_or(*account);
                *sums.entry((owner, *universe, *asset)).or_default() += amount;
            }
            sums.retain(|_, amount| *amount != 0);
            sums
        };
        let (expected, found) = (fold(&self.books), fold(self.now));
        for key in expected.keys().chain(found.keys()).copied().collect::<BTreeSet<_>>() {
            let (by_events, there) = (expected.get(&key).copied().unwrap_or(0), found.get(&key).copied().unwrap_or(0));
            self.check(by_events == there, || {
                format!("I1 {} of asset {} in universe {} has {there}, events say {by_events}", key.0, key.2, key.1)
            });
        }
        self.compare_synthetics();
        self.compare_pools();
    }

    /// Purses by their owner.
    fn owners(&self) -> BTreeMap<AccountId, AccountId> {
        let settings = self.books.settings.keys().chain(self.now.settings.keys());
        settings.map(|(account, market)| (AccountId::isolated(*account, *market), *account)).collect()
    }
}
