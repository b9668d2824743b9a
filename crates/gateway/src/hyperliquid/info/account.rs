//! Accounts: balances, positions, margin, fees, agents, roles; and the request types whose truthful answer on this
//! chain is "none".

use super::{Answer, RequestError, cut, main_venue, nothing, user};
use crate::{
    context::Context,
    history::Directory,
    hyperliquid::format::{self, USDC},
};
use palisade_client::api::{AccountInfo, BalanceInfo, MarginInfo, PositionInfo, SignerRole};
use palisade_types::{
    address::{AccountId, SignerId},
    decimal::{power_of_ten, scaled_to_string},
    hyperliquid::Value,
    ids::{AssetId, UniverseId},
    numbers::{Amount, Usd},
};
use serde_json::{Value as Json, json};

/// The universe behind Hyperliquid's main venue.
const CORE: UniverseId = UniverseId::new(0);
/// The core universe's collateral.
const COLLATERAL: AssetId = AssetId::new(0);

pub async fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    match kind {
        "clearinghouseState" => {
            main_venue(body)?;
            let info = context.node.account(user(body)?).await?;
            Ok(clearinghouse_state(&info, &context.feed.directory()))
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
        "subAccounts" | "userToMultiSigSigners" => user(body).map(|_| Json::Null),
        "userVaultEquities" | "delegations" | "delegatorRewards" | "delegatorHistory" => {
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

/// Positions and margin of the core universe.
pub fn clearinghouse_state(info: &AccountInfo, directory: &Directory) -> Json {
    let margin = info.margins.iter().find(|margin| margin.universe == CORE).cloned().unwrap_or(MarginInfo {
        universe: CORE,
        equity_usd: Usd::ZERO,
        initial_margin_usd: Usd::ZERO,
        maintenance_margin_usd: Usd::ZERO,
        withdrawable_usd: Usd::ZERO,
        positions_value_usd: Usd::ZERO,
    });
    let in_core = |position: &&PositionInfo| directory.market(position.market).is_none_or(|spec| spec.universe == CORE);
    let positions: Vec<&PositionInfo> = info.positions.iter().filter(in_core).collect();
    let signed_value: i128 = positions
        .iter()
        .map(|position| position.value_usd.get().saturating_mul(i128::from(position.size.get().signum())))
        .fold(0, i128::saturating_add);
    let raw = Usd::new(margin.equity_usd.get().saturating_sub(signed_value));
    let summary = json!({
        "accountValue": margin.equity_usd.to_string(),
        "totalNtlPos": margin.positions_value_usd.to_string(),
        "totalRawUsd": raw.to_string(),
        "totalMarginUsed": margin.initial_margin_usd.to_string(),
    });
    let shown: Vec<Json> = positions.iter().map(|position| position_json(position, directory)).collect();
    json!({
        "marginSummary": summary,
        "crossMarginSummary": summary,
        "crossMaintenanceMarginUsed": margin.maintenance_margin_usd.to_string(),
        "withdrawable": margin.withdrawable_usd.to_string(),
        "assetPositions": shown,
        "time": info.time_ms.get(),
    })
}

fn position_json(position: &PositionInfo, directory: &Directory) -> Json {
    let decimals = directory.size_decimals(position.market);
    let maximum = directory
        .market(position.market)
        .and_then(|spec| spec.perpetual())
        .map_or(position.leverage, |terms| terms.maximum_leverage);
    json!({
        "type": "oneWay",
        "position": {
            "coin": directory.coin(position.market),
            "szi": format::position(position.size, decimals),
            "leverage": { "type": "cross", "value": position.leverage },
            "entryPx": entry_price(position, decimals),
            "positionValue": position.value_usd.to_string(),
            "unrealizedPnl": position.unrealised_pnl_usd.to_string(),
            "returnOnEquity": ratio(position.unrealised_pnl_usd, position.initial_margin_usd),
            "liquidationPx": position.liquidation_price.map(|price| price.to_string()),
            "marginUsed": position.initial_margin_usd.to_string(),
            "maxLeverage": maximum,
            // Funding does not exist on this chain yet.
            "cumFunding": { "allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0" },
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

async fn user_role(context: &Context, account: AccountId) -> Answer {
    let role = context.node.signer_role(SignerId::Address(account)).await?;
    Ok(match role {
        SignerRole::Account { .. } => json!({ "role": "user" }),
        SignerRole::Agent { agent } => json!({ "role": "agent", "data": { "user": agent.account.to_string() } }),
        SignerRole::Retired | SignerRole::Unknown => json!({ "role": "missing" }),
    })
}

#[cfg(test)]
mod tests;
