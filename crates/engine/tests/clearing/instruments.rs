//! Random actions with synthetics, pools, combos and block trades.

use super::{
    books::{Books, scale},
    generate::{Generator, MAKERS, TRADERS},
    legs::{net_and_gross, net_tick, units_per_net},
    liquidity::root,
    world::{BTC, CORE, DOLLAR, MINTED, MINTED_SPOT, SPOT, account},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    ids::{BlockRequestId, ComboId, MarketId},
    market::MarketSpec,
    multi_leg::{BlockPrice, BlockQuoteTerms, BlockTerms, ComboTimeInForce, Leg},
    numbers::{Amount, Price, Shares, Size, Usd},
    order::{Side, TimeInForce},
    pool::PoolFee,
    time::TimeMs,
};

const MILLION: i128 = 1_000_000;
/// Combos of a run: more of them would be traded less.
const COMBOS_MAX: usize = 4;

/// What a person says.
type Said = (String, Action);

/// Whose account it is.
fn name_of(owner: AccountId) -> Option<String> {
    TRADERS.iter().chain(&MAKERS).find(|name| account(name) == owner).map(|name| (*name).to_owned())
}

impl Generator {
    /// A move in one of the instruments that this run is about; `None` leaves it to what everybody does.
    pub fn instrument(&mut self, books: &Books, name: &str, is_maker: bool) -> Option<Said> {
        self.remember(books);
        let by_name = |action: Action| Some((name.to_owned(), action));
        match self.choices.below(100) {
            0..=29 => {
                let option = self.option(books)?;
                by_name(self.trade_option(books, name, is_maker, &option))
            }
            30..=49 => by_name(self.synthetic(books, name, is_maker)?),
            50..=62 => by_name(self.pool(books, name)?),
            63..=80 if self.has_legs => self.legs(books, name),
            _ => None,
        }
    }

    /// Quotes that were seen may be accepted long after they ended.
    fn remember(&mut self, books: &Books) {
        for quote in books.open.quotes.values() {
            let owner = books.open.requests.get(&quote.terms.request).map(|request| request.account);
            let seen = owner.map(|owner| (owner, quote.terms.request, quote.id));
            if let Some(seen) = seen.filter(|seen| !self.quotes_seen.contains(seen)) {
                self.quotes_seen.push(seen);
            }
        }
    }

    fn part_of(&mut self, whole: i128) -> i128 {
        let permille = self.choices.one_of(&[1, 100, 500, 900, 1_000]);
        (whole * permille / 1_000).max(1)
    }

    fn free_cash(books: &Books, owner: AccountId) -> i128 {
        books.worth((owner, CORE, None)).map_or(0, |worth| worth.free.min(worth.free_cash)).max(0)
    }

