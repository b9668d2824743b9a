//! Several legs at once: combos registered, traded against each other and against the books of their legs, canceled; blocks asked
//! for, quoted and accepted. Badly: repeated and crossed legs, spot, off the tick, too small, the wrong side, past their time.

use super::{People, one_of};
use crate::venue::{self, CORE, MAKERS, SIDE, SPOT_BTC, WHOLE};
use palisade_engine::State;
use palisade_types::{
    action::Action,
    address::AccountId,
    ids::{BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId},
    market::MarketSpec,
    multi_leg::{BlockPrice, BlockQuoteTerms, BlockRequest, BlockTerms, Combo, ComboTimeInForce, Leg},
    numbers::{Price, Size},
    order::Side,
    time::TimeMs,
};
use rand::RngExt as _;

/// The least value of a block, in USD, and somewhat more, for marks that move.
const BLOCK_USD: i64 = 102_000;

/// Who acts, when, and whether options are for them.
#[derive(Clone, Copy)]
pub(super) struct Acting {
    pub account: AccountId,
    pub now_ms: TimeMs,
    pub trades_options: bool,
}

fn scale(market: &MarketSpec) -> i128 {
    10i128.pow(u32::from(market.size_decimals))
}

/// By how much the marks of legs enter a net price, and their marks: `None` where one is not known.
fn weights(state: &State, legs: &[Leg]) -> Option<Vec<(i128, i128)>> {
    let markets: Vec<&MarketSpec> = legs.iter().map(|leg| state.market(leg.market)).collect::<Option<_>>()?;
    let finest = markets.iter().map(|market| scale(market)).max()?;
    let of_leg = |(leg, market): (&Leg, &&MarketSpec)| {
        let size = i128::from(leg.ratio) * (finest / scale(market));
        let weight = if leg.side == Side::Buy { size } else { -size };
        Some((weight, i128::from(state.mark(leg.market)?.price.get())))
    };
    legs.iter().zip(&markets).map(of_leg).collect()
}

impl People {
    /// Something that an account does with several legs at once.
    pub(super) fn structures(&mut self, state: &State, acting: Acting) -> Option<Action> {
        Some(match self.random.random_range(0..100u8) {
            0..=47 => self.combos(state, acting)?,
            48..=92 => self.blocks(state, acting)?,
            _ => self.bad_structure(state, acting)?,
        })
    }

