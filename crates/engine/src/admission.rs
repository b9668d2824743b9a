//! Which actions may be in a block at all, decided on the parent's state and the block's bytes alone.
//!
//! The same struct serves three callers: the proposer choosing actions, every verifier executing a block, and the
//! gateways judging by the finalized state. It remembers nonces and budget of the actions it has admitted, so it
//! is asked about a block's actions in the block's order.
//!
//! Rules:
//! - A signer is the account's own key or an agent of the account, and its scope covers the action; funds, agents and
//!   settings are for the own key alone.
//! - Hyperliquid's format names no chain, so a body could come from elsewhere: it counts only from agents approved in
//!   our own format, or on accounts that opted in.
//! - The key of a sub-account's master is the sub-account's own key, and the master's agents are its agents. In
//!   Hyperliquid's format the signature must cover the sub-account, because nothing else in it says for whom it is.
//! - A vault has no owner: its leader trades for it, and nobody takes money out of it but by shares.
//! - A nonce is unused, within the window around block time, and above the smallest one kept once the set is full.
//! - Budget is charged at inclusion, whatever becomes of the action. Cancels may go beyond the cap by an allowance,
//!   but to no more than twice the cap.

use crate::{
    ledger::ensure_account,
    mutant::{Mutant, is_planted},
    state::{AccountRecord, NonceSet, Record, State},
};
use palisade_types::{
    action::Action,
    address::{AccountId, SignerId},
    agent::{Agent, AgentScope},
    envelope::{Envelope, Payload},
    genesis::Genesis,
    hyperliquid::{self, L1Action},
    limits::{NONCE_FUTURE_MS, NONCE_PAST_MS},
    rejection::Inadmissible,
    request::Request,
    signing::VerifiedAction,
    time::TimeMs,
};
use std::collections::BTreeMap;

/// 1e-8 USD in a whole USD.
const USD_UNIT: i128 = 100_000_000;

/// Decides about a block's actions, one after the other.
#[derive(Clone, Debug)]
pub struct Admission<'a> {
    state: &'a State,
    genesis: &'a Genesis,
    block_time_ms: TimeMs,
    charges: Charges,
}

/// What the admitted actions used up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Charges {
    nonces: BTreeMap<SignerId, NonceSet>,
    actions_used: BTreeMap<AccountId, u64>,
}

/// How many parts of actions an account may have sent by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetCaps {
    /// With any action.
    pub any: u64,
    /// With cancels.
    pub cancels: u64,
}

/// Whom an action needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    /// The account's own key.
    Owner,
    /// An agent that may trade.
    Trader,
    /// Any agent.
    Canceler,
}

impl<'a> Admission<'a> {
    /// Begins with no actions on the state of the block's parent.
    pub fn new(state: &'a State, genesis: &'a Genesis, block_time_ms: TimeMs) -> Self {
        Self { state, genesis, block_time_ms, charges: Charges::default() }
    }

    /// Admits the next action, or says why it may not be here; then nothing is remembered of it.
    pub fn admit(&mut self, action: &VerifiedAction) -> Result<(), Inadmissible> {
        let envelope = action.envelope();
        let request = action.request();
        if envelope.chain_id != self.genesis.chain_id {
            return Err(Inadmissible::WrongChain { expected: self.genesis.chain_id, found: envelope.chain_id });
        }
        if let Some(expires_after_ms) = envelope.expires_after_ms
            && expires_after_ms < self.block_time_ms
        {
            return Err(Inadmissible::Expired { expires_after_ms, block_time_ms: self.block_time_ms });
        }
        if self.state.chain().halted.is_some() && !only_cancels(request) {
            return Err(Inadmissible::ChainHalted);
        }
        self.check_signer(envelope, request)?;
        self.check_nonce(envelope)?;
        let actions_used = self.check_budget(envelope.account, request)?;
        let state = self.state;
        let signer = envelope.signer;
        let nonces = self.charges.nonces.entry(signer);
        nonces.or_insert_with(|| state.nonces(signer).cloned().unwrap_or_default()).insert(envelope.nonce);
        self.charges.actions_used.insert(envelope.account, actions_used);
        Ok(())
    }

    pub(crate) fn into_charges(self) -> Charges {
        self.charges
    }

