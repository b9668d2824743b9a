//! The actions and oracle votes that wait for a block, and everyone who asks about them.
//!
//! One [`Mempool`] serves clients ([`Mempool::submit`]), peers ([`Mempool::ingest`]), the proposer (it is the
//! node's [`ActionSource`]) and finalization.
//!
//! Rules:
//! - **Cheapest check first**: size and form, then what is known, then the finalized state, then the signature.
//!   A signature is checked once, on arrival; what waits is verified.
//! - **Admission here is a courtesy.** It is decided on the finalized state and keeps useless work out. What a
//!   block may hold is decided by the engine on the block's parent.
//! - **What was taken gets a receipt**, as long as it stays admissible and does not wait too long: what a block
//!   holds is offered to all but that block's children, and no block of ours lets so many younger actions of a signer go first
//!   that the engine's window of nonces shuts an older one out. The rules are those of [`pool::branches`] and [`pool::signers`].
//! - **Nothing is awaited under a lock**, and no lock is taken under another but the view's under none.

use crate::{
    engine_cache::BlockContent,
    entropy::Blinding,
    final_view::FinalView,
    gossip::{OUTBOX_MAX, Outboxes},
    oracle_pool::{self, OraclePool, OracleVoteError},
    source::{ActionSource, FinalizedBlock, Offer},
    validity,
};
use async_trait::async_trait;
use commonware_utils::{
    channel::{mpsc, watch},
    sync::Mutex,
};
use palisade_client::api::ApiError;
use palisade_engine::Admission;
use palisade_types::{
    address::{AccountId, SignerId},
    block::Header,
    envelope::SignedAction,
    genesis::Genesis,
    hash::{ActionId, BlockDigest},
    ids::{Height, Nonce},
    limits::{ACTION_BYTES_MAX, BLOCK_ACTIONS_MAX, BLOCK_WEIGHT_MAX},
    oracle::SignedOracleVote,
    rejection::Inadmissible,
    signing::{self, VerifiedAction},
    time::TimeMs,
};

use std::{collections::BTreeSet, sync::Arc};
use tracing::{debug, warn};

pub mod pool;

use pool::{Candidate, Pool, PoolError, PoolLimits, Room, Selection, branches::BlockPlace, signers::UsedNonces};

/// Actions of our own clients are sent to the peers again after this much block time.
pub const RESEND_AFTER_MS: u64 = 2_000;
/// Most waiting actions that are looked at again when a block becomes final; a proposer looks at each in any case.
const RECHECKED_MAX: usize = 4_000;
/// Most weight that a proposer offers, below what a block may have. A leader has a second to make its block, and a node
/// that shares its machine has executed a block of the full weight in more than that: the view was skipped, the next
/// leader began the same block anew, and the chain stood still under load.
pub const OFFERED_WEIGHT_MAX: u64 = BLOCK_WEIGHT_MAX / 4;
/// Bytes that an action takes in a block beyond its own, and the room that an oracle bundle needs.
const BODY_MARGIN_BYTES: usize = 1_024;

/// What waits. Clones share one state.
#[derive(Clone, Debug)]
pub struct Mempool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    genesis: Arc<Genesis>,
    blinding: Blinding,
    pool: Mutex<Pool>,
    oracle: OraclePool,
    view: FinalView,
    /// Changes whenever something new waits.
    arrivals: watch::Sender<u64>,
    actions_out: mpsc::Sender<Arc<[u8]>>,
    votes_out: mpsc::Sender<SignedOracleVote>,
}

/// What became of a message from a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Actions that found a place.
    pub accepted: u64,
    /// Actions that were known or found no place: seen before their signature was looked at.
    pub known: u64,
    /// Actions that were inadmissible after their signature was checked.
    pub inadmissible: u64,
    /// What no honest peer sends.
    pub fault: Option<String>,
}

/// Numbers for metrics and status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Actions that wait.
    pub actions: usize,
    /// How many of them our own clients have handed in.
    pub own: usize,
    /// The encoded bytes of all.
    pub bytes: usize,
}

