//! The engine's clearing tests, driven by a fuzzer's bytes: the very same people, instruments, bad actions and checks of a block,
//! so that what a fuzzer finds and what the random runs find is judged alike.
//!
//! A finding that is put into `regressions/` and run by `cargo test` prints the script of its blocks (libFuzzer ends the process
//! before that), which `PALISADE_SCRIPT` of the clearing tests replays with every event, and which can be kept among theirs.

#![allow(dead_code, reason = "another crate's tests, of which a part is used here")]

#[path = "../../engine/tests/clearing/bad.rs"]
mod bad;
#[path = "../../engine/tests/clearing/books.rs"]
pub mod books;
#[path = "../../engine/tests/clearing/checks.rs"]
pub mod checks;
mod choices;
#[path = "../../engine/tests/clearing/follow.rs"]
pub mod follow;
#[path = "../../engine/tests/clearing/generate.rs"]
mod generate;
#[path = "../../engine/tests/clearing/instruments.rs"]
mod instruments;
#[path = "../../engine/tests/clearing/legs.rs"]
pub mod legs;
#[path = "../../engine/tests/clearing/liquidity.rs"]
pub mod liquidity;
#[path = "../../engine/tests/clearing/options.rs"]
pub mod options;
#[path = "../../engine/tests/clearing/run.rs"]
mod run;
#[path = "../../engine/tests/clearing/step.rs"]
mod step;
#[path = "../../engine/tests/clearing/synthetics.rs"]
pub mod synthetics;
#[path = "../../engine/tests/clearing/world.rs"]
mod world;

use choices::Choices;
use generate::Generator;
use run::Run;
use std::collections::BTreeMap;
use step::Step;
use world::Terms;

/// Blocks of one input: enough to lever up, to fall and to be closed.
const STEPS_MAX: usize = 40;

/// Says what was done if it ends in a panic.
struct Script {
    terms: Terms,
    steps: Vec<Step>,
}

impl Drop for Script {
    fn drop(&mut self) {
        if std::thread::panicking() {
            run::say(&step::to_text(&self.terms, &self.steps));
        }
    }
}

/// Runs the venue and the blocks that `bytes` choose.
pub fn run(bytes: &[u8]) {
    seen(bytes);
}

/// What happened in the blocks that `bytes` choose.
pub fn seen(bytes: &[u8]) -> BTreeMap<String, u64> {
    let choices = Choices::new(bytes);
    let (mut generator, terms) = Generator::new(choices);
    let mut run = Run::new(&terms);
    let mut script = Script { terms, steps: Vec::new() };
    // Bytes that run out end the run: what was chosen has been checked.
    while script.steps.len() < STEPS_MAX && !generator.choices.is_over() {
        let step = generator.step(&run.world, &run.books);
        script.steps.push(step.clone());
        if let Err(wrong) = run.step(&step) {
            panic!("block {}: {wrong}", script.steps.len());
        }
    }
    run.seen
}
