//! The market maker: keeps quotes around the index in every market, so that a trader finds a book.
//!
//! Once a second it reads markets, account and open orders, computes what should rest ([`quoting`]), sends the difference
//! ([`plan`]) and waits for its receipts before it looks again, so it never acts on orders that are still on their way.
//! It keeps no state: after a restart it finds its quotes in the book and goes on. A market without a
//! fresh index has its quotes pulled. What it may spend is bounded by the inventory limit, the account's margin and the
//! account's action budget.

pub mod options;
pub mod plan;
pub mod quoting;

use crate::clock;
use palisade_client::{
    api::{AccountInfo, ApiError, MarketInfo, NodeApi},
    keys::Key,
    nonce::NonceSource,
};
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::{Envelope, Payload, SignedAction},
    genesis::Genesis,
    ids::{AssetId, UniverseId},
    market::SpotTerms,
    numbers::{Position, Price, Size},
    receipt::{CancelResult, OrderResult, Outcome, Receipt},
    time::TimeMs,
};
use plan::Plan;
use quoting::{Capacity, DesiredQuote, QuoteTerms, desired_quotes};
use std::{sync::Arc, time::Duration};
use tracing::{debug, info, warn};

/// Time between two looks at the chain.
const PERIOD: Duration = Duration::from_millis(1_000);
/// An index older than this is no basis for a quote.
const INDEX_AGE_MAX_MS: u64 = 10_000;
/// How long to wait for the receipts of one round.
const RECEIPT_WAIT_MS: u64 = 5_000;
/// An action that is not included within this time is pointless.
const ACTION_LIFE_MS: u64 = 15_000;
/// Quotes within this of where they should be are left alone, in millionths of the price.
const TOLERANCE_PPM: i64 = 100;
/// The same for options, whose prices move by more and are quoted wider.
const OPTION_TOLERANCE_PPM: i64 = 10_000;
/// The same when the budget runs low.
const THRIFTY_TOLERANCE_PPM: i64 = 1_000;
/// Actions left below which the maker is thrifty, and below which it only cancels.
const BUDGET_THRIFTY: u64 = 10_000;
const BUDGET_RESERVE: u64 = 500;
/// Share of equity used as margin up to which quotes have their full size, and from which only reducing ones are shown.
const MARGIN_FULL_PPM: i128 = 500_000;
const MARGIN_STOP_PPM: i128 = 800_000;
const MILLION: i128 = 1_000_000;

/// See the module.
pub struct MarketMaker {
    api: Arc<dyn NodeApi>,
    account: AccountId,
    key: Key,
    nonces: NonceSource,
    terms: QuoteTerms,
}

impl MarketMaker {
    /// A market maker for `account`; `key` is the account's own or an agent that it has approved.
    pub const fn new(api: Arc<dyn NodeApi>, account: AccountId, key: Key, terms: QuoteTerms) -> Self {
        Self { api, account, key, nonces: NonceSource::new(), terms }
    }

