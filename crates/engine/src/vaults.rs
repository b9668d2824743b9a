//! Users' vaults: what they are worth, how shares are redeemed, and the queue of those who wait
//! (`docs/rules/vaults.md`).
//!
//! Rules:
//! - Deposits are priced at the higher of the values at mark and index, redemptions at the lower: whoever moves one of the
//!   two prices buys dear or sells cheap.
//! - A redemption is paid from what positions and orders leave free; what cannot be paid waits in order;
//!   what is worth nothing is neither put in line nor kept there.
//! - A leader's part of a profit is paid when the profit is: nobody's shares are diluted by it.
//!
//! Invariants:
//! - An action changes a vault's value by what is posted, to the unit.
//! - The value of a share is never lowered by a deposit or a redemption.

use crate::{
    accounts::{self, asset_value_usd, spendable},
    action::{move_universe::check_open, too_many},
    ledger::{Overdraft, Settlement},
    listing::CORE,
    market_math::{RATE_ONE, quote_amount, quote_value_usd, value_floor_usd},
    orders,
    shares::{Pool, VIRTUAL_SHARES},
    state::{
        Record, RecordKey, State, VaultRecord, VaultShareId, VaultShareRecord, VaultWithdrawalId, VaultWithdrawalRecord,
    },
    synthetics::equity_usd,
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event},
    ids::{AssetId, OrderId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Rate, Shares, Usd},
    rejection::Rejection,
    time::TimeMs,
    vault::Redemption,
};

/// What a leader puts in at least to open a vault: 100 USD.
pub const VAULT_INITIAL_MINIMUM_USD: Usd = Usd::new(100 * 100_000_000);
/// The least deposit: 10 USD.
pub const VAULT_DEPOSIT_MINIMUM_USD: Usd = Usd::new(10 * 100_000_000);
/// How long shares are locked after a deposit: one day.
pub const VAULT_LOCK_MS: u64 = 24 * 60 * 60 * 1_000;
/// Vaults that one account may lead, closed ones included.
pub const VAULTS_PER_LEADER_MAX: usize = 10;
/// The leader's part of the others' profits: 10 %.
pub const VAULT_PROFIT_SHARE: Rate = Rate::new(100_000);
/// The part of all shares that the leader must hold: 5 %.
pub const VAULT_LEADER_SHARE_MINIMUM: Rate = Rate::new(50_000);
/// Shares that the leader must hold whatever the others hold: those of the least first deposit. They bound what one share
/// can be worth, and so what rounding can cost.
pub const VAULT_LEADER_SHARES_MINIMUM: Shares = Shares::new(100 * 100_000_000 * VIRTUAL_SHARES);
/// Withdrawals that may wait for one vault.
pub const VAULT_QUEUE_MAX: usize = 1_000;
/// Payments and attempts per block.
pub const VAULT_QUEUE_STEPS_PER_BLOCK: usize = 32;
/// How long a queue that cannot be paid rests.
pub const VAULT_QUEUE_RETRY_MS: u64 = 1_000;
/// Free cash that is worth a part payment: 100 USD.
pub const VAULT_PART_PAYMENT_MINIMUM_USD: Usd = Usd::new(100 * 100_000_000);
/// Most orders that a step cancels to free cash.
const VAULT_CANCELS_MAX: usize = 100;
/// New shares are not sold once a share is worth less than its first value divided by this.
const VAULT_LOSS_FACTOR_MAX: i128 = 1_000_000;

/// What an account is worth to those who share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worth {
    /// At the lower of mark and index, of options of mark and slow mark.
    pub low_usd: Usd,
    /// At the higher.
    pub high_usd: Usd,
}

