//! One seed, from start to verdict.

use crate::{
    Violation,
    coverage::Coverage,
    history::{History, SharedHistory},
    panics,
    plan::{Plan, Round},
    storm::{self, TICK, WHOLE_DISKS},
    venue::{self, SEATS},
    workload::Workload,
    world::{GOOD_LINK, World},
};
use commonware_consensus::types::Height as ConsensusHeight;
use commonware_runtime::{
    Clock as _,
    deterministic::{self, Checkpoint, Context},
};
use commonware_utils::sync::Mutex;
use palisade_client::api::NodeApi as _;
use palisade_node::{config::Timeouts, node::genesis_block};
use palisade_types::ids::Height;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Views after a heal within which every seat has applied a block that was proposed after the heal.
pub const LIVENESS_VIEWS: u64 = 20;
/// Simulated time that a run may take in all, nights without power included: far beyond any that succeeds.
const PATIENCE: Duration = Duration::from_secs(14 * 86_400);

/// Looks at the end of a run within which every noted state is compared.
const LAST_LOOKS: usize = 20;

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which.
    pub seed: u64,
    /// What was violated.
    pub violation: Option<Violation>,
    /// Finalized blocks, each counted once.
    pub blocks: u64,
    /// Simulated time with power.
    pub simulated: Duration,
    /// What was met.
    pub coverage: Coverage,
    /// What happened, one line each.
    pub trace: Vec<String>,
    /// The runtime's digest of everything that every task did.
    pub auditor: String,
}

/// What goes on from one boot of the machines to the next.
struct Carried {
    plan: Plan,
    workload: Workload,
    history: SharedHistory,
    trace: Vec<String>,
    /// The round to go on with.
    round: usize,
    /// Whether its storm is over.
    stormed: bool,
    /// How long the power was away so far.
    dark: Duration,
}

/// Why a boot ended.
enum End {
    /// The plan is done.
    Done,
    /// The power failed.
    PowerLoss,
    /// Something is wrong.
    Violated(Violation),
}

/// Runs a seed.
pub fn run(seed: u64) -> Report {
    let _ = panics::take();
    let genesis = Arc::new(venue::genesis(seed));
    genesis.check().expect("the genesis of the simulation is valid");
    let block = genesis_block::<Context>(&genesis).expect("its keys are keys");
    let plan = Plan::new(seed);
    let history = Arc::new(Mutex::new(History::new(genesis, block.block_digest(), plan.liar.map(|(seat, _)| seat))));
    let start = SystemTime::UNIX_EPOCH + Duration::from_millis(venue::GENESIS_TIME.get());
    let config = deterministic::Config::new()
        .with_seed(seed)
        .with_start_time(start)
        .with_catch_panics(true)
        .with_timeout(Some(PATIENCE));
    let trace = vec![format!(
        "seed {seed}: {} rounds, late seat {:?}, liar {:?}",
        plan.rounds.len(),
        plan.late_seat,
        plan.liar
    )];
    let mut carried = Some(Carried {
        plan,
        workload: Workload::new(seed),
        history: history.clone(),
        trace,
        round: 0,
        stormed: false,
        dark: Duration::ZERO,
    });
    let mut runner = deterministic::Runner::new(config);
    let mut report = Report {
        seed,
        violation: None,
        blocks: 0,
        simulated: Duration::ZERO,
        coverage: Coverage::default(),
        trace: Vec::new(),
        auditor: String::new(),
    };
    while let Some(carry) = carried.take() {
        let kept = carry.trace.clone();
        match catch_unwind(AssertUnwindSafe(|| boot(runner, carry))) {
            Ok((returned, end, elapsed, checkpoint)) => {
                report.simulated = elapsed.saturating_sub(returned.dark);
                report.auditor = checkpoint.auditor().state();
                runner = deterministic::Runner::from(checkpoint);
                report.trace.clone_from(&returned.trace);
                match end {
                    End::Done => {}
                    End::PowerLoss => carried = Some(returned),
                    End::Violated(violation) => report.violation = Some(violation),
                }
            }
            Err(_) => {
                report.trace = kept;
                report.violation = Some(Violation::new("the runtime runs", format!("{:?}", panics::take())));
                break;
            }
        }
    }
    let history = history.lock();
    report.blocks = history.tip().get();
    report.coverage = history.coverage.clone();
    if let Some(violation) = &report.violation {
        report.trace.push(format!("VIOLATION {violation}"));
    }
    report
}

