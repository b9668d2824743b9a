//! Every error of the chain in the words of Hyperliquid, in one place.
//!
//! Clients match these texts (ccxt maps them to exception classes, bots grep for them), so known ones are kept to
//! the letter. Errors that Hyperliquid does not have keep the chain's own words, which say what to do.

use palisade_client::api::ApiError;
use palisade_types::{
    decimal::scaled_to_string,
    event::CancelReason,
    ids::AssetId,
    rejection::{Inadmissible, Rejection},
};

/// Why a request has no business answer at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON that is accepted.
    #[error("Failed to parse the request body as JSON: {reason}")]
    Json { reason: String },
    /// JSON of the wrong shape.
    #[error("Failed to deserialize the JSON body into the target type: {reason}")]
    Shape { reason: String },
    /// The node does not answer.
    #[error("{reason}")]
    Node { reason: ApiError },
}

impl RequestError {
    /// JSON of the wrong shape.
    pub fn shape(reason: impl Into<String>) -> Self {
        Self::Shape { reason: reason.into() }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Json { .. } => 400,
            Self::Shape { .. } => 422,
            Self::Node { reason } => match reason {
                ApiError::InvalidRequest { .. } | ApiError::Inadmissible { .. } => 422,
                ApiError::NotFound { .. } | ApiError::Pruned { .. } => 404,
                ApiError::MempoolFull { .. } => 429,
                ApiError::Timeout { .. } => 504,
                ApiError::Unavailable { .. } => 503,
            },
        }
    }
}

impl From<ApiError> for RequestError {
    fn from(reason: ApiError) -> Self {
        Self::Node { reason }
    }
}

/// Why an action, or one order of it, was refused.
pub fn rejection_text(rejection: &Rejection) -> String {
    let fixed = match rejection {
        Rejection::OffTick { .. } => "Price must be divisible by tick size.",
        Rejection::ZeroSize => "Order has zero size.",
        Rejection::InvalidSize { .. } => "Order has invalid size.",
        Rejection::PriceNotPositive { .. } => "Order has invalid price.",
        Rejection::NothingToMatch => "Order could not immediately match against any resting orders.",
        Rejection::InsufficientMargin { .. } => "Insufficient margin to place order.",
        Rejection::ReduceOnlyWouldIncrease { .. } => "Reduce only order would increase position.",
        Rejection::OrderNotOpen => "Order was never placed, already canceled, or filled.",
        Rejection::OpenInterestCap { .. } => "Order would increase open interest while open interest is capped.",
        Rejection::PositionCap { .. } => "Order would cause position to exceed margin tier limit at current leverage.",
        Rejection::LeverageOutOfRange { .. } => "Invalid leverage value.",
        Rejection::OutsidePriceBand { .. } => "Order price too far from oracle",
        Rejection::TooManyAgents { .. } => "Too many extra agents.",
        Rejection::TriggerWouldFire { .. } => "Invalid TP/SL price.",
        Rejection::TwapNotRunning { .. } => "TWAP was never placed, already canceled, or filled.",
        Rejection::AgentNotFresh { .. } => "Extra agent already used.",
        _ => "",
    };
    if !fixed.is_empty() {
        return fixed.to_owned();
    }
    match rejection {
        Rejection::BelowMinimumNotional { minimum, .. } => format!("Order must have minimum value of ${minimum}."),
        Rejection::WouldMatch { best_opposite } => {
            format!("Post only order would have immediately matched, bbo was {best_opposite}.")
        }
        Rejection::InsufficientBalance { asset, required, available } => {
            insufficient_balance(*asset, required.get(), available.get())
        }
        Rejection::UnknownMarket { market } => format!("Invalid asset: {market}."),
        other => sentence(&other.to_string()),
    }
}

/// Amounts are told in units of 1e-8, the scale of every quote asset; the base's own scale is not known here.
fn insufficient_balance(asset: AssetId, required: i128, available: i128) -> String {
    if asset == AssetId::new(0) {
        let (required, available) = (scaled_to_string(required, 8), scaled_to_string(available, 8));
        return format!("Insufficient spot balance asset={asset}: {required} required, {available} available");
    }
    format!("Insufficient spot balance asset={asset}")
}

