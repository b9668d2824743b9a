//! Attacks on options: prints at the expiry, shorts that cannot pay, and shorts so far away that only a tail reaches them.

use super::{
    table::{Table, dollars},
    verdict,
};
use crate::{
    say,
    world::{CORE, DOLLAR, START_MS, account},
};
use palisade_types::{
    event::{Event, LiquidationMethod, MarginLevel},
    numbers::Price,
};

/// 15 November 2023, 08:00 UTC, from the start.
const EXPIRY_AFTER_MS: u64 = 1_700_035_200_000 - START_MS;

/// Prices every eight seconds until so long before the expiry.
fn hold_until(table: &mut Table, before_expiry_ms: u64) {
    loop {
        let left = (START_MS + EXPIRY_AFTER_MS).saturating_sub(table.run.world.time_ms);
        if left <= before_expiry_ms {
            return;
        }
        let step = table.priced((left - before_expiry_ms).min(8_000));
        table.block(&step);
    }
}

fn settled(table: &Table) -> Option<Price> {
    table.events.iter().find_map(|event| match event {
        Event::OptionsFixed { price, .. } => Some(*price),
        _ => None,
    })
}

/// Scenario 20: whoever holds cheap calls lifts the index by a tenth for the last minute, and a proposer holds the last block back.
///
/// Here: the settlement price is a mean over half an hour by elapsed time, so a minute counts for a thirtieth of it; what calls pay
/// shorts pay, to the unit of rounding.
#[test]
fn expiry_print() {
    super::plant();
    let mut table = Table::play(
        "
        start spiker 20000
        start seller 200000
        insurance 1000
        fees 100 350
        options
        price BTC 60000 ETH 2000
        hold 2
        seller sell 5 BTC-15NOV23-60000-C 700 gtc   -> rests 5
        spiker buy 5 BTC-15NOV23-60000-C 700 ioc    -> fills 5
        jump 33000000
        ",
    );
    hold_until(&mut table, 60_000);
    table.set_prices(&["BTC", "66000"]);
    hold_until(&mut table, 4_000);
    // The block that ends the window is ten seconds late.
    let step = table.priced(14_000);
    table.block(&step);
    table.go_on("hold 3");
    let fixed = settled(&table).expect("it was fixed");
    // A minute at 66,000, but for how long an index is held, at most eight seconds.
    let most = 60_000 * DOLLAR + 6_000 * DOLLAR * 68 / 1_800;
    assert!(i128::from(fixed.get()) <= most, "{fixed}");
    let paid: Vec<i128> = table
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Delivered { payoff_usd, .. } => Some(payoff_usd.get()),
            _ => None,
        })
        .collect();
    assert_eq!(paid.len(), 2);
    assert!((-1..=0).contains(&paid.iter().sum::<i128>()), "{paid:?}");
    say(&format!(
        "scenario 20: the print moved settlement to {fixed}, calls of 60000 paid {}",
        dollars(paid[0].max(paid[1]))
    ));
    verdict("20 expiry print", table.profit(&["spiker"]), 0);
}

/// Mango's way with a short call: what it has lost is hidden by a wick of the index back to where it was sold, and the cash that it needs is
/// sent away.
///
/// Here: where cash leaves, options count as a slow forward has them where that is worse.
#[test]
fn a_wick_hides_no_loss_of_a_short() {
    super::plant();
    let mut table = Table::play(
        "
        start thief 30000
        start friend 1000
        start maker 1000000
        insurance 1000
        vault 10000
        share 100000
        fund-cap 500
        fees 100 350
        options
        price BTC 60000 ETH 2000
        hold 2
        maker buy 2 BTC-15NOV23-60000-C 700 gtc      -> rests 2
        thief sell 2 BTC-15NOV23-60000-C 700 ioc     -> fills 2
        price BTC 63000
        hold 300                                                                   # 5,000 lost, and the slow forward knows it
        price BTC 60000
        hold 12                                                                    # a wick, to the marks it is all there again
        thief send friend 8000                       -> rejected InsufficientBalance
        price BTC 63000
        hold 30
        ",
    );
    assert!(table.liquidations().is_empty(), "what the cash stood for is still carried");
    table.go_on("thief cancel-all -> done");
    verdict("1 a wick hides a short's loss", table.profit(&["thief", "friend"]), 0);
}

