//! Receipts that a client was given, one JSON object a line, so that it can be proven later that none was lost.

use crate::{
    failure::VerificationError,
    output::{complain, progress},
};
use anyhow::{Context as _, Result, bail};
use palisade_client::api::{NodeApi, ReceiptInfo};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

/// Lost receipts that are named one by one.
const NAMED_MAX: usize = 10;

/// A journal being written.
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or makes the file; what it holds stays.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().append(true).create(true).open(path);
        Ok(Self { path: path.into(), file: opened.with_context(|| format!("cannot write {}", path.display()))? })
    }

    /// Writes one receipt, in one write, so that a reader never sees half of a line that was not the last.
    pub fn append(&mut self, receipt: &ReceiptInfo) -> Result<()> {
        let mut line = serde_json::to_vec(receipt)?;
        line.push(b'\n');
        self.file.write_all(&line).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Asks `node` for every receipt of a journal and compares; how many there were.
pub async fn check(path: &Path, node: &dyn NodeApi) -> Result<u64> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut checked, mut lost) = (0u64, Vec::new());
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let given: ReceiptInfo = serde_json::from_str(&line)
            .with_context(|| format!("{}: line {} is no receipt", path.display(), number + 1))?;
        checked += 1;
        let problem = match node.receipt(given.receipt.action, 0).await {
            Ok(found) if found == given => None,
            Ok(found) => Some(format!("is another now: {found:?} instead of {given:?}")),
            Err(palisade_client::api::ApiError::NotFound { .. } | palisade_client::api::ApiError::Timeout { .. }) => {
                Some(format!("of height {} is lost", given.height))
            }
            Err(error) => bail!("cannot ask for the receipt of {}: {error}", given.receipt.action),
        };
        lost.extend(problem.map(|problem| format!("receipt {} {problem}", given.receipt.action)));
        if checked.is_multiple_of(1_000) {
            progress(format_args!("checked {checked} receipts"));
        }
    }
    if lost.is_empty() {
        return Ok(checked);
    }
    lost.iter().take(NAMED_MAX).for_each(|line| complain(line));
    bail!(VerificationError(format!("{} of {checked} receipts are lost or differ", lost.len())))
}
