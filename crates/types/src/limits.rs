//! Bounds that every verifier checks. Changing one changes the protocol version.

/// Largest encoded action, signature included.
pub const ACTION_BYTES_MAX: usize = 16 * 1024;
/// Most orders, cancels or modifies in one action.
pub const BATCH_MAX: usize = 40;
/// Largest encoded block.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most weight in one block: see [`crate::action::Action::weight`].
pub const BLOCK_WEIGHT_MAX: u64 = 60_000;
/// Most actions in one block.
pub const BLOCK_ACTIONS_MAX: usize = 20_000;
/// Most fills and maker cancels that one order may cause; the remainder is cancelled.
pub const MATCH_STEPS_MAX: u32 = 256;
/// Nonces kept per signer; a new one must exceed the smallest kept once the set is full.
pub const NONCES_KEPT: usize = 100;
/// How far a nonce may lie before block time.
pub const NONCE_PAST_MS: u64 = 2 * 24 * 60 * 60 * 1000;
/// How far a nonce may lie after block time.
pub const NONCE_FUTURE_MS: u64 = 24 * 60 * 60 * 1000;
/// Least advance of block time from parent to child.
pub const BLOCK_TIME_STEP_MIN_MS: u64 = 1;
/// Most advance of block time past the parent, or past the median of the block's oracle bundle.
pub const BLOCK_TIME_STEP_MAX_MS: u64 = 1_000;
/// Longest symbol or agent name.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest description.
pub const DESCRIPTION_BYTES_MAX: usize = 256;
/// Agents that one account may have at a time.
pub const AGENTS_PER_ACCOUNT_MAX: usize = 16;
/// Sub-accounts that one account may have.
pub const SUB_ACCOUNTS_PER_MASTER_MAX: usize = 10;
/// Timers (order and agent expiries, scheduled cancels) handled per block; the rest waits in order.
pub const TIMERS_PER_BLOCK_MAX: usize = 1_000;
/// Least distance of a scheduled cancel from block time.
pub const SCHEDULE_CANCEL_AHEAD_MIN_MS: u64 = 5_000;
/// An oracle vote may be this much older than its block.
pub const ORACLE_VOTE_PAST_MS: u64 = 3_000;
/// An oracle vote may be this much newer than its block.
pub const ORACLE_VOTE_FUTURE_MS: u64 = 500;
/// Most assets in one oracle vote.
pub const ORACLE_ENTRIES_MAX: usize = 1_024;
/// The span of an oracle round.
pub const ORACLE_ROUND_MS: u64 = 1_000;
/// Seats in a committee.
pub const SEATS_MAX: usize = 128;
