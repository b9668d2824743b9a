//! Block 1 begins by writing what the genesis file says into the state.

use crate::{
    ledger::{deposit, ensure_account},
    state::{AccountRecord, Record, SyntheticRecord, UniverseRecord},
    work::Work,
};
use palisade_types::{
    event::Event,
    numbers::{Amount, Usd},
};

/// Writes assets, universes, markets, synthetics and opening balances.
pub(super) fn run(work: &mut Work<'_>) {
    let genesis = work.genesis;
    for asset in &genesis.assets {
        work.state.put(Record::Asset { id: asset.id, record: asset.clone() });
    }
    for universe in &genesis.universes {
        let record = UniverseRecord { spec: universe.clone(), halted: None, gated_since_ms: None };
        work.state.put(Record::Universe { id: universe.id, record });
    }
    for market in &genesis.markets {
        work.state.put(Record::Market { id: market.id, record: Box::new(market.clone()) });
    }
    for &spec in &genesis.synthetics {
        let record = SyntheticRecord { spec, shortfall: Amount::ZERO, fund_claimed_usd: Usd::ZERO };
        work.state.put(Record::Synthetic { id: spec.asset, record });
    }
    for grant in &genesis.balances {
        if let Err(rejection) = deposit(work, grant.universe, grant.account, grant.asset, grant.amount) {
            // Only a sum beyond 2^127 can fail, and nothing that is worth anything has such a supply.
            let invariant = format!("genesis deposit to {} of asset {}: {rejection}", grant.account, grant.asset);
            work.update_chain(|chain| chain.halted = Some(invariant.clone()));
            work.emit(Event::ChainHalted { invariant });
        }
    }
    for &account in &genesis.hyperliquid_compatible {
        ensure_account(work.state, account, work.time_ms);
        if let Some(record) = work.state.account(account).copied() {
            let record = AccountRecord { hyperliquid_compatible: true, ..record };
            work.state.put(Record::Account { id: account, record });
        }
        work.emit(Event::HyperliquidCompatibilitySet { account, enabled: true });
    }
}
