//! Moving funds between universes: custody goes with them, and nothing moves that is needed or gated.

use super::check_open;
use crate::{
    action::{self, Actor},
    state::{Record, UniverseRecord},
    testing::{CORE, PERP, USDC, Venue, account_of, genesis, price},
    work::Work,
};
use palisade_types::{
    action::Action,
    event::Event,
    genesis::Genesis,
    hash::ActionId,
    ids::{AssetId, UniverseId},
    market::{AssetSpec, CollateralTerms, UniverseSpec},
    numbers::{Amount, Rate, Size},
    order::{OrderRequest, Side, TimeInForce},
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

const SIDE: UniverseId = UniverseId::new(1);
const BTC: AssetId = AssetId::new(1);
/// Backs positions wherever it is held.
const GOLD: AssetId = AssetId::new(2);
const UNIT: i128 = 100_000_000;

fn two_universes() -> Genesis {
    let mut genesis = genesis();
    genesis.universes.push(UniverseSpec { id: SIDE, name: "side".to_owned(), collateral: USDC });
    let collateral = Some(CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: palisade_types::numbers::Usd::new(1_000_000 * UNIT),
    });
    let gold = AssetSpec { id: GOLD, symbol: "GOLD".to_owned(), decimals: 8, has_index: true, collateral };
    genesis.assets.push(gold);
    genesis
}

fn movement(from: UniverseId, to: UniverseId, asset: AssetId, amount: Amount) -> Action {
    Action::MoveUniverse { from, to, asset, amount }
}

fn usdc(whole: i128) -> Amount {
    Amount::new(whole * UNIT)
}

#[test]
fn custody_goes_with_the_funds() {
    let mut venue = Venue::with(two_universes());
    let alice = account_of("alice");
    let total = venue.state().custody(CORE, USDC);
    let signed = venue.sign("alice", movement(CORE, SIDE, USDC, usdc(40_000)));
    let outcome = venue.block(&[signed], None);
    assert_eq!(outcome.receipts[0].outcome, Outcome::Done);
    assert_eq!(
        outcome.events,
        [Event::MovedBetweenUniverses {
            from_universe: CORE,
            to_universe: SIDE,
            from: alice,
            to: alice,
            asset: USDC,
            amount: usdc(40_000),
        }]
    );
    let held = |venue: &Venue, universe| venue.state().balance(alice, universe, USDC);
    assert_eq!((held(&venue, CORE), held(&venue, SIDE)), (usdc(60_000), usdc(40_000)));
    let custody = |venue: &Venue, universe| venue.state().custody(universe, USDC);
    assert_eq!((custody(&venue, CORE), custody(&venue, SIDE)), (usdc(460_000), usdc(40_000)));
    assert_eq!(venue.act("alice", movement(SIDE, CORE, USDC, usdc(40_000))).outcome, Outcome::Done);
    assert_eq!(custody(&venue, CORE), total);
    assert_eq!(venue.state().custodies().filter(|(id, _)| id.universe == SIDE).count(), 0, "none is not stored");
}

#[test]
fn what_cannot_move_stays() {
    let mut venue = Venue::with(two_universes());
    let alice = account_of("alice");
    let nowhere = UniverseId::new(7);
    let one = usdc(1);
    let cases = [
        (movement(CORE, CORE, USDC, one), Rejection::SameUniverse { universe: CORE }),
        (movement(CORE, nowhere, USDC, one), Rejection::UnknownUniverse { universe: nowhere }),
        (movement(nowhere, CORE, USDC, one), Rejection::UnknownUniverse { universe: nowhere }),
        (movement(CORE, SIDE, AssetId::new(9), one), Rejection::UnknownAsset { asset: AssetId::new(9) }),
        (movement(CORE, SIDE, BTC, one), Rejection::AssetNotAccepted { universe: SIDE, asset: BTC }),
        (movement(CORE, SIDE, USDC, Amount::ZERO), Rejection::AmountNotPositive { amount: Amount::ZERO }),
        (movement(CORE, SIDE, USDC, usdc(-1)), Rejection::AmountNotPositive { amount: usdc(-1) }),
        (
            movement(CORE, SIDE, USDC, usdc(100_001)),
            Rejection::InsufficientBalance { asset: USDC, required: usdc(100_001), available: usdc(100_000) },
        ),
        (
            movement(CORE, SIDE, USDC, Amount::MAX),
            Rejection::InsufficientBalance { asset: USDC, required: Amount::MAX, available: usdc(100_000) },
        ),
        (
            movement(CORE, SIDE, GOLD, one),
            Rejection::InsufficientBalance { asset: GOLD, required: one, available: Amount::ZERO },
        ),
    ];
    for (action, expected) in cases {
        assert_eq!(venue.refused("alice", alice, action), expected);
    }
}

#[test]
fn what_positions_and_orders_need_stays() {
    let mut venue = Venue::with(two_universes());
    venue.set_index(BTC, price("100"));
    let order = |side, lots| Action::Place {
        orders: vec![OrderRequest {
            market: PERP,
            side,
            price: price("100"),
            size: Size::new(lots),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    };
    venue.act("alice", order(Side::Buy, 1_000));
    // 100,000 of notional at 20x needs 5,000 and the larger fee.
    let rejection = venue.refused("alice", account_of("alice"), movement(CORE, SIDE, USDC, usdc(95_000)));
    let available = Amount::new(100_000 * UNIT - 5_000 * UNIT - 35 * UNIT);
    assert_eq!(rejection, Rejection::InsufficientBalance { asset: USDC, required: usdc(95_000), available });
    assert_eq!(venue.act("alice", movement(CORE, SIDE, USDC, available)).outcome, Outcome::Done);
    venue.act("bob", order(Side::Sell, 1_000));
    let rejection = venue.refused("alice", account_of("alice"), movement(CORE, SIDE, USDC, usdc(26)));
    assert!(matches!(rejection, Rejection::InsufficientBalance { .. }), "{rejection:?}");
}

/// Both gates and both halts, of either side, with the state as it was afterwards.
#[test]
fn nothing_passes_a_closed_gate_or_a_halt() {
    let mut venue = Venue::with(two_universes());
    venue.act("alice", movement(CORE, SIDE, USDC, usdc(10)));
    let time_ms = venue.engine.time_ms();
    let actor = Actor { account: account_of("alice"), action: ActionId::default() };
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    for closed in [CORE, SIDE] {
        for gated in [false, true] {
            let before = state.universe(closed).expect("it exists").clone();
            let halted = (!gated).then(|| "a test".to_owned());
            let gated_since_ms = gated.then_some(TimeMs::new(1));
            state.put(Record::Universe { id: closed, record: UniverseRecord { halted, gated_since_ms, ..before } });
            let expected = if gated {
                Rejection::UniverseGated { universe: closed }
            } else {
                Rejection::UniverseHalted { universe: closed }
            };
            assert_eq!(check_open(state, closed), Err(expected.clone()));
            for (from, to) in [(CORE, SIDE), (SIDE, CORE)] {
                let mut work = Work::new(state, genesis, time_ms);
                let stop = action::native(&mut work, &actor, &movement(from, to, USDC, usdc(1))).expect_err("closed");
                assert_eq!(stop.rejection, expected);
            }
            state.revert_to(start);
        }
    }
}
