//! 32-byte digests, one type per thing that is digested, all SHA-256.

use sha2::{Digest as _, Sha256};

/// SHA-256 of the concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Declares a fixed-length byte string that is shown and parsed as `0x`-prefixed hexadecimal.
macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, borsh::BorshSerialize, borsh::BorshDeserialize)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The number of bytes.
            pub const LENGTH: usize = $length;

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "0x{}", hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::hash::HexError;

            /// Parses hexadecimal of exactly the right length, `0x` optional, any case.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let mut bytes = [0u8; $length];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| $crate::hash::HexError {
                    expected_bytes: $length,
                    found_characters: digits.len(),
                })?;
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(<D::Error as serde::de::Error>::custom)
            }
        }
    };
}
pub(crate) use hex_bytes;

/// A text that is not hexadecimal of the required length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected_bytes} bytes of hexadecimal, found {found_characters} characters")]
pub struct HexError {
    /// Bytes that were wanted.
    pub expected_bytes: usize,
    /// Characters that were given, without the prefix.
    pub found_characters: usize,
}

hex_bytes!(
    /// SHA-256 of an encoded block header: the name of a block.
    BlockDigest,
    32
);
hex_bytes!(
    /// SHA-256 of an encoded envelope, signature excluded: the name of an action.
    ActionId,
    32
);
hex_bytes!(
    /// SHA-256 of the canonical encoding of a genesis file's content.
    GenesisHash,
    32
);
hex_bytes!(
    /// The root of a Merkle tree or of the state database.
    Root,
    32
);
