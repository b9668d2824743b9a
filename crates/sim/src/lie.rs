//! A seat that lies: its node is the shipped one, and its mouth changes what the node says.
//!
//! The liar holds the seat's own key, so every lie is signed as an honest message would be. One seat of a run lies, in
//! one way, now and then: that is the fault the committee tolerates, so all checks of the others stay as they are.

use crate::{
    history::SharedHistory,
    venue::{self, SEATS},
};
use bytes::Bytes;
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_consensus::simplex::types::{Notarize, Proposal, Vote};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_utils::{ordered::Set, sync::Mutex};
use palisade_node::{
    block::{Digest, NodeBlock, consensus_namespace, to_consensus},
    wiring::Scheme,
};
use palisade_types::{
    address::Ed25519Key, block::Block, envelope::SignedAction, genesis::Genesis, hash::BlockDigest, numbers::Price,
};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, sync::Arc};

/// Of a hundred chances to lie, how many are taken: a liar that always lies is soon cut off.
const LIES_PERCENT: u32 = 30;
/// Of a hundred messages of a sender of garbage, how many are garbage.
const GARBAGE_PERCENT: u32 = 2;
/// Largest garbage: below what any channel carries.
const GARBAGE_BYTES_MAX: usize = 100 * 1024;
/// How often a flooder says the same.
const FLOOD: usize = 20;
/// Blocks whose replacement is remembered, for the votes that follow.
const REPLACED_MAX: usize = 64;

/// How a seat lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// As a leader it shows one block to some and another to the rest, and votes for both.
    EquivocatingLeader,
    /// It votes for two proposals in one view.
    DoubleVoter,
    /// It keeps its votes to itself.
    VoteWithholder,
    /// It proposes blocks that are wrong, or written oddly, each in a way of its own: [`BlockLie`].
    Blocks,
    /// It signs wrong prices. The workload reports them.
    OracleLiar,
    /// It repeats what it tells of actions.
    Flooder,
    /// It sends bytes that mean nothing, on any channel.
    Garbage,
}

impl Lie {
    /// All ways.
    pub const ALL: [Self; 7] = [
        Self::EquivocatingLeader,
        Self::DoubleVoter,
        Self::VoteWithholder,
        Self::Blocks,
        Self::OracleLiar,
        Self::Flooder,
        Self::Garbage,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EquivocatingLeader => "lie: two blocks for one view",
            Self::DoubleVoter => "lie: two votes in one view",
            Self::VoteWithholder => "lie: vote withheld",
            Self::Blocks => "lie: block",
            Self::OracleLiar => "lie: wrong price signed",
            Self::Flooder => "lie: flood of repeated gossip",
            Self::Garbage => "lie: garbage",
        }
    }
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockLie {
    /// A wrong state root.
    BadRoot,
    /// Its actions in another order, which must change nothing.
    Shuffled,
    /// An action that was in a block before.
    OldAction,
    /// A time that its clock has not seen.
    FutureTime,
    /// A price that another seat signed, changed.
    ForgedPrice,
}

impl BlockLie {
    const ALL: [Self; 5] = [Self::BadRoot, Self::Shuffled, Self::OldAction, Self::FutureTime, Self::ForgedPrice];

    const fn name(self) -> &'static str {
        match self {
            Self::BadRoot => "lie: block with a wrong state root",
            Self::Shuffled => "lie: block in another order",
            Self::OldAction => "lie: block with an old action",
            Self::FutureTime => "lie: block of the future",
            Self::ForgedPrice => "lie: block with a forged price",
        }
    }

    /// Another block in place of `block`; none where this lie needs what the block lacks.
    fn change(self, mut block: Block, old: Option<&SignedAction>) -> Option<NodeBlock> {
        match self {
            Self::BadRoot => block.header.state_root.0[0] ^= 1,
            Self::Shuffled if block.body.actions.len() < 2 => return None,
            Self::Shuffled => block.body.actions.reverse(),
            Self::OldAction => block.body.actions.push(old?.clone()),
            Self::FutureTime => block.header.time_ms = block.header.time_ms.saturating_add(60_000),
            Self::ForgedPrice => {
                let vote = &mut block.body.oracle_bundle.as_mut()?.votes.last_mut()?.vote;
                let entry = vote.entries.first_mut()?;
                entry.price = Price::new(entry.price.get() * 2);
            }
        }
        block.header.body_root = block.body.root();
        block.header.oracle_bundle_root = block.body.oracle_bundle_root();
        NodeBlock::new(block).ok()
    }
}

/// What a channel carries, as far as a liar cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Votes of simplex.
    Votes,
    /// Blocks from their proposers.
    Blocks,
    /// Batches of actions.
    Actions,
    /// Anything else.
    Other,
}

impl Carries {
    /// What the channel of this number carries, see `palisade_node::network::channels`.
    pub const fn of_channel(channel: u64) -> Self {
        match channel {
            0 => Self::Votes,
            4 => Self::Blocks,
            5 => Self::Actions,
            _ => Self::Other,
        }
    }
}

/// One message and who gets it.
pub type Said = (Vec<ed25519::PublicKey>, Bytes);

/// What a liar knows.
pub struct Liar {
    lie: Lie,
    scheme: Scheme,
    key: Ed25519Key,
    random: StdRng,
    history: SharedHistory,
    /// Of own blocks, what is shown instead.
    replaced: BTreeMap<BlockDigest, BlockDigest>,
    /// An action that was in a block.
    old: Option<SignedAction>,
}

