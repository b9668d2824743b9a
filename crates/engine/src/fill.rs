//! The settlement of one fill, and whether both sides can afford it. Matching is the same for every kind of
//! market; this is where kinds differ.
//!
//! Rules:
//! - The quote is exact, computed once and posted with opposite signs; fees round up and go to the universe.
//! - A fill stands only if both sides can afford it afterwards: spot, nothing spent that an order or a position
//!   needs; perpetuals, initial margin at the mark, or less risk at no worse health (I5); options, the same, and premiums
//!   are paid in cash that clearing has received (I4).
//! - The maker is judged first: a maker who cannot pay costs nobody anything but that maker's order.
//! - Several fills that stand or fall together are posted one by one and judged as a whole, see [`crate::legs`].

use crate::{
    accounts::{
        Paid, check_premium, collateral_account, exposure, margin, margin_without, position, received_cash_usd,
        spendable,
    },
    clearing,
    funding_payment::OwedFunding,
    isolated,
    ledger::{Overdraft, Settlement},
    margin::AccountMargin,
    market_math::{base_amount, quote_amount, quote_usd},
    mutant::{Mutant, is_planted},
    options::fees::trade_fee_usd,
    orders,
    perpetual::{FillEffect, reduces},
    state::{MarketState, PositionId, PositionRecord, Record, RecordKey, State},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{Event, Trade, TradeSide},
    ids::{AssetId, MarketId},
    market::{MarketKind, MarketSpec, SpotTerms},
    numbers::{Amount, Position, Size, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
};

/// What became of a fill that matching proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stands.
    Settled {
        /// `price × lots`.
        quote_usd: Usd,
    },
    /// The maker cannot afford it; nothing happened.
    MakerFails,
    /// The taker cannot afford it; nothing happened.
    TakerFails,
}

/// A fill that matching proposes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill<'a> {
    /// Where.
    pub market: &'a MarketSpec,
    /// The resting order; its price is the fill's.
    pub maker: &'a OpenOrder,
    /// The incoming order.
    pub taker: &'a OpenOrder,
    /// How much.
    pub lots: Size,
    /// Whether the taker is closed by force, and not asked whether it affords it.
    pub is_forced: bool,
}

/// Amounts of a fill.
#[derive(Clone, Copy, Debug)]
struct Amounts {
    quote_usd: Usd,
    maker_fee_usd: Usd,
    taker_fee_usd: Usd,
}

/// One side before the fill.
#[derive(Clone, Copy, Debug)]
struct Before {
    position: PositionRecord,
    margin: Option<MarginBefore>,
}

/// The margin of one side of a fill, which moves the fill's market and the balance and nothing else.
#[derive(Clone, Copy, Debug)]
struct MarginBefore {
    /// All other markets, which stay as they are; none where the market is margined together with others.
    elsewhere: Option<AccountMargin>,
    /// All markets.
    whole: AccountMargin,
    /// The cash that clearing has received, of which premiums are paid; none where there are no premiums.
    received_usd: Option<Usd>,
    /// The purse of an isolated position.
    purse: Option<AccountMargin>,
}

/// Settles a fill if both sides can afford it.
pub(crate) fn settle(work: &mut Work<'_>, fill: &Fill<'_>) -> Result<Verdict, Rejection> {
    let amounts = amounts(work.state, fill)?;
    let maker_before = before(work.state, fill.market, fill.maker.account)?;
    let taker_before = before(work.state, fill.market, fill.taker.account)?;
    let checkpoint = work.checkpoint();
    let maker_left = fill.maker.remaining.checked_sub(fill.lots).ok_or(Rejection::Overflow)?;
    orders::put(work.state, fill.market, *fill.maker, maker_left)?;
    let realised = match post(work, fill, &amounts, &maker_before, &taker_before) {
        Ok(realised) => realised,
        // Only the taker may be short of what is spent: a maker's order holds it.
        Err(Rejection::InsufficientBalance { .. }) => {
            work.revert_to(checkpoint);
            return Ok(if spot_maker_covers(work.state, fill)? { Verdict::TakerFails } else { Verdict::MakerFails });
        }
        Err(rejection) => return Err(rejection),
    };
    if !is_planted(Mutant::MakerUnasked) && !affords(work.state, fill.market, fill.maker, &maker_before)? {
        work.revert_to(checkpoint);
        return Ok(Verdict::MakerFails);
    }
    if !fill.is_forced && !affords(work.state, fill.market, fill.taker, &taker_before)? {
        work.revert_to(checkpoint);
        return Ok(Verdict::TakerFails);
    }
    let record = MarketState { last_price: Some(fill.maker.price) };
    work.state.put(Record::MarketState { id: fill.market.id, record });
    announce(work, fill, &amounts, (maker_before.position, taker_before.position), realised)?;
    if fill.lots == fill.maker.remaining {
        work.emit(Event::OrderFilled { order: OpenOrder { remaining: Size::ZERO, ..*fill.maker } });
    }
    Ok(Verdict::Settled { quote_usd: amounts.quote_usd })
}