impl Mempool {
    /// An empty mempool over the finalized state, and what gossip sends for it.
    pub fn new(genesis: Arc<Genesis>, view: FinalView, limits: PoolLimits, blinding: Blinding) -> (Self, Outboxes) {
        let (actions_out, actions) = mpsc::channel(OUTBOX_MAX);
        let (votes_out, votes) = mpsc::channel(OUTBOX_MAX);
        let shared = Shared {
            pool: Mutex::new(Pool::new(limits)),
            oracle: OraclePool::new(&genesis),
            genesis,
            blinding,
            view,
            arrivals: watch::Sender::new(0),
            actions_out,
            votes_out,
        };
        (Self(Arc::new(shared)), Outboxes { actions, votes })
    }

    /// How much waits.
    pub fn load(&self) -> Load {
        let pool = self.0.pool.lock();
        Load { actions: pool.len(), own: pool.own(), bytes: pool.bytes() }
    }

    /// Takes an action from a client and passes it on. An action that waits already is accepted again.
    pub fn submit(&self, action: SignedAction) -> Result<ActionId, ApiError> {
        let encoded: Arc<[u8]> = action.encode().into();
        let inadmissible = |reason| ApiError::Inadmissible { reason };
        check_size(encoded.len()).map_err(inadmissible)?;
        let id = action.id();
        match self.check_room(&id, &action.envelope.account, encoded.len()) {
            Err(PoolError::Known { .. }) => return Ok(id),
            other => other.map_err(|error| to_api(&error))?,
        }
        self.check_chain(&action).map_err(inadmissible)?;
        let verified = Arc::new(signing::verify(action).map_err(inadmissible)?);
        let actions = [verified];
        self.check_admission(&actions).into_iter().collect::<Result<(), _>>().map_err(inadmissible)?;
        let [verified] = actions;
        match self.place(verified, encoded.clone(), true) {
            Ok(()) => {
                // A full outbox is no loss: the action is sent when it is repeated.
                let _ = self.0.actions_out.try_send(encoded);
                self.announce();
                Ok(id)
            }
            Err(PoolError::Known { .. }) => Ok(id),
            Err(error) => Err(to_api(&error)),
        }
    }

    /// Takes the actions of a peer's message.
    pub fn ingest(&self, batch: &[Vec<u8>]) -> Ingested {
        let mut ingested = Ingested::default();
        let mut seen = BTreeSet::new();
        let mut fresh: Vec<(SignedAction, Arc<[u8]>)> = Vec::with_capacity(batch.len());
        for bytes in batch {
            let action = match SignedAction::decode(bytes) {
                Ok(action) => action,
                Err(error) => {
                    ingested.fault = Some(error.to_string());
                    return ingested;
                }
            };
            if let Err(reason) = self.check_chain(&action) {
                ingested.fault = Some(reason.to_string());
                return ingested;
            }
            let id = action.id();
            let room = self.check_room(&id, &action.envelope.account, bytes.len());
            if room.is_err() || !seen.insert(id) {
                ingested.known = ingested.known.saturating_add(1);
            } else {
                fresh.push((action, bytes.as_slice().into()));
            }
        }
        let (actions, encoded): (Vec<_>, Vec<_>) = fresh.into_iter().unzip();
        let mut verified = Vec::with_capacity(encoded.len());
        let mut kept = Vec::with_capacity(encoded.len());
        for (result, encoded) in signing::verify_batch(actions, self.0.blinding.factors()).into_iter().zip(encoded) {
            match result {
                Ok(action) => {
                    verified.push(Arc::new(action));
                    kept.push(encoded);
                }
                Err(reason) => ingested.fault = Some(reason.to_string()),
            }
        }
        let admitted = self.check_admission(&verified);
        for ((action, encoded), admission) in verified.into_iter().zip(kept).zip(admitted) {
            let placed = admission.is_ok() && self.place(action, encoded, false).is_ok();
            let count = if placed { &mut ingested.accepted } else { &mut ingested.inadmissible };
            *count = count.saturating_add(1);
        }
        if ingested.accepted > 0 {
            self.announce();
        }
        ingested
    }

    /// Takes an oracle vote from a reporter of ours and passes it on.
    pub fn submit_vote(&self, vote: SignedOracleVote, now_ms: TimeMs) -> Result<(), OracleVoteError> {
        self.0.oracle.insert(vote.clone(), now_ms)?;
        let _ = self.0.votes_out.try_send(vote);
        self.announce();
        Ok(())
    }

