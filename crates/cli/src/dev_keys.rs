//! Keys that everybody knows: the funded accounts of a devnet. Worthless by design; never fund them elsewhere.
//!
//! The first two are the first two accounts of every Ethereum development tool, so wallets and tools know them already.

use palisade_types::{hash::sha256, signing::secp256k1::Secp256k1SecretKey};

const FUNDED: [&str; 2] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
];

/// The accounts printed by `palisade devnet`.
pub fn funded() -> [Secp256k1SecretKey; 2] {
    FUNDED.map(|text| text.parse().expect("the constants above are secret keys"))
}

/// The market maker's account.
pub fn market_maker() -> Secp256k1SecretKey {
    derived("market-maker", 0)
}

/// The leader of the devnet's vault.
pub fn vault_leader() -> Secp256k1SecretKey {
    derived("vault-leader", 0)
}

/// An account of the load generator.
pub fn load(number: u64) -> Secp256k1SecretKey {
    derived("load", number)
}

fn derived(purpose: &str, number: u64) -> Secp256k1SecretKey {
    let digest = sha256(&[b"palisade/devnet-key/", purpose.as_bytes(), &number.to_be_bytes()]);
    Secp256k1SecretKey::from_bytes(digest).expect("all but 2^-127 of the digests are keys, and these are fixed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_funded_accounts_are_the_ones_that_tools_know() {
        let addresses = funded().map(|key| key.address().to_string());
        assert_eq!(
            addresses,
            ["0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"]
        );
    }
}