/// Why an order that was accepted neither filled nor rests.
pub const fn remainder_text(reason: Option<CancelReason>) -> &'static str {
    match reason {
        Some(CancelReason::ImmediateOrCancel) => "Order could not immediately match against any resting orders.",
        Some(CancelReason::Margin) => "Insufficient margin to place order.",
        Some(CancelReason::ReduceOnly) => "Reduce only order would increase position.",
        Some(CancelReason::Cap) => "Order would increase open interest while open interest is capped.",
        Some(CancelReason::SelfTrade) => "Order was canceled because it met an order of the same account.",
        Some(CancelReason::MatchStepLimit) => "Order was canceled because its match took too many steps.",
        Some(CancelReason::VaultWithdrawal) => "Order was canceled because its vault needs the cash for a withdrawal.",
        Some(CancelReason::Liquidation) => "Order was canceled because its owner is being liquidated.",
        Some(CancelReason::Expired) => "Order expired.",
        Some(
            CancelReason::Requested
            | CancelReason::Modified
            | CancelReason::Scheduled
            | CancelReason::SiblingFilled
            | CancelReason::ParentCanceled
            | CancelReason::PositionClosed
            | CancelReason::MarketMakerProtection
            | CancelReason::QuoteReplaced,
        )
        | None => "Order was canceled.",
        Some(CancelReason::Delisted) => "Order was canceled because its market is over.",
    }
}

/// Where a cancelled order ends in Hyperliquid's closed list of states.
pub const fn canceled_status(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::SelfTrade => "selfTradeCanceled",
        CancelReason::Margin => "marginCanceled",
        CancelReason::ReduceOnly => "reduceOnlyCanceled",
        CancelReason::Scheduled => "scheduledCancel",
        CancelReason::Cap => "openInterestCapCanceled",
        CancelReason::SiblingFilled => "siblingFilledCanceled",
        CancelReason::PositionClosed => "reduceOnlyCanceled",
        CancelReason::Liquidation => "liquidatedCanceled",
        CancelReason::VaultWithdrawal => "vaultWithdrawalCanceled",
        CancelReason::Delisted => "delistedCanceled",
        CancelReason::Requested
        | CancelReason::Modified
        | CancelReason::ImmediateOrCancel
        | CancelReason::Expired
        | CancelReason::MatchStepLimit
        | CancelReason::ParentCanceled
        | CancelReason::MarketMakerProtection
        | CancelReason::QuoteReplaced => "canceled",
    }
}

/// Why an action did not get into a block.
pub fn inadmissible_text(reason: &Inadmissible) -> String {
    match reason {
        Inadmissible::UnknownSigner { signer, .. } | Inadmissible::AgentRetired { signer } => {
            format!("User or API Wallet {signer} does not exist.")
        }
        Inadmissible::UnknownAccount { account } => format!("User or API Wallet {account} does not exist."),
        Inadmissible::BadSignature { signer } => {
            format!("User or API Wallet {signer} does not exist: the signature does not verify.")
        }
        Inadmissible::NonceUsed { nonce } => format!("Invalid nonce: duplicate nonce {nonce}"),
        Inadmissible::NonceTooLow { nonce, smallest_kept } => {
            format!("Invalid nonce: {nonce} is too low, use one above {smallest_kept}")
        }
        Inadmissible::NonceOutOfWindow { nonce, block_time_ms } => format!(
            "Invalid nonce: {nonce} is not within 2 days before and 1 day after the block time {}",
            block_time_ms.get()
        ),
        Inadmissible::BudgetExhausted { used, cap } => format!(
            "Too many cumulative requests sent ({used} > {cap}). Place taker orders to free up requests, or wait."
        ),
        Inadmissible::Expired { expires_after_ms, block_time_ms } => {
            format!(
                "Action expired: expiresAfter {} is before block time {}",
                expires_after_ms.get(),
                block_time_ms.get()
            )
        }
        other => sentence(&other.to_string()),
    }
}

/// Why an action that was sent to the node has no receipt; `None` if that is no business answer.
pub fn submit_text(error: &ApiError) -> Option<String> {
    match error {
        ApiError::Inadmissible { reason } => Some(inadmissible_text(reason)),
        ApiError::MempoolFull { .. } | ApiError::InvalidRequest { .. } => Some(sentence(&error.to_string())),
        ApiError::Pruned { .. }
        | ApiError::NotFound { .. }
        | ApiError::Timeout { .. }
        | ApiError::Unavailable { .. } => None,
    }
}

/// With a capital and a full stop, as Hyperliquid writes.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let mut sentence: String = first.into_iter().chain(characters).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests;
