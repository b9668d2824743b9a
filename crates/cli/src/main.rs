//! `palisade`: the one binary.
//!
//! It wires the other crates and contains no rules. `main` is not async: each validator has a runtime and a thread of its
//! own, gateway and agents share another. Exit codes are in [`failure`].

mod dev_keys;
mod devnet;
mod events;
mod failure;
mod genesis;
mod init;
mod keys;
mod layout;
mod load;
mod logging;
mod margin;
mod node;
mod node_keys;
mod output;
mod price;
mod prices;
mod products;
mod query;
mod question_file;
mod rpc;
mod runner;
mod show;
mod shutdown;
mod signer;
mod tx;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Palisade, an open derivatives exchange: run it, trade on it, check it.
///
/// Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong command line, 3 a proof, receipt or
/// journal does not hold.
#[derive(Parser)]
#[command(name = "palisade", version, arg_required_else_help = true, max_term_width = 120)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Devnet(devnet::DevnetArgs),
    Init(init::InitArgs),
    Node(node::NodeArgs),
    /// Make and look at keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    Tx(tx::TxArgs),
    Query(query::QueryArgs),
    Verify(verify::VerifyArgs),
    Load(load::LoadArgs),
    Margin(margin::MarginArgs),
    Price(price::PriceArgs),
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Devnet(arguments) => devnet::run(arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Node(arguments) => node::run(&arguments),
        Command::Keys(command) => keys::run(command),
        Command::Tx(arguments) => tx::run(arguments),
        Command::Query(arguments) => query::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Load(arguments) => load::run(arguments),
        Command::Margin(arguments) => margin::run(&arguments),
        Command::Price(arguments) => price::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }
}
