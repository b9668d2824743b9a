//! What happened, in sums.

use crate::{
    people::Style,
    replay::dollars,
    terms::{CORE, USDC, maker},
    venue::Venue,
};
use palisade_engine::{BlockOutcome, state::State};
use palisade_types::{
    address::AccountId,
    event::{Event, LiquidationMethod, MarginLevel, Payer},
    ids::AssetId,
    market::MarketKind,
    receipt::{OrderResult, Outcome},
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Tally {
    pub before: BTreeMap<AccountId, i128>,
    pub blocks: u64,
    /// Fills of options: how many, premiums paid, and fees of all fills.
    pub fills: u64,
    pub premiums: i128,
    pub fees: i128,
    /// Orders of people that filled, and why others did not.
    pub orders_filled: u64,
    pub orders_unfilled: BTreeMap<String, u64>,
    pub warned: BTreeSet<AccountId>,
    pub called: BTreeSet<AccountId>,
    pub liquidated: BTreeSet<AccountId>,
    /// By method: slices and what was paid for them.
    pub by_method: BTreeMap<u8, (u64, i128)>,
    pub liquidation_fees: i128,
    pub fund_paid: i128,
    pub fees_paid: i128,
    pub haircut: i128,
    pub deleveraged: BTreeSet<AccountId>,
    pub gates: u64,
    /// Prices after which somebody was still below maintenance when the next one came.
    pub unresolved: u64,
    pub worst_block: usize,
    pub options_listed: u64,
    pub settlements: Vec<(AssetId, u64, i64)>,
}

impl Tally {
    pub fn new(venue: &Venue) -> Self {
        let state = venue.state();
        let held = |account| state.balance(account, CORE, USDC).get();
        Self { before: state.accounts().map(|(account, _)| (account, held(account))).collect(), ..Self::default() }
    }

    pub fn follow(&mut self, state: &State, outcome: &BlockOutcome) {
        self.blocks += 1;
        let mut slices = 0;
        for event in &outcome.events {
            self.follow_event(state, event);
            slices += usize::from(matches!(event, Event::Liquidated(_)));
        }
        self.worst_block = self.worst_block.max(slices);
        let makers: Vec<AccountId> = (0..2).map(|place| crate::replay::key(&maker(place)).address()).collect();
        for receipt in outcome.receipts.iter().filter(|receipt| !makers.contains(&receipt.account)) {
            match &receipt.outcome {
                Outcome::Orders { results } => results.iter().for_each(|result| self.follow_order(result)),
                Outcome::Rejected { rejection } => self.unfilled(&format!("{rejection:?}")),
                _ => {}
            }
        }
    }

    fn follow_order(&mut self, result: &OrderResult) {
        match result {
            OrderResult::Accepted { filled, .. } if filled.get() > 0 => self.orders_filled += 1,
            OrderResult::Rejected { rejection } => self.unfilled(&format!("{rejection:?}")),
            OrderResult::Accepted { .. } | OrderResult::Waiting { .. } => self.unfilled("NothingInTheBook"),
        }
    }

    /// By the rejection's name alone.
    fn unfilled(&mut self, why: &str) {
        let name: String = why.chars().take_while(char::is_ascii_alphanumeric).collect();
        *self.orders_unfilled.entry(name).or_default() += 1;
    }

    fn follow_event(&mut self, state: &State, event: &Event) {
        match event {
            Event::Traded(trade) => {
                self.fees += trade.maker.fee_usd.get() + trade.taker.fee_usd.get();
                let spec = state.market(trade.market);
                if spec.is_some_and(|spec| matches!(spec.kind, MarketKind::Option { .. })) {
                    self.fills += 1;
                    self.premiums += trade.quote_usd.get();
                }
            }
            Event::OptionListed { .. } => self.options_listed += 1,
            Event::OptionsFixed { underlying, expires_at_ms, price, .. } => {
                self.settlements.push((*underlying, expires_at_ms.get(), price.get()));
            }
            Event::MarginCalled { account, level, .. } => {
                match level {
                    MarginLevel::Warned => self.warned.insert(*account),
                    MarginLevel::Called => self.called.insert(*account),
                    MarginLevel::Liquidatable => self.liquidated.insert(*account),
                    MarginLevel::Healthy => false,
                };
            }
            Event::Liquidated(one) => {
                let entry = self.by_method.entry(one.method as u8).or_default();
                entry.0 += 1;
                entry.1 += one.quote_usd.get();
                self.liquidation_fees += one.fee_usd.get();
            }
            Event::DeficitPaid { payer, amount_usd, .. } => match payer {
                Payer::Insurance => self.fund_paid += amount_usd.get(),
                Payer::Fees => self.fees_paid += amount_usd.get(),
            },
            Event::Deleveraged { account, haircut_usd, .. } => {
                self.haircut += haircut_usd.get();
                self.deleveraged.insert(*account);
            }
            Event::GateChanged { closed: true, .. } => self.gates += 1,
            _ => {}
        }
    }

    /// A day in a line.
    pub fn line(&self, venue: &Venue) -> String {
        let settled: Vec<String> =
            self.settlements.iter().rev().take(2).map(|(_, _, price)| dollars(i128::from(*price))).collect();
        let hedges = self.by_method.get(&(LiquidationMethod::Hedge as u8)).map_or(0, |entry| entry.0);
        format!(
            "settled at {}; {} fills, {} liquidated, {hedges} hedges, fund paid {}, {} blocks, {} people hold positions",
            settled.join(" and "),
            self.fills,
            self.liquidated.len(),
            dollars(self.fund_paid),
            self.blocks,
            venue
                .state()
                .accounts()
                .filter(|(account, _)| venue.state().positions_of(*account).next().is_some())
                .count()
        )
    }
}

/// What an account is worth in the universe, in 1e-8 USD.
pub fn equity(state: &State, account: AccountId) -> i128 {
    let margin = palisade_engine::accounts::margin(state, account, CORE).and_then(|margin| margin.equity_usd());
    margin.expect("every mark is there").get()
}

/// The vault's cash and the purses that it keeps apart.
pub fn backstop(state: &State) -> i128 {
    let vault = AccountId::backstop(CORE);
    let purse = |market| state.balance(AccountId::isolated(vault, market), CORE, USDC).get();
    state.balance(vault, CORE, USDC).get() + state.markets().map(|market| purse(market.id)).sum::<i128>()
}

/// Which styles' accounts came below maintenance.
pub fn styles(tally: &Tally, of: impl Fn(AccountId) -> Option<Style>) -> BTreeMap<Style, usize> {
    let mut counts = BTreeMap::new();
    for style in tally.liquidated.iter().filter_map(|account| of(*account)) {
        *counts.entry(style).or_default() += 1;
    }
    counts
}
