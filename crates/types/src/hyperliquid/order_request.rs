//! From an order as sent to an order of the engine, once the market's lot is known.

use super::{LimitTimeInForce, Order, OrderKind, Twap};
use crate::{
    decimal::{DecimalError, parse_scaled},
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    rejection::Rejection,
    trigger::TriggerRequest,
    twap::TwapRequest,
};

/// A price is scaled by 10^8.
const PRICE_DECIMALS: u8 = 8;

/// Reads a price as sent, exactly.
pub(super) fn parse_price(text: &str) -> Result<Price, Rejection> {
    let scaled = parse_scaled(text, PRICE_DECIMALS).map_err(|error| match error {
        DecimalError::OutOfRange { .. } => Rejection::Overflow,
        DecimalError::Malformed { .. } | DecimalError::TooPrecise { .. } => {
            Rejection::InvalidNumber { field: "price".to_owned() }
        }
    })?;
    i64::try_from(scaled).map(Price::new).map_err(|_| Rejection::Overflow)
}

/// Reads a size as sent, exactly, in lots of 10^-`size_decimals`.
pub(super) fn parse_size(text: &str, size_decimals: u8) -> Result<Size, Rejection> {
    let lots = parse_scaled(text, size_decimals).map_err(|error| match error {
        DecimalError::Malformed { .. } => Rejection::InvalidNumber { field: "size".to_owned() },
        DecimalError::TooPrecise { .. } | DecimalError::OutOfRange { .. } => Rejection::InvalidSize { size_decimals },
    })?;
    u64::try_from(lots).map(Size::new).map_err(|_| Rejection::InvalidSize { size_decimals })
}

impl Order {
    /// Buy or sell.
    const fn side(&self) -> Side {
        if self.is_buy { Side::Buy } else { Side::Sell }
    }

    /// The limit order that the engine would place in a market whose lots are 10^-`size_decimals` of the base.
    pub fn to_order_request(&self, size_decimals: u8) -> Result<OrderRequest, Rejection> {
        let time_in_force = match &self.kind {
            OrderKind::Limit { time_in_force: LimitTimeInForce::Gtc } => TimeInForce::Gtc,
            OrderKind::Limit { time_in_force: LimitTimeInForce::Ioc | LimitTimeInForce::FrontendMarket } => {
                TimeInForce::Ioc
            }
            OrderKind::Limit { time_in_force: LimitTimeInForce::Alo } => TimeInForce::Alo,
            OrderKind::Trigger { .. } => {
                return Err(Rejection::Unsupported { feature: "a trigger in place of a limit order".to_owned() });
            }
        };
        Ok(OrderRequest {
            market: self.market,
            side: self.side(),
            price: parse_price(&self.price)?,
            size: parse_size(&self.size, size_decimals)?,
            time_in_force,
            reduce_only: self.reduce_only,
            client_order_id: self.client_order_id,
        })
    }
    /// The trigger that the engine would let wait. At market its own slippage bounds the price, so that one sent is read
    /// but not used.
    pub fn to_trigger_request(&self, size_decimals: u8) -> Result<TriggerRequest, Rejection> {
        let OrderKind::Trigger { is_market, trigger_price, purpose } = &self.kind else {
            return Err(Rejection::Unsupported { feature: "a limit order in place of a trigger".to_owned() });
        };
        let price = parse_price(&self.price)?;
        Ok(TriggerRequest {
            market: self.market,
            side: self.side(),
            size: parse_size(&self.size, size_decimals)?,
            trigger_price: parse_price(trigger_price)?,
            purpose: *purpose,
            limit: (!is_market).then_some(price),
            reduce_only: self.reduce_only,
            client_order_id: self.client_order_id,
        })
    }
}

impl Twap {
    /// The TWAP that the engine would start in a market whose lots are 10^-`size_decimals` of the base.
    pub fn to_twap_request(&self, size_decimals: u8) -> Result<TwapRequest, Rejection> {
        Ok(TwapRequest {
            market: self.market,
            side: if self.is_buy { Side::Buy } else { Side::Sell },
            size: parse_size(&self.size, size_decimals)?,
            duration_minutes: self.minutes,
            randomize: self.randomize,
            reduce_only: self.reduce_only,
        })
    }
}
