//! How actions and oracle votes reach the other nodes.
//!
//! Every node is connected to every other, so what a client hands in here is sent to all peers once, and what
//! comes from a peer is not passed on.
//!
//! Rules:
//! - **Batched**: a batch of actions leaves 5 ms after its first action came, in messages of at most 64 KiB. Until then
//!   nobody looks at what comes after it: to be woken for each action costs more than to send it.
//! - **A message costs the peer that sent it.** Work that was of use is free; actions that were known or
//!   inadmissible, and messages as such, draw on an allowance that time refills. A peer without allowance is
//!   not listened to until it has some.
//! - **What no honest node sends blocks the peer and does nothing else**: bytes that do not decode, a message
//!   or an action that is too long, a signature that does not verify.
//! - **Lost messages are sent again**: what waits here from our own clients for 2 s of block time is repeated.

use crate::{
    clock::NodeClock,
    mempool::{Ingested, Mempool},
    metrics::GossipMetrics,
    network::{GOSSIP_BYTES_MAX, Gossip},
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Handle, Metrics, Spawner};
use commonware_utils::channel::mpsc;
use palisade_types::{
    codec::{self, DecodeError},
    limits::{ACTION_BYTES_MAX, ORACLE_ENTRIES_MAX},
    oracle::SignedOracleVote,
    time::TimeMs,
};
use std::{
    collections::BTreeMap,
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::{debug, warn};

/// Most bytes of one message of actions.
pub const BATCH_BYTES: usize = 64 * 1024;
/// A batch of actions leaves once its first action has waited this long.
pub const BATCH_WAIT: Duration = Duration::from_millis(5);
/// How often is looked for actions to send again.
pub const RESEND_INTERVAL: Duration = Duration::from_millis(1_000);
/// Most actions sent again at a time.
pub const RESEND_MAX: usize = 1_000;
/// Actions and votes of our own clients that wait to be sent; more are left to the repetition.
pub const OUTBOX_MAX: usize = 8_192;
/// Largest oracle vote: entries of 12 bytes, and its fixed part.
pub const ORACLE_VOTE_BYTES_MAX: usize = 256 + 12 * ORACLE_ENTRIES_MAX;
/// Useless work that a peer may cause at once.
pub const ALLOWANCE_MAX: u64 = 100_000;
/// How much of the allowance comes back per second.
pub const ALLOWANCE_PER_SECOND: u64 = 10_000;
/// A peer that has used everything up is listened to again once it has this much.
pub const ALLOWANCE_RESUME: u64 = 10_000;
/// What an action costs that turns out inadmissible once its signature is checked; a message or a known action costs 1.
pub const INADMISSIBLE_COST: u64 = 10;

/// Encoded actions in one message.
pub type Batch = Vec<Vec<u8>>;

/// The bytes of a message with these actions.
pub fn encode_batch(actions: &[Arc<[u8]>]) -> Vec<u8> {
    let actions: Batch = actions.iter().map(|action| action.to_vec()).collect();
    codec::encode(&actions)
}

/// The actions in a message, not yet decoded themselves.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, DecodeError> {
    let batch: Batch = codec::decode(bytes, GOSSIP_BYTES_MAX)?;
    match batch.iter().find(|action| action.len() > ACTION_BYTES_MAX) {
        Some(action) => Err(DecodeError::TooLarge { found_bytes: action.len(), limit_bytes: ACTION_BYTES_MAX }),
        None => Ok(batch),
    }
}

/// What each peer may still cost us.
#[derive(Debug, Default)]
pub struct Allowances(BTreeMap<PublicKey, Allowance>);

#[derive(Debug)]
struct Allowance {
    left: u64,
    refilled_ms: TimeMs,
    exhausted: bool,
}

