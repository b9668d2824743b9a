//! Where results and progress go: results to standard output, everything else to standard error.
//!
//! A reader that has gone away (`palisade … | head`) is not an error.

use serde::Serialize;
use std::{
    fmt::Display,
    io::{IsTerminal as _, Write as _},
};

/// One line of a result.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A result as JSON, readable.
pub fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// One line of what went wrong.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One line of what goes on, for people; left out where nobody watches.
pub fn progress(line: impl Display) {
    if std::io::stderr().is_terminal() {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
