//! Lines of scenarios about liquidity pools.
//!
//! ```text
//! alice open-pool BTC/USDC 100 10000 30            -> created
//! bob   join-pool BTC/USDC 10 1000                 -> done
//! bob   join-pool BTC/USDC 10 1000 least 5         -> refused …
//! bob   leave-pool BTC/USDC 500                    -> done
//! bob   leave-pool BTC/USDC 500 least 1 100        -> refused …
//! pool BTC/USDC holds 100 10000
//! pool BTC/USDC quotes 98.5 101.5
//! pool BTC/USDC shares of bob 500
//! ```
//!
//! The fee is in basis points; shares are counts.

use super::{Venue, account_named, amount, coins, market_named};
use crate::liquidity::{curve, reserves};
use palisade_types::{action::Action, numbers::Amount, numbers::Shares, order::Side, pool::PoolFee};

fn shares(word: &str) -> Shares {
    word.parse().expect("a count of shares")
}

pub(super) fn parse(venue: &Venue, words: &[&str]) -> Action {
    match words {
        ["open-pool", market, base, quote, fee] => Action::CreatePool {
            market: market_named(venue, market),
            base: amount(base),
            quote: amount(quote),
            fee: *PoolFee::ALL
                .iter()
                .find(|tier| tier.rate().get() == 100 * fee.parse::<i64>().expect("basis points"))
                .expect("a tier"),
        },
        ["join-pool", market, base, quote, least @ ..] => Action::DepositPool {
            market: market_named(venue, market),
            base_maximum: amount(base),
            quote_maximum: amount(quote),
            shares_minimum: least.last().map_or(Shares::ZERO, |word| shares(word)),
        },
        ["leave-pool", market, count, least @ ..] => Action::WithdrawPool {
            market: market_named(venue, market),
            shares: shares(count),
            base_minimum: least.get(1).map_or(Amount::ZERO, |word| amount(word)),
            quote_minimum: least.get(2).map_or(Amount::ZERO, |word| amount(word)),
        },
        _ => panic!("no such action: {words:?}"),
    }
}

pub(super) fn expect(venue: &Venue, line: &str, words: &[&str]) {
    let state = venue.state();
    let market = state.market(market_named(venue, words[1])).expect("a market");
    let shown = match words[2] {
        "holds" => {
            let there = reserves(state, market, market.spot().expect("a spot market"));
            format!("holds {} {}", coins(there.base), coins(there.quote))
        }
        "quotes" => {
            let curve = curve(state, market).expect("a pool");
            let price = |side| curve.price(side).expect("a price");
            format!("quotes {} {}", price(Side::Sell), price(Side::Buy))
        }
        "shares" => {
            let name = words[4];
            format!("shares of {name} {}", state.pool_shares(market.id, account_named(venue, name)))
        }
        other => panic!("no such line: {other}"),
    };
    assert_eq!(shown, words[2..].join(" "), "\nline: {line}");
}
