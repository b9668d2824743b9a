//! Questions with numbers instead of an account: their shapes, and answers to those that need option mathematics alone. Such
//! a question needs no state, so every node answers it alike.
//!
//! What a request may ask is bounded: a file of the command line may ask for more.

use crate::api::ApiError;
use palisade_pricing::{portfolio, question};

pub use palisade_pricing::{
    portfolio::question::{PortfolioAnswer, PortfolioQuestion},
    question::{Answer as PriceAnswer, Question as PriceQuestion},
    what_if::*,
};

/// Options priced in one request.
pub const PRICES_MAX: usize = 1_000;
/// Legs of the portfolio of one request, of both kinds together, and expiries.
pub const LEGS_MAX: usize = 1_000;

fn invalid(error: impl std::fmt::Display) -> ApiError {
    ApiError::InvalidRequest { reason: error.to_string() }
}

/// What options are worth, in the order of the questions: `palisade price`.
pub fn prices(questions: &[PriceQuestion]) -> Result<Vec<PriceAnswer>, ApiError> {
    let found = questions.len();
    if found > PRICES_MAX {
        return Err(invalid(format_args!("{found} questions, the limit of a request is {PRICES_MAX}")));
    }
    question::answer(questions).map_err(invalid)
}

/// What a portfolio could lose and needs: `palisade margin --portfolio`.
pub fn portfolio_margin(question: &PortfolioQuestion) -> Result<PortfolioAnswer, ApiError> {
    let legs = question.linear.len().saturating_add(question.options.len());
    for (found, what) in [(legs, "legs"), (question.expiries.len(), "expiries")] {
        if found > LEGS_MAX {
            return Err(invalid(format_args!("{found} {what}, the limit of a request is {LEGS_MAX}")));
        }
    }
    portfolio::question::answer(question).map_err(invalid)
}
