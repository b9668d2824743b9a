//! How a command ends when it does not succeed: one line on standard error and an exit code.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | failed: the line says why |
//! | 2 | the command line is wrong |
//! | 3 | a proof, a receipt or a journal does not hold |

use std::process::ExitCode;

/// The command line is well formed but cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Something that was to be verified is not true.
#[derive(Debug, thiserror::Error)]
#[error("verification failed: {0}")]
pub struct VerificationError(pub String);

/// The exit code of `error`.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<VerificationError>().is_some() {
        3
    } else if error.downcast_ref::<UsageError>().is_some() {
        2
    } else {
        1
    }
}

/// `error` and its causes in one line.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Reports `error` and gives the code to exit with.
pub fn report(error: &anyhow::Error) -> ExitCode {
    crate::output::complain(&format!("palisade: {}", one_line(error)));
    ExitCode::from(exit_code(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn codes_survive_added_context() {
        let wrapped = |error: anyhow::Error| Err::<(), _>(error).context("while at it").expect_err("an error");
        assert_eq!(exit_code(&wrapped(VerificationError("x".into()).into())), 3);
        assert_eq!(exit_code(&wrapped(UsageError("x".into()).into())), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("x")), 1);
    }

    #[test]
    fn a_report_is_one_line_without_repetition() {
        let error = anyhow::anyhow!("no\nspace").context("cannot write: no space").context("devnet");
        assert_eq!(one_line(&error), "devnet: cannot write: no space");
    }
}