/// One boot of all machines: until the plan is done, the power fails or something is wrong.
fn boot(runner: deterministic::Runner, mut carried: Carried) -> (Carried, End, Duration, Checkpoint) {
    let ((carried, end, elapsed), checkpoint) = runner.start_and_recover(|context| async move {
        let trace = std::mem::take(&mut carried.trace);
        *context.storage_fault_config().write() = WHOLE_DISKS;
        let mut world = World::new(context, carried.history.clone(), &carried.plan, trace).await;
        let end = match go_on(&mut world, &mut carried).await {
            Ok(end) => end,
            Err(violation) => End::Violated(violation),
        };
        let elapsed = Duration::from_millis(world.now_ms().since(venue::GENESIS_TIME));
        carried.trace = std::mem::take(&mut world.trace);
        (carried, end, elapsed)
    });
    (carried, end, elapsed, checkpoint)
}

async fn go_on(world: &mut World, carried: &mut Carried) -> Result<End, Violation> {
    if carried.round == 0 && !carried.stormed {
        world.first_start(&carried.plan).await;
    }
    if carried.stormed {
        stay_dark(world, carried).await;
    }
    while let Some(round) = carried.plan.rounds.get(carried.round).cloned() {
        if !carried.stormed {
            storm::rage(world, &mut carried.workload, &round).await?;
            carried.stormed = true;
            if let Some(loss) = round.power_loss {
                world.say(loss.name());
                world.history.lock().coverage.note(loss.name());
                storm::before_power_loss(world, loss);
                // Writes are kept or lost by what was set when they were made.
                world.context.sleep(TICK).await;
                world.history.lock().follow()?;
                return Ok(End::PowerLoss);
            }
        }
        heal(world, &mut carried.workload, &round).await?;
        carried.round += 1;
        carried.stormed = false;
    }
    settle(world, &mut carried.workload).await?;
    Ok(End::Done)
}

/// The power has failed, and stays away for a while.
async fn stay_dark(world: &mut World, carried: &mut Carried) {
    let dark_ms = carried.plan.rounds.get(carried.round).map_or(0, |round| round.dark_ms);
    if dark_ms == 0 {
        return;
    }
    world.say(format!("no power for {} s", dark_ms / 1_000));
    world.history.lock().coverage.note(match dark_ms {
        0..3_600_000 => "dark: less than an hour",
        3_600_000..43_200_000 => "dark: hours",
        _ => "dark: about a day",
    });
    let dark = Duration::from_millis(dark_ms);
    world.context.sleep(dark).await;
    carried.dark += dark;
}

/// Ends all faults, and holds the chain to its promise: every seat goes on within [`LIVENESS_VIEWS`].
async fn heal(world: &mut World, workload: &mut Workload, round: &Round) -> Result<(), Violation> {
    *world.context.storage_fault_config().write() = WHOLE_DISKS;
    world.set_links(|_, _| Some(GOOD_LINK)).await;
    let disks_failed = std::mem::take(&mut world.disks_fail);
    for seat in 0..SEATS {
        let place = &world.places[seat];
        // Whoever met a failing disk is started again by its operator: it may follow without voting, or be about to stop.
        let doubtful = place.process.as_ref().is_none_or(|process| process.disk_failed || disks_failed);
        if doubtful {
            world.kill(seat, None).await;
            world.start(seat).await;
        }
    }
    let healed_at = world.now_ms();
    world.say("healed");
    // No view that nobody votes for lasts longer.
    let Timeouts { certification, retry, .. } = Timeouts::default();
    let view_ms = u64::try_from((certification + retry).as_millis()).unwrap_or(u64::MAX);
    let bound_ms = view_ms.saturating_mul(LIVENESS_VIEWS);
    let goes_on = |world: &World| {
        let history = world.history.lock();
        let new =
            |seat| world.applied(seat).and_then(|height| history.time_at(height)).is_some_and(|at| at > healed_at);
        world.honest().all(new)
    };
    while !goes_on(world) {
        let waited_ms = world.now_ms().since(healed_at);
        if waited_ms > bound_ms {
            let applied: Vec<_> = (0..SEATS).map(|seat| world.applied(seat).map(Height::get)).collect();
            let found = format!("{waited_ms} ms, {LIVENESS_VIEWS} views, after a heal seats have applied {applied:?}");
            return Err(Violation::new("liveness", found));
        }
        // Clients wait, reporters do not: after hours without power only prices can say how late it is.
        workload.report_prices(world).await;
        world.context.sleep(TICK).await;
        world.look().await?;
    }
    let waited_ms = world.now_ms().since(healed_at);
    world.say(format!("all seats go on {waited_ms} ms after the heal"));
    world.history.lock().coverage.note(match waited_ms {
        0..=1_000 => "heal: all go on within 1 s",
        1_001..=3_000 => "heal: all go on within 3 s",
        3_001..=10_000 => "heal: all go on within 10 s",
        _ => "heal: all go on later than 10 s",
    });
    calm(world, workload, round.calm_blocks).await
}

