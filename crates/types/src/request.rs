//! What a verified action asks for, decoded, in whichever form it was signed.

use crate::{
    action::{Action, ExecutionClass},
    hyperliquid,
};

/// The content of a verified action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// In Palisade's own form.
    Native(Action),
    /// In Hyperliquid's format.
    Hyperliquid(hyperliquid::Request),
}

impl Request {
    /// The class of its most aggressive part.
    pub fn execution_class(&self) -> ExecutionClass {
        match self {
            Self::Native(action) => action.execution_class(),
            Self::Hyperliquid(request) => request.execution_class(),
        }
    }

    /// Its share of the block's weight; see [`Action::weight`].
    pub fn weight(&self) -> u64 {
        match self {
            Self::Native(action) => action.weight(),
            Self::Hyperliquid(request) => request.weight(),
        }
    }

    /// Whether it only cancels, and so draws on the account's cancel allowance.
    pub const fn is_cancel(&self) -> bool {
        match self {
            Self::Native(action) => action.is_cancel(),
            Self::Hyperliquid(request) => request.is_cancel(),
        }
    }

    /// How many orders, cancels or modifies its batch holds: 0 for an empty one, 1 for what is no batch.
    pub const fn batch_length(&self) -> usize {
        match self {
            Self::Native(action) => action.batch_length(),
            Self::Hyperliquid(request) => request.batch_length(),
        }
    }

    /// How many orders, cancels or modifies it holds; at least 1.
    pub fn part_count(&self) -> usize {
        match self {
            Self::Native(action) => action.part_count(),
            Self::Hyperliquid(request) => request.batch_length().max(1),
        }
    }

    /// A short name for logs: the native kind, or Hyperliquid's action type.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Native(action) => action.kind(),
            Self::Hyperliquid(request) => request.kind(),
        }
    }
}
