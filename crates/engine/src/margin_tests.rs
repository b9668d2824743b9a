use super::*;
use crate::perpetual::reduces;
use palisade_types::numbers::Position;
use proptest::prelude::*;

const SIZE_DECIMALS: u8 = 3;

fn usd(text: &str) -> Usd {
    text.parse().expect("a test's amount")
}

fn price(text: &str) -> Price {
    text.parse().expect("a test's price")
}

/// An exposure without orders; cost as given, mark 100, 20x of at most 50x.
fn exposure(lots: i64, cost: &str) -> Exposure {
    Exposure {
        position: PositionRecord {
            position: Position::new(lots),
            entry_cost_usd: usd(cost),
            funding_index: Default::default(),
        },
        buys: OpenOrders::default(),
        sells: OpenOrders::default(),
        leverage: 20,
        maximum_leverage: 50,
        size_decimals: SIZE_DECIMALS,
        fee: Rate::ZERO,
        mark: price("100"),
        slow_mark: price("100"),
        market_fraction: Rate::ZERO,
        depth_usd: Usd::MAX,
        depeg_addition: Rate::ZERO,
        is_isolated: false,
    }
}

fn orders(lots: u64, notional: &str) -> OpenOrders {
    OpenOrders { lots: Size::new(lots), notional_usd: usd(notional) }
}

fn account(balance: &str, exposures: &[Exposure]) -> AccountMargin {
    AccountMargin::of(Amount::new(usd(balance).get()), Amount::ZERO, exposures.iter().copied().map(Ok))
        .expect("in range")
}

#[test]
fn default_leverages() {
    for (maximum, default) in [(1, 1), (10, 10), (20, 20), (50, 20)] {
        assert_eq!(default_leverage(maximum), default);
    }
}

/// Lots held, buys (lots, notional), sells (lots, notional), fee · initial requirement. A lot is 0.001, the mark 100, leverage 20.
#[test]
fn initial_requirements() {
    for (name, lots, (buy_lots, buy_usd), (sell_lots, sell_usd), fee, required) in [
        ("nothing", 0, (0, "0"), (0, "0"), 0, "0"),
        ("long", 1_000, (0, "0"), (0, "0"), 0, "5"),
        ("short", -1_000, (0, "0"), (0, "0"), 0, "5"),
        ("buys at their limit", 0, (1_000, "80"), (0, "0"), 0, "4"),
        ("the worse side", 0, (1_000, "80"), (2_000, "220"), 0, "11"),
        ("buys above the mark lose", 0, (1_000, "110"), (0, "0"), 0, "15.5"),
        ("sells below the mark lose", 0, (0, "0"), (1_000, "90"), 0, "15"),
        ("long and buys", 1_000, (1_000, "90"), (0, "0"), 0, "9.5"),
        ("long and sells that reduce it", 1_000, (0, "0"), (400, "44"), 0, "5"),
        ("long and sells that turn it", 1_000, (0, "0"), (3_000, "330"), 0, "11"),
        ("long and sells that turn it by less", 1_000, (0, "0"), (1_500, "165"), 0, "5"),
        ("short and buys that close it at a loss", -1_000, (1_000, "110"), (0, "0"), 0, "10"),
        ("fees of all orders", 0, (1_000, "80"), (0, "0"), 1_000, "4.08"),
        ("fees of the worse side only", 0, (1_000, "80"), (1_000, "120"), 1_000, "6.12"),
        ("a rebate reserves nothing back", 0, (1_000, "80"), (0, "0"), -1_000, "4"),
        ("rounded up", 0, (1, "0.00000001"), (0, "0"), 0, "0.00000001"),
    ] {
        let with_orders = Exposure {
            buys: orders(buy_lots, buy_usd),
            sells: orders(sell_lots, sell_usd),
            fee: Rate::new(fee),
            ..exposure(lots, "0")
        };
        assert_eq!(with_orders.initial_usd(), Ok(usd(required)), "{name}");
    }
}

