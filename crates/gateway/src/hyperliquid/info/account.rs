//! Accounts: balances, positions, margin, fees, agents, roles; and the request types whose truthful answer on this
//! chain is "none".

use super::{Answer, RequestError, cut, nothing, user};
use crate::{
    context::Context,
    history::{Directory, History},
    hyperliquid::{
        format::{self, USDC},
        venue::{CORE, Venue},
    },
    json::ValueExt,
};
use palisade_client::api::{
    AccountInfo, BalanceInfo, MarginInfo, PositionInfo, SignerRole, SubAccountInfo, VaultStakeInfo,
};
use palisade_types::{
    action::MarginMode,
    address::{AccountId, SignerId},
    decimal::{power_of_ten, scaled_to_string},
    event::MarginLevel,
    hyperliquid::Value,
    ids::AssetId,
    numbers::{Amount, Usd},
};
use serde_json::{Value as Json, json};

/// The core universe's collateral.
const COLLATERAL: AssetId = AssetId::new(0);

pub async fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    match kind {
        "clearinghouseState" => {
            let venue = Venue::named(body)?;
            let info = context.node.account(user(body)?).await?;
            Ok(clearinghouse_state(&info, &context.feed.directory(), &context.feed.history(), venue))
        }
        "spotClearinghouseState" => {
            let info = context.node.account(user(body)?).await?;
            Ok(spot_state(&info, &context.feed.directory()))
        }
        "userAbstraction" => user(body).map(|_| "unifiedAccount".into()),
        "userDexAbstraction" => user(body).map(|_| Json::Null),
        "userFees" => user(body).map(|_| user_fees(&context.feed.directory())),
        "userRateLimit" => {
            let info = context.node.account(user(body)?).await?;
            Ok(json!({
                "cumVlm": info.traded_usd.to_string(),
                "nRequestsUsed": info.actions_used,
                "nRequestsCap": info.actions_cap,
                "nRequestsSurplus": 0,
            }))
        }
        "extraAgents" => {
            let info = context.node.account(user(body)?).await?;
            Ok(extra_agents(&info))
        }
        "userRole" => user_role(context, user(body)?).await,
        "subAccounts" => sub_accounts(context, user(body)?).await,
        "userToMultiSigSigners" => user(body).map(|_| Json::Null),
        "userVaultEquities" => {
            let info = context.node.account(user(body)?).await?;
            Ok(info.vault_stakes.iter().map(vault_equity).collect())
        }
        "vaultDetails" => vault_details(context, body).await,
        "delegations" | "delegatorRewards" | "delegatorHistory" => {
            user(body).map(|_| nothing())
        }
        "delegatorSummary" => user(body).map(|_| {
            json!({ "delegated": "0.0", "undelegated": "0.0", "totalPendingWithdrawal": "0.0", "nPendingWithdrawals": 0 })
        }),
        "maxBuilderFee" => user(body).map(|_| 0.into()),
        "referral" => user(body).map(|_| {
            json!({
                "referredBy": null,
                "cumVlm": "0.0",
                "unclaimedRewards": "0.0",
                "claimedRewards": "0.0",
                "builderRewards": "0.0",
                "referrerState": null,
                "rewardHistory": [],
            })
        }),
        unknown => Err(RequestError::shape(format!("unknown or unsupported request type {:?}", cut(unknown)))),
    }
}

/// Positions and margin. The cross sums are those of the core universe; isolated positions, and what an account has in
/// universes of one market, come on top. All are the account's, whichever venue is asked for.
pub fn clearinghouse_state(info: &AccountInfo, directory: &Directory, history: &History, venue: Venue) -> Json {
    let margin = info.margins.iter().find(|margin| margin.universe == CORE).cloned().unwrap_or(MarginInfo {
        universe: CORE,
        level: MarginLevel::Healthy,
        portfolio: false,
        equity_usd: Usd::ZERO,
        initial_margin_usd: Usd::ZERO,
        maintenance_margin_usd: Usd::ZERO,
        withdrawable_usd: Usd::ZERO,
        positions_value_usd: Usd::ZERO,
    });
    let mut cross = Summary {
        value: margin.equity_usd,
        positions: margin.positions_value_usd,
        raw: margin.equity_usd,
        used: margin.initial_margin_usd,
    };
    let mut all = cross;
    for position in &info.positions {
        let signed = signed_value(position);
        let backed = backing(position, info, directory);
        if let Some(backed) = &backed {
            all = all.plus(backed.equity_usd, position.value_usd, backed.equity_usd, backed.equity_usd);
        } else {
            cross.raw = difference(cross.raw, signed);
        }
        all.raw = difference(all.raw, signed);
    }
    let shown = info.positions.iter().filter(|position| venue.shows(position.market));
    let shown: Vec<Json> = shown.map(|position| position_json(position, info, directory, history)).collect();
    json!({
        "marginSummary": all.json(),
        "crossMarginSummary": cross.json(),
        "crossMaintenanceMarginUsed": margin.maintenance_margin_usd.to_string(),
        "withdrawable": margin.withdrawable_usd.to_string(),
        "assetPositions": shown,
        "time": info.time_ms.get(),
    })
}

