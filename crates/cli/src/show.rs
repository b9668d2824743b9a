//! Records of the chain as people read them.

use palisade_types::{
    decimal::scaled_to_string,
    ids::{AssetId, MarketId},
    market::{AssetSpec, MarketSpec},
    numbers::{Amount, Position, Price, Size},
    order::{OpenOrder, Side, TimeInForce},
    quote::QuoteSideResult,
    receipt::{CancelResult, OrderResult, Outcome},
};

/// The names and scales that numbers need to be read.
#[derive(Default)]
pub struct Names {
    /// All markets.
    pub markets: Vec<MarketSpec>,
    /// All assets.
    pub assets: Vec<AssetSpec>,
}

impl Names {
    /// A market's symbol, or its number.
    pub fn market(&self, id: MarketId) -> String {
        self.spec(id).map_or_else(|| format!("market {id}"), |spec| spec.symbol.clone())
    }

    /// Lots in units of the base asset.
    pub fn size(&self, market: MarketId, size: Size) -> String {
        self.lots(market, i128::from(size.get()))
    }

    /// A position in units of the base asset.
    pub fn position(&self, market: MarketId, position: Position) -> String {
        self.lots(market, i128::from(position.get()))
    }

    /// An amount with its asset.
    pub fn amount(&self, asset: AssetId, amount: Amount) -> String {
        match self.assets.iter().find(|spec| spec.id == asset) {
            Some(spec) => format!("{} {}", scaled_to_string(amount.get(), spec.decimals), spec.symbol),
            None => format!("{amount} units of asset {asset}"),
        }
    }

    /// Base and quote of a spot market, if it is a known one.
    pub fn spot(&self, market: MarketId) -> (Option<AssetId>, Option<AssetId>) {
        let terms = self.spec(market).and_then(MarketSpec::spot);
        (terms.map(|terms| terms.base), terms.map(|terms| terms.quote))
    }

    fn spec(&self, id: MarketId) -> Option<&MarketSpec> {
        self.markets.iter().find(|spec| spec.id == id)
    }

    fn lots(&self, market: MarketId, lots: i128) -> String {
        self.spec(market).map_or_else(|| format!("{lots} lots"), |spec| scaled_to_string(lots, spec.size_decimals))
    }

    /// An open order in one line.
    pub fn order(&self, order: &OpenOrder) -> String {
        let side = side(order.side);
        let (remaining, original) = (self.size(order.market, order.remaining), self.size(order.market, order.original));
        let force = match order.time_in_force {
            TimeInForce::Gtc => "gtc".to_owned(),
            TimeInForce::Ioc => "ioc".to_owned(),
            TimeInForce::Alo => "alo".to_owned(),
            TimeInForce::Fok => "fok".to_owned(),
            TimeInForce::Gtt { expires_at_ms } => format!("until {expires_at_ms}"),
        };
        let reduce_only = if order.reduce_only { " reduce-only" } else { "" };
        let client = order.client_order_id.map_or_else(String::new, |id| format!(" cloid {id}"));
        format!(
            "order {} {}: {side} {remaining} of {original} at {} {force}{reduce_only}{client}",
            order.id,
            self.market(order.market),
            order.price
        )
    }
}

/// `buy` or `sell`.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// A price, or a dash.
pub fn price(price: Option<Price>) -> String {
    price.map_or_else(|| "-".into(), |price| price.to_string())
}

