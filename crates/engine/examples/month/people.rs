//! Who trades: accounts drawn from a seed, each with one way of trading options that it repeats every day.
//!
//! Equity is log-uniform from 1,000 to 100,000 USD. Writers use 70 to 99 % of it as margin, and covered calls borrow up to four times
//! their equity, so that some must fail.

use crate::{chains::SYMBOLS, replay::Draw};

/// Accounts drawn.
pub const PEOPLE: usize = 600;

/// What an account does each day with options of the next expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// Pays 5 % of its equity for calls or puts.
    Buyer,
    /// Holds the perpetual for one to five times its equity and writes calls on it.
    CoveredCall,
    /// Writes calls or puts, one strike away.
    Writer,
    /// Writes calls and puts, one to three strikes away.
    Strangle,
    /// Writes the option one strike away and buys the one three strikes away.
    Vertical,
    /// In portfolio mode: writes the call at the money and holds one that lasts a week.
    Calendar,
    /// In portfolio mode: writes call and put at the money.
    PortfolioStraddle,
    /// In portfolio mode: writes calls or puts, one strike away.
    PortfolioWriter,
}

/// Each with its share of the accounts, in per cent.
pub const STYLES: [(Style, u64, &str); 8] = [
    (Style::Buyer, 20, "buyers of calls or puts"),
    (Style::CoveredCall, 20, "covered calls"),
    (Style::Writer, 15, "writers of calls or puts"),
    (Style::Strangle, 10, "writers of strangles"),
    (Style::Vertical, 10, "vertical spreads"),
    (Style::Calendar, 10, "calendar spreads, portfolio mode"),
    (Style::PortfolioStraddle, 10, "writers of straddles, portfolio mode"),
    (Style::PortfolioWriter, 5, "writers of calls or puts, portfolio mode"),
];

/// An account.
#[derive(Clone, Debug)]
pub struct Person {
    pub number: usize,
    pub style: Style,
    pub underlying: usize,
    pub equity_usd: i128,
    /// How many strikes from the money.
    pub away: usize,
    /// Calls, where only one side is traded.
    pub is_bullish: bool,
    /// The part of the equity that the writing needs as margin.
    pub usage: f64,
    /// The perpetual that a covered call holds, in parts of the equity.
    pub leverage: f64,
}

impl Person {
    pub fn name(&self) -> String {
        format!("person {}", self.number)
    }

    pub const fn is_portfolio(&self) -> bool {
        matches!(self.style, Style::Calendar | Style::PortfolioStraddle | Style::PortfolioWriter)
    }
}

pub fn make(seed: u64) -> Vec<Person> {
    let mut draw = Draw(seed ^ 0x6f70_7469_6f6e_7321);
    (0..PEOPLE)
        .map(|number| Person {
            number,
            style: style(draw.below(100)),
            underlying: usize::from(draw.below(5) >= 3) % SYMBOLS.len(),
            equity_usd: (1_000.0 * 100f64.powf(draw.unit())) as i128,
            away: 1 + draw.below(3) as usize,
            is_bullish: draw.below(2) == 0,
            usage: 0.7 + 0.29 * draw.unit(),
            leverage: 1.0 + 4.0 * draw.unit(),
        })
        .collect()
}

fn style(mut place: u64) -> Style {
    for (style, share, _) in STYLES {
        if place < share {
            return style;
        }
        place -= share;
    }
    Style::Buyer
}