/// Sums over positions.
#[derive(Clone, Copy)]
struct Summary {
    value: Usd,
    positions: Usd,
    raw: Usd,
    used: Usd,
}

impl Summary {
    fn plus(self, value: Usd, positions: Usd, raw: Usd, used: Usd) -> Self {
        Self {
            value: sum(self.value, value),
            positions: sum(self.positions, positions),
            raw: sum(self.raw, raw),
            used: sum(self.used, used),
        }
    }

    fn json(&self) -> Json {
        json!({
            "accountValue": self.value.to_string(),
            "totalNtlPos": self.positions.to_string(),
            "totalRawUsd": self.raw.to_string(),
            "totalMarginUsed": self.used.to_string(),
        })
    }
}

/// Figures for people: what does not fit is shown as the largest that does.
fn sum(left: Usd, right: Usd) -> Usd {
    Usd::new(left.get().saturating_add(right.get()))
}

fn difference(left: Usd, right: Usd) -> Usd {
    Usd::new(left.get().saturating_sub(right.get()))
}

fn signed_value(position: &PositionInfo) -> Usd {
    Usd::new(position.value_usd.get().saturating_mul(i128::from(position.size.get().signum())))
}

/// What alone backs a position that the account's cross margin does not.
struct Backing {
    /// Collateral plus unrealised profit and loss.
    equity_usd: Usd,
}

/// An isolated position has collateral of its own. A universe other than the core one has its own as well, of which clients
/// that know one clearing house are best told in the same way.
fn backing(position: &PositionInfo, info: &AccountInfo, directory: &Directory) -> Option<Backing> {
    if position.margin_mode == MarginMode::Isolated {
        return Some(Backing { equity_usd: sum(position.collateral_usd, position.unrealised_pnl_usd) });
    }
    let universe = directory.market(position.market).map_or(CORE, |spec| spec.universe);
    if universe == CORE {
        return None;
    }
    // A universe's equity is shown with its first position, so that sums are right.
    let in_universe = |other: &&PositionInfo| {
        other.margin_mode == MarginMode::Cross
            && directory.market(other.market).is_some_and(|spec| spec.universe == universe)
    };
    let is_first = info.positions.iter().find(in_universe).is_some_and(|first| first.market == position.market);
    let equity = info.margins.iter().find(|margin| margin.universe == universe).map(|margin| margin.equity_usd);
    Some(Backing { equity_usd: if is_first { equity.unwrap_or(Usd::ZERO) } else { Usd::ZERO } })
}

fn position_json(position: &PositionInfo, info: &AccountInfo, directory: &Directory, history: &History) -> Json {
    let decimals = directory.size_decimals(position.market);
    let maximum = directory
        .market(position.market)
        .and_then(|spec| spec.linear())
        .map_or(position.leverage, |terms| terms.maximum_leverage);
    // A position pays when it changes; until then it owes.
    let paid = history.funding_paid(info.account, position.market);
    let backing = backing(position, info, directory);
    let leverage = match &backing {
        None => json!({ "type": "cross", "value": position.leverage }),
        Some(backing) => json!({
            "type": "isolated",
            "value": position.leverage,
            "rawUsd": difference(backing.equity_usd, signed_value(position)).to_string(),
        }),
    };
    let used = backing.map_or(position.initial_margin_usd, |backing| backing.equity_usd);
    json!({
        "type": "oneWay",
        "position": {
            "coin": directory.coin(position.market),
            "szi": format::position(position.size, decimals),
            "leverage": leverage,
            "entryPx": entry_price(position, decimals),
            "positionValue": position.value_usd.to_string(),
            "unrealizedPnl": position.unrealised_pnl_usd.to_string(),
            "returnOnEquity": ratio(position.unrealised_pnl_usd, position.initial_margin_usd),
            "liquidationPx": position.liquidation_price.map(|price| price.to_string()),
            "marginUsed": used.to_string(),
            "maxLeverage": maximum,
            "cumFunding": {
                "allTime": sum(paid.all_usd, position.owed_funding_usd).to_string(),
                "sinceOpen": sum(paid.since_open_usd, position.owed_funding_usd).to_string(),
                "sinceChange": position.owed_funding_usd.to_string(),
            },
        },
    })
}