/// Cash and unrealised profit of an account, with positions at the mark and with positions at the index, which must be
/// fresh (options at the mark and at the slow mark). An isolated position is worth what it has of its own, never less than nothing. Other
/// assets and debts of synthetics count for accounts of the system, which take them over; what somebody sent to a vault's address counts
/// nothing.
pub fn worth(state: &State, account: AccountId, universe: UniverseId, now: TimeMs) -> Result<Worth, Rejection> {
    let margin = accounts::margin(state, account, universe)?;
    let cash = margin.balance_usd.checked_sub(margin.held_usd).ok_or(Rejection::Overflow)?;
    let at_mark = sum(sum(cash, margin.unrealised_usd)?, margin.options_value_usd)?;
    let mut cross_at_index = at_mark;
    let mut apart = Worth::default();
    for (market, _) in state.positions_of(account) {
        let Some(spec) = state.market(market).filter(|spec| spec.universe == universe) else { continue };
        let change = index_change(state, account, spec, now)?;
        if state.standing(account, market).is_isolated() {
            let own = accounts::isolated_margin(state, account, spec)?;
            let at_mark = sum(sum(own.balance_usd, own.unrealised_usd)?, own.options_value_usd)?;
            apart = apart.with(at_mark.max(Usd::ZERO), sum(at_mark, change)?.max(Usd::ZERO))?;
        } else {
            cross_at_index = sum(cross_at_index, change)?;
        }
    }
    let worth = apart.with(at_mark, cross_at_index)?;
    if !state.is_system_account(account) {
        return Ok(worth);
    }
    let debts = equity_usd(state, account, universe, Some(now))?;
    with_assets(state, account, universe, now, worth.with(debts, debts)?)
}

impl Worth {
    /// With a part that is worth either of two values.
    fn with(self, one: Usd, other: Usd) -> Result<Self, Rejection> {
        Ok(Self { low_usd: sum(self.low_usd, one.min(other))?, high_usd: sum(self.high_usd, one.max(other))? })
    }
}

/// What a position gains when it is valued at the index and not at the mark; an option at its slow mark.
fn index_change(state: &State, account: AccountId, market: &MarketSpec, now: TimeMs) -> Result<Usd, Rejection> {
    let no_price = || Rejection::NoFreshPrice { market: market.id };
    let terms = market.derivative().ok_or(Rejection::NoLeverage { market: market.id })?;
    let index = state.index(terms.underlying).filter(|index| index.is_fresh(now)).ok_or_else(no_price)?;
    let mark = state.mark(market.id).ok_or_else(no_price)?;
    let other = if market.option().is_some() { mark.slow_price } else { index.price };
    let lots = i128::from(accounts::position(state, account, market.id).position.get());
    let value = |price| value_floor_usd(price, lots, market.size_decimals);
    value(other)?.checked_sub(value(mark.price)?).ok_or(Rejection::Overflow)
}

/// With other assets: at the most their value at the index, at the least that times their maintenance weight, or nothing where
/// the index is old.
fn with_assets(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    now: TimeMs,
    worth: Worth,
) -> Result<Worth, Rejection> {
    let mut worth = worth;
    for &((_, asset), amount) in state.other_assets_of(account).iter().filter(|((of, _), _)| *of == universe) {
        let (Some(spec), Some(index)) = (state.asset(asset), state.index(asset)) else { continue };
        let whole = asset_value_usd(amount.max(Amount::ZERO), spec.decimals, index.price)?;
        let weight =
            spec.collateral.filter(|_| index.is_fresh(now)).map_or(Rate::ZERO, |terms| terms.maintenance_weight);
        let counted = multiply_divide_floor(whole.get(), i128::from(weight.get()), RATE_ONE);
        worth = worth.with(counted.map(Usd::new).ok_or(Rejection::Overflow)?, whole)?;
    }
    Ok(worth)
}

fn sum(left: Usd, right: Usd) -> Result<Usd, Rejection> {
    left.checked_add(right).ok_or(Rejection::Overflow)
}

/// The asset in which vaults account: the core universe's collateral.
pub(crate) fn cash(state: &State) -> Result<AssetId, Rejection> {
    Ok(state.universe(CORE).ok_or(Rejection::UnknownUniverse { universe: CORE })?.spec.collateral)
}

/// A vault, or the rejection that there is none.
pub(crate) fn vault(state: &State, vault: AccountId) -> Result<&VaultRecord, Rejection> {
    state.vault(vault).ok_or(Rejection::UnknownVault { vault })
}