/// A liar that speaks on several channels.
pub type SharedLiar = Arc<Mutex<Liar>>;

impl Liar {
    /// A liar in a seat.
    pub fn new(lie: Lie, seat: usize, seed: u64, genesis: &Genesis, history: SharedHistory) -> Self {
        let participants = Set::from_iter_dedup((0..SEATS).map(|seat| venue::vote_key(seat).public_key()));
        let scheme = Scheme::signer(&consensus_namespace(&genesis.hash()), participants, venue::vote_key(seat))
            .expect("every seat is in the committee");
        let mut key = [0u8; 32];
        key.copy_from_slice(venue::vote_key(seat).public_key().as_ref());
        let random = StdRng::seed_from_u64(seed);
        Self { lie, scheme, key: Ed25519Key(key), random, history, replaced: BTreeMap::new(), old: None }
    }

    /// How it lies.
    pub const fn lie(&self) -> Lie {
        self.lie
    }

    /// What is said instead of `message`.
    pub fn say(&mut self, carries: Carries, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        match (self.lie, carries) {
            (Lie::Garbage, _) => self.garbage(to, message),
            (Lie::Flooder, Carries::Actions) => {
                self.note();
                vec![(to, message); FLOOD]
            }
            (Lie::DoubleVoter | Lie::VoteWithholder, Carries::Votes) => self.vote(to, message),
            (Lie::EquivocatingLeader | Lie::Blocks, Carries::Votes) => self.follow_block(to, message),
            (Lie::EquivocatingLeader | Lie::Blocks, Carries::Blocks) => self.block(to, message),
            _ => vec![(to, message)],
        }
    }

    fn note(&self) {
        self.history.lock().coverage.note(self.lie.name());
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_ratio(percent, 100)
    }

    fn garbage(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        if !self.chance(GARBAGE_PERCENT) {
            return vec![(to, message)];
        }
        self.note();
        let mut bytes = vec![0u8; self.random.random_range(0..GARBAGE_BYTES_MAX)];
        self.random.fill_bytes(&mut bytes);
        vec![(to, Bytes::from(bytes))]
    }

    fn vote(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        if !self.chance(LIES_PERCENT) {
            return vec![(to, message)];
        }
        if self.lie == Lie::VoteWithholder {
            self.note();
            return Vec::new();
        }
        let Ok(Vote::Notarize(vote)) = Vote::<Scheme, Digest>::decode(Copying(message.as_ref())) else {
            return vec![(to, message)];
        };
        let mut other = [0u8; 32];
        self.random.fill_bytes(&mut other);
        let Some(second) = self.sign(&vote, BlockDigest(other)) else { return vec![(to, message)] };
        self.note();
        let (some, rest) = to.split_at(to.len() / 2);
        vec![(to.clone(), message), (some.to_vec(), second.clone()), (rest.to_vec(), second)]
    }

    fn sign(&self, vote: &Notarize<Scheme, Digest>, payload: BlockDigest) -> Option<Bytes> {
        let proposal = Proposal::new(vote.proposal.round, vote.proposal.parent, to_consensus(payload));
        Some(Vote::Notarize(Notarize::sign(&self.scheme, proposal)?).encode())
    }

    /// A vote for an own block that was replaced becomes one for its replacement.
    fn follow_block(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        let Ok(Vote::Notarize(vote)) = Vote::<Scheme, Digest>::decode(Copying(message.as_ref())) else {
            return vec![(to, message)];
        };
        let named = palisade_node::block::from_consensus(&vote.proposal.payload);
        let replacement = self.replaced.get(&named).and_then(|other| self.sign(&vote, *other));
        match replacement {
            None => vec![(to, message)],
            Some(other) => self.to_some_or_all(to, message, other),
        }
    }

    fn block(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        let Ok(block) = NodeBlock::decode(Copying(message.as_ref())) else { return vec![(to, message)] };
        if block.header().context.leader != self.key || !self.chance(LIES_PERCENT) {
            return vec![(to, message)];
        }
        let other = self.other_block(&block);
        if let Some(action) = block.body().actions.first() {
            self.old = Some(action.clone());
        }
        let Some(other) = other else { return vec![(to, message)] };
        if self.replaced.len() >= REPLACED_MAX {
            self.replaced.pop_first();
        }
        self.replaced.insert(block.block_digest(), other.block_digest());
        self.to_some_or_all(to, message, other.encode())
    }

    fn other_block(&mut self, block: &NodeBlock) -> Option<NodeBlock> {
        let lie = BlockLie::ALL[self.random.random_range(0..BlockLie::ALL.len())];
        if self.lie == Lie::Blocks {
            let other = lie.change(block.block().clone(), self.old.as_ref())?;
            self.history.lock().coverage.note(lie.name());
            return Some(other);
        }
        // Where it can, the second block of a view is as good as the first.
        let equal = BlockLie::Shuffled.change(block.block().clone(), None);
        let other = equal.or_else(|| BlockLie::BadRoot.change(block.block().clone(), None))?;
        self.note();
        Some(other)
    }

    fn to_some_or_all(&self, to: Vec<ed25519::PublicKey>, message: Bytes, other: Bytes) -> Vec<Said> {
        if self.lie != Lie::EquivocatingLeader {
            return vec![(to, other)];
        }
        let (some, rest) = to.split_at(to.len() / 2);
        vec![(some.to_vec(), other), (rest.to_vec(), message)]
    }
}
