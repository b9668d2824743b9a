//! Block trades by request for quote: several legs between two named accounts, outside the books.
//! Rules: `docs/rules/block-trades.md`.
//!
//! Rules:
//! - A request and a quote promise nothing and reserve nothing: all that decides is asked when a quote is accepted.
//! - A request is filled once, by one quote, whole; then it and its other quotes end.
//! - A block sets no last price and meets no order of a book.
//!
//! Invariants:
//! - Every open quote is for an open request; at most one per request, account and side.
//! - Open requests and quotes are bounded per account, and quotes per request.

use crate::{
    action::too_many,
    legs::{self, MultiTrade, MultiVerdict, Party, Structure},
    market_math::check_limit_price,
    net_price::NetTerms,
    state::{Record, RecordKey, State},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{BlockQuoteId, BlockRequestId, OrderId},
    limits::{
        BLOCK_LEGS, BLOCK_MAKERS_MAX, BLOCK_QUOTES_PER_ACCOUNT_MAX, BLOCK_QUOTES_PER_REQUEST_MAX, BLOCK_REQUEST_MS_MAX,
        BLOCK_REQUESTS_PER_ACCOUNT_MAX,
    },
    multi_leg::{
        BlockEnd, BlockPrice, BlockQuote, BlockQuoteTerms, BlockRequest, BlockTerms, BlockTrade, LegsFault, MakerFault,
    },
    numbers::{Price, Size, Usd},
    order::Side,
    rejection::Rejection,
    time::TimeMs,
};

/// The least value of a block at the marks, all legs counted up: 100,000 USD. Less belongs into the books.
pub const BLOCK_NOTIONAL_MINIMUM_USD: Usd = Usd::new(100_000 * 100_000_000);

/// The least time between a block and the end of a request or quote in it.
const AHEAD_MIN_MS: u64 = 1;

/// Opens a request.
pub(crate) fn request(
    work: &mut Work<'_>,
    account: AccountId,
    terms: &BlockTerms,
) -> Result<BlockRequestId, Rejection> {
    let structure = Structure::of(work.state, &terms.legs, &BLOCK_LEGS)?;
    structure.check_tradable(work.state, work.time_ms)?;
    check_size(&structure, &structure.marks(work.state)?, terms.lots)?;
    check_makers(work.state, account, &terms.makers)?;
    check_ahead(terms.expires_at_ms, work.time_ms)?;
    let latest = work.time_ms.saturating_add(BLOCK_REQUEST_MS_MAX);
    if terms.expires_at_ms > latest {
        let milliseconds = |time: TimeMs| i64::try_from(time.get()).unwrap_or(i64::MAX);
        return Err(Rejection::OutOfRange {
            field: "expires_at_ms".to_owned(),
            value: milliseconds(terms.expires_at_ms),
            minimum: milliseconds(work.time_ms.saturating_add(AHEAD_MIN_MS)),
            maximum: milliseconds(latest),
        });
    }
    if work.state.block_requests_of(account).count() >= BLOCK_REQUESTS_PER_ACCOUNT_MAX {
        return Err(too_many("open block requests of an account", BLOCK_REQUESTS_PER_ACCOUNT_MAX));
    }
    let id = BlockRequestId::new(work.take_order_number()?.get());
    let request = BlockRequest { id, account, terms: terms.clone(), placed_at_ms: work.time_ms };
    work.emit(Event::BlockRequested { request: request.clone() });
    work.state.put(Record::BlockRequest { id, record: request });
    Ok(id)
}