#[test]
fn maintenance_is_half_of_the_fraction_at_maximum_leverage() {
    for (lots, leverage, maintenance) in [(1_000, 20, "1"), (-1_000, 3, "1"), (1, 20, "0.001"), (0, 20, "0")] {
        let held = Exposure { leverage, ..exposure(lots, "0") };
        assert_eq!(held.maintenance_usd(), Ok(usd(maintenance)), "{lots} lots");
    }
    let odd = Exposure { maximum_leverage: 3, ..exposure(1_000, "0") };
    assert_eq!(odd.maintenance_usd(), Ok(usd("16.66666667")), "rounded up");
}

#[test]
fn unrealised_profit_is_rounded_down() {
    let mark = price("100.00000001");
    for (lots, cost, unrealised) in
        [(1_500, "140", "10.00000001"), (-1_500, "-160", "9.99999998"), (0, "0", "0"), (1, "0.1", "0")]
    {
        let held = Exposure { mark, ..exposure(lots, cost) };
        assert_eq!(held.unrealised_usd(), Ok(usd(unrealised)), "{lots} lots");
    }
}

/// A long that lost 20 and a short that won 25, of which the slow mark confirms less.
#[test]
fn profit_that_does_not_count_lets_no_cash_go_that_a_loss_needs() {
    let lost = exposure(1_000, "120");
    for (slow_mark, withdrawable) in
        [("100", "90"), ("105", "90"), ("115", "80"), ("125", "70"), ("145", "50"), ("200", "0")]
    {
        let won = Exposure { slow_mark: price(slow_mark), ..exposure(-1_000, "-125") };
        let margin = account("100", &[lost, won]);
        assert_eq!(margin.equity_usd(), Ok(usd("105")), "slow mark {slow_mark}");
        assert_eq!(margin.withdrawable_usd(), Ok(usd(withdrawable)), "slow mark {slow_mark}");
        let after = account(&(100 - withdrawable.parse::<i64>().expect("whole")).to_string(), &[lost, won]);
        assert_eq!(after.check_initial(), Ok(()), "slow mark {slow_mark}");
    }
}

/// A mark that came back to the cost while the slow mark still has the loss, and the other way round.
#[test]
fn a_loss_that_only_the_mark_has_forgotten_lets_no_cash_go() {
    for (lots, cost, slow_mark, withdrawable, for_new_risk) in [
        (1_000, "100", "100", "95", "100"),
        (1_000, "100", "90", "85", "100"),
        (1_000, "100", "110", "95", "100"),
        (1_000, "95", "90", "90", "100"),
        (1_000, "110", "100", "85", "90"),
        (1_000, "110", "90", "75", "90"),
        (-1_000, "-100", "110", "85", "100"),
        (-1_000, "-100", "90", "95", "100"),
        (-1_000, "-95", "110", "80", "95"),
    ] {
        let held = Exposure { slow_mark: price(slow_mark), ..exposure(lots, cost) };
        let margin = account("100", &[held]);
        assert_eq!(margin.withdrawable_usd(), Ok(usd(withdrawable)), "{lots} for {cost}, slow mark {slow_mark}");
        assert_eq!(margin.initial_equity_usd(), Ok(usd(for_new_risk)), "{lots} for {cost}, slow mark {slow_mark}");
    }
}

/// Balance, held, lots, cost · equity, health, withdrawable. The mark is 100, so a whole long is worth 100 and needs 5 or 1.
#[test]
fn what_an_account_is_worth() {
    for (name, balance, held, lots, cost, equity, health, withdrawable) in [
        ("empty", "0", "0", 0, "0", "0", "0", "0"),
        ("cash", "10", "0", 0, "0", "10", "10", "10"),
        ("cash held for spot", "10", "4", 0, "0", "6", "6", "6"),
        ("flat long", "10", "0", 1_000, "100", "10", "9", "5"),
        ("profit backs but cannot leave", "10", "0", 1_000, "80", "30", "29", "5"),
        ("a loss counts against both", "10", "0", 1_000, "103", "7", "6", "2"),
        ("profit alone cannot leave", "0", "0", 1_000, "80", "20", "19", "0"),
        ("a loss past the balance", "10", "0", 1_000, "120", "-10", "-11", "0"),
        ("a short with profit", "10", "0", -1_000, "-110", "20", "19", "5"),
        ("a negative balance", "-3", "0", 0, "0", "-3", "-3", "0"),
    ] {
        let margin = AccountMargin::of(
            Amount::new(usd(balance).get()),
            Amount::new(usd(held).get()),
            [Ok(exposure(lots, cost))],
        )
        .expect("in range");
        assert_eq!(margin.equity_usd(), Ok(usd(equity)), "{name}");
        assert_eq!(margin.health_usd(), Ok(usd(health)), "{name}");
        assert_eq!(margin.withdrawable_usd(), Ok(usd(withdrawable)), "{name}");
    }
}

