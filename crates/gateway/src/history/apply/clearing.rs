//! What margin calls, liquidations and the allocation of losses leave in history.
//!
//! A position that is closed into the book leaves trades, as any taker does; one that the backstop vault or winning
//! positions take over leaves none, so its fill is made here.

use super::{AccountMessage, Applier, Fill, LedgerDelta, MarginCall};
use crate::history::accounts::FillLiquidation;
use palisade_types::{
    address::AccountId,
    event::{Event, Liquidation, LiquidationMethod, Trade},
    hash::ActionId,
    ids::{MarketId, OrderId, TradeId},
    numbers::{Position, Price, Size, Usd},
    order::Side,
};
use std::collections::BTreeMap;

/// Numbers of fills that are no trades begin here: above all numbers of trades, below what JSON readers lose.
const UNNUMBERED_FROM: u64 = 1 << 52;
/// Such fills of a block that have numbers of their own.
const UNNUMBERED_PER_BLOCK_BITS: u32 = 12;

/// Whose positions a block closed into which book by force, and at which mark.
pub fn forced(events: &[Event]) -> BTreeMap<(AccountId, MarketId), Price> {
    let of = |event: &Event| match event {
        Event::Liquidated(liquidation)
            if matches!(liquidation.method, LiquidationMethod::Book | LiquidationMethod::Hedge) =>
        {
            Some(((liquidation.account, liquidation.market), liquidation.mark))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

impl Applier<'_> {
    /// The liquidation that a trade is part of: its taker's order was the engine's own, so that nobody placed it.
    pub(super) fn liquidation_of(&self, trade: &Trade) -> Option<FillLiquidation> {
        let account = trade.taker.account;
        let mark = *self.forced.get(&(account, trade.market))?;
        if self.history.accounts.order(trade.taker.order).is_some() {
            return None;
        }
        Some(FillLiquidation { account, mark, method: LiquidationMethod::Book })
    }

    pub(super) fn clearing(&mut self, event: &Event) {
        match event {
            Event::MarginCalled { account, market, level, equity_usd, maintenance_usd, .. } => {
                let (market, level) = (*market, *level);
                let call = MarginCall { market, level, equity_usd: *equity_usd, maintenance_usd: *maintenance_usd };
                self.tell(*account, AccountMessage::MarginCalled(call));
            }
            Event::Liquidated(liquidation) => self.liquidated(liquidation),
            Event::Deleveraged { market, account, side, size, quote_usd, closed_pnl_usd, bankrupt, .. } => {
                let mark = self.price_of(*market, *quote_usd, *size);
                let liquidation = FillLiquidation { account: *bankrupt, mark, method: LiquidationMethod::Deleverage };
                // What was held before is not told; it was at least what is closed.
                let start = signed(*size, side.opposite());
                let closing = Closing { market: *market, side: *side, size: *size, start, fee_usd: Usd::ZERO };
                self.takeover(*account, closing, *quote_usd, *closed_pnl_usd, liquidation);
            }
            Event::Delivered { account, market, price, position, payoff_usd } => {
                self.delivered(*account, *market, *price, *position, *payoff_usd);
            }
            Event::DeficitPaid { account, .. }
            | Event::CollateralSold { account, .. }
            | Event::LossSettled { account, .. } => {
                self.update.touched.insert(*account);
            }
            _ => {}
        }
    }

    fn liquidated(&mut self, liquidation: &Liquidation) {
        let Liquidation { account, market, side, size, mark, method, .. } = *liquidation;
        if !matches!(method, LiquidationMethod::Book | LiquidationMethod::Hedge) {
            let start = liquidation.start_position;
            let closing = Closing { market, side, size, start, fee_usd: liquidation.fee_usd };
            let of = FillLiquidation { account, mark, method };
            self.takeover(account, closing, liquidation.quote_usd, liquidation.closed_pnl_usd, of);
        }
        let delta = LedgerDelta::Liquidation {
            market,
            size: signed(size, side.opposite()),
            value_usd: liquidation.quote_usd,
            is_isolated: liquidation.is_isolated,
        };
        self.ledger(account, delta);
        self.tell(account, AccountMessage::Liquidated(liquidation.clone()));
    }

    fn tell(&mut self, account: AccountId, message: AccountMessage) {
        self.update.touched.insert(account);
        self.update.accounts.entry(account).or_default().push(message);
    }

    /// A position in a future that is over was settled in cash: all of it is closed at the settlement price.
    fn delivered(&mut self, account: AccountId, market: MarketId, price: Price, position: Position, payoff: Usd) {
        let side = if position.get() > 0 { Side::Sell } else { Side::Buy };
        let closing = Closing { market, side, size: position.size(), start: position, fee_usd: Usd::ZERO };
        let fill = self.unnumbered(account, closing, price, payoff);
        self.add_fill(Fill { is_settlement: true, ..fill });
    }

    /// The fill of lots that changed hands outside the book.
    fn takeover(&mut self, account: AccountId, closing: Closing, quote: Usd, pnl: Usd, of: FillLiquidation) {
        let price = self.price_of(closing.market, quote, closing.size);
        let fill = self.unnumbered(account, closing, price, pnl);
        self.add_fill(Fill { crossed: of.account == account, liquidation: Some(of), ..fill });
    }

    /// A fill that is no trade of the book, with a number of its own.
    fn unnumbered(&mut self, account: AccountId, closing: Closing, price: Price, pnl: Usd) -> Fill {
        let block = self.update.height.get().wrapping_shl(UNNUMBERED_PER_BLOCK_BITS);
        let number = UNNUMBERED_FROM.wrapping_add(block).wrapping_add(self.unnumbered_fills);
        self.unnumbered_fills = self.unnumbered_fills.saturating_add(1);
        Fill {
            account,
            trade: TradeId::new(number),
            market: closing.market,
            order: OrderId::new(0),
            client_order_id: None,
            side: closing.side,
            price,
            size: closing.size,
            time: self.update.time,
            start_position: closing.start,
            closed_pnl_usd: pnl,
            fee_usd: closing.fee_usd,
            crossed: false,
            action: ActionId::default(),
            twap: None,
            liquidation: None,
            is_settlement: false,
        }
    }

    /// What one unit of the base was closed for, rounded down.
    fn price_of(&self, market: MarketId, quote: Usd, size: Size) -> Price {
        let decimals = self.history.size_decimals(market);
        let price = palisade_types::decimal::power_of_ten(decimals)
            .and_then(|scale| quote.get().checked_mul(scale))
            .and_then(|scaled| scaled.checked_div(i128::from(size.get())))
            .and_then(|price| i64::try_from(price).ok());
        Price::new(price.unwrap_or(0))
    }
}

/// Lots that leave a position.
#[derive(Clone, Copy)]
struct Closing {
    market: MarketId,
    side: Side,
    size: Size,
    start: Position,
    fee_usd: Usd,
}

/// Lots held by whoever bought (or sold) them.
fn signed(size: Size, side: Side) -> Position {
    let lots = i64::try_from(size.get()).unwrap_or(i64::MAX);
    Position::new(if side == Side::Buy { lots } else { lots.saturating_neg() })
}

#[cfg(test)]
mod tests;
