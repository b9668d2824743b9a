//! Processor time: of this thread, and of the whole process with its threads that have ended.

use rustix::time::{ClockId, clock_gettime};
use std::{hint::black_box, time::Duration};

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).expect("processor time is not negative");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("less than a second"))
}

/// What this thread has used.
pub fn thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// What this process has used.
pub fn process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// Microseconds of this thread that `work` takes.
pub fn thread_us<T>(work: impl FnOnce() -> T) -> f64 {
    let start = thread();
    black_box(work());
    (thread() - start).as_secs_f64() * 1e6
}