#[test]
fn profit_of_one_market_pays_for_losses_of_another() {
    let margin = account("10", &[exposure(1_000, "80"), exposure(-1_000, "-85")]);
    assert_eq!(margin.unrealised_usd, usd("5"));
    assert_eq!(margin.initial_usd, usd("10"));
    assert_eq!(margin.withdrawable_usd(), Ok(usd("0")));
    assert_eq!(account("10.5", &[exposure(1_000, "80"), exposure(-1_000, "-85")]).withdrawable_usd(), Ok(usd("0.5")));
}

#[test]
fn orders_are_admitted_if_affordable_or_harmless() {
    let long = exposure(1_000, "100");
    let buying = Exposure { buys: orders(1_000, "100"), ..long };
    let reducing = Exposure { sells: orders(1_000, "100"), ..long };
    let refusal =
        |required, available| Err(Rejection::InsufficientMargin { required: usd(required), available: usd(available) });
    for (name, balance, before, after, expected) in [
        ("affordable to the unit", "10", long, buying, Ok(())),
        ("a unit short", "9.99999999", long, buying, refusal("10", "9.99999999")),
        ("reducing below the requirement", "2", long, reducing, Ok(())),
        ("reducing in debt", "-50", long, reducing, Ok(())),
        ("adding in debt", "-50", long, buying, refusal("10", "-50")),
    ] {
        assert_eq!(account(balance, &[after]).check_order(&account(balance, &[before])), expected, "{name}");
    }
}

