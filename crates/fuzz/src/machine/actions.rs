//! Signed actions of a few people, chosen by a fuzzer: mostly sensible, sometimes with any number at all.

use super::{capital, special, venue::TICK};
use arbitrary::{Result, Unstructured};
use palisade_engine::State;
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::{AccountId, SignerId},
    agent::AgentScope,
    envelope::{Envelope, HyperliquidSource, Payload},
    ids::{AssetId, ClientOrderId, MarketId, Nonce, OrderId, UniverseId},
    numbers::{Amount, Price, Size, Usd},
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
    signing::{self, VerifiedAction, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
};
use std::sync::LazyLock;

/// Perpetuals, the future, spot.
const MARKETS: [u32; 8] = [0, 0, 0, 1, 1, 2, 10_000, 10_001];
const CHAIN_ID: u64 = 7_777;

/// Somebody with a key.
pub struct Person(Secp256k1SecretKey);

impl Person {
    pub fn account(&self) -> AccountId {
        self.0.address()
    }
}

static PEOPLE: LazyLock<Vec<Person>> = LazyLock::new(|| {
    let key = |number| Secp256k1SecretKey::from_bytes([number; 32]).expect("a small number is a key");
    (1..=5).map(key).map(Person).collect()
});

/// Everybody.
pub fn people() -> &'static [Person] {
    &PEOPLE
}

/// Somebody's own action, as a client signs it.
pub fn native(person: &Person, action: Action, nonce: u64) -> VerifiedAction {
    let envelope = Envelope {
        chain_id: CHAIN_ID,
        signer: person.0.signer_id(),
        account: person.account(),
        nonce: Nonce::new(nonce),
        expires_after_ms: None,
        payload: Payload::Native { action },
    };
    signing::verify(person.0.sign(envelope)).expect("a good signature")
}

/// A signed action; `None` if its content is one that no signature helps.
pub fn signed(
    choices: &mut Unstructured<'_>,
    state: &State,
    now: TimeMs,
    nonce: u64,
) -> Result<Option<VerifiedAction>> {
    let person = choices.choose(people())?;
    let on = if choices.ratio(1, 30)? { choices.choose(people())? } else { person };
    let account = capital::account_of(choices, state, on.account())?;
    let payload = match choices.int_in_range(0..=19u8)? {
        0 => Payload::HyperliquidL1 {
            source: *choices.choose(&[HyperliquidSource::Mainnet, HyperliquidSource::Testnet])?,
            action_msgpack: choices.choose(&PACKED)?.clone(),
            vault: choices.arbitrary::<bool>()?.then_some(account),
        },
        _ => Payload::Native { action: action(choices, state, account, now)? },
    };
    let envelope = Envelope {
        chain_id: if choices.ratio(1, 100)? { choices.arbitrary()? } else { CHAIN_ID },
        signer: person.0.signer_id(),
        account,
        nonce: Nonce::new(if choices.ratio(1, 50)? { choices.arbitrary()? } else { nonce }),
        expires_after_ms: choices.ratio(1, 20)?.then(|| now.saturating_add(u64::from(nonce.is_multiple_of(2)))),
        payload,
    };
    Ok(signing::verify(person.0.sign(envelope)).ok())
}

/// Actions in Hyperliquid's format.
static PACKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| crate::seeds::of("msgpack"));

fn action(choices: &mut Unstructured<'_>, state: &State, account: AccountId, now: TimeMs) -> Result<Action> {
    Ok(match choices.int_in_range(0..=49u8)? {
        0..=15 => {
            let count = if choices.ratio(2, 3)? { 1 } else { choices.int_in_range(1..=4)? };
            Action::Place { orders: (0..count).map(|_| order(choices, state, now)).collect::<Result<_>>()? }
        }
        16..=17 => {
            let (market, order) = reference(choices, state, account)?;
            Action::Cancel { cancels: vec![CancelRequest { market, order }] }
        }
        19..=23 => {
            let (_, reference) = reference(choices, state, account)?;
            let mut replacement = order(choices, state, now)?;
            if let Some(record) = state.order_of(account, reference) {
                (replacement.market, replacement.side) = (record.order.market, record.order.side);
            }
            Action::Modify { modifies: vec![ModifyRequest { order: reference, replacement }] }
        }
        24 => Action::CancelAll { market: choices.arbitrary::<bool>()?.then_some(MarketId::new(0)) },
        25 => {
            let ahead: Option<u16> = choices.arbitrary()?;
            Action::ScheduleCancel { at_ms: ahead.map(|ahead| now.saturating_add(u64::from(ahead))) }
        }
        18 | 26 | 31 => margin(choices, state, account)?,
        27 => Action::ApproveAgent {
            agent: SignerId::Address(choices.choose(people())?.account()),
            name: choices.choose(&["", "bot", "second bot"])?.to_string(),
            scope: *choices.choose(&[AgentScope::Trade, AgentScope::CancelOnly])?,
            expires_at_ms: choices.arbitrary::<Option<u16>>()?.map(|ahead| now.saturating_add(u64::from(ahead))),
        },
        28 => Action::RevokeAgent { agent: SignerId::Address(choices.choose(people())?.account()) },
        29 => Action::ClaimFaucet { asset: AssetId::new(choices.int_in_range(0..=4)?) },
        30 => Action::SetHyperliquidCompatibility { enabled: choices.arbitrary()? },
        32..=41 => special::action(choices, state, account, now)?,
        42..=49 => capital::action(choices, state, account)?,
        _ => Action::Transfer {
            universe: UniverseId::new(u32::from(choices.ratio(1, 50)?)),
            to: choices.choose(people())?.account(),
            asset: AssetId::new(choices.int_in_range(0..=3)?),
            amount: Amount::new(if choices.ratio(1, 10)? {
                choices.arbitrary()?
            } else {
                choices.int_in_range(0..=10_000_000_000_000)?
            }),
        },
    })
}

