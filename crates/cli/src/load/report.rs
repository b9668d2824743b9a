//! What became of the actions, counted.

use crate::show;
use palisade_client::api::{ApiError, ReceiptInfo};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Longest list of different errors.
const ERRORS_SHOWN_MAX: usize = 10;

/// What became of one action.
pub enum Outcome {
    /// The node did not take it.
    Refused {
        /// Why.
        error: ApiError,
    },
    /// The node took it, but gave no receipt.
    Unanswered {
        /// Why.
        error: ApiError,
    },
    /// The receipt came.
    Answered {
        /// The receipt.
        receipt: Box<ReceiptInfo>,
        /// From sending to the receipt.
        latency: Duration,
    },
}

impl Outcome {
    /// The receipt, if there is one.
    pub fn receipt(&self) -> Option<&ReceiptInfo> {
        match self {
            Self::Answered { receipt, .. } => Some(receipt),
            _ => None,
        }
    }
}

/// Counts of outcomes.
#[derive(Default)]
pub struct Tally {
    sent: u64,
    accepted: u64,
    without_effect: u64,
    latencies_us: Vec<u64>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, outcome: &Outcome) {
        self.sent += 1;
        match outcome {
            Outcome::Refused { error } => self.error("refused", error),
            Outcome::Unanswered { error } => {
                self.accepted += 1;
                self.error("unanswered", error);
            }
            Outcome::Answered { receipt, latency } => {
                self.accepted += 1;
                self.without_effect += u64::from(show::is_refused(&receipt.receipt.outcome));
                self.latencies_us.push(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            }
        }
    }

    fn error(&mut self, what: &str, error: &ApiError) {
        // Numbers differ from one error to the next; the kind of error does not.
        let kind: String = error.to_string().chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        let short: String = kind.replace("##", "#").replace("##", "#").replace("##", "#").chars().take(120).collect();
        *self.errors.entry(format!("{what}: {short}")).or_default() += 1;
    }

    /// How many receipts came.
    pub fn receipts(&self) -> u64 {
        u64::try_from(self.latencies_us.len()).unwrap_or(u64::MAX)
    }

    /// One line while it runs.
    pub fn progress(&self) -> String {
        format!("answered {} of which receipts {}", self.sent, self.receipts())
    }

    /// Latency below which `per_mille` of the receipts came, in microseconds.
    fn latency_us(sorted_us: &[u64], per_mille: usize) -> u64 {
        let last = sorted_us.len().saturating_sub(1);
        sorted_us.get(last * per_mille / 1_000).copied().unwrap_or_default()
    }

    fn sorted_us(&self) -> Vec<u64> {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        sorted
    }

    fn rate(&self, elapsed: Duration) -> u64 {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        self.receipts().saturating_mul(1_000) / ms
    }

    /// The result for people.
    pub fn lines(&self, elapsed: Duration) -> Vec<String> {
        let sorted = self.sorted_us();
        let at = |per_mille| Self::latency_us(&sorted, per_mille) / 1_000;
        let mut lines = vec![
            format!("sent       {}", self.sent),
            format!("accepted   {}", self.accepted),
            format!(
                "receipts   {} ({} without effect), {} per second",
                self.receipts(),
                self.without_effect,
                self.rate(elapsed)
            ),
            format!("latency    p50 {} ms, p90 {} ms, p99 {} ms, max {} ms", at(500), at(900), at(990), at(1_000)),
        ];
        let mut errors: Vec<(&String, &u64)> = self.errors.iter().collect();
        errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        lines
            .extend(errors.iter().take(ERRORS_SHOWN_MAX).map(|(error, count)| format!("error      {count} x {error}")));
        lines
    }

    /// The result for programs.
    pub fn json(&self, elapsed: Duration) -> Value {
        let sorted = self.sorted_us();
        let exact = |per_mille| Self::latency_us(&sorted, per_mille);
        let at = |per_mille| exact(per_mille) / 1_000;
        json!({
            "sent": self.sent,
            "accepted": self.accepted,
            "receipts": self.receipts(),
            "without_effect": self.without_effect,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "receipts_per_second": self.rate(elapsed),
            "latency_ms": { "p50": at(500), "p90": at(900), "p99": at(990), "max": at(1_000) },
            "latency_us": { "p50": exact(500), "p90": exact(900), "p99": exact(990), "max": exact(1_000) },
            "errors": self.errors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_receipts_that_came() {
        let mut tally = Tally { latencies_us: (1..=1_000).map(|ms| ms * 1_000).rev().collect(), ..Tally::default() };
        tally.add(&Outcome::Refused { error: ApiError::MempoolFull { pending: 12, limit: 34 } });
        tally.add(&Outcome::Refused { error: ApiError::MempoolFull { pending: 99, limit: 34 } });
        let value = tally.json(Duration::from_secs(10));
        assert_eq!(value["latency_ms"], json!({ "p50": 500, "p90": 900, "p99": 990, "max": 1_000 }));
        assert_eq!((value["sent"].as_u64(), value["accepted"].as_u64()), (Some(2), Some(0)));
        assert_eq!(value["errors"].as_object().map(|errors| errors.len()), Some(1), "errors are counted by kind");
    }
}
