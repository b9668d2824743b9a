//! Combos and block trades as an outsider reads them: whatever traded traded all its legs, of all its units, at quotes that add up, and
//! every order, request and quote ends as the events say.

use super::{
    books::{Books, ceil, scale},
    checks::{Wrong, expect},
};
use palisade_engine::state::Record;
use palisade_types::{
    address::AccountId,
    event::{Event, Trade},
    ids::{BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId},
    multi_leg::{BlockPrice, BlockQuote, BlockRequest, BlockTrade, Combo, ComboOrder, ComboTrade, Leg},
    numbers::Price,
    order::Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// 100,000 USD.
const BLOCK_MINIMUM: i128 = 100_000 * super::books::DOLLAR;

/// Whatever is open.
#[derive(Clone, Debug, Default)]
pub struct Open {
    pub combos: BTreeMap<ComboId, Combo>,
    pub orders: BTreeMap<OrderId, ComboOrder>,
    pub requests: BTreeMap<BlockRequestId, BlockRequest>,
    pub quotes: BTreeMap<BlockQuoteId, BlockQuote>,
}

impl Open {
    pub fn read(&mut self, record: &Record) {
        match record {
            Record::Combo { id, record } => {
                self.combos.insert(*id, record.clone());
            }
            Record::ComboOrder { id, record } => {
                self.orders.insert(*id, *record);
            }
            Record::BlockRequest { id, record } => {
                self.requests.insert(*id, record.clone());
            }
            Record::BlockQuote { id, record } => {
                self.quotes.insert(*id, record.clone());
            }
            _ => {}
        }
    }

    /// Whether an account may be met without acting.
    pub fn is_met(&self, account: AccountId) -> bool {
        self.orders.values().any(|order| order.account == account)
            || self.quotes.values().any(|quote| quote.account == account)
    }
}

/// The value of a unit of legs at the marks as `10^decimals` of them would cost, as net prices are counted; and all legs counted up.
pub fn net_and_gross(books: &Books, legs: &[Leg]) -> Option<(i128, i128)> {
    let decimals: Option<Vec<u8>> =
        legs.iter().map(|leg| books.markets.get(&leg.market).map(|market| market.size_decimals)).collect();
    let finest = decimals?.into_iter().max()?;
    let (mut net, mut gross) = (0, 0);
    for leg in legs {
        let mark = i128::from(books.marks.get(&leg.market)?.price.get());
        let finer = u32::from(finest - books.markets[&leg.market].size_decimals);
        let part = mark * i128::from(leg.ratio) * 10i128.pow(finer);
        net += if leg.side == Side::Buy { part } else { -part };
        gross += part;
    }
    Some((net, gross))
}

/// Lots of the finest leg that are one unit, as a power of ten.
pub fn units_per_net(books: &Books, legs: &[Leg]) -> i128 {
    let finest = legs.iter().map(|leg| books.markets[&leg.market].size_decimals).max().unwrap_or(0);
    10i128.pow(u32::from(finest))
}

/// What net prices are multiples of: the smallest step that a tick of a leg makes in them.
pub fn net_tick(books: &Books, legs: &[Leg]) -> i128 {
    let unit = units_per_net(books, legs);
    let step = |leg: &Leg| {
        let market = &books.markets[&leg.market];
        i128::from(leg.ratio) * (unit / scale(market)) * i128::from(market.tick.get())
    };
    legs.iter().map(step).min().unwrap_or(1)
}

/// What should have traded, as the buyer of a structure sees it.
struct Expected<'a> {
    legs: &'a [Leg],
    units: i128,
    quote: i128,
    taker_side: Side,
    taker: AccountId,
    /// Of two parties alone; none: of the books.
    maker: Option<AccountId>,
}

struct Watcher<'a> {
    after: &'a Books,
    /// With the markets of before, which may have gone.
    markets: BTreeMap<MarketId, i128>,
    open: Open,
    trades: BTreeMap<u64, &'a Trade>,
    wrong: Wrong,
}

/// All that a block told of combos and block trades, against what is open after it.
pub fn check(before: &Books, after: &Books, events: &[Event], wrong: &mut Wrong) {
    let trades = events.iter().filter_map(|event| match event {
        Event::Traded(trade) => Some((trade.id.get(), trade)),
        _ => None,
    });
    let markets = before.markets.values().chain(after.markets.values()).map(|market| (market.id, scale(market)));
    let mut watcher = Watcher {
        after,
        markets: markets.collect(),
        open: before.open.clone(),
        trades: trades.collect(),
        wrong: Wrong::new(),
    };
    events.iter().for_each(|event| watcher.see(event));
    watcher.compare();
    wrong.append(&mut watcher.wrong);
    check_state(after, wrong);
}

