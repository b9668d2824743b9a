//! The committee: its processes, the links between them, and what is looked at while they run.

use crate::{
    Violation,
    history::{COLD_EVERY_BLOCKS, SeatState, SharedHistory, StateDigest},
    liar::{Liar, SharedLiar},
    lie::Lie,
    panics,
    plan::Plan,
    seat::{Change, Process, Running, Simulated},
    venue::{self, SEATS},
};
use commonware_consensus::types::Height as ConsensusHeight;
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Link, Oracle},
};
use commonware_runtime::{Supervisor as _, deterministic::Context};
use commonware_utils::{NZUsize, ordered::Set, probability, sync::Mutex};
use palisade_node::{
    clock::NodeClock,
    network::{Transport, message_bytes_max},
    roots,
    status::Voting,
};
use palisade_types::{genesis::Genesis, hash::Root, ids::Height, time::TimeMs};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// How long a seat that ended by itself stays down.
const RESTART_AFTER_MS: u64 = 400;
/// Most actions that may wait at a seat: far more than clients ever send in a storm.
const MEMPOOL_ACTIONS_MAX: usize = 2_000;

/// A link without faults.
pub const GOOD_LINK: Link =
    Link { latency: Duration::from_millis(3), jitter: Duration::from_millis(1), success_rate: probability!(1.0) };

/// One seat's place.
#[derive(Default)]
pub struct Place {
    /// Its process, if it has one.
    pub process: Option<Process>,
    /// When it is to be started again.
    pub start_at: Option<TimeMs>,
}

/// The root of a seat's database and the height whose state it is; nothing before the first block.
async fn root_on_disk(running: &Running) -> Result<Option<(Height, Root)>, String> {
    let database = running.state.read().await;
    let metadata = database.get_metadata().await.map_err(|error| error.to_string())?;
    let bytes = metadata.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok());
    let height = bytes.map_or(0, u64::from_le_bytes);
    Ok((height > 0).then(|| (Height::new(height), roots::to_root(&database.root()))))
}

/// The committee of one boot of the machines.
pub struct World {
    /// The runtime.
    pub context: Context,
    /// The network.
    pub oracle: Oracle<ed25519::PublicKey, Context>,
    /// The seats.
    pub places: Vec<Place>,
    /// What is final.
    pub history: SharedHistory,
    /// The seat that lies, and what it knows.
    liar: Option<(usize, SharedLiar)>,
    /// Whether disks fail now.
    pub disks_fail: bool,
    /// What happened, one line each.
    pub trace: Vec<String>,
    genesis: Arc<Genesis>,
    last_cold: u64,
    starts: u64,
}

