//! Attacks with prices: pumps, squeezes, walls that are pulled, and books that are not what they seem.

use super::{
    table::{Table, dollars},
    verdict,
};
use crate::{
    say,
    world::{CORE, DOLLAR, SIDE, Terms, account},
};
use palisade_types::{
    event::{Event, LiquidationMethod},
    numbers::Price,
};

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

/// Mango Markets, 11 October 2022: two accounts of one person traded a large perpetual with each other, its thin oracle was lifted
/// 24-fold, and the paper profit was borrowed against and withdrawn.
///
/// Here: what counts for margin rises by 0.03 % a second, profit cannot be withdrawn at all, and the one who loses is
/// closed against the one who wins.
#[test]
fn mango() {
    super::plant();
    let mut table = Table::play(
        "
        start long 10000
        start short 10000
        start maker 1000000
        start victim 100000
        insurance 1000
        vault 10000
        share 100000
        fund-cap 500
        fees 100 350
        price BTC 60000 ETH 100
        long leverage ETH 10                     -> done
        short leverage ETH 10                    -> done
        short sell 900 ETH 100 gtc               -> rests 900
        long buy 900 ETH 100 ioc                 -> fills 900
        price ETH 2400                                                             # the short is closed against the long
        long send victim 100000                  -> rejected InsufficientBalance
        long move core 21600                     -> rejected InsufficientBalance   # more than both put in, fund's cap and vault's share
        long buy 1 BTC/USDC 60000 gtc            -> rejected InsufficientBalance
        maker sell 20 BTC 60000 gtc              -> rests 20
        long buy 20 BTC 60000 ioc                -> rejected InsufficientMargin
        hold 20
        long send victim 1000000                 -> rejected InsufficientBalance
        price ETH 100
        hold 60
        ",
    );
    let short_closed = table.lots("short", "ETH") == 0;
    assert!(short_closed, "the losing side was closed");
    table.go_on("long cancel-all -> done");
    let taken = table.insurance_loss(CORE) + table.vault_loss(CORE);
    say(&format!("scenario 1 Mango: fund and vault lost {} USD", dollars(taken)));
    // The two accounts are one person's: what the one won the other lost. The vault may lose its share of this market, the fund its cap.
    verdict("1 Mango", table.profit(&["long", "short", "victim"]), 1_500 * DOLLAR);
}

/// Mango's way in two markets: the paper profit of a wick is not withdrawn, it is left to stand for a real loss elsewhere, and the
/// cash that stood for it is withdrawn.
///
/// Here: against losses counts only what counts for new risk. When the wick is over, what is left still carries the positions.
#[test]
fn a_wick_stands_for_no_loss() {
    super::plant();
    let mut table = Table::play(
        "
        start thief 10000
        start friend 1000
        start maker 1000000
        insurance 1000
        vault 10000
        share 100000
        fund-cap 500
        fees 100 350
        price BTC 60000 ETH 100
        maker sell 2 BTC 60000 gtc               -> rests 2
        thief buy 2 BTC 60000 ioc                -> fills 2
        maker sell 300 ETH 100 gtc               -> rests 300
        thief buy 300 ETH 100 ioc                -> fills 300
        price BTC 57000 ETH 120                                                    # 6,000 lost, 6,000 won
        thief send friend 2000                   -> rejected InsufficientBalance
        thief send friend 1                      -> rejected InsufficientBalance
        thief move core 1                        -> rejected InsufficientBalance
        price BTC 57000 ETH 100
        hold 20
        ",
    );
    assert!(table.liquidations().is_empty(), "what the cash stood for is still carried");
    table.go_on("thief cancel-all -> done");
    verdict("1 a wick for a loss", table.profit(&["thief", "friend"]), 0);
}

