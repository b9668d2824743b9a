//! Balances and orders under a state root.

use super::{Part, ProvenValue, VerifyError, decode};
use crate::proof::{
    ProofBundle, STATE_PROOF_DIGESTS_MAX, STATE_VALUE_BYTES_MAX, StateEncoding, StateExclusion, StateInclusion,
};
use commonware_codec::RangeCfg;
use commonware_cryptography::{Sha256, sha256};
use palisade_types::{
    address::AccountId,
    block::Header,
    ids::{AssetId, OrderId, UniverseId},
    numbers::Amount,
    state_key::{BalanceId, OrderRecord, StateKey, Table, balance_key, decode_record, order_key},
};

/// Largest encoded state proof: its digests, the bitmap chunk, and in an exclusion a whole neighbour.
const PROOF_BYTES_MAX: usize = STATE_VALUE_BYTES_MAX + (STATE_PROOF_DIGESTS_MAX + 16) * 32;

/// A balance, or that there is none.
pub(super) fn balance(
    bundle: &ProofBundle,
    header: &Header,
    universe: UniverseId,
    account: AccountId,
    asset: AssetId,
) -> Result<ProvenValue, VerifyError> {
    let expected = BalanceId { account, universe, asset };
    let Some(value) = value(bundle)? else {
        exclusion(bundle, header, balance_key(&expected))?;
        return Ok(ProvenValue::NoBalance);
    };
    let (found, total): (BalanceId, Amount) =
        decode_record(Table::Balance, &value).map_err(|error| VerifyError::WrongRecord { error })?;
    if found != expected {
        return Err(VerifyError::WrongBalance { expected, found });
    }
    inclusion(bundle, header, balance_key(&expected), value)?;
    Ok(ProvenValue::Balance { total })
}

/// An open order, or that it is not open.
pub(super) fn order(bundle: &ProofBundle, header: &Header, expected: OrderId) -> Result<ProvenValue, VerifyError> {
    let Some(value) = value(bundle)? else {
        exclusion(bundle, header, order_key(expected))?;
        return Ok(ProvenValue::OrderNotOpen);
    };
    let (id, record): (OrderId, OrderRecord) =
        decode_record(Table::Order, &value).map_err(|error| VerifyError::WrongRecord { error })?;
    for found in [id, record.order.id] {
        if found != expected {
            return Err(VerifyError::WrongOrder { expected, found });
        }
    }
    inclusion(bundle, header, order_key(expected), value)?;
    Ok(ProvenValue::OpenOrder { record: Box::new(record) })
}

fn value(bundle: &ProofBundle) -> Result<Option<Vec<u8>>, VerifyError> {
    bundle.value.as_ref().map(|text| decode::bytes(Part::Value, text, STATE_VALUE_BYTES_MAX)).transpose()
}

fn inclusion(bundle: &ProofBundle, header: &Header, key: StateKey, value: Vec<u8>) -> Result<(), VerifyError> {
    let config = (STATE_PROOF_DIGESTS_MAX, ());
    let proof: StateInclusion = decode::value(Part::Proof, &bundle.proof, PROOF_BYTES_MAX, &config)?;
    let root = sha256::Digest::from(header.state_root.0);
    if !proof.verify::<Sha256, StateEncoding>(sha256::Digest::from(key.0), value, &root) {
        return Err(VerifyError::NotInState { height: header.height, root: header.state_root });
    }
    Ok(())
}

fn exclusion(bundle: &ProofBundle, header: &Header, key: StateKey) -> Result<(), VerifyError> {
    let value = (RangeCfg::from(0..=STATE_VALUE_BYTES_MAX), ());
    let config = (STATE_PROOF_DIGESTS_MAX, ((), value), value);
    let proof: StateExclusion = decode::value(Part::Proof, &bundle.proof, PROOF_BYTES_MAX, &config)?;
    let root = sha256::Digest::from(header.state_root.0);
    if !proof.verify::<Sha256>(&sha256::Digest::from(key.0), &root) {
        return Err(VerifyError::NotAbsentFromState { height: header.height, root: header.state_root });
    }
    Ok(())
}