    /// Takes an oracle vote from a peer.
    pub fn ingest_vote(&self, vote: SignedOracleVote, now_ms: TimeMs) -> Result<(), OracleVoteError> {
        self.0.oracle.insert(vote, now_ms)?;
        self.announce();
        Ok(())
    }

    /// Actions of our own clients that the peers should be sent again.
    pub fn to_resend(&self, limit: usize) -> Vec<Arc<[u8]>> {
        let Some((_, now_ms)) = self.0.view.tip() else { return Vec::new() };
        self.0.pool.lock().to_resend(now_ms.saturating_sub(RESEND_AFTER_MS), now_ms, limit)
    }

    fn check_chain(&self, action: &SignedAction) -> Result<(), Inadmissible> {
        let (expected, found) = (self.0.genesis.chain_id, action.envelope.chain_id);
        if found == expected { Ok(()) } else { Err(Inadmissible::WrongChain { expected, found }) }
    }

    fn check_room(&self, id: &ActionId, account: &AccountId, bytes: usize) -> Result<(), PoolError> {
        self.0.pool.lock().check(id, account, bytes)
    }

    /// Whether the finalized state admits each of the actions by itself. Before block 1 there are no accounts to judge
    /// by, so everything may wait.
    fn check_admission(&self, actions: &[Arc<VerifiedAction>]) -> Vec<Result<(), Inadmissible>> {
        let checked = self.0.view.read(|view| {
            if view.tip.header.height == Height::new(0) {
                return vec![Ok(()); actions.len()];
            }
            let time_ms = view.tip.header.time_ms;
            let admit =
                |action: &Arc<VerifiedAction>| Admission::new(&view.state, &self.0.genesis, time_ms).admit(action);
            actions.iter().map(admit).collect()
        });
        checked.unwrap_or_else(|| vec![Ok(()); actions.len()])
    }

    fn place(&self, action: Arc<VerifiedAction>, encoded: Arc<[u8]>, local: bool) -> Result<(), PoolError> {
        let block_time_ms = self.0.view.tip().map_or(TimeMs::new(0), |(_, time_ms)| time_ms);
        let envelope = action.envelope();
        let candidate = Candidate {
            id: action.id(),
            account: envelope.account,
            signer: envelope.signer,
            nonce: envelope.nonce,
            expires_after_ms: envelope.expires_after_ms,
            cancels: action.request().is_cancel(),
            weight: action.request().weight(),
            encoded,
            action,
        };
        self.0.pool.lock().insert(candidate, block_time_ms, local)
    }

    fn announce(&self) {
        self.0.arrivals.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The nonces that each of these signers has used above the one given, as far as the finalized state remembers them.
    fn used_nonces(&self, signers: &[(SignerId, Nonce)]) -> UsedNonces {
        let used = self.0.view.read(|view| {
            let used = |&(signer, oldest): &(SignerId, Nonce)| {
                let kept = view.state.nonces(signer)?.kept();
                let above = &kept[kept.partition_point(|nonce| *nonce <= oldest)..];
                (!above.is_empty()).then(|| (signer, above.to_vec()))
            };
            signers.iter().filter_map(used).collect()
        });
        used.unwrap_or_default()
    }

    /// Drops what the new finalized state no longer admits, of the accounts that the block touched: their
    /// nonces and budgets have moved.
    fn drop_inadmissible(&self, accounts: &BTreeSet<AccountId>) {
        let waiting: Vec<Candidate> = {
            let pool = self.0.pool.lock();
            accounts.iter().flat_map(|account| pool.of_account(account)).take(RECHECKED_MAX).collect()
        };
        let actions: Vec<Arc<VerifiedAction>> = waiting.iter().map(|candidate| candidate.action.clone()).collect();
        let admitted = self.check_admission(&actions);
        let mut pool = self.0.pool.lock();
        for (candidate, admission) in waiting.iter().zip(admitted) {
            match admission {
                Ok(()) => pool.note_admission(&candidate.id, true),
                // A spent budget refills with time; everything else that is wrong now stays wrong.
                Err(Inadmissible::BudgetExhausted { .. } | Inadmissible::ChainHalted) => {
                    pool.note_admission(&candidate.id, false);
                }
                Err(reason) => {
                    debug!(action = %candidate.id, %reason, "a waiting action is no longer admissible");
                    pool.remove(&candidate.id);
                }
            }
        }
    }
}

#[async_trait]
impl ActionSource for Mempool {
    async fn waiting(&self, parent: &Header) {
        let mut arrivals = self.0.arrivals.subscribe();
        let digest = parent.digest();
        while !self.0.oracle.has_work() && !self.0.pool.lock().has_work(parent.height, digest) {
            if arrivals.changed().await.is_err() {
                return;
            }
        }
    }