/// Jelly-my-Jelly on Hyperliquid, 26 March 2025: a large short against oneself in an illiquid market, margin withdrawn so that the
/// vault had to take it over, and the price pumped fourfold, so that the vault bled into the attacker's longs elsewhere.
///
/// Here: the vault has a purse per market and loses no more; what it cannot bear goes to the winners, who are the attackers; the
/// other universe's vault knows nothing of it.
#[test]
fn jelly() {
    super::plant();
    let table = Table::play(
        "
        start short 30000
        start long 40000
        start maker 100000
        insurance 2000 2000
        vault 100000 100000
        share 50000
        fund-cap 1000
        fees 100 350
        price BTC 60000 ETH 10
        short leverage ETH 10                    -> done
        long leverage ETH 10                     -> done
        short sell 20000 ETH 10 gtc              -> rests 20000
        long buy 20000 ETH 10 ioc                -> fills 20000
        short send long 9000                     -> done                           # to the edge
        short send long 9000                     -> rejected InsufficientBalance
        price ETH 10.5
        hold 20
        price ETH 11
        hold 20
        price ETH 14
        hold 20
        price ETH 20
        hold 30
        price ETH 40
        hold 60
        ",
    );
    let by_vault: i128 = table
        .liquidations()
        .iter()
        .filter(|(who, _, method, _)| *who == account("short") && *method == LiquidationMethod::Backstop)
        .map(|(.., lots)| lots)
        .sum();
    assert!(by_vault > 0, "the vault took a part over");
    let (here, there) = (table.vault_loss(CORE), table.vault_loss(SIDE));
    let fence = 100_000 * DOLLAR / 20;
    say(&format!("scenario 3 JELLY: the vault lost {} USD of {} at stake", dollars(here), dollars(fence)));
    assert!(here <= fence, "the vault lost {}", dollars(here));
    assert_eq!(there, 0, "the other universe's vault is untouched");
    assert!(table.insurance_loss(CORE) <= 1_000 * DOLLAR && table.insurance_loss(SIDE) == 0);
    assert_eq!(table.lots("short", "ETH"), 0);
    // What vault and fund lose within their bounds is what the attackers can win.
    verdict("3 JELLY", table.profit(&["short", "long"]), fence + 1_000 * DOLLAR);
}

/// A whale on Hyperliquid, 12 March 2025: a large winning long, margin withdrawn to the edge, and the exit left to the liquidation,
/// which the vault paid for.
///
/// Here: the same whale once sells into the book and once takes its margin out and waits; waiting is not better.
#[test]
fn withdraw_to_liquidate() {
    super::plant();
    let opening = "
        start whale 100000
        start maker 3000000
        start bidder 500000
        insurance 5000
        vault 200000
        share 200000
        fees 100 350
        price BTC 60000 ETH 2000
        whale leverage ETH 10                    -> done
        maker sell 300 ETH 2000 gtc              -> rests 300
        whale buy 300 ETH 2000 ioc               -> fills 300
        price ETH 2100
        hold 10
        price ETH 2200
        hold 30
        ";
    let book = "
        bidder buy 200 ETH 2196 gtc              -> rests 200
        maker buy 400 ETH 2190 gtc               -> rests 400
        ";
    let mut sells = Table::play(opening);
    sells.go_on(book);
    sells.go_on("whale sell 300 ETH 2150 ioc reduce -> fills 300");
    let best = sells.profit(&["whale"]);
    let mut waits = Table::play(opening);
    waits.go_on(book);
    // Profit cannot leave; the cash beyond the requirement can.
    waits.go_on("whale send friend 90000 -> rejected InsufficientBalance");
    for amount in [1_000; 60] {
        waits.go_on(&format!("whale send maker {amount} -> any"));
    }
    let withdrawn = 100_000 * DOLLAR - waits.books().cash(account("whale"), CORE);
    waits.go_on(
        "
        price ETH 2100
        hold 10
        price ETH 2000
        hold 10
        price ETH 1980
        hold 30
        ",
    );
    let waited = waits.worth("whale") + withdrawn - 100_000 * DOLLAR;
    say(&format!(
        "scenario 4: sold {} USD, waited {} USD, taken out {}",
        dollars(best),
        dollars(waited),
        dollars(withdrawn)
    ));
    assert_eq!(waits.insurance_loss(CORE).max(0), 0, "the fund lost nothing");
    verdict("4 withdraw to be liquidated, beyond the best close", waited - best, 0);
}