/// What became of an action, one line per part. `markets` are those of the parts, in order.
pub fn outcome(outcome: &Outcome, names: &Names, markets: &[MarketId]) -> Vec<String> {
    match outcome {
        Outcome::Rejected { rejection } => vec![format!("rejected: {rejection}")],
        Outcome::Done => vec!["done".into()],
        Outcome::Twap { twap } => vec![format!("twap {twap} runs")],
        Outcome::Quotes { results } => {
            results.iter().flat_map(|result| [quote_side("bid", &result.bid), quote_side("ask", &result.ask)]).collect()
        }
        Outcome::AccountCreated { account } => vec![format!("account {account} created")],
        Outcome::BlockRequested { request } => vec![format!("block request {request} is open")],
        Outcome::BlockQuoted { quote } => vec![format!("block quote {quote} is open")],
        Outcome::Combo { combo, is_mirrored: false } => vec![format!("combo {combo}")],
        Outcome::Combo { combo, is_mirrored: true } => {
            vec![format!("combo {combo}, the other way round: buying what was asked for is selling it")]
        }
        Outcome::ComboOrder { order, filled, filled_quote_usd, resting, remainder_canceled } => {
            let mut parts = vec![format!("combo order {order} accepted")];
            if !filled.is_zero() {
                parts.push(format!("{filled} units filled for {filled_quote_usd} USD"));
            }
            if !resting.is_zero() {
                parts.push(format!("{resting} units resting"));
            }
            if let Some(reason) = remainder_canceled {
                parts.push(format!("remainder canceled ({reason:?})"));
            }
            vec![parts.join(", ")]
        }
        Outcome::Cancels { results } => results
            .iter()
            .map(|result| match result {
                CancelResult::Rejected { rejection } => format!("rejected: {rejection}"),
                CancelResult::Canceled { order } => format!("order {order} canceled"),
            })
            .collect(),
        Outcome::Orders { results } => results
            .iter()
            .enumerate()
            .map(|(index, result)| order_result(result, names, markets.get(index).copied()))
            .collect(),
    }
}

fn quote_side(side: &str, result: &QuoteSideResult) -> String {
    match result {
        QuoteSideResult::Nothing => format!("no {side}"),
        QuoteSideResult::Canceled { order } => format!("{side} {order} canceled"),
        QuoteSideResult::Resting { order } => format!("{side} {order} rests"),
        QuoteSideResult::Rejected { rejection } => format!("{side} rejected: {rejection}"),
    }
}

fn order_result(result: &OrderResult, names: &Names, market: Option<MarketId>) -> String {
    match result {
        OrderResult::Rejected { rejection } => format!("rejected: {rejection}"),
        OrderResult::Waiting { order, armed: true, .. } => format!("trigger {order} waits for its price"),
        OrderResult::Waiting { order, armed: false, .. } => format!("trigger {order} waits for a fill of its parent"),
        OrderResult::Accepted { order, filled, filled_quote_usd, resting, remainder_canceled, .. } => {
            let size = |size: Size| market.map_or_else(|| format!("{size} lots"), |market| names.size(market, size));
            let mut parts = vec![format!("order {order} accepted")];
            if !filled.is_zero() {
                parts.push(format!("{} filled for {filled_quote_usd} USD", size(*filled)));
            }
            if !resting.is_zero() {
                parts.push(format!("{} resting", size(*resting)));
            }
            if let Some(reason) = remainder_canceled {
                parts.push(format!("remainder canceled ({reason:?})"));
            }
            parts.join(", ")
        }
    }
}

/// Whether nothing of it had an effect.
pub fn is_refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Rejected { .. } => true,
        Outcome::Done
        | Outcome::Twap { .. }
        | Outcome::AccountCreated { .. }
        | Outcome::BlockRequested { .. }
        | Outcome::BlockQuoted { .. }
        | Outcome::Combo { .. }
        | Outcome::ComboOrder { .. } => false,
        Outcome::Quotes { results } => all(results, |result| result.rejections().count() == 2),
        Outcome::Orders { results } => all(results, |result| matches!(result, OrderResult::Rejected { .. })),
        Outcome::Cancels { results } => all(results, |result| matches!(result, CancelResult::Rejected { .. })),
    }
}

/// Whether there are parts and `is_refused` holds for all of them; a cancel-all of nothing has none.
fn all<T>(parts: &[T], is_refused: impl Fn(&T) -> bool) -> bool {
    !parts.is_empty() && parts.iter().all(is_refused)
}