/// Balance, lots and cost before · the same after · whether the fill stands. Mark 100: a whole long needs 5 initially, 1 to maintain.
#[test]
fn fills_meet_initial_margin_or_reduce_risk() {
    for (name, (balance, lots, cost), (balance_after, lots_after, cost_after), stands) in [
        ("opening with enough", ("5", 0, "0"), ("5", 1_000, "100"), true),
        ("opening a unit short", ("4.99999999", 0, "0"), ("4.99999999", 1_000, "100"), false),
        ("opening above the mark", ("5", 0, "0"), ("5", 1_000, "100.1"), false),
        ("reducing at the mark below initial margin", ("2", 1_000, "100"), ("2", 500, "50"), true),
        ("reducing at a loss that frees as much", ("2", 1_000, "100"), ("1.5", 500, "50"), true),
        ("reducing at a loss beyond what it frees", ("2", 1_000, "100"), ("1.49999999", 500, "50"), false),
        ("closing with what is left", ("2", 1_000, "100"), ("0", 0, "0"), true),
        ("closing into debt", ("2", 1_000, "100"), ("-0.00000001", 0, "0"), false),
        ("closing in debt at the mark", ("2", 1_000, "110"), ("-8", 0, "0"), true),
        ("closing below maintenance with what is left", ("0.5", 1_000, "100"), ("0", 0, "0"), true),
        ("closing below maintenance into debt", ("0.5", 1_000, "100"), ("-0.00000001", 0, "0"), false),
        ("closing below maintenance into as much debt as it frees", ("0.5", 1_000, "100"), ("-0.5", 0, "0"), false),
        ("reducing below maintenance into debt", ("0.1", 1_000, "100"), ("-0.00000001", 500, "50"), false),
        ("reducing below maintenance to nothing", ("0.1", 1_000, "100"), ("0", 500, "50"), true),
        ("reducing in debt at the mark", ("2", 1_000, "110"), ("-3", 500, "55"), true),
        ("reducing in debt below the mark", ("2", 1_000, "110"), ("-3.00000001", 500, "55"), false),
        ("turning below initial margin", ("2", 1_000, "100"), ("2", -500, "-50"), false),
        ("turning with enough", ("2.5", 1_000, "100"), ("2.5", -500, "-50"), true),
        ("growing below initial margin", ("2", 1_000, "100"), ("2", 1_001, "100.1"), false),
        ("opening from nothing in debt", ("-1", 0, "0"), ("-1", 1, "0.1"), false),
    ] {
        let before = account(balance, &[exposure(lots, cost)]);
        let after = account(balance_after, &[exposure(lots_after, cost_after)]);
        let verdict = after.check_fill(&before, reduces(Position::new(lots), Position::new(lots_after)));
        assert_eq!(verdict.is_ok(), stands, "{name}: {verdict:?}");
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let vast = Exposure { mark: Price::MAX, size_decimals: 0, ..exposure(i64::MAX, "0") };
    assert!(vast.initial_usd().is_ok(), "the largest position at the largest price still fits");
    let full = Exposure { position: PositionRecord { entry_cost_usd: Usd::new(i128::MIN), ..vast.position }, ..vast };
    assert_eq!(full.unrealised_usd(), Err(Rejection::Overflow));
    let ordered = Exposure { buys: OpenOrders { lots: Size::new(1), notional_usd: Usd::MAX }, ..vast };
    assert_eq!(ordered.initial_usd(), Err(Rejection::Overflow));
    assert_eq!(
        OpenOrders { lots: Size::MAX, notional_usd: Usd::ZERO }.with(Size::new(1), Usd::ZERO),
        Err(Rejection::Overflow)
    );
    let unleveraged = Exposure { leverage: 0, ..exposure(1, "0") };
    assert_eq!(unleveraged.initial_usd(), Err(Rejection::Overflow));
}

/// The formulas of the module, word for word, over plain i128; marks are whole so that values are exact.
fn naive_initial(lots: i128, buys: (i128, i128), sells: (i128, i128), mark: i128, leverage: i128, fee: i128) -> i128 {
    let ceil = |a: i128, b: i128| if a % b == 0 { a / b } else { a / b + 1 };
    let side = |held: i128, (order_lots, notional): (i128, i128), loss: i128| {
        let after = held + order_lots;
        let at_risk = if held >= 0 {
            held * mark + notional
        } else if after <= 0 {
            -after * mark
        } else {
            ceil(notional * after, order_lots)
        };
        ceil(at_risk, leverage) + loss.max(0) + ceil(notional * fee, 1_000_000)
    };
    let sold = (sells.0, sells.1.max(sells.0 * mark));
    side(lots, buys, buys.1 - buys.0 * mark).max(side(-lots, sold, sells.0 * mark - sells.1))
}

fn side_orders() -> impl Strategy<Value = (u64, i64)> {
    (0u64..2_000, 1i64..200_000).prop_map(|(lots, at)| (lots, if lots == 0 { 0 } else { lots as i64 * at }))
}

prop_compose! {
    fn any_exposure()(
        lots in -2_000i64..2_000, buys in side_orders(), sells in side_orders(), mark in 1i64..200_000,
        leverage in 1u32..50, fee in 0i64..2_000,
    ) -> Exposure {
        let open = |(lots, notional): (u64, i64)| OpenOrders { lots: Size::new(lots), notional_usd: Usd::new(i128::from(notional)) };
        Exposure {
            position: PositionRecord { position: Position::new(lots), entry_cost_usd: Usd::ZERO , funding_index: Default::default()},
            buys: open(buys), sells: open(sells), leverage, maximum_leverage: 50,
            size_decimals: 0, fee: Rate::new(fee), mark: Price::new(mark),
            slow_mark: Price::new(mark), market_fraction: Rate::ZERO, depth_usd: Usd::MAX,
 depeg_addition: Rate::ZERO, is_isolated: false,
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(3_000))]

    #[test]
    fn initial_requirements_match_the_formula(exposure in any_exposure()) {
        let pair = |open: OpenOrders| (i128::from(open.lots.get()), open.notional_usd.get());
        let expected = naive_initial(
            i128::from(exposure.position.position.get()), pair(exposure.buys), pair(exposure.sells),
            i128::from(exposure.mark.get()), i128::from(exposure.leverage), i128::from(exposure.fee.get()),
        );
        prop_assert_eq!(exposure.initial_usd(), Ok(Usd::new(expected)));
        prop_assert!(exposure.position_initial_usd().expect("in range").get() <= expected);
    }

    /// An order at the mark that adds to the position never lowers the requirement; more leverage never raises it.
    #[test]
    fn requirements_are_monotone(exposure in any_exposure(), lots in 1u64..500) {
        let before = exposure.initial_usd().expect("in range");
        let notional = Usd::new(i128::from(lots) * i128::from(exposure.mark.get()));
        let bought = Exposure { buys: exposure.buys.with(Size::new(lots), notional).expect("in range"), ..exposure };
        let sold = Exposure { sells: exposure.sells.with(Size::new(lots), notional).expect("in range"), ..exposure };
        let held = exposure.position.position.get();
        prop_assert!(held < 0 || bought.initial_usd().expect("in range") >= before);
        prop_assert!(held > 0 || sold.initial_usd().expect("in range") >= before);
        let braver = Exposure { leverage: exposure.leverage + 1, ..exposure };
        prop_assert!(braver.initial_usd().expect("in range") <= before);
    }

    /// What is reserved suffices: an account that meets the requirement exactly still meets the initial margin of its
    /// position after all its orders of one side were filled at their limits with full fees.
    #[test]
    fn reserved_orders_can_be_filled(exposure in any_exposure(), buys in any::<bool>()) {
        let balance = exposure.initial_usd().expect("in range").get() - exposure.unrealised_usd().expect("in range").get();
        let (orders, sign) = if buys { (exposure.buys, 1) } else { (exposure.sells, -1) };
        prop_assume!(!orders.lots.is_zero());
        let held = exposure.position;
        let after = PositionRecord {
            position: Position::new(held.position.get() + sign as i64 * orders.lots.get() as i64),
            entry_cost_usd: Usd::new(held.entry_cost_usd.get() + sign * orders.notional_usd.get()),
            funding_index: Default::default(),
        };
        let fees = fee_usd(orders.notional_usd, exposure.fee).expect("in range").get();
        let none = OpenOrders::default();
        let filled = Exposure { position: after, buys: none, sells: none, ..exposure };
        let before = AccountMargin::of(Amount::new(balance), Amount::ZERO, [Ok(exposure)]).expect("in range");
        prop_assert!(before.check_initial().is_ok());
        let then = AccountMargin::of(Amount::new(balance - fees), Amount::ZERO, [Ok(filled)]).expect("in range");
        prop_assert_eq!(then.check_fill(&before, reduces(held.position, after.position)), Ok(()));
    }

    /// Taking out all that is withdrawable leaves the requirement met, and one unit more than equity allows is never offered.
    #[test]
    fn withdrawals_leave_the_requirement_met(exposure in any_exposure(), cost in -400_000_000i64..400_000_000, balance in 0i64..1_000_000_000) {
        let exposure = Exposure {
            position: PositionRecord { entry_cost_usd: Usd::new(i128::from(cost)), ..exposure.position }, ..exposure
        };
        let of = |balance: i128| AccountMargin::of(Amount::new(balance), Amount::ZERO, [Ok(exposure)]).expect("in range");
        let before = of(i128::from(balance));
        let out = before.withdrawable_usd().expect("in range");
        prop_assert!(out.get() >= 0 && out.get() <= i128::from(balance), "only cash leaves");
        if !out.is_zero() {
            let after = of(i128::from(balance) - out.get());
            prop_assert_eq!(after.check_initial(), Ok(()));
            prop_assert_eq!(after.withdrawable_usd(), Ok(Usd::ZERO));
        }
    }
}
