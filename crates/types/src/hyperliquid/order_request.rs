//! From an order as sent to an order of the engine, once the market's lot is known.

use super::{LimitTimeInForce, Order, OrderKind};
use crate::{
    decimal::{DecimalError, parse_scaled},
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    rejection::Rejection,
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
    /// The order that the engine would place in a market whose lots are 10^-`size_decimals` of the base.
    pub fn to_order_request(&self, size_decimals: u8) -> Result<OrderRequest, Rejection> {
        let time_in_force = match &self.kind {
            OrderKind::Limit { time_in_force: LimitTimeInForce::Gtc } => TimeInForce::Gtc,
            OrderKind::Limit { time_in_force: LimitTimeInForce::Ioc | LimitTimeInForce::FrontendMarket } => {
                TimeInForce::Ioc
            }
            OrderKind::Limit { time_in_force: LimitTimeInForce::Alo } => TimeInForce::Alo,
            OrderKind::Trigger { .. } => return Err(Rejection::TriggerOrdersUnavailable),
        };
        Ok(OrderRequest {
            market: self.market,
            side: if self.is_buy { Side::Buy } else { Side::Sell },
            price: parse_price(&self.price)?,
            size: parse_size(&self.size, size_decimals)?,
            time_in_force,
            reduce_only: self.reduce_only,
            client_order_id: self.client_order_id,
        })
    }
}