impl Watcher<'_> {
    fn see(&mut self, event: &Event) {
        match event {
            Event::ComboCreated { combo, .. } => {
                let twin = self.open.combos.values().any(|other| other.legs == combo.legs);
                expect(&mut self.wrong, !twin, || format!("legs: a second combo of {:?}", combo.legs));
                self.open.combos.insert(combo.id, combo.clone());
            }
            Event::ComboEnded { combo } => {
                self.open.combos.remove(combo);
            }
            Event::ComboOrderAccepted { order, .. } => {
                self.open.orders.insert(order.id, *order);
            }
            Event::ComboOrderEnded { order, .. } => {
                let open = self.open.orders.remove(&order.id);
                expect(&mut self.wrong, open == Some(*order), || format!("legs: {open:?} ended as {order:?}"));
            }
            Event::ComboTraded(trade) => self.combo_traded(trade),
            Event::BlockRequested { request } => {
                self.open.requests.insert(request.id, request.clone());
            }
            Event::BlockRequestEnded { request, .. } => {
                self.open.requests.remove(&request.id);
            }
            Event::BlockQuoted { quote } => {
                self.open.quotes.insert(quote.id, quote.clone());
            }
            Event::BlockQuoteEnded { quote, .. } => {
                self.open.quotes.remove(&quote.id);
            }
            Event::BlockTraded(block) => self.block_traded(block),
            _ => {}
        }
    }

    fn combo_traded(&mut self, trade: &ComboTrade) {
        let Some(combo) = self.open.combos.get(&trade.combo).cloned() else {
            self.wrong.push(format!("legs: combo {} traded and is none", trade.combo));
            return;
        };
        let (units, quote) = (i128::from(trade.lots.get()), trade.quote_usd.get());
        let unit = 10i128.pow(u32::from(combo.size_decimals));
        let maker = trade.maker.map(|maker| maker.account);
        let legs = &combo.legs;
        let expected = Expected { legs, units, quote, taker_side: trade.taker_side, taker: trade.taker.account, maker };
        self.check_legs(&expected, trade.first_trade.get(), trade.trades);
        if let Some(maker) = trade.maker {
            let price = self.fill(maker.order, units).map(|order| i128::from(order.price.get()));
            expect(&mut self.wrong, price.is_some_and(|price| price * units == quote * unit), || {
                format!("legs: {units} units of an order at {price:?} were paid {quote}")
            });
            self.check_bands(legs, trade.first_trade.get());
        }
        let limit = self.fill(trade.taker.order, units).map(|order| i128::from(order.price.get()));
        let is_within = limit.is_some_and(|limit| match trade.taker_side {
            Side::Buy => quote * unit <= limit * units,
            Side::Sell => quote * unit >= limit * units,
        });
        expect(&mut self.wrong, is_within, || format!("legs: {units} units for {quote}, the limit is {limit:?}"));
    }

    /// Takes units from an open order.
    fn fill(&mut self, order: OrderId, units: i128) -> Option<ComboOrder> {
        let open = self.open.orders.get_mut(&order)?;
        let left = i128::from(open.remaining.get()) - units;
        expect(&mut self.wrong, left >= 0, || format!("legs: order {order} was filled beyond what it asked for"));
        open.remaining = palisade_types::numbers::Size::new(left.max(0) as u64);
        Some(*open)
    }

    fn block_traded(&mut self, block: &BlockTrade) {
        let open = (self.open.requests.get(&block.request).cloned(), self.open.quotes.get(&block.quote).cloned());
        let (Some(request), Some(quote)) = open else {
            self.wrong.push(format!("legs: a block traded that nobody asks or quotes for: {block:?}"));
            return;
        };
        let legs = &request.terms.legs;
        let units = i128::from(block.lots.get());
        let expected = Expected {
            legs,
            units,
            quote: block.quote_usd.get(),
            taker_side: block.taker_side,
            taker: block.taker,
            maker: Some(block.maker),
        };
        self.check_legs(&expected, block.first_trade.get(), block.trades);
        self.check_bands(legs, block.first_trade.get());
        let parties = (block.taker, block.maker) == (request.account, quote.account);
        let terms = quote.terms.request == request.id && block.lots == quote.terms.lots;
        expect(&mut self.wrong, parties && terms && block.taker_side == quote.terms.side.opposite(), || {
            format!("legs: {block:?} is not {quote:?}")
        });
        let now = self.after.time_ms;
        let in_time = request.terms.expires_at_ms.get() > now && quote.terms.expires_at_ms.get() > now;
        expect(&mut self.wrong, in_time, || format!("legs: a block traded too late: {block:?}"));
        match &quote.terms.price {
            BlockPrice::Net { price } => {
                let unit = units_per_net(self.after, legs);
                let paid = i128::from(price.get()) * units == block.quote_usd.get() * unit;
                expect(&mut self.wrong, paid, || format!("legs: {block:?} at the net price {price}"));
            }
            BlockPrice::Legs { prices } => {
                let traded: Vec<Option<Price>> = (block.first_trade.get()..)
                    .take(legs.len())
                    .map(|id| self.trades.get(&id).map(|trade| trade.price))
                    .collect();
                let same = traded.iter().eq(prices.iter().map(|price| Some(*price)).collect::<Vec<_>>().iter());
                expect(&mut self.wrong, same, || format!("legs: {traded:?} were quoted as {prices:?}"));
            }
        }
        let gross: Option<i128> = legs
            .iter()
            .map(|leg| {
                let mark = i128::from(self.after.marks.get(&leg.market)?.price.get());
                Some(ceil(mark * units * i128::from(leg.ratio), self.markets[&leg.market]))
            })
            .sum();
        expect(&mut self.wrong, gross.is_none_or(|gross| gross >= BLOCK_MINIMUM), || {
            format!("legs: a block of {gross:?} traded")
        });
    }

    /// Every leg with all its lots and the right way round, and quotes that add up to the unit.
    fn check_legs(&mut self, expected: &Expected<'_>, first: u64, count: u32) {
        let trades: Vec<&Trade> =
            (first..first + u64::from(count)).filter_map(|id| self.trades.get(&id).copied()).collect();
        let mut sum = 0;
        for leg in expected.legs {
            let side = if expected.taker_side == Side::Buy { leg.side } else { leg.side.opposite() };
            let of_leg: Vec<&&Trade> = trades.iter().filter(|trade| trade.market == leg.market).collect();
            let lots: i128 = of_leg.iter().map(|trade| i128::from(trade.size.get())).sum();
            let wanted = expected.units * i128::from(leg.ratio);
            expect(&mut self.wrong, lots == wanted, || {
                format!("legs: {lots} of {wanted} lots traded in market {}", leg.market)
            });
            for trade in of_leg {
                let same = (trade.taker.account, trade.taker_side) == (expected.taker, side)
                    && expected.maker.is_none_or(|maker| trade.maker.account == maker);
                expect(&mut self.wrong, same, || format!("legs: {trade:?} is no leg of it"));
                sum += if leg.side == Side::Buy { trade.quote_usd.get() } else { -trade.quote_usd.get() };
            }
        }
        let all = trades.iter().all(|trade| expected.legs.iter().any(|leg| leg.market == trade.market));
        expect(&mut self.wrong, sum == expected.quote && all, || {
            format!("legs: quotes sum to {sum}, paid were {}", expected.quote)
        });
    }

    /// Between two parties alone, prices stay near the marks on both sides.
    fn check_bands(&mut self, legs: &[Leg], first: u64) {
        for (id, leg) in (first..).zip(legs) {
            let (Some(trade), Some(mark)) = (self.trades.get(&id), self.after.marks.get(&leg.market)) else { continue };
            let spec = &self.after.markets[&leg.market];
            let mark = i128::from(mark.price.get());
            let base = super::options::expiry_of(spec).map_or(mark, |expiry| self.after.forwards[&expiry]);
            let band = ceil(base * i128::from(spec.price_band.get()), 1_000_000);
            let away = (i128::from(trade.price.get()) - mark).abs();
            expect(&mut self.wrong, away <= band && trade.price.get() > 0, || {
                format!("legs: {trade:?} is {away} from its mark, the band is {band}")
            });
        }
    }

    fn compare(&mut self) {
        let open = &self.after.open;
        let same = (
            self.open.combos == open.combos,
            self.open.orders == open.orders,
            self.open.requests == open.requests,
            self.open.quotes == open.quotes,
        );
        expect(&mut self.wrong, same == (true, true, true, true), || {
            format!("legs: what is open is not what events say: {same:?}")
        });
    }
}

