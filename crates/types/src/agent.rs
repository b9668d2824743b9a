//! Keys that an account lets act for it.

use crate::{address::AccountId, time::TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What an agent may do. No scope ever includes moving funds out of the account or approving agents.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AgentScope {
    /// Place, modify and cancel orders; set leverage; schedule cancels.
    Trade = 0,
    /// Cancel orders and schedule cancels, nothing else.
    CancelOnly = 1,
}

/// An agent's standing. Records outlive the agent: an agent key is never accepted twice, because its
/// nonces may have been forgotten.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Agent {
    /// The account it acts for.
    pub account: AccountId,
    /// Its name, unique within the account; an agent approved under a name in use replaces the older one. Empty for the unnamed one.
    pub name: String,
    /// What it may do.
    pub scope: AgentScope,
    /// Block time from which it is no longer accepted; `None` for never.
    pub expires_at_ms: Option<TimeMs>,
    /// Whether it was approved through our own EIP-712 domain (and not in Hyperliquid's format).
    pub approved_natively: bool,
    /// Whether it was revoked, replaced or expired.
    pub retired: bool,
}
