//! Random runs: people who lever up, makers who come and go, prices that gap, spans without prices, jumps of time.

use super::{
    books::{Books, scale},
    choices::Choices,
    step::{Again, Step},
    world::{BTC, CORE, DOLLAR, ETH, SIDE, SPOT, SyntheticTerms, Terms, USDC, World, account},
};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::AccountId,
    ids::{AssetId, BlockQuoteId, BlockRequestId, ClientOrderId, MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Price, Rate, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    quote::{Level, ProtectionTerms, Quote},
    time::TimeMs,
    trigger::{TriggerGrouping, TriggerPurpose, TriggerRequest},
    twap::TwapRequest,
    vault::{Redemption, Tranche},
};

pub const TRADERS: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace"];
pub const MAKERS: [&str; 2] = ["mia", "mike"];
pub const IDLE: [&str; 2] = ["ida", "igor"];

pub struct Generator {
    pub choices: Choices,
    prices: [i64; 3],
    /// Steps left without prices.
    silent: u64,
    cloid: u128,
    /// Whether this run trades combos and blocks.
    pub has_legs: bool,
    /// Quotes for blocks: who asked, the request, the quote.
    pub quotes_seen: Vec<(AccountId, BlockRequestId, BlockQuoteId)>,
}

pub fn terms(choices: &mut Choices) -> Terms {
    let mut terms = Terms { vault_share: choices.one_of(&[100_000, 200_000, 500_000]), ..Terms::default() };
    for name in TRADERS {
        let funds = [200 + choices.below(20_000), choices.below(5_000), choices.below(2) * choices.below(200)];
        terms.funds.insert(name.to_owned(), funds);
    }
    for name in MAKERS {
        terms.funds.insert(name.to_owned(), [300_000 + choices.below(300_000), 100_000, choices.below(2_000)]);
    }
    for name in IDLE {
        terms.funds.insert(name.to_owned(), [1_000, 1_000, 500]);
    }
    for place in 0..2 {
        terms.insurance[place] = choices.one_of(&[0, 100, 1_000, 20_000]);
        terms.vault[place] = choices.one_of(&[0, 2_000, 20_000, 100_000]);
    }
    terms.add_ons = choices.chance(50);
    terms.fund_cap = choices.one_of(&[0, 50, 500]);
    if choices.chance(30) {
        terms.crowd = [200_000, 3_000_000];
    }
    if choices.chance(40) {
        terms.expiry_ms = 40_000 + choices.below(120_000);
    }
    terms.fees = choices.one_of(&[[0, 0], [100, 350], [20_000, 50_000], [0, 500]]);
    terms.options = choices.chance(60);
    if choices.chance(60) {
        terms.synthetic = Some(synthetic(choices));
    }
    terms
}

/// A ceiling that a few can reach, ratios close to each other, and the fund and the vault with more or less at stake.
fn synthetic(choices: &mut Choices) -> SyntheticTerms {
    SyntheticTerms {
        bounds: [choices.one_of(&[300, 2_000, 20_000]), choices.one_of(&[1, 10])],
        ratios: choices.one_of(&[[1_150_000, 1_100_000], [1_300_000, 1_200_000], [1_500_000, 1_250_000]]),
        penalty: choices.one_of(&[0, 30_000, 80_000]),
        fees: choices.one_of(&[[0, 0], [1_000, 5_000], [20_000, 100_000]]),
        fund_cap: choices.one_of(&[0, 50, 5_000]),
        vault_share: choices.one_of(&[0, 50_000, 300_000]),
    }
}

impl Generator {
    /// What a run begins with, and what goes on from there by the same choices.
    pub fn new(mut choices: Choices) -> (Self, Terms) {
        let terms = terms(&mut choices);
        let has_legs = choices.chance(70);
        let prices = [100_000_000, 6_000_000_000_000, 200_000_000_000];
        (Self { choices, prices, silent: 0, cloid: 0, has_legs, quotes_seen: Vec::new() }, terms)
    }

    /// The next block.
    pub fn step(&mut self, world: &World, books: &Books) -> Step {
        let mut step = Step { advance_ms: 1 + self.choices.below(700), ..Step::default() };
        let first = world.price(BTC).is_none();
        if self.silent > 0 {
            self.silent -= 1;
            step.advance_ms = 1_000;
        } else if first || self.choices.chance(55) {
            step.advance_ms = 200 + self.choices.below(1_500);
            step.prices = self.move_prices(first);
            let has_options = books.markets.keys().any(|market| market.is_option());
            match self.choices.below(if has_options { 30 } else { 100 }) {
                0 => step.advance_ms = 3_600_000 + self.choices.below(20_000_000),
                1..=3 => step.advance_ms = 20_000 + self.choices.below(300_000),
                4 => self.silent = 5 + self.choices.below(14),
                _ => {}
            }
        }
        step.again = match self.choices.below(12) {
            0..=3 => Again::Twice,
            4 => Again::Cold,
            _ => Again::Once,
        };
        let count = self.choices.one_of(&[0, 1, 1, 1, 2, 2, 5]);
        for _ in 0..count {
            let action = self.act(world, books);
            step.actions.push(action);
        }
        step
    }

