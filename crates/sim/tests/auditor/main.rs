//! The auditor on an engine alone: it agrees with a right one, and objects to every number that is told wrong by one unit.

use bare::Bare;
use palisade_sim::venue::{self, PEOPLE};
use palisade_types::{
    address::AccountId,
    event::{Event, LiquidationMethod, MarginLevel},
    numbers::{FundingIndex, Price, Shares, Size, Usd},
};
use product_lies::{OPTION_LIES, POOL_LIES, STRUCTURE_LIES, SYNTHETIC_LIES};

mod bare;
mod product_lies;

/// Seeds and blocks of each within which every kind of event below is met; the least that are run, all met or not.
const SEEDS: u64 = 12;
const SEEDS_LEAST: u64 = 4;
const BLOCKS: usize = 2_500;
/// Told wrong where it is met, and not met in every set of seeds: it takes a price that falls through all the collateral of a debt.
const RARE: [&str; 1] = ["a shortfall"];

/// Whether an account is a person's who holds no options, so that the auditor knows what it is worth.
fn holds_no_options(account: AccountId) -> bool {
    (0..PEOPLE).any(|person| venue::account(person) == account && !venue::trades_options(person))
}

fn more(amount: Usd) -> Usd {
    Usd::new(amount.get() + 1)
}

/// Tells one number wrong; whether the event has it.
type Lie = fn(&mut Event) -> bool;

/// In the order of the events' own list.
const LIES: [(&str, Lie); 19] = [
    ("the profit of a fill", |event| match event {
        Event::Traded(trade) if !trade.market.is_spot() => {
            trade.taker.closed_pnl_usd = more(trade.taker.closed_pnl_usd);
            true
        }
        _ => false,
    }),
    ("the fee of a fill", |event| match event {
        Event::Traded(trade) => {
            trade.maker.fee_usd = more(trade.maker.fee_usd);
            true
        }
        _ => false,
    }),
    ("a settlement price", |event| match event {
        Event::SettlementPriceFixed { price, .. } => {
            *price = Price::new(price.get() + 1);
            true
        }
        _ => false,
    }),
    ("a payoff", |event| match event {
        Event::Delivered { payoff_usd, .. } => {
            *payoff_usd = more(*payoff_usd);
            true
        }
        _ => false,
    }),
    ("dust", |event| match event {
        Event::MarketSettled { dust_usd, .. } => {
            *dust_usd = more(*dust_usd);
            true
        }
        _ => false,
    }),
    ("equity", |event| match event {
        Event::MarginCalled { account, equity_usd, market: None, level: MarginLevel::Warned, .. }
            if holds_no_options(*account) =>
        {
            *equity_usd = more(*equity_usd);
            true
        }
        _ => false,
    }),
    ("the fee of a slice", |event| match event {
        Event::Liquidated(told) if told.method == LiquidationMethod::Book => {
            told.fee_usd = more(told.fee_usd);
            true
        }
        _ => false,
    }),
    ("the quote of a takeover", |event| match event {
        Event::Liquidated(told) if told.method == LiquidationMethod::Backstop => {
            told.quote_usd = more(told.quote_usd);
            true
        }
        _ => false,
    }),
    ("a deficit", |event| match event {
        Event::DeficitPaid { amount_usd, .. } => {
            *amount_usd = more(*amount_usd);
            true
        }
        _ => false,
    }),
    ("a haircut", |event| match event {
        Event::Deleveraged { haircut_usd, bankrupt, .. } if holds_no_options(*bankrupt) => {
            *haircut_usd = more(*haircut_usd);
            true
        }
        _ => false,
    }),
    ("the lots of a winner", |event| match event {
        Event::Deleveraged { size, .. } => {
            *size = Size::new(size.get() + 1);
            true
        }
        _ => false,
    }),
    ("a loss paid in", |event| match event {
        Event::LossSettled { amount_usd, .. } => {
            *amount_usd = more(*amount_usd);
            true
        }
        _ => false,
    }),
    ("a funding index", |event| match event {
        Event::FundingRateSet { index, .. } => {
            *index = FundingIndex::new(index.get() + 1);
            true
        }
        _ => false,
    }),
    ("a funding payment", |event| match event {
        Event::FundingPaid { amount_usd, .. } => {
            *amount_usd = more(*amount_usd);
            true
        }
        _ => false,
    }),
    ("the fills of a TWAP", |event| match event {
        Event::TwapSlice { twap, .. } => {
            twap.filled_quote_usd = more(twap.filled_quote_usd);
            true
        }
        _ => false,
    }),
    ("the mark of a trigger", |event| match event {
        Event::TriggerFired { mark, .. } => {
            *mark = Price::new(mark.get() + 1);
            true
        }
        _ => false,
    }),
    ("shares of a vault", |event| match event {
        Event::VaultDeposited { shares, .. } => {
            *shares = Shares::new(shares.get() + 1);
            true
        }
        _ => false,
    }),
    ("a withdrawal from a vault", |event| match event {
        Event::VaultWithdrawn { value_usd, .. } => {
            *value_usd = more(*value_usd);
            true
        }
        _ => false,
    }),
    ("a tranche", |event| match event {
        Event::BackstopSynced { junior_usd, .. } => {
            *junior_usd = more(*junior_usd);
            true
        }
        _ => false,
    }),
];

#[test]
fn agrees_with_the_engine_and_objects_to_every_wrong_number() {
    let mut untold: Vec<(&str, Lie)> = [&LIES[..], &OPTION_LIES, &SYNTHETIC_LIES, &POOL_LIES, &STRUCTURE_LIES].concat();
    for seed in 1..=SEEDS {
        let mut bare = Bare::new(seed);
        for height in 0..BLOCKS {
            let before = bare.auditor().clone();
            let step = bare.make().unwrap_or_else(|error| panic!("seed {seed}, block {height}: {error}"));
            untold.retain(|(what, lie)| {
                let mut events = step.events.clone();
                if !events.iter_mut().any(lie) {
                    return true;
                }
                let mut auditor = before.clone();
                let followed = auditor.follow(&step.with(&events)).and_then(|()| auditor.compare(bare.state()));
                assert!(followed.is_err(), "seed {seed}, block {height}: {what} is told wrong and nobody objects");
                false
            });
            bare.check(&step).unwrap_or_else(|wrong| panic!("seed {seed}, block {height}: {wrong}"));
        }
        if seed >= SEEDS_LEAST && untold.iter().all(|(what, _)| RARE.contains(what)) {
            return;
        }
    }
    let names: Vec<&str> = untold.iter().map(|(what, _)| *what).filter(|what| !RARE.contains(what)).collect();
    assert!(names.is_empty(), "never met: {names:?}");
}
