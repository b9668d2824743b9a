//! A venue with a synthetic, and scenarios of it as text:
//!
//! ```text
//! price 100
//! alice mint 10 with 1500        -> done
//! alice burn 1                   -> refused debt_below_minimum
//! alice add 100                  -> done
//! alice take 100                 -> done
//! bob redeem 3 least 0           -> done
//! alice sends bob 3              (units)
//! alice owes 7 with 1201.5
//! vault owes 0 with 0            (the backstop vault; `own` is the synthetic itself)
//! bob has 3                      (units)
//! bob cash 99000
//! fund cash 1000
//! short 0
//! ```
//!
//! `alice/one` is alice's sub-account of that name. Other lines are those of [`crate::testing`].

use super::Terms;
use crate::{
    state::{IndexRecord, State},
    testing::{BTC, CORE, USDC, Venue, account_of, genesis, price, scenario_on, usd},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    genesis::{Genesis, GenesisBalance},
    ids::{AssetId, MarketId},
    market::{AssetSpec, MarketKind},
    numbers::{Amount, Price, Rate, Usd},
    receipt::Outcome,
    rejection::Rejection,
    synthetic::SyntheticSpec,
};

/// The synthetic: follows BTC.
pub(crate) const TOKEN: AssetId = AssetId::new(2);
/// Its spot market, with lots of 10^-3.
pub(crate) const TOKEN_SPOT: MarketId = MarketId::new(10_002);
pub(crate) const UNIT: i128 = 100_000_000;

/// 150 % and 125 %, penalty 8 %, fees 0.1 % and 0.5 %, at least one unit, at most 1000; a tenth of the vault and 500 USD of
/// the fund.
pub(crate) fn spec() -> SyntheticSpec {
    SyntheticSpec {
        asset: TOKEN,
        tracks: BTC,
        universe: CORE,
        market: Some(TOKEN_SPOT),
        debt_ceiling: Amount::new(1_000 * UNIT),
        minimum_debt: Amount::new(UNIT),
        initial_ratio: Rate::new(1_500_000),
        maintenance_ratio: Rate::new(1_250_000),
        liquidation_penalty: Rate::new(80_000),
        mint_fee: Rate::new(1_000),
        redemption_fee: Rate::new(5_000),
        backstop_share: Rate::new(100_000),
        fund_claim_maximum_usd: usd("500"),
    }
}

/// The test genesis with the synthetic, and with capital (in whole USD) of the insurance fund and of the backstop vault.
pub(crate) fn genesis_with(spec: SyntheticSpec, fund: i128, vault: i128) -> Genesis {
    let mut genesis = genesis();
    genesis.assets.push(AssetSpec {
        id: TOKEN,
        symbol: "pBTC".to_owned(),
        decimals: 8,
        has_index: false,
        collateral: None,
    });
    let mut market = genesis.markets[2].clone();
    market.id = TOKEN_SPOT;
    market.symbol = "pBTC/USDC".to_owned();
    market.kind = MarketKind::Spot { base: TOKEN, quote: USDC };
    genesis.markets.push(market);
    for (account, whole) in [(AccountId::insurance(CORE), fund), (AccountId::backstop(CORE), vault)] {
        if whole > 0 {
            let amount = Amount::new(whole * UNIT);
            genesis.balances.push(GenesisBalance { universe: CORE, account, asset: USDC, amount });
        }
    }
    genesis.synthetics = vec![spec];
    genesis
}

/// A venue with it, BTC at 100.
pub(crate) fn venue_with(spec: SyntheticSpec, fund: i128, vault: i128) -> Venue {
    let mut venue = Venue::with(genesis_with(spec, fund, vault));
    venue.set_index(BTC, price("100"));
    venue
}

/// Without capital of the universe.
pub(crate) fn venue() -> Venue {
    venue_with(spec(), 0, 0)
}

pub(crate) fn terms(state: &State) -> Terms {
    Terms::of(state, TOKEN).expect("it is a synthetic")
}

pub(crate) fn units(text: &str) -> Amount {
    Amount::new(usd(text).get())
}

/// A person, a sub-account, or one of the system's accounts.
pub(crate) fn who(venue: &Venue, name: &str) -> AccountId {
    match name {
        "vault" => AccountId::backstop(CORE),
        "fund" => AccountId::insurance(CORE),
        "fees" => AccountId::fees(CORE),
        "own" => AccountId::synthetic(TOKEN),
        _ => match name.split_once('/') {
            None => account_of(name),
            Some((master, own)) => {
                let mut subs = venue.state().sub_accounts_of(account_of(master));
                subs.find(|(_, record)| record.name == own).expect("a sub-account").0
            }
        },
    }
}

