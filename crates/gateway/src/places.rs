//! Places for connections, and who gives way when all are taken.
//!
//! A place is held as long as its connection lives. Whoever connects when all are taken is given the place of the
//! connection that has *idled* longest: that has sent no whole request since it was opened or last answered. So ten
//! thousand connections that are opened and left, or bodies that drip, keep nobody out.
//!
//! Rules:
//! - A connection whose request was received whole is never cut off, nor is a WebSocket.
//! - A connection that gives way may finish what it is writing, for a moment.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Pause before another connection is asked to give way: the one before takes a moment to end.
const EVICTION_PAUSE: Duration = Duration::from_millis(10);

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
        let place = Place { places: Arc::clone(self), give_way: Arc::default(), number: Mutex::default(), _slot: slot };
        place.idle();
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
    /// Its number among the idle ones.
    number: Mutex<Option<u64>>,
    _slot: OwnedSemaphorePermit,
}

impl Place {
    /// Begins to idle: a request may come.
    pub fn idle(&self) {
        let mut number = self.number();
        let mut idle = self.places.lock();
        if let Some(number) = *number {
            idle.connections.remove(&number);
        }
        let new = idle.next;
        idle.next = idle.next.saturating_add(1);
        idle.connections.insert(new, Arc::clone(&self.give_way));
        *number = Some(new);
    }

    /// A request was received whole, or the connection has become something that never idles.
    pub fn busy(&self) {
        if let Some(number) = self.number().take() {
            self.places.lock().connections.remove(&number);
        }
    }

    /// Returns once somebody else needs the place.
    pub async fn wanted(&self) {
        self.give_way.notified().await;
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy();
    }
}

#[cfg(test)]
mod tests;
