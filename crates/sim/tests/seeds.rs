//! What a seed becomes, before anything runs.

use palisade_sim::{
    lie::Lie,
    plan::{Plan, PowerLoss},
    venue,
};
use std::collections::BTreeSet;

#[test]
fn a_seed_is_one_plan_and_seeds_differ() {
    assert_eq!(Plan::new(7), Plan::new(7));
    assert_ne!(Plan::new(7), Plan::new(8));
}

/// Two hundred seeds, the least of a campaign, have every kind of fault and of lie, and a late seat among them.
#[test]
fn a_campaign_has_every_fault() {
    let plans: Vec<Plan> = (0..200).map(Plan::new).collect();
    let rounds = || plans.iter().flat_map(|plan| &plan.rounds);
    let faults: BTreeSet<_> = rounds().flat_map(|round| &round.faults).map(|fault| fault.kind.name()).collect();
    let losses: BTreeSet<_> = rounds().filter_map(|round| round.power_loss).map(PowerLoss::name).collect();
    assert_eq!((faults.len(), losses.len()), (8, 3), "{faults:?} {losses:?}");
    assert!(plans.iter().any(|plan| plan.late_seat.is_some()));
    assert!(rounds().any(|round| round.dark_ms > 24 * 3_600_000));
    let lies: BTreeSet<_> = plans.iter().filter_map(|plan| plan.liar).map(|(_, lie)| lie.name()).collect();
    assert_eq!(lies.len(), Lie::ALL.len(), "{lies:?}");
}

#[test]
fn the_genesis_of_every_seed_is_valid() {
    for seed in 0..64 {
        assert_eq!(venue::genesis(seed).check(), Ok(()), "seed {seed}");
    }
}
