//! Questions about single options, in decimal text: the input and output of `palisade price FILE`.

use crate::{
    black::{Greeks, OptionKind, OptionTerms},
    error::PricingError,
    fixed::{Fixed, Volatility},
};
use palisade_types::numbers::Price;
use serde::{Deserialize, Serialize};

/// Questions in one file, at most.
pub const QUESTIONS_MAX: usize = 100_000;

/// An option, and its volatility or its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// `call` or `put`.
    pub kind: OptionKind,
    /// The price of the underlying for delivery at expiry, in USD.
    pub forward: Price,
    /// The strike, in USD.
    pub strike: Price,
    /// Milliseconds to expiry.
    pub time_ms: u64,
    /// What it is worth then; 1 is 100 % a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatility: Option<Volatility>,
    /// Or its price in USD, to know its volatility.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Fixed>,
}

/// What one option is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// As asked, or implied by the price.
    pub volatility: Volatility,
    /// The price and its greeks at that volatility; units: docs/rules/pricing.md.
    #[serde(flatten)]
    pub greeks: Greeks,
    /// What exercising now would bring, in USD.
    pub intrinsic: Fixed,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// Neither or both of the two.
    #[error("question {place}: give either a volatility or a price")]
    VolatilityOrPrice {
        /// Which question, from 0.
        place: usize,
    },
    /// More than [`QUESTIONS_MAX`].
    #[error("{count} questions are more than {QUESTIONS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The option has no price.
    #[error("question {place}: {error}")]
    Pricing {
        /// Which question, from 0.
        place: usize,
        /// Why.
        error: PricingError,
    },
}

/// Answers, in the order of the questions.
pub fn answer(questions: &[Question]) -> Result<Vec<Answer>, QuestionError> {
    if questions.len() > QUESTIONS_MAX {
        return Err(QuestionError::TooMany { count: questions.len() });
    }
    questions
        .iter()
        .enumerate()
        .map(|(place, question)| {
            let terms = OptionTerms {
                kind: question.kind,
                forward: question.forward,
                strike: question.strike,
                time_ms: question.time_ms,
            };
            let wrong = |error| QuestionError::Pricing { place, error };
            let volatility = match (question.volatility, question.price) {
                (Some(volatility), None) => volatility,
                (None, Some(price)) => terms.implied_volatility(price).map_err(wrong)?,
                _ => return Err(QuestionError::VolatilityOrPrice { place }),
            };
            let greeks = terms.greeks(volatility).map_err(wrong)?;
            Ok(Answer { volatility, greeks, intrinsic: terms.intrinsic() })
        })
        .collect()
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
