//! An independent bookkeeper: it knows only events and plain arithmetic, and compares the engine's state with what
//! must follow from them.

use palisade_engine::State;
use palisade_types::{
    address::AccountId,
    event::{Event, Trade, TradeSide},
    ids::{AssetId, MarketId, UniverseId},
    order::Side,
};
use std::collections::BTreeMap;

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
                Event::Traded(trade) => self.trade(trade),
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
        let holding = self.holdings.entry((side.account, trade.market)).or_default();
        assert_eq!(i128::from(side.start_position.get()), holding.lots, "the position before the fill");
        let before = holding.lots;
        holding.lots += lots;
        holding.paid_usd += quote;
        holding.reported_profit_usd += side.closed_pnl_usd.get();
        holding.fills += 1;
        holding.average_cost = if before == 0 || (before > 0) == (lots > 0) {
            holding.average_cost + (quote << 20)
        } else if holding.lots == 0 || (holding.lots > 0) == (before > 0) {
            holding.average_cost * holding.lots / before
        } else {
            (quote << 20) * holding.lots / lots
        };
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
            assert_eq!(realised, holding.reported_profit_usd, "profit reported to {account} in {market}");
            *expected.entry((*account, UniverseId::new(0), AssetId::new(0))).or_default() += realised;
            let clearing = AccountId::clearing(*market);
            *expected.entry((clearing, UniverseId::new(0), AssetId::new(0))).or_default() -= realised;
        }
        for ((account, universe, asset), amount) in &expected {
            assert_eq!(state.balance(*account, *universe, *asset).get(), *amount, "balance of {account} in {asset}");
        }
        for (id, amount) in state.balances() {
            let known = expected.contains_key(&(id.account, id.universe, id.asset));
            assert!(known, "{} of asset {} came from nowhere to {}", amount, id.asset, id.account);
        }
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