    /// What somebody does: one time in eight something wrong.
    fn act(&mut self, world: &World, books: &Books) -> (String, Action) {
        let is_maker = self.choices.chance(35);
        let name = if is_maker { self.choices.one_of(&MAKERS) } else { self.choices.one_of(&TRADERS) };
        if self.choices.below(8) == 0 {
            return (name.to_owned(), self.bad(books, name));
        }
        let gated = books.universes.iter().find(|(_, (.., gated))| *gated).map(|(universe, _)| *universe);
        if let Some(universe) = gated.filter(|_| self.choices.chance(60)) {
            return (name.to_owned(), self.run_away(books, name, universe));
        }
        self.instrument(books, name, is_maker).unwrap_or_else(|| {
            let action = if is_maker { self.make(books, name) } else { self.trade(world, books, name) };
            (name.to_owned(), action)
        })
    }

    /// Mostly small steps, sometimes a jump, seldom a gap.
    fn move_prices(&mut self, first: bool) -> Vec<(AssetId, Price)> {
        if !first {
            let span = match self.choices.below(60) {
                0 => 400_000,
                1..=4 => 80_000,
                5..=12 => 20_000,
                _ => 3_000,
            };
            for place in 1..3 {
                let change = self.choices.between(-span, span);
                let price = self.prices[place];
                self.prices[place] =
                    (price + (i128::from(price) * i128::from(change) / 1_000_000) as i64).max(1_000_000);
            }
            // Back towards where it began, or lots would grow too small.
            for (place, home) in [(1, 6_000_000_000_000i64), (2, 200_000_000_000)] {
                if self.prices[place] > home * 3 || self.prices[place] < home / 3 {
                    self.prices[place] = home;
                }
            }
            let pegged = self.choices.chance(98);
            self.prices[0] = if pegged { 100_000_000 } else { 90_000_000 + self.choices.below(12_000_000) as i64 };
        }
        let [usdc, btc, eth] = self.prices.map(Price::new);
        vec![(USDC, usdc), (BTC, btc), (ETH, eth)]
    }

