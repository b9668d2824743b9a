//! Orders of every kind, well and badly asked for: limits, closings, levered positions, triggers, TWAPs, scales, quotes.

use super::{People, one_of};
use crate::venue::{BTC, CORE, ETH, PETH, USDC, WHOLE};
use palisade_engine::State;
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::AccountId,
    ids::{ClientOrderId, MarketId, TwapId},
    market::MarketSpec,
    numbers::{Price, Rate, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    quote::{Level, ProtectionTerms, Quote},
    time::TimeMs,
    trigger::{TriggerGrouping, TriggerPurpose, TriggerRequest},
    twap::TwapRequest,
};
use rand::RngExt as _;

/// A market that is listed nowhere.
const NOWHERE: MarketId = MarketId::new(77);

/// Lots of one unit of the base.
const fn scale(market: &MarketSpec) -> i64 {
    10i64.pow(market.size_decimals as u32)
}

impl People {
    /// A market: the first perpetual most often, settled ones too. Options, of which there are many, have their own people.
    pub(super) fn market<'s>(&mut self, state: &'s State) -> Option<&'s MarketSpec> {
        if self.random.random_bool(0.3) {
            return state.market(MarketId::new(0));
        }
        let markets = || state.markets().filter(|market| market.option().is_none());
        let count = markets().count();
        if count == 0 { None } else { markets().nth(self.random.random_range(0..count)) }
    }

    fn linear<'s>(&mut self, state: &'s State) -> Option<&'s MarketSpec> {
        self.market(state).filter(|market| market.linear().is_some())
    }

    fn price_of(&self, market: &MarketSpec) -> i64 {
        let of_spot = |base| if base == PETH { ETH } else { base };
        let asset = market.spot().map(|spot| of_spot(spot.base));
        let asset = asset.or_else(|| market.derivative().map(|terms| terms.underlying)).unwrap_or(BTC);
        self.walk.price(asset).get()
    }

    /// A price so far from the present one, in parts per million, on the tick.
    fn near(&self, market: &MarketSpec, ppm: i64) -> Price {
        let price = self.price_of(market);
        let (moved, tick) = (price + price / 1_000_000 * ppm, market.tick.get());
        Price::new((moved - moved.rem_euclid(tick)).max(tick))
    }

    /// Lots worth about so many USD.
    fn lots(&self, market: &MarketSpec, usd: i64) -> Size {
        let lots = i128::from(usd) * i128::from(WHOLE) * i128::from(scale(market)) / i128::from(self.price_of(market));
        Size::new(u64::try_from(lots).unwrap_or(0))
    }

    pub(super) fn side(&mut self) -> Side {
        if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell }
    }

    /// One of few names, so that it often names an order.
    pub(super) fn client_order_id(&mut self) -> ClientOrderId {
        ClientOrderId([self.random.random_range(0..24u8); 16])
    }

    fn order_name(&mut self) -> OrderReference {
        OrderReference::Client(self.client_order_id())
    }

    /// Something that an account does with orders.
    pub(super) fn trading(&mut self, state: &State, account: AccountId, now_ms: TimeMs) -> Option<Action> {
        Some(match self.random.random_range(0..100u8) {
            0..=34 => self.place(state, now_ms)?,
            35..=46 => self.close(state, account)?,
            47..=56 => {
                let market = self.market(state)?.id;
                let count = self.random.random_range(1..4);
                let cancel = |order| CancelRequest { market, order };
                Action::Cancel { cancels: (0..count).map(|_| cancel(self.order_name())).collect() }
            }
            57..=63 => {
                let replacement = self.order(state, now_ms)?;
                Action::Modify { modifies: vec![ModifyRequest { order: self.order_name(), replacement }] }
            }
            64..=65 => {
                let market = self.market(state)?.id;
                Action::CancelAll { market: self.random.random_bool(0.5).then_some(market) }
            }
            66..=67 => {
                let at = now_ms.saturating_add(self.random.random_range(3_000..8_000));
                Action::ScheduleCancel { at_ms: self.random.random_bool(0.7).then_some(at) }
            }
            68..=73 => self.leverage(state)?,
            74..=82 => self.triggers(state, account, now_ms)?,
            83..=85 => self.twap(state, account)?,
            86..=88 => self.scale(state)?,
            89..=94 => self.quotes(state)?,
            95..=97 => self.protection(state)?,
            _ => self.lever_up(state, account)?,
        })
    }

    pub(super) fn leverage(&mut self, state: &State) -> Option<Action> {
        let market = if self.random.random_bool(0.03) { NOWHERE } else { self.market(state)?.id };
        let margin_mode = if self.random.random_bool(0.4) { MarginMode::Isolated } else { MarginMode::Cross };
        Some(Action::UpdateLeverage { market, leverage: self.random.random_range(0..28), margin_mode })
    }

    pub(super) fn place(&mut self, state: &State, now_ms: TimeMs) -> Option<Action> {
        let count = if self.random.random_bool(0.8) { 1 } else { self.random.random_range(0..6) };
        let orders = (0..count).map(|_| self.order(state, now_ms)).collect::<Option<Vec<_>>>()?;
        Some(Action::Place { orders })
    }

    /// Near the present price; now and then far off, between ticks, of no size or beyond all sizes.
    fn order(&mut self, state: &State, now_ms: TimeMs) -> Option<OrderRequest> {
        let market = self.market(state)?;
        let ppm = self.random.random_range(-6_000..=6_000);
        let near = self.near(market, ppm);
        let price = match self.random.random_range(0..50u8) {
            0 => Price::new(near.get() * 3),
            1 => Price::new(near.get() + 1),
            2 => Price::ZERO,
            3 => Price::MAX,
            _ => near,
        };
        let usd = self.random.random_range(0..12_000);
        let size = match self.random.random_range(0..60u8) {
            0 => Size::ZERO,
            1 => Size::MAX,
            _ => self.lots(market, usd),
        };
        let time_in_force = match self.random.random_range(0..10u8) {
            0..=4 => TimeInForce::Gtc,
            5 => TimeInForce::Ioc,
            6 => TimeInForce::Alo,
            7 => TimeInForce::Fok,
            _ => TimeInForce::Gtt { expires_at_ms: now_ms.saturating_add(self.random.random_range(0..2_000)) },
        };
        Some(OrderRequest {
            market: market.id,
            side: self.side(),
            price,
            size,
            time_in_force,
            reduce_only: self.random.random_bool(0.1),
            client_order_id: self.random.random_bool(0.6).then(|| self.client_order_id()),
        })
    }

    /// As large a position as the cash allows, or somewhat larger.
    pub(super) fn lever_up(&mut self, state: &State, account: AccountId) -> Option<Action> {
        let market = self.linear(state)?;
        let leverage = i64::from(market.maximum_leverage()?);
        let cash = state.balance(account, market.universe, USDC).get().max(0) / i128::from(WHOLE);
        let backed = if market.universe == CORE { state.balance(account, CORE, BTC).get() } else { 0 };
        let backed = backed * i128::from(self.walk.price(BTC).get()) / i128::from(WHOLE) / i128::from(WHOLE);
        let own_usd = i64::try_from(cash + backed * 3 / 4).unwrap_or(0).min(20_000);
        let part = one_of(&mut self.random, &[200, 700, 930, 1_100]);
        let side = self.side();
        let ppm = one_of(&mut self.random, &[2_000, 12_000, 20_000]);
        let ppm = if side == Side::Buy { ppm } else { -ppm };
        Some(Action::Place {
            orders: vec![OrderRequest {
                market: market.id,
                side,
                price: self.near(market, ppm),
                size: self.lots(market, own_usd * leverage * part / 1_000),
                time_in_force: one_of(&mut self.random, &[TimeInForce::Ioc, TimeInForce::Ioc, TimeInForce::Gtc]),
                reduce_only: false,
                client_order_id: None,
            }],
        })
    }

    /// Closes a position, a part of it, or what is not there.
    fn close(&mut self, state: &State, account: AccountId) -> Option<Action> {
        let own: Vec<(MarketId, i64)> = state
            .positions_of(account)
            .filter(|(market, _)| !market.is_option())
            .map(|(market, record)| (market, record.position.get()))
            .collect();
        let (market, lots) = if own.is_empty() { (MarketId::new(0), 1) } else { one_of(&mut self.random, &own) };
        let market = state.market(market)?;
        let wrong = self.random.random_bool(0.08);
        let side = if (lots > 0) != wrong { Side::Sell } else { Side::Buy };
        let ppm = if side == Side::Buy { 20_000 } else { -20_000 };
        let part = self.random.random_range(1..=4);
        Some(Action::Place {
            orders: vec![OrderRequest {
                market: market.id,
                side,
                price: self.near(market, ppm),
                size: Size::new((lots.unsigned_abs() / part).max(1)),
                time_in_force: TimeInForce::Ioc,
                reduce_only: self.random.random_bool(0.7),
                client_order_id: None,
            }],
        })
    }

    fn trigger(&mut self, market: &MarketSpec, side: Side, purpose: TriggerPurpose) -> TriggerRequest {
        // Now and then at a price at which it would fire at once.
        let rising = (side == Side::Sell) == (purpose == TriggerPurpose::TakeProfit);
        let rising = rising != self.random.random_bool(0.1);
        let ppm = self.random.random_range(500..15_000);
        let trigger_price = self.near(market, if rising { ppm } else { -ppm });
        let usd = self.random.random_range(0..5_000);
        TriggerRequest {
            market: market.id,
            side,
            size: self.lots(market, usd),
            trigger_price,
            purpose,
            limit: self.random.random_bool(0.2).then_some(trigger_price),
            reduce_only: self.random.random_bool(0.4),
            client_order_id: self.random.random_bool(0.4).then(|| self.client_order_id()),
        }
    }

    fn triggers(&mut self, state: &State, account: AccountId, now_ms: TimeMs) -> Option<Action> {
        use TriggerPurpose::{StopLoss, TakeProfit};
        let market = self.linear(state)?;
        let held = state.position(account, market.id).map_or(0, |record| record.position.get());
        let closing = if held > 0 { Side::Sell } else { Side::Buy };
        let grouping = one_of(
            &mut self.random,
            &[
                TriggerGrouping::Single,
                TriggerGrouping::OneCancelsOther,
                TriggerGrouping::Attached,
                TriggerGrouping::Position,
            ],
        );
        let parent = match grouping {
            TriggerGrouping::Attached => {
                Some(self.order(state, now_ms).map(|order| OrderRequest { market: market.id, ..order })?)
            }
            _ => None,
        };
        let side = match (grouping, &parent) {
            (TriggerGrouping::Single, _) => self.side(),
            (_, Some(parent)) => parent.side.opposite(),
            _ => closing,
        };
        let purposes: &[TriggerPurpose] = match grouping {
            TriggerGrouping::Single => &[StopLoss],
            _ => &[TakeProfit, StopLoss],
        };
        let mut triggers: Vec<TriggerRequest> =
            purposes.iter().map(|purpose| self.trigger(market, side, *purpose)).collect();
        for trigger in &mut triggers {
            if let Some(parent) = &parent {
                trigger.size = trigger.size.min(parent.size);
            }
            if grouping == TriggerGrouping::Position {
                (trigger.size, trigger.reduce_only) = (Size::ZERO, true);
            }
        }
        Some(Action::PlaceTriggers { parent, triggers, grouping })
    }

    fn twap(&mut self, state: &State, account: AccountId) -> Option<Action> {
        if self.random.random_bool(0.2) {
            let running = state.twaps_of(account).next().map(|record| record.twap.id);
            return Some(Action::CancelTwap { twap: running.unwrap_or(TwapId::new(1)) });
        }
        let market = self.linear(state)?;
        let usd = self.random.random_range(0..20_000);
        Some(Action::PlaceTwap {
            twap: TwapRequest {
                market: market.id,
                side: self.side(),
                size: self.lots(market, usd),
                duration_minutes: one_of(&mut self.random, &[0, 5, 5, 5, 10, 2_000]),
                randomize: self.random.random_bool(0.5),
                reduce_only: self.random.random_bool(0.2),
            },
        })
    }

    fn scale(&mut self, state: &State) -> Option<Action> {
        let market = self.market(state)?;
        let usd = self.random.random_range(0..10_000);
        let (from, to) = (self.random.random_range(-6_000..0), self.random.random_range(-2_000..6_000));
        Some(Action::PlaceScale {
            market: market.id,
            side: self.side(),
            size: self.lots(market, usd),
            price_from: self.near(market, from),
            price_to: self.near(market, to),
            orders: self.random.random_range(0..6),
            skew: Rate::new(one_of(&mut self.random, &[0, 500_000, 1_000_000, 3_000_000])),
            post_only: self.random.random_bool(0.5),
            reduce_only: self.random.random_bool(0.1),
        })
    }

    fn quotes(&mut self, state: &State) -> Option<Action> {
        let market = self.market(state)?;
        let (usd, spread) = (self.random.random_range(0..8_000), self.random.random_range(-300..4_000));
        let level = |ppm| Level { price: self.near(market, ppm), size: self.lots(market, usd) };
        let (bid, ask) = (level(-spread), level(spread));
        let quote = Quote {
            market: market.id,
            bid: self.random.random_bool(0.8).then_some(bid),
            ask: self.random.random_bool(0.8).then_some(ask),
        };
        Some(Action::MassQuote { quotes: vec![quote] })
    }

    /// Both sides of every market that still trades; the deeper, the more often others find somebody.
    pub fn make(&mut self, state: &State, now_ms: TimeMs) -> Option<Action> {
        if self.random.random_bool(0.1) {
            return self.protection(state);
        }
        let lives = |market: &&MarketSpec| {
            market.option().is_none() && market.expires_at_ms().is_none_or(|expiry| expiry > now_ms)
        };
        let markets: Vec<&MarketSpec> = state.markets().filter(lives).collect();
        let mut quotes = Vec::new();
        for market in markets.into_iter().take(20) {
            let (usd, spread) = (self.random.random_range(500..30_000), self.random.random_range(500..6_000));
            let level = |ppm| Level { price: self.near(market, ppm), size: self.lots(market, usd) };
            let (bid, ask) = (level(-spread), level(spread));
            let keeps = self.random.random_bool(0.92);
            quotes.push(Quote { market: market.id, bid: keeps.then_some(bid), ask: Some(ask) });
        }
        quotes.extend(self.option_quotes(state, now_ms));
        (!quotes.is_empty()).then_some(Action::MassQuote { quotes })
    }

    fn protection(&mut self, state: &State) -> Option<Action> {
        let market = self.market(state)?;
        if self.random.random_bool(0.3) {
            return Some(Action::ResetMarketMakerProtection { market: market.id });
        }
        let usd = self.random.random_range(1_000..40_000);
        let terms = ProtectionTerms {
            window_ms: one_of(&mut self.random, &[0, 1_000, 5_000]),
            frozen_ms: one_of(&mut self.random, &[0, 500, 3_000]),
            size_limit: self.lots(market, usd),
            delta_limit: None,
        };
        let terms = self.random.random_bool(0.7).then_some(terms);
        Some(Action::SetMarketMakerProtection { market: market.id, terms })
    }
}
