//! `palisade margin`: what an account or a portfolio would need, asked with numbers; nothing is looked up and nothing is sent.

use crate::{failure::UsageError, output::say_json, question_file};
use anyhow::Result;
use clap::Args;
use palisade_pricing::{
    portfolio::question::{self, PortfolioQuestion},
    what_if::WhatIf,
};
use std::path::PathBuf;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Say what positions would need: every part of initial and maintenance margin, health, liquidation prices
///
/// FILE is JSON with cash, collateral, positions, options and the terms of their markets; see docs/rules/margin.md. The answer is JSON.
#[derive(Args)]
pub struct MarginArgs {
    /// FILE is the positions on one underlying alone (docs/rules/portfolio-margin.md): every scenario, the worst one, requirements
    #[arg(long)]
    portfolio: bool,
    /// The question
    file: PathBuf,
}

/// Runs it.
pub fn run(arguments: &MarginArgs) -> Result<()> {
    let file = &arguments.file;
    let wrong = |error: &dyn std::fmt::Display| UsageError(format!("{}: {error}", file.display()));
    if arguments.portfolio {
        let question: PortfolioQuestion = question_file::read(file, FILE_BYTES_MAX, "question about a portfolio")?;
        return say_json(&question::answer(&question).map_err(|error| wrong(&error))?);
    }
    let question: WhatIf = question_file::read(file, FILE_BYTES_MAX, "question about margin")?;
    say_json(&palisade_engine::what_if::answer(&question).map_err(|error| wrong(&error))?)
}