/// Scenario 12 with options: shorts of calls against longs who hedge with the perpetual, and a rise by half within a minute. Book, vault
/// and fund are too small; the longs give up exactly what is missing, and nobody who could pay is made unable to.
#[test]
fn short_calls_cannot_pay() {
    super::plant();
    let table = Table::play(
        "
        start writer 30000
        start other 30000
        start holder 100000
        start maker 2000000
        insurance 500
        vault 4000
        share 100000
        fund-cap 300
        fees 0 350
        options
        price BTC 60000 ETH 2000
        hold 2
        holder buy 3 BTC-15NOV23-60000-C 700 gtc     -> rests 3
        writer sell 3 BTC-15NOV23-60000-C 700 ioc    -> fills 3
        holder buy 3 BTC-15NOV23-61000-C 300 gtc     -> rests 3
        other sell 3 BTC-15NOV23-61000-C 300 ioc     -> fills 3
        maker buy 3 BTC 60000 gtc                    -> rests 3
        holder sell 3 BTC 60000 ioc                  -> fills 3
        price BTC 70000
        price BTC 80000
        price BTC 90000
        hold 90
        ",
    );
    let closed = table.lots("writer", "BTC-15NOV23-60000-C") == 0 && table.lots("other", "BTC-15NOV23-61000-C") == 0;
    assert!(closed, "both writers are closed");
    let methods: Vec<LiquidationMethod> = table.liquidations().into_iter().map(|(_, _, method, _)| method).collect();
    assert!(methods.contains(&LiquidationMethod::Deleverage), "{methods:?}");
    let lost = table.insurance_loss(CORE) + table.vault_loss(CORE);
    say(&format!("scenario 12 options: fund and vault lost {} USD, {} closings", dollars(lost), methods.len()));
    // What the writers lost is all that they had: nothing of it was theirs to gain.
    verdict("12 short calls", table.profit(&["writer", "other"]), 0);
    assert!(table.worth("writer") >= 0 && table.worth("other") >= 0, "nobody is left owing");
}

/// Moves of the grid's tails upwards, in percent.
const TAILS_PERCENT: [i128; 5] = [100, 200, 300, 400, 500];

/// What a writer's short calls, all of one strike, lose at least in a tail, by its weight: what exercising them would cost there,
/// less what they are worth now.
fn tail_loss(table: &Table, calls: &[(&str, i128)]) -> i128 {
    let at = |percent: i128| {
        let loss = |(symbol, lots): &(&str, i128)| {
            let spec = table.market(symbol);
            let contract = spec.option().expect("an option");
            let forward = table.books().forwards[&crate::options::expiry_of(&spec).expect("an option")];
            let payoff = forward * (100 + percent) / 100 - i128::from(contract.strike.get());
            (payoff - i128::from(table.mark(symbol).get())).max(0) * lots / 100
        };
        // The weight times the move is 13.86 %.
        calls.iter().map(loss).sum::<i128>() * 1_386 / (100 * percent)
    };
    TAILS_PERCENT.into_iter().map(at).max().expect("tails")
}

/// Scenario 21: a portfolio margin of moves that are likely asks nothing of calls that are far away. Whoever is short of a strip of
/// them over all expiries has taken every premium, and owes more than there is when the price jumps; the longs are the writer's own.
///
/// Here: the grid has tails, weighted by the inverse of their move. What is needed grows with every call sold and is no less than the
/// loss of any tail by its weight, also while the dollar is off its peg, and nothing is sold on old prices. The jump itself costs
/// the venue no more than the fund's cap and the vault's share.
#[test]
fn tail_writer() {
    super::plant();
    let mut table = Table::play(
        "
        start writer 20000
        start friend 20000
        insurance 500
        vault 4000
        share 100000
        fund-cap 300
        fees 0 350
        options
        price USDC 1 BTC 60000 ETH 2000
        hold 2
        writer portfolio on -> done
        price BTC 52000
        price BTC 45000
        hold 5
        ",
    );
    let needed = |table: &Table| {
        let worth = table.books().worth((account("writer"), CORE, None)).expect("a mark");
        (worth.position_initial, worth.maintenance)
    };
    let strip = ["BTC-15NOV23-61000-C", "BTC-17NOV23-61000-C"];
    let (mut sold, mut before) = ([0, 0], (0, 0));
    for round in 0..6 {
        let place = round % 2;
        let call = strip[place];
        table.go_on(&format!("friend buy 0.5 {call} 1 gtc -> rests 0.5\nwriter sell 0.5 {call} 1 ioc -> fills 0.5"));
        sold[place] += 50;
        let now = needed(&table);
        assert!(now.0 > before.0 && now.1 > before.1, "{now:?} after {before:?}: more short needs more");
        let tail = tail_loss(&table, &[(strip[0], sold[0]), (strip[1], sold[1])]);
        assert!(now.0 >= tail && now.1 * 10 >= tail * 8, "{now:?} for a tail of {}", dollars(tail));
        before = now;
    }
    say(&format!("scenario 21: {} lots of calls a third away need {} USD", sold[0] + sold[1], dollars(before.0)));
    table.go_on(&format!("friend buy 5 {} 1 gtc -> rests 5", strip[1]));
    table.go_on(&format!("writer sell 5 {} 1 ioc -> rejected InsufficientMargin", strip[1]));
    table.go_on("price USDC 0.95\nhold 1");
    let unpegged = needed(&table).0;
    assert!(unpegged > before.0 + before.0 / 10, "{unpegged} instead of {}: a dollar of 95 cents needs more", before.0);
    table.go_on(&format!("price USDC 1\nsilence 12\nwriter sell 0.1 {} 1 ioc -> rejected NoFreshPrice", strip[0]));
    table.go_on("price BTC 60000\nprice BTC 75000\nprice BTC 90000\nhold 120");
    let lost = table.insurance_loss(CORE) + table.vault_loss(CORE);
    say(&format!("scenario 21: fund and vault lost {} USD", dollars(lost)));
    // Of each of the two options at most the fund's cap of 300 USD and the vault's share of 400.
    verdict("21 tail writer", table.profit(&["writer", "friend"]), 1_400 * DOLLAR);
    assert!(table.worth("writer") >= 0, "nobody is left owing");
}