/// Refuses what a vault may not trade. `reduces` says that the order cannot add risk.
pub(crate) fn check_order(
    state: &State,
    account: AccountId,
    market: &MarketSpec,
    reduces: bool,
) -> Result<(), Rejection> {
    let Some(record) = state.vault(account) else { return Ok(()) };
    if market.spot().is_some() {
        return Err(Rejection::NotForVaults { what: "spot markets".to_owned() });
    }
    if market.option().is_some() {
        return Err(Rejection::NotForVaults { what: "options".to_owned() });
    }
    if record.must_reduce() && !reduces {
        return Err(Rejection::VaultMustReduce { vault: account });
    }
    Ok(())
}

/// Whether an account is a vault that may only reduce.
pub(crate) fn must_reduce(state: &State, account: AccountId) -> bool {
    state.vault(account).is_some_and(VaultRecord::must_reduce)
}

/// Refuses to sell shares whose price has lost its meaning.
pub(crate) fn check_solvent(vault: AccountId, pool: &Pool) -> Result<(), Rejection> {
    let counted = pool.value_usd.get().max(0).checked_mul(VIRTUAL_SHARES).ok_or(Rejection::Overflow)?;
    let grown = counted.checked_mul(VAULT_LOSS_FACTOR_MAX).ok_or(Rejection::Overflow)?;
    if grown < pool.shares.get() { Err(Rejection::VaultInsolvent { vault }) } else { Ok(()) }
}

/// Refuses a payment that the payer cannot spend.
pub(crate) fn check_spendable(
    state: &State,
    payer: AccountId,
    universe: UniverseId,
    asset: AssetId,
    amount_usd: Usd,
) -> Result<(), Rejection> {
    let (required, available) = (quote_amount(amount_usd), spendable(state, payer, universe, asset)?);
    if required > available {
        return Err(Rejection::InsufficientBalance { asset, required, available });
    }
    Ok(())
}

/// Moves cash within a universe.
pub(crate) fn pay(
    work: &mut Work<'_>,
    universe: UniverseId,
    asset: AssetId,
    from: AccountId,
    payments: &[(AccountId, Usd)],
) -> Result<(), Rejection> {
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    for (to, amount) in payments {
        settlement.transfer(from, *to, asset, quote_amount(*amount))?;
    }
    settlement.apply(work.state)?;
    for (to, amount) in payments.iter().filter(|(_, amount)| *amount > Usd::ZERO) {
        work.emit(Event::Transferred { universe, from, to: *to, asset, amount: quote_amount(*amount) });
    }
    Ok(())
}

/// Sells shares for cash that was checked: `pool` is the vault before it, at the price of deposits.
pub(crate) fn issue(
    work: &mut Work<'_>,
    vault_id: AccountId,
    buyer: AccountId,
    pool: &Pool,
    amount_usd: Usd,
) -> Result<Shares, Rejection> {
    let bought = pool.shares_for_deposit(amount_usd)?;
    if bought <= Shares::ZERO {
        return Err(Rejection::InsufficientShares { required: Shares::new(1), available: bought });
    }
    let asset = cash(work.state)?;
    let record = vault(work.state, vault_id)?.clone();
    let holding = work.state.vault_share(vault_id, buyer);
    let record = VaultRecord { shares: plus(record.shares, bought)?, ..record };
    let holding = VaultShareRecord {
        shares: plus(holding.shares, bought)?,
        cost_usd: holding.cost_usd.checked_add(amount_usd).ok_or(Rejection::Overflow)?,
        locked_until_ms: work.time_ms.saturating_add(VAULT_LOCK_MS),
        ..holding
    };
    pay(work, CORE, asset, buyer, &[(vault_id, amount_usd)])?;
    work.state.put(Record::Vault { id: vault_id, record });
    work.state.put(Record::VaultShare { id: VaultShareId { vault: vault_id, account: buyer }, record: holding });
    work.emit(Event::VaultDeposited { vault: vault_id, account: buyer, amount_usd, shares: bought });
    Ok(bought)
}

