//! What a seed does to the committee.
//!
//! A run is a series of rounds. In each, a storm of faults, then sometimes the power fails everywhere, now and then for
//! hours, then everything is healed and the chain must go on within a bound. All of it is drawn from the seed beforehand, so
//! that it can be read before it is run.

use crate::{lie::Lie, venue::SEATS};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// Blocks that a run adds in each calm: fewer mean more faults per block.
const CALM_BLOCKS: std::ops::Range<u64> = 60..140;
const ROUNDS: std::ops::Range<usize> = 3..6;
const FAULTS: std::ops::Range<usize> = 1..6;

/// Everything that will happen to a committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where it comes from.
    pub seed: u64,
    /// The seat that is not there at the start, and joins in the first heal.
    pub late_seat: Option<usize>,
    /// The seat that lies, and how.
    pub liar: Option<(usize, Lie)>,
    /// What happens, in order.
    pub rounds: Vec<Round>,
}

/// A storm and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// How long faults come.
    pub storm_ms: u64,
    /// The faults.
    pub faults: Vec<Fault>,
    /// Whether all machines lose power at the end of the storm.
    pub power_loss: Option<PowerLoss>,
    /// How long the power stays away then: hours for which nobody pays, and futures that expire unseen.
    pub dark_ms: u64,
    /// Blocks that must be added after the heal before the next round.
    pub calm_blocks: u64,
}

/// One fault, from its begin to its end; the end of the storm ends it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, since the storm began.
    pub at_ms: u64,
    /// For how long.
    pub for_ms: u64,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A seat is killed and comes back; what it had not synced is lost.
    Kill { seat: usize },
    /// Some seats cannot talk to the others.
    Partition { cut_off: Vec<usize> },
    /// Every link loses messages.
    Loss { percent: u64 },
    /// Every link is slow and uneven, so that messages of different senders overtake each other.
    Delay { latency_ms: u64, jitter_ms: u64 },
    /// The disks fail; nodes that notice stop and are started again and again.
    Disk(DiskFault),
}

/// How disks fail. The disks of all seats fail alike, each operation by its own throw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Some writes fail half-way.
    TornWrites,
    /// Some syncs fail.
    FailedSyncs,
    /// Some files do not open.
    FailedOpens,
    /// Nothing can be written.
    Full,
}

/// What is left of writes that were not synced when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerLoss {
    /// Nothing.
    Lost,
    /// Of each, a part from its beginning.
    Torn,
    /// Of each, any of its bytes.
    Scattered,
}

impl FaultKind {
    /// Its name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "fault: kill",
            Self::Partition { .. } => "fault: partition",
            Self::Loss { .. } => "fault: loss",
            Self::Delay { .. } => "fault: delay and reorder",
            Self::Disk(DiskFault::TornWrites) => "fault: torn writes",
            Self::Disk(DiskFault::FailedSyncs) => "fault: failed syncs",
            Self::Disk(DiskFault::FailedOpens) => "fault: failed opens",
            Self::Disk(DiskFault::Full) => "fault: disk full",
        }
    }
}

impl PowerLoss {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "fault: power loss, unsynced writes lost",
            Self::Torn => "fault: power loss, unsynced writes torn",
            Self::Scattered => "fault: power loss, unsynced bytes scattered",
        }
    }
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let late_seat = random.random_bool(0.25).then(|| random.random_range(0..SEATS));
        let lies = random.random_bool(0.6);
        let liar = lies.then(|| (random.random_range(0..SEATS), Lie::ALL[random.random_range(0..Lie::ALL.len())]));
        let rounds = random.random_range(ROUNDS);
        Self { seed, late_seat, liar, rounds: (0..rounds).map(|_| round(&mut random)).collect() }
    }
}

fn round(random: &mut StdRng) -> Round {
    let storm_ms = random.random_range(1_500..8_000);
    let count = random.random_range(FAULTS);
    let mut faults: Vec<Fault> = (0..count).map(|_| fault(random, storm_ms)).collect();
    faults.sort_by_key(|fault| fault.at_ms);
    let power_loss = random.random_bool(0.35).then(|| match random.random_range(0..3u8) {
        0 => PowerLoss::Lost,
        1 => PowerLoss::Torn,
        _ => PowerLoss::Scattered,
    });
    let calm_blocks = random.random_range(CALM_BLOCKS);
    let dark_ms = match random.random_range(0..10u8) {
        _ if power_loss.is_none() => 0,
        0..=3 => 0,
        4..=5 => random.random_range(60_000..2_700_000),
        // Past the hour at which the first options expire.
        6..=7 => random.random_range(3_660_000..18_000_000),
        _ => random.random_range(82_800_000..97_200_000),
    };
    Round { storm_ms, faults, power_loss, dark_ms, calm_blocks }
}

fn fault(random: &mut StdRng, storm_ms: u64) -> Fault {
    let kind = match random.random_range(0..12u8) {
        0..=4 => FaultKind::Kill { seat: random.random_range(0..SEATS) },
        5..=6 => {
            let count = random.random_range(1..=2);
            let first = random.random_range(0..SEATS);
            FaultKind::Partition { cut_off: (0..count).map(|step| (first + step) % SEATS).collect() }
        }
        7 => FaultKind::Loss { percent: random.random_range(2..40) },
        8 => FaultKind::Delay { latency_ms: random.random_range(20..300), jitter_ms: random.random_range(5..150) },
        _ => FaultKind::Disk(match random.random_range(0..4u8) {
            0 => DiskFault::TornWrites,
            1 => DiskFault::FailedSyncs,
            2 => DiskFault::FailedOpens,
            _ => DiskFault::Full,
        }),
    };
    let for_ms = random.random_range(50..3_000);
    Fault { at_ms: random.random_range(0..storm_ms), for_ms, kind }
}