/// Not an attack: a short call whose writer comes below maintenance while the book still has offers is closed there, slice by slice,
/// and keeps the rest.
#[test]
fn a_short_call_is_closed_in_the_book() {
    super::plant();
    let table = Table::play(
        "
        start writer 12000
        start holder 100000
        start maker 2000000
        insurance 500
        vault 4000
        share 100000
        fees 0 350
        options
        price BTC 60000 ETH 2000
        hold 2
        holder buy 1 BTC-15NOV23-60000-C 700 gtc     -> rests 1
        writer sell 1 BTC-15NOV23-60000-C 700 ioc    -> fills 1
        maker sell 5 BTC-15NOV23-60000-C 7100 gtc    -> rests 5
        price BTC 62000
        hold 7
        price BTC 64000
        hold 7
        price BTC 66000
        hold 7
        price BTC 66900
        hold 7
        ",
    );
    let option = table.market("BTC-15NOV23-60000-C").id;
    let closed = table.liquidations();
    assert!(!closed.is_empty());
    assert!(
        closed.iter().all(|(_, market, method, _)| *market == option && *method == LiquidationMethod::Book),
        "{closed:?}"
    );
    let left = table.lots("writer", "BTC-15NOV23-60000-C");
    assert!((-99..0).contains(&left), "a part is closed: {left} lots are left");
}

/// Not an attack: a portfolio that comes below maintenance through its delta is hedged with the perpetual, and its options stay.
#[test]
fn a_portfolio_is_hedged_before_it_is_closed() {
    super::plant();
    let table = Table::play(
        "
        start writer 20000
        start holder 100000
        start maker 2000000
        insurance 500
        vault 4000
        share 100000
        fees 0 350
        options
        price BTC 60000 ETH 2000
        hold 2
        writer portfolio on                          -> done
        holder buy 1 BTC-15NOV23-60000-C 700 gtc     -> rests 1
        writer sell 1 BTC-15NOV23-60000-C 700 ioc    -> fills 1
        maker sell 8 BTC 71000 gtc                   -> rests 8
        price BTC 62000
        hold 7
        price BTC 64000
        hold 7
        price BTC 66000
        hold 7
        price BTC 68000
        hold 7
        price BTC 70000
        hold 7
        price BTC 70600
        hold 7
        ",
    );
    let done = table.liquidations();
    assert!(done.iter().all(|(_, _, method, _)| *method == LiquidationMethod::Hedge) && !done.is_empty(), "{done:?}");
    assert_eq!(table.lots("writer", "BTC-15NOV23-60000-C"), -100, "nothing of the option was closed");
    assert!(table.lots("writer", "BTC") > 0, "the perpetual was bought");
}

/// Not an attack: a short put that is far away is worth next to nothing, and less with every rise, while what it needs rises with the
/// price. Its writer is looked at for the price of the underlying, not for the mark.
#[test]
fn a_short_put_needs_more_while_its_mark_falls() {
    super::plant();
    let table = Table::play(
        "
        start writer 9000
        start holder 100000
        insurance 500
        fees 0 350
        options
        price BTC 60000 ETH 2000
        hold 2
        holder buy 1 BTC-17NOV23-59000-P 800 gtc     -> rests 1
        writer sell 1 BTC-17NOV23-59000-P 800 ioc    -> fills 1
        price BTC 70000
        price BTC 80000
        price BTC 90000
        price BTC 100000
        price BTC 105000
        price BTC 112000
        hold 3
        ",
    );
    let called = |event: &Event| match event {
        Event::MarginCalled { account: who, level, .. } => {
            *who == account("writer") && *level == MarginLevel::Liquidatable
        }
        _ => false,
    };
    assert!(table.events.iter().any(called), "the writer has 9,800 USD, 9 % of 112,000 are needed");
}
