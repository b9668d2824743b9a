//! The rules of a genesis file.

use super::Genesis;

/// What is wrong with a genesis file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A rule is broken.
    #[error("genesis: {what}")]
    Broken {
        /// The rule and the operands.
        what: String,
    },
}

pub(super) fn check(genesis: &Genesis) -> Result<(), GenesisError> {
    let _ = genesis;
    Ok(())
}
