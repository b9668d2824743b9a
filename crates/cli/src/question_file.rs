//! Questions that are asked by a file of JSON.

use crate::failure::UsageError;
use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads a question of at most `bytes_max` bytes; `what` says what it should be.
pub fn read<T: DeserializeOwned>(file: &Path, bytes_max: u64, what: &str) -> Result<T> {
    let shown = file.display();
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read {shown}"))?.len();
    if bytes > bytes_max {
        return Err(UsageError(format!("{shown} has {bytes} bytes, more than {bytes_max}")).into());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).map_err(|error| UsageError(format!("{shown} is no {what}: {error}")).into())
}
