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
/// Triggers of one account that may wait in one market.
pub const TRIGGERS_PER_ACCOUNT_MAX: usize = 100;
/// Triggers that become due per block, over all markets; see `docs/rules/orders.md`.
pub const TRIGGERS_DUE_PER_BLOCK_MAX: usize = 1_000;
/// Due triggers that fire per block; the rest stays due.
pub const TRIGGERS_PER_BLOCK_MAX: usize = 100;
/// TWAPs of one account that may run at a time.
pub const TWAPS_PER_ACCOUNT_MAX: usize = 10;
/// The time between slices of a TWAP.
pub const TWAP_INTERVAL_MS: u64 = 30_000;
/// How long a TWAP runs, at least and at most.
pub const TWAP_MINUTES: std::ops::RangeInclusive<u32> = 5..=1_440;
/// Orders of a scale, at least and at most.
pub const SCALE_ORDERS: std::ops::RangeInclusive<u8> = 2..=20;
/// The last order of a scale over its first, at least and at most, in parts per million.
pub const SCALE_SKEW: std::ops::RangeInclusive<i64> = 10_000..=100_000_000;
/// The window of market-maker protection, at least and at most.
pub const PROTECTION_WINDOW_MS: std::ops::RangeInclusive<u64> = 100..=3_600_000;
/// The longest freeze of market-maker protection.
pub const PROTECTION_FROZEN_MS_MAX: u64 = 86_400_000;
/// Legs of a block trade.
pub const BLOCK_LEGS: std::ops::RangeInclusive<usize> = 1..=12;
/// Makers that a block request may name.
pub const BLOCK_MAKERS_MAX: usize = 16;
/// Block requests of one account that may be open.
pub const BLOCK_REQUESTS_PER_ACCOUNT_MAX: usize = 10;
/// Block quotes of one account that may be open.
pub const BLOCK_QUOTES_PER_ACCOUNT_MAX: usize = 100;
/// Quotes that one block request may have: two sides of every maker that it may name.
pub const BLOCK_QUOTES_PER_REQUEST_MAX: usize = 32;
/// How far ahead a block request may end.
pub const BLOCK_REQUEST_MS_MAX: u64 = 3_600_000;
/// Legs of a combo.
pub const COMBO_LEGS: std::ops::RangeInclusive<usize> = 2..=4;
/// Lots of a leg in one unit.
pub const LEG_RATIO: std::ops::RangeInclusive<u32> = 1..=1_000_000;
/// Combo orders of one account that may be open.
pub const COMBO_ORDERS_PER_ACCOUNT_MAX: usize = 50;
/// Fills and cancels that one incoming combo order may cause in its own book, and tries against the books of its legs.
pub const COMBO_STEPS_MAX: u32 = 64;
/// Seats in a committee.
pub const SEATS_MAX: usize = 128;
