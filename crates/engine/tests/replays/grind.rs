//! Rounding ground out of a ledger or a pool, one unit at a time and very often.

use super::{
    table::Table,
    vaults::{DAY_MS, open, share_value},
    verdict,
};
use crate::{say, size, step::Step, world::DOLLAR};
use palisade_types::{
    action::Action,
    event::Event,
    ids::MarketId,
    numbers::{Price, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    vault::Redemption,
};

const PERPETUAL: MarketId = MarketId::new(0);
/// As many orders as an account may have open.
const TRADES_PER_ROUND: u64 = 20;
const DEPOSITORS: u64 = 100;

fn order(side: Side, price_usd: u64, lots: u64) -> OrderRequest {
    OrderRequest {
        market: PERPETUAL,
        side,
        price: Price::new(i64::try_from(price_usd).expect("a small price") * 100_000_000),
        size: Size::new(lots),
        time_in_force: if side == Side::Sell { TimeInForce::Gtc } else { TimeInForce::Ioc },
        reduce_only: false,
        client_order_id: None,
    }
}

/// 16, trades: two accounts trade a few lots to and fro, at prices whose quotes do not divide, a hundred thousand times at full size;
/// the seller of each round is the buyer of the next, so that positions are opened, closed in parts and turned.
///
/// Here: what a fill realises is rounded against the account.
#[test]
fn rounding_in_trades() {
    super::plant();
    let trades = size(4_000, 100_000);
    let mut table = Table::play(
        "
        start one 10000
        start two 10000
        price BTC 59999.12345678 ETH 2000
        one sell 0.0307 BTC 59999 gtc            -> rests 0.0307
        two buy 0.0307 BTC 59999 ioc             -> fills 0.0307
        ",
    );
    let rounds = trades / TRADES_PER_ROUND;
    for round in 0..rounds {
        // In rising order of price, as the buyer meets them; in a block of their own, because a block has an order of its own.
        let levels = (0..TRADES_PER_ROUND).map(|place| (59_980 + round % 23 + place, 2 + (round + place * 7) % 11));
        let orders = |side| levels.clone().map(|(price, lots)| order(side, price, lots)).collect();
        let names = if round % 2 == 0 { ["two", "one"] } else { ["one", "two"] };
        let sells = vec![(names[0].to_owned(), Action::Place { orders: orders(Side::Sell) })];
        table.block(&Step { actions: sells, ..table.priced(1_000) });
        let buys = vec![(names[1].to_owned(), Action::Place { orders: orders(Side::Buy) })];
        let events = table.block(&Step { actions: buys, advance_ms: 100, ..Step::default() });
        let filled = events.iter().filter(|event| matches!(event, Event::Traded(_))).count();
        assert_eq!(filled as u64, TRADES_PER_ROUND, "round {round}");
        table.events.clear();
    }
    say(&format!("scenario 16: {} trades", rounds * TRADES_PER_ROUND));
    verdict("16 rounding in trades", table.profit(&["one", "two"]), 0);
}

/// 16, shares: a hundred people pay odd amounts into a vault and redeem them a day later, while the vault trades; a hundred thousand
/// times at full size.
///
/// Here: shares are rounded against whoever comes or goes, so no share is worth less for it.
#[test]
fn rounding_in_shares() {
    super::plant();
    let rounds = size(4_000, 100_000) / DEPOSITORS;
    let mut text = String::from("start leader 100000\nstart maker 1000000\nfees 0 0\n");
    let names: Vec<String> = (0..DEPOSITORS).map(|number| format!("grinder{number}")).collect();
    names.iter().for_each(|name| text.push_str(&format!("start {name} 100\n")));
    text.push_str("price BTC 60000 ETH 2000");
    let mut table = Table::play(&text);
    let vault = open(&mut table, "leader", 50_000);
    for round in 0..rounds {
        let before = share_value(&table, vault);
        let deposit = |(number, name): (i128, &String)| {
            let amount_usd = Usd::new(10 * DOLLAR + (i128::from(round) * 13 + number * 7) % 1_009);
            (name.clone(), Action::DepositVault { vault, amount_usd })
        };
        let actions = (0..).zip(&names).map(deposit).collect();
        table.block(&Step { actions, advance_ms: 100, ..Step::default() });
        let paid_in = share_value(&table, vault);
        assert!(paid_in >= before, "round {round}: a share fell from {before} to {paid_in} by deposits");
        let side = if round % 2 == 0 { ["buy", "sell"] } else { ["sell", "buy"] };
        let maker = format!("maker {} 0.0107 BTC 60000 gtc -> rests 0.0107", side[1]);
        table.go_on(&maker);
        let words = [side[0], "0.0107", "BTC", "60000", "ioc"];
        let trade = (format!("leader>{vault}"), table.action(&words).0);
        table.block(&Step { actions: vec![trade], advance_ms: 100, ..Step::default() });
        let step = table.priced(DAY_MS + 1_000);
        table.block(&step);
        let before = share_value(&table, vault);
        let redeem = |name: &String| (name.clone(), Action::WithdrawVault { vault, redemption: Redemption::All });
        let actions = names.iter().map(redeem).collect();
        table.block(&Step { actions, advance_ms: 100, ..Step::default() });
        let after = share_value(&table, vault);
        assert!(after >= before, "round {round}: a share fell from {before} to {after} by redemptions");
        assert_eq!(table.books().vault_shares.len(), 1, "round {round}: all but the leader are out");
        table.events.clear();
    }
    say(&format!("scenario 16: {} deposits and redemptions", rounds * DEPOSITORS));
    let grinders: Vec<&str> = names.iter().map(String::as_str).collect();
    verdict("16 rounding in shares", table.profit(&grinders), 0);
}
