//! Many seeds on several threads, and what they came to.

use crate::{
    coverage::Coverage,
    panics,
    run::{Report, run},
};
use std::{
    fmt::{self, Display, Formatter},
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Which seeds, and how.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first.
    pub first: u64,
    /// How many; `None` until told to stop.
    pub seeds: Option<u64>,
    /// Threads.
    pub jobs: usize,
    /// Seeds that may fail before the campaign ends.
    pub failures_max: usize,
}

/// What all seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that ran.
    pub seeds: u64,
    /// Blocks that became final in them.
    pub blocks: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// What was met.
    pub coverage: Coverage,
    /// Reports of the seeds that failed.
    pub failures: Vec<Report>,
}

impl Summary {
    fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.blocks += report.blocks;
        self.simulated += report.simulated;
        self.coverage.merge(&report.coverage);
        if report.violation.is_some() {
            self.failures.push(report);
        }
    }
}

impl Campaign {
    /// Runs all seeds and tells `progress` of each.
    pub fn run(&self, progress: impl Fn(&Report, &Summary) + Sync) -> io::Result<Summary> {
        panics::install();
        let next = AtomicU64::new(self.first);
        let enough = AtomicBool::new(false);
        let end = self.seeds.map_or(u64::MAX, |seeds| self.first.saturating_add(seeds));
        let summary = Mutex::new(Summary::default());
        let work = || {
            while !enough.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return;
                }
                let report = run(seed);
                let mut summary = summary.lock().expect("no thread panics while it adds a report");
                summary.add(report.clone());
                if summary.failures.len() >= self.failures_max {
                    enough.store(true, Ordering::Relaxed);
                }
                progress(&report, &summary);
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                thread::Builder::new().name(panics::THREAD_NAME.to_owned()).spawn_scoped(scope, work)?;
            }
            io::Result::Ok(())
        })?;
        Ok(summary.into_inner().expect("no thread panicked while it added a report"))
    }
}

impl Display for Summary {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let simulated = self.simulated.as_secs();
        writeln!(
            formatter,
            "{} seeds, {} finalized blocks, {} h {} min of simulated time, {} failures",
            self.seeds,
            self.blocks,
            simulated / 3_600,
            simulated / 60 % 60,
            self.failures.len()
        )?;
        for (name, count) in self.coverage.iter() {
            writeln!(formatter, "  {count:>9}  {name}")?;
        }
        Ok(())
    }
}