/// The way out of scenario 1 once the paper profit is realised: whoever won sells to a stranger and takes the cash into another
/// universe, before whoever lost has paid anything in.
///
/// Here: the cash is there, backs positions, and leaves only once a loser has paid.
#[test]
fn realised_and_gone() {
    super::plant();
    let mut table = Table::play(
        "
        start winner 10000
        start loser 10000
        start stranger 100000
        fees 0 0
        price BTC 60000 ETH 2000
        winner leverage ETH 10                    -> done
        loser leverage ETH 10                     -> done
        loser sell 20 ETH 2000 gtc                -> rests 20
        winner buy 20 ETH 2000 ioc                -> fills 20
        price ETH 2060
        hold 8
        stranger buy 20 ETH 2050 gtc              -> rests 20
        winner sell 20 ETH 2050 ioc               -> fills 20
        ",
    );
    let account = account("winner");
    let there = table.books().cash(account, CORE);
    let held_back = table.books().held_back(account, CORE);
    assert_eq!(there, 11_000 * DOLLAR);
    assert!(held_back > 500 * DOLLAR, "of a profit of 1,000 USD {} are held back", dollars(held_back));
    table.go_on(
        "
        winner move core 10900 -> rejected InsufficientBalance
        winner send loser 10900 -> rejected InsufficientBalance
        winner move core 10000 -> done
        ",
    );
    let taken_out = table.books().cash(account, SIDE) - 10_000 * DOLLAR;
    table.go_on("hold 120");
    table.go_on("winner move core 1000 -> done");
    verdict("1 realised and gone, before anyone has paid", taken_out, 0);
}

/// POPCAT on Hyperliquid, 12 November 2025: 19 accounts levered up behind a wall of bids of 20 million, the wall was pulled, and the
/// vault took over what nobody bid for.
#[test]
fn popcat() {
    super::plant();
    let mut text = String::from(
        "
        start wall 3000000
        start maker 2000000
        insurance 20000
        vault 100000
        share 100000
        fund-cap 5000
        fees 100 350
        ",
    );
    let names: Vec<String> = (0..19).map(|number| format!("buyer{number}")).collect();
    for name in &names {
        text.push_str(&format!("start {name} 20000\n"));
    }
    text.push_str(
        "
        price BTC 60000 ETH 2000
        wall buy 10000 ETH 1990 gtc              -> rests 10000
        maker sell 950 ETH 2000 gtc              -> rests 950
        ",
    );
    for name in &names {
        text.push_str(&format!("{name} buy 49 ETH 2000 ioc -> fills 49\n"));
    }
    text.push_str(
        "
        wall cancel-all                          -> done
        price ETH 1900
        hold 10
        price ETH 1750
        hold 10
        price ETH 1500
        hold 60
        ",
    );
    let table = Table::play(&text);
    let mut attackers: Vec<&str> = names.iter().map(String::as_str).collect();
    attackers.push("wall");
    assert!(names.iter().all(|name| table.lots(name, "ETH") == 0), "all were closed");
    let (vault, fund) = (table.vault_loss(CORE), table.insurance_loss(CORE));
    say(&format!("scenario 5 POPCAT: the vault lost {} USD, the fund {} USD", dollars(vault), dollars(fund)));
    assert!(vault <= 10_000 * DOLLAR && fund <= 5_000 * DOLLAR);
    verdict("5 POPCAT", table.profit(&attackers), 0);
}

