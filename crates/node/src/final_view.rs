//! The finalized state as readers see it. Readers never touch the executing engine.
//!
//! Rules:
//! - **Advanced only by finalized blocks**: their write sets, in order of height, each exactly once. A block
//!   at or below the tip is ignored (a start may repeat it); a gap is a fault of the node and stops it.
//! - **One height per answer.** State, tip, recent blocks and names of receipts change under one lock, so whatever
//!   is read in one [`FinalView::read`] belongs to one height.
//! - **Short locks.** Nothing is awaited and nothing slow is done under the lock; answers are owned.
//! - **Bounded.** Recent blocks by number and by content, names of receipts by number. Older history is in the archive,
//!   older names are in the index of receipts on disk, which takes them over block by block.

use crate::engine_cache::Executed;
use commonware_utils::{channel::watch, sync::RwLock};
use palisade_client::api::FinalizedBlock;
use palisade_engine::State;
use palisade_types::{
    block::Header,
    hash::{ActionId, BlockDigest},
    ids::Height,
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Most recent blocks kept.
pub const RECENT_BLOCKS_MAX: usize = 1_024;
/// Most receipts and events in the recent blocks; the newest block is kept whatever it holds.
pub const RECENT_ITEMS_MAX: usize = 50_000;
/// Most actions whose receipts are known by name here; the index on disk rarely lies more than a block behind.
pub const NAMES_MAX: usize = 300_000;
/// Newest blocks whose names stay although they are indexed, so that whoever waits for a receipt finds it here.
pub const NAMED_BLOCKS: u64 = 64;

/// Where a receipt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptPlace {
    /// In which block.
    pub height: Height,
    /// Its place among the block's receipts.
    pub index: u32,
}

/// The newest finalized block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its name.
    pub digest: BlockDigest,
    /// Its header.
    pub header: Header,
}

/// What one height looks like.
#[derive(Debug)]
pub struct View {
    /// The newest finalized block.
    pub tip: Tip,
    /// The exchange after it.
    pub state: State,
    recent: VecDeque<Arc<FinalizedBlock>>,
    recent_items: usize,
    names: BTreeMap<ActionId, ReceiptPlace>,
    /// The names in order of their blocks.
    named: VecDeque<ActionId>,
    /// Receipts of this height and above are known by name.
    named_from: Height,
}

/// The finalized state. Clones share it.
#[derive(Clone, Debug)]
pub struct FinalView(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    view: RwLock<Option<View>>,
    height: watch::Sender<Option<Height>>,
}

impl Default for FinalView {
    fn default() -> Self {
        Self(Arc::new(Shared { view: RwLock::default(), height: watch::Sender::new(None) }))
    }
}

impl FinalView {
    /// Begins at `tip` with the state after it. Only the first call counts.
    pub fn load(&self, tip: Tip, state: &State) {
        let height = tip.header.height;
        {
            let mut view = self.0.view.write();
            if view.is_some() {
                return;
            }
            *view = Some(View {
                tip,
                state: state.clone(),
                recent: VecDeque::new(),
                recent_items: 0,
                names: BTreeMap::new(),
                named: VecDeque::new(),
                named_from: height.next(),
            });
        }
        self.0.height.send_replace(Some(height));
    }

    /// Whether there is anything to read.
    pub fn is_loaded(&self) -> bool {
        self.0.view.read().is_some()
    }

    /// Reads at one height; `None` before the node has loaded its state.
    pub fn read<R>(&self, reader: impl FnOnce(&View) -> R) -> Option<R> {
        self.0.view.read().as_ref().map(reader)
    }

    /// The newest finalized height and its block time.
    pub fn tip(&self) -> Option<(Height, TimeMs)> {
        self.read(|view| (view.tip.header.height, view.tip.header.time_ms))
    }

    /// Follows the height: changes whenever the view has advanced.
    pub fn heights(&self) -> watch::Receiver<Option<Height>> {
        self.0.height.subscribe()
    }

