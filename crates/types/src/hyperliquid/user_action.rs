//! What a user-signed action is called, and what of it this chain refuses whatever the state.

use crate::{envelope::HyperliquidUserAction, rejection::Rejection};

/// The setting of every account here: one balance serves spot and perpetuals.
pub const UNIFIED_ACCOUNT: &str = "unifiedAccount";

impl HyperliquidUserAction {
    /// Hyperliquid's name of the action.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ApproveAgent { .. } => "approveAgent",
            Self::UsdSend { .. } => "usdSend",
            Self::SpotSend { .. } => "spotSend",
            Self::UsdClassTransfer { .. } => "usdClassTransfer",
            Self::SendAsset { .. } => "sendAsset",
            Self::Withdraw { .. } => "withdraw3",
            Self::ApproveBuilderFee { .. } => "approveBuilderFee",
            Self::UserDexAbstraction { .. } => "userDexAbstraction",
            Self::UserSetAbstraction { .. } => "userSetAbstraction",
        }
    }

    /// Why the action cannot be done here in any state, if so. A setting that every account has anyway, and a builder
    /// that asks for nothing, change nothing and are no reason to refuse.
    pub fn refusal(&self) -> Option<Rejection> {
        let feature = match self {
            Self::Withdraw { .. } => "withdraw3 (there is no bridge yet)".to_owned(),
            Self::ApproveBuilderFee { max_fee_rate, .. } if !is_zero_rate(max_fee_rate) => {
                "builder fee (use a maximum of 0%, or no builder)".to_owned()
            }
            Self::UserDexAbstraction { enabled: false, .. } => {
                "userDexAbstraction disabled (every account is unified)".to_owned()
            }
            Self::UserSetAbstraction { abstraction, .. } if abstraction != UNIFIED_ACCOUNT => {
                "userSetAbstraction to anything but unifiedAccount".to_owned()
            }
            _ => return None,
        };
        Some(Rejection::Unsupported { feature })
    }
}

/// `0%`, `0.0%` and so on.
fn is_zero_rate(text: &str) -> bool {
    let digits = text.strip_suffix('%').unwrap_or_default();
    digits.starts_with('0') && digits.chars().all(|letter| matches!(letter, '0' | '.'))
}
