//! The automated agents: programs that act on the chain from outside, through [`palisade_client::api::NodeApi`] alone.
//!
//! - [`reporter`] signs what one seat believes the world's prices are, once a second.
//! - [`market_maker`] keeps quotes around the index in every market.
//! - [`vault`] opens the vault that an agent leads.
//! - [`price`] is the world the reporters look at: a synthetic one, or recorded bars replayed.
//!
//! Rules: an agent has no privilege that a stranger lacks, keeps nothing on disk and starts from what the chain says,
//! so it can be killed and started again at any moment. Money is integer here too.

pub mod clock;
pub mod market_maker;
pub mod price;
pub mod reporter;
pub mod vault;
