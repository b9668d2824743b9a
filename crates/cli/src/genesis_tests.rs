use super::*;

fn genesis() -> Genesis {
    devnet_genesis(CHAIN_ID, "test", TimeMs::new(1_760_000_000_000), crate::layout::tests::seats(4))
}

#[test]
fn the_devnet_genesis_obeys_the_rules_of_a_genesis() {
    genesis().check().expect("a valid genesis");
}

#[test]
fn it_survives_its_own_file() {
    let genesis = genesis();
    let text = serde_json::to_string_pretty(&genesis).expect("JSON");
    let read: Genesis = serde_json::from_str(&text).expect("the same JSON");
    assert_eq!((&read, read.hash()), (&genesis, genesis.hash()));
}

#[test]
fn hyperliquid_clients_can_name_every_price_and_size() {
    let genesis = genesis();
    for market in &genesis.markets {
        let decimals = if market.id.is_spot() { 8 } else { 6 };
        let tick = Price::new(10i64.pow(8 - (decimals - u32::from(market.size_decimals))));
        assert_eq!(market.tick, tick, "{}", market.symbol);
    }
    let named =
        |id: u32| genesis.markets.iter().find(|market| market.id == MarketId::new(id)).map(|m| m.symbol.as_str());
    assert_eq!((named(0), named(1), named(2)), (Some("BTC"), Some("ETH"), Some("SOL")));
    assert_eq!((named(10_000), named(10_001)), (Some("PURR/USDC"), Some("BTC/USDC")));
}

#[test]
fn every_market_has_an_indexed_reference() {
    let genesis = genesis();
    let anchors = price_anchors(&genesis);
    for market in &genesis.markets {
        let tracked = |asset| genesis.synthetics.iter().find(|one| one.asset == asset).map_or(asset, |one| one.tracks);
        let reference =
            market.perpetual().map(|terms| terms.underlying).or(market.spot().map(|terms| tracked(terms.base)));
        assert!(reference.is_some_and(|asset| anchors.contains_key(&asset)), "{}", market.symbol);
    }
}