    fn offer(&self, parent: &Header, now_ms: TimeMs, limit_bytes: usize) -> Offer {
        let oracle_bundle = self.0.oracle.bundle().and_then(|bundle| {
            let (earliest, latest) = validity::time_bounds(parent, Some(&bundle));
            oracle_pool::timely(bundle, now_ms.clamp(earliest, latest), self.0.genesis.seats.len())
        });
        let bundle_bytes = oracle_bundle.as_ref().map_or(0, |bundle| palisade_types::codec::encode(bundle).len());
        let room = Room {
            bytes: limit_bytes.saturating_sub(bundle_bytes).saturating_sub(BODY_MARGIN_BYTES),
            weight: OFFERED_WEIGHT_MAX,
            actions: BLOCK_ACTIONS_MAX,
        };
        let contested = self.0.pool.lock().contested();
        let used = self.used_nonces(&contested);
        let actions = self.0.pool.lock().select(Selection {
            parent_height: parent.height,
            parent: parent.digest(),
            first: first_account(&parent.parent),
            room,
            used: &used,
        });
        Offer { oracle_bundle, actions }
    }

    fn verified(&self, action: &SignedAction) -> Option<Arc<VerifiedAction>> {
        let known = self.0.pool.lock().get(&action.id())?;
        (known.signed() == action).then_some(known)
    }

    fn refuse(&self, action: ActionId, reason: &str) {
        warn!(%action, reason, "quarantining an action");
        self.0.pool.lock().quarantine(action);
    }

    fn included(&self, header: &Header, content: &BlockContent) {
        let place = BlockPlace { height: header.height, digest: header.digest(), parent: header.parent };
        let ids = content.actions.iter().map(|action| action.id());
        self.0.pool.lock().mark_in_flight(place, ids);
        if let Some(bundle) = &content.oracle_bundle {
            self.0.oracle.mark_in_flight(content.height, bundle);
        }
    }

    fn finalized(&self, finalized: &FinalizedBlock) {
        let header = finalized.block.header();
        let receipts = &finalized.executed.receipts;
        let expired = {
            let mut pool = self.0.pool.lock();
            pool.finalize(header.height, header.time_ms, receipts.iter().map(|receipt| receipt.action))
        };
        if expired > 0 {
            debug!(expired, "waiting actions have expired");
        }
        self.0.oracle.finalized(header.height, finalized.block.body().oracle_bundle.as_ref());
        self.drop_inadmissible(&receipts.iter().map(|receipt| receipt.account).collect());
        // What the finalized block lacks may wait again.
        self.announce();
    }
}

/// Whose turn comes first: a point that moves with every block, so that no address is always early.
fn first_account(seed: &BlockDigest) -> AccountId {
    let mut bytes = [0u8; AccountId::LENGTH];
    bytes.copy_from_slice(&seed.as_bytes()[..AccountId::LENGTH]);
    AccountId(bytes)
}

const fn check_size(bytes: usize) -> Result<(), Inadmissible> {
    if bytes > ACTION_BYTES_MAX {
        return Err(Inadmissible::TooLarge { found_bytes: bytes as u64, limit_bytes: ACTION_BYTES_MAX as u64 });
    }
    Ok(())
}

fn to_api(error: &PoolError) -> ApiError {
    match error {
        PoolError::AccountFull { pending, limit } | PoolError::Full { pending, limit } => {
            ApiError::MempoolFull { pending: *pending as u64, limit: *limit as u64 }
        }
        PoolError::Known { .. } | PoolError::Quarantined { .. } => {
            ApiError::InvalidRequest { reason: error.to_string() }
        }
    }
}

#[cfg(test)]
mod tests;
