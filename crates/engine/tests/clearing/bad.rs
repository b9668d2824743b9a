//! Actions that are wrong on purpose: amounts beyond what there is, what belongs to somebody else, what has ended, what does not go
//! together. Each must be rejected, and a rejection changes nothing.

use super::{
    books::Books,
    generate::{Generator, MAKERS, TRADERS},
    world::{BTC, CORE, DOLLAR, MINTED, MINTED_SPOT, SIDE, SPOT, USDC, account},
};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    ids::{AssetId, BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId},
    multi_leg::{BlockPrice, BlockQuoteTerms, ComboTimeInForce, Leg},
    numbers::{Amount, Price, Shares, Size, Usd},
    order::Side,
    pool::PoolFee,
    time::TimeMs,
};

const NOBODY: AssetId = AssetId::new(77);

impl Generator {
    pub fn bad(&mut self, books: &Books, name: &str) -> Action {
        let action = match self.choices.below(5) {
            0 => Some(self.bad_synthetic(books, name)),
            1 => Some(self.bad_pool(books, name)),
            2 => self.bad_combo(books, name),
            3 => self.bad_block(books, name),
            _ => None,
        };
        action.unwrap_or_else(|| self.bad_order(books, name))
    }

    fn bad_synthetic(&mut self, books: &Books, name: &str) -> Action {
        let (owner, asset) = (account(name), self.choices.one_of(&[MINTED, MINTED, MINTED, BTC, NOBODY]));
        let held = books.balance(owner, CORE, MINTED);
        let beyond = 1 + i128::from(self.choices.below(1_000_000));
        match self.choices.below(9) {
            0 => Action::MintSynthetic { asset, amount: Amount::new(beyond), collateral_usd: Usd::ZERO },
            1 => {
                let amount = Amount::new(i128::from(self.choices.between(-3, 0)));
                Action::MintSynthetic { asset, amount, collateral_usd: Usd::new(100 * DOLLAR) }
            }
            2 => {
                let amount = Amount::new(1_000_000 * DOLLAR);
                Action::MintSynthetic { asset, amount, collateral_usd: Usd::new(books.cash(owner, CORE).max(0)) }
            }
            3 => {
                let ceiling =
                    books.synthetics.all.get(&MINTED).map_or(1, |synthetic| synthetic.spec.debt_ceiling.get());
                let amount = Amount::new(ceiling - books.supply(MINTED) + 1);
                let collateral_usd = Usd::new(books.cash(owner, CORE).max(0) * 9 / 10);
                Action::MintSynthetic { asset, amount, collateral_usd }
            }
            4 => Action::BurnSynthetic { asset, amount: Amount::new(held + beyond) },
            5 => Action::RedeemSynthetic { asset, amount: Amount::new(held + beyond), minimum_usd: Usd::ZERO },
            6 => {
                let (amount, minimum_usd) = (Amount::new(held.max(1)), Usd::new(held * 1_000_000));
                Action::RedeemSynthetic { asset, amount, minimum_usd }
            }
            7 => {
                let there = books.cash(AccountId::debt(owner, MINTED), CORE);
                Action::WithdrawDebtCollateral { asset, amount_usd: Usd::new(there + self.choices.one_of(&[-1, 0, 1])) }
            }
            _ => {
                let amount_usd = Usd::new(books.cash(owner, CORE).max(0) + beyond);
                Action::AddDebtCollateral { asset, amount_usd }
            }
        }
    }

    fn bad_pool(&mut self, books: &Books, name: &str) -> Action {
        let owner = account(name);
        let market = self.choices.one_of(&[SPOT, SPOT, MINTED_SPOT, MarketId::new(0), MarketId::new(999)]);
        let beyond = Amount::new(1 + i128::from(self.choices.below(1_000)));
        let rich = Amount::new(1_000_000 * DOLLAR);
        match self.choices.below(6) {
            0 => Action::CreatePool { market, base: beyond, quote: beyond, fee: PoolFee::OneBasisPoint },
            1 => Action::CreatePool { market, base: rich, quote: rich, fee: PoolFee::HundredBasisPoints },
            2 => Action::DepositPool {
                market,
                base_maximum: beyond,
                quote_maximum: beyond,
                shares_minimum: Shares::new(10i128.pow(20)),
            },
            3 => {
                let (base_maximum, quote_maximum) = (Amount::new(0), Amount::new(-5));
                Action::DepositPool { market, base_maximum, quote_maximum, shares_minimum: Shares::ZERO }
            }
            4 => {
                let shares = Shares::new(books.pools.held(market, owner) + beyond.get());
                Action::WithdrawPool { market, shares, base_minimum: Amount::ZERO, quote_minimum: Amount::ZERO }
            }
            _ => {
                let shares = Shares::new(books.pools.held(market, owner).max(1));
                Action::WithdrawPool { market, shares, base_minimum: rich, quote_minimum: rich }
            }
        }
    }

