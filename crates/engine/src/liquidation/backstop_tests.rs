//! The vault works off what it can, whatever else it holds.

use crate::{
    state::{BalanceId, CustodyId, MarginSetting, MarginSettingId, PositionId, PositionRecord, Record},
    testing::{BTC, CORE, PERP, USDC, Venue, account_of, genesis, price, scenario_on},
};
use palisade_types::{
    action::MarginMode,
    address::AccountId,
    event::Event,
    ids::MarketId,
    market::MarketSpec,
    numbers::{Amount, FundingIndex, Position, Usd},
};

const DOLLAR: i128 = 100_000_000;
/// One more than the vault sells in one block, and then one.
const MARKETS: u32 = 10;

/// The vault is long 10 lots of each of ten markets, which dave is short of.
fn venue() -> Venue {
    let mut genesis = genesis();
    for number in 1..MARKETS {
        let (id, symbol) = (MarketId::new(number), format!("M{number}"));
        let market = MarketSpec { id, symbol, ..genesis.markets[0].clone() };
        genesis.markets.insert(number as usize, market);
    }
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    let vault = AccountId::backstop(CORE);
    let position = |lots: i64| PositionRecord {
        position: Position::new(lots),
        entry_cost_usd: Usd::new(i128::from(lots) * 100 * DOLLAR),
        funding_index: FundingIndex::ZERO,
    };
    let mut paid_in = venue.state().custody(CORE, USDC).get();
    for market in (0..MARKETS).map(MarketId::new) {
        let purse = BalanceId { account: AccountId::isolated(vault, market), universe: CORE, asset: USDC };
        let setting = MarginSetting { leverage: 10, mode: MarginMode::Isolated };
        venue.damage(Record::MarginSetting { id: MarginSettingId { account: vault, market }, record: setting });
        venue.damage(Record::Balance { id: purse, record: Amount::new(200 * DOLLAR) });
        venue.damage(Record::Position { id: PositionId { account: vault, market }, record: position(10) });
        let dave = PositionId { account: account_of("dave"), market };
        venue.damage(Record::Position { id: dave, record: position(-10) });
        paid_in += 200 * DOLLAR;
    }
    venue.damage(Record::Custody { id: CustodyId { universe: CORE, asset: USDC }, record: Amount::new(paid_in) });
    venue
}

fn held(venue: &Venue, market: MarketId) -> bool {
    venue.state().position(AccountId::backstop(CORE), market).is_some()
}

/// Positions that nobody buys, more of them than sales in a block, do not keep the vault from selling another.
#[test]
fn what_finds_no_buyer_does_not_keep_the_vault_from_selling_the_rest() {
    let mut venue = venue();
    let last = MarketId::new(MARKETS - 1);
    scenario_on(&mut venue, "bob buy M9 100 @ 100 gtc  -> resting 100");
    let events = venue.block(&[], None).events;
    assert!(events.iter().any(|event| matches!(event, Event::Traded(trade) if trade.market == last)), "{events:?}");
    assert!(!held(&venue, last) && held(&venue, PERP));
}

/// With buyers everywhere eight markets are sold in a block, and the others in the next.
#[test]
fn sales_of_a_block_are_bounded() {
    let mut venue = venue();
    let bids: Vec<String> =
        (1..MARKETS).map(|number| format!("bob buy M{number} 100 @ 100 gtc  -> resting 100")).collect();
    // The vault begins to sell to the first before the last has come.
    let all = format!("{}\n    + bob buy BTC 100 @ 100 gtc -> resting 100", bids.join("\n    + "));
    scenario_on(&mut venue, &all);
    let left = |venue: &Venue| (0..MARKETS).filter(|number| held(venue, MarketId::new(*number))).count();
    venue.block(&[], None);
    assert_eq!(left(&venue), 2);
    venue.block(&[], None);
    assert_eq!(left(&venue), 0);
}
