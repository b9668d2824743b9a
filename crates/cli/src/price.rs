//! `palisade price`: what options are worth, asked with numbers; nothing is looked up and nothing is sent.

use crate::{failure::UsageError, output::say_json};
use anyhow::{Context as _, Result};
use clap::Args;
use palisade_pricing::question::{Question, answer};
use std::path::PathBuf;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Say what options are worth: price, greeks and volatility, or the volatility that a price implies
///
/// FILE is a JSON list of options, each with a volatility or a price; see docs/rules/pricing.md. The answer is a JSON list.
#[derive(Args)]
pub struct PriceArgs {
    /// The questions
    file: PathBuf,
}

/// Runs it.
pub fn run(arguments: &PriceArgs) -> Result<()> {
    let file = &arguments.file;
    let shown = file.display();
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read {shown}"))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(UsageError(format!("{shown} has {bytes} bytes, more than {FILE_BYTES_MAX}")).into());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let questions: Vec<Question> = serde_json::from_str(&text)
        .map_err(|error| UsageError(format!("{shown} is no list of questions about options: {error}")))?;
    let answers = answer(&questions).map_err(|error| UsageError(format!("{shown}: {error}")))?;
    say_json(&answers)
}
