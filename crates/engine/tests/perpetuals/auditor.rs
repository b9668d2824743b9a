//! An independent bookkeeper: it knows only events and plain arithmetic, and compares the engine's state with what
//! must follow from them.

use palisade_engine::State;
use palisade_types::{
    address::AccountId,
    event::{Event, Liquidation, LiquidationMethod, Payer, Trade, TradeSide},
    ids::{AssetId, MarketId, UniverseId},
    order::Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// What follows from an account's fills in one market.
#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    lots: i128,
    /// Bought minus sold, at fill prices.
    paid_usd: i128,
    /// Profit that the events reported.
    reported_profit_usd: i128,
    /// The average cost of the open lots with 20 binary places, released pro rata.
    average_cost: i128,
    fills: i128,
}

/// What a perpetual's margin needs, in plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub equity: i128,
    pub initial: i128,
    pub position_initial: i128,
}

#[derive(Clone, Debug, Default)]
pub struct Auditor {
    holdings: BTreeMap<(AccountId, MarketId), Holding>,
    /// Deposits, transfers and fees; spot included.
    cash: BTreeMap<(AccountId, UniverseId, AssetId), i128>,
    trades: u64,
    liquidations: u64,
    /// Lots, quote and profit of the taker's fills since the last order of another number.
    last_taker: Option<(u64, AccountId, i128, i128, i128)>,
    spot: BTreeMap<MarketId, (AssetId, i128)>,
}

fn signed(side: Side, value: i128) -> i128 {
    match side {
        Side::Buy => value,
        Side::Sell => -value,
    }
}

impl Auditor {
    /// Tells the auditor of a spot market: its base asset and base units per lot.
    pub fn knows_spot(&mut self, market: MarketId, base: AssetId, units_per_lot: i128) {
        self.spot.insert(market, (base, units_per_lot));
    }

    pub fn trades(&self) -> u64 {
        self.trades
    }

    pub fn liquidations(&self) -> u64 {
        self.liquidations
    }