    /// Quotes until it is dropped.
    pub async fn run(self) {
        let mut trouble: Option<String> = None;
        loop {
            let problem = self.round().await.err().map(|error| error.to_string());
            if problem != trouble {
                match &problem {
                    Some(problem) => warn!(%problem, "the market maker cannot quote"),
                    None => info!(account = %self.account, "the market maker is quoting"),
                }
                trouble = problem;
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Brings all books to what they should be, once.
    pub async fn round(&self) -> Result<(), ApiError> {
        let genesis = self.api.genesis().await?;
        let markets = self.api.markets().await?;
        let account = self.api.account(self.account).await?;
        let orders = self.api.open_orders(self.account).await?;
        let budget = account.actions_cap.saturating_sub(account.actions_used);
        let tolerance_ppm = if budget < BUDGET_THRIFTY { THRIFTY_TOLERANCE_PPM } else { TOLERANCE_PPM };
        let mut plan = Plan::default();
        for market in markets.iter() {
            let resting: Vec<_> = orders.iter().filter(|order| order.market == market.spec.id).copied().collect();
            let desired = wanted(&genesis, &markets, market, &account, &self.terms);
            let tolerance_ppm =
                if market.spec.id.is_option() { OPTION_TOLERANCE_PPM.max(tolerance_ppm) } else { tolerance_ppm };
            plan.add_market(market.spec.id, &resting, &desired, tolerance_ppm);
        }
        if budget < BUDGET_RESERVE {
            plan.modifies.clear();
            plan.places.clear();
        }
        if plan.parts() == 0 {
            return Ok(());
        }
        debug!(cancels = plan.cancels.len(), modifies = plan.modifies.len(), places = plan.places.len(), "requoting");
        self.send(genesis.chain_id, plan.into_actions()).await
    }

    async fn send(&self, chain_id: u64, actions: Vec<Action>) -> Result<(), ApiError> {
        let mut sent = Vec::with_capacity(actions.len());
        for action in actions {
            let signed = self.signed(chain_id, action)?;
            sent.push(self.api.submit(signed).await?);
        }
        for action in sent {
            let receipt = self.api.receipt(action, RECEIPT_WAIT_MS).await?.receipt;
            let refused = refusals(&receipt);
            if !refused.is_empty() {
                debug!(?refused, "parts of an action were refused");
            }
        }
        Ok(())
    }

    fn signed(&self, chain_id: u64, action: Action) -> Result<SignedAction, ApiError> {
        let envelope = Envelope {
            chain_id,
            signer: self.key.public(),
            account: self.account,
            nonce: self.nonces.next(),
            expires_after_ms: Some(clock::now().saturating_add(ACTION_LIFE_MS)),
            payload: Payload::Native { action },
        };
        self.key.sign(envelope).map_err(|error| ApiError::InvalidRequest { reason: error.to_string() })
    }
}

/// What should rest in `market`; nothing without a fresh index.
fn wanted(
    genesis: &Genesis,
    markets: &[MarketInfo],
    market: &MarketInfo,
    account: &AccountInfo,
    terms: &QuoteTerms,
) -> Vec<DesiredQuote> {
    let Some(index) = fresh_index(market, account.time_ms).filter(|_| !market.halted) else { return Vec::new() };
    if market.spec.option().is_some() {
        // A vault trades linear markets only; an option has no mark before the block after its listing.
        let Some(option) = market.option.as_ref().filter(|_| account.vault.is_none()) else { return Vec::new() };
        return options::desired_quotes(&market.spec, option, account.time_ms, derivative_capacity(market, account));
    }
    let capacity = match market.spec.spot() {
        // A vault trades linear markets only.
        Some(_) if account.vault.is_some() => return Vec::new(),
        Some(spot) => spot_capacity(genesis, markets, market, spot, account, index),
        None => derivative_capacity(market, account),
    };
    desired_quotes(&market.spec, index, capacity, terms)
}

fn fresh_index(market: &MarketInfo, now: TimeMs) -> Option<Price> {
    let age_ms = now.since(market.index_time_ms?);
    market.index.filter(|_| age_ms <= INDEX_AGE_MAX_MS)
}

fn derivative_capacity(market: &MarketInfo, account: &AccountInfo) -> Capacity {
    let position = account.positions.iter().find(|position| position.market == market.spec.id);
    let margin = account.margins.iter().find(|margin| margin.universe == market.spec.universe);
    let (equity, used) = margin.map_or((0, 0), |margin| (margin.equity_usd.get(), margin.initial_margin_usd.get()));
    Capacity {
        inventory: position.map_or(Position::ZERO, |position| position.size),
        bid_lots: Size::MAX,
        ask_lots: Size::MAX,
        appetite_ppm: appetite_ppm(equity, used),
    }
}

/// How much of the usual size the account's margin allows: all of it up to one use, none from another, linear between.
fn appetite_ppm(equity: i128, used: i128) -> i64 {
    if equity <= 0 {
        return 0;
    }
    let use_ppm = used.saturating_mul(MILLION) / equity;
    let left = (MARGIN_STOP_PPM - use_ppm).clamp(0, MARGIN_STOP_PPM - MARGIN_FULL_PPM);
    i64::try_from(left * MILLION / (MARGIN_STOP_PPM - MARGIN_FULL_PPM)).unwrap_or(0)
}

/// Half of what the account holds is on offer. Its inventory is what it holds beyond its opening balance.
fn spot_capacity(
    genesis: &Genesis,
    markets: &[MarketInfo],
    market: &MarketInfo,
    spot: SpotTerms,
    account: &AccountInfo,
    index: Price,
) -> Capacity {
    let universe = market.spec.universe;
    let held = |asset: AssetId| {
        let balance = account.balances.iter().find(|balance| balance.universe == universe && balance.asset == asset);
        balance.map_or(0, |balance| balance.total.get())
    };
    let lots_per_unit = quoting::lots_per_unit(&market.spec);
    let unit = genesis
        .assets
        .iter()
        .find(|asset| asset.id == spot.base)
        .map_or(1, |asset| 10i128.pow(u32::from(asset.decimals.min(18))));
    let base_lots = |amount: i128| amount.saturating_mul(lots_per_unit) / unit;
    let same_quote = markets.iter().filter_map(|other| other.spec.spot()).filter(|other| other.quote == spot.quote);
    let quote_share = held(spot.quote) / 2 / i128::try_from(same_quote.count().max(1)).unwrap_or(1);
    let bid_lots = quote_share.saturating_mul(lots_per_unit) / i128::from(index.get().max(1));
    let opening = opening_balance(genesis, universe, account.account, spot.base);
    Capacity {
        inventory: Position::new(i64::try_from(base_lots(held(spot.base) - opening)).unwrap_or(0)),
        bid_lots: Size::new(u64::try_from(bid_lots).unwrap_or(0)),
        ask_lots: Size::new(u64::try_from(base_lots(held(spot.base) / 2)).unwrap_or(0)),
        appetite_ppm: 1_000_000,
    }
}

fn opening_balance(genesis: &Genesis, universe: UniverseId, account: AccountId, asset: AssetId) -> i128 {
    let opening = genesis
        .balances
        .iter()
        .filter(|balance| balance.universe == universe && balance.account == account && balance.asset == asset);
    opening.map(|balance| balance.amount.get()).sum()
}

/// Why parts of an action had no effect.
fn refusals(receipt: &Receipt) -> Vec<String> {
    match &receipt.outcome {
        Outcome::Rejected { rejection } => vec![rejection.to_string()],
        Outcome::Done
        | Outcome::Twap { .. }
        | Outcome::AccountCreated { .. }
        | Outcome::BlockRequested { .. }
        | Outcome::BlockQuoted { .. }
        | Outcome::Combo { .. }
        | Outcome::ComboOrder { .. } => Vec::new(),
        Outcome::Orders { results } => results
            .iter()
            .filter_map(|result| match result {
                OrderResult::Rejected { rejection } => Some(rejection.to_string()),
                OrderResult::Accepted { .. } | OrderResult::Waiting { .. } => None,
            })
            .collect(),
        Outcome::Quotes { results } => {
            results.iter().flat_map(|result| result.rejections().map(ToString::to_string)).collect()
        }
        Outcome::Cancels { results } => results
            .iter()
            .filter_map(|result| match result {
                CancelResult::Rejected { rejection } => Some(rejection.to_string()),
                CancelResult::Canceled { .. } => None,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appetite_falls_as_margin_is_used() {
        assert_eq!(appetite_ppm(1_000, 0), 1_000_000);
        assert_eq!(appetite_ppm(1_000, 500), 1_000_000);
        assert_eq!(appetite_ppm(1_000, 650), 500_000);
        assert_eq!(appetite_ppm(1_000, 800), 0);
        assert_eq!(appetite_ppm(1_000, 5_000), 0);
        assert_eq!(appetite_ppm(0, 0), 0);
        assert_eq!(appetite_ppm(-5, 10), 0);
    }
}