/// What a line asks for.
pub(crate) fn action(venue: &Venue, words: &[&str]) -> Option<Action> {
    let asset = TOKEN;
    Some(match words {
        ["mint", amount, "with", collateral] => {
            Action::MintSynthetic { asset, amount: units(amount), collateral_usd: usd(collateral) }
        }
        ["burn", amount] => Action::BurnSynthetic { asset, amount: units(amount) },
        ["add", amount] => Action::AddDebtCollateral { asset, amount_usd: usd(amount) },
        ["take", amount] => Action::WithdrawDebtCollateral { asset, amount_usd: usd(amount) },
        ["redeem", amount, "least", minimum] => {
            Action::RedeemSynthetic { asset, amount: units(amount), minimum_usd: usd(minimum) }
        }
        ["sends", to, amount] => Action::Transfer { universe: CORE, to: who(venue, to), asset, amount: units(amount) },
        _ => return None,
    })
}

/// Runs a person's action in a block of its own.
pub(crate) fn act(venue: &mut Venue, name: &str, words: &str) -> Outcome {
    let words: Vec<&str> = words.split_whitespace().collect();
    let action = action(venue, &words).unwrap_or_else(|| panic!("no such action: {words:?}"));
    let signer = name.split('/').next().unwrap_or(name).to_owned();
    let account = who(venue, name);
    venue.act_for(&signer, account, action).outcome
}

/// The rejection of a person's action, which must change nothing.
pub(crate) fn refused(venue: &mut Venue, name: &str, words: &str) -> Rejection {
    let words: Vec<&str> = words.split_whitespace().collect();
    let action = action(venue, &words).unwrap_or_else(|| panic!("no such action: {words:?}"));
    let account = who(venue, name);
    venue.refused(name, account, action)
}

/// Runs a scenario.
pub(crate) fn run(venue: &mut Venue, text: &str) {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (content, expected) = match line.split_once("->") {
            Some((content, expected)) => (content, Some(expected.trim())),
            None => (line, None),
        };
        let words: Vec<&str> = content.split_whitespace().collect();
        if action(venue, &words[1..]).is_some() {
            let outcome = act(venue, words[0], &words[1..].join(" "));
            let shown = match outcome {
                Outcome::Done => "done".to_owned(),
                Outcome::Rejected { rejection } => {
                    let value = serde_json::to_value(&rejection).expect("it serialises");
                    format!("refused {}", value["code"].as_str().expect("rejections are tagged"))
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(shown, expected.unwrap_or("done"), "\nline: {line}");
        } else {
            expect(venue, line, &words);
        }
    }
}

fn expect(venue: &mut Venue, line: &str, words: &[&str]) {
    let state = venue.state();
    let shown = match words {
        ["price", value] => return venue.set_index(BTC, price(value)),
        [name, "owes", ..] => {
            let owed = terms(state).debt(state, who(venue, name));
            format!("{name} owes {} with {}", coins(owed.debt), owed.collateral_usd)
        }
        [name, "has", _] => format!("{name} has {}", coins(state.balance(who(venue, name), CORE, TOKEN))),
        [name, "cash", _] => format!("{name} cash {}", coins(state.balance(who(venue, name), CORE, USDC))),
        ["short", _] => format!("short {}", coins(state.synthetic(TOKEN).expect("a synthetic").shortfall)),
        _ => return scenario_on(venue, line),
    };
    assert_eq!(shown, words.join(" "), "\nline: {line}");
}

fn coins(amount: Amount) -> Usd {
    Usd::new(amount.get())
}

/// The index as the engine has it.
pub(crate) fn index(venue: &Venue) -> IndexRecord {
    *venue.state().index(BTC).expect("it was set")
}

/// Whoever lacks collateral, by a look at every position.
pub(crate) fn scan(state: &State, at: Price) -> Vec<AccountId> {
    let spec = spec_of(state);
    let lacks = |debt: i128, collateral: i128| {
        collateral * UNIT * 1_000_000 < debt * i128::from(at.get()) * i128::from(spec.maintenance_ratio.get())
    };
    let found = state.debts().filter(|(_, record)| lacks(record.debt.get(), record.collateral_usd.get()));
    found.map(|(id, _)| id.account).filter(|account| *account != AccountId::synthetic(TOKEN)).collect()
}

pub(crate) fn spec_of(state: &State) -> SyntheticSpec {
    state.synthetic(TOKEN).expect("a synthetic").spec
}

/// The order that the state keeps says the same as a look at every position.
pub(crate) fn check_found(state: &State, at: Price) {
    let mut found: Vec<AccountId> = terms(state).liquidatable(state, at).collect();
    found.sort_unstable();
    assert_eq!(found, scan(state, at), "the beginning of the order is whoever lacks collateral");
}

/// What a person is worth in 1e-8 USD at the index: cash, units and the position, each rounded against the person.
pub(crate) fn worth(venue: &Venue, name: &str) -> i128 {
    let state = venue.state();
    let account = who(venue, name);
    let at = i128::from(index(venue).price.get());
    let owed = terms(state).debt(state, account);
    let cash = state.balance(account, CORE, USDC).get();
    let units = state.balance(account, CORE, TOKEN).get() * at;
    let owing = owed.debt.get() * at;
    cash + owed.collateral_usd.get() + (units - owing).div_euclid(UNIT)
}