/// Leverage, how a market is margined, and what lies in the purse of an isolated position.
fn margin(choices: &mut Unstructured<'_>, state: &State, account: AccountId) -> Result<Action> {
    let held: Vec<MarketId> = state.positions_of(account).map(|(market, _)| market).collect();
    let market = if held.is_empty() || choices.ratio(1, 4)? { market(choices)? } else { *choices.choose(&held)? };
    if choices.ratio(1, 3)? {
        let amount_usd = Usd::new(i128::from(choices.int_in_range(-500..=500i64)?) * 50_000_000);
        return Ok(Action::UpdateIsolatedMargin { market, amount_usd });
    }
    let leverage = if choices.arbitrary()? { 50 } else { choices.int_in_range(0..=60)? };
    let margin_mode = if choices.ratio(1, 3)? { MarginMode::Isolated } else { MarginMode::Cross };
    Ok(Action::UpdateLeverage { market, leverage, margin_mode })
}

/// One of the genesis's markets; seldom the future, which has one number more.
pub fn market(choices: &mut Unstructured<'_>) -> Result<MarketId> {
    if choices.ratio(1, 9)? {
        return Ok(MarketId::new(MarketId::FIRST_FUTURE));
    }
    choices.choose(&MARKETS).copied().map(MarketId::new)
}

/// The middle of a market in ticks.
pub fn middle(state: &State, market: MarketId) -> i64 {
    let of = if market == MarketId::new(10_000) { MarketId::new(0) } else { market };
    state.mark(of).map_or(5, |record| record.price.get() / TICK)
}

/// Lots for a round sum of dollars at a price: from a trifle to more than anybody can afford.
fn lots(choices: &mut Unstructured<'_>, middle: i64) -> Result<u64> {
    let dollars: u64 = *choices.choose(&[20, 100, 500, 2_000, 5_000, 20_000, 60_000])?;
    let part: u64 = choices.int_in_range(1..=10)?;
    let middle = u64::try_from(middle).unwrap_or(1).max(1);
    Ok((dollars * part * 10_000 / middle).max(1))
}

pub fn order(choices: &mut Unstructured<'_>, state: &State, now: TimeMs) -> Result<OrderRequest> {
    let market = market(choices)?;
    let middle = middle(state, market);
    // From a tick or so away to the edge of the band.
    let reach = *choices.choose(&[1, 2, middle / 50, middle / 8])?;
    let ticks: i64 = choices.int_in_range(-reach..=reach)?;
    let is_wild = choices.ratio(1, 40)?;
    let kinds = [
        TimeInForce::Gtc,
        TimeInForce::Gtc,
        TimeInForce::Ioc,
        TimeInForce::Alo,
        TimeInForce::Fok,
        TimeInForce::Gtt { expires_at_ms: now.saturating_add(choices.int_in_range(0..=3_000)?) },
    ];
    let lots = lots(choices, middle)?;
    Ok(OrderRequest {
        market,
        side: if choices.arbitrary()? { Side::Buy } else { Side::Sell },
        price: Price::new(if is_wild { choices.arbitrary()? } else { (middle + ticks).max(1) * TICK }),
        size: Size::new(if is_wild { choices.arbitrary()? } else { lots }),
        time_in_force: *choices.choose(&kinds)?,
        reduce_only: choices.ratio(1, 6)?,
        client_order_id: choices.ratio(1, 3)?.then(|| ClientOrderId(u128::from(lots).to_be_bytes())),
    })
}

fn reference(choices: &mut Unstructured<'_>, state: &State, account: AccountId) -> Result<(MarketId, OrderReference)> {
    let open: Vec<&OpenOrder> = state.orders_of(account).map(|record| &record.order).collect();
    if open.is_empty() || choices.ratio(1, 10)? {
        return Ok((MarketId::new(0), OrderReference::Id(OrderId::new(choices.arbitrary()?))));
    }
    let order = choices.choose(&open)?;
    Ok(match order.client_order_id {
        Some(id) if choices.arbitrary()? => (order.market, OrderReference::Client(id)),
        _ => (order.market, OrderReference::Id(order.id)),
    })
}