    fn check_signer(&self, envelope: &Envelope, request: &Request) -> Result<(), Inadmissible> {
        let Envelope { signer, account, .. } = *envelope;
        let record = self.state.account(account);
        if record.is_none() && !self.may_open_account(request) {
            return Err(Inadmissible::UnknownAccount { account });
        }
        // Whose key is the account's own.
        let owner = self.state.group_of(account);
        let opted_in = self.state.account(owner).is_some_and(|record| record.hyperliquid_compatible);
        let native = matches!(request, Request::Native(_));
        if authority(request) == Authority::Owner && self.state.vault(account).is_some() {
            return Err(Inadmissible::OutOfScope { signer, kind: request.kind().to_owned() });
        }
        if signer == SignerId::Address(owner) {
            self.check_account_is_signed(envelope, owner)?;
            return if native || opted_in { Ok(()) } else { Err(Inadmissible::HyperliquidFormRefused { signer }) };
        }
        let agent: &Agent = self
            .state
            .agent(signer)
            .filter(|agent| agent.account == account || agent.account == owner)
            .ok_or(Inadmissible::UnknownSigner { signer, account })?;
        self.check_account_is_signed(envelope, agent.account)?;
        if agent.retired || agent.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= self.block_time_ms) {
            return Err(Inadmissible::AgentRetired { signer });
        }
        let in_scope = match authority(request) {
            Authority::Owner => false,
            Authority::Trader => agent.scope == AgentScope::Trade,
            Authority::Canceler => true,
        };
        if !in_scope {
            return Err(Inadmissible::OutOfScope { signer, kind: request.kind().to_owned() });
        }
        if !native && !agent.approved_natively && !opted_in {
            return Err(Inadmissible::HyperliquidFormRefused { signer });
        }
        Ok(())
    }

    /// A signature of ours covers the account. One in Hyperliquid's format is for the signer's `home`, unless it
    /// covers another account as the vault.
    fn check_account_is_signed(&self, envelope: &Envelope, home: AccountId) -> Result<(), Inadmissible> {
        let Envelope { account, .. } = *envelope;
        match envelope.payload {
            Payload::HyperliquidL1 { vault, .. } if account != home && vault != Some(account) => {
                Err(Inadmissible::AccountNotSigned { account })
            }
            Payload::HyperliquidUser { .. } if account != home => Err(Inadmissible::AccountNotSigned { account }),
            Payload::Native { .. } | Payload::HyperliquidL1 { .. } | Payload::HyperliquidUser { .. } => Ok(()),
        }
    }

    /// A faucet gives to addresses that never held anything.
    fn may_open_account(&self, request: &Request) -> bool {
        matches!(request, Request::Native(Action::ClaimFaucet { .. })) && !self.genesis.faucet.is_empty()
    }

    fn check_nonce(&self, envelope: &Envelope) -> Result<(), Inadmissible> {
        let Envelope { signer, nonce, .. } = *envelope;
        let block_time_ms = self.block_time_ms;
        let nonce_time_ms = TimeMs::new(nonce.get());
        let earliest = block_time_ms.saturating_sub(NONCE_PAST_MS);
        let latest = block_time_ms.saturating_add(NONCE_FUTURE_MS);
        if nonce_time_ms < earliest || nonce_time_ms > latest {
            return Err(Inadmissible::NonceOutOfWindow { nonce, block_time_ms });
        }
        let Some(nonces) = self.charges.nonces.get(&signer).or_else(|| self.state.nonces(signer)) else {
            return Ok(());
        };
        if nonces.contains(nonce) && !is_planted(Mutant::AcceptUsedNonce) {
            return Err(Inadmissible::NonceUsed { nonce });
        }
        if let Some(smallest_kept) = nonces.floor()
            && nonce < smallest_kept
        {
            return Err(Inadmissible::NonceTooLow { nonce, smallest_kept });
        }
        Ok(())
    }

    fn check_budget(&self, account: AccountId, request: &Request) -> Result<u64, Inadmissible> {
        let record = self.state.account(account);
        let caps = budget_caps(self.genesis, record, self.block_time_ms);
        let cap = if request.is_cancel() { caps.cancels } else { caps.any };
        let used = self
            .charges
            .actions_used
            .get(&account)
            .copied()
            .unwrap_or_else(|| record.map_or(0, |record| record.actions_used));
        let parts = u64::try_from(request.part_count()).unwrap_or(u64::MAX);
        used.checked_add(parts).filter(|after| *after <= cap).ok_or(Inadmissible::BudgetExhausted { used, cap })
    }
}

/// What an account may have sent by `now`: the initial grant, what its volume earned, and what time brought.
pub fn budget_caps(genesis: &Genesis, account: Option<&AccountRecord>, now: TimeMs) -> BudgetCaps {
    let terms = &genesis.action_budget;
    let earned = account.map_or(0, |record| {
        let whole_usd = record.volume_usd.get().checked_div(USD_UNIT).unwrap_or(0).max(0);
        u64::try_from(whole_usd).unwrap_or(u64::MAX).saturating_mul(terms.per_usd_traded)
    });
    let refilled =
        account.map_or(0, |record| now.since(record.created_at_ms).checked_div(terms.refill_interval_ms).unwrap_or(0));
    let any = terms.initial.saturating_add(earned).saturating_add(refilled);
    BudgetCaps { any, cancels: any.saturating_add(terms.cancel_allowance).min(any.saturating_mul(2)) }
}