/// XPL on Hyperliquid, 26 August 2025: the mark of a market before its launch came from its own book; the book was swept threefold and
/// shorts, hedged elsewhere, were liquidated at the top.
///
/// Here: the mark keeps to a band around the index and moves by half a per cent a second at most, and no order reaches
/// further than the price band.
#[test]
fn xpl_squeeze() {
    super::plant();
    let mut table = Table::play(
        "
        start whale 500000
        start hedger 60000
        start maker 1000000
        fees 100 350
        price BTC 60000 ETH 2000
        hedger leverage ETH 10                   -> done
        hedger sell 200 ETH 2000 gtc             -> rests 200
        maker buy 200 ETH 2000 ioc               -> fills 200
        maker sell 20 ETH 2100 gtc               -> rests 20
        maker sell 20 ETH 2300 gtc               -> rests 20
        maker sell 20 ETH 4000 gtc               -> rests 20
        whale buy 60 ETH 6000 ioc                -> rejected OutsidePriceBand
        whale buy 60 ETH 2400 gtc                -> fills 40 rests 20
        hold 30
        whale buy 60 ETH 2400 gtc                -> rests 60
        maker sell 1 ETH 2400 ioc                -> fills 1
        ",
    );
    for _ in 0..60 {
        let before = table.mark("ETH").get();
        table.go_on("hold 1");
        let moved = table.mark("ETH").get() - before;
        assert!(moved <= before / 200 + 1, "half a per cent a second: {moved} after {before}");
    }
    let mark = table.mark("ETH");
    assert!(mark > price("2000") && mark <= price("2060"), "within 3 % of the index: {mark}");
    assert_eq!(table.lots("hedger", "ETH"), -20_000, "nobody was liquidated");
    assert!(table.liquidations().is_empty());
    table.go_on("whale cancel-all -> done\nmaker buy 200 ETH 1990 gtc -> rests 200\nwhale sell 41 ETH 1980 ioc reduce -> fills 41");
    verdict("6 XPL", table.profit(&["whale"]), 0);
}

/// Mango's way in one market: a real loss is hidden by a wick back to the price that was paid, and the cash that it needs is sent away.
///
/// Here: where cash leaves, a loss is over once the slow mark says so, too.
#[test]
fn a_wick_hides_no_loss() {
    super::plant();
    let mut table = Table::play(
        "
        start thief 10000
        start friend 1000
        start maker 1000000
        insurance 1000
        vault 10000
        share 100000
        fund-cap 500
        fees 100 350
        price BTC 60000
        thief leverage BTC 40                    -> done
        maker sell 2 BTC 60000 gtc               -> rests 2
        thief buy 2 BTC 60000 ioc                -> fills 2
        price BTC 57000
        hold 300                                                                   # 6,000 lost, and the slow mark knows it
        price BTC 60000
        hold 12                                                                    # a wick, to the mark it is all there again
        thief send friend 5000                   -> rejected InsufficientBalance
        price BTC 57000
        hold 30
        ",
    );
    assert!(table.liquidations().is_empty(), "what the cash stood for is still carried");
    table.go_on("thief cancel-all -> done");
    verdict("1 a wick hides a loss", table.profit(&["thief", "friend"]), 0);
}

/// Markets on closed underlyings: over a weekend the index stands still and the book is thin.
///
/// Here: without a fresh index nobody is liquidated and nothing opens, whatever the book does; not even who was due when it closed,
/// and whose position somebody would take. The first fresh index has them liquidated.
#[test]
fn closed_underlying() {
    super::plant();
    let mut table = Table::play(
        "
        start lever 5000
        start mover 500000
        start maker 100000
        vault 0
        price BTC 60000 ETH 2000
        lever leverage ETH 10                    -> done
        maker buy 24 ETH 2000 gtc                -> rests 24
        lever sell 24 ETH 2000 ioc               -> fills 24
        price ETH 2110
        mover buy 100 ETH 2105 gtc               -> rests 100
        hold 15                                                                    # nobody sells
        ",
    );
    assert_eq!(table.books().liquidatable(), [(account("lever"), CORE, None)].into());
    table.go_on(
        "
        maker sell 24 ETH 2115 gtc               -> rests 24
        close ETH
        jump 11000
        hold 600
        mover buy 5 ETH 2150 ioc                 -> rejected NoFreshPrice
        ",
    );
    assert!(table.liquidations().is_empty(), "nobody is liquidated on an old index");
    assert_eq!(table.lots("lever", "ETH"), -2_400);
    assert!(table.mark("ETH") <= price("2173.3"), "within 3 % of the last index");
    assert_eq!(table.books().liquidatable(), [(account("lever"), CORE, None)].into(), "who is still due");
    table.go_on("price ETH 2110");
    assert!(!table.liquidations().is_empty(), "the market is open again");
    table.go_on("mover cancel-all -> done\nprice ETH 2000\nhold 60");
    verdict("7 closed underlying", table.profit(&["mover"]), 0);
}