    /// Markets of the first universe in which positions are held and that are not over.
    fn leg_markets<'s>(&mut self, state: &'s State, acting: Acting) -> Vec<&'s MarketSpec> {
        let lives = |market: &&MarketSpec| {
            market.universe == CORE && market.expires_at_ms().is_none_or(|at| at > acting.now_ms)
        };
        let mut markets: Vec<&MarketSpec> =
            state.markets().filter(|market| market.linear().is_some()).filter(lives).collect();
        if acting.trades_options {
            markets.extend(self.option(state, acting.now_ms).filter(lives));
            markets.extend(self.option(state, acting.now_ms).filter(lives));
        }
        markets
    }

    fn legs(&mut self, state: &State, acting: Acting, most: usize) -> Option<Vec<Leg>> {
        let markets = self.leg_markets(state, acting);
        if markets.is_empty() {
            return None;
        }
        let count = self.random.random_range(1..=most);
        let mut legs: Vec<Leg> = Vec::new();
        for _ in 0..count {
            let market = one_of(&mut self.random, &markets).id;
            if legs.iter().all(|leg| leg.market != market) {
                let ratio = one_of(&mut self.random, &[1, 1, 1, 2, 2, 4]);
                legs.push(Leg { market, side: self.side(), ratio });
            }
        }
        Some(legs)
    }

    fn combos(&mut self, state: &State, acting: Acting) -> Option<Action> {
        let is_for = |combo: &&Combo| {
            let leg_lives = |leg: &Leg| {
                let market = state.market(leg.market);
                market.is_some_and(|market| market.expires_at_ms().is_none_or(|at| at > acting.now_ms))
            };
            let is_open = acting.trades_options || !combo.legs.iter().any(|leg| leg.market.is_option());
            is_open && combo.legs.iter().all(leg_lives)
        };
        let combos: Vec<&Combo> = state.combos().filter(is_for).collect();
        if combos.len() < 3 || self.random.random_bool(0.08) {
            let legs = self.legs(state, acting, 4)?;
            return Some(Action::CreateCombo { legs });
        }
        if self.random.random_bool(0.12) {
            let own = state.combo_orders_of(acting.account).next().map(|order| order.id);
            return Some(Action::CancelCombo { order: own.unwrap_or(OrderId::new(u64::MAX)) });
        }
        let combo = one_of(&mut self.random, &combos);
        let side = self.side();
        let price = self.net_price(state, &combo.legs, side)?;
        let price = Price::new(price - price.rem_euclid(combo.tick.get()));
        Some(Action::PlaceCombo {
            combo: combo.id,
            side,
            price,
            lots: Size::new(self.random.random_range(1..60)),
            time_in_force: one_of(
                &mut self.random,
                &[ComboTimeInForce::Gtc, ComboTimeInForce::Gtc, ComboTimeInForce::Ioc, ComboTimeInForce::Fok],
            ),
        })
    }

    /// A net price near the marks, mostly on the side that finds somebody.
    fn net_price(&mut self, state: &State, legs: &[Leg], side: Side) -> Option<i64> {
        let weights = weights(state, legs)?;
        let net: i128 = weights.iter().map(|(weight, mark)| weight * mark).sum();
        let gross: i128 = weights.iter().map(|(weight, mark)| weight.abs() * mark).sum();
        let away = gross * self.random.random_range(-2_000..9_000) / 1_000_000;
        i64::try_from(if side == Side::Buy { net + away } else { net - away }).ok()
    }

    /// Accepts, else quotes, else asks.
    fn blocks(&mut self, state: &State, acting: Acting) -> Option<Action> {
        if self.random.random_bool(0.06) {
            return Some(self.withdraw_block(state, acting.account));
        }
        let quoted: Vec<(BlockRequestId, BlockQuoteId)> = state
            .block_requests_of(acting.account)
            .flat_map(|request| state.block_quotes_for(request.id))
            .map(|quote| (quote.terms.request, quote.id))
            .collect();
        if !quoted.is_empty() && self.random.random_bool(0.8) {
            let (request, quote) = one_of(&mut self.random, &quoted);
            return Some(Action::AcceptBlock { request, quote });
        }
        let is_for = |request: &&BlockRequest| {
            let has_options = request.terms.legs.iter().any(|leg| leg.market.is_option());
            request.account != acting.account && (acting.trades_options || !has_options)
        };
        let open: Vec<&BlockRequest> = state.block_requests().filter(is_for).collect();
        if !open.is_empty() && self.random.random_bool(0.75) {
            let request = one_of(&mut self.random, &open);
            return Some(Action::QuoteBlock { quote: self.block_quote(state, request, acting.now_ms)? });
        }
        let legs = self.legs(state, acting, 3)?;
        Some(Action::RequestBlock { block: self.block_terms(state, legs, acting.now_ms, BLOCK_USD)? })
    }

    fn block_terms(&mut self, state: &State, legs: Vec<Leg>, now_ms: TimeMs, usd: i64) -> Option<BlockTerms> {
        let mut unit = 0;
        for leg in &legs {
            let market = state.market(leg.market)?;
            unit += i128::from(state.mark(leg.market)?.price.get()) * i128::from(leg.ratio) / scale(market);
        }
        let wanted = i128::from(usd) * i128::from(WHOLE) * self.random.random_range(1_000..1_500) / 1_000;
        let lots = u64::try_from(wanted / unit.max(1)).ok()?;
        let side = one_of(&mut self.random, &[None, Some(Side::Buy), Some(Side::Sell)]);
        let all: Vec<AccountId> = MAKERS.chain(1..5).map(venue::account).collect();
        let makers = if self.random.random_bool(0.5) { Vec::new() } else { all };
        let expires_at_ms = now_ms.saturating_add(self.random.random_range(4_000..60_000));
        Some(BlockTerms { legs, side, lots: Size::new(lots), makers, expires_at_ms })
    }

    /// The other side of a request, or either; at prices of legs or a net price, near the marks.
    fn block_quote(&mut self, state: &State, request: &BlockRequest, now_ms: TimeMs) -> Option<BlockQuoteTerms> {
        let own = self.side();
        let side = request.terms.side.map_or(own, Side::opposite);
        let price = if self.random.random_bool(0.5) {
            let ppm = self.random.random_range(-3_000..3_000i64);
            let near = |leg: &Leg| {
                let (mark, tick) = (state.mark(leg.market)?.price.get(), state.market(leg.market)?.tick.get());
                let price = mark + mark / 1_000_000 * ppm;
                Some(Price::new((price - price.rem_euclid(tick)).max(tick)))
            };
            BlockPrice::Legs { prices: request.terms.legs.iter().map(near).collect::<Option<_>>()? }
        } else {
            let net = self.net_price(state, &request.terms.legs, side)?;
            let tick = net_tick(state, &request.terms.legs)?;
            BlockPrice::Net { price: Price::new(net - net.rem_euclid(tick)) }
        };
        let expires_at_ms = now_ms.saturating_add(self.random.random_range(2_000..30_000));
        Some(BlockQuoteTerms { request: request.id, side, price, lots: request.terms.lots, expires_at_ms })
    }

    fn withdraw_block(&mut self, state: &State, account: AccountId) -> Action {
        let request = state.block_requests_of(account).next().map(|request| request.id);
        let quote = state.block_quotes_of(account).next().map(|quote| quote.id);
        match (request, quote) {
            (Some(request), _) if self.random.random_bool(0.5) => Action::CancelBlockRequest { request },
            (_, Some(quote)) => Action::CancelBlockQuote { quote },
            _ => Action::CancelBlockRequest { request: BlockRequestId::new(u64::MAX) },
        }
    }

    fn bad_structure(&mut self, state: &State, acting: Acting) -> Option<Action> {
        let leg = |market: MarketId| Leg { market, side: Side::Buy, ratio: 1 };
        let [btc, eth] = [0, 1].map(MarketId::new);
        let side_market = state.markets().find(|market| market.universe == SIDE)?.id;
        let two = vec![leg(btc), leg(eth)];
        let now_ms = acting.now_ms;
        Some(match self.random.random_range(0..10u8) {
            0 => Action::CreateCombo { legs: vec![leg(btc), Leg { side: Side::Sell, ..leg(btc) }] },
            1 => Action::CreateCombo { legs: vec![leg(btc), leg(side_market)] },
            2 => Action::CreateCombo { legs: vec![leg(btc), leg(SPOT_BTC)] },
            3 => Action::CreateCombo { legs: vec![leg(btc), Leg { ratio: 0, ..leg(eth) }] },
            4 => self.off_tick(state)?,
            5 => Action::RequestBlock { block: self.block_terms(state, two, now_ms, 1_000)? },
            6 => {
                let terms = self.block_terms(state, two, now_ms, BLOCK_USD)?;
                let expires_at_ms = one_of(&mut self.random, &[now_ms.saturating_sub(1), TimeMs::new(u64::MAX)]);
                Action::RequestBlock { block: BlockTerms { expires_at_ms, ..terms } }
            }
            7 => {
                // A request whose time is over, or that never was.
                let old = self.random.random_range(1..2_000);
                Action::AcceptBlock { request: BlockRequestId::new(old), quote: BlockQuoteId::new(old + 1) }
            }
            8 => {
                let request = state.block_requests().next()?.clone();
                let quote = self.block_quote(state, &request, now_ms)?;
                let wrong = request.terms.side.unwrap_or(quote.side);
                let prices = vec![Price::new(1)];
                Action::QuoteBlock {
                    quote: BlockQuoteTerms { side: wrong, price: BlockPrice::Legs { prices }, ..quote },
                }
            }
            _ => {
                let request = state.block_requests().next()?.clone();
                let quote = self.block_quote(state, &request, now_ms)?;
                Action::QuoteBlock { quote: BlockQuoteTerms { lots: Size::new(u64::MAX), ..quote } }
            }
        })
    }

    /// A combo order between two ticks, or for a combo that is not there.
    fn off_tick(&mut self, state: &State) -> Option<Action> {
        let combo = state.combos().next()?;
        let missing = self.random.random_bool(0.3);
        let number = if missing { ComboId::new(u64::MAX) } else { combo.id };
        Some(Action::PlaceCombo {
            combo: number,
            side: Side::Buy,
            price: Price::new(combo.tick.get() + 1),
            lots: Size::new(1),
            time_in_force: ComboTimeInForce::Gtc,
        })
    }
}

/// What net prices of legs are multiples of: the least that one tick of a leg moves them by.
fn net_tick(state: &State, legs: &[Leg]) -> Option<i64> {
    let weights = weights(state, legs)?;
    let steps = legs
        .iter()
        .zip(&weights)
        .map(|(leg, (weight, _))| Some(weight.abs() * i128::from(state.market(leg.market)?.tick.get())));
    let steps: Vec<i128> = steps.collect::<Option<_>>()?;
    i64::try_from(steps.into_iter().min()?).ok()
}