    fn synthetic(&mut self, books: &Books, name: &str, is_maker: bool) -> Option<Action> {
        let spec = books.synthetics.all.get(&MINTED)?.spec;
        let index = books.indices.get(&BTC)?;
        let (owner, asset) = (account(name), MINTED);
        let (debt, collateral) = (books.synthetics.debt(asset, owner), books.debt_collateral(asset, owner));
        let held = books.balance(owner, CORE, asset);
        let worst = i128::from(index.price.max(index.slow_price).get());
        let ratio = i128::from(spec.initial_ratio.get());
        let cash = Self::free_cash(books, owner);
        Some(match self.choices.below(100) {
            0..=29 => {
                // Near to what new risk needs, or somewhat less.
                let collateral_usd = if self.choices.chance(85) { self.part_of(cash * 9 / 10) } else { 0 };
                let tight = self.choices.one_of(&[1_000, 1_001, 1_050, 1_400, 990]);
                let most = (collateral + collateral_usd) * DOLLAR / worst * MILLION / ratio * 1_000 / tight;
                Action::MintSynthetic {
                    asset,
                    amount: Amount::new((most - debt).max(1)),
                    collateral_usd: Usd::new(collateral_usd),
                }
            }
            30..=53 if debt == 0 => return None,
            54..=76 if held == 0 => return None,
            30..=37 => {
                let owed = self.choices.one_of(&[debt, debt, held]);
                Action::BurnSynthetic { asset, amount: Amount::new(self.part_of(owed)) }
            }
            38..=43 => Action::AddDebtCollateral { asset, amount_usd: Usd::new(self.part_of(cash)) },
            44..=53 => {
                let needed = debt * worst / DOLLAR * ratio / MILLION;
                let more = i128::from(self.choices.below(3)) - 1;
                let amount_usd = Usd::new(self.part_of((collateral - needed).max(1)) + more);
                Action::WithdrawDebtCollateral { asset, amount_usd }
            }
            54..=69 => {
                let amount = self.part_of(held);
                let value = amount * i128::from(index.price.get()) / DOLLAR;
                let minimum_usd = Usd::new(self.choices.one_of(&[0, 0, value * 98 / 100]));
                Action::RedeemSynthetic { asset, amount: Amount::new(amount), minimum_usd }
            }
            70..=76 => {
                let amount = Amount::new(self.part_of(held));
                Action::Transfer { universe: CORE, to: account(self.choices.one_of(&TRADERS)), asset, amount }
            }
            _ => self.spot(books, MINTED_SPOT, held, is_maker),
        })
    }

    /// An order for a spot asset near its index: offers of what is held rest above it, bids below.
    fn spot(&mut self, books: &Books, market: MarketId, held: i128, is_maker: bool) -> Action {
        let spec = books.markets[&market].clone();
        let lot = DOLLAR / scale(&spec);
        let sells = held > lot && self.choices.chance(60);
        let (side, away) = if sells { (Side::Sell, 1) } else { (Side::Buy, -1) };
        let ppm = if is_maker || self.choices.chance(50) {
            away * self.choices.between(0, 30_000)
        } else {
            -away * self.choices.between(0, 20_000)
        };
        let lots = if sells { self.part_of(held) / lot } else { i128::from(2 + self.choices.below(2_000)) };
        let price = self.near(books, &spec, ppm);
        let mut order = self.request(&spec, side, price, Size::new(lots.clamp(1, 90_000_000) as u64));
        order.time_in_force = self.choices.one_of(&[
            TimeInForce::Gtc,
            TimeInForce::Gtc,
            TimeInForce::Ioc,
            TimeInForce::Fok,
            TimeInForce::Alo,
        ]);
        Action::Place { orders: vec![order] }
    }

    fn pool(&mut self, books: &Books, name: &str) -> Option<Action> {
        let owner = account(name);
        let is_maker = MAKERS.contains(&name);
        let with_minted = books.synthetics.all.contains_key(&MINTED) && self.choices.chance(25);
        let (market, base) = if with_minted { (MINTED_SPOT, MINTED) } else { (SPOT, BTC) };
        let price = i128::from(books.indices.get(&BTC)?.price.get());
        let held = books.balance(owner, CORE, base).max(0);
        let cash = Self::free_cash(books, owner);
        let Some((_, all)) = books.pools.all.get(&market).copied() else {
            let base = self.part_of(held.min(cash * DOLLAR / price));
            if base * price / DOLLAR < 100 * DOLLAR {
                return None;
            }
            let away = i128::from(self.choices.between(-3_000, 3_000));
            let quote = base * price / DOLLAR * (MILLION + away) / MILLION;
            let (base, quote) = (Amount::new(base), Amount::new(quote));
            return Some(Action::CreatePool { market, base, quote, fee: self.choices.one_of(&PoolFee::ALL) });
        };
        let own = books.pools.held(market, owner);
        Some(match self.choices.below(10) {
            0 | 1 if held.min(cash) == 0 => return None,
            0 | 1 => {
                let base = self.part_of(held);
                let quote = self.part_of(cash);
                let (reserve_base, reserve_quote) = books.reserves(market);
                let value = root(reserve_base.min(base), reserve_quote.min(quote)).max(1);
                let least = self.choices.one_of(&[0, 0, value * all / root(reserve_base, reserve_quote).max(1)]);
                Action::DepositPool {
                    market,
                    base_maximum: Amount::new(base),
                    quote_maximum: Amount::new(quote),
                    shares_minimum: Shares::new(least / 2),
                }
            }
            2 if own > 0 => Action::WithdrawPool {
                market,
                shares: Shares::new(self.part_of(own)),
                base_minimum: Amount::ZERO,
                quote_minimum: Amount::ZERO,
            },
            _ => self.spot(books, market, held, is_maker),
        })
    }

