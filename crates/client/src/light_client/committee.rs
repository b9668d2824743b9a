//! Who may certify: the seats of the genesis.

use super::VerifyError;
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Set;
use palisade_types::genesis::Genesis;
use std::collections::BTreeSet;

/// The vote keys in the order in which certificates count signers: ascending.
pub(super) fn of(genesis: &Genesis) -> Result<Set<PublicKey>, VerifyError> {
    if genesis.seats.is_empty() {
        return Err(VerifyError::GenesisWithoutSeats);
    }
    let mut keys = BTreeSet::new();
    for seat in &genesis.seats {
        let key = PublicKey::decode(seat.vote_key.0.to_vec())
            .map_err(|_| VerifyError::GenesisVoteKey { seat: seat.id, key: seat.vote_key })?;
        if !keys.insert(key) {
            return Err(VerifyError::GenesisDuplicateVoteKey { seat: seat.id, key: seat.vote_key });
        }
    }
    Ok(Set::from_iter_dedup(keys))
}
