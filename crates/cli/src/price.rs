//! `palisade price`: what options are worth, asked with numbers; nothing is looked up and nothing is sent.

use crate::{failure::UsageError, output::say_json, question_file};
use anyhow::Result;
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
    let questions: Vec<Question> = question_file::read(file, FILE_BYTES_MAX, "list of questions about options")?;
    let answers = answer(&questions).map_err(|error| UsageError(format!("{}: {error}", file.display())))?;
    say_json(&answers)
}