    fn legs(&mut self, books: &Books, name: &str) -> Option<Said> {
        let owner = account(name);
        let open = &books.open;
        if !open.quotes.is_empty() && self.choices.chance(40) {
            let live: Vec<_> = open.quotes.values().map(|quote| (quote.terms.request, quote.id)).collect();
            let (request, quote) = self.choices.one_of(&live);
            let asked = name_of(open.requests.get(&request)?.account)?;
            return Some((asked, Action::AcceptBlock { request, quote }));
        }
        if !open.requests.is_empty() && self.choices.chance(40) {
            // Few but makers afford so much.
            let quotes = if self.choices.chance(80) { self.choices.one_of(&MAKERS) } else { name };
            return Some((quotes.to_owned(), self.quote_block(books, account(quotes))?));
        }
        let action = match self.choices.below(100) {
            0..=9 if open.combos.len() < COMBOS_MAX => {
                let count = self.choices.one_of(&[2, 2, 3, 4]);
                Action::CreateCombo { legs: self.some_legs(books, count)? }
            }
            0..=64 => self.place_combo(books)?,
            65..=69 => {
                let own = open.orders.values().filter(|order| order.account == owner).map(|order| order.id);
                Action::CancelCombo { order: self.any_of(&own.collect::<Vec<_>>())? }
            }
            70..=86 => {
                let asks = if self.choices.chance(60) { self.choices.one_of(&MAKERS) } else { name };
                return Some((asks.to_owned(), self.request_block(books)?));
            }
            87..=94 => {
                // Most of them have ended.
                let newest = self.choices.below(40).min(self.choices.below(40)) as usize;
                let place = self.quotes_seen.len().checked_sub(1 + newest)?;
                let (asked, request, quote) = self.quotes_seen[place];
                return Some((name_of(asked)?, Action::AcceptBlock { request, quote }));
            }
            95..=97 => {
                let own = open.quotes.values().filter(|quote| quote.account == owner).map(|quote| quote.id);
                Action::CancelBlockQuote { quote: self.any_of(&own.collect::<Vec<_>>())? }
            }
            _ => {
                let own = open.requests.values().filter(|request| request.account == owner).map(|request| request.id);
                Action::CancelBlockRequest { request: self.any_of(&own.collect::<Vec<_>>())? }
            }
        };
        Some((name.to_owned(), action))
    }