/// Pays shares out at the pool's price; the vault has the cash. Shares that waited are no longer waiting.
pub(crate) fn redeem(
    work: &mut Work<'_>,
    vault_id: AccountId,
    account: AccountId,
    pool: &Pool,
    shares: Shares,
    waited: bool,
) -> Result<(), Rejection> {
    let record = vault(work.state, vault_id)?.clone();
    let holding = work.state.vault_share(vault_id, account);
    let value_usd = pool.value_of(shares)?;
    if value_usd <= Usd::ZERO {
        return Err(Rejection::VaultInsolvent { vault: vault_id });
    }
    let released = share_of(holding.cost_usd, shares, holding.shares)?;
    let leader_part_usd = if account == record.leader { Usd::ZERO } else { leader_part(value_usd, released)? };
    let paid_usd = value_usd.checked_sub(leader_part_usd).ok_or(Rejection::Overflow)?;
    let asset = cash(work.state)?;
    pay(work, CORE, asset, vault_id, &[(account, paid_usd), (record.leader, leader_part_usd)])?;
    let holding = VaultShareRecord {
        shares: minus(holding.shares, shares)?,
        cost_usd: holding.cost_usd.checked_sub(released).ok_or(Rejection::Overflow)?,
        waiting: if waited { minus(holding.waiting, shares)? } else { holding.waiting },
        ..holding
    };
    let id = VaultShareId { vault: vault_id, account };
    if holding.shares.is_zero() {
        work.state.delete(RecordKey::VaultShare(id));
    } else {
        work.state.put(Record::VaultShare { id, record: holding });
    }
    let record = VaultRecord { shares: minus(record.shares, shares)?, ..record };
    let is_empty = record.shares.is_zero();
    work.state.put(Record::Vault { id: vault_id, record });
    work.emit(Event::VaultWithdrawn { vault: vault_id, account, shares, value_usd, leader_part_usd });
    if is_empty { sweep(work, vault_id, asset) } else { Ok(()) }
}

/// What rounding left behind the last share goes to the universe's fees.
fn sweep(work: &mut Work<'_>, vault_id: AccountId, asset: AssetId) -> Result<(), Rejection> {
    let left = quote_value_usd(spendable(work.state, vault_id, CORE, asset)?);
    if left > Usd::ZERO { pay(work, CORE, asset, vault_id, &[(AccountId::fees(CORE), left)]) } else { Ok(()) }
}

/// The leader's part of a profit, rounded up: against who leaves.
fn leader_part(value: Usd, cost: Usd) -> Result<Usd, Rejection> {
    let profit = value.checked_sub(cost).ok_or(Rejection::Overflow)?.max(Usd::ZERO);
    let part = multiply_divide_ceil(profit.get(), i128::from(VAULT_PROFIT_SHARE.get()), RATE_ONE);
    part.map(Usd::new).ok_or(Rejection::Overflow)
}

/// The part of a holding's cost that goes with some of its shares, rounded down: what stays counts as profit later.
fn share_of(cost: Usd, part: Shares, whole: Shares) -> Result<Usd, Rejection> {
    multiply_divide_floor(cost.get(), part.get(), whole.get()).map(Usd::new).ok_or(Rejection::Overflow)
}

/// The shares that a redemption means; the pool is priced for redemptions.
pub(crate) fn shares_of(pool: &Pool, redemption: Redemption, available: Shares) -> Result<Shares, Rejection> {
    let required = match redemption {
        Redemption::All => available,
        Redemption::Shares { shares } => shares,
        Redemption::Value { amount_usd } if amount_usd <= Usd::ZERO => {
            return Err(Rejection::AmountNotPositive { amount: quote_amount(amount_usd) });
        }
        Redemption::Value { amount_usd } => pool.shares_for_value(amount_usd)?,
    };
    if required <= Shares::ZERO || required > available {
        return Err(Rejection::InsufficientShares { required, available });
    }
    Ok(required)
}

/// Refuses to leave the leader with too little at stake: `held` of `all` shares.
pub(crate) fn check_leader_stake(held: Shares, all: Shares) -> Result<(), Rejection> {
    let part = multiply_divide_ceil(all.get(), i128::from(VAULT_LEADER_SHARE_MINIMUM.get()), RATE_ONE);
    let required = Shares::new(part.ok_or(Rejection::Overflow)?).max(VAULT_LEADER_SHARES_MINIMUM);
    if held < required { Err(Rejection::LeaderShareTooSmall { held, required }) } else { Ok(()) }
}