/// Trades one leg of several between two accounts: posted like any fill, but nobody is asked whether it can be afforded,
/// which whoever calls asks of the whole; and since neither order lies in the market's book, neither the book nor the last price
/// is touched. The caller has a checkpoint.
pub(crate) fn trade_leg(work: &mut Work<'_>, leg: &Fill<'_>) -> Result<Usd, Rejection> {
    let amounts = amounts(work.state, leg)?;
    let unjudged = |account| Before { position: position(work.state, account, leg.market.id), margin: None };
    let (maker_before, taker_before) = (unjudged(leg.maker.account), unjudged(leg.taker.account));
    let realised = post(work, leg, &amounts, &maker_before, &taker_before)?;
    announce(work, leg, &amounts, (maker_before.position, taker_before.position), realised)?;
    Ok(amounts.quote_usd)
}

fn amounts(state: &State, fill: &Fill<'_>) -> Result<Amounts, Rejection> {
    let quote_usd = quote_usd(fill.maker.price, fill.lots, fill.market.size_decimals)?;
    let fee = |rate| trade_fee_usd(state, fill.market, quote_usd, fill.lots, rate);
    Ok(Amounts { quote_usd, maker_fee_usd: fee(fill.market.maker_fee)?, taker_fee_usd: fee(fill.market.taker_fee)? })
}

/// Moves money and positions as the market's kind does; returns the profit of maker and taker.
fn post(
    work: &mut Work<'_>,
    fill: &Fill<'_>,
    amounts: &Amounts,
    maker_before: &Before,
    taker_before: &Before,
) -> Result<(Usd, Usd), Rejection> {
    match fill.market.spot() {
        Some(spot) => settle_spot(work.state, fill, spot, amounts).map(|()| (Usd::ZERO, Usd::ZERO)),
        None => settle_perpetual(work, fill, amounts, maker_before, taker_before),
    }
}

/// Counts volume and tells of the trade; positions before it and profits are those of maker and taker.
fn announce(
    work: &mut Work<'_>,
    fill: &Fill<'_>,
    amounts: &Amounts,
    (maker_before, taker_before): (PositionRecord, PositionRecord),
    (maker_pnl_usd, taker_pnl_usd): (Usd, Usd),
) -> Result<(), Rejection> {
    let quote_usd = amounts.quote_usd;
    for account in [fill.maker.account, fill.taker.account] {
        count_volume(work.state, fill.market, account, quote_usd)?;
    }
    let maker = side(fill.maker, amounts.maker_fee_usd, maker_before.position, maker_pnl_usd);
    let taker = side(fill.taker, amounts.taker_fee_usd, taker_before.position, taker_pnl_usd);
    let id = work.take_trade_number()?;
    work.emit(Event::Traded(Trade {
        id,
        market: fill.market.id,
        price: fill.maker.price,
        size: fill.lots,
        quote_usd,
        taker_side: fill.taker.side,
        maker,
        taker,
    }));
    Ok(())
}

fn side(order: &OpenOrder, fee_usd: Usd, start_position: Position, closed_pnl_usd: Usd) -> TradeSide {
    TradeSide {
        account: order.account,
        order: order.id,
        client_order_id: order.client_order_id,
        fee_usd,
        start_position,
        closed_pnl_usd,
    }
}

fn before(state: &State, market: &MarketSpec, account: AccountId) -> Result<Before, Rejection> {
    let purse = isolated::purse(state, account, market)?;
    let margin = match market.kind {
        MarketKind::Perpetual { .. } | MarketKind::Future { .. } if !state.is_portfolio(account, market.universe) => {
            let elsewhere = margin_without(state, account, market.universe, Some(market.id))?;
            let whole = elsewhere.with(&exposure(state, account, market)?.cross_margin()?)?;
            Some(MarginBefore { elsewhere: Some(elsewhere), whole, received_usd: None, purse })
        }
        MarketKind::Perpetual { .. } | MarketKind::Future { .. } | MarketKind::Option { .. } => {
            let received = market.option().map(|_| received_cash_usd(state, account, market.universe));
            let received_usd = received.transpose()?;
            let whole = margin(state, account, market.universe)?;
            Some(MarginBefore { elsewhere: None, whole, received_usd, purse })
        }
        MarketKind::Spot { .. } => None,
    };
    Ok(Before { position: position(state, account, market.id), margin })
}

