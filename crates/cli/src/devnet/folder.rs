//! The folder of a devnet.
//!
//! ```text
//! D/.palisade-devnet   says that the folder is a devnet's; locked while one runs
//! D/genesis.json, D/node-0 …   as `palisade init` writes them
//! D/devnet.json        endpoints and keys of the devnet that runs, for programs
//! D/devnet.log         the log
//! ```
//!
//! Invariant: nothing is ever deleted but in a folder that carries the mark.

use crate::{
    genesis, init,
    layout::{self, Addresses},
};
use anyhow::{Context as _, Result, anyhow, bail};
use palisade_agents::clock;
use palisade_types::{genesis::Genesis, time::TimeMs};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

const MARK: &str = ".palisade-devnet";
const NAME: &str = "palisade-devnet";
const DAY_MS: u64 = 24 * 3_600_000;

/// A devnet's folder, held by this process.
pub struct DevnetFolder {
    path: PathBuf,
    _lock: File,
}

impl DevnetFolder {
    /// Opens or makes it; with `fresh`, empties it first.
    pub fn open(path: &Path, fresh: bool) -> Result<Self> {
        let mark = path.join(MARK);
        let is_empty = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(|| format!("cannot read folder {}", path.display())),
        };
        if !is_empty && !mark.is_file() {
            bail!("{} is not a devnet's folder: it is left as it is; choose another --data-dir", path.display());
        }
        layout::create_folder(path)?;
        let lock = File::create(&mark).with_context(|| format!("cannot write {}", mark.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(anyhow!("a devnet runs in {} already", path.display())),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", mark.display()));
            }
        }
        if fresh {
            empty(path)?;
        }
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.path.join("devnet.log")
    }

    /// The description for programs.
    pub fn description(&self) -> PathBuf {
        self.path.join("devnet.json")
    }

    /// The chain in the folder, made if there is none, listening at `addresses`. With a time of day, in milliseconds, its clock is
    /// set to that: a new chain's back, one that is there already forward.
    pub fn chain(&self, seats: u16, addresses: &Addresses, time_of_day_ms: Option<u64>) -> Result<Genesis> {
        let asked_ms = time_of_day_ms.map(|time_of_day_ms| behind_ms(clock::now(), time_of_day_ms));
        let path = self.path.join(layout::GENESIS_FILE);
        if !path.exists() {
            // An init that was interrupted has left folders without a genesis.
            empty(&self.path)?;
            return init::create(&self.path, genesis::CHAIN_ID, NAME, seats, addresses, asked_ms.unwrap_or(0));
        }
        let genesis = layout::read_genesis(&path)?;
        if genesis.seats.len() != usize::from(seats) {
            bail!(
                "{} holds a devnet of {} seats, not {seats}: leave --seats out or start over with --fresh",
                self.path.display(),
                genesis.seats.len()
            );
        }
        for index in 0..genesis.seats.len() {
            let folder = layout::node_path(&self.path, index);
            let there_ms = layout::read_config(&folder)?.clock_behind_ms;
            let behind_ms = asked_ms.unwrap_or(there_ms);
            if behind_ms > there_ms {
                bail!(
                    "the clock of the devnet in {} is past that time, and is never set back: leave --time out or start over with --fresh",
                    self.path.display()
                );
            }
            layout::write_config(&folder, &layout::node_file(&genesis, addresses, behind_ms, index)?)?;
        }
        Ok(genesis)
    }
}

/// How far a clock must be set back to show a time of day: less than a day.
fn behind_ms(now: TimeMs, time_of_day_ms: u64) -> u64 {
    let today_ms = now.get() % DAY_MS;
    if today_ms >= time_of_day_ms { today_ms - time_of_day_ms } else { today_ms + DAY_MS - time_of_day_ms }
}

/// Removes everything but the mark, which says that this may be done.
fn empty(path: &Path) -> Result<()> {
    let failed = || format!("cannot empty {}", path.display());
    for entry in fs::read_dir(path).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        // The log may be open already; it is appended to.
        if entry.file_name() == MARK || entry.file_name() == "devnet.log" {
            continue;
        }
        let is_folder = entry.file_type().with_context(failed)?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.with_context(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("palisade-devnet-folder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_folder_that_is_no_devnets_is_left_alone() {
        let path = temporary("foreign");
        fs::create_dir_all(&path).expect("a folder");
        fs::write(path.join("thesis.txt"), "years of work").expect("written");
        let refused = DevnetFolder::open(&path, true).err().expect("must be refused");
        assert!(refused.to_string().contains("is not a devnet's folder"), "{refused}");
        assert!(path.join("thesis.txt").exists());
        fs::remove_dir_all(path).expect("removed");
    }

    #[test]
    fn a_devnet_is_kept_or_started_over() {
        let path = temporary("own");
        let addresses = init::addresses([127, 0, 0, 1].into(), 4_000, 4);
        let first = DevnetFolder::open(&path, false).expect("made").chain(4, &addresses, None).expect("a chain");
        let held = DevnetFolder::open(&path, false).expect("reopened");
        assert_eq!(held.chain(4, &addresses, None).expect("kept").hash(), first.hash());
        assert!(held.chain(7, &addresses, None).is_err(), "another number of seats is another chain");
        assert!(DevnetFolder::open(&path, true).is_err(), "a folder in use is not emptied");
        drop(held);
        let other = DevnetFolder::open(&path, true).expect("emptied").chain(4, &addresses, None).expect("a chain");
        assert_ne!(other.hash(), first.hash());
        fs::remove_dir_all(path).expect("removed");
    }

    #[test]
    fn a_devnets_clock_is_set_to_a_time_of_day_and_never_back() {
        let path = temporary("time");
        let addresses = init::addresses([127, 0, 0, 1].into(), 4_000, 4);
        let held = DevnetFolder::open(&path, false).expect("made");
        // Half an hour ago, so that midnight is not between what is asked for below.
        let begin_ms = clock::now().get() % DAY_MS;
        let begin_ms = if begin_ms < 3_600_000 { DAY_MS - 3_600_000 } else { begin_ms - 1_800_000 };
        let genesis = held.chain(4, &addresses, Some(begin_ms)).expect("a chain");
        assert!((begin_ms..begin_ms + 60_000).contains(&(genesis.time_ms.get() % DAY_MS)), "{}", genesis.time_ms);
        let behind = || layout::read_config(&layout::node_path(&path, 3)).expect("a node").clock_behind_ms;
        let first = behind();
        held.chain(4, &addresses, None).expect("kept");
        assert_eq!(behind(), first);
        held.chain(4, &addresses, Some(begin_ms + 60_000)).expect("a minute later");
        assert!((59_000..=60_000).contains(&(first - behind())), "{first} {}", behind());
        let refused = held.chain(4, &addresses, Some(begin_ms)).expect_err("a clock is never set back");
        assert!(refused.to_string().contains("is past that time"), "{refused}");
        fs::remove_dir_all(path).expect("removed");
    }

    #[test]
    fn a_clock_is_set_back_by_less_than_a_day() {
        let now = TimeMs::new(20 * DAY_MS + 1_000);
        assert_eq!([0, 1_000, 1_001].map(|time_ms| behind_ms(now, time_ms)), [1_000, 0, DAY_MS - 1]);
    }
}