    pub fn follow(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Deposited { universe, account, asset, amount } => {
                    *self.cash.entry((*account, *universe, *asset)).or_default() += amount.get();
                }
                Event::Transferred { universe, from, to, asset, amount } => {
                    *self.cash.entry((*from, *universe, *asset)).or_default() -= amount.get();
                    *self.cash.entry((*to, *universe, *asset)).or_default() += amount.get();
                }
                Event::FundingPaid { account, market, amount_usd, .. } => {
                    let (universe, collateral) = (UniverseId::new(0), AssetId::new(0));
                    let clearing = AccountId::clearing(*market);
                    *self.cash.entry((*account, universe, collateral)).or_default() -= amount_usd.get();
                    *self.cash.entry((clearing, universe, collateral)).or_default() += amount_usd.get();
                }
                Event::LossSettled { market, account, amount_usd } => {
                    let holding = self.holdings.get_mut(&(*account, *market)).expect("a position that lost");
                    holding.reported_profit_usd -= amount_usd.get();
                    holding.average_cost -= amount_usd.get() << 20;
                }
                Event::Traded(trade) => self.trade(trade),
                Event::Liquidated(liquidation) => self.liquidated(liquidation),
                Event::Deleveraged { market, account, side, size, quote_usd, closed_pnl_usd, .. } => {
                    let lots = signed(*side, i128::from(size.get()));
                    let quote = signed(*side, quote_usd.get());
                    let start = self.move_position(*account, *market, lots, quote, closed_pnl_usd.get());
                    assert!(start != 0 && (start > 0) != (lots > 0), "a winner is closed, not opened: {start} {lots}");
                    assert!(lots.abs() <= start.abs(), "a winner is not turned: {start} {lots}");
                }
                Event::DeficitPaid { universe, account, payer, amount_usd, .. } => {
                    let source = match payer {
                        Payer::Insurance => AccountId::insurance(*universe),
                        Payer::Fees => AccountId::fees(*universe),
                    };
                    self.pay(source, *account, amount_usd.get());
                }
                Event::CollateralSold { universe, account, buyer, asset, amount, proceeds_usd } => {
                    *self.cash.entry((*account, *universe, *asset)).or_default() -= amount.get();
                    *self.cash.entry((*buyer, *universe, *asset)).or_default() += amount.get();
                    self.pay(*buyer, *account, proceeds_usd.get());
                }
                Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } => {
                    panic!("halted: {invariant}");
                }
                _ => {}
            }
        }
    }

    fn trade(&mut self, trade: &Trade) {
        self.trades += 1;
        assert_ne!(trade.maker.account, trade.taker.account, "nobody trades with oneself");
        self.side(trade, &trade.taker, trade.taker_side);
        self.side(trade, &trade.maker, trade.taker_side.opposite());
    }

    fn pay(&mut self, from: AccountId, to: AccountId, usd: i128) {
        assert!(usd >= 0, "{usd} paid by {from}");
        let (universe, collateral) = (UniverseId::new(0), AssetId::new(0));
        *self.cash.entry((from, universe, collateral)).or_default() -= usd;
        *self.cash.entry((to, universe, collateral)).or_default() += usd;
    }

    /// What the book closed was told fill by fill, and only the fee is new. The vault takes the other side of what it took over,
    /// and a winner's side is told apart.
    fn liquidated(&mut self, liquidation: &Liquidation) {
        let Liquidation { account, universe, market, method, side, size, quote_usd, fee_usd, .. } = *liquidation;
        self.liquidations += 1;
        let (lots, quote) = (i128::from(size.get()), quote_usd.get());
        let profit = liquidation.closed_pnl_usd.get();
        self.pay(account, AccountId::insurance(universe), fee_usd.get());
        let start = i128::from(liquidation.start_position.get());
        assert!(start.abs() >= lots && (start > 0) == (side == Side::Sell), "{liquidation:?}");
        if method == LiquidationMethod::Book {
            let (_, taker, taken, paid, reported) = self.last_taker.take().expect("fills before it");
            assert_eq!((taker, taken, paid), (account, lots, quote), "fills of {liquidation:?}");
            assert!((reported - profit).abs() <= 64, "the fills realised {reported}: {liquidation:?}");
            return;
        }
        let (lots, quote) = (signed(side, lots), signed(side, quote));
        let before = self.move_position(account, market, lots, quote, profit);
        assert_eq!(before, start, "the position before {liquidation:?}");
        if method == LiquidationMethod::Backstop {
            self.move_position(AccountId::backstop(universe), market, -lots, -quote, 0);
        }
    }

    fn side(&mut self, trade: &Trade, side: &TradeSide, direction: Side) {
        let (universe, collateral) = (UniverseId::new(0), AssetId::new(0));
        let fees = AccountId::fees(universe);
        *self.cash.entry((side.account, universe, collateral)).or_default() -= side.fee_usd.get();
        *self.cash.entry((fees, universe, collateral)).or_default() += side.fee_usd.get();
        let lots = signed(direction, i128::from(trade.size.get()));
        let quote = signed(direction, trade.quote_usd.get());
        if let Some((base, units_per_lot)) = self.spot.get(&trade.market).copied() {
            *self.cash.entry((side.account, universe, collateral)).or_default() -= quote;
            *self.cash.entry((side.account, universe, base)).or_default() += lots * units_per_lot;
            return;
        }
        let before = self.move_position(side.account, trade.market, lots, quote, side.closed_pnl_usd.get());
        assert_eq!(i128::from(side.start_position.get()), before, "the position before the fill");
        if side.order == trade.taker.order {
            let fresh = (side.order.get(), side.account, 0, 0, 0);
            let last = self.last_taker.filter(|last| last.0 == fresh.0).unwrap_or(fresh);
            let profit = last.4 + side.closed_pnl_usd.get();
            self.last_taker = Some((last.0, last.1, last.2 + lots.abs(), last.3 + quote.abs(), profit));
        }
    }

    /// Trades signed lots for a signed quote (both positive when bought); the position before.
    fn move_position(&mut self, account: AccountId, market: MarketId, lots: i128, quote: i128, profit: i128) -> i128 {
        let holding = self.holdings.entry((account, market)).or_default();
        let before = holding.lots;
        holding.lots += lots;
        holding.paid_usd += quote;
        holding.reported_profit_usd += profit;
        holding.fills += 1;
        holding.average_cost = if before == 0 || (before > 0) == (lots > 0) {
            holding.average_cost + (quote << 20)
        } else if holding.lots == 0 || (holding.lots > 0) == (before > 0) {
            holding.average_cost * holding.lots / before
        } else {
            (quote << 20) * holding.lots / lots
        };
        before
    }

    /// Compares the state with the books.
    pub fn check(&self, state: &State) {
        self.check_positions(state);
        self.check_cash(state);
        for (id, custody) in state.custodies() {
            let sum: i128 = state
                .balances()
                .filter(|(balance, _)| balance.universe == id.universe && balance.asset == id.asset)
                .map(|(_, amount)| amount.get())
                .sum();
            assert_eq!(sum, custody.get(), "I1 of asset {}", id.asset);
        }
    }

    fn check_positions(&self, state: &State) {
        let mut lots: BTreeMap<MarketId, (i128, i128, i128)> = BTreeMap::new();
        let mut found = 0;
        for (id, record) in state.positions() {
            found += 1;
            let holding = self.holdings.get(&(id.account, id.market)).copied().unwrap_or_default();
            let (held, cost) = (i128::from(record.position.get()), record.entry_cost_usd.get());
            assert_eq!(held, holding.lots, "lots of {} in {}", id.account, id.market);
            assert_ne!(held, 0, "an empty position is not kept");
            let drift = ((cost << 20) - holding.average_cost).abs();
            assert!(drift <= (holding.fills + 1) << 20, "cost {cost} strays from {holding:?}");
            let sums = lots.entry(id.market).or_default();
            let index = state.funding(id.market).map_or(0, |record| i128::from(record.index.get()));
            let owed = held * (index - i128::from(record.funding_index.get()));
            *sums = (sums.0 + held, sums.1 + held.max(0), sums.2 + cost + owed);
        }
        let open = self.holdings.values().filter(|holding| holding.lots != 0).count();
        assert_eq!(open, found, "every open position is in the state");
        for market in state.markets().filter(|market| market.perpetual().is_some()) {
            let (sum, long, cost) = lots.get(&market.id).copied().unwrap_or_default();
            let totals = state.position_totals(market.id);
            assert_eq!(sum, 0, "I2 of {}", market.symbol);
            assert_eq!((totals.long as i128, totals.short as i128), (long, long), "open interest of {}", market.symbol);
            let clearing = state.balance(AccountId::clearing(market.id), UniverseId::new(0), AssetId::new(0));
            assert_eq!(cost + clearing.get(), 0, "costs and clearing of {}", market.symbol);
        }
    }

    /// Cash is exact: what came in, less fees, plus what the fills realised, which is cost minus what was paid.
    fn check_cash(&self, state: &State) {
        let mut expected = self.cash.clone();
        for ((account, market), holding) in &self.holdings {
            let cost = state.position(*account, *market).map_or(0, |record| record.entry_cost_usd.get());
            let realised = cost - holding.paid_usd;
            // What the vault makes of what it took over is told by its fills alone.
            if *account != AccountId::backstop(UniverseId::new(0)) {
                assert_eq!(realised, holding.reported_profit_usd, "profit reported to {account} in {market}");
            }
            *expected.entry((*account, UniverseId::new(0), AssetId::new(0))).or_default() += realised;
            let clearing = AccountId::clearing(*market);
            *expected.entry((clearing, UniverseId::new(0), AssetId::new(0))).or_default() -= realised;
        }
        for ((account, universe, asset), amount) in &expected {
            let purses = if asset.get() == 0 { self.in_purses(state, *account, *universe) } else { 0 };
            let held = state.balance(*account, *universe, *asset).get() + purses;
            assert_eq!(held, *amount, "balance of {account} in {asset}");
        }
        let purses: BTreeSet<AccountId> =
            self.holdings.keys().map(|(account, market)| AccountId::isolated(*account, *market)).collect();
        for (id, amount) in state.balances().filter(|(id, _)| !purses.contains(&id.account)) {
            let known = expected.contains_key(&(id.account, id.universe, id.asset));
            assert!(known, "{} of asset {} came from nowhere to {}", amount, id.asset, id.account);
        }
    }

    /// What lies in the purses of an account's isolated positions, which is the account's.
    fn in_purses(&self, state: &State, account: AccountId, universe: UniverseId) -> i128 {
        let of_account = self.holdings.keys().filter(|(owner, _)| *owner == account);
        let purses = of_account.map(|(owner, market)| AccountId::isolated(*owner, *market));
        purses.map(|purse| state.balance(purse, universe, AssetId::new(0)).get()).sum()
    }

    /// Margin by the book's formulas, over plain numbers and without anything of the engine's.
    pub fn standing(&self, state: &State, account: AccountId) -> Standing {
        let (universe, collateral) = (UniverseId::new(0), AssetId::new(0));
        let mut standing = Standing {
            equity: state.balance(account, universe, collateral).get()
                - state.held(account, universe, collateral).get(),
            ..Standing::default()
        };
        for market in state.markets() {
            let Some(terms) = market.perpetual() else { continue };
            let Some(mark) = state.mark(market.id).map(|record| i128::from(record.price.get())) else { continue };
            let scale = 10i128.pow(u32::from(market.size_decimals));
            let leverage = state
                .margin_setting(account, market.id)
                .map_or(terms.maximum_leverage.min(20), |setting| setting.leverage);
            let leverage = i128::from(leverage);
            let held = state.position(account, market.id);
            let lots = held.map_or(0, |record| i128::from(record.position.get()));
            let cost = held.map_or(0, |record| record.entry_cost_usd.get());
            let fee = i128::from(market.maker_fee.max(market.taker_fee).get());
            let mut orders = [(0i128, 0i128); 2];
            for record in state.orders_of_in(account, market.id).filter(|record| !record.order.reduce_only) {
                let sums = &mut orders[usize::from(record.order.side == Side::Sell)];
                let open = i128::from(record.order.remaining.get());
                *sums = (sums.0 + open, sums.1 + open * i128::from(record.order.price.get()) / scale);
            }
            let [buys, sells] = orders;
            let sold = (sells.0, sells.1.max(ceil(mark * sells.0, scale)));
            let bought_loss = buys.1 - floor(mark * buys.0, scale);
            let sold_loss = ceil(mark * sells.0, scale) - sells.1;
            let if_bought = side_requirement(lots, buys, bought_loss, mark, scale, leverage, fee);
            let if_sold = side_requirement(-lots, sold, sold_loss, mark, scale, leverage, fee);
            let index = state.funding(market.id).map_or(0, |record| i128::from(record.index.get()));
            let owed = held.map_or(0, |record| lots * (index - i128::from(record.funding_index.get())));
            standing.equity += floor(mark * lots, scale) - cost - owed;
            standing.initial += if_bought.max(if_sold);
            standing.position_initial += ceil(ceil(mark * lots.abs(), scale), leverage);
        }
        standing
    }
}

fn floor(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor)
}

fn ceil(value: i128, divisor: i128) -> i128 {
    -(-value).div_euclid(divisor)
}

fn side_requirement(
    held: i128,
    (lots, notional): (i128, i128),
    loss: i128,
    mark: i128,
    scale: i128,
    leverage: i128,
    fee: i128,
) -> i128 {
    let after = held + lots;
    let at_risk = if held >= 0 {
        ceil(mark * held, scale) + notional
    } else if after <= 0 {
        ceil(mark * -after, scale)
    } else {
        ceil(notional * after, lots)
    };
    ceil(at_risk, leverage) + loss.max(0) + ceil(notional * fee, 1_000_000)
}
