//! What a block's execution carries along: the state, the block's time, and the events so far.

use crate::state::{ChainRecord, Checkpoint, Record, State};
use palisade_types::{
    event::Event,
    genesis::Genesis,
    ids::{OrderId, TradeId},
    rejection::Rejection,
    time::TimeMs,
};

/// Order numbers stay below this, so that clients with 53-bit integers keep them exact.
const ORDER_NUMBERS_MAX: u64 = 1 << 53;

/// A block under execution.
pub(crate) struct Work<'a> {
    /// The state, changed only through its journal.
    pub state: &'a mut State,
    /// What the chain started from.
    pub genesis: &'a Genesis,
    /// Block time.
    pub time_ms: TimeMs,
    /// What happened so far.
    pub events: Vec<Event>,
    /// Numbers for what comes next; in the chain's record again once the block ends.
    numbers: Numbers,
    /// Up to where [`crate::follow`] has seen to what events and changes bring about.
    followed: Followed,
}

/// A place in the block's events and changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    /// Events before it.
    pub event_count: usize,
    /// The moment of the state.
    pub state: Checkpoint,
}

/// The counters of the chain's record, which nearly every order moves: counted here and written once per block, so
/// that no order journals the whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    order: u64,
    trade: u64,
}

/// A moment to which state and events can return.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkCheckpoint {
    state: Checkpoint,
    event_count: usize,
    numbers: Numbers,
    followed: Followed,
}

impl WorkCheckpoint {
    /// The moment of the state.
    pub(crate) const fn state(self) -> Checkpoint {
        self.state
    }
}

impl<'a> Work<'a> {
    /// Begins a block on the state of its parent.
    pub(crate) fn new(state: &'a mut State, genesis: &'a Genesis, time_ms: TimeMs) -> Self {
        let chain = state.chain();
        let numbers = Numbers { order: chain.next_order, trade: chain.next_trade };
        let followed = Followed { event_count: 0, state: state.checkpoint() };
        Self { state, genesis, time_ms, events: Vec::new(), numbers, followed }
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn checkpoint(&self) -> WorkCheckpoint {
        WorkCheckpoint {
            state: self.state.checkpoint(),
            event_count: self.events.len(),
            numbers: self.numbers,
            followed: self.followed,
        }
    }

    pub(crate) fn revert_to(&mut self, checkpoint: WorkCheckpoint) {
        self.state.revert_to(checkpoint.state);
        self.events.truncate(checkpoint.event_count);
        self.numbers = checkpoint.numbers;
        self.followed = checkpoint.followed;
    }

    /// Up to where events and changes were followed; from here on they count as followed.
    pub(crate) fn take_followed(&mut self) -> Followed {
        let now = Followed { event_count: self.events.len(), state: self.state.checkpoint() };
        std::mem::replace(&mut self.followed, now)
    }

    /// Runs a piece of work that leaves no trace if it is rejected.
    pub(crate) fn attempt<T>(&mut self, piece: impl FnOnce(&mut Self) -> Result<T, Rejection>) -> Result<T, Rejection> {
        let checkpoint = self.checkpoint();
        let result = piece(self);
        if result.is_err() {
            self.revert_to(checkpoint);
        }
        result
    }

    /// Changes the chain's own record.
    pub(crate) fn update_chain(&mut self, update: impl FnOnce(&mut ChainRecord)) {
        let mut record = self.state.chain().clone();
        update(&mut record);
        self.state.put(Record::Chain { id: (), record });
    }

    /// The next number for an order or a place in a queue.
    pub(crate) fn take_order_number(&mut self) -> Result<OrderId, Rejection> {
        let number = self.numbers.order;
        let next = number.checked_add(1).filter(|next| *next < ORDER_NUMBERS_MAX).ok_or(Rejection::Overflow)?;
        self.numbers.order = next;
        Ok(OrderId::new(number))
    }

    /// The number that the next trade will have.
    pub(crate) const fn next_trade(&self) -> TradeId {
        TradeId::new(self.numbers.trade)
    }

    /// The next number for a trade.
    pub(crate) fn take_trade_number(&mut self) -> Result<TradeId, Rejection> {
        let number = self.numbers.trade;
        self.numbers.trade = number.checked_add(1).ok_or(Rejection::Overflow)?;
        Ok(TradeId::new(number))
    }

    /// Writes the counters back: the last step before the block's changes are collected.
    pub(crate) fn keep_numbers(&mut self) {
        let Numbers { order, trade } = self.numbers;
        let chain = self.state.chain();
        if (chain.next_order, chain.next_trade) != (order, trade) {
            self.update_chain(|chain| {
                chain.next_order = order;
                chain.next_trade = trade;
            });
        }
    }
}

/// Whether a rejection stands for a violated invariant, which stops the whole action and its universe.
pub(crate) const fn is_violation(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::InvariantViolated { .. })
}