    pub fn market<'b>(&mut self, books: &'b Books) -> &'b MarketSpec {
        let all: Vec<&MarketSpec> = books.linear().map(|(market, _)| market).collect();
        self.choices.one_of(&all)
    }

    /// Some option that has a mark.
    pub fn option(&mut self, books: &Books) -> Option<MarketSpec> {
        let all: Vec<&MarketSpec> = books
            .markets
            .values()
            .filter(|market| market.option().is_some() && books.marks.contains_key(&market.id))
            .collect();
        if all.is_empty() { None } else { Some(self.choices.one_of(&all).clone()) }
    }

    /// A maker's walls around the mark of an option; a trader's buy, sell or way out.
    pub fn trade_option(&mut self, books: &Books, name: &str, is_maker: bool, option: &MarketSpec) -> Action {
        let owner = account(name);
        let held = books.positions.get(&(owner, option.id)).map_or(0, |held| held.lots);
        if is_maker {
            let mut orders = Vec::new();
            for (side, sign) in [(Side::Buy, -1), (Side::Sell, 1)] {
                let ppm = sign * self.choices.between(5_000, 150_000);
                let (price, size) = (self.near(books, option, ppm), Size::new(1 + self.choices.below(10_000)));
                orders.push(self.request(option, side, price, size));
            }
            return Action::Place { orders };
        }
        let ppm = self.choices.between(-300_000, 300_000);
        let price = self.near(books, option, ppm);
        if held != 0 && self.choices.chance(30) {
            let side = if held > 0 { Side::Sell } else { Side::Buy };
            let mut order = self.request(option, side, price, Size::new(held.unsigned_abs() as u64));
            (order.time_in_force, order.reduce_only) = (TimeInForce::Ioc, self.choices.chance(50));
            return Action::Place { orders: vec![order] };
        }
        let worth = books.worth((owner, option.universe, None)).unwrap_or_default();
        let free = (worth.initial_equity - worth.initial).max(0);
        let side = self.choices.one_of(&[Side::Buy, Side::Sell, Side::Sell]);
        let per_unit = match side {
            Side::Buy => i128::from(price.get()),
            // Near enough to what a short needs.
            Side::Sell => i128::from(self.prices[1]) * 15 / 100,
        };
        let part = i128::from(self.choices.one_of(&[100, 500, 900, 1_000, 1_300]));
        let lots = free * part / 1_000 * scale(option) / per_unit.max(1);
        let mut order = self.request(option, side, price, Size::new(lots.clamp(1, 9_000_000) as u64));
        order.time_in_force = self.choices.one_of(&[TimeInForce::Ioc, TimeInForce::Gtc]);
        Action::Place { orders: vec![order] }
    }

    fn mark(&self, books: &Books, market: &MarketSpec) -> i64 {
        let underlying = market.linear().map_or(BTC, |terms| terms.underlying);
        books.marks.get(&market.id).map_or(self.prices[underlying.get() as usize], |record| record.price.get())
    }

    /// A price `ppm` away from the mark, on the tick.
    pub fn near(&self, books: &Books, market: &MarketSpec, ppm: i64) -> Price {
        let mark = self.mark(books, market);
        let raw = mark + (i128::from(mark) * i128::from(ppm) / 1_000_000) as i64;
        let tick = market.tick.get();
        Price::new((raw - raw.rem_euclid(tick)).max(tick))
    }

    fn lots(&self, books: &Books, market: &MarketSpec, notional: i128) -> Size {
        let mark = i128::from(self.mark(books, market));
        Size::new((notional * scale(market) / mark.max(1)).clamp(0, 90_000_000) as u64)
    }

    pub fn request(&mut self, market: &MarketSpec, side: Side, price: Price, size: Size) -> OrderRequest {
        self.cloid += 1;
        OrderRequest {
            market: market.id,
            side,
            price,
            size,
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: self.choices.chance(60).then(|| ClientOrderId(self.cloid.to_be_bytes())),
        }
    }

    /// A maker's move: a wall on both sides, a ladder, quotes, or nothing at all any more.
    fn make(&mut self, books: &Books, name: &str) -> Action {
        let market = self.market(books).clone();
        let spread = self.choices.between(100, 8_000);
        match self.choices.below(10) {
            0 => Action::CancelAll { market: self.choices.chance(50).then_some(market.id) },
            1 | 2 => {
                let notional = i128::from(1_000 + self.choices.below(100_000)) * DOLLAR;
                let mut level = |ppm| {
                    let price = self.near(books, &market, ppm);
                    self.choices.chance(85).then(|| Level { price, size: self.lots(books, &market, notional) })
                };
                let (bid, ask) = (level(-spread), level(spread));
                Action::MassQuote { quotes: vec![Quote { market: market.id, bid, ask }] }
            }
            3 => self.any(books, name, &market),
            _ => {
                let mut orders = Vec::new();
                for (side, sign) in [(Side::Buy, -1), (Side::Sell, 1)] {
                    for rung in 1..=self.choices.between(1, 3) {
                        let notional = i128::from(500 + self.choices.below(80_000)) * DOLLAR;
                        let (price, size) =
                            (self.near(books, &market, sign * spread * rung), self.lots(books, &market, notional));
                        orders.push(self.request(&market, side, price, size));
                    }
                }
                Action::Place { orders }
            }
        }
    }

    fn trade(&mut self, world: &World, books: &Books, name: &str) -> Action {
        let market = self.market(books).clone();
        let owner = account(name);
        match self.choices.below(100) {
            0..=44 => self.lever_up(books, owner, &market),
            45..=52 => {
                let held = books.positions.get(&(owner, market.id)).map_or(0, |held| held.lots);
                let side = if held > 0 { Side::Sell } else { Side::Buy };
                let ppm = if side == Side::Buy { 15_000 } else { -15_000 };
                let (price, size) = (self.near(books, &market, ppm), Size::new(held.unsigned_abs().max(1) as u64));
                let mut order = self.request(&market, side, price, size);
                (order.time_in_force, order.reduce_only) = (TimeInForce::Ioc, self.choices.chance(60));
                Action::Place { orders: vec![order] }
            }
            53..=62 => {
                let isolated = self.choices.chance(50);
                let maximum = u64::from(market.linear().map_or(1, |terms| terms.maximum_leverage));
                let leverage = if self.choices.chance(60) { maximum } else { 1 + self.choices.below(maximum) };
                let margin_mode = if isolated { MarginMode::Isolated } else { MarginMode::Cross };
                Action::UpdateLeverage { market: market.id, leverage: leverage as u32, margin_mode }
            }
            63..=68 => {
                let amount_usd = Usd::new(i128::from(self.choices.between(-500, 500)) * DOLLAR / 2);
                Action::UpdateIsolatedMargin { market: market.id, amount_usd }
            }
            69..=74 => self.send(books, owner),
            75..=84 => self.special(books, &market),
            85..=92 => self.pools(world, books, name),
            93..=95 => Action::SetPortfolioMode { universe: CORE, enabled: self.choices.chance(65) },
            _ => self.any(books, name, &market),
        }
    }

    /// As large as margin allows, or nearly, or somewhat more.
    fn lever_up(&mut self, books: &Books, owner: AccountId, market: &MarketSpec) -> Action {
        let worth = books.worth((owner, market.universe, None)).unwrap_or_default();
        let free = (worth.initial_equity - worth.initial).max(0);
        let part = i128::from(self.choices.one_of(&[100, 500, 900, 980, 1_020]));
        let notional = free * books.leverage(owner, market.id) * part / 1_000;
        let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
        let toward = if side == Side::Buy { 1 } else { -1 };
        let ppm = self.choices.one_of(&[0, 1_000, 9_000, 20_000]) * toward;
        let (price, size) = (self.near(books, market, ppm), self.lots(books, market, notional));
        let mut order = self.request(market, side, price, size);
        order.time_in_force =
            self.choices.one_of(&[TimeInForce::Ioc, TimeInForce::Ioc, TimeInForce::Gtc, TimeInForce::Fok]);
        order.reduce_only = self.choices.chance(4);
        Action::Place { orders: vec![order] }
    }

    fn send(&mut self, books: &Books, owner: AccountId) -> Action {
        let universe = self.choices.one_of(&[CORE, CORE, SIDE]);
        let asset = if self.choices.chance(75) { USDC } else { BTC };
        let there = books.balance(owner, universe, asset).max(0);
        let amount = match self.choices.below(3) {
            0 => there / 2,
            1 => there / 10,
            _ => (there - books.worth((owner, universe, None)).map_or(0, |worth| worth.initial)).max(0),
        };
        let amount = Amount::new(amount + i128::from(self.choices.below(3)) - 1);
        if self.choices.chance(30) {
            let (from, to) = if universe == CORE { (CORE, SIDE) } else { (SIDE, CORE) };
            return Action::MoveUniverse { from, to, asset, amount };
        }
        let friend = account(self.choices.one_of(&TRADERS));
        let to = match self.choices.below(12) {
            // What is, or may become, a purse or a market's account.
            0 => AccountId::isolated(friend, self.market(books).id),
            1 => AccountId::clearing(MarketId::new(self.market(books).id.get() + 1)),
            _ => friend,
        };
        Action::Transfer { universe, to, asset, amount }
    }

    /// Out of a universe with a loss that nobody has borne yet, or into it: small enough to be free.
    fn run_away(&mut self, books: &Books, name: &str, universe: UniverseId) -> Action {
        let cash = books.cash(account(name), universe).max(0);
        let amount = 1 + cash / self.choices.one_of(&[10, 100, 10_000]);
        let amount_usd = Usd::new(100 * DOLLAR + amount);
        let other = if universe == CORE { SIDE } else { CORE };
        let tranche = self.choices.one_of(&[Tranche::Junior, Tranche::Senior]);
        let amount = Amount::new(amount);
        match self.choices.below(8) {
            0 => Action::MoveUniverse { from: other, to: universe, asset: USDC, amount },
            1 => Action::DepositBackstop { universe, tranche, amount_usd },
            2 => Action::WithdrawBackstop { universe, tranche, redemption: Redemption::All },
            3 => match books.vaults.keys().next() {
                Some(vault) => Action::DepositVault { vault: *vault, amount_usd },
                None => {
                    Action::CreateVault { name: name.to_owned(), description: String::new(), initial_usd: amount_usd }
                }
            },
            _ => Action::MoveUniverse { from: universe, to: other, asset: USDC, amount },
        }
    }

    fn special(&mut self, books: &Books, market: &MarketSpec) -> Action {
        let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
        let notional = i128::from(100 + self.choices.below(20_000)) * DOLLAR;
        let size = self.lots(books, market, notional);
        match self.choices.below(6) {
            0..=2 => {
                let purpose = self.choices.one_of(&[TriggerPurpose::TakeProfit, TriggerPurpose::StopLoss]);
                let rising = (side == Side::Sell) == (purpose == TriggerPurpose::TakeProfit);
                let away = self.choices.between(500, 15_000);
                let trigger = TriggerRequest {
                    market: market.id,
                    side,
                    size,
                    trigger_price: self.near(books, market, if rising { away } else { -away }),
                    purpose,
                    limit: None,
                    reduce_only: self.choices.chance(50),
                    client_order_id: None,
                };
                let grouping = self.choices.one_of(&[TriggerGrouping::Single, TriggerGrouping::Position]);
                Action::PlaceTriggers { parent: None, triggers: vec![trigger], grouping }
            }
            3 => Action::PlaceTwap {
                twap: TwapRequest {
                    market: market.id,
                    side,
                    size,
                    duration_minutes: 5,
                    randomize: false,
                    reduce_only: self.choices.chance(20),
                },
            },
            4 => Action::PlaceScale {
                market: market.id,
                side,
                size,
                price_from: self.near(books, market, -6_000),
                price_to: self.near(books, market, 6_000),
                orders: 3,
                skew: Rate::new(1_000_000),
                post_only: false,
                reduce_only: false,
            },
            _ => Action::SetMarketMakerProtection {
                market: market.id,
                terms: Some(ProtectionTerms {
                    window_ms: 1_000,
                    frozen_ms: 500,
                    size_limit: Size::new(50),
                    delta_limit: None,
                }),
            },
        }
    }

    /// Vaults and tranches.
    fn pools(&mut self, world: &World, books: &Books, name: &str) -> Action {
        let owner = account(name);
        let amount_usd =
            Usd::new(i128::from(100 + self.choices.below(1_000)) * DOLLAR + i128::from(self.choices.below(3)));
        let universe = self.choices.one_of(&[CORE, SIDE]);
        let tranche = self.choices.one_of(&[Tranche::Junior, Tranche::Senior]);
        let vaults: Vec<AccountId> = world.engine.state().vaults().map(|(vault, _)| vault).collect();
        match self.choices.below(8) {
            0 if vaults.len() < 3 => {
                let name = format!("vault {}", books.vaults.len());
                Action::CreateVault { name, description: String::new(), initial_usd: amount_usd }
            }
            1 | 2 if !vaults.is_empty() => Action::DepositVault { vault: self.choices.one_of(&vaults), amount_usd },
            3 if !vaults.is_empty() => {
                let held: Vec<AccountId> =
                    books.vault_shares.keys().filter(|(_, holder)| *holder == owner).map(|(vault, _)| *vault).collect();
                let vault = if held.is_empty() { vaults[0] } else { self.choices.one_of(&held) };
                Action::WithdrawVault { vault, redemption: Redemption::All }
            }
            4 | 5 => Action::DepositBackstop { universe, tranche, amount_usd },
            6 => Action::WithdrawBackstop { universe, tranche, redemption: Redemption::All },
            _ => Action::CreateSubAccount { name: format!("sub {}", self.choices.below(4)) },
        }
    }

    /// Whatever else there is: resting orders, cancels, changes, spot.
    fn any(&mut self, books: &Books, name: &str, market: &MarketSpec) -> Action {
        let open = books.orders.get(&account(name)).cloned().unwrap_or_default();
        match self.choices.below(6) {
            0 if !open.is_empty() => {
                let order = self.choices.one_of(&open);
                let reference = order.client_order_id.map_or(OrderReference::Id(order.id), OrderReference::Client);
                Action::Cancel { cancels: vec![CancelRequest { market: order.market, order: reference }] }
            }
            1 if !open.is_empty() => {
                let order = self.choices.one_of(&open);
                let spec = books.markets[&order.market].clone();
                let ppm = self.choices.between(-6_000, 6_000);
                let size = Size::new(self.choices.below(order.remaining.get() * 2 + 1));
                let price = self.near(books, &spec, ppm);
                let replacement = self.request(&spec, order.side, price, size);
                Action::Modify { modifies: vec![ModifyRequest { order: OrderReference::Id(order.id), replacement }] }
            }
            2 => Action::ScheduleCancel { at_ms: Some(TimeMs::new(books.time_ms + 6_000)) },
            3 => {
                let spot = books.markets[&SPOT].clone();
                let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
                let ppm = self.choices.between(-4_000, 4_000);
                let size = Size::new(1 + self.choices.below(2_000));
                let price = self.near(books, &spot, ppm);
                Action::Place { orders: vec![self.request(&spot, side, price, size)] }
            }
            _ => {
                let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
                let ppm = self.choices.between(-9_000, 9_000);
                let notional = i128::from(20 + self.choices.below(30_000)) * DOLLAR;
                let (price, size) = (self.near(books, market, ppm), self.lots(books, market, notional));
                Action::Place { orders: vec![self.request(market, side, price, size)] }
            }
        }
    }
}