/// dYdX v4's isolated pools: one fill closed all open interest of a market at a loss beyond the loser's collateral, the insurance was short
/// of a unit, and the chain halted on a negative balance.
///
/// Here: once with a fund that just suffices and once with a unit less; no halt, no hole, the winner gives up the unit.
#[test]
fn entire_open_interest_closes() {
    super::plant();
    let mut haircuts = Vec::new();
    for units in [0, -1] {
        let mut terms = Terms { insurance: [5_500, 0], insurance_units: units, ..Terms::default() };
        terms.funds.insert("loser".to_owned(), [4_000, 0, 0]);
        terms.funds.insert("winner".to_owned(), [100_000, 0, 0]);
        let mut table = Table::with(&terms);
        table.go_on(
            "
            price BTC 60000
            loser leverage BTC 20 isolated           -> done
            winner sell 1 BTC 60000 gtc              -> rests 1
            loser buy 1 BTC 60000 ioc                -> fills 1
            price BTC 50000
            hold 5
            ",
        );
        assert_eq!((table.lots("loser", "BTC"), table.lots("winner", "BTC")), (0, 0));
        assert_eq!(table.books().cash(account("loser"), CORE), 1_000 * DOLLAR, "no more than the purse");
        let haircut: i128 = table
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Deleveraged { haircut_usd, .. } => Some(haircut_usd.get()),
                _ => None,
            })
            .sum();
        assert_eq!(table.insurance_loss(CORE), 5_500 * DOLLAR + i128::from(units), "the fund paid all it had");
        haircuts.push(haircut);
        verdict("11 entire open interest", table.profit(&["loser"]), 0);
    }
    assert_eq!(haircuts, [0, 1], "the winner gave up what the fund was short of");
}

/// Funding skewed by quotes that nobody could fill: far from the index, at the moments when the premium is sampled.
///
/// Here: only depth whose owner meets the requirement counts, an hour costs no more than the cap, and payments sum to zero.
#[test]
fn funding_skew() {
    super::plant();
    let mut table = Table::play(
        "
        start skewer 1500
        start long 20000
        start short 20000
        price BTC 60000 ETH 2000
        short sell 50 ETH 2000 gtc               -> rests 50
        long buy 50 ETH 2000 ioc                 -> fills 50
        skewer leverage ETH 10                   -> done
        skewer buy 7 ETH 1999 gtc                -> rests 7
        ",
    );
    for _ in 0..40 {
        table.go_on("skewer buy 100 ETH 2399 gtc -> rejected InsufficientMargin\nhold 5");
    }
    table.go_on("jump 3600000\nhold 5\njump 3600000\nhold 5");
    let rates: Vec<i64> = table
        .events
        .iter()
        .filter_map(|event| match event {
            Event::FundingRateSet { rate, market, .. } if market.get() == 1 => Some(rate.get()),
            _ => None,
        })
        .collect();
    assert!(!rates.is_empty(), "hours were paid for");
    // 0.01 % per eight hours, an eighth per hour: 12,500,000 of 1e-12.
    assert!(rates.iter().all(|rate| (0..=12_500_000).contains(rate)), "{rates:?}");
    assert_eq!(table.profit(&["long", "short"]).abs() / DOLLAR, 0);
    verdict("19 funding skew", table.profit(&["skewer"]), 0);
}