/// What one unit of the base was entered at, on average, rounded towards zero.
fn entry_price(position: &PositionInfo, decimals: u8) -> Option<String> {
    let scale = power_of_ten(decimals)?;
    let price = position.cost_usd.get().checked_mul(scale)?.checked_div(i128::from(position.size.get()))?;
    Some(scaled_to_string(price, 8))
}

/// A quotient to six decimals, zero if there is nothing to divide by.
fn ratio(numerator: Usd, denominator: Usd) -> String {
    let scaled = numerator.get().checked_mul(1_000_000).and_then(|scaled| scaled.checked_div(denominator.get()));
    scaled_to_string(scaled.unwrap_or(0), 6)
}

/// Balances of the core universe. There is one account for spot and perpetuals, so of the collateral everything
/// that cannot be taken out is on hold: what spot orders lock and what margin needs.
pub fn spot_state(info: &AccountInfo, directory: &Directory) -> Json {
    let withdrawable = info
        .margins
        .iter()
        .find(|margin| margin.universe == CORE)
        .map(|margin| Amount::new(margin.withdrawable_usd.get().max(0)));
    let balances: Vec<Json> = info
        .balances
        .iter()
        .filter(|balance| balance.universe == CORE)
        .map(|balance| balance_json(balance, withdrawable, directory))
        .collect();
    json!({ "balances": balances })
}

fn balance_json(balance: &BalanceInfo, withdrawable: Option<Amount>, directory: &Directory) -> Json {
    let (symbol, decimals) = match directory.asset(balance.asset) {
        Some(spec) => (spec.symbol.clone(), spec.decimals),
        None => (balance.asset.to_string(), 8),
    };
    let total = balance.total.get();
    let hold = match withdrawable {
        Some(withdrawable) if balance.asset == COLLATERAL => {
            total.saturating_sub(withdrawable.get()).max(balance.hold.get()).clamp(0, total.max(0))
        }
        _ => balance.hold.get(),
    };
    json!({
        "coin": symbol,
        "token": balance.asset.get(),
        "total": scaled_to_string(total, decimals),
        "hold": scaled_to_string(hold, decimals),
        // What a balance once cost is not recorded.
        "entryNtl": "0.0",
    })
}

/// Fees are fixed per market; the answer has room for one rate per kind, so it is the first market's.
fn user_fees(directory: &Directory) -> Json {
    let rate = |spot: bool, maker: bool| {
        let spec = directory.markets().find(|spec| spec.id.is_spot() == spot);
        spec.map_or_else(|| "0.0".to_owned(), |spec| if maker { spec.maker_fee } else { spec.taker_fee }.to_string())
    };
    let (cross, add) = (rate(false, false), rate(false, true));
    let (spot_cross, spot_add) = (rate(true, false), rate(true, true));
    json!({
        "userCrossRate": cross,
        "userAddRate": add,
        "userSpotCrossRate": spot_cross,
        "userSpotAddRate": spot_add,
        "feeSchedule": {
            "cross": cross,
            "add": add,
            "spotCross": spot_cross,
            "spotAdd": spot_add,
            "tiers": { "vip": [], "mm": [] },
            "referralDiscount": "0.0",
            "stakingDiscountTiers": [],
        },
        "dailyUserVlm": [],
        "activeReferralDiscount": "0.0",
        "trial": null,
        "feeTrialReward": "0.0",
        "nextTrialAvailableTimestamp": null,
        "feeToken": USDC,
    })
}

