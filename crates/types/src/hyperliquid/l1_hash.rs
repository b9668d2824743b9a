//! The hash of an L1 action: its msgpack, nonce, vault and expiry become the `connectionId` of a phantom agent,
//! which is signed as typed data.
//!
//! ```text
//! connectionId = keccak256( msgpack(action) ‖ nonce as u64 big-endian
//!                           ‖ (0x00 | 0x01 ‖ vault) ‖ (nothing | 0x00 ‖ expiresAfter as u64 big-endian) )
//! domain  name "Exchange", version "1", chainId 1337, verifyingContract 0
//! type    Agent(string source,bytes32 connectionId), source "a" on mainnet, "b" on testnet
//! ```

use crate::{
    address::AccountId,
    envelope::{HyperliquidSource, Signature},
    ids::Nonce,
    signing::{
        eip712,
        secp256k1::{self, RecoverError},
    },
    time::TimeMs,
};

/// The chain id of every phantom agent.
const AGENT_CHAIN_ID: u64 = 1337;
const AGENT_TYPE: &str = "Agent(string source,bytes32 connectionId)";

/// Actions that clients hash without a vault even where the body names one.
const HASHED_WITHOUT_VAULT: [&str; 10] = [
    "setReferrer",
    "createSubAccount",
    "subAccountTransfer",
    "subAccountSpotTransfer",
    "vaultTransfer",
    "spotDeploy",
    "perpDeploy",
    "CSignerAction",
    "CValidatorAction",
    "evmUserModify",
];

/// Whether actions of this type are hashed without a vault, whatever the body says.
pub fn is_hashed_without_vault(kind: &str) -> bool {
    HASHED_WITHOUT_VAULT.contains(&kind)
}

/// The `connectionId` of an action.
pub fn connection_id(
    action_msgpack: &[u8],
    nonce: Nonce,
    vault: Option<&AccountId>,
    expires_after_ms: Option<TimeMs>,
) -> [u8; 32] {
    let mut tail = Vec::with_capacity(38);
    tail.extend(nonce.get().to_be_bytes());
    match vault {
        Some(vault) => {
            tail.push(1);
            tail.extend(vault.as_bytes());
        }
        None => tail.push(0),
    }
    if let Some(expires_after_ms) = expires_after_ms {
        tail.push(0);
        tail.extend(expires_after_ms.get().to_be_bytes());
    }
    eip712::keccak256(&[action_msgpack, &tail])
}

/// What is signed for `connection_id` on the network that the client believes it talks to.
pub fn agent_signing_hash(source: HyperliquidSource, connection_id: &[u8; 32]) -> [u8; 32] {
    let source = match source {
        HyperliquidSource::Mainnet => "a",
        HyperliquidSource::Testnet => "b",
    };
    let domain = eip712::domain_separator_with_zero_contract("Exchange", "1", AGENT_CHAIN_ID);
    let agent = eip712::struct_hash(AGENT_TYPE, &[eip712::string(source), *connection_id]);
    eip712::signing_hash(&domain, &agent)
}

/// Who signed, if the client signed for `source`. A wrong source yields another address, not an error:
/// a gateway recovers for both and keeps the one that is known.
pub fn recover_signer(
    source: HyperliquidSource,
    connection_id: &[u8; 32],
    signature: &Signature,
) -> Result<AccountId, RecoverError> {
    secp256k1::recover(&agent_signing_hash(source, connection_id), signature)
}
