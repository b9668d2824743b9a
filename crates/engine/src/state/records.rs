//! What the tables hold, besides types that the outside shares.

use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    action::MarginMode,
    address::AccountId,
    ids::{AssetId, Height, MarketId, Nonce, UniverseId},
    limits::NONCES_KEPT,
    market::UniverseSpec,
    numbers::{FundingIndex, Position, Price, Rate, Usd},
    time::TimeMs,
};

pub use palisade_types::state_key::{BalanceId, Hold, OrderRecord};

/// The chain's own standing.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainRecord {
    /// The newest executed block.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// The rules it was executed under.
    pub protocol_version: u32,
    /// The next change of rules, if one is scheduled.
    pub scheduled_upgrade: Option<ScheduledUpgrade>,
    /// The migration under way, if one is.
    pub migration: Option<MigrationProgress>,
    /// The number of the next order, and of the next place in a queue.
    pub next_order: u64,
    /// The number of the next trade.
    pub next_trade: u64,
    /// The number of the next option, counted from the first.
    pub next_option: u32,
    /// The newest oracle round that a block carried.
    pub oracle_round: Option<u64>,
    /// The invariant that stopped the chain, if one did.
    pub halted: Option<String>,
}

/// A change of rules at a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ScheduledUpgrade {
    /// The rules that hold from then on.
    pub version: u32,
    /// The first block under them.
    pub height: Height,
}

/// How far a migration has come.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MigrationProgress {
    /// The rules it belongs to.
    pub version: u32,
    /// The canonical id of the last record done; `None` before the first.
    pub cursor: Option<Vec<u8>>,
}

/// A universe and its standing.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct UniverseRecord {
    /// Its terms.
    pub spec: UniverseSpec,
    /// The invariant that stopped it, if one did: only cancels work.
    pub halted: Option<String>,
    /// Since when a loss that nobody has borne yet keeps all funds in it.
    pub gated_since_ms: Option<TimeMs>,
}

/// What a market did last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MarketState {
    /// Price of the last trade.
    pub last_price: Option<Price>,
}

/// An asset's index price: the median of the seats that spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IndexRecord {
    /// The lower median of their prices; positive.
    pub price: Price,
    /// The lower median of the times at which they took them.
    pub time_ms: TimeMs,
    /// Seats it came from.
    pub sources: u32,
    /// Follows the price at a bounded pace; what collateral counts for initial margin at most.
    pub slow_price: Price,
    /// Moving average of squared returns, in parts per million squared per second.
    pub variance: i64,
}

/// A perpetual market's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MarkRecord {
    /// The mark.
    pub price: Price,
    /// Block time at which it was computed.
    pub time_ms: TimeMs,
    /// Moving average of `mid − index`, weighed by elapsed time, in 1e-8 USD with 32 binary places.
    pub basis_average: i128,
    /// Follows the mark at a bounded pace; profit counts for initial margin at most at this price.
    pub slow_price: Price,
    /// Least initial fraction for the market's volatility.
    pub volatility_fraction: Rate,
    /// Least initial fraction for volatility and for the open interest that was.
    pub market_fraction: Rate,
    /// What initial requirements rise by while the quote asset is below its peg.
    pub depeg_addition: Rate,
    /// What the thinner side of the book holds near the mark, slow to rise.
    pub depth_usd: Usd,
}

/// An account's standing, apart from what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountRecord {
    /// Block time of its first deposit: refills of the action budget count from here.
    pub created_at_ms: TimeMs,
    /// Parts of actions sent so far.
    pub actions_used: u64,
    /// What it traded so far in universes of the genesis, both sides of a fill counted for their own account; earns action budget.
    pub volume_usd: Usd,
    /// When its dead man's switch fires.
    pub cancel_all_at_ms: Option<TimeMs>,
    /// Whether actions in Hyperliquid's format signed by the account's own key count.
    pub hyperliquid_compatible: bool,
}

/// The nonces that a signer used: the highest [`NONCES_KEPT`], ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NonceSet {
    kept: Vec<Nonce>,
}

/// Names what was paid in of an asset in a universe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct CustodyId {
    /// In which universe.
    pub universe: UniverseId,
    /// Of what.
    pub asset: AssetId,
}

/// Names a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct PositionId {
    /// Whose; first, so that an account's positions lie together.
    pub account: AccountId,
    /// In which market.
    pub market: MarketId,
}

/// What is margined together: an account's cross positions in a universe, or one isolated position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct MarginUnit {
    /// Whose.
    pub account: AccountId,
    /// In which universe.
    pub universe: UniverseId,
    /// The market of an isolated position; `None` for the cross margin.
    pub market: Option<MarketId>,
}

/// Names a setting of leverage and margin mode.
pub type MarginSettingId = PositionId;

/// How an account margins a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MarginSetting {
    /// From 1 to the market's maximum.
    pub leverage: u32,
    /// Cross or isolated.
    pub mode: MarginMode,
}

/// Names a faucet claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct FaucetClaimId {
    /// Who.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
}

/// A position in a perpetual market. Without lots it has no cost and is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PositionRecord {
    /// Lots held, long positive.
    pub position: Position,
    /// What the position cost: the signed sum of `price × lots` of the fills that opened what is left of it.
    pub entry_cost_usd: Usd,
    /// The market's funding index up to which the position has paid.
    pub funding_index: FundingIndex,
}

impl NonceSet {
    /// The nonces kept, ascending.
    pub fn kept(&self) -> &[Nonce] {
        &self.kept
    }

    /// The smallest nonce kept, once the set is full: only higher ones are accepted then.
    pub fn floor(&self) -> Option<Nonce> {
        if self.kept.len() < NONCES_KEPT { None } else { self.kept.first().copied() }
    }

    /// Whether the nonce was used and is still remembered.
    pub fn contains(&self, nonce: Nonce) -> bool {
        self.kept.binary_search(&nonce).is_ok()
    }

    /// Remembers a nonce and forgets the smallest one if there are too many.
    pub fn insert(&mut self, nonce: Nonce) {
        if let Err(place) = self.kept.binary_search(&nonce) {
            self.kept.insert(place, nonce);
        }
        if self.kept.len() > NONCES_KEPT {
            self.kept.remove(0);
        }
    }
}

/// What the test of migrations makes of an account.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TestAccount {
    /// Moved from the account's record.
    pub actions_used: u64,
    /// The new field.
    pub moved: bool,
}
