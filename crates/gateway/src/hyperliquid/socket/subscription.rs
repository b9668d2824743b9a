//! What a client can follow, read from its request and echoed in normal form.

use crate::{
    context::Context,
    history::Interval,
    hyperliquid::{
        errors::RequestError,
        info::{coin_market, interval_named, user},
        venue::Venue,
    },
    json::ValueExt,
};
use palisade_types::{address::AccountId, hyperliquid::Value, ids::MarketId};
use serde_json::{Value as Json, json};

/// What is followed. Equal values are the same subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subscription {
    /// The middle of every book.
    AllMids { venue: Venue },
    /// A book, perhaps rounded.
    L2Book { market: MarketId, significant_figures: Option<u64>, mantissa: Option<u64> },
    /// A market's trades.
    Trades { market: MarketId },
    /// A market's best bid and ask.
    Bbo { market: MarketId },
    /// A market's newest candle.
    Candle { market: MarketId, interval: Interval },
    /// A market's prices and figures.
    ActiveAssetContext { market: MarketId },
    /// An account's orders.
    OrderUpdates { user: AccountId },
    /// An account's fills, on the channel `user`.
    UserEvents { user: AccountId },
    /// An account's fills, with a snapshot.
    UserFills { user: AccountId, aggregate: bool },
    /// What an account's owner should read: margin calls.
    Notification { user: AccountId },
    /// An account's funding payments.
    UserFundings { user: AccountId },
    /// An account's deposits and transfers.
    UserLedger { user: AccountId },
    /// An account's positions and margin.
    ClearinghouseState { user: AccountId, venue: Venue },
    /// An account's balances.
    SpotState { user: AccountId },
    /// Everything that an account's page shows.
    WebData { user: AccountId },
}

impl Subscription {
    /// Reads `{"type":…,…}`; unknown keys are ignored, because clients send hints that change nothing here.
    pub fn parse(context: &Context, body: &Value) -> Result<Self, RequestError> {
        let kind = body.field("type").and_then(ValueExt::text).unwrap_or_default();
        let market = || coin_market(context, body).map(|spec| spec.id);
        let optional = |key: &str| body.field(key).and_then(ValueExt::unsigned);
        Ok(match kind {
            "allMids" => Self::AllMids { venue: Venue::named(body)? },
            "l2Book" => Self::L2Book {
                market: market()?,
                significant_figures: optional("nSigFigs"),
                mantissa: optional("mantissa"),
            },
            "trades" => Self::Trades { market: market()? },
            "bbo" => Self::Bbo { market: market()? },
            "candle" => Self::Candle { market: market()?, interval: interval_named(body)? },
            "activeAssetCtx" => Self::ActiveAssetContext { market: market()? },
            "orderUpdates" => Self::OrderUpdates { user: user(body)? },
            "userEvents" => Self::UserEvents { user: user(body)? },
            "userFills" => Self::UserFills {
                user: user(body)?,
                aggregate: body.field("aggregateByTime").and_then(ValueExt::boolean).unwrap_or(false),
            },
            "notification" => Self::Notification { user: user(body)? },
            "userFundings" => Self::UserFundings { user: user(body)? },
            "userNonFundingLedgerUpdates" => Self::UserLedger { user: user(body)? },
            "clearinghouseState" => Self::ClearinghouseState { venue: Venue::named(body)?, user: user(body)? },
            "spotState" => Self::SpotState { user: user(body)? },
            "webData2" => Self::WebData { user: user(body)? },
            _ => return Err(RequestError::shape("unknown or unsupported subscription type")),
        })
    }

    /// The account that is followed, if any.
    pub const fn user(&self) -> Option<AccountId> {
        match self {
            Self::OrderUpdates { user }
            | Self::UserEvents { user }
            | Self::UserFills { user, .. }
            | Self::Notification { user }
            | Self::UserFundings { user }
            | Self::UserLedger { user }
            | Self::ClearinghouseState { user, .. }
            | Self::SpotState { user }
            | Self::WebData { user } => Some(*user),
            Self::AllMids { .. }
            | Self::L2Book { .. }
            | Self::Trades { .. }
            | Self::Bbo { .. }
            | Self::Candle { .. }
            | Self::ActiveAssetContext { .. } => None,
        }
    }

    /// The normal form that acknowledgements and errors show: every option stated, users in lower case.
    pub fn normalised(&self, context: &Context) -> Json {
        let coin = |market: &MarketId| context.feed.directory().coin(*market);
        let of_user = |kind: &str, user: &AccountId| json!({ "type": kind, "user": user.to_string() });
        match self {
            Self::AllMids { venue: Venue::Main } => json!({ "type": "allMids", "dex": null }),
            Self::AllMids { venue } => json!({ "type": "allMids", "dex": venue.name() }),
            Self::L2Book { market, significant_figures, mantissa } => json!({
                "type": "l2Book",
                "coin": coin(market),
                "nSigFigs": significant_figures,
                "mantissa": mantissa,
                "fast": false,
            }),
            Self::Trades { market } => json!({ "type": "trades", "coin": coin(market) }),
            Self::Bbo { market } => json!({ "type": "bbo", "coin": coin(market) }),
            Self::Candle { market, interval } => {
                json!({ "type": "candle", "coin": coin(market), "interval": interval.name() })
            }
            Self::ActiveAssetContext { market } => json!({ "type": "activeAssetCtx", "coin": coin(market) }),
            Self::OrderUpdates { user } => of_user("orderUpdates", user),
            Self::UserEvents { user } => of_user("userEvents", user),
            Self::UserFills { user, aggregate } => {
                json!({ "type": "userFills", "user": user.to_string(), "aggregateByTime": aggregate })
            }
            Self::Notification { user } => of_user("notification", user),
            Self::UserFundings { user } => of_user("userFundings", user),
            Self::UserLedger { user } => of_user("userNonFundingLedgerUpdates", user),
            Self::ClearinghouseState { user, venue } => {
                json!({ "type": "clearinghouseState", "user": user.to_string(), "dex": venue.name() })
            }
            Self::SpotState { user } => {
                json!({ "type": "spotState", "user": user.to_string(), "ignorePortfolioMargin": false })
            }
            Self::WebData { user } => of_user("webData2", user),
        }
    }
}