fn extra_agents(info: &AccountInfo) -> Json {
    info.agents
        .iter()
        .filter(|(_, agent)| !agent.retired)
        .map(|(signer, agent)| {
            json!({
                "name": agent.name,
                "address": signer.to_string(),
                "validUntil": agent.expires_at_ms.map(|time| time.get()),
            })
        })
        .collect()
}

/// The few figures that Hyperliquid writes as numbers.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

fn vault_equity(stake: &VaultStakeInfo) -> Json {
    json!({
        "vaultAddress": stake.vault.to_string(),
        "equity": stake.value_usd.to_string(),
        "lockedUntilTimestamp": stake.locked_until_ms.get(),
    })
}

/// A vault as its page shows it; `null` if the address is none.
async fn vault_details(context: &Context, body: &Value) -> Answer {
    let text = body.field("vaultAddress").and_then(ValueExt::text);
    let address: AccountId = text
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| RequestError::shape("`vaultAddress` must be an address: 0x and 40 hexadecimal digits"))?;
    let info = context.node.account(address).await?;
    let Some(vault) = &info.vault else { return Ok(Json::Null) };
    let leader_usd = vault.holders.iter().find(|holder| holder.account == vault.leader).map(|holder| holder.value_usd);
    let follower = |holder: &VaultStakeInfo| {
        let profit = difference(holder.value_usd, holder.cost_usd).to_string();
        json!({
            "user": if holder.account == vault.leader { "Leader".to_owned() } else { holder.account.to_string() },
            "vaultEquity": holder.value_usd.to_string(),
            "pnl": profit,
            "allTimePnl": profit,
            "lockupUntil": holder.locked_until_ms.get(),
        })
    };
    let withdrawable = info.margins.iter().find(|margin| margin.universe == CORE).map(|margin| margin.withdrawable_usd);
    let asking = body.field("user").map(|_| user(body)).transpose()?;
    let own = asking.and_then(|asking| vault.holders.iter().find(|holder| holder.account == asking));
    Ok(json!({
        "name": vault.name,
        "vaultAddress": address.to_string(),
        "leader": vault.leader.to_string(),
        "description": vault.description,
        "portfolio": [],
        "apr": 0.0,
        "followerState": own.map(follower),
        "leaderFraction": number(&ratio(leader_usd.unwrap_or(Usd::ZERO), vault.value_usd)),
        "leaderCommission": 0.1,
        "followers": vault.holders.iter().map(follower).collect::<Vec<_>>(),
        "maxDistributable": "0.0",
        "maxWithdrawable": withdrawable.unwrap_or(Usd::ZERO).to_string(),
        "isClosed": vault.closed,
        "relationship": { "type": "normal" },
        "allowDeposits": !vault.closed,
        "alwaysCloseOnWithdraw": false,
    }))
}

/// The sub-accounts of an account, each with its own positions and balances; `null` if there are none.
async fn sub_accounts(context: &Context, master: AccountId) -> Answer {
    let directory = context.feed.directory();
    let mut shown = Vec::new();
    for SubAccountInfo { account, name } in context.node.account(master).await?.sub_accounts {
        let info = context.node.account(account).await?;
        shown.push(json!({
            "name": name,
            "subAccountUser": account.to_string(),
            "master": master.to_string(),
            "clearinghouseState": clearinghouse_state(&info, &directory, &context.feed.history(), Venue::Main),
            "spotState": spot_state(&info, &directory),
        }));
    }
    Ok(if shown.is_empty() { Json::Null } else { shown.into() })
}

async fn user_role(context: &Context, account: AccountId) -> Answer {
    let info = context.node.account(account).await?;
    if info.vault.is_some() {
        return Ok(json!({ "role": "vault" }));
    }
    if let Some(controller) = info.controller {
        return Ok(json!({ "role": "subAccount", "data": { "master": controller.to_string() } }));
    }
    let role = context.node.signer_role(SignerId::Address(account)).await?;
    Ok(match role {
        SignerRole::Account { .. } => json!({ "role": "user" }),
        SignerRole::Agent { agent } => json!({ "role": "agent", "data": { "user": agent.account.to_string() } }),
        SignerRole::Retired | SignerRole::Unknown => json!({ "role": "missing" }),
    })
}

#[cfg(test)]
mod tests;