    /// Legs that do not go together.
    fn bad_legs(&mut self, books: &Books) -> Option<Vec<Leg>> {
        let mut legs = self.some_legs(books, 2)?;
        match self.choices.below(6) {
            // One market twice, the same way or the other.
            0 => legs[1].market = legs[0].market,
            1 => legs[1] = Leg { side: legs[0].side.opposite(), ..legs[0] },
            // Of the other universe.
            2 => legs[1].market = MarketId::new(2),
            3 => legs[1].market = self.choices.one_of(&[SPOT, MarketId::new(999)]),
            4 => legs[1].ratio = self.choices.one_of(&[0, 1_000_001]),
            _ => legs.truncate(self.choices.below(2) as usize),
        }
        Some(legs)
    }

    fn bad_combo(&mut self, books: &Books, name: &str) -> Option<Action> {
        let owner = account(name);
        let all: Vec<ComboId> = books.open.combos.keys().copied().collect();
        let unknown = ComboId::new(self.choices.below(1_000));
        if self.choices.chance(40) {
            return Some(Action::CreateCombo { legs: self.bad_legs(books)? });
        }
        let combo = if all.is_empty() { unknown } else { self.choices.one_of(&all) };
        let tick = books.open.combos.get(&combo).map_or(2, |combo| combo.tick.get());
        let (side, time_in_force) = (Side::Buy, ComboTimeInForce::Gtc);
        let placed = |price, lots| Action::PlaceCombo { combo, side, price, lots, time_in_force };
        Some(match self.choices.below(5) {
            0 => placed(Price::new(tick + 1), Size::new(1_000)),
            1 => placed(Price::new(0), Size::ZERO),
            2 => placed(Price::new(i64::MAX / 4 / tick * tick), Size::new(1_000)),
            3 => Action::PlaceCombo { combo: unknown, side, price: Price::new(0), lots: Size::new(1), time_in_force },
            _ => {
                let mut others =
                    books.open.orders.values().filter(|order| order.account != owner).map(|order| order.id);
                Action::CancelCombo { order: others.next_back().unwrap_or(OrderId::new(3)) }
            }
        })
    }

    fn bad_block(&mut self, books: &Books, name: &str) -> Option<Action> {
        let owner = account(name);
        let (unknown_request, unknown_quote) = (BlockRequestId::new(self.choices.below(500)), BlockQuoteId::new(7));
        if self.choices.chance(30) {
            let mut request = self.request_block(books)?;
            if let Action::RequestBlock { block } = &mut request {
                match self.choices.below(4) {
                    0 => block.legs = self.bad_legs(books).filter(|legs| legs.len() != 1)?,
                    1 => block.expires_at_ms = TimeMs::new(books.time_ms),
                    2 => block.makers = vec![owner],
                    _ => block.lots = Size::new(1),
                }
            }
            return Some(request);
        }
        let others: Vec<_> = books.open.quotes.values().filter(|quote| quote.account != owner).collect();
        if others.is_empty() || self.choices.chance(20) {
            return Some(Action::AcceptBlock { request: unknown_request, quote: unknown_quote });
        }
        let quote = self.choices.one_of(&others);
        Some(match self.choices.below(4) {
            // Somebody else's request, or a quote for another one.
            0 => Action::AcceptBlock { request: quote.terms.request, quote: unknown_quote },
            1 => Action::CancelBlockQuote { quote: quote.id },
            2 => {
                let terms = BlockQuoteTerms { lots: Size::new(quote.terms.lots.get() * 20), ..quote.terms.clone() };
                Action::QuoteBlock { quote: terms }
            }
            _ => {
                let price = BlockPrice::Legs { prices: vec![Price::new(DOLLAR as i64)] };
                Action::QuoteBlock { quote: BlockQuoteTerms { price, ..quote.terms.clone() } }
            }
        })
    }

    fn bad_order(&mut self, books: &Books, name: &str) -> Action {
        let owner = account(name);
        let market = self.market(books).clone();
        let price = self.near(books, &market, 0);
        let side = self.choices.one_of(&[Side::Buy, Side::Sell]);
        let to_nobody = [AccountId::pool(SPOT), AccountId::synthetic(MINTED), AccountId::insurance(CORE)];
        match self.choices.below(8) {
            0 => {
                let off = Price::new(price.get() + market.tick.get() / 2);
                Action::Place { orders: vec![self.request(&market, side, off, Size::new(100))] }
            }
            1 => Action::Place { orders: vec![self.request(&market, side, price, Size::ZERO)] },
            2 => Action::Place { orders: vec![self.request(&market, side, price, Size::new(90_000_000))] },
            3 => {
                let leverage = self.choices.one_of(&[0, 1_000]);
                Action::UpdateLeverage { market: market.id, leverage, margin_mode: MarginMode::Cross }
            }
            4 => {
                let amount = Amount::new(books.cash(owner, CORE).max(0) + 1);
                Action::Transfer { universe: CORE, to: account(self.choices.one_of(&MAKERS)), asset: USDC, amount }
            }
            5 => {
                let (to, amount) = (self.choices.one_of(&to_nobody), Amount::new(DOLLAR));
                Action::Transfer { universe: CORE, to, asset: USDC, amount }
            }
            6 => {
                let amount = Amount::new(i128::from(self.choices.between(-2, 0)));
                Action::MoveUniverse { from: CORE, to: SIDE, asset: USDC, amount }
            }
            _ => {
                let to = account(self.choices.one_of(&TRADERS));
                Action::Transfer { universe: CORE, to, asset: NOBODY, amount: Amount::new(1) }
            }
        }
    }
}