/// Adds blocks without faults, and serves the careful client.
async fn calm(world: &mut World, workload: &mut Workload, blocks: u64) -> Result<(), Violation> {
    let target = world.history.lock().tip().get() + blocks;
    let began_at = world.now_ms();
    // An empty chain makes a block every 250 ms; twice of that, and a minute to be late in, is no progress.
    let bound_ms = blocks * 500 + 60_000;
    loop {
        let reached = world.honest().all(|seat| world.applied(seat).is_some_and(|height| height.get() >= target));
        if reached && workload.owed(world) == 0 {
            return Ok(());
        }
        if world.now_ms().since(began_at) > bound_ms {
            let found = format!("{} actions without a receipt, target {target}", workload.owed(world));
            return Err(Violation::new("every good action is executed", found));
        }
        workload.step(world, !reached).await?;
        world.context.sleep(TICK).await;
        world.look().await?;
    }
}

/// The last look: every seat has every block, every receipt and the same state, and nothing is left over.
async fn settle(world: &mut World, workload: &mut Workload) -> Result<(), Violation> {
    calm(world, workload, 2).await?;
    world.note_all_states().await?;
    world.check_blocked().await?;
    let tip = world.history.lock().tip();
    let receipts = world.history.lock().receipts().clone();
    while world.honest().any(|seat| world.applied(seat).is_none_or(|applied| applied < tip)) {
        world.context.sleep(TICK).await;
        world.look().await?;
    }
    let honest: Vec<usize> = world.honest().collect();
    for seat in honest {
        let running =
            world.running(seat).cloned().ok_or_else(|| Violation::new("nodes run on", format!("seat {seat}")))?;
        for height in (1..=tip.get()).map(Height::new) {
            let lost = |what: &str| Violation::new("nothing is lost", format!("seat {seat} lacks {what} {height}"));
            let block = running.marshal.get_block(ConsensusHeight::new(height.get())).await;
            let block = block.ok_or_else(|| lost("block"))?;
            if world.history.lock().digest_at(height) != Some(block.inner().block_digest()) {
                return Err(Violation::new("no fork", format!("seat {seat} stores another block {height}")));
            }
            running.api.block(height, 0).await.map_err(|error| lost(&format!("the results ({error}) of block")))?;
        }
        for (action, height) in &receipts {
            let receipt = running.api.receipt(*action, 0).await;
            if receipt.as_ref().map(|receipt| receipt.height) != Ok(*height) {
                let found = format!("seat {seat}, action {action} of height {height}: {receipt:?}");
                return Err(Violation::new("no receipt is lost", found));
            }
        }
    }
    compare_all(world).await?;
    world.kill_all().await;
    Ok(())
}

/// Looks on until every state that was noted is compared: a look that notes some compares them at the next.
async fn compare_all(world: &mut World) -> Result<(), Violation> {
    let mut uncompared = usize::MAX;
    for _ in 0..LAST_LOOKS {
        world.look().await?;
        uncompared = world.history.lock().uncompared();
        if uncompared == 0 {
            return Ok(());
        }
        world.context.sleep(TICK).await;
    }
    Err(Violation::new("equal states", format!("{uncompared} states were never compared")))
}