/// Opens a quote, in place of the account's former one for that request and side.
pub(crate) fn quote(
    work: &mut Work<'_>,
    account: AccountId,
    terms: &BlockQuoteTerms,
) -> Result<BlockQuoteId, Rejection> {
    let request = open_request(work.state, terms.request, work.time_ms)?.clone();
    check_asked(work.state, &request, account)?;
    if request.terms.side == Some(terms.side) {
        return Err(Rejection::WrongQuoteSide { side: terms.side });
    }
    let structure = Structure::of(work.state, &request.terms.legs, &BLOCK_LEGS)?;
    structure.check_tradable(work.state, work.time_ms)?;
    let marks = structure.marks(work.state)?;
    if terms.lots > request.terms.lots {
        let count = |lots: Size| i64::try_from(lots.get()).unwrap_or(i64::MAX);
        let (value, maximum) = (count(terms.lots), count(request.terms.lots));
        return Err(Rejection::OutOfRange { field: "lots".to_owned(), value, minimum: 1, maximum });
    }
    check_size(&structure, &marks, terms.lots)?;
    leg_prices(&structure, &marks, &terms.price)?;
    check_ahead(terms.expires_at_ms, work.time_ms)?;
    let former = work
        .state
        .block_quotes_for(request.id)
        .find(|quote| quote.account == account && quote.terms.side == terms.side)
        .map(|quote| quote.id);
    if let Some(former) = former {
        end_quote(work, former, BlockEnd::Replaced);
    }
    if work.state.block_quotes_of(account).count() >= BLOCK_QUOTES_PER_ACCOUNT_MAX {
        return Err(too_many("open block quotes of an account", BLOCK_QUOTES_PER_ACCOUNT_MAX));
    }
    if work.state.block_quotes_for(request.id).count() >= BLOCK_QUOTES_PER_REQUEST_MAX {
        return Err(too_many("quotes for a block request", BLOCK_QUOTES_PER_REQUEST_MAX));
    }
    let id = BlockQuoteId::new(work.take_order_number()?.get());
    let quote = BlockQuote { id, account, terms: terms.clone(), placed_at_ms: work.time_ms };
    work.emit(Event::BlockQuoted { quote: quote.clone() });
    work.state.put(Record::BlockQuote { id, record: quote });
    Ok(id)
}

/// Trades a block at a quote: all legs or none.
pub(crate) fn accept(
    work: &mut Work<'_>,
    account: AccountId,
    request: BlockRequestId,
    quote: BlockQuoteId,
) -> Result<(), Rejection> {
    let request = open_request(work.state, request, work.time_ms)
        .ok()
        .filter(|open| open.account == account)
        .ok_or(Rejection::BlockRequestNotOpen { request })?
        .clone();
    let quote = work
        .state
        .block_quote(quote)
        .filter(|open| open.terms.request == request.id && open.terms.expires_at_ms > work.time_ms)
        .ok_or(Rejection::BlockQuoteNotOpen { quote })?
        .clone();
    let structure = Structure::of(work.state, &request.terms.legs, &BLOCK_LEGS)?;
    structure.check_tradable(work.state, work.time_ms)?;
    let marks = structure.marks(work.state)?;
    check_size(&structure, &marks, quote.terms.lots)?;
    let prices = leg_prices(&structure, &marks, &quote.terms.price)?;
    check_room(work.state, &structure, account, &quote)?;
    trade(work, &structure, &prices, account, &quote)?;
    end_quote(work, quote.id, BlockEnd::Traded);
    end_request(work, request.id, BlockEnd::Traded);
    Ok(())
}

/// Refuses what caps do not leave room for, and vaults that may only reduce.
fn check_room(state: &State, structure: &Structure, taker: AccountId, quote: &BlockQuote) -> Result<(), Rejection> {
    let (maker, units) = (quote.account, quote.terms.lots);
    let taker_side = quote.terms.side.opposite();
    structure.check_vault(state, taker, taker_side, units)?;
    if let (_, Some(full)) = structure.within_positions(state, taker, taker_side, units)? {
        return Err(Rejection::PositionCap { cap: full.terms()?.position_maximum });
    }
    if let Some(fault) = legs::maker_fault(state, structure, maker, quote.terms.side, units)? {
        return Err(Rejection::MakerFails { maker, fault });
    }
    let (buyer, seller) = match quote.terms.side {
        Side::Buy => (maker, taker),
        Side::Sell => (taker, maker),
    };
    if let (_, Some(full)) = structure.within_open_interest(state, buyer, seller, units)? {
        return Err(Rejection::OpenInterestCap { market: full.market.id, cap: full.terms()?.open_interest_maximum });
    }
    Ok(())
}

fn trade(
    work: &mut Work<'_>,
    structure: &Structure,
    prices: &[Price],
    taker: AccountId,
    quote: &BlockQuote,
) -> Result<(), Rejection> {
    let maker = quote.account;
    let (units, taker_side) = (quote.terms.lots, quote.terms.side.opposite());
    let announcement = Event::BlockTraded(BlockTrade {
        request: quote.terms.request,
        quote: quote.id,
        taker_side,
        taker,
        maker,
        lots: units,
        quote_usd: structure.quote_usd(prices, units)?,
        first_trade: work.next_trade(),
        trades: u32::try_from(structure.legs.len()).unwrap_or(u32::MAX),
    });
    let both = MultiTrade {
        structure,
        prices,
        units,
        taker_side,
        maker: Party { account: maker, order: OrderId::new(quote.id.get()) },
        taker: Party { account: taker, order: OrderId::new(quote.terms.request.get()) },
    };
    match legs::trade(work, &both, announcement)? {
        MultiVerdict::Traded => Ok(()),
        MultiVerdict::MakerFails => Err(Rejection::MakerFails { maker, fault: MakerFault::Margin }),
        MultiVerdict::TakerFails(rejection) => Err(rejection),
    }
}

