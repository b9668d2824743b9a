//! The ways in which a seat can lie, see [`Liar`](crate::liar::Liar).

use palisade_node::block::NodeBlock;
use palisade_types::{
    block::{Block, Header},
    envelope::SignedAction,
    hash::Root,
    numbers::Price,
};

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
pub enum BlockLie {
    /// A wrong root.
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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::BadRoot, Self::Shuffled, Self::OldAction, Self::FutureTime, Self::ForgedPrice];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRoot => "lie: block with a wrong root",
            Self::Shuffled => "lie: block in another order",
            Self::OldAction => "lie: block with an old action",
            Self::FutureTime => "lie: block of the future",
            Self::ForgedPrice => "lie: block with a forged price",
        }
    }

    /// Whether the committee may accept such a block.
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Shuffled)
    }

    /// Another block in place of `block`; none where this lie needs what the block lacks.
    pub fn change(self, mut block: Block, old: Option<&SignedAction>) -> Option<NodeBlock> {
        match self {
            Self::BadRoot => result_root(&mut block.header).0[0] ^= 1,
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

/// One of the roots that say what executing the block gave; which one turns with the height.
const fn result_root(header: &mut Header) -> &mut Root {
    match header.height.get() % 4 {
        0 => &mut header.state_root,
        1 => &mut header.operations_root,
        2 => &mut header.receipts_root,
        _ => &mut header.events_root,
    }
}