impl World {
    /// A committee with all links up and nobody running.
    pub async fn new(context: Context, history: SharedHistory, plan: &Plan, trace: Vec<String>) -> Self {
        let (network, oracle) = simulated::Network::new(
            context.child("network"),
            simulated::Config {
                max_size: message_bytes_max(SEATS),
                max_peers_per_set: NonZeroUsize::new(SEATS).expect("a committee has seats"),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
        );
        network.start();
        let keys = (0..SEATS).map(|seat| venue::vote_key(seat).public_key());
        let _ = <Simulated as Transport>::Directory::track(&mut oracle.manager(), 0, Set::from_iter_dedup(keys));
        let genesis = history.lock().genesis().clone();
        let liar = plan.liar.map(|(seat, lie)| {
            let liar = Liar::new(lie, seat, plan.seed, &genesis, history.clone());
            (seat, Arc::new(Mutex::new(liar)))
        });
        let places = (0..SEATS).map(|_| Place::default()).collect();
        let mut world =
            Self { context, oracle, places, history, liar, disks_fail: false, trace, genesis, last_cold: 0, starts: 0 };
        world.set_links(|_, _| Some(GOOD_LINK)).await;
        world
    }

    /// The time of all machines.
    pub fn now_ms(&self) -> TimeMs {
        NodeClock::default().now_ms(&self.context)
    }

    /// Adds a line to the trace.
    pub fn say(&mut self, what: impl AsRef<str>) {
        let elapsed_ms = self.now_ms().since(venue::GENESIS_TIME);
        let tip = self.history.lock().tip();
        self.trace.push(format!("{:>9.3} s  height {tip:>5}  {}", elapsed_ms as f64 / 1_000.0, what.as_ref()));
    }

    /// Puts `link(from, to)` in the place of every link; `None` is no link.
    pub async fn set_links(&mut self, link: impl Fn(usize, usize) -> Option<Link>) {
        for from in 0..SEATS {
            for to in (0..SEATS).filter(|to| *to != from) {
                let (sender, receiver) = (venue::vote_key(from).public_key(), venue::vote_key(to).public_key());
                // It may not be there: then there is nothing to remove.
                let _ = self.oracle.remove_link(sender.clone(), receiver.clone()).await;
                if let Some(link) = link(from, to) {
                    let added = self.oracle.add_link(sender, receiver, link).await;
                    added.expect("the link was removed");
                }
            }
        }
    }

    /// Starts a seat.
    pub async fn start(&mut self, seat: usize) {
        self.starts += 1;
        let context = self.context.child("seat").with_attribute("index", seat).with_attribute("start", self.starts);
        let liar = self.liar.clone().filter(|(liar, _)| *liar == seat).map(|(_, liar)| liar);
        let (genesis, history) = (self.genesis.clone(), self.history.clone());
        let mut process = Process::start(context, &self.oracle, seat, genesis, history, liar).await;
        process.disk_failed = self.disks_fail;
        self.places[seat] = Place { process: Some(process), start_at: None };
    }

    /// Kills a seat, to be started again at `start_at`.
    pub async fn kill(&mut self, seat: usize, start_at: Option<TimeMs>) {
        if let Some(process) = self.places[seat].process.take() {
            process.kill().await;
        }
        self.places[seat].start_at = start_at;
    }

    /// Kills every seat.
    pub async fn kill_all(&mut self) {
        for seat in 0..SEATS {
            self.kill(seat, None).await;
        }
    }

    /// A seat, if it is ready.
    pub fn running(&self, seat: usize) -> Option<&Running> {
        self.places[seat].process.as_ref().and_then(Process::running)
    }

    /// Whether a seat lies.
    pub fn lies(&self, seat: usize) -> bool {
        self.liar.as_ref().is_some_and(|(liar, _)| *liar == seat)
    }

    /// How a seat lies.
    pub fn lie_of(&self, seat: usize) -> Option<Lie> {
        self.liar.as_ref().filter(|(liar, _)| *liar == seat).map(|(_, liar)| liar.lock().lie())
    }

    /// Seats that do not lie: what is promised is promised to them.
    pub fn honest(&self) -> impl Iterator<Item = usize> {
        (0..SEATS).filter(|seat| !self.lies(*seat))
    }

    /// Seats that are ready.
    pub fn ready(&self) -> Vec<usize> {
        (0..SEATS).filter(|seat| self.running(*seat).is_some()).collect()
    }

    /// The newest height whose state a seat has applied since it started.
    pub fn applied(&self, seat: usize) -> Option<Height> {
        self.running(seat)?.view.tip().map(|(height, _)| height)
    }

    /// Looks at everything once: who ended, who is to be started, what is final and whether it is right.
    pub async fn look(&mut self) -> Result<(), Violation> {
        for seat in 0..SEATS {
            self.look_at(seat).await?;
        }
        self.note_roots().await;
        self.fill_gaps().await;
        self.history.lock().follow()?;
        self.check_queues()?;
        let height = self.history.lock().tip().get();
        if height / COLD_EVERY_BLOCKS > self.last_cold {
            self.last_cold = height / COLD_EVERY_BLOCKS;
            if !self.disks_fail {
                self.note_all_states().await?;
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, seat: usize) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        if self.places[seat].start_at.is_some_and(|at| at <= now_ms) {
            self.start(seat).await;
        }
        let Some(process) = self.places[seat].process.as_mut() else { return Ok(()) };
        let disk_failed = process.disk_failed;
        match process.look() {
            Change::None => Ok(()),
            Change::Started => self.look_at_started(seat, disk_failed).await,
            Change::Ended(reason) => {
                let said = panics::take();
                self.say(format!("seat {seat} {reason} {said:?}"));
                self.places[seat].process = None;
                self.places[seat].start_at = Some(now_ms.saturating_add(RESTART_AFTER_MS));
                self.history.lock().coverage.note("seat: stopped by itself");
                if disk_failed || self.lies(seat) {
                    return Ok(());
                }
                Err(Violation::new("nodes run on", format!("seat {seat} {reason} on a whole disk: {said:?}")))
            }
        }
    }

    /// A node that was started on a disk which keeps what was synced has nothing to complain about.
    async fn look_at_started(&mut self, seat: usize, disk_failed: bool) -> Result<(), Violation> {
        self.say(format!("seat {seat} is ready at {:?}", self.applied(seat).map(Height::get)));
        let Some(running) = self.running(seat).cloned() else { return Ok(()) };
        let (damages, voting) = (running.status.damages(), running.status.voting());
        for damage in &damages {
            self.history.lock().coverage.note(format!("damage found: {:?}", damage.store));
            self.say(format!("seat {seat} found damage: {damage:?}"));
        }
        if voting != Some(Voting::Votes) {
            self.history.lock().coverage.note("seat: follows without voting");
            self.say(format!("seat {seat}: {voting:?}"));
        }
        if disk_failed {
            return Ok(());
        }
        if !damages.is_empty() || voting != Some(Voting::Votes) {
            let found = format!("seat {seat} on a whole disk: {damages:?}, {voting:?}");
            return Err(Violation::new("restart finds no damage", found));
        }
        self.note_states(seat, &running, "disk of a restarted seat", "memory of a restarted seat").await
    }

    /// Compares the disk and memory of every ready seat with the history.
    pub async fn note_all_states(&mut self) -> Result<(), Violation> {
        self.check_accused()?;
        for seat in self.ready() {
            let Some(running) = self.running(seat).cloned() else { continue };
            self.note_states(seat, &running, "disk of a seat", "memory of a seat").await?;
        }
        Ok(())
    }

    async fn note_states(
        &self,
        seat: usize,
        running: &Running,
        disk: &'static str,
        memory: &'static str,
    ) -> Result<(), Violation> {
        let unreadable = |error: String| Violation::new("state is readable", format!("seat {seat}: {error}"));
        let (height, records) = running.state.scan().await.map_err(|error| unreadable(error.to_string()))?;
        let values = records.into_iter().map(|(_, value)| value).collect();
        let root = root_on_disk(running).await.map_err(unreadable)?;
        let root = root.filter(|(of, _)| *of == height).map(|(_, root)| root);
        let mut history = self.history.lock();
        let records = Some(StateDigest::of_values(values));
        history.note_state(SeatState { seat, place: disk, height, records, root });
        let in_memory = running.view.read(|view| (view.tip.header.height, StateDigest::of_state(&view.state)));
        if let Some((height, records)) = in_memory {
            history.note_state(SeatState { seat, place: memory, height, records: Some(records), root: None });
        }
        Ok(())
    }

    /// Compares the root of every ready seat's database with the header of its height: cheap, so at every look.
    async fn note_roots(&mut self) {
        for seat in self.ready() {
            let Some(process) = &self.places[seat].process else { continue };
            let Some(running) = process.running() else { continue };
            // A database that a failing disk ended must not be asked; one on a whole disk is read again soon.
            if process.disk_failed {
                continue;
            }
            if let Ok(Some((height, root))) = root_on_disk(running).await {
                let state = SeatState { seat, place: "root of a seat", height, records: None, root: Some(root) };
                self.history.lock().note_state(state);
            }
        }
    }

    /// Fetches blocks that were finalized by nodes which were killed before they could tell.
    async fn fill_gaps(&mut self) {
        for seat in self.ready() {
            loop {
                let Some(gap) = self.history.lock().gap() else { return };
                let Some(running) = self.running(seat) else { break };
                if self.applied(seat).is_none_or(|applied| applied < gap) {
                    break;
                }
                let Some(block) = running.marshal.get_block(ConsensusHeight::new(gap.get())).await else { break };
                self.history.lock().learn(seat, block.inner());
            }
        }
    }

    fn check_queues(&self) -> Result<(), Violation> {
        for seat in self.ready() {
            let waiting = self.running(seat).map_or(0, |running| running.mempool.load().actions);
            if waiting > MEMPOOL_ACTIONS_MAX {
                let found = format!("{waiting} actions wait at seat {seat}, at most {MEMPOOL_ACTIONS_MAX} may");
                return Err(Violation::new("bounded queues", found));
            }
        }
        Ok(())
    }

    /// Nobody can prove a fault of an honest seat.
    fn check_accused(&self) -> Result<(), Violation> {
        let mut keys: Vec<_> = (0..SEATS).map(|seat| (venue::vote_key(seat).public_key(), seat)).collect();
        keys.sort_unstable();
        for seat in self.ready() {
            for fault in self.running(seat).map_or_else(Vec::new, |running| running.status.faults()) {
                let accused = usize::try_from(fault.participant).ok().and_then(|place| keys.get(place));
                if accused.is_none_or(|(_, accused)| !self.lies(*accused)) {
                    return Err(Violation::new("the honest cannot be accused", format!("by seat {seat}: {fault:?}")));
                }
                self.history.lock().coverage.note(format!("fault proven: {:?}", fault.kind));
            }
        }
        Ok(())
    }

    /// Honest nodes never block each other.
    pub async fn check_blocked(&self) -> Result<(), Violation> {
        let mut blocked = self.oracle.blocked().await.unwrap_or_default();
        let liar = self.liar.as_ref().map(|(seat, _)| venue::vote_key(*seat).public_key());
        let before = blocked.len();
        blocked.retain(|(from, to)| Some(from) != liar.as_ref() && Some(to) != liar.as_ref());
        if blocked.len() < before {
            self.history.lock().coverage.note("liar: cut off");
        }
        if blocked.is_empty() {
            Ok(())
        } else {
            Err(Violation::new("nobody blocks the honest", format!("{blocked:?}")))
        }
    }

    /// Starts at the first boot: everybody but the one who is late.
    pub async fn first_start(&mut self, plan: &Plan) {
        for seat in (0..SEATS).filter(|seat| Some(*seat) != plan.late_seat) {
            self.start(seat).await;
        }
    }
}
