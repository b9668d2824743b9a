//! A seat that lies: its node is the shipped one, and its mouth changes what the node says.
//!
//! The liar holds the seat's own key, so every lie is signed as an honest message would be. One seat of a run lies, in
//! one way, now and then: that is the fault the committee tolerates, so all checks of the others stay as they are.
//!
//! A node votes for its own block before the block leaves it. A liar that changes the block must vote for what it shows,
//! else the others look for a block that nobody has and judge nothing: it holds its vote back until it has seen the block.

use crate::{
    history::SharedHistory,
    lie::{BlockLie, Lie},
    venue::{self, SEATS},
};
use bytes::Bytes;
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_consensus::{
    simplex::{
        elector::{Config as _, Elector as _, RoundRobin, RoundRobinElector},
        types::{Notarize, Proposal, Vote},
    },
    types::Round,
};
use commonware_cryptography::{Sha256, Signer as _, certificate::Scheme as _, ed25519};
use commonware_utils::{ordered::Set, sync::Mutex};
use palisade_node::{
    block::{Digest, NodeBlock, consensus_namespace, from_consensus, to_consensus},
    wiring::Scheme,
};
use palisade_types::{address::Ed25519Key, envelope::SignedAction, genesis::Genesis, hash::BlockDigest};
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
/// Own blocks of which it is remembered what was shown.
const SHOWN_MAX: usize = 64;

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

/// One message, what it is, and who gets it.
pub struct Said {
    /// What it is, and so on which channel it goes.
    pub carries: Carries,
    /// Who gets it.
    pub to: Vec<ed25519::PublicKey>,
    /// Its bytes.
    pub message: Bytes,
}

/// What a liar knows.
pub struct Liar {
    lie: Lie,
    scheme: Scheme,
    elector: RoundRobinElector<Scheme>,
    key: Ed25519Key,
    random: StdRng,
    history: SharedHistory,
    /// Of own blocks that were sent, what is shown instead; none if nothing.
    shown: BTreeMap<BlockDigest, Option<NodeBlock>>,
    /// The vote for an own block that was not sent yet.
    held: Option<Held>,
    /// An action that was in a block.
    old: Option<SignedAction>,
}

/// A vote that waits for the block it is for.
struct Held {
    to: Vec<ed25519::PublicKey>,
    message: Bytes,
    vote: Notarize<Scheme, Digest>,
}

impl Held {
    fn names(&self) -> BlockDigest {
        from_consensus(&self.vote.proposal.payload)
    }
}

/// A liar that speaks on several channels.
pub type SharedLiar = Arc<Mutex<Liar>>;

impl Liar {
    /// A liar in a seat.
    pub fn new(lie: Lie, seat: usize, seed: u64, genesis: &Genesis, history: SharedHistory) -> Self {
        let participants = Set::from_iter_dedup((0..SEATS).map(|seat| venue::vote_key(seat).public_key()));
        let elector = RoundRobin::<Sha256>::default().build(&participants);
        let scheme = Scheme::signer(&consensus_namespace(&genesis.hash()), participants, venue::vote_key(seat))
            .expect("every seat is in the committee");
        let mut key = [0u8; 32];
        key.copy_from_slice(venue::vote_key(seat).public_key().as_ref());
        let random = StdRng::seed_from_u64(seed);
        Self {
            lie,
            scheme,
            elector,
            key: Ed25519Key(key),
            random,
            history,
            shown: BTreeMap::new(),
            held: None,
            old: None,
        }
    }

    /// How it lies.
    pub const fn lie(&self) -> Lie {
        self.lie
    }

    /// What is said instead of `message`.
    pub fn say(&mut self, carries: Carries, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        match (self.lie, carries) {
            (Lie::Garbage, _) => self.garbage(carries, to, message),
            (Lie::Flooder, Carries::Actions) => {
                self.note();
                (0..FLOOD).map(|_| Said { carries, to: to.clone(), message: message.clone() }).collect()
            }
            (Lie::DoubleVoter | Lie::VoteWithholder, Carries::Votes) => self.vote(to, message),
            (Lie::EquivocatingLeader | Lie::Blocks, Carries::Votes) => self.follow_block(to, message),
            (Lie::EquivocatingLeader | Lie::Blocks, Carries::Blocks) => self.block(to, message),
            _ => vec![Said { carries, to, message }],
        }
    }

    fn note(&self) {
        self.history.lock().coverage.note(self.lie.name());
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_ratio(percent, 100)
    }

    fn garbage(&mut self, carries: Carries, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        if !self.chance(GARBAGE_PERCENT) {
            return vec![Said { carries, to, message }];
        }
        self.note();
        let mut bytes = vec![0u8; self.random.random_range(0..GARBAGE_BYTES_MAX)];
        self.random.fill_bytes(&mut bytes);
        vec![Said { carries, to, message: Bytes::from(bytes) }]
    }

