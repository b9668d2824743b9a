//! Runs as text, so that a failure can be kept and read:
//!
//! ```text
//! world {"funds":{"alice":[1000,0,0]},"insurance":[100,0],...}
//! block 1000 BTC=60000 ETH=2000
//!   alice {"type":"place","orders":[...]}
//! block 250 twice
//! ```
//!
//! `block MS` is a block so long after the last, with the seats' prices if any are given (0: the asset has none from now on), and
//! the actions in the lines that follow. `twice`: it is turned back and executed again. `cold`: it is also executed by an engine rebuilt from the records.

use super::world::{BTC, ETH, Terms, USDC};
use palisade_types::{action::Action, ids::AssetId, numbers::Price};
use std::fmt::Write as _;

/// How often a block is executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Again {
    #[default]
    Once,
    Twice,
    Cold,
}

/// A block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub advance_ms: u64,
    pub prices: Vec<(AssetId, Price)>,
    pub actions: Vec<(String, Action)>,
    pub again: Again,
}

const SYMBOLS: [(&str, AssetId); 3] = [("USDC", USDC), ("BTC", BTC), ("ETH", ETH)];

impl Step {
    pub fn to_text(&self) -> String {
        let mut text = format!("block {}", self.advance_ms);
        match self.again {
            Again::Once => {}
            Again::Twice => text.push_str(" twice"),
            Again::Cold => text.push_str(" cold"),
        }
        for (asset, price) in &self.prices {
            let symbol = SYMBOLS.iter().find(|(_, id)| id == asset).expect("an asset of the world").0;
            let _ = write!(text, " {symbol}={price}");
        }
        text.push('\n');
        for (name, action) in &self.actions {
            let _ = writeln!(text, "  {name} {}", serde_json::to_string(action).expect("an action is JSON"));
        }
        text
    }
}

/// A run as text.
pub fn to_text(terms: &Terms, steps: &[Step]) -> String {
    let mut text = format!("world {}\n", serde_json::to_string(terms).expect("terms are JSON"));
    for step in steps {
        text.push_str(&step.to_text());
    }
    text
}

/// A run from text.
pub fn from_text(text: &str) -> (Terms, Vec<Step>) {
    let mut terms = Terms::default();
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(json) = line.strip_prefix("world ") {
            terms = serde_json::from_str(json).expect("terms");
        } else if let Some(rest) = line.strip_prefix("block ") {
            steps.push(block(rest));
        } else {
            let (name, json) = line.trim().split_once(' ').expect("a name and an action");
            let action = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
            steps.last_mut().expect("a block before it").actions.push((name.to_owned(), action));
        }
    }
    (terms, steps)
}

fn block(text: &str) -> Step {
    let mut words = text.split_whitespace();
    let mut step =
        Step { advance_ms: words.next().expect("milliseconds").parse().expect("a number"), ..Step::default() };
    for word in words {
        match word {
            "twice" => step.again = Again::Twice,
            "cold" => step.again = Again::Cold,
            _ => {
                let (symbol, price) = word.split_once('=').expect("SYMBOL=PRICE");
                let asset = SYMBOLS.iter().find(|(name, _)| *name == symbol).expect("an asset of the world").1;
                step.prices.push((asset, price.parse().expect("a price")));
            }
        }
    }
    step
}
