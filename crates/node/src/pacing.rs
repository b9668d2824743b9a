//! The beat of the chain: when a leader proposes.
//!
//! Simplex itself does not pace blocks. A leader proposes as soon as an action or an oracle round waits and
//! at least 20 ms have passed since the parent, else an empty block 250 ms after it. The wait happens here,
//! in front of `Stateful`, because `Stateful` applies no finalized block while a build is running: pacing
//! inside the build would delay every receipt by it.

use crate::{block::NodeBlock, clock::NodeClock, source::Source};
use commonware_consensus::{Application, Handoff, marshal::ancestry::Ancestry};
use commonware_cryptography::Digested;
use commonware_macros::select;
use commonware_runtime::Clock;
use palisade_types::time::TimeMs;
use std::time::Duration;

/// Least time from a block to its child.
pub const BLOCK_SPACING_MIN_MS: u64 = 20;
/// Time after which a leader proposes even if nothing waits.
pub const EMPTY_BLOCK_AFTER_MS: u64 = 250;

/// Delays the proposals of the application inside.
#[derive(Clone)]
pub struct Paced<A> {
    inner: A,
    source: Source,
    clock: NodeClock,
}

impl<A> Paced<A> {
    /// Paces `inner` by what `source` holds.
    pub const fn new(inner: A, source: Source, clock: NodeClock) -> Self {
        Self { inner, source, clock }
    }
}

/// How long to wait before proposing on a parent of `parent_time_ms`: at least, and at most. Block time may
/// run ahead of or behind a clock, so both are bounded whatever the parent claims.
pub fn wait_bounds(parent_time_ms: TimeMs, now_ms: TimeMs) -> (Duration, Duration) {
    let least = parent_time_ms.saturating_add(BLOCK_SPACING_MIN_MS).since(now_ms).min(BLOCK_SPACING_MIN_MS);
    let most = parent_time_ms.saturating_add(EMPTY_BLOCK_AFTER_MS).since(now_ms).min(EMPTY_BLOCK_AFTER_MS);
    (Duration::from_millis(least), Duration::from_millis(most.saturating_sub(least)))
}

impl<E, A> Application<E> for Paced<A>
where
    E: Clock,
    A: Application<E, Block = NodeBlock, Context: Send, Input: Send>,
{
    type SigningScheme = A::SigningScheme;
    type Context = A::Context;
    type Block = A::Block;
    type Input = A::Input;

    async fn prepare(
        &mut self,
        _context: (E, Self::Context),
        _ancestry: impl Ancestry<Self::Block>,
        _input: Self::Input,
    ) -> Handoff<Digested<Self::Block>> {
        Handoff::Wait
    }

    async fn propose(
        &mut self,
        context: (E, Self::Context),
        ancestry: impl Ancestry<Self::Block>,
        input: Self::Input,
    ) -> Option<Digested<Self::Block>> {
        if let Some(parent) = ancestry.peek() {
            let parent = parent.inner().header();
            let (least, more) = wait_bounds(parent.time_ms, self.clock.now_ms(&context.0));
            context.0.sleep(least).await;
            select! {
                _ = self.source.waiting(parent) => {},
                _ = context.0.sleep(more) => {},
            }
        }
        self.inner.propose(context, ancestry, input).await
    }

    async fn verify(&mut self, context: (E, Self::Context), ancestry: impl Ancestry<Self::Block>) -> bool {
        self.inner.verify(context, ancestry).await
    }
}