/// Whether an action does nothing but cancel: what a halted chain still accepts.
fn only_cancels(request: &Request) -> bool {
    request.is_cancel()
}

fn authority(request: &Request) -> Authority {
    match request {
        Request::Native(action) => native_authority(action),
        Request::Hyperliquid(hyperliquid::Request::User(_)) => Authority::Owner,
        Request::Hyperliquid(hyperliquid::Request::L1(action)) => hyperliquid_authority(action),
    }
}

fn native_authority(action: &Action) -> Authority {
    match action {
        Action::Place { .. }
        | Action::Modify { .. }
        | Action::UpdateLeverage { .. }
        | Action::UpdateIsolatedMargin { .. }
        | Action::SetPortfolioMode { .. }
        | Action::PlaceTriggers { .. }
        | Action::PlaceTwap { .. }
        | Action::PlaceScale { .. }
        | Action::SetMarketMakerProtection { .. }
        | Action::ResetMarketMakerProtection { .. }
        | Action::MassQuote { .. }
        // Nothing of these leaves the account but for its price, as in a trade.
        | Action::MintSynthetic { .. }
        | Action::BurnSynthetic { .. }
        | Action::AddDebtCollateral { .. }
        | Action::WithdrawDebtCollateral { .. }
        | Action::RedeemSynthetic { .. }
        | Action::RequestBlock { .. }
        | Action::QuoteBlock { .. }
        | Action::AcceptBlock { .. }
        | Action::CreateCombo { .. }
        | Action::PlaceCombo { .. } => Authority::Trader,
        Action::Cancel { .. }
        | Action::CancelAll { .. }
        | Action::ScheduleCancel { .. }
        | Action::CancelTwap { .. }
        | Action::CancelBlockRequest { .. }
        | Action::CancelBlockQuote { .. }
        | Action::CancelCombo { .. } => Authority::Canceler,
        Action::ApproveAgent { .. }
        | Action::RevokeAgent { .. }
        | Action::Transfer { .. }
        | Action::ClaimFaucet { .. }
        | Action::SetHyperliquidCompatibility { .. }
        | Action::CreateSubAccount { .. }
        | Action::TransferSubAccount { .. }
        | Action::MoveUniverse { .. }
        | Action::OpenUniverse { .. }
        | Action::ListMarket { .. }
        | Action::CreateVault { .. }
        | Action::DepositVault { .. }
        | Action::WithdrawVault { .. }
        | Action::CloseVault { .. }
        | Action::DepositBackstop { .. }
        | Action::WithdrawBackstop { .. }
        | Action::CreatePool { .. }
        | Action::DepositPool { .. }
        | Action::WithdrawPool { .. } => Authority::Owner,
    }
}

fn hyperliquid_authority(action: &L1Action) -> Authority {
    match action {
        L1Action::Cancel { .. }
        | L1Action::CancelByCloid { .. }
        | L1Action::ScheduleCancel { .. }
        | L1Action::TwapCancel { .. }
        | L1Action::Noop => Authority::Canceler,
        L1Action::Order { .. }
        | L1Action::Modify { .. }
        | L1Action::BatchModify { .. }
        | L1Action::UpdateLeverage { .. }
        | L1Action::UpdateIsolatedMargin { .. }
        | L1Action::TwapOrder { .. }
        | L1Action::AgentEnableDexAbstraction
        | L1Action::AgentSetAbstraction { .. }
        | L1Action::Unsupported { .. } => Authority::Trader,
        // Hyperliquid signs these like orders, but they move funds, which an agent never does.
        L1Action::CreateSubAccount { .. }
        | L1Action::SubAccountTransfer { .. }
        | L1Action::SubAccountSpotTransfer { .. }
        | L1Action::VaultTransfer { .. }
        | L1Action::CreateVault { .. } => Authority::Owner,
    }
}

impl Charges {
    /// Writes what was used up into the state.
    pub(crate) fn apply(self, state: &mut State, now: TimeMs) {
        for (id, record) in self.nonces {
            state.put(Record::Nonces { id, record });
        }
        for (id, actions_used) in self.actions_used {
            ensure_account(state, id, now);
            if let Some(record) = state.account(id).copied() {
                state.put(Record::Account { id, record: AccountRecord { actions_used, ..record } });
            }
        }
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