    /// Advances by a finalized block.
    ///
    /// # Panics
    /// If the block is not the tip's child, or if its writes are no records: the view would lie from then on.
    pub fn advance(&self, digest: BlockDigest, header: &Header, executed: &Executed) {
        let block = FinalizedBlock {
            digest,
            header: header.clone(),
            receipts: executed.receipts.clone(),
            events: executed.events.clone(),
        };
        {
            let mut guard = self.0.view.write();
            let view = guard.as_mut().expect("the view is loaded before any block is processed");
            if header.height <= view.tip.header.height {
                return;
            }
            assert_eq!(header.parent, view.tip.digest, "finalized blocks arrive in order, without gaps");
            if let Err(error) = view.state.apply_writes(&executed.writes) {
                panic!("the writes of finalized block {} are no records: {error}", header.height);
            }
            view.tip = Tip { digest, header: header.clone() };
            view.push(Arc::new(block));
        }
        self.0.height.send_replace(Some(header.height));
    }

    /// Adds a block from before the tip, newest first: what the archive still knows after a start. Returns whether an
    /// older one may find room.
    pub fn recall(&self, block: Arc<FinalizedBlock>) -> bool {
        self.0.view.write().as_mut().is_some_and(|view| view.recall(block))
    }

    /// The index on disk has the receipts of `indexed` and below: their names are no longer needed here, but for those
    /// of the newest blocks.
    pub fn forget_names(&self, indexed: Height) {
        if let Some(view) = self.0.view.write().as_mut() {
            view.forget_names(indexed);
        }
    }
}

impl View {
    /// A recent block.
    pub fn block(&self, height: Height) -> Option<Arc<FinalizedBlock>> {
        let oldest = self.recent.front()?.header.height;
        let place = usize::try_from(height.get().checked_sub(oldest.get())?).ok()?;
        self.recent.get(place).cloned()
    }

    /// Where the receipt of an action is, if its block is at [`Self::named_from`] or above.
    pub fn receipt_place(&self, action: &ActionId) -> Option<ReceiptPlace> {
        self.names.get(action).copied()
    }

    /// The lowest height whose receipts are known by name.
    pub const fn named_from(&self) -> Height {
        self.named_from
    }

    fn push(&mut self, block: Arc<FinalizedBlock>) {
        let height = block.header.height;
        for (index, receipt) in (0u32..).zip(&block.receipts) {
            if self.names.insert(receipt.action, ReceiptPlace { height, index }).is_none() {
                self.named.push_back(receipt.action);
            }
        }
        while self.named.len() > NAMES_MAX {
            self.forget_oldest_name();
        }
        self.recent_items = self.recent_items.saturating_add(items(&block));
        self.recent.push_back(block);
        while self.recent.len() > 1 && (self.recent.len() > RECENT_BLOCKS_MAX || self.recent_items > RECENT_ITEMS_MAX) {
            if let Some(oldest) = self.recent.pop_front() {
                self.recent_items = self.recent_items.saturating_sub(items(&oldest));
            }
        }
    }

    fn forget_names(&mut self, indexed: Height) {
        let kept = self.tip.header.height.get().saturating_sub(NAMED_BLOCKS);
        let through = Height::new(indexed.get().min(kept));
        while self.named.front().and_then(|name| self.names.get(name)).is_some_and(|place| place.height <= through) {
            self.forget_oldest_name();
        }
        self.named_from = self.named_from.max(through.next());
    }

    fn forget_oldest_name(&mut self) {
        let Some(place) = self.named.pop_front().and_then(|name| self.names.remove(&name)) else { return };
        self.named_from = self.named_from.max(place.height.next());
    }

    fn recall(&mut self, block: Arc<FinalizedBlock>) -> bool {
        // Blocks that became final since the start lie above; what is recalled must join them.
        let below = self.recent.front().map(|oldest| oldest.header.height.get().saturating_sub(1));
        let joins = below.is_none_or(|below| below == block.header.height.get());
        let more_items = self.recent_items.saturating_add(items(&block));
        if !joins || self.recent.len() >= RECENT_BLOCKS_MAX || more_items > RECENT_ITEMS_MAX {
            return false;
        }
        self.recent_items = more_items;
        self.recent.push_front(block);
        true
    }
}

fn items(block: &FinalizedBlock) -> usize {
    block.receipts.len().saturating_add(block.events.len())
}

#[cfg(test)]
mod tests;
