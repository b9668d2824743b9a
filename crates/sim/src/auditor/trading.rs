//! Orders, trades and positions: price-time priority, exact quotes, fees, what a fill realises, and who may not meet whom.

use super::{
    Auditor, Held, Market, Objection, Who, ensure,
    ledger::{clearing, fees},
    numbers::{ceil, floor, part_up},
    who,
};
use palisade_types::{
    address::AccountId,
    event::{Trade, TradeSide},
    ids::OrderId,
    order::{OpenOrder, Side},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resting {
    pub owner: Who,
    pub market: Market,
    pub buys: bool,
    pub price: i64,
    pub lots: u64,
    pub place: u64,
}

/// What one incoming order has traded so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub order: u64,
    pub account: Who,
    pub market: Market,
    pub lots: i128,
    pub quote: i128,
    pub fees: i128,
}

/// One side of an exchange of lots for a quote; bought lots and the quote paid for them are positive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub account: Who,
    pub market: Market,
    pub lots: i128,
    pub quote: i128,
    /// The price of a lot's unit; without one, what closes takes its part of the quote, rounded down.
    pub price: Option<i128>,
}

pub(super) fn resting(order: &OpenOrder) -> Resting {
    Resting {
        owner: who(order.account),
        market: order.market.get(),
        buys: order.side == Side::Buy,
        price: order.price.get(),
        lots: order.remaining.get(),
        place: order.priority,
    }
}

/// Positive for a buyer.
pub(super) const fn signed(side: Side, value: i128) -> i128 {
    match side {
        Side::Buy => value,
        Side::Sell => -value,
    }
}

impl Auditor {
    pub(super) fn filled(&self, order: &OpenOrder) -> Result<(), Objection> {
        let left = self.orders.get(&order.id.get()).map_or(0, |resting| resting.lots);
        ensure(left == 0, || format!("order {} is filled but has {left} lots left", order.id))
    }

    pub(super) fn trade(&mut self, trade: &Trade) -> Result<(), Objection> {
        let is_pool = trade.maker.order == OrderId::POOL;
        let is_off_book = self.is_due_leg(trade)?;
        if is_pool {
            self.before_the_line(trade)?;
        } else if !is_off_book {
            self.first_in_line(trade)?;
        }
        let market = trade.market.get();
        let terms = self.market(market)?.clone();
        let expired = terms.expires_at_ms.is_some_and(|at| at <= self.now_ms);
        ensure(!expired, || format!("trade {} is in market {market}, which is over", trade.id))?;
        let (maker, taker) = (who(trade.maker.account), who(trade.taker.account));
        ensure(self.group_of(maker) != self.group_of(taker), || format!("trade {} is within a group", trade.id))?;
        let whole = i128::from(trade.price.get()) * i128::from(trade.size.get());
        ensure(whole % terms.scale == 0 && whole / terms.scale == trade.quote_usd.get(), || {
            format!("trade {} is worth {whole} / {}", trade.id, terms.scale)
        })?;
        let quote = trade.quote_usd.get();
        let size = i128::from(trade.size.get());
        self.fee(market, &trade.maker, if is_pool { 0 } else { terms.maker_fee }, (quote, size))?;
        self.fee(market, &trade.taker, terms.taker_fee, (quote, size))?;
        match terms.spot {
            Some((base, paid)) => {
                let (buyer, seller) = if trade.taker_side == Side::Buy { (taker, maker) } else { (maker, taker) };
                let amount = size * (self.terms.assets[&base].unit / terms.scale);
                let reserves = if is_pool { self.reserves(market)? } else { (0, 0) };
                self.ledger.pay(buyer, seller, (terms.universe, paid), quote);
                self.ledger.pay(seller, buyer, (terms.universe, base), amount);
                if is_pool {
                    self.check_pool_trade(trade, amount, reserves)?;
                }
            }
            None => {
                self.fill(trade, &trade.maker, trade.taker_side.opposite())?;
                self.fill(trade, &trade.taker, trade.taker_side)?;
                if terms.contract.is_some() && !is_off_book && trade.taker_side == Side::Sell {
                    self.check_premium_covered(maker, market)?;
                }
            }
        }
        // Where the lister sets the fees, volume earns no actions.
        let counts = self.genesis.universes.iter().any(|universe| universe.id.get() == terms.universe);
        for account in [taker].into_iter().chain((!is_pool).then_some(maker)).filter(|_| counts) {
            *self.volumes.entry(account).or_default() += quote;
        }
        if is_off_book {
            return Ok(());
        }
        self.note_incoming(trade);
        self.note_fill(trade);
        if is_pool {
            return Ok(());
        }
        let order = trade.maker.order.get();
        let resting = self.orders.get_mut(&order).ok_or("the maker is in no book")?;
        resting.lots = resting.lots.checked_sub(trade.size.get()).ok_or("the maker gives more than it has")?;
        if resting.lots == 0 {
            self.orders.remove(&order);
        }
        Ok(())
    }

    fn note_incoming(&mut self, trade: &Trade) {
        let (order, account, market) = (trade.taker.order.get(), who(trade.taker.account), trade.market.get());
        let before = self.incoming.filter(|incoming| incoming.order == order);
        let before = before.unwrap_or(Incoming { order, account, market, lots: 0, quote: 0, fees: 0 });
        self.incoming = Some(Incoming {
            lots: before.lots + i128::from(trade.size.get()),
            quote: before.quote + trade.quote_usd.get(),
            fees: before.fees + trade.taker.fee_usd.get(),
            ..before
        });
    }

    /// Accounts of one owner do not trade with each other.
    pub(super) fn group_of(&self, account: Who) -> Who {
        self.groups.get(&account).copied().unwrap_or(account)
    }