/// No combo's book rests crossed, and whatever is open hangs on something that is.
fn check_state(books: &Books, wrong: &mut Wrong) {
    let open = &books.open;
    let mut best: BTreeMap<(ComboId, Side), i64> = BTreeMap::new();
    for order in open.orders.values() {
        let known = open.combos.contains_key(&order.combo) && !order.remaining.is_zero();
        expect(wrong, known, || format!("legs: an order of nothing: {order:?}"));
        let price = order.price.get();
        let entry = best.entry((order.combo, order.side)).or_insert(price);
        *entry = if order.side == Side::Buy { price.max(*entry) } else { price.min(*entry) };
    }
    for combo in open.combos.keys() {
        let (bid, ask) = (best.get(&(*combo, Side::Buy)), best.get(&(*combo, Side::Sell)));
        let crossed = bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask);
        expect(wrong, !crossed, || format!("legs: the book of combo {combo} rests crossed: {bid:?}, {ask:?}"));
    }
    let mut sides = BTreeSet::new();
    for quote in open.quotes.values() {
        let request = open.requests.get(&quote.terms.request);
        let fits = request.is_some_and(|request| quote.terms.lots <= request.terms.lots)
            && sides.insert((quote.terms.request, quote.account, quote.terms.side));
        expect(wrong, fits, || format!("legs: a quote for nothing, or a second one: {quote:?}"));
    }
}