impl Allowances {
    /// Draws `cost` on the peer's allowance; whether it had any.
    pub fn draw(&mut self, peer: &PublicKey, cost: u64, now_ms: TimeMs) -> bool {
        let allowance = self.0.entry(peer.clone()).or_insert(Allowance {
            left: ALLOWANCE_MAX,
            refilled_ms: now_ms,
            exhausted: false,
        });
        let refill = now_ms.since(allowance.refilled_ms).saturating_mul(ALLOWANCE_PER_SECOND) / 1_000;
        if refill > 0 {
            allowance.left = allowance.left.saturating_add(refill).min(ALLOWANCE_MAX);
            allowance.refilled_ms = now_ms;
        }
        if allowance.exhausted && allowance.left < ALLOWANCE_RESUME {
            return false;
        }
        allowance.left = allowance.left.saturating_sub(cost);
        allowance.exhausted = allowance.left == 0;
        true
    }
}

/// What is to be sent on behalf of our own clients.
#[derive(Debug)]
pub struct Outboxes {
    /// Encoded actions.
    pub actions: mpsc::Receiver<Arc<[u8]>>,
    /// Oracle votes.
    pub votes: mpsc::Receiver<SignedOracleVote>,
}

/// Runs the gossip of a node until its network ends: one task per channel.
pub fn start<E, Tx, Rx, B>(
    context: &E,
    mempool: &Mempool,
    outboxes: Outboxes,
    gossip: Gossip<Tx, Rx>,
    blocker: B,
    clock: NodeClock,
) -> [Handle<()>; 2]
where
    E: Spawner + Clock + Metrics,
    Tx: Sender<PublicKey = PublicKey>,
    Rx: Receiver<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let Gossip { actions, oracle } = gossip;
    let metrics = GossipMetrics::register(context);
    let action_gossip = ActionGossip {
        mempool: mempool.clone(),
        sender: actions.0,
        blocker: blocker.clone(),
        metrics: metrics.clone(),
        allowances: Allowances::default(),
        clock,
        batch: Vec::new(),
        batch_bytes: 0,
    };
    let oracle_gossip = OracleGossip {
        mempool: mempool.clone(),
        sender: oracle.0,
        blocker,
        metrics,
        allowances: Allowances::default(),
        clock,
    };
    [
        // On a thread of its own: checking a batch of signatures takes longer than a vote may wait.
        context
            .child("actions")
            .dedicated()
            .spawn(move |context| action_gossip.run(context, outboxes.actions, actions.1)),
        context.child("oracle").spawn(move |context| oracle_gossip.run(context, outboxes.votes, oracle.1)),
    ]
}

struct ActionGossip<Tx, B> {
    mempool: Mempool,
    sender: Tx,
    blocker: B,
    metrics: GossipMetrics,
    allowances: Allowances,
    clock: NodeClock,
    batch: Vec<Arc<[u8]>>,
    batch_bytes: usize,
}

