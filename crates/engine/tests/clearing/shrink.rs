//! Makes a failing run small: blocks and actions are taken out while it still fails in the same way.

use crate::{run::Run, step::Step, world::Terms};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Blocks that shrinking may take.
const BLOCKS_MAX: usize = 20_000;

/// Runs a script; what is wrong, and after which step.
pub fn replay(terms: &Terms, steps: &[Step]) -> Result<Run, (usize, String)> {
    let mut run = Run::new(terms);
    for (place, step) in steps.iter().enumerate() {
        let done = catch_unwind(AssertUnwindSafe(|| run.step(step)));
        match done {
            Ok(Ok(())) => {}
            Ok(Err(wrong)) => return Err((place, wrong)),
            Err(panic) => return Err((place, panic_text(panic.as_ref()))),
        }
    }
    Ok(run)
}

pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("panic: {}", text.unwrap_or_default())
}

/// What kind of failure it is: the first word of what is wrong.
pub fn kind(wrong: &str) -> &str {
    wrong.split_whitespace().next().unwrap_or_default()
}

/// The smallest run found that fails in the same way.
pub fn shrink(terms: &Terms, steps: &[Step], wanted: &str) -> Vec<Step> {
    let mut best = steps.to_vec();
    let mut blocks = 0;
    let mut fails = |candidate: &[Step]| {
        if blocks > BLOCKS_MAX {
            return None;
        }
        blocks += candidate.len();
        match replay(terms, candidate) {
            Err((place, wrong)) if kind(&wrong) == wanted => Some(place),
            _ => None,
        }
    };
    let mut chunk = best.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        while start < best.len() {
            let mut candidate = best.clone();
            candidate.drain(start..(start + chunk).min(best.len()));
            if let Some(place) = fails(&candidate) {
                candidate.truncate(place + 1);
                best = candidate;
            } else {
                start += chunk;
            }
        }
        if chunk == 1 {
            break;
        }
        chunk = chunk.div_ceil(2);
    }
    for place in (0..best.len()).rev() {
        for action in (0..best.get(place).map_or(0, |step| step.actions.len())).rev() {
            let mut candidate = best.clone();
            candidate[place].actions.remove(action);
            if let Some(last) = fails(&candidate) {
                candidate.truncate(last + 1);
                best = candidate;
            }
        }
    }
    best
}