    fn vote(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        let carries = Carries::Votes;
        if !self.chance(LIES_PERCENT) {
            return vec![Said { carries, to, message }];
        }
        if self.lie == Lie::VoteWithholder {
            self.note();
            return Vec::new();
        }
        let mut other = [0u8; 32];
        self.random.fill_bytes(&mut other);
        let second = own_notarize(&message).and_then(|vote| self.sign(&vote, BlockDigest(other)));
        let Some(second) = second else { return vec![Said { carries, to, message }] };
        self.note();
        vec![Said { carries, to: to.clone(), message }, Said { carries, to, message: second }]
    }

    fn sign(&self, vote: &Notarize<Scheme, Digest>, payload: BlockDigest) -> Option<Bytes> {
        let proposal = Proposal::new(vote.proposal.round, vote.proposal.parent, to_consensus(payload));
        Some(Vote::Notarize(Notarize::sign(&self.scheme, proposal)?).encode())
    }

    /// A vote for an own block becomes one for what is shown in its place, once the block was sent.
    fn follow_block(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        match own_notarize(&message) {
            Some(vote) if self.leads(vote.proposal.round) => {
                let held = Held { to, message, vote };
                if self.shown.contains_key(&held.names()) {
                    return self.vote_for_shown(held);
                }
                self.held = Some(held);
                Vec::new()
            }
            _ => vec![Said { carries: Carries::Votes, to, message }],
        }
    }

    fn leads(&self, round: Round) -> bool {
        self.scheme.me().and_then(|me| me.signer()) == Some(self.elector.elect(round, ()))
    }

    fn vote_for_shown(&self, held: Held) -> Vec<Said> {
        let shown = self.shown.get(&held.names()).and_then(Option::as_ref);
        let other = shown.and_then(|other| self.sign(&held.vote, other.block_digest()));
        self.to_some_or_all(Carries::Votes, held.to, held.message, other)
    }

    fn block(&mut self, to: Vec<ed25519::PublicKey>, message: Bytes) -> Vec<Said> {
        let own =
            NodeBlock::decode(Copying(message.as_ref())).ok().filter(|block| block.header().context.leader == self.key);
        let Some(block) = own else { return vec![Said { carries: Carries::Blocks, to, message }] };
        let digest = block.block_digest();
        if !self.shown.contains_key(&digest) {
            let other = if self.chance(LIES_PERCENT) { self.other_block(&block) } else { None };
            if self.shown.len() >= SHOWN_MAX {
                self.shown.pop_first();
            }
            self.shown.insert(digest, other);
            self.old = block.body().actions.first().cloned().or_else(|| self.old.take());
        }
        let other = self.shown.get(&digest).and_then(Option::as_ref).map(NodeBlock::encode);
        let mut said = self.to_some_or_all(Carries::Blocks, to, message, other);
        if let Some(held) = self.held.take_if(|held| held.names() == digest) {
            said.extend(self.vote_for_shown(held));
        }
        said
    }

    fn other_block(&mut self, block: &NodeBlock) -> Option<NodeBlock> {
        let change = |lie: BlockLie| Some((lie, lie.change(block.block().clone(), self.old.as_ref())?));
        let (lie, other) = if self.lie == Lie::Blocks {
            change(BlockLie::ALL[self.random.random_range(0..BlockLie::ALL.len())])?
        } else {
            // Where it can, the second block of a view is as good as the first.
            change(BlockLie::Shuffled).or_else(|| change(BlockLie::BadRoot))?
        };
        let mut history = self.history.lock();
        history.coverage.note(if self.lie == Lie::Blocks { lie.name() } else { self.lie.name() });
        history.lied(other.block_digest(), lie);
        Some(other)
    }

    /// The other message to all, or, from who tells two stories, to some; without one, the message.
    fn to_some_or_all(
        &self,
        carries: Carries,
        to: Vec<ed25519::PublicKey>,
        message: Bytes,
        other: Option<Bytes>,
    ) -> Vec<Said> {
        let Some(other) = other else { return vec![Said { carries, to, message }] };
        if self.lie != Lie::EquivocatingLeader {
            return vec![Said { carries, to, message: other }];
        }
        let (some, rest) = to.split_at(to.len() / 2);
        vec![Said { carries, to: some.to_vec(), message: other }, Said { carries, to: rest.to_vec(), message }]
    }
}

/// The vote for a block in a message, if it is one.
fn own_notarize(message: &Bytes) -> Option<Notarize<Scheme, Digest>> {
    match Vote::<Scheme, Digest>::decode(Copying(message.as_ref())) {
        Ok(Vote::Notarize(vote)) => Some(vote),
        _ => None,
    }
}