impl<Tx, B> ActionGossip<Tx, B>
where
    Tx: Sender<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    async fn run<E, Rx>(mut self, context: E, mut outbox: mpsc::Receiver<Arc<[u8]>>, mut receiver: Rx)
    where
        E: Clock,
        Rx: Receiver<PublicKey = PublicKey>,
    {
        let mut batch_due = SystemTime::UNIX_EPOCH;
        let mut resend_due = later(context.current(), RESEND_INTERVAL);
        loop {
            let wake = if self.batch.is_empty() { resend_due } else { batch_due.min(resend_due) };
            select! {
                received = receiver.recv() => {
                    let Ok((peer, message)) = received else { return };
                    self.receive(peer, message.as_ref(), self.clock.now_ms(&context));
                },
                outgoing = first_of(&mut outbox, self.batch.is_empty()) => {
                    let Some(encoded) = outgoing else { return };
                    batch_due = later(context.current(), BATCH_WAIT);
                    self.push(encoded);
                },
                _ = context.sleep_until(wake) => {
                    for _ in 0..OUTBOX_MAX {
                        let Ok(encoded) = outbox.try_recv() else { break };
                        self.push(encoded);
                    }
                    self.flush();
                    let now = context.current();
                    if now >= resend_due {
                        resend_due = later(now, RESEND_INTERVAL);
                        for encoded in self.mempool.to_resend(RESEND_MAX) {
                            self.push(encoded);
                        }
                        self.flush();
                    }
                },
            }
        }
    }

    fn push(&mut self, encoded: Arc<[u8]>) {
        if self.batch_bytes.saturating_add(encoded.len()) > BATCH_BYTES {
            self.flush();
        }
        self.batch_bytes = self.batch_bytes.saturating_add(encoded.len()).saturating_add(4);
        self.batch.push(encoded);
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let message = encode_batch(&self.batch);
        self.metrics.actions_sent.inc_by(self.batch.len() as u64);
        self.metrics.bytes_sent.inc_by(message.len() as u64);
        self.batch.clear();
        self.batch_bytes = 0;
        self.sender.send(Recipients::All, message, false);
    }

    fn receive(&mut self, peer: PublicKey, message: &[u8], now_ms: TimeMs) {
        if !self.allowances.draw(&peer, 1, now_ms) {
            self.metrics.messages_ignored.inc();
            debug!(%peer, "peer has used up its allowance");
            return;
        }
        let batch = match decode_batch(message) {
            Ok(batch) => batch,
            Err(error) => return self.block(peer, &error.to_string()),
        };
        let Ingested { accepted, known, inadmissible, fault } = self.mempool.ingest(&batch);
        self.metrics.actions_received.inc_by(accepted);
        self.allowances.draw(&peer, known.saturating_add(inadmissible.saturating_mul(INADMISSIBLE_COST)), now_ms);
        if let Some(fault) = fault {
            self.block(peer, &fault);
        }
    }

    fn block(&mut self, peer: PublicKey, reason: &str) {
        self.metrics.peers_blocked.inc();
        warn!(%peer, reason, "blocking a peer for its action gossip");
        let _ = self.blocker.block(peer);
    }
}

struct OracleGossip<Tx, B> {
    mempool: Mempool,
    sender: Tx,
    blocker: B,
    metrics: GossipMetrics,
    allowances: Allowances,
    clock: NodeClock,
}

impl<Tx, B> OracleGossip<Tx, B>
where
    Tx: Sender<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    async fn run<E, Rx>(mut self, context: E, mut outbox: mpsc::Receiver<SignedOracleVote>, mut receiver: Rx)
    where
        E: Clock,
        Rx: Receiver<PublicKey = PublicKey>,
    {
        loop {
            select! {
                received = receiver.recv() => {
                    let Ok((peer, message)) = received else { return };
                    self.receive(peer, message.as_ref(), self.clock.now_ms(&context));
                },
                outgoing = outbox.recv() => {
                    let Some(vote) = outgoing else { return };
                    self.sender.send(Recipients::All, codec::encode(&vote), false);
                },
            }
        }
    }

    fn receive(&mut self, peer: PublicKey, message: &[u8], now_ms: TimeMs) {
        if !self.allowances.draw(&peer, 1, now_ms) {
            self.metrics.messages_ignored.inc();
            return;
        }
        let vote: SignedOracleVote = match codec::decode(message, ORACLE_VOTE_BYTES_MAX) {
            Ok(vote) => vote,
            Err(error) => return self.block(peer, &error.to_string()),
        };
        match self.mempool.ingest_vote(vote, now_ms) {
            Ok(()) => {
                self.metrics.votes_received.inc();
            }
            Err(error) if error.is_fault() => self.block(peer, &error.to_string()),
            Err(error) => {
                // A vote that came late or twice: of no use, and dearer than the message as such.
                self.allowances.draw(&peer, 10, now_ms);
                debug!(%peer, %error, "oracle vote not kept");
            }
        }
    }

    fn block(&mut self, peer: PublicKey, reason: &str) {
        self.metrics.peers_blocked.inc();
        warn!(%peer, reason, "blocking a peer for its oracle gossip");
        let _ = self.blocker.block(peer);
    }
}

/// The first action of a batch; never, while a batch waits.
async fn first_of(outbox: &mut mpsc::Receiver<Arc<[u8]>>, none_waits: bool) -> Option<Arc<[u8]>> {
    if none_waits { outbox.recv().await } else { pending().await }
}

fn later(now: SystemTime, by: Duration) -> SystemTime {
    now.checked_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests;
