//! From the quotes that rest to the quotes that should: the fewest cancels, modifies and new orders; no I/O.
//!
//! Quotes are paired best with best. A pair whose price is within the tolerance and whose size is at least half of what
//! is wanted stays: every message costs budget. When prices rise, asks are moved before bids, when they fall, bids before
//! asks, and always the outermost first, so that the maker's own quotes do not meet on the way.

use crate::market_maker::quoting::DesiredQuote;
use palisade_types::{
    action::{Action, CancelRequest, ModifyRequest},
    ids::MarketId,
    limits::BATCH_MAX,
    numbers::Price,
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
};

/// What to send for one market or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Orders to cancel.
    pub cancels: Vec<CancelRequest>,
    /// Orders to move.
    pub modifies: Vec<ModifyRequest>,
    /// Orders to place.
    pub places: Vec<OrderRequest>,
}

impl Plan {
    /// Brings one market's `resting` orders to `desired`; prices may differ by `tolerance_ppm`.
    pub fn add_market(
        &mut self,
        market: MarketId,
        resting: &[OpenOrder],
        desired: &[DesiredQuote],
        tolerance_ppm: i64,
    ) {
        let mut moved: Vec<(Side, Price, Price, ModifyRequest)> = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let wanted: Vec<&DesiredQuote> = desired.iter().filter(|quote| quote.side == side).collect();
            let mut open: Vec<&OpenOrder> = resting.iter().filter(|order| order.side == side).collect();
            open.sort_by_key(|order| match side {
                Side::Buy => order.price.get().saturating_neg(),
                Side::Sell => order.price.get(),
            });
            for (order, quote) in open.iter().zip(&wanted) {
                if !stays(order, quote, tolerance_ppm) {
                    let replacement = request(market, quote);
                    let modify = ModifyRequest { order: OrderReference::Id(order.id), replacement };
                    moved.push((side, order.price, quote.price, modify));
                }
            }
            self.cancels.extend(
                open.iter()
                    .skip(wanted.len())
                    .map(|order| CancelRequest { market, order: OrderReference::Id(order.id) }),
            );
            self.places.extend(wanted.iter().skip(open.len()).map(|quote| request(market, quote)));
        }
        let rises =
            moved.iter().map(|(_, old, new, _)| i128::from(new.get()) - i128::from(old.get())).sum::<i128>() > 0;
        moved.sort_by_key(|(side, old, _, _)| {
            let first = if rises { Side::Sell } else { Side::Buy };
            let outermost_first = if *side == Side::Sell { old.get().saturating_neg() } else { old.get() };
            (*side != first, outermost_first)
        });
        self.modifies.extend(moved.into_iter().map(|(_, _, _, modify)| modify));
    }

    /// How much of the account's budget it needs.
    pub fn parts(&self) -> usize {
        self.cancels.len().saturating_add(self.modifies.len()).saturating_add(self.places.len())
    }

    /// The actions to sign, cancels first, each of an allowed length.
    pub fn into_actions(self) -> Vec<Action> {
        let cancels = self.cancels.chunks(BATCH_MAX).map(|part| Action::Cancel { cancels: part.to_vec() });
        let modifies = self.modifies.chunks(BATCH_MAX).map(|part| Action::Modify { modifies: part.to_vec() });
        let places = self.places.chunks(BATCH_MAX).map(|part| Action::Place { orders: part.to_vec() });
        cancels.chain(modifies).chain(places).collect()
    }
}

fn stays(order: &OpenOrder, quote: &DesiredQuote, tolerance_ppm: i64) -> bool {
    let apart = (i128::from(order.price.get()) - i128::from(quote.price.get())).abs();
    let tolerated = i128::from(quote.price.get()) * i128::from(tolerance_ppm) / 1_000_000;
    let large_enough = order.remaining.get() >= quote.size.get() / 2;
    let small_enough = order.remaining.get() / 2 <= quote.size.get();
    apart <= tolerated && large_enough && small_enough
}

/// GTC, not post-only: where the index has moved past someone's order, the maker takes it, which is what brings the book back to the index.
const fn request(market: MarketId, quote: &DesiredQuote) -> OrderRequest {
    OrderRequest {
        market,
        side: quote.side,
        price: quote.price,
        size: quote.size,
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