/// Cancels orders of a vault that may need cash, so that a withdrawal can have it; says whether there were any.
pub(crate) fn free_cash(work: &mut Work<'_>, vault_id: AccountId) -> bool {
    let opening = work.state.orders_of(vault_id).filter(|record| !record.order.reduce_only);
    let opening: Vec<OrderId> = opening.take(VAULT_CANCELS_MAX).map(|record| record.order.id).collect();
    for order in &opening {
        orders::cancel(work, *order, CancelReason::VaultWithdrawal);
    }
    !opening.is_empty()
}

/// What a vault may pay out now.
pub(crate) fn payable(state: &State, vault_id: AccountId) -> Result<Usd, Rejection> {
    Ok(quote_value_usd(spendable(state, vault_id, CORE, cash(state)?)?.max(Amount::ZERO)))
}

/// Puts a withdrawal at the end of the vault's queue.
pub(crate) fn enqueue(
    work: &mut Work<'_>,
    vault_id: AccountId,
    account: AccountId,
    shares: Shares,
) -> Result<(), Rejection> {
    let record = vault(work.state, vault_id)?.clone();
    let holding = work.state.vault_share(vault_id, account);
    if holding.waiting > Shares::ZERO {
        return Err(too_many("waiting withdrawals of one holder", 1));
    }
    let length = record.queue_next.saturating_sub(record.queue_first);
    if usize::try_from(length).map_or(true, |length| length >= VAULT_QUEUE_MAX) {
        return Err(too_many("waiting withdrawals of one vault", VAULT_QUEUE_MAX));
    }
    let number = record.queue_next;
    let id = VaultWithdrawalId { vault: vault_id, number };
    let retry_at_ms = if record.owes() { record.retry_at_ms } else { work.time_ms };
    let queue_next = number.checked_add(1).ok_or(Rejection::Overflow)?;
    work.state.put(Record::VaultWithdrawal { id, record: VaultWithdrawalRecord { account, shares } });
    work.state.put(Record::Vault { id: vault_id, record: VaultRecord { queue_next, retry_at_ms, ..record } });
    let holding = VaultShareRecord { waiting: shares, ..holding };
    work.state.put(Record::VaultShare { id: VaultShareId { vault: vault_id, account }, record: holding });
    work.emit(Event::VaultWithdrawalQueued { vault: vault_id, account, shares });
    Ok(())
}

/// Pays what waits, as far as vaults have cash: the step of a block. Bounded, and a queue that cannot be paid rests a while,
/// so that no vault keeps others waiting.
pub(crate) fn pay_queues(work: &mut Work<'_>) {
    for _ in 0..VAULT_QUEUE_STEPS_PER_BLOCK {
        let Some(vault_id) = work.state.next_vault_queue(work.time_ms) else { return };
        let paid = work.attempt(|work| pay_first(work, vault_id));
        if !matches!(paid, Ok(true)) {
            postpone(work, vault_id);
        }
    }
}

/// Pays the first in line, or drops it if it is worth nothing; says whether it has left the line.
fn pay_first(work: &mut Work<'_>, vault_id: AccountId) -> Result<bool, Rejection> {
    check_open(work.state, CORE)?;
    let record = vault(work.state, vault_id)?.clone();
    let number = record.queue_first;
    let id = VaultWithdrawalId { vault: vault_id, number };
    let waiting = *work.state.vault_withdrawal(vault_id, number).ok_or_else(|| Rejection::InvariantViolated {
        invariant: format!("withdrawal {number} of vault {vault_id} waits"),
    })?;
    let low_usd = worth(work.state, vault_id, CORE, work.time_ms)?.low_usd;
    let pool = Pool { shares: record.shares, value_usd: low_usd };
    let value = pool.value_of(waiting.shares)?;
    if value <= Usd::ZERO {
        drop_first(work, vault_id, &record, waiting)?;
        return Ok(true);
    }
    let mut free = payable(work.state, vault_id)?;
    if value > free && free_cash(work, vault_id) {
        free = payable(work.state, vault_id)?;
    }
    if value <= free {
        redeem(work, vault_id, waiting.account, &pool, waiting.shares, true)?;
        work.state.delete(RecordKey::VaultWithdrawal(id));
        let record = vault(work.state, vault_id)?.clone();
        let queue_first = number.checked_add(1).ok_or(Rejection::Overflow)?;
        work.state.put(Record::Vault { id: vault_id, record: VaultRecord { queue_first, ..record } });
        return Ok(true);
    }
    if free >= VAULT_PART_PAYMENT_MINIMUM_USD {
        // Rounded down, so it is worth no more than what is free.
        let part = pool.shares_for_deposit(free)?.min(waiting.shares);
        redeem(work, vault_id, waiting.account, &pool, part, true)?;
        let left = VaultWithdrawalRecord { shares: minus(waiting.shares, part)?, ..waiting };
        work.state.put(Record::VaultWithdrawal { id, record: left });
    }
    Ok(false)
}