    fn any_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(self.choices.one_of(all)) }
    }

    /// Legs in different markets of the core universe, of about equal worth.
    pub fn some_legs(&mut self, books: &Books, count: usize) -> Option<Vec<Leg>> {
        let mut markets: Vec<&MarketSpec> = books
            .derivatives()
            .map(|(market, _)| market)
            .filter(|market| market.universe == CORE && books.marks.contains_key(&market.id))
            .collect();
        let mut legs = Vec::new();
        while legs.len() < count {
            // The linear ones come first and are rather few.
            let among = if self.choices.chance(60) { markets.len().min(3) } else { markets.len() };
            let place = self.choices.below(among as u64) as usize;
            let market = if markets.is_empty() { return None } else { markets.remove(place) };
            let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
            let each = if market.size_decimals == 4 { 10 } else { 1 };
            legs.push(Leg { market: market.id, side, ratio: each * (1 + self.choices.below(3) as u32) });
        }
        Some(legs)
    }

    /// A net price near the marks, and units worth so much in all.
    fn net_price(&mut self, books: &Books, legs: &[Leg], tick: i128, ppm: i64) -> Option<Price> {
        let (net, gross) = net_and_gross(books, legs)?;
        let raw = net + gross * i128::from(ppm) / MILLION;
        i64::try_from(raw.div_euclid(tick) * tick).ok().map(Price::new)
    }

    fn units_worth(&self, books: &Books, legs: &[Leg], notional: i128) -> Option<Size> {
        let (_, gross) = net_and_gross(books, legs)?;
        let units = notional * units_per_net(books, legs) / gross.max(1) + 1;
        Some(Size::new(units.clamp(1, 1_000_000) as u64))
    }

    fn place_combo(&mut self, books: &Books) -> Option<Action> {
        let all: Vec<ComboId> = books.open.combos.keys().copied().collect();
        let combo = &books.open.combos[&self.any_of(&all)?];
        let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
        let ppm = self.choices.between(-6_000, 6_000);
        let price = self.net_price(books, &combo.legs, i128::from(combo.tick.get()), ppm)?;
        let notional = i128::from(100 + self.choices.below(40_000)) * DOLLAR;
        let lots = self.units_worth(books, &combo.legs, notional)?;
        let kinds = [ComboTimeInForce::Gtc, ComboTimeInForce::Gtc, ComboTimeInForce::Ioc, ComboTimeInForce::Fok];
        Some(Action::PlaceCombo { combo: combo.id, side, price, lots, time_in_force: self.choices.one_of(&kinds) })
    }

    pub fn request_block(&mut self, books: &Books) -> Option<Action> {
        let count = self.choices.one_of(&[1, 2, 2, 3]);
        let legs = self.some_legs(books, count)?;
        let notional = i128::from(self.choices.one_of(&[90_000, 101_000, 150_000, 300_000])) * DOLLAR;
        let lots = self.units_worth(books, &legs, notional)?;
        let makers =
            if self.choices.chance(70) { Vec::new() } else { MAKERS.iter().map(|name| account(name)).collect() };
        let side = self.choices.one_of(&[None, None, Some(Side::Buy), Some(Side::Sell)]);
        let ahead_ms = self.choices.one_of(&[200, 4_000, 60_000, 600_000]);
        let expires_at_ms = TimeMs::new(books.time_ms + 2_000 + ahead_ms);
        Some(Action::RequestBlock { block: BlockTerms { legs, side, lots, makers, expires_at_ms } })
    }

    fn quote_block(&mut self, books: &Books, owner: AccountId) -> Option<Action> {
        let others: Vec<BlockRequestId> = books
            .open
            .requests
            .values()
            // An option that is over is gone, and a request for it stays until its end.
            .filter(|request| request.account != owner && net_and_gross(books, &request.terms.legs).is_some())
            .map(|request| request.id)
            .collect();
        let request = &books.open.requests[&self.any_of(&others)?];
        let terms = &request.terms;
        let ppm = self.choices.between(-8_000, 8_000);
        let price = if self.choices.chance(50) {
            let tick = net_tick(books, &terms.legs);
            BlockPrice::Net { price: self.net_price(books, &terms.legs, tick, ppm)? }
        } else {
            let near = |leg: &Leg| self.near(books, &books.markets[&leg.market], ppm);
            BlockPrice::Legs { prices: terms.legs.iter().map(near).collect() }
        };
        let cut = self.choices.one_of(&[0, 0, 0, terms.lots.get() / 10]);
        let lots = Size::new(terms.lots.get() - cut);
        let side = terms.side.map_or_else(|| self.choices.one_of(&[Side::Buy, Side::Sell]), Side::opposite);
        let expires_at_ms = TimeMs::new(books.time_ms + 1_500 + self.choices.one_of(&[100, 4_000, 60_000]));
        Some(Action::QuoteBlock { quote: BlockQuoteTerms { request: request.id, side, price, lots, expires_at_ms } })
    }
}