/// Whether a spot maker's balance covers the fill by itself.
fn spot_maker_covers(state: &State, fill: &Fill<'_>) -> Result<bool, Rejection> {
    let record = orders::with_reservation(state, fill.market, OpenOrder { remaining: fill.lots, ..*fill.maker })?;
    Ok(record.hold.is_none_or(|hold| state.balance(fill.maker.account, hold.universe, hold.asset) >= hold.amount))
}

fn settle_spot(state: &mut State, fill: &Fill<'_>, spot: SpotTerms, amounts: &Amounts) -> Result<(), Rejection> {
    let universe = fill.market.universe;
    let decimals = state.asset(spot.base).ok_or(Rejection::UnknownAsset { asset: spot.base })?.decimals;
    let base = base_amount(fill.lots, fill.market.size_decimals, decimals)?;
    let quote = quote_amount(amounts.quote_usd);
    let (buyer, seller) = buyer_and_seller(fill);
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.transfer(buyer, seller, spot.quote, quote)?;
    settlement.transfer(seller, buyer, spot.base, base)?;
    post_fees(&mut settlement, fill, (fill.maker.account, fill.taker.account), spot.quote, amounts)?;
    settlement.apply(state)
}

fn post_fees(
    settlement: &mut Settlement,
    fill: &Fill<'_>,
    (maker_purse, taker_purse): (AccountId, AccountId),
    asset: AssetId,
    amounts: &Amounts,
) -> Result<(), Rejection> {
    let fees = AccountId::fees(fill.market.universe);
    if !is_planted(Mutant::SkipFeePosting) {
        settlement.transfer(maker_purse, fees, asset, quote_amount(amounts.maker_fee_usd))?;
    }
    settlement.transfer(taker_purse, fees, asset, quote_amount(amounts.taker_fee_usd))
}

fn buyer_and_seller(fill: &Fill<'_>) -> (AccountId, AccountId) {
    match fill.taker.side {
        Side::Buy => (fill.taker.account, fill.maker.account),
        Side::Sell => (fill.maker.account, fill.taker.account),
    }
}

/// Pays the funding that both positions owe, moves them and posts what they realise; returns the profit of maker and taker.
fn settle_perpetual(
    work: &mut Work<'_>,
    fill: &Fill<'_>,
    amounts: &Amounts,
    maker_before: &Before,
    taker_before: &Before,
) -> Result<(Usd, Usd), Rejection> {
    let market = fill.market;
    let universe = market.universe;
    let collateral = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let index = work.state.funding_index(market.id);
    let maker_owed = OwedFunding::of(maker_before.position, index)?;
    let taker_owed = OwedFunding::of(taker_before.position, index)?;
    let effect = |owed: &OwedFunding, order: &OpenOrder| -> Result<FillEffect, Rejection> {
        if market.option().is_some() {
            return owed.paid().after_premium(order.side, fill.lots, amounts.quote_usd);
        }
        owed.paid().after_fill(order.side, fill.maker.price, fill.lots, market.size_decimals)
    };
    let maker = effect(&maker_owed, fill.maker)?;
    let taker = effect(&taker_owed, fill.taker)?;
    let clearing_account = AccountId::clearing(market.id);
    let maker_purse = collateral_account(work.state, fill.maker.account, market.id);
    let taker_purse = collateral_account(work.state, fill.taker.account, market.id);
    let mut settlement = Settlement::new(universe, Overdraft::Allowed);
    maker_owed.post(&mut settlement, maker_purse, market.id, collateral)?;
    taker_owed.post(&mut settlement, taker_purse, market.id, collateral)?;
    settlement.transfer(clearing_account, maker_purse, collateral, quote_amount(maker.realised_usd))?;
    settlement.transfer(clearing_account, taker_purse, collateral, quote_amount(taker.realised_usd))?;
    post_fees(&mut settlement, fill, (maker_purse, taker_purse), collateral, amounts)?;
    let parties = [
        (fill.maker.account, maker_owed.received_usd(maker.realised_usd)?),
        (fill.taker.account, taker_owed.received_usd(taker.realised_usd)?),
    ];
    clearing::apply(work.state, market, settlement, &parties)?;
    put_position(work.state, fill.maker.account, market.id, maker.after);
    put_position(work.state, fill.taker.account, market.id, taker.after);
    maker_owed.announce(work, fill.maker.account, market.id);
    taker_owed.announce(work, fill.taker.account, market.id);
    for (purse, account, before) in [
        (maker_purse, fill.maker.account, maker_before.position),
        (taker_purse, fill.taker.account, taker_before.position),
    ] {
        if purse != account {
            isolated::settle_purse(work.state, account, market, before)?;
        }
    }
    Ok((maker.realised_usd, taker.realised_usd))
}

