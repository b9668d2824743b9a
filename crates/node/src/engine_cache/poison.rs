//! An action that makes the engine panic half-way through a block: for tests, which have no other way to meet a bug
//! that nobody knows yet. It does not exist outside of them.

use super::BlockContent;
use palisade_types::hash::ActionId;
use std::cell::Cell;

thread_local! {
    static POISON: Cell<Option<ActionId>> = const { Cell::new(None) };
}

/// From now on this thread's engines panic on that action.
pub fn set(action: Option<ActionId>) {
    POISON.set(action);
}

/// Panics if the block holds the poisoned action; the engine has changed already.
pub fn trip(content: &BlockContent) {
    let poison = POISON.get();
    let poisoned = content.actions.iter().any(|action| Some(action.id()) == poison);
    assert!(!poisoned, "the engine met a poisoned action");
}
