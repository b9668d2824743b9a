//! Records of accounts without keys: their bytes are consensus, and what is derived from them comes and goes with them.

use super::SubAccountRecord;
use crate::state::{Record, RecordKey, State};
use palisade_types::{address::AccountId, hash::sha256};

const MASTER: AccountId = AccountId([1; 20]);
const SUB: AccountId = AccountId([2; 20]);

fn records() -> Vec<Record> {
    let sub_account = SubAccountRecord { master: MASTER, number: 3, name: "hedges".to_owned() };
    vec![Record::SubAccount { id: SUB, record: sub_account }]
}

/// Per record: the first bytes of the database key, and of SHA-256 of the value.
const PINNED: [(&str, &str); 1] = [("c3d327afaed6f648", "04b33a12ee442660")];

#[test]
fn keys_and_values_are_pinned() {
    let short = |bytes: &[u8]| bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    for (record, (key, value)) in records().into_iter().zip(PINNED) {
        let bytes = record.encode();
        assert_eq!(
            (short(&record.key().database_key()), short(&sha256(&[&bytes]))),
            (key.to_owned(), value.to_owned())
        );
        assert_eq!(Record::decode(&bytes), Ok(record));
        assert!((0..bytes.len()).all(|length| Record::decode(&bytes[..length]).is_err()), "no cut records");
    }
}

#[test]
fn who_acts_for_an_account_follows_its_record() {
    let mut state = State::default();
    assert_eq!((state.controller(SUB), state.group_of(SUB)), (None, SUB));
    let empty = state.clone();
    let start = state.checkpoint();
    for record in records() {
        state.put(record);
    }
    assert_eq!((state.controller(SUB), state.group_of(SUB), state.group_of(MASTER)), (Some(MASTER), MASTER, MASTER));
    assert_eq!(state.sub_accounts_of(MASTER).map(|(id, _)| id).collect::<Vec<_>>(), [SUB]);
    state.delete(RecordKey::SubAccount(SUB));
    assert_eq!(state.controller(SUB), None);
    state.revert_to(start);
    assert_eq!(state, empty);
}
