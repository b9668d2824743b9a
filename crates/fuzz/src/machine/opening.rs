//! How half of the inputs begin: people with little who hold as much as they can afford, against one who can afford anything. Then
//! what a fuzzer chooses meets liquidations, deficits and gates, which it would seldom find from flat books.

use super::{
    actions::{self, middle},
    venue::{SIDE_PERPETUAL, TICK},
};
use arbitrary::{Result, Unstructured};
use palisade_engine::State;
use palisade_types::{
    action::{Action, MarginMode},
    ids::MarketId,
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    signing::VerifiedAction,
};

/// Whoever rests on both sides.
const MAKER: usize = 0;
/// Those who lever up, with the USD that they have in the core universe and in the other.
const LEVERED: [(usize, u64, u64); 3] = [(2, 2_000, 500), (3, 500, 0), (4, 120, 100)];
const DOLLARS_OF_A_WALL: u64 = 150_000;

/// Markets and what they allow.
const MARKETS: [(MarketId, u32); 4] =
    [(MarketId::new(0), 50), (MarketId::new(1), 10), (SIDE_PERPETUAL, 50), (MarketId::new(MarketId::FIRST_FUTURE), 20)];

fn order(state: &State, market: MarketId, side: Side, away: i64, dollars: u64, kind: TimeInForce) -> OrderRequest {
    let middle = middle(state, market).max(1);
    OrderRequest {
        market,
        side,
        price: Price::new((middle + away) * TICK),
        size: Size::new((dollars * 100_000 / middle.unsigned_abs()).max(1)),
        time_in_force: kind,
        reduce_only: false,
        client_order_id: None,
    }
}

/// Walls on both sides of every market.
fn walls(state: &State) -> Vec<(usize, Action)> {
    let wall = |market, side, away| order(state, market, side, away, DOLLARS_OF_A_WALL, TimeInForce::Gtc);
    let both = |(market, _): (MarketId, u32)| {
        let orders = vec![wall(market, Side::Buy, -1), wall(market, Side::Sell, 1)];
        (MAKER, Action::Place { orders })
    };
    MARKETS.map(both).into()
}

/// What everyone with little does: leverage first, in a block of its own, then the order.
struct Bets {
    settings: Vec<(usize, Action)>,
    orders: Vec<(usize, Action)>,
}

fn bets(choices: &mut Unstructured<'_>, state: &State) -> Result<Bets> {
    let mut bets = Bets { settings: Vec::new(), orders: Vec::new() };
    for (person, core, side_dollars) in LEVERED {
        for _ in 0..choices.int_in_range(1..=2u8)? {
            let (market, leverage) = *choices.choose(&MARKETS)?;
            let margin_mode = if choices.ratio(1, 3)? { MarginMode::Isolated } else { MarginMode::Cross };
            bets.settings.push((person, Action::UpdateLeverage { market, leverage, margin_mode }));
            let side = if choices.arbitrary()? { Side::Buy } else { Side::Sell };
            let funds = if market == SIDE_PERPETUAL { side_dollars } else { core };
            let percent: u64 = *choices.choose(&[20, 45, 90, 97])?;
            let away = if side == Side::Buy { 2 } else { -2 };
            let dollars = funds * u64::from(leverage) * percent / 100;
            let request = order(state, market, side, away, dollars, TimeInForce::Ioc);
            bets.orders.push((person, Action::Place { orders: vec![request] }));
        }
    }
    Ok(bets)
}

/// The actions of three blocks, by the state that they begin on.
pub fn blocks(choices: &mut Unstructured<'_>, state: &State, nonce: &mut u64) -> Result<[Vec<VerifiedAction>; 3]> {
    let Bets { settings, orders } = bets(choices, state)?;
    let mut sign = |actions: Vec<(usize, Action)>| {
        let signed = actions.into_iter().map(|(person, action)| {
            *nonce = nonce.saturating_add(1);
            actions::native(&actions::people()[person], action, *nonce)
        });
        signed.collect()
    };
    Ok([sign(walls(state)), sign(settings), sign(orders)])
}