    /// A pool trades at better prices than whoever is first in line.
    fn before_the_line(&self, trade: &Trade) -> Result<(), Objection> {
        let buys = trade.taker_side == Side::Sell;
        let (market, price) = (trade.market.get(), trade.price.get());
        let mut line = self.orders.values().filter(|order| order.market == market && order.buys == buys);
        let passed = line.find(|order| if buys { order.price >= price } else { order.price <= price });
        ensure(trade.maker.account == AccountId::pool(trade.market), || format!("{} is no pool", trade.maker.account))?;
        ensure(passed.is_none(), || format!("trade {} passed {passed:?}", trade.id))
    }

    fn first_in_line(&self, trade: &Trade) -> Result<(), Objection> {
        let buys = trade.taker_side == Side::Sell;
        let rank = |order: &Resting| (if buys { -order.price } else { order.price }, order.place);
        let market = trade.market.get();
        let line = self.orders.iter().filter(|(_, order)| order.market == market && order.buys == buys);
        let first = line.min_by_key(|(_, order)| rank(order));
        let is_first =
            first.is_some_and(|(id, order)| *id == trade.maker.order.get() && order.price == trade.price.get());
        ensure(is_first, || format!("trade {} is with {}, first in line is {first:?}", trade.id, trade.maker.order))
    }

    fn fee(
        &mut self,
        market: Market,
        side: &TradeSide,
        rate: i128,
        (quote, lots): (i128, i128),
    ) -> Result<(), Objection> {
        let due = match self.market(market)?.contract {
            None => part_up(quote, rate),
            Some(_) => {
                let due = self.option_fee(market, rate, (quote, lots));
                due.ok_or_else(|| format!("an option of market {market} trades before its first surface"))?
            }
        };
        ensure(due == side.fee_usd.get(), || format!("a fee of {}, due are {due}", side.fee_usd))?;
        let terms = self.market(market)?;
        let universe = terms.universe;
        let asset = terms.spot.map_or(self.quote_of(universe)?, |(_, quote)| quote);
        let payer = self.pot_of(who(side.account), market);
        self.ledger.pay(payer, fees(universe), (universe, asset), due);
        Ok(())
    }

    fn fill(&mut self, trade: &Trade, side: &TradeSide, direction: Side) -> Result<(), Objection> {
        let (account, market) = (who(side.account), trade.market.get());
        let held = self.positions.get(&(account, market)).map_or(0, |held| held.lots);
        ensure(held == i128::from(side.start_position.get()), || format!("a position of {held} before the fill"))?;
        let lots = signed(direction, i128::from(trade.size.get()));
        self.within_bounds(account, market, (held, held + lots))?;
        let gain = self.change_position(Change {
            account,
            market,
            lots,
            quote: signed(direction, trade.quote_usd.get()),
            price: Some(i128::from(trade.price.get())),
        })?;
        ensure(gain == side.closed_pnl_usd.get(), || format!("a profit of {}, due are {gain}", side.closed_pnl_usd))
    }

    /// No fill leads further beyond the cap, and none of a vault that must reduce does anything else.
    fn within_bounds(&self, account: Who, market: Market, (held, after): (i128, i128)) -> Result<(), Objection> {
        let cap = self.market(market)?.position_maximum;
        ensure(after.abs() <= cap.max(held.abs()), || {
            format!("{account:?} goes from {held} to {after} lots in market {market}, the cap is {cap}")
        })?;
        let reduces = after.abs() < held.abs() && held * after >= 0;
        ensure(reduces || !self.must_reduce(account), || {
            format!("{account:?} must reduce and goes from {held} to {after} lots in market {market}")
        })
    }

    /// Moves a position and posts what it realises. Closing takes its share of the cost, rounded up; opening adds its part of
    /// the quote to it. What the position owed in funding was paid before.
    pub(super) fn change_position(&mut self, change: Change) -> Result<i128, Objection> {
        let Change { account, market, .. } = change;
        let terms = self.market(market)?.clone();
        let gain = match terms.contract {
            Some(_) => self.premium_paid(change)?,
            None => self.position_moved(change)?,
        };
        let pot = (terms.universe, self.quote_of(terms.universe)?);
        let payee = self.pot_of(account, market);
        self.ledger.pay(clearing(market), payee, pot, gain);
        if payee != account {
            self.ledger.purse_moves(account);
        }
        Ok(gain)
    }

    fn position_moved(&mut self, change: Change) -> Result<i128, Objection> {
        let Change { account, market, lots, quote, price } = change;
        let scale = self.market(market)?.scale;
        let index = self.funding_index(market);
        let key = (account, market);
        let held = self.positions.get(&key).copied().unwrap_or(Held { lots: 0, cost: 0, index });
        ensure(held.lots * (index - held.index) == 0, || {
            format!("a position of {} lots in market {market} changes and owes funding since {}", held.lots, held.index)
        })?;
        let closes = held.lots * lots < 0;
        let closing = if closes { lots.abs().min(held.lots.abs()) } else { 0 };
        let (mut gain, mut released) = (0, 0);
        let closing_quote = match price {
            Some(price) => price * closing / scale,
            None => floor(quote.abs() * closing, lots.abs().max(1)),
        };
        if closing > 0 {
            released = ceil(held.cost * closing, held.lots.abs());
            gain = if lots < 0 { closing_quote - released } else { -closing_quote - released };
        }
        let opened = if lots < 0 { -(quote.abs() - closing_quote) } else { quote.abs() - closing_quote };
        let after = Held { lots: held.lots + lots, cost: held.cost - released + opened, index };
        if after.lots == 0 {
            self.positions.remove(&key);
            ensure(after.cost == 0, || format!("a closed position in market {market} cost {}", after.cost))?;
        } else {
            self.positions.insert(key, after);
        }
        Ok(gain)
    }
}
