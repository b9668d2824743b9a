//! Who signed an L1 action, and for which account.
//!
//! A signature does not say which network its client believed in: the official Python client signs as testnet for
//! every URL but one, others always as mainnet. Each source yields an address; the one that the chain knows signed.

use super::{Body, Refusal};
use crate::{
    context::Context,
    hyperliquid::errors::{RequestError, inadmissible_text},
};
use palisade_client::api::SignerRole;
use palisade_types::{
    address::{AccountId, SignerId},
    envelope::HyperliquidSource,
    hyperliquid::l1_hash::{connection_id, recover_signer},
    rejection::Inadmissible,
};

/// A known signer.
pub struct Found {
    /// The network that the client signed for.
    pub source: HyperliquidSource,
    /// The key.
    pub signer: SignerId,
    /// The account it acts for.
    pub account: AccountId,
}

/// The signer of an action among the two candidates.
pub async fn find(context: &Context, body: &Body<'_>, action_msgpack: &[u8]) -> Result<Found, Refusal> {
    let connection = connection_id(action_msgpack, body.nonce, body.vault.as_ref(), body.expires_after_ms);
    let (mut strangers, mut retired) = (Vec::new(), None);
    for source in [HyperliquidSource::Mainnet, HyperliquidSource::Testnet] {
        let address = recover_signer(source, &connection, &body.signature)
            .map_err(|error| RequestError::shape(format!("`signature`: {error}")))?;
        let signer = SignerId::Address(address);
        let account = match context.node.signer_role(signer).await.map_err(RequestError::from)? {
            SignerRole::Account { .. } => address,
            SignerRole::Agent { agent } => agent.account,
            SignerRole::Retired => {
                retired = Some(signer);
                continue;
            }
            SignerRole::Unknown => {
                strangers.push(address);
                continue;
            }
        };
        return Ok(Found { source, signer, account });
    }
    // A former agent is no stranger: it is the one who signed.
    Err(Refusal::Business(match retired {
        Some(signer) => inadmissible_text(&Inadmissible::AgentRetired { signer }),
        None => unknown(&strangers),
    }))
}

/// Nobody knows which of the two candidates is the real one, so both are told.
fn unknown(strangers: &[AccountId]) -> String {
    match strangers {
        [mainnet, testnet] => {
            format!("User or API Wallet {mainnet} does not exist. (If signed for testnet: {testnet})")
        }
        _ => "User or API Wallet does not exist.".to_owned(),
    }
}
