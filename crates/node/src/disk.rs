//! A disk that does not serve is not a store that is damaged.
//!
//! Damage is mended by wiping a store and making it again. Whoever cannot open a file because the disk is full or
//! read-only, too many files are open or a device fails has lost nothing, and must not wipe anything: the node stops and
//! says so. [`StoreFault::of`] tells the two apart by what the runtime said at the bottom of an error.

use commonware_runtime::Error as RuntimeError;
use commonware_storage::{archive, journal};
use std::{error::Error, io::ErrorKind};

/// What is wrong with a store that does not open or does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// The disk does not serve; what is stored may be whole.
    Disk(String),
    /// What is stored is not what was written.
    Content(String),
}

impl StoreFault {
    /// Which of the two an error of storage is.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let reason = error.to_string();
        if is_disk_failure(error) { Self::Disk(reason) } else { Self::Content(reason) }
    }
}

fn is_disk_failure(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(runtime) = cause.downcast_ref::<RuntimeError>() {
            return runtime_failed(runtime);
        }
        // These hide their cause from `source`.
        if let Some(archive::Error::Journal(hidden)) = cause.downcast_ref::<archive::Error>() {
            return is_disk_failure(hidden);
        }
        if let Some(journal::Error::Merkle(hidden)) = cause.downcast_ref::<journal::Error>() {
            return hidden.chain().any(is_disk_failure);
        }
        next = cause.source();
    }
    false
}

fn runtime_failed(error: &RuntimeError) -> bool {
    match error {
        // A file that ends too early, and bytes that no writer wrote, are content.
        RuntimeError::Io(cause) => !matches!(cause.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData),
        RuntimeError::ReadFailed
        | RuntimeError::WriteFailed
        | RuntimeError::PartitionCreationFailed(_)
        | RuntimeError::BlobOpenFailed(..)
        | RuntimeError::BlobResizeFailed(..)
        | RuntimeError::BlobSyncFailed(..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::StoreFault;
    use crate::results::ResultsError;
    use commonware_runtime::Error as RuntimeError;
    use commonware_storage::{archive, journal, metadata};
    use std::io::{Error as IoError, ErrorKind};

    fn is_disk(error: &(dyn std::error::Error + 'static)) -> bool {
        matches!(StoreFault::of(error), StoreFault::Disk(_))
    }

    #[test]
    fn the_disk_is_found_below_any_store() {
        let full = || RuntimeError::from(IoError::from(ErrorKind::StorageFull));
        assert!(is_disk(&full()));
        assert!(is_disk(&archive::Error::Metadata(metadata::Error::Runtime(full()))));
        let below = archive::Error::Journal(journal::Error::Runtime(full()));
        assert!(is_disk(&ResultsError::from(below)));
        let merkle = journal::Error::Runtime(full());
        assert!(is_disk(&journal::Error::Merkle(merkle.into())));
    }

    #[test]
    fn content_is_not_the_disk() {
        let short = RuntimeError::from(IoError::from(ErrorKind::UnexpectedEof));
        assert!(!is_disk(&archive::Error::Journal(journal::Error::Runtime(short))));
        assert!(!is_disk(&archive::Error::RecordCorrupted));
        assert!(!is_disk(&RuntimeError::InvalidChecksum));
        assert!(!is_disk(&RuntimeError::BlobCorrupt("a".to_owned(), "b".to_owned(), "c".to_owned())));
    }
}
