//! What each style sends, read from the books as anyone would.

use crate::{
    people::{Person, Style},
    terms::{CORE, OPTION_DECIMALS, PERPETUAL_DECIMALS, asset, perpetual},
};
use palisade_engine::state::{OptionExpiryId, State};
use palisade_types::{
    address::AccountId,
    ids::MarketId,
    market::OptionKind,
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    time::TimeMs,
};

/// Least time that the long leg of a calendar still has.
const LONG_LEG_MS: u64 = 3 * 86_400_000;
/// Margin of a short option, of a short strangle, and of shorts in portfolio mode, as parts of the forward: what sizes go by.
const WRITER_MARGIN: f64 = 0.15;
const STRANGLE_MARGIN: f64 = 0.30;
const PORTFOLIO_MARGIN: f64 = 0.19;

/// One expiry as the books show it.
pub struct Board {
    /// USD.
    forward: f64,
    expires_at_ms: u64,
    strikes: Vec<Price>,
    options: Vec<(Price, OptionKind, MarketId)>,
}

impl Board {
    /// The boards of an underlying whose prices are not fixed yet, by expiry.
    pub fn all(state: &State, underlying: usize) -> Vec<Self> {
        let of = |id: &OptionExpiryId| id.universe == CORE && id.underlying == asset(underlying);
        state
            .option_expiries()
            .filter(|(id, record)| of(id) && record.settlement_price().is_none())
            .map(|(id, record)| {
                let terms = |market: MarketId| {
                    let contract =
                        state.market(market).and_then(|spec| spec.option()).expect("an option of the expiry");
                    (contract.strike, contract.right, market)
                };
                let options: Vec<_> = state.options_of(id).map(terms).collect();
                let mut strikes: Vec<Price> = options.iter().map(|(strike, ..)| *strike).collect();
                strikes.sort();
                strikes.dedup();
                let forward = record.forward.get() as f64 / 1e8;
                Self { forward, expires_at_ms: id.expires_at_ms.get(), strikes, options }
            })
            .collect()
    }

    /// The strike so many places above the one nearest to the forward.
    fn strike(&self, away: isize) -> Option<Price> {
        let apart = |strike: &Price| (strike.get() as f64 / 1e8 - self.forward).abs();
        let near = (0..self.strikes.len())
            .min_by(|left, right| apart(&self.strikes[*left]).total_cmp(&apart(&self.strikes[*right])))?;
        near.checked_add_signed(away).and_then(|place| self.strikes.get(place)).copied()
    }

    fn option(&self, right: OptionKind, away: isize) -> Option<MarketId> {
        let strike = self.strike(away)?;
        self.options.iter().find(|option| option.0 == strike && option.1 == right).map(|option| option.2)
    }
}

/// An order that takes what the book's first level offers.
fn take(state: &State, market: MarketId, side: Side, lots: f64) -> Option<OrderRequest> {
    let price = state.best_order(market, side.opposite())?.order.price;
    (lots >= 1.0).then(|| OrderRequest {
        market,
        side,
        price,
        size: Size::new(lots as u64),
        time_in_force: TimeInForce::Ioc,
        reduce_only: false,
        client_order_id: None,
    })
}

fn held(state: &State, account: AccountId) -> Vec<(MarketId, i64)> {
    state.positions_of(account).map(|(market, record)| (market, record.position.get())).collect()
}

/// What the person does on a day; nothing if it has lost nearly everything.
pub fn of_the_day(state: &State, person: &Person, account: AccountId, expiry_ms: u64) -> Vec<OrderRequest> {
    let boards = Board::all(state, person.underlying);
    let equity = palisade_engine::accounts::margin(state, account, CORE).and_then(|margin| margin.equity_usd());
    let equity = equity.map_or(0.0, |equity| equity.get() as f64 / 1e8);
    let Some(board) = boards.iter().find(|board| board.expires_at_ms == expiry_ms) else { return Vec::new() };
    if equity < 100.0 {
        return Vec::new();
    }
    let day = Day { state, person, account, boards: &boards, board, equity };
    match person.style {
        Style::Buyer => day.buy(),
        Style::CoveredCall => day.covered_call(),
        Style::Writer => day.write_one(WRITER_MARGIN),
        Style::Strangle => day.write_both(person.away as isize, STRANGLE_MARGIN),
        Style::Vertical => day.vertical(),
        Style::Calendar => day.calendar(),
        Style::PortfolioStraddle => day.write_both(0, PORTFOLIO_MARGIN),
        Style::PortfolioWriter => day.write_one(PORTFOLIO_MARGIN),
    }
    .unwrap_or_default()
}

