//! Places for connections, and who gives way when all are taken.
//!
//! A place is held as long as its connection lives. Whoever connects when all are taken is given the place of the
//! connection that has *idled* longest: that has sent no whole request since it was opened or last answered. So ten
//! thousand connections that are opened and left, or bodies that drip, keep nobody out.
//!
//! Rules:
//! - A connection whose request was received whole is never cut off, nor is a WebSocket.
//! - A connection that gives way may finish the answer that it is writing, for a moment; one that writes none ends at
//!   once, so that whoever needs its place does not wait.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Pause before another connection is asked to give way: the one before takes a moment to end.
const EVICTION_PAUSE: Duration = Duration::from_millis(10);
/// Time that an answer has to be written before its connection may be asked to give way and ends at once.
const WRITING: Duration = Duration::from_millis(500);

/// All places of a gateway.
pub struct Places {
    slots: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// Connections without a whole request, in the order in which they began to idle.
#[derive(Default)]
struct Idle {
    next: u64,
    connections: BTreeMap<u64, Arc<Notify>>,
}

impl Places {
    /// So many places, all free.
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { slots: Arc::new(Semaphore::new(count)), idle: Mutex::default() })
    }

    /// Waits for a place; `None` once there will be none any more.
    pub async fn take(self: &Arc<Self>) -> Option<Arc<Place>> {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned();
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(self.place(slot));
            }
            self.evict();
            if let Ok(slot) = timeout(EVICTION_PAUSE, slot).await {
                return Some(self.place(slot.ok()?));
            }
        }
    }

    /// Waits until all places are free.
    pub async fn all_free(&self, count: usize) {
        let everyone = u32::try_from(count).unwrap_or(u32::MAX);
        // It fails only if nobody can take a place any more, which is as good.
        drop(self.slots.acquire_many(everyone).await);
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(self: &Arc<Self>, slot: OwnedSemaphorePermit) -> Arc<Place> {
        let place =
            Place { places: Arc::clone(self), give_way: Arc::default(), standing: Mutex::default(), _slot: slot };
        place.idle(&mut place.standing());
        Arc::new(place)
    }

    /// Asks the connection that idled longest to end, if any idles.
    fn evict(&self) {
        if let Some((_, longest)) = self.lock().connections.pop_first() {
            longest.notify_one();
        }
    }
}

/// A connection's place; free again once nobody holds it.
pub struct Place {
    places: Arc<Places>,
    give_way: Arc<Notify>,
    standing: Mutex<Standing>,
    _slot: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Standing {
    /// Its number among the idle ones.
    idle: Option<u64>,
    /// When it was last given an answer to write.
    answered: Option<Instant>,
}

impl Place {
    /// A request was received whole, or the connection has become something that never idles.
    pub fn busy(&self) {
        if let Some(number) = self.standing().idle.take() {
            self.places.lock().connections.remove(&number);
        }
    }

    /// An answer is there to be written, and the next request may come.
    pub fn answered(&self) {
        let mut standing = self.standing();
        standing.answered = Some(Instant::now());
        self.idle(&mut standing);
    }

    /// Returns once somebody else needs the place: until when the last answer may still be written.
    pub async fn wanted(&self) -> Instant {
        self.give_way.notified().await;
        let now = Instant::now();
        self.standing().answered.and_then(|answered| answered.checked_add(WRITING)).unwrap_or(now)
    }

    fn idle(&self, standing: &mut Standing) {
        let mut idle = self.places.lock();
        if let Some(number) = standing.idle {
            idle.connections.remove(&number);
        }
        let number = idle.next;
        idle.next = number.saturating_add(1);
        idle.connections.insert(number, Arc::clone(&self.give_way));
        standing.idle = Some(number);
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy();
    }
}

#[cfg(test)]
mod tests;
