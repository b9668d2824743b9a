//! `palisade margin`: what an account or a portfolio would need, asked with numbers; nothing is looked up and nothing is sent.

use crate::{failure::UsageError, output::say_json};
use anyhow::{Context as _, Result};
use clap::Args;
use palisade_pricing::portfolio::question::{self, PortfolioQuestion};
use palisade_types::what_if::WhatIf;
use std::path::PathBuf;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Say what positions would need: every part of initial and maintenance margin, health, liquidation prices
///
/// FILE is JSON with cash, collateral, positions and the terms of their markets; see docs/rules/margin.md. The answer is JSON.
#[derive(Args)]
pub struct MarginArgs {
    /// The question is a portfolio with options (docs/rules/portfolio-margin.md): every scenario, the worst one, requirements
    #[arg(long)]
    portfolio: bool,
    /// The question
    file: PathBuf,
}

/// Runs it.
pub fn run(arguments: &MarginArgs) -> Result<()> {
    let file = &arguments.file;
    let shown = file.display();
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read {shown}"))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(UsageError(format!("{shown} has {bytes} bytes, more than {FILE_BYTES_MAX}")).into());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    if arguments.portfolio {
        let question: PortfolioQuestion = serde_json::from_str(&text)
            .map_err(|error| UsageError(format!("{shown} is no question about a portfolio: {error}")))?;
        let answer = question::answer(&question).map_err(|error| UsageError(format!("{shown}: {error}")))?;
        return say_json(&answer);
    }
    let question: WhatIf = serde_json::from_str(&text)
        .map_err(|error| UsageError(format!("{shown} is no question about margin: {error}")))?;
    let answer =
        palisade_engine::what_if::answer(&question).map_err(|error| UsageError(format!("{shown}: {error}")))?;
    say_json(&answer)
}
