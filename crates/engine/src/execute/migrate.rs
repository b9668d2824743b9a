//! A change of rules: begun at its scheduled height, its migration carried on block by block until done.

use crate::{rules::Rules, state::MigrationProgress, work::Work};
use palisade_types::ids::Height;

/// Begins a scheduled change of rules, and carries on the migration under way.
pub(super) fn run(work: &mut Work<'_>, rules: &Rules, height: Height) {
    let due = work.state.chain().scheduled_upgrade.filter(|upgrade| height >= upgrade.height);
    if due.is_some() {
        let begins = rules.migration().map(|_| MigrationProgress { version: rules.version(), cursor: None });
        work.update_chain(|chain| {
            chain.scheduled_upgrade = None;
            chain.migration = begins;
        });
    }
    let Some(migration) = rules.migration() else { return };
    let Some(progress) = work.state.chain().migration.clone() else { return };
    let cursor = (migration.step)(work.state, progress.cursor, migration.records_per_block);
    work.update_chain(|chain| {
        chain.migration = cursor.map(|cursor| MigrationProgress { version: progress.version, cursor: Some(cursor) });
    });
}
