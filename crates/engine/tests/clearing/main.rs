//! The engine as a clearing house, under random runs with gaps, stale prices, jumps of time and blocks turned back. After every
//! block: I1 to I8 from records and events by plain arithmetic, and the liquidation boxes against a look at everyone.
//!
//! - `PALISADE_FUZZ_CASES=n`: how many runs. `PALISADE_FUZZ_FIRST=n`: the seed of the first.
//! - `PALISADE_FULL_SIZE=1`: the attacks of very many at the size at which they are described, instead of one that takes seconds.
//! - `PALISADE_MUTANT=name` with the feature `mutants`: plants a fault, and the run must find it.
//! - A failure is shrunk, printed as a script and kept in the target folder; put it into `regressions/`.

mod bad;
mod books;
mod checks;
mod choices;
mod follow;
mod generate;
mod instruments;
mod legs;
mod liquidity;
mod options;
#[path = "../replays/mod.rs"]
mod replays;
mod run;
mod shrink;
mod step;
mod synthetics;
mod world;

use choices::Choices;
use generate::Generator;
use run::Run;
pub use run::say;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use step::Step;
use world::Terms;

const STEPS: usize = 300;
/// Failed runs after which no further one is tried.
const FAILURES_MAX: usize = 5;

/// A run that failed.
struct Failure {
    seed: u64,
    terms: Terms,
    steps: Vec<Step>,
    wrong: String,
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var_os(name)?;
    Some(text.to_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is not a number: {text:?}")))
}

/// `full` if the environment asks for attacks at full size, else `usual`.
pub fn size(usual: u64, full: u64) -> u64 {
    if number("PALISADE_FULL_SIZE").unwrap_or(0) == 0 { usual } else { full }
}

/// Plants the fault that the environment names, if it names one.
pub fn planted() -> Option<String> {
    let name = std::env::var_os("PALISADE_MUTANT")?.into_string().ok()?;
    plant(&name);
    Some(name)
}

#[cfg(feature = "mutants")]
fn plant(name: &str) {
    use palisade_engine::mutant::Mutant;
    let known = Mutant::CLEARING.iter().find(|mutant| mutant.name() == name);
    let mutant = *known.unwrap_or_else(|| panic!("no mutant {name}"));
    assert!(palisade_engine::mutant::plant(mutant), "another mutant was planted before");
}

#[cfg(not(feature = "mutants"))]
fn plant(name: &str) {
    panic!("this binary has no mutant {name}: build it with --features mutants");
}

fn random_run(seed: u64, seen: &mut BTreeMap<String, u64>) -> Result<(), Box<Failure>> {
    let (mut generator, terms) = Generator::new(Choices::new(seed));
    let mut run = Run::new(&terms);
    let mut steps = Vec::new();
    for _ in 0..STEPS {
        let step = generator.step(&run.world, &run.books);
        steps.push(step.clone());
        let done = catch_unwind(AssertUnwindSafe(|| run.step(&step)));
        let wrong = match done {
            Ok(Ok(())) => continue,
            Ok(Err(wrong)) => wrong,
            Err(panic) => shrink::panic_text(panic.as_ref()),
        };
        return Err(Box::new(Failure { seed, terms, steps, wrong }));
    }
    for (name, count) in run.seen {
        *seen.entry(name).or_default() += count;
    }
    Ok(())
}

/// Shrinks a failure, writes it down, and says where.
fn report(failure: &Failure) -> String {
    let Failure { seed, terms, steps, wrong } = failure;
    let small = shrink::shrink(terms, steps, shrink::kind(wrong));
    let again =
        shrink::replay(terms, &small).err().map_or_else(|| "(not after shrinking)".to_owned(), |(_, wrong)| wrong);
    let text = format!("# seed {seed}: {}\n{}", again.replace('\n', "\n# "), step::to_text(terms, &small));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("clearing-{seed}.txt"));
    let _ = std::fs::write(&path, &text);
    format!("seed {seed}, step {}: {wrong}\n\n{text}\n\nkept in {}", steps.len(), path.display())
}

#[test]
fn random_runs_keep_every_invariant() {
    let mutant = planted();
    let usual = if mutant.is_some() { 100 } else { 16 };
    let first = number("PALISADE_FUZZ_FIRST").unwrap_or(1);
    let runs = number("PALISADE_FUZZ_CASES").unwrap_or(usual);
    let mut seen = BTreeMap::new();
    let mut failures = Vec::new();
    for seed in first..first + runs {
        let Err(failure) = random_run(seed, &mut seen) else { continue };
        match &mutant {
            Some(name) => {
                let line = failure.wrong.lines().next().unwrap_or_default();
                say(&format!("{name}: found in run {} at block {}: {line}", seed - first + 1, failure.steps.len()));
                return;
            }
            None => failures.push(report(&failure)),
        }
        if failures.len() >= FAILURES_MAX {
            break;
        }
    }
    assert!(failures.is_empty(), "{} runs failed:\n{}", failures.len(), failures.join("\n\n"));
    if let Some(name) = mutant {
        panic!("{name}: not found in {runs} runs");
    }
    say(&format!("{runs} runs: {seen:?}"));
    // A single run need not meet everything.
    if runs < usual {
        return;
    }
    for wanted in [
        "liquidated by Book",
        "liquidated by Backstop",
        "liquidated by Deleverage",
        "option liquidated by Backstop",
        "option liquidated by Deleverage",
        "deficit paid by Insurance",
        "SyntheticMinted",
        "SyntheticBurned",
        "SyntheticRedeemed",
        "debt taken by Book",
        "debt taken by Backstop",
        "debt taken by WrittenOff",
        "ShortfallChanged",
        "PoolTraded",
        "PoolDeposited",
        "PoolWithdrawn",
        "combo traded",
        "combo traded in its legs' books",
        "BlockTraded",
        "rejected InvalidLegs",
        "rejected BlockRequestNotOpen",
        "rejected NotFillable",
    ] {
        assert!(seen.contains_key(wanted), "{wanted} never happened: {seen:?}");
    }
}

#[test]
fn kept_failures_stay_fixed() {
    if std::env::var_os("PALISADE_MUTANT").is_some() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clearing/regressions");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "txt")) {
        let (terms, steps) = step::from_text(&std::fs::read_to_string(path).expect("a script"));
        if let Err((place, wrong)) = shrink::replay(&terms, &steps) {
            panic!("{}: block {place}: {wrong}", path.display());
        }
    }
}

/// `PALISADE_SCRIPT=path`: replays a script and prints what happens; for whoever looks into a failure.
#[test]
fn replay_of_a_script() {
    let Some(path) = std::env::var_os("PALISADE_SCRIPT") else { return };
    let (terms, steps) = step::from_text(&std::fs::read_to_string(path).expect("a script"));
    let mut run = Run::new(&terms);
    run.is_loud = true;
    for name in terms.funds.keys() {
        say(&format!("{name} is {}", world::account(name)));
    }
    for (place, step) in steps.iter().enumerate() {
        say(&format!("--- block {place}: {}", step.to_text().trim_end()));
        if let Err(wrong) = run.step(step) {
            panic!("block {place}: {wrong}");
        }
    }
}