pub(crate) fn put_position(state: &mut State, account: AccountId, market: MarketId, record: PositionRecord) {
    let id = PositionId { account, market };
    if record.position.is_zero() {
        state.delete(RecordKey::Position(id));
    } else {
        state.put(Record::Position { id, record });
    }
}

fn collateral_balance(state: &State, market: &MarketSpec, account: AccountId) -> Result<Amount, Rejection> {
    let universe = market.universe;
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    Ok(state.balance(account, universe, collateral))
}

/// Whether the owner of `order` can afford the state after the fill.
fn affords(state: &State, market: &MarketSpec, order: &OpenOrder, before: &Before) -> Result<bool, Rejection> {
    match (market.spot(), before.margin) {
        (Some(spot), _) => {
            let paid = match order.side {
                Side::Buy => spot.quote,
                Side::Sell => spot.base,
            };
            Ok(spendable(state, order.account, market.universe, paid)? >= Amount::ZERO)
        }
        (None, Some(margin_before)) => {
            let checked = match margin_before.elsewhere {
                Some(elsewhere) => check_linear(state, market, order, before, (&elsewhere, &margin_before)),
                None => check_whole(state, market, order, before, &margin_before),
            };
            match checked {
                Ok(()) => Ok(true),
                Err(Rejection::InsufficientMargin { .. } | Rejection::PremiumUncovered { .. }) => Ok(false),
                Err(rejection) => Err(rejection),
            }
        }
        (None, None) => Ok(false),
    }
}

fn check_linear(
    state: &State,
    market: &MarketSpec,
    order: &OpenOrder,
    before: &Before,
    (elsewhere, margin_before): (&AccountMargin, &MarginBefore),
) -> Result<(), Rejection> {
    let here = exposure(state, order.account, market)?;
    let after =
        elsewhere.with_balance(collateral_balance(state, market, order.account)?).with(&here.cross_margin()?)?;
    let reduces = reduces(before.position.position, here.position.position);
    if here.is_isolated {
        isolated::check_fill(state, order.account, market, &after, &margin_before.whole)?;
        return isolated::check_purse(state, order.account, market, margin_before.purse.as_ref(), reduces);
    }
    after.check_fill(&margin_before.whole, reduces)
}

fn check_whole(
    state: &State,
    market: &MarketSpec,
    order: &OpenOrder,
    before: &Before,
    margin_before: &MarginBefore,
) -> Result<(), Rejection> {
    let whole_before = &margin_before.whole;
    let after = margin(state, order.account, market.universe)?;
    let reduces = reduces(before.position.position, position(state, order.account, market.id).position);
    if state.standing(order.account, market.id).is_isolated() {
        isolated::check_fill(state, order.account, market, &after, whole_before)?;
        return isolated::check_purse(state, order.account, market, margin_before.purse.as_ref(), reduces);
    }
    if let Some(received_before) = margin_before.received_usd {
        let paid = Paid { received_before, margin: &after, reduces };
        check_premium(state, order.account, market.universe, &paid)?;
    }
    after.check_fill(whole_before, reduces)
}

/// Counts a fill for the budget of an account, if it is one of people. In a universe that somebody opened the lister sets the fees,
/// so trading with oneself there would buy actions for nothing: it earns none.
pub(crate) fn count_volume(
    state: &mut State,
    market: &MarketSpec,
    account: AccountId,
    quote_usd: Usd,
) -> Result<(), Rejection> {
    if state.listing(market.universe).is_some() {
        return Ok(());
    }
    if let Some(mut record) = state.account(account).copied() {
        record.volume_usd = record.volume_usd.checked_add(quote_usd).ok_or(Rejection::Overflow)?;
        state.put(Record::Account { id: account, record });
    }
    Ok(())
}
