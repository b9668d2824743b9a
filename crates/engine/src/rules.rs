//! The rules of a protocol version, chosen once per block.
//!
//! Nothing below compares version numbers: what differs between versions is data or a function here. A change of
//! version is scheduled in state for a height. What it changes in the layout of records is moved by a
//! [`Migration`]: bounded per block, resumed from a cursor in state, over the same undo journal as everything else.

use crate::state::State;

/// The newest version that this binary knows.
pub const NEWEST_VERSION: u32 = 1;

/// A block of a version that this binary lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("protocol version {version} is not known to this binary, which knows up to {newest}: install a newer release")]
pub struct UnknownVersion {
    /// The version wanted.
    pub version: u32,
    /// The newest version known.
    pub newest: u32,
}

/// The rules of one version.
#[derive(Debug, Clone)]
pub struct Rules {
    version: u32,
    migration: Option<Migration>,
}

/// How records of the version before become records of this one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Most records moved in one block.
    pub records_per_block: usize,
    /// Moves up to that many records after the cursor; returns the new cursor, or `None` when all are done.
    pub step: MigrationStep,
}

/// See [`Migration::step`].
pub(crate) type MigrationStep = fn(&mut State, cursor: Option<Vec<u8>>, records: usize) -> Option<Vec<u8>>;

impl Rules {
    /// The rules of a version.
    pub const fn at(version: u32) -> Result<Self, UnknownVersion> {
        match version {
            1 => Ok(Self { version, migration: None }),
            _ => Err(UnknownVersion { version, newest: NEWEST_VERSION }),
        }
    }

    /// Which version these are.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What moves the records of the version before.
    pub(crate) const fn migration(&self) -> Option<&Migration> {
        self.migration.as_ref()
    }

    /// Rules of a version that no chain has.
    #[cfg(test)]
    pub(crate) const fn of_test(version: u32, migration: Migration) -> Self {
        Self { version, migration: Some(migration) }
    }
}