/// What a person sees.
struct Day<'a> {
    state: &'a State,
    person: &'a Person,
    account: AccountId,
    boards: &'a [Board],
    board: &'a Board,
    equity: f64,
}

impl Day<'_> {
    /// Lots of an option in a number of units.
    fn lots(&self, units: f64) -> f64 {
        units * 10f64.powi(i32::from(OPTION_DECIMALS[self.person.underlying]))
    }

    fn right(&self) -> (OptionKind, isize) {
        if self.person.is_bullish { (OptionKind::Call, 1) } else { (OptionKind::Put, -1) }
    }

    fn buy(&self) -> Option<Vec<OrderRequest>> {
        let (right, sign) = self.right();
        let market = self.board.option(right, sign * (self.person.away as isize - 1))?;
        let ask = self.state.best_order(market, Side::Sell)?.order.price.get() as f64 / 1e8;
        Some(vec![take(self.state, market, Side::Buy, self.lots(0.05 * self.equity / ask))?])
    }

    fn covered_call(&self) -> Option<Vec<OrderRequest>> {
        let underlying = self.person.underlying;
        let per_unit = 10f64.powi(i32::from(PERPETUAL_DECIMALS[underlying]));
        let cover =
            held(self.state, self.account).iter().find(|held| held.0 == perpetual(underlying)).map(|held| held.1);
        let mut orders = Vec::new();
        let lots = cover.map_or_else(
            || (self.person.leverage * self.equity / self.board.forward * per_unit).floor(),
            |lots| lots as f64,
        );
        if cover.is_none() {
            orders.push(take(self.state, perpetual(underlying), Side::Buy, lots)?);
        }
        let market = self.board.option(OptionKind::Call, self.person.away as isize)?;
        orders.push(take(self.state, market, Side::Sell, self.lots(lots / per_unit))?);
        Some(orders)
    }

    fn write_one(&self, margin: f64) -> Option<Vec<OrderRequest>> {
        let (right, sign) = self.right();
        let lots = self.lots(self.equity * self.person.usage / (margin * self.board.forward));
        Some(vec![take(self.state, self.board.option(right, sign)?, Side::Sell, lots)?])
    }

    fn write_both(&self, away: isize, margin: f64) -> Option<Vec<OrderRequest>> {
        let lots = self.lots(self.equity * self.person.usage / (margin * self.board.forward));
        let legs = [self.board.option(OptionKind::Call, away)?, self.board.option(OptionKind::Put, -away)?];
        legs.into_iter().map(|market| take(self.state, market, Side::Sell, lots)).collect()
    }

    fn vertical(&self) -> Option<Vec<OrderRequest>> {
        let (right, sign) = self.right();
        let width = (self.board.strike(3 * sign)?.get() - self.board.strike(sign)?.get()).abs() as f64 / 1e8;
        let lots = self.lots(self.equity * self.person.usage / width);
        let far = take(self.state, self.board.option(right, 3 * sign)?, Side::Buy, lots)?;
        Some(vec![far, take(self.state, self.board.option(right, sign)?, Side::Sell, lots)?])
    }

    fn calendar(&self) -> Option<Vec<OrderRequest>> {
        let per_unit = self.lots(1.0);
        let lots = self.equity * self.person.usage / (0.1 * self.board.forward) * per_unit;
        let longs = held(self.state, self.account).iter().map(|held| held.1.max(0)).sum::<i64>() as f64;
        let mut orders = Vec::new();
        if longs == 0.0 {
            let later =
                self.boards.iter().find(|board| board.expires_at_ms >= self.board.expires_at_ms + LONG_LEG_MS)?;
            orders.push(take(self.state, later.option(OptionKind::Call, 0)?, Side::Buy, lots)?);
        }
        let short = if longs == 0.0 { lots } else { longs };
        orders.push(take(self.state, self.board.option(OptionKind::Call, 0)?, Side::Sell, short)?);
        Some(orders)
    }
}

/// Since when an expiry is no longer quoted.
pub fn is_quoted(expires_at_ms: TimeMs, now_ms: u64) -> bool {
    expires_at_ms.get() > now_ms + 60_000
}