/// Takes the first withdrawal off the line, because its shares are worth less than a unit now. They stay with their holder, who
/// may ask again, so nobody gains or loses by it; whoever is behind is next.
fn drop_first(
    work: &mut Work<'_>,
    vault_id: AccountId,
    record: &VaultRecord,
    first: VaultWithdrawalRecord,
) -> Result<(), Rejection> {
    let VaultWithdrawalRecord { account, shares } = first;
    let holding = work.state.vault_share(vault_id, account);
    let holding = VaultShareRecord { waiting: minus(holding.waiting, shares)?, ..holding };
    let number = record.queue_first;
    let queue_first = number.checked_add(1).ok_or(Rejection::Overflow)?;
    work.state.put(Record::VaultShare { id: VaultShareId { vault: vault_id, account }, record: holding });
    work.state.delete(RecordKey::VaultWithdrawal(VaultWithdrawalId { vault: vault_id, number }));
    work.state.put(Record::Vault { id: vault_id, record: VaultRecord { queue_first, ..record.clone() } });
    work.emit(Event::VaultWithdrawalDropped { vault: vault_id, account, shares });
    Ok(())
}

fn postpone(work: &mut Work<'_>, vault_id: AccountId) {
    if let Some(record) = work.state.vault(vault_id).cloned() {
        let retry_at_ms = work.time_ms.saturating_add(VAULT_QUEUE_RETRY_MS);
        work.state.put(Record::Vault { id: vault_id, record: VaultRecord { retry_at_ms, ..record } });
    }
}

fn plus(left: Shares, right: Shares) -> Result<Shares, Rejection> {
    left.checked_add(right).ok_or(Rejection::Overflow)
}

fn minus(left: Shares, right: Shares) -> Result<Shares, Rejection> {
    left.checked_sub(right).filter(|left| *left >= Shares::ZERO).ok_or(Rejection::Overflow)
}

/// The first vault or tranche whose holders do not hold its shares, for the full audit.
pub(crate) fn unequal_shares(state: &State) -> Option<(UniverseId, String)> {
    let all = |shares: &mut dyn Iterator<Item = Shares>| {
        Shares::new(shares.fold(0i128, |sum, shares| sum.saturating_add(shares.get())))
    };
    let vaults = state.vaults().find_map(|(vault, record)| {
        let held = all(&mut state.vault_holders(vault).map(|(_, holding)| holding.shares));
        let invariant = format!("holders of vault {vault} hold {held} shares, it has {}", record.shares);
        (held != record.shares).then_some((CORE, invariant))
    });
    vaults.or_else(|| {
        state.backstops().find_map(|(universe, record)| {
            let junior = all(&mut state.backstop_holders(universe).map(|(_, holding)| holding.junior));
            let senior = all(&mut state.backstop_holders(universe).map(|(_, holding)| holding.senior));
            let invariant = format!(
                "holders of the backstop vault of universe {universe} hold {junior} and {senior} shares, it has {} and {}",
                record.junior_shares, record.senior_shares
            );
            ((junior, senior) != (record.junior_shares, record.senior_shares)).then_some((universe, invariant))
        })
    })
}