/// The prices of the legs, if each is on its tick and near its mark.
fn leg_prices(structure: &Structure, marks: &[Price], price: &BlockPrice) -> Result<Vec<Price>, Rejection> {
    let prices = match price {
        BlockPrice::Net { price } => return NetTerms::of(structure)?.split(structure, *price, marks),
        BlockPrice::Legs { prices } => prices,
    };
    if prices.len() != structure.legs.len() {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let fault = LegsFault::Prices { found: number(prices.len()), legs: number(structure.legs.len()) };
        return Err(Rejection::InvalidLegs { fault });
    }
    for (leg, price) in structure.legs.iter().zip(prices) {
        check_limit_price(*price, leg.market.tick)?;
    }
    structure.check_bands(marks, prices)?;
    Ok(prices.clone())
}

fn check_size(structure: &Structure, marks: &[Price], lots: Size) -> Result<(), Rejection> {
    if lots.is_zero() {
        return Err(Rejection::ZeroSize);
    }
    let (notional, minimum) = (structure.gross_usd(marks, lots)?, BLOCK_NOTIONAL_MINIMUM_USD);
    if notional < minimum {
        return Err(Rejection::BelowMinimumNotional { notional, minimum });
    }
    Ok(())
}

fn check_makers(state: &State, account: AccountId, makers: &[AccountId]) -> Result<(), Rejection> {
    if makers.len() > BLOCK_MAKERS_MAX {
        return Err(too_many("makers of a block request", BLOCK_MAKERS_MAX));
    }
    let group = state.group_of(account);
    match makers.iter().find(|maker| state.group_of(**maker) == group) {
        Some(maker) => Err(Rejection::SameOwner { account: *maker }),
        None => Ok(()),
    }
}

/// Refuses quotes of those who are not asked, or who ask.
fn check_asked(state: &State, request: &BlockRequest, account: AccountId) -> Result<(), Rejection> {
    if state.group_of(account) == state.group_of(request.account) {
        return Err(Rejection::SameOwner { account: request.account });
    }
    let makers = &request.terms.makers;
    if makers.is_empty() || makers.contains(&account) {
        return Ok(());
    }
    Err(Rejection::NotAsked { request: request.id })
}

fn check_ahead(time_ms: TimeMs, now: TimeMs) -> Result<(), Rejection> {
    if time_ms <= now {
        return Err(Rejection::TimeNotAhead { time_ms, block_time_ms: now, minimum_ahead_ms: AHEAD_MIN_MS });
    }
    Ok(())
}

/// A request that is open; one whose time is over is not, even if its timer still waits in line.
fn open_request(state: &State, request: BlockRequestId, now: TimeMs) -> Result<&BlockRequest, Rejection> {
    let open = state.block_request(request).filter(|open| open.terms.expires_at_ms > now);
    open.ok_or(Rejection::BlockRequestNotOpen { request })
}

/// Ends a request and all quotes for it, at most [`BLOCK_QUOTES_PER_REQUEST_MAX`].
pub(crate) fn end_request(work: &mut Work<'_>, id: BlockRequestId, reason: BlockEnd) {
    let Some(request) = work.state.block_request(id).cloned() else { return };
    let quotes: Vec<BlockQuoteId> = work.state.block_quotes_for(id).map(|quote| quote.id).collect();
    for quote in quotes {
        end_quote(work, quote, BlockEnd::RequestEnded);
    }
    work.state.delete(RecordKey::BlockRequest(id));
    work.emit(Event::BlockRequestEnded { request, reason });
}

/// Ends a quote.
pub(crate) fn end_quote(work: &mut Work<'_>, id: BlockQuoteId, reason: BlockEnd) {
    if let Some(quote) = work.state.block_quote(id).cloned() {
        work.state.delete(RecordKey::BlockQuote(id));
        work.emit(Event::BlockQuoteEnded { quote, reason });
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
