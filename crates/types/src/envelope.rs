//! A signed action as it travels, is included in a block and is named.
//!
//! The envelope states who signs, for which account and in which form, so one signature check decides
//! it. Three forms exist: Palisade's own typed data (EIP-712, domain `Palisade` with this chain's id, or
//! Ed25519 over the same bytes) and two in Hyperliquid's format, which carry the signed content as it was
//! received, because its hash depends on the received key order.

use crate::{
    action::Action,
    address::{AccountId, SignerId},
    codec::{self, DecodeError},
    hash::{ActionId, sha256},
    ids::Nonce,
    limits::ACTION_BYTES_MAX,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Everything that a signature covers, and who made it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The chain it is meant for.
    pub chain_id: u64,
    /// The key that signed.
    pub signer: SignerId,
    /// The account it acts for: the signer's own, or the one that approved the signer as its agent.
    pub account: AccountId,
    /// Unused by this signer, within its window; by convention the signing time in ms.
    pub nonce: Nonce,
    /// The last block time at which it may be included.
    pub expires_after_ms: Option<TimeMs>,
    /// What is asked, and in which form it was signed.
    pub payload: Payload,
}

/// The signed content and its form.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "form", rename_all = "snake_case")]
#[repr(u8)]
pub enum Payload {
    /// Palisade's own form.
    Native {
        /// The action.
        action: Action,
    } = 0,
    /// Hyperliquid's "L1 action": a hash of msgpack bytes, nonce, vault and expiry under a phantom agent.
    HyperliquidL1 {
        /// The network name that the client signed for.
        source: HyperliquidSource,
        /// The action as msgpack in the key order received.
        #[serde(with = "hex_vec")]
        action_msgpack: Vec<u8>,
        /// The sub-account or vault named, if the hash covers one.
        vault: Option<AccountId>,
    } = 1,
    /// Hyperliquid's "user-signed" typed data.
    HyperliquidUser {
        /// The network name that the client signed for.
        source: HyperliquidSource,
        /// The chain id of the EIP-712 domain, whatever the wallet was on.
        signature_chain_id: u64,
        /// The action.
        action: HyperliquidUserAction,
    } = 2,
}

/// Which network a Hyperliquid client believes it talks to. The official Python client signs as testnet
/// for every URL but one, others always as mainnet, so both are accepted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum HyperliquidSource {
    /// Source "a", chain name "Mainnet".
    Mainnet = 0,
    /// Source "b", chain name "Testnet".
    Testnet = 1,
}

/// The user-signed actions that count here. Strings are kept as posted, because they are hashed so.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum HyperliquidUserAction {
    /// Let an agent trade for the account.
    ApproveAgent {
        /// The agent's address.
        agent_address: AccountId,
        /// Its name; may end in ` valid_until <ms>`. Empty if absent.
        agent_name: String,
    } = 0,
    /// Send USDC to another account.
    UsdSend {
        /// An address as posted.
        destination: String,
        /// A decimal amount as posted.
        amount: String,
    } = 1,
    /// Send an asset to another account.
    SpotSend {
        /// An address as posted.
        destination: String,
        /// `NAME:0x…` as posted.
        token: String,
        /// A decimal amount as posted.
        amount: String,
    } = 2,
    /// Move USDC between the spot and the perpetual balance, which are one here.
    UsdClassTransfer {
        /// A decimal amount as posted; may end in ` subaccount:0x…`.
        amount: String,
        /// Which way.
        to_perp: bool,
    } = 3,
    /// Send an asset to another account, a sub-account or another universe.
    SendAsset {
        /// An address as posted.
        destination: String,
        /// Where it comes from: empty for the main venue, `spot`, or the name of another venue.
        source_dex: String,
        /// Where it goes to.
        destination_dex: String,
        /// `NAME:0x…` as posted.
        token: String,
        /// A decimal amount as posted.
        amount: String,
        /// Whose balance it comes from: empty for the signer's own, or a sub-account's address.
        from_sub_account: String,
    } = 4,
    /// Send USDC off the chain.
    Withdraw {
        /// An address as posted.
        destination: String,
        /// A decimal amount as posted.
        amount: String,
    } = 5,
    /// Let a builder add a fee to orders.
    ApproveBuilderFee {
        /// At most this, as posted: `0.01%`.
        max_fee_rate: String,
        /// The builder's address.
        builder: AccountId,
    } = 6,
    /// Whether collateral moves between venues by itself.
    UserDexAbstraction {
        /// Whose.
        user: AccountId,
        /// Whether it does.
        enabled: bool,
    } = 7,
    /// How spot and perpetual balances belong together.
    UserSetAbstraction {
        /// Whose.
        user: AccountId,
        /// `disabled`, `unifiedAccount` or `portfolioMargin`, as posted.
        abstraction: String,
    } = 8,
}

/// A signature in the form that its signer uses.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Signature {
    /// secp256k1 with recovery: `r ‖ s` big-endian, low s, and the recovery id (0 or 1).
    Secp256k1 {
        /// `r ‖ s`.
        compact: [u8; 64],
        /// Which of the two candidate keys.
        recovery_id: u8,
    } = 0,
    /// Ed25519 under ZIP-215 rules.
    Ed25519 {
        /// `R ‖ s`.
        bytes: [u8; 64],
    } = 1,
}

impl Signature {
    /// The length of its encoding inside a [`SignedAction`].
    pub const fn encoded_bytes(&self) -> usize {
        match self {
            Self::Secp256k1 { .. } => 66,
            Self::Ed25519 { .. } => 65,
        }
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secp256k1 { compact, recovery_id } => {
                write!(formatter, "Secp256k1(0x{}, {recovery_id})", hex::encode(compact))
            }
            Self::Ed25519 { bytes } => write!(formatter, "Ed25519(0x{})", hex::encode(bytes)),
        }
    }
}

/// An envelope with its signature, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedAction {
    /// What was signed.
    pub envelope: Envelope,
    /// By whom, provably.
    pub signature: Signature,
}

impl SignedAction {
    /// The canonical bytes: what the native RPC accepts and blocks contain.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes canonical bytes of at most [`ACTION_BYTES_MAX`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, ACTION_BYTES_MAX)
    }

    /// The action's name: SHA-256 of the encoded envelope. The signature is left out, so that no
    /// second signature over the same content can make a second name.
    pub fn id(&self) -> ActionId {
        ActionId(sha256(&[&codec::encode(&self.envelope)]))
    }
}

/// Hexadecimal with `0x` for byte strings in JSON.
mod hex_vec {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text.strip_prefix("0x").unwrap_or(&text)).map_err(D::Error::custom)
    }
}
