//! The order of work within a block, written again from its rule: classes one after the other; within a class accounts
//! by SHA-256(parent ‖ class ‖ account), one action of each in turn, each account's by (nonce, signer).

use palisade_types::{
    action::ExecutionClass,
    hash::{ActionId, sha256},
    signing::VerifiedAction,
};
use std::{collections::BTreeMap, sync::Arc};

/// The block's actions in the order in which they must have been executed.
pub fn order_of_work(parent: &[u8; 32], actions: &[Arc<VerifiedAction>]) -> Vec<ActionId> {
    // (class, turn, rank of the account): an account's k-th action of a class comes in turn k.
    let mut places = Vec::with_capacity(actions.len());
    let mut accounts: BTreeMap<(u8, [u8; 20]), Vec<&VerifiedAction>> = BTreeMap::new();
    for action in actions {
        let class = match action.request().execution_class() {
            ExecutionClass::A => 0,
            ExecutionClass::B => 1,
            ExecutionClass::C => 2,
        };
        accounts.entry((class, action.envelope().account.0)).or_default().push(action);
    }
    for ((class, account), mut own) in accounts {
        own.sort_by_key(|action| (action.envelope().nonce, action.envelope().signer));
        let rank = sha256(&[parent, &[class], &account]);
        places.extend(own.iter().enumerate().map(|(turn, action)| ((class, turn, rank), action.id())));
    }
    places.sort_unstable_by_key(|(place, _)| *place);
    places.into_iter().map(|(_, action)| action).collect()
}
