//! Options: bought, written, closed and quoted near their marks, portfolio mode on and off, and asked for badly: numbers that are
//! no option or no longer one, prices off the tick and far from the mark, leverage, universes that are not there.

use super::{People, one_of};
use crate::venue::{CORE, SIDE};
use palisade_engine::State;
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    ids::{MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    quote::{Level, Quote},
    time::TimeMs,
};
use rand::RngExt as _;

/// An option's number that no series comes to.
const NO_OPTION: MarketId = MarketId::new(MarketId::FIRST_OPTION + 900_000);
/// The first number: an option of the first expiry, which is gone once that is settled.
const FIRST_OPTION: MarketId = MarketId::new(MarketId::FIRST_OPTION);
/// Options of an expiry that people look at: calls and puts of the three strikes nearest to the forward.
const FRONT: usize = 6;

impl People {
    /// Something that an account does with options.
    pub(super) fn options(&mut self, state: &State, account: AccountId, now_ms: TimeMs) -> Option<Action> {
        Some(match self.random.random_range(0..100u8) {
            0..=49 => {
                let lots = self.random.random_range(1..40);
                self.option_order(state, now_ms, lots)?
            }
            50..=64 => {
                // Many: writers need margin for them, buyers cash.
                let lots = self.random.random_range(40..600);
                self.option_order(state, now_ms, lots)?
            }
            65..=79 => self.close_option(state, account)?,
            80..=87 => Action::SetPortfolioMode {
                universe: one_of(&mut self.random, &[CORE, CORE, CORE, CORE, SIDE, UniverseId::new(99)]),
                enabled: self.random.random_bool(0.7),
            },
            _ => self.bad_option_order(state, now_ms)?,
        })
    }

    /// The options with the strikes nearest to the forward of an expiry to come; seldom one of an expiry that is over.
    fn front<'s>(&mut self, state: &'s State, now_ms: TimeMs) -> Vec<&'s MarketSpec> {
        let over = self.random.random_bool(0.04);
        let expiries: Vec<_> = state.option_expiries().filter(|(id, _)| (id.expires_at_ms <= now_ms) == over).collect();
        if expiries.is_empty() {
            return Vec::new();
        }
        let (id, record) = one_of(&mut self.random, &expiries);
        let distance = |market: &MarketSpec| {
            market.option().map_or(u64::MAX, |terms| terms.strike.get().abs_diff(record.forward.get()))
        };
        let mut options: Vec<&MarketSpec> = state.options_of(id).filter_map(|market| state.market(market)).collect();
        options.sort_by_key(|market| (distance(market), market.id));
        options.truncate(FRONT);
        options
    }

    pub(super) fn option<'s>(&mut self, state: &'s State, now_ms: TimeMs) -> Option<&'s MarketSpec> {
        let front = self.front(state, now_ms);
        if front.is_empty() { None } else { Some(one_of(&mut self.random, &front)) }
    }

    /// A price so far from the mark, in parts per million of it, on the tick.
    fn near_mark(state: &State, market: &MarketSpec, ppm: i64) -> Option<Price> {
        let (mark, tick) = (state.mark(market.id)?.price.get(), market.tick.get());
        let moved = mark + mark / 1_000 * ppm / 1_000;
        Some(Price::new((moved - moved.rem_euclid(tick)).max(tick)))
    }

    fn option_order(&mut self, state: &State, now_ms: TimeMs, lots: u64) -> Option<Action> {
        let market = self.option(state, now_ms)?;
        let side = self.side();
        let ppm = self.random.random_range(-20_000..120_000);
        let price = Self::near_mark(state, market, if side == Side::Buy { ppm } else { -ppm })?;
        Some(self.one_order(market.id, side, price, Size::new(lots)))
    }

    fn one_order(&mut self, market: MarketId, side: Side, price: Price, size: Size) -> Action {
        let time_in_force =
            one_of(&mut self.random, &[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]);
        Action::Place {
            orders: vec![OrderRequest {
                market,
                side,
                price,
                size,
                time_in_force,
                reduce_only: self.random.random_bool(0.05),
                client_order_id: self.random.random_bool(0.4).then(|| self.client_order_id()),
            }],
        }
    }

    fn close_option(&mut self, state: &State, account: AccountId) -> Option<Action> {
        let held: Vec<(MarketId, i64)> = state
            .positions_of(account)
            .filter(|(market, _)| market.is_option())
            .map(|(market, record)| (market, record.position.get()))
            .collect();
        if held.is_empty() {
            return None;
        }
        let (id, lots) = one_of(&mut self.random, &held);
        let market = state.market(id)?;
        let side = if lots > 0 { Side::Sell } else { Side::Buy };
        let price = Self::near_mark(state, market, if side == Side::Buy { 150_000 } else { -150_000 })?;
        let part = self.random.random_range(1..=3);
        Some(self.one_order(id, side, price, Size::new((lots.unsigned_abs() / part).max(1))))
    }

    fn bad_option_order(&mut self, state: &State, now_ms: TimeMs) -> Option<Action> {
        let market = self.option(state, now_ms)?;
        let mark = state.mark(market.id)?.price.get();
        let side = self.side();
        let (id, price, lots) = match self.random.random_range(0..7u8) {
            0 => (NO_OPTION, Price::new(mark), 1),
            1 => (FIRST_OPTION, Price::new(market.tick.get()), 1),
            2 => (market.id, Price::new(mark / 2 * 2 + 1), 1),
            3 => (market.id, Price::new(mark.saturating_mul(1_000)), 1),
            4 => (market.id, Price::ZERO, 1),
            // More than anybody may hold, or pay.
            5 => (market.id, Self::near_mark(state, market, 0)?, 4_900),
            _ => {
                let leverage = self.random.random_range(1..5);
                return Some(Action::UpdateLeverage { market: market.id, leverage, margin_mode: MarginMode::Isolated });
            }
        };
        Some(self.one_order(id, side, price, Size::new(lots)))
    }

    /// Both sides of the front options of one expiry.
    pub(super) fn option_quotes(&mut self, state: &State, now_ms: TimeMs) -> Vec<Quote> {
        let mut quotes = Vec::new();
        for market in self.front(state, now_ms) {
            let (lots, spread) = (self.random.random_range(5..200), self.random.random_range(5_000..60_000));
            let level = |ppm| Self::near_mark(state, market, ppm).map(|price| Level { price, size: Size::new(lots) });
            quotes.push(Quote { market: market.id, bid: level(-spread), ask: level(spread) });
        }
        quotes
    }
}
