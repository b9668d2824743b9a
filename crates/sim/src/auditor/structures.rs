//! Several legs at once: requests and quotes for blocks, combos and their orders. What trades, trades with all its legs, in their
//! lots and sides, between the two who are named, and the legs' quotes sum to what was agreed.

use super::{Auditor, Market, Objection, Universe, Who, ensure, ledger::fees, trading::signed, who};
use palisade_engine::State;
use palisade_types::{
    event::{Event, Trade},
    multi_leg::{BlockPrice, BlockQuote, BlockRequest, BlockTrade, Combo, ComboOrder, ComboSide, ComboTrade, Leg},
    order::Side,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a new combo costs.
const COMBO_FEE: i128 = 10 * 100_000_000;
/// How far ahead a request may end, and how many makers it may name.
const REQUEST_MS_MAX: u64 = 3_600_000;
const MAKERS_MAX: usize = 16;

/// A leg that must trade next, outside the books.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DueLeg {
    market: Market,
    taker_side: Side,
    lots: u64,
    price: Option<i64>,
    maker: (Who, u64),
    taker: (Who, u64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Structures {
    requests: BTreeMap<u64, BlockRequest>,
    quotes: BTreeMap<u64, BlockQuote>,
    combos: BTreeMap<u64, Combo>,
    orders: BTreeMap<u64, ComboOrder>,
    /// Legs that must trade next, and what a buyer of the structure has still to pay for them.
    due: VecDeque<(DueLeg, bool)>,
    due_quote: i128,
    /// What one incoming order has traded in books.
    fills: Vec<Trade>,
    /// Requests that have traded in this block.
    traded: BTreeSet<u64>,
}

/// Two parties of a trade of several legs.
struct Parties {
    taker_side: Side,
    maker: (Who, u64),
    taker: (Who, u64),
    units: u64,
    /// What a buyer pays in all.
    quote: i128,
}

fn party(side: &ComboSide) -> (Who, u64) {
    (who(side.account), side.order.get())
}

impl Auditor {
    pub(super) fn of_blocks(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::BlockRequested { request } => self.block_requested(request),
            Event::BlockQuoted { quote } => self.block_quoted(quote),
            Event::BlockQuoteEnded { quote, .. } => {
                let own = self.structures.quotes.remove(&quote.id.get());
                ensure(own.as_ref() == Some(quote), || format!("{quote:?} ends, it was {own:?}"))
            }
            Event::BlockRequestEnded { request, .. } => {
                let id = request.id;
                let own = self.structures.requests.remove(&id.get());
                ensure(own.as_ref() == Some(request), || format!("{request:?} ends, it was {own:?}"))?;
                let quote = self.structures.quotes.values().find(|quote| quote.terms.request == id);
                ensure(quote.is_none(), || format!("request {id} ends before {quote:?}"))
            }
            Event::BlockTraded(trade) => self.block_traded(trade),
            _ => Ok(()),
        }
    }

    /// Different markets of one universe in which positions are held.
    fn check_legs(&self, legs: &[Leg]) -> Result<Universe, Objection> {
        let markets: BTreeSet<Market> = legs.iter().map(|leg| leg.market.get()).collect();
        let mut universes = BTreeSet::new();
        for market in &markets {
            let terms = self.market(*market)?;
            ensure(terms.underlying.is_some(), || format!("market {market} is a leg and holds no positions"))?;
            universes.insert(terms.universe);
        }
        let fits = markets.len() == legs.len() && legs.iter().all(|leg| leg.ratio > 0);
        match universes.first() {
            Some(universe) if fits && universes.len() == 1 => Ok(*universe),
            _ => Err(format!("{legs:?} do not go together")),
        }
    }

    fn block_requested(&mut self, request: &BlockRequest) -> Result<(), Objection> {
        let terms = &request.terms;
        let universe = self.check_legs(&terms.legs)?;
        ensure(!self.gated.contains(&universe), || format!("{request:?} in a universe whose gate is closed"))?;
        let ahead_ms = terms.expires_at_ms.get().saturating_sub(self.now_ms);
        let own = self.group_of(who(request.account));
        let names_itself = terms.makers.iter().any(|maker| self.group_of(who(*maker)) == own);
        let fits = (1..=REQUEST_MS_MAX).contains(&ahead_ms) && terms.makers.len() <= MAKERS_MAX && !names_itself;
        ensure(fits && terms.lots.get() > 0, || format!("{request:?} is opened"))?;
        let before = self.structures.requests.insert(request.id.get(), request.clone());
        ensure(before.is_none(), || format!("request {} is opened twice", request.id))
    }

    fn block_quoted(&mut self, quote: &BlockQuote) -> Result<(), Objection> {
        let terms = &quote.terms;
        let request =
            self.structures.requests.get(&terms.request.get()).map(|request| (request.account, &request.terms));
        let (asker, asked) = request.ok_or_else(|| format!("{quote:?} is for no open request"))?;
        let is_asked = asked.makers.is_empty() || asked.makers.contains(&quote.account);
        let is_other = self.group_of(who(quote.account)) != self.group_of(who(asker));
        let fits = asked.side != Some(terms.side) && terms.lots <= asked.lots && terms.lots.get() > 0;
        let is_open = asked.expires_at_ms.get() > self.now_ms && terms.expires_at_ms.get() > self.now_ms;
        ensure(is_asked && is_other && fits && is_open, || format!("{quote:?} for {asked:?} of {asker}"))?;
        let twin = self.structures.quotes.values().find(|other| {
            (other.account, other.terms.request, other.terms.side) == (quote.account, terms.request, terms.side)
        });
        ensure(twin.is_none(), || format!("{quote:?} beside {twin:?}"))?;
        self.structures.quotes.insert(quote.id.get(), quote.clone());
        Ok(())
    }

    /// A quote that is open trades whole, with the one who asked.
    fn block_traded(&mut self, trade: &BlockTrade) -> Result<(), Objection> {
        let request = self.structures.requests.get(&trade.request.get()).cloned();
        let quote = self.structures.quotes.get(&trade.quote.get()).cloned();
        let (request, quote) = request.zip(quote).ok_or_else(|| format!("{trade:?} is of nothing open"))?;
        let told = (trade.taker, trade.maker, trade.taker_side, trade.lots);
        let due = (request.account, quote.account, quote.terms.side.opposite(), quote.terms.lots);
        ensure(told == due && quote.terms.request == trade.request, || format!("{trade:?}, due are {due:?}"))?;
        let is_open = request.terms.expires_at_ms.get() > self.now_ms && quote.terms.expires_at_ms.get() > self.now_ms;
        ensure(is_open && self.structures.traded.insert(trade.request.get()), || format!("{trade:?} after its end"))?;
        let legs = &request.terms.legs;
        let prices = match &quote.terms.price {
            BlockPrice::Legs { prices } => Some(prices.iter().map(|price| price.get()).collect()),
            BlockPrice::Net { price } => {
                self.check_net(legs, price.get(), trade.lots.get(), trade.quote_usd.get())?;
                None
            }
        };
        self.note("auditor: a block");
        self.legs_next(
            legs,
            prices,
            &Parties {
                taker_side: trade.taker_side,
                maker: (who(trade.maker), trade.quote.get()),
                taker: (who(trade.taker), trade.request.get()),
                units: trade.lots.get(),
                quote: trade.quote_usd.get(),
            },
            trade.trades,
        )
    }

    /// Lots of the finest leg's market in one unit of its base.
    fn net_scale(&self, legs: &[Leg]) -> Result<i128, Objection> {
        let scales: Vec<i128> =
            legs.iter().map(|leg| self.market(leg.market.get()).map(|terms| terms.scale)).collect::<Result<_, _>>()?;
        scales.into_iter().max().ok_or_else(|| "a structure without legs".to_owned())
    }

    /// A net price times the units is what is paid, exactly.
    fn check_net(&self, legs: &[Leg], price: i64, units: u64, quote: i128) -> Result<(), Objection> {
        let scale = self.net_scale(legs)?;
        ensure(quote * scale == i128::from(price) * i128::from(units), || {
            format!("{units} units at a net price of {price} are paid {quote}")
        })
    }

    /// The legs of a block, or of two combo orders, come next.
    fn legs_next(
        &mut self,
        legs: &[Leg],
        prices: Option<Vec<i64>>,
        parties: &Parties,
        trades: u32,
    ) -> Result<(), Objection> {
        ensure(self.structures.due.is_empty(), || format!("{:?} are missing", self.structures.due))?;
        ensure(usize::try_from(trades) == Ok(legs.len()), || format!("{trades} trades of {} legs", legs.len()))?;
        for (place, leg) in legs.iter().enumerate() {
            let is_bought = leg.side == Side::Buy;
            let due = DueLeg {
                market: leg.market.get(),
                taker_side: if parties.taker_side == Side::Buy { leg.side } else { leg.side.opposite() },
                lots: u64::from(leg.ratio) * parties.units,
                price: prices.as_ref().and_then(|prices| prices.get(place)).copied(),
                maker: parties.maker,
                taker: parties.taker,
            };
            self.structures.due.push_back((due, is_bought));
        }
        self.structures.due_quote = parties.quote;
        Ok(())
    }

    /// Whether a trade is a leg outside the books, which it then must be in every part.
    pub(super) fn is_due_leg(&mut self, trade: &Trade) -> Result<bool, Objection> {
        let Some((due, is_bought)) = self.structures.due.pop_front() else { return Ok(false) };
        let told = DueLeg {
            market: trade.market.get(),
            taker_side: trade.taker_side,
            lots: trade.size.get(),
            price: due.price.and(Some(trade.price.get())),
            maker: (who(trade.maker.account), trade.maker.order.get()),
            taker: (who(trade.taker.account), trade.taker.order.get()),
        };
        ensure(told == due, || format!("a leg trades as {told:?}, due is {due:?}"))?;
        let quote = trade.quote_usd.get();
        self.structures.due_quote -= if is_bought { quote } else { -quote };
        let left = self.structures.due_quote;
        ensure(left == 0 || !self.structures.due.is_empty(), || format!("the legs miss their net price by {left}"))?;
        Ok(true)
    }

    /// Keeps what one incoming order has traded in books.
    pub(super) fn note_fill(&mut self, trade: &Trade) {
        let fills = &mut self.structures.fills;
        if fills.last().is_some_and(|last| last.taker.order != trade.taker.order) {
            fills.clear();
        }
        fills.push(trade.clone());
    }

    pub(super) fn of_combos(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::ComboCreated { combo, creator } => self.combo_created(combo, who(*creator)),
            Event::ComboOrderAccepted { order, .. } => {
                let combo = self.combo_of(order)?;
                let on_tick = order.price.get() % combo.tick.get() == 0;
                ensure(on_tick && order.remaining == order.original && order.remaining.get() > 0, || {
                    format!("{order:?} is accepted with a tick of {}", combo.tick)
                })?;
                let before = self.structures.orders.insert(order.id.get(), *order);
                ensure(before.is_none(), || format!("{order:?} is accepted twice"))
            }
            Event::ComboOrderEnded { order, .. } => {
                let own = self.structures.orders.remove(&order.id.get());
                ensure(own.as_ref() == Some(order), || format!("{order:?} ends, it was {own:?}"))
            }
            Event::ComboTraded(trade) => self.combo_traded(trade),
            Event::ComboEnded { combo } => {
                let own = self.structures.combos.remove(&combo.get());
                let own = own.ok_or_else(|| format!("combo {combo} ends and was never there"))?;
                let is_over = |leg: &Leg| {
                    let terms = self.terms.markets.get(&leg.market.get());
                    terms.and_then(|terms| terms.expires_at_ms).is_some_and(|at_ms| at_ms <= self.now_ms)
                };
                let order = self.structures.orders.values().find(|order| order.combo == *combo);
                ensure(own.legs.iter().any(is_over) && order.is_none(), || format!("{own:?} ends with {order:?}"))
            }
            _ => Ok(()),
        }
    }

    fn combo_of(&self, order: &ComboOrder) -> Result<&Combo, Objection> {
        self.structures.combos.get(&order.combo.get()).ok_or_else(|| format!("{order:?} is of no combo"))
    }

    /// Written down in one way only, once, for a fee.
    fn combo_created(&mut self, combo: &Combo, creator: Who) -> Result<(), Objection> {
        let universe = self.check_legs(&combo.legs)?;
        let is_paid = self.ledger.was_paid(&[(creator, fees(universe), COMBO_FEE)]);
        ensure(is_paid && universe == combo.universe.get(), || format!("{combo:?} is registered for nothing"))?;
        let in_order = combo.legs.is_sorted_by(|one, other| one.market < other.market);
        let is_common = |part: u32| combo.legs.iter().all(|leg| leg.ratio % part == 0);
        let least = combo.legs.iter().map(|leg| leg.ratio).min().unwrap_or(1);
        let first = combo.legs.first().map(|leg| leg.side);
        let is_canonical = in_order && first == Some(Side::Buy) && !(2..=least.min(1_000)).any(is_common);
        ensure(is_canonical && (2..=4).contains(&combo.legs.len()), || format!("{combo:?} is registered"))?;
        let twin = self.structures.combos.values().find(|other| other.legs == combo.legs);
        ensure(twin.is_none(), || format!("{combo:?} is registered as {twin:?}"))?;
        ensure(10i128.pow(combo.size_decimals.into()) == self.net_scale(&combo.legs)?, || {
            format!("net prices of {combo:?} are for another size")
        })?;
        self.structures.combos.insert(combo.id.get(), combo.clone());
        self.note("auditor: a combo registered");
        Ok(())
    }

    fn combo_traded(&mut self, trade: &ComboTrade) -> Result<(), Objection> {
        let combo = self.structures.combos.get(&trade.combo.get()).cloned();
        let combo = combo.ok_or_else(|| format!("{trade:?} is of no combo"))?;
        let taker = self.fill_combo_order(&trade.taker, trade, trade.taker_side)?;
        let Some(maker) = trade.maker else { return self.implied(&combo, &taker, trade) };
        let resting = self.fill_combo_order(&maker, trade, trade.taker_side.opposite())?;
        let crosses = match trade.taker_side {
            Side::Buy => taker.price >= resting.price,
            Side::Sell => taker.price <= resting.price,
        };
        ensure(crosses && self.group_of(who(maker.account)) != self.group_of(who(taker.account)), || {
            format!("{trade:?} between {taker:?} and {resting:?}")
        })?;
        let rank = |order: &ComboOrder| (signed(resting.side.opposite(), order.price.get().into()), order.id);
        let line = self.structures.orders.values();
        let before = line
            .filter(|order| (order.combo, order.side) == (resting.combo, resting.side) && order.id != resting.id)
            .find(|order| rank(order) < rank(&resting));
        ensure(before.is_none(), || format!("{trade:?} passes {before:?}"))?;
        self.check_net(&combo.legs, resting.price.get(), trade.lots.get(), trade.quote_usd.get())?;
        self.note("auditor: two combo orders");
        self.legs_next(
            &combo.legs,
            None,
            &Parties {
                taker_side: trade.taker_side,
                maker: party(&maker),
                taker: party(&trade.taker),
                units: trade.lots.get(),
                quote: trade.quote_usd.get(),
            },
            trade.trades,
        )
    }

    /// Takes units off a combo order; the order as it was.
    fn fill_combo_order(&mut self, one: &ComboSide, trade: &ComboTrade, side: Side) -> Result<ComboOrder, Objection> {
        let order = self.structures.orders.get_mut(&one.order.get());
        let order = order.ok_or_else(|| format!("{trade:?} with no open order {}", one.order))?;
        let before = *order;
        let named = (before.account, before.combo, before.side) == (one.account, trade.combo, side);
        let left = before.remaining.checked_sub(trade.lots);
        ensure(named && left.is_some() && trade.lots.get() > 0, || format!("{trade:?} with {before:?}"))?;
        order.remaining = left.unwrap_or_default();
        Ok(before)
    }

    /// The books of the legs were met before: their trades are all legs in their lots, and no worse than the limit.
    fn implied(&mut self, combo: &Combo, taker: &ComboOrder, trade: &ComboTrade) -> Result<(), Objection> {
        let first = trade.first_trade.get();
        let numbers = first..first + u64::from(trade.trades);
        let fills: Vec<Trade> =
            self.structures.fills.iter().filter(|fill| numbers.contains(&fill.id.get())).cloned().collect();
        let (mut sum, mut count) = (0, 0);
        for leg in &combo.legs {
            let side = if trade.taker_side == Side::Buy { leg.side } else { leg.side.opposite() };
            let own = fills.iter().filter(|fill| {
                let is_taker = (fill.taker.account, fill.taker.order) == (trade.taker.account, trade.taker.order);
                fill.market == leg.market && fill.taker_side == side && is_taker
            });
            let mut lots = 0;
            for fill in own {
                lots += fill.size.get();
                sum += signed(leg.side, fill.quote_usd.get());
                count += 1;
            }
            let due = u64::from(leg.ratio) * trade.lots.get();
            ensure(lots == due, || format!("{trade:?} traded {lots} lots of {leg:?}, due are {due}"))?;
        }
        ensure(count == trade.trades && sum == trade.quote_usd.get(), || {
            format!("{trade:?}: {count} fills of its legs sum to {sum}")
        })?;
        let limit = i128::from(taker.price.get()) * i128::from(trade.lots.get());
        let paid = sum * self.net_scale(&combo.legs)?;
        let within = if trade.taker_side == Side::Buy { paid <= limit } else { paid >= limit };
        ensure(within, || format!("{trade:?} is beyond the limit of {taker:?}"))?;
        self.note("auditor: a combo order in the books of its legs");
        Ok(())
    }

    /// What is open is what the chain has open; what has traded is not.
    pub(super) fn compare_structures(&mut self, state: &State) -> Result<(), Objection> {
        let own = &self.structures;
        ensure(own.due.is_empty(), || format!("legs never traded: {:?}", own.due))?;
        let requests: BTreeMap<u64, BlockRequest> =
            state.block_requests().map(|request| (request.id.get(), request.clone())).collect();
        ensure(requests == own.requests, || super::compare::difference("requests", &requests, &own.requests))?;
        let quotes: BTreeMap<u64, BlockQuote> = requests
            .values()
            .flat_map(|request| state.block_quotes_for(request.id))
            .map(|quote| (quote.id.get(), quote.clone()))
            .collect();
        ensure(quotes == own.quotes, || super::compare::difference("block quotes", &quotes, &own.quotes))?;
        let combos: BTreeMap<u64, Combo> = state.combos().map(|combo| (combo.id.get(), combo.clone())).collect();
        ensure(combos == own.combos, || super::compare::difference("combos", &combos, &own.combos))?;
        let orders: BTreeMap<u64, ComboOrder> = state.combo_orders().map(|order| (order.id.get(), *order)).collect();
        ensure(orders == own.orders, || super::compare::difference("combo orders", &orders, &own.orders))?;
        let twice = own.traded.iter().find(|request| own.requests.contains_key(request));
        ensure(twice.is_none(), || format!("request {twice:?} has traded and is open"))?;
        self.structures.traded.clear();
        self.structures.fills.clear();
        Ok(())
    }
}
