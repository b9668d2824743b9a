//! Records of accounts without keys: their bytes are consensus, and what is derived from them comes and goes with them.

use super::SubAccountRecord;
use crate::{
    state::{
        BackstopRecord, BackstopShareId, BackstopShareRecord, ListingRecord, Record, RecordKey, State, VaultRecord,
        VaultShareId, VaultShareRecord, VaultWithdrawalId, VaultWithdrawalRecord,
    },
    testing::assert_records_are_pinned,
    tranches::{TrancheValue, Tranches},
};
use palisade_types::{
    address::AccountId,
    ids::UniverseId,
    numbers::{Shares, Usd},
    time::TimeMs,
};

const MASTER: AccountId = AccountId([1; 20]);
const SUB: AccountId = AccountId([2; 20]);
const VAULT: AccountId = AccountId([3; 20]);
const UNIVERSE: UniverseId = UniverseId::new(5);

fn records() -> Vec<Record> {
    let sub_account = SubAccountRecord { master: MASTER, number: 3, name: "hedges".to_owned() };
    let vault = VaultRecord {
        leader: MASTER,
        number: 4,
        name: "carry".to_owned(),
        description: "funding".to_owned(),
        created_at_ms: TimeMs::new(5),
        closed: true,
        shares: Shares::new(6),
        queue_first: 7,
        queue_next: 8,
        retry_at_ms: TimeMs::new(9),
    };
    let share = VaultShareRecord {
        shares: Shares::new(6),
        cost_usd: Usd::new(10),
        locked_until_ms: TimeMs::new(11),
        waiting: Shares::new(2),
    };
    let withdrawal = VaultWithdrawalRecord { account: MASTER, shares: Shares::new(2) };
    let value = |value, owed| TrancheValue { value_usd: Usd::new(value), owed_usd: Usd::new(owed) };
    let tranches = Tranches { junior: value(12, 13), senior: value(14, 15) };
    let backstop = BackstopRecord { tranches, junior_shares: Shares::new(16), senior_shares: Shares::new(17) };
    let backstop_share = BackstopShareRecord {
        junior: Shares::new(16),
        senior: Shares::new(17),
        junior_for_good: Shares::new(3),
        locked_until_ms: TimeMs::new(18),
    };
    let listing = ListingRecord { lister: MASTER, deposit_usd: Usd::new(19), markets: 2 };
    vec![
        Record::SubAccount { id: SUB, record: sub_account },
        Record::Vault { id: VAULT, record: vault },
        Record::VaultShare { id: VaultShareId { vault: VAULT, account: MASTER }, record: share },
        Record::VaultWithdrawal { id: VaultWithdrawalId { vault: VAULT, number: 7 }, record: withdrawal },
        Record::Backstop { id: UNIVERSE, record: backstop },
        Record::BackstopShare { id: BackstopShareId { universe: UNIVERSE, account: MASTER }, record: backstop_share },
        Record::Listing { id: UNIVERSE, record: listing },
    ]
}

/// Per record: the first bytes of the database key, and of SHA-256 of the value.
const PINNED: [(&str, &str); 7] = [
    ("c3d327afaed6f648", "04b33a12ee442660"),
    ("b6673bb142e813ca", "56e6fea09d69bd52"),
    ("b15b64f30a096f19", "ab1d11e3ec79035c"),
    ("b5b04de9c63b7bbc", "4663a435f43c5022"),
    ("b9df82ed4bf52680", "254bdf1fafb73020"),
    ("fb99ddff20eb2b8e", "0e3a2279b0a1fc1c"),
    ("cb7995d075184a8d", "7f16fb7b50336903"),
];

#[test]
fn keys_and_values_are_pinned() {
    assert_records_are_pinned(&records(), &PINNED);
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
    assert_eq!((state.controller(VAULT), state.group_of(VAULT)), (Some(MASTER), MASTER));
    assert_eq!(state.vaults_led_by(MASTER).map(|(id, _)| id).collect::<Vec<_>>(), [VAULT]);
    assert_eq!(state.vaults_held_by(MASTER).map(|(id, _)| id).collect::<Vec<_>>(), [VAULT]);
    assert_eq!(state.backstops_held_by(MASTER).map(|(id, _)| id).collect::<Vec<_>>(), [UNIVERSE]);
    let (early, due) = (TimeMs::new(8), TimeMs::new(9));
    assert_eq!((state.next_vault_queue(early), state.next_vault_queue(due)), (None, Some(VAULT)));
    assert_eq!(state.sub_accounts_of(MASTER).map(|(id, _)| id).collect::<Vec<_>>(), [SUB]);
    state.delete(RecordKey::SubAccount(SUB));
    assert_eq!(state.controller(SUB), None);
    state.revert_to(start);
    assert_eq!(state, empty);
}
