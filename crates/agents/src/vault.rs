//! The vault that an agent leads: opened once, found again after a restart.

use crate::clock;
use palisade_client::{
    api::{ApiError, NodeApi},
    nonce::NonceSource,
};
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::{Envelope, Payload},
    numbers::Usd,
    receipt::Outcome,
    signing::secp256k1::Secp256k1SecretKey,
};

/// How long to wait for the receipt.
const RECEIPT_WAIT_MS: u64 = 10_000;
/// An action that is not included within this time is pointless.
const ACTION_LIFE_MS: u64 = 30_000;

/// The leader's first vault; opened with `initial_usd` if there is none.
pub async fn first_of(
    api: &dyn NodeApi,
    leader: &Secp256k1SecretKey,
    name: &str,
    initial_usd: Usd,
) -> Result<AccountId, ApiError> {
    let vault = AccountId::vault(leader.address(), 0);
    if api.account(vault).await?.vault.is_some() {
        return Ok(vault);
    }
    let chain_id = api.status().await?.chain_id;
    let action = Action::CreateVault { name: name.to_owned(), description: "an agent's".to_owned(), initial_usd };
    let envelope = Envelope {
        chain_id,
        signer: leader.signer_id(),
        account: leader.address(),
        nonce: NonceSource::new().next(),
        expires_after_ms: Some(clock::now().saturating_add(ACTION_LIFE_MS)),
        payload: Payload::Native { action },
    };
    let sent = api.submit(leader.sign(envelope)).await?;
    match api.receipt(sent, RECEIPT_WAIT_MS).await?.receipt.outcome {
        Outcome::AccountCreated { account } => Ok(account),
        outcome => Err(ApiError::Unavailable { reason: format!("the vault was not opened: {outcome:?}") }),
    }
}
