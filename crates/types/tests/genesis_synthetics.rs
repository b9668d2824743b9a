//! Each rule of synthetics in a genesis file, broken alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    address::AccountId,
    genesis::{FaucetGrant, Genesis, GenesisBalance, GenesisError as E},
    ids::{AssetId, MarketId, UniverseId},
    market::AssetSpec,
    numbers::{Amount, Rate, Usd},
    synthetic::SyntheticSpec,
};
use support::{
    genesis::{balance, genesis as plain, spot},
    synthetic_samples::spec,
};

const TOKEN: AssetId = AssetId::new(4);

/// A genesis with a synthetic, asset 4, that follows asset 1 and has a spot market.
fn genesis() -> Genesis {
    let mut genesis = plain();
    genesis.assets.push(AssetSpec {
        id: TOKEN,
        symbol: "pBTC".into(),
        decimals: 8,
        has_index: false,
        collateral: None,
    });
    let mut market = genesis.markets[2].clone();
    market.id = MarketId::new(10_002);
    market.symbol = "pBTC/USDC".into();
    market.kind = spot(4, 0);
    genesis.markets.push(market);
    genesis.synthetics = vec![spec()];
    genesis
}

#[test]
fn synthetics_are_valid() {
    let genesis = genesis();
    assert_eq!(genesis.check(), Ok(()));
    let text = serde_json::to_string(&genesis).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&text).unwrap(), genesis);
    let own = format!(r#","synthetics":{}"#, serde_json::to_string(&genesis.synthetics).unwrap());
    let without = text.replace(&own, "");
    assert_ne!(without, text);
    assert_eq!(serde_json::from_str::<Genesis>(&without).unwrap().synthetics, [], "a genesis may have none");
    let no_market = SyntheticSpec { market: None, ..spec() };
    let mut genesis = genesis;
    genesis.synthetics = vec![no_market];
    assert_eq!(genesis.check(), Ok(()), "a synthetic needs no market");
}

type Terms = (&'static str, fn(&mut SyntheticSpec));

/// The rule that each change of the terms breaks.
const TERMS: &[Terms] = &[
    ("0 < minimum_debt <= debt_ceiling <= 10^30", |spec| spec.minimum_debt = Amount::ZERO),
    ("0 < minimum_debt <= debt_ceiling <= 10^30", |spec| spec.minimum_debt = Amount::new(100_000_000_001)),
    ("0 < minimum_debt <= debt_ceiling <= 10^30", |spec| spec.debt_ceiling = Amount::new(10i128.pow(30) + 1)),
    ("0 <= liquidation_penalty <= 0.5", |spec| spec.liquidation_penalty = Rate::new(-1)),
    ("0 <= liquidation_penalty <= 0.5", |spec| spec.liquidation_penalty = Rate::new(500_001)),
    ("1 + liquidation_penalty < maintenance_ratio", |spec| spec.maintenance_ratio = Rate::new(1_080_000)),
    ("maintenance_ratio <= initial_ratio <= 100", |spec| spec.initial_ratio = Rate::new(1_249_999)),
    ("maintenance_ratio <= initial_ratio <= 100", |spec| spec.initial_ratio = Rate::new(100_000_001)),
    ("0 <= mint_fee, redemption_fee <= 0.1", |spec| spec.mint_fee = Rate::new(-1)),
    ("0 <= mint_fee, redemption_fee <= 0.1", |spec| spec.redemption_fee = Rate::new(100_001)),
    ("0 <= backstop_share <= 1", |spec| spec.backstop_share = Rate::new(1_000_001)),
    ("fund_claim_maximum_usd >= 0", |spec| spec.fund_claim_maximum_usd = Usd::new(-1)),
    ("tracks names an asset with an index", |spec| spec.tracks = AssetId::new(3)),
    ("market is its spot market against its universe's collateral", |spec| spec.market = Some(MarketId::new(10_000))),
    ("market is its spot market against its universe's collateral", |spec| spec.market = Some(MarketId::new(0))),
    ("market is its spot market against its universe's collateral", |spec| spec.market = Some(MarketId::new(10_009))),
];

#[test]
fn each_rule_of_the_terms_is_checked() {
    for (what, change) in TERMS {
        let mut genesis = genesis();
        change(&mut genesis.synthetics[0]);
        assert_eq!(genesis.check(), Err(E::Synthetic { asset: TOKEN, what }));
    }
}

#[test]
fn each_rule_of_its_place_is_checked() {
    let wrong = |asset, what| Err(E::Synthetic { asset, what });
    let mut twice = genesis();
    twice.synthetics.push(spec());
    assert_eq!(twice.check(), wrong(TOKEN, "one synthetic per asset"));

    let mut many = genesis();
    many.synthetics = vec![spec(); 33];
    assert_eq!(many.check(), Err(E::TooManyMarkets { what: "synthetics", found: 33, limit: 32 }));

    let mut unknown = genesis();
    unknown.synthetics[0].asset = AssetId::new(9);
    let what = "synthetic 9".to_owned();
    assert_eq!(unknown.check(), Err(E::UnknownAsset { what, asset: AssetId::new(9) }));

    let mut elsewhere = genesis();
    elsewhere.synthetics[0].universe = UniverseId::new(7);
    let what = "synthetic 4".to_owned();
    assert_eq!(elsewhere.check(), Err(E::UnknownUniverse { what, universe: UniverseId::new(7) }));

    let mut chained = genesis();
    chained.assets[4].has_index = true;
    chained.assets.push(AssetSpec { id: AssetId::new(5), symbol: "ppBTC".into(), ..chained.assets[4].clone() });
    let second = SyntheticSpec { asset: AssetId::new(5), tracks: TOKEN, market: None, ..spec() };
    chained.synthetics.push(second);
    assert_eq!(chained.check(), wrong(AssetId::new(5), "tracks names no synthetic"));

    let mut collateral = genesis();
    collateral.synthetics[0] = SyntheticSpec { asset: AssetId::new(0), market: None, ..spec() };
    assert_eq!(collateral.check(), wrong(AssetId::new(0), "asset is no universe's collateral"));
}

/// Units that nobody owes would be worth nothing.
#[test]
fn nobody_has_any_of_it_in_the_genesis() {
    let mut held = genesis();
    held.balances.push(GenesisBalance { asset: TOKEN, ..balance(1, 5) });
    assert_eq!(held.check(), Err(E::Synthetic { asset: TOKEN, what: "no balances of it: it is minted" }));
    let mut given = genesis();
    given.faucet.push(FaucetGrant { asset: TOKEN, ..given.faucet[0].clone() });
    assert_eq!(given.check(), Err(E::Synthetic { asset: TOKEN, what: "no faucet of it: it is minted" }));
}

#[test]
fn its_addresses_belong_to_nobody() {
    let own = AccountId::synthetic(TOKEN);
    for account in [own, AccountId::debt(own, TOKEN)] {
        let mut genesis = genesis();
        genesis.balances[0].account = account;
        assert_eq!(genesis.check(), Err(E::SystemAccount { what: "a balance", account }));
    }
    assert_ne!(AccountId::debt(own, TOKEN), AccountId::debt(own, AssetId::new(5)));
    assert_ne!(AccountId::debt(own, TOKEN), AccountId::isolated(own, MarketId::new(4)));
}
