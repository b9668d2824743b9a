//! What a run has really done: faults by kind, states by name. A campaign that never met a state says nothing
//! about it, so every report shows the counts.

use std::collections::BTreeMap;

/// Counts by name. Adding two campaigns adds their counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// Counts one more of `name`.
    pub fn note(&mut self, name: impl Into<String>) {
        let count = self.0.entry(name.into()).or_default();
        *count = count.saturating_add(1);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (name, more) in &other.0 {
            let count = self.0.entry(name.clone()).or_default();
            *count = count.saturating_add(*more);
        }
    }

    /// How often `name` was noted.
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Names and counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }
}
