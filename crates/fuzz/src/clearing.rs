//! The engine's clearing tests' own reading of a state, and their checks of a block: the very same files, so that what a fuzzer
//! finds and what the random runs find is judged alike.

#![allow(dead_code, reason = "another crate's tests, of which a part is used here")]

#[path = "../../engine/tests/clearing/books.rs"]
pub mod books;
#[path = "../../engine/tests/clearing/checks.rs"]
pub mod checks;
#[path = "../../engine/tests/clearing/follow.rs"]
pub mod follow;
#[path = "../../engine/tests/clearing/legs.rs"]
pub mod legs;
#[path = "../../engine/tests/clearing/liquidity.rs"]
pub mod liquidity;
#[path = "../../engine/tests/clearing/options.rs"]
pub mod options;
#[path = "../../engine/tests/clearing/synthetics.rs"]
pub mod synthetics;
