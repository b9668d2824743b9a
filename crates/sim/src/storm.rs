//! A storm: faults begin and end, clients go on, and whoever stops is started again. Nothing must come out of it but
//! what the history allows.

use crate::{
    Violation,
    plan::{DiskFault, Fault, FaultKind, PowerLoss, Round},
    venue::SEATS,
    workload::Workload,
    world::{GOOD_LINK, World},
};
use commonware_runtime::{
    Clock as _,
    deterministic::{FaultConfig, PartialWriteMode, WriteConfig},
};
use commonware_utils::{Probability, probability};
use std::time::Duration;

/// How often everything is looked at.
pub const TICK: Duration = Duration::from_millis(50);

/// Disks without faults.
pub const WHOLE_DISKS: FaultConfig = FaultConfig {
    open_rate: None,
    read_rate: None,
    write_rate: None,
    sync_rate: None,
    resize_rate: None,
    remove_rate: None,
    scan_rate: None,
};

/// Lets a round's faults come over the committee.
pub async fn rage(world: &mut World, workload: &mut Workload, round: &Round) -> Result<(), Violation> {
    let begin_ms = world.now_ms();
    let mut active: Vec<&Fault> = Vec::new();
    let mut waiting = round.faults.iter().peekable();
    loop {
        let elapsed_ms = world.now_ms().since(begin_ms);
        if elapsed_ms >= round.storm_ms {
            break;
        }
        let before = active.len();
        active.retain(|fault| elapsed_ms < fault.at_ms + fault.for_ms);
        let mut changed = active.len() != before;
        while let Some(fault) = waiting.next_if(|fault| fault.at_ms <= elapsed_ms) {
            world.say(format!("{:?} for {} ms", fault.kind, fault.for_ms));
            world.history.lock().coverage.note(fault.kind.name());
            match &fault.kind {
                FaultKind::Kill { seat } => {
                    let back_at = world.now_ms().saturating_add(fault.for_ms);
                    world.kill(*seat, Some(back_at)).await;
                }
                _ => {
                    active.push(fault);
                    changed = true;
                }
            }
        }
        if changed {
            apply(world, &active).await;
        }
        workload.step(world, false).await?;
        world.context.sleep(TICK).await;
        world.look().await?;
        note_seats(world);
    }
    Ok(())
}

fn note_seats(world: &World) {
    let ready = world.ready().len();
    world.history.lock().coverage.note(format!("seats ready: {ready}"));
}

/// Makes the network and the disks as the active faults say.
async fn apply(world: &mut World, active: &[&Fault]) {
    let mut link = GOOD_LINK;
    let mut cut_off = [false; SEATS];
    let mut disk = WHOLE_DISKS;
    world.disks_fail = false;
    for fault in active {
        match &fault.kind {
            FaultKind::Kill { .. } => {}
            FaultKind::Partition { cut_off: seats } => seats.iter().for_each(|seat| cut_off[*seat] = true),
            FaultKind::Loss { percent } => {
                link.success_rate = Probability::new(100 - percent, 100).expect("a part of a hundred");
            }
            FaultKind::Delay { latency_ms, jitter_ms } => {
                link.latency = Duration::from_millis(*latency_ms);
                link.jitter = Duration::from_millis(*jitter_ms);
            }
            FaultKind::Disk(fault) => {
                disk = with_fault(disk, *fault);
                world.disks_fail = true;
            }
        }
    }
    *world.context.storage_fault_config().write() = disk;
    if world.disks_fail {
        for process in world.places.iter_mut().filter_map(|place| place.process.as_mut()) {
            process.disk_failed = true;
        }
    }
    world.set_links(|from, to| (cut_off[from] == cut_off[to]).then(|| link.clone())).await;
}

fn with_fault(disk: FaultConfig, fault: DiskFault) -> FaultConfig {
    match fault {
        DiskFault::TornWrites => disk.write(WriteConfig {
            failure_rate: probability!(0.004),
            retention_rate: probability!(0.5),
            mode: PartialWriteMode::Prefix,
        }),
        DiskFault::FailedSyncs => disk.sync(probability!(0.004)),
        DiskFault::FailedOpens => disk.open(probability!(0.05)),
        DiskFault::Full => disk.write(WriteConfig {
            failure_rate: probability!(1.0),
            retention_rate: probability!(0.0),
            mode: PartialWriteMode::Prefix,
        }),
    }
}

/// What the disks keep of unsynced writes when the power fails next.
pub fn before_power_loss(world: &World, loss: PowerLoss) {
    let keep =
        |retention_rate, mode| WHOLE_DISKS.write(WriteConfig { failure_rate: probability!(0.0), retention_rate, mode });
    *world.context.storage_fault_config().write() = match loss {
        PowerLoss::Lost => WHOLE_DISKS,
        PowerLoss::Torn => keep(probability!(0.99), PartialWriteMode::Prefix),
        PowerLoss::Scattered => keep(probability!(0.5), PartialWriteMode::Subset),
    };
}
