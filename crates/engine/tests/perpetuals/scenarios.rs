//! Perpetuals told as stories; the auditor checks the books after every block of each.

use crate::script::run;

#[test]
fn a_position_is_opened_valued_reduced_and_closed() {
    run("
        fund alice 10000
        fund bob 10000
        index BTC 60000
        mark BTC = 60000
        place alice buy 1 BTC 60000 gtc as a -> rests 1
        margin alice = equity 10000 initial 3000 maintenance 0 withdrawable 7000
        place bob sell 0.4 BTC 59000 ioc -> fills 0.4
        position alice BTC = 0.4 cost 24000
        position bob BTC = -0.4 cost -24000
        interest BTC = 0.4
        margin alice = equity 10000 initial 3000 maintenance 240 withdrawable 7000
        index BTC 60300
        mark BTC = 60300
        margin alice = equity 10120 initial 3006 maintenance 241.2 withdrawable 6994
        margin bob = equity 9880 initial 1206 maintenance 241.2 withdrawable 8674
        place alice sell 0.2 BTC 60300 gtc -> rests 0.2
        place bob buy 0.2 BTC 60300 ioc -> fills 0.2
        position alice BTC = 0.2 cost 12000
        cash alice = 10060
        cash bob = 9940
        clearing BTC = 0
        place alice sell 0.2 BTC 60300 gtc -> rests 0.2
        place bob buy 0.2 BTC 60300 gtc -> fills 0.2
        position alice BTC = none
        position bob BTC = none
        interest BTC = 0
        cash alice = 10120
        cash bob = 9880
        open alice = 1
        cancel alice a -> done
        margin alice = equity 10120 initial 0 maintenance 0 withdrawable 10120
    ");
}

#[test]
fn clearing_owes_what_winners_have_realised_and_losers_have_not() {
    run("
        fund alice 10000
        fund bob 10000
        fund carol 10000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        index BTC 60300
        place carol buy 1 BTC 60300 gtc -> rests 1
        place alice sell 1 BTC 60300 ioc -> fills 1
        cash alice = 10300
        clearing BTC = -300
        position bob BTC = -1 cost -60000
        position carol BTC = 1 cost 60300
        place carol sell 1 BTC 60300 gtc -> rests 1
        place bob buy 1 BTC 60300 ioc -> fills 1
        cash bob = 9700
        cash carol = 10000
        clearing BTC = 0
    ");
}

#[test]
fn a_fill_can_turn_a_position_and_both_sides_pay_fees() {
    run("
        fees 0.0002 0.0005
        fund alice 10000
        fund bob 10000
        fund carol 10000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rests 1
        margin alice = equity 10000 initial 3030 maintenance 0 withdrawable 6970
        place bob sell 1 BTC 60000 ioc -> fills 1
        cash alice = 9988
        cash bob = 9970
        fees-earned = 42
        place carol buy 3 BTC 60000 gtc -> rests 3
        place alice sell 3 BTC 60000 ioc -> fills 3
        position alice BTC = -2 cost -120000
        position carol BTC = 3 cost 180000
        interest BTC = 3
        cash alice = 9898
        cash carol = 9964
        fees-earned = 168
    ");
}

#[test]
fn leverage_decides_what_an_order_needs() {
    run("
        fund alice 2999.99999999
        fund bob 1
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rejected InsufficientMargin
        leverage alice BTC 0 -> rejected LeverageOutOfRange
        leverage alice BTC 51 -> rejected LeverageOutOfRange
        leverage alice BTC/USDC 5 -> rejected NoLeverage
        leverage alice ETH 10 -> done                     # no mark there yet, and nothing at risk
        leverage alice BTC 50 -> done
        place alice buy 1 BTC 60000 gtc as a -> rests 1
        margin alice = equity 2999.99999999 initial 1200 maintenance 0 withdrawable 1799.99999999
        leverage alice BTC 20 -> rejected InsufficientMargin
        leverage alice BTC 24 -> done
        margin alice = equity 2999.99999999 initial 2500 maintenance 0 withdrawable 499.99999999
        transfer alice bob 500 -> rejected InsufficientBalance
        transfer alice bob 499.99999999 -> done
        cash bob = 500.99999999
        leverage alice BTC 23 -> rejected InsufficientMargin
        leverage alice BTC 24 -> done
        leverage alice BTC 25 -> done
        cancel alice a -> done
        leverage alice BTC 1 -> done
        place alice buy 0.04 BTC 60000 gtc -> rests 0.04
        place alice buy 0.01 BTC 60000 gtc -> rejected InsufficientMargin
    ");
}

#[test]
fn a_maker_without_margin_is_cancelled_and_the_next_one_fills() {
    run("
        fund alice 4000
        fund bob 100000
        fund carol 100000
        index BTC 60000
        place alice buy 0.3 BTC 60000 gtc -> rests 0.3
        place bob sell 0.3 BTC 60000 ioc -> fills 0.3
        place alice buy 1 BTC 59000 gtc as big -> rests 1
        margin alice = equity 4000 initial 3850 maintenance 180 withdrawable 150
        index BTC 59000
        wait 5000
        mark BTC = 59000
        margin alice = equity 3700 initial 3835 maintenance 177 withdrawable 0
        place carol buy 1 BTC 58990 gtc -> rests 1
        place bob sell 1 BTC 58900 ioc -> fills 1
        canceled big = Margin
        position alice BTC = 0.3 cost 18000
        position carol BTC = 1 cost 58990
    ");
}

#[test]
fn a_taker_without_margin_stops_but_may_always_reduce() {
    run("
        fund alice 3000
        fund bob 100000
        fund carol 100000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        index BTC 59900
        margin alice = equity 2900 initial 2995 maintenance 599 withdrawable 0
        place alice buy 0.001 BTC 59900 gtc -> rejected InsufficientMargin
        place carol buy 2 BTC 59900 gtc -> rests 2
        place alice sell 1.99 BTC 59900 ioc -> cancels Margin
        position alice BTC = 1 cost 60000
        place alice sell 1 BTC 59900 ioc -> fills 1
        cash alice = 2900
        place alice sell 0.5 BTC 59900 ioc -> fills 0.5
        position alice BTC = -0.5 cost -29950
    ");
}

#[test]
fn below_initial_margin_a_reduction_may_not_lower_health() {
    run("
        fund alice 3000
        fund bob 100000
        fund carol 100000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        index BTC 58000
        wait 8000
        mark BTC = 58000
        margin alice = equity 1000 initial 2900 maintenance 580 withdrawable 0
        index BTC 58000
        place carol buy 0.5 BTC 57419 gtc -> rests 0.5
        place alice sell 0.5 BTC 57419 ioc -> cancels Margin
        place carol buy 0.5 BTC 57420 gtc -> rests 0.5
        place alice sell 0.5 BTC 57420 ioc -> fills 0.5
        margin alice = equity 710 initial 1450 maintenance 290 withdrawable 0
        position alice BTC = 0.5 cost 30000
    ");
}

#[test]
fn a_debt_is_borne_by_the_fund_and_then_by_winners_and_ends_there() {
    run("
        fees 0 0.0002
        insurance 100
        fund alice 1300
        fund bob 100000
        fund carol 100000
        index BTC 60000
        leverage alice BTC 50 -> done
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        index BTC 59000
        index BTC 58000
        margin alice = equity 611.95 initial 1186.239 maintenance 593.1195 withdrawable 0
        index BTC 58000
        mark BTC = 59015.39025               # half a per cent per second
        position alice BTC = 1 cost 60000    # nobody bids, and no vault: she waits
        index BTC 58000
        insured = 100
        index BTC 58000
        mark BTC = 58426.71173226            # 273.29 beyond what she has: 100 from the fund, 12 of fees
        position alice BTC = none
        position bob BTC = none
        cash alice = 0
        insured = 0
        fees-earned = 0
        cash bob = 101400                    # the mark would have given 161.29 more
        clearing BTC = 0
        place alice buy 0.001 BTC 58000 gtc -> rejected InsufficientMargin
        transfer alice bob 0.00000001 -> rejected InsufficientBalance
        transfer bob alice 800 -> done
        place alice buy 0.001 BTC 57000 gtc -> rests 0.001
    ");
}

#[test]
fn caps_bound_positions_and_open_interest() {
    run("
        caps 200000 150000
        fund alice 100000
        fund bob 100000
        fund carol 100000
        fund dave 100000
        index BTC 60000
        place alice buy 1.6 BTC 60000 gtc -> rejected PositionCap
        place alice buy 1.5 BTC 60000 gtc -> rests 1.5
        place alice buy 0.1 BTC 59000 gtc -> rejected PositionCap
        place bob sell 1.5 BTC 60000 ioc -> fills 1.5
        interest BTC = 1.5
        place carol buy 1 BTC 60000 gtc as c -> rests 1
        place dave sell 1 BTC 60000 ioc -> fills 0.5 cancels Cap
        interest BTC = 2
        canceled c = no
        place dave sell 0.1 BTC 60000 gtc -> rejected OpenInterestCap
        place alice sell 0.5 BTC 60000 ioc -> fills 0.5
        interest BTC = 2
        position alice BTC = 1 cost 60000
        place alice sell 2 BTC 61000 gtc -> rests 2
        place alice sell 0.6 BTC 61000 gtc -> rejected PositionCap
    ");
}

#[test]
fn reduce_only_orders_never_open() {
    run("
        fund alice 100000
        fund bob 100000
        fund carol 100000
        fund dave 100000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc reduce -> rejected ReduceOnlyWouldIncrease
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        place alice buy 0.1 BTC 60000 gtc reduce -> rejected ReduceOnlyWouldIncrease
        place alice sell 2 BTC 61000 gtc reduce as r -> rests 2
        margin alice = equity 100000 initial 3000 maintenance 600 withdrawable 97000
        place alice sell 0.0001 BTC 62000 gtc -> rejected BelowMinimumNotional
        place alice sell 0.0001 BTC 62000 gtc reduce as tiny -> rests 0.0001
        cancel alice tiny -> done
        place alice sell 0.6 BTC 60000 gtc -> rests 0.6
        place bob buy 0.6 BTC 60000 ioc -> fills 0.6
        place bob buy 2 BTC 61000 ioc -> fills 0.4 cancels ImmediateOrCancel
        canceled r = ReduceOnly
        position alice BTC = none
        position bob BTC = none
        place carol sell 0.5 BTC 60000 gtc -> rests 0.5
        place bob buy 0.5 BTC 60000 ioc -> fills 0.5
        place dave buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc reduce -> fills 0.5 cancels ReduceOnly
        position bob BTC = none
        place bob sell 1 BTC/USDC 60000 ioc reduce -> rejected ReduceOnlyOnSpot
    ");
}

#[test]
fn old_prices_admit_only_what_reduces() {
    run("
        fund alice 100000
        fund bob 100000
        place alice buy 1 BTC 60000 gtc -> rejected NoFreshPrice
        index BTC 60000
        place alice buy 1 ETH 2000 gtc -> rejected NoFreshPrice
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        place bob buy 2 BTC 59000 gtc as b -> rests 2
        wait 10000
        place alice buy 0.1 BTC 60000 gtc -> rejected NoFreshPrice
        place alice sell 1.1 BTC 59000 ioc -> rejected NoFreshPrice
        place alice sell 0.3 BTC 61000 gtc as part -> rests 0.3
        place alice sell 0.8 BTC 59000 ioc -> rejected NoFreshPrice     # together they would turn the position
        place alice sell 0.7 BTC 59000 ioc -> fills 0.7
        place alice sell 1 BTC 61000 gtc reduce -> rests 1
        cancel alice part -> done
        position bob BTC = -0.3 cost -18000
        index BTC 60000
        place alice buy 0.1 BTC 58000 gtc -> rests 0.1
    ");
}

#[test]
fn fill_or_kill_leaves_no_trace_unless_filled_whole() {
    run("
        fund alice 100000
        fund bob 100000
        fund carol 100000
        index BTC 60000
        place bob sell 0.5 BTC 60000 gtc as b -> rests 0.5
        place alice sell 0.1 BTC 60000 gtc as own -> rests 0.1
        place carol sell 0.5 BTC 60100 gtc as c -> rests 0.5
        place alice buy 1 BTC 60000 fok -> rejected NotFillable
        position alice BTC = none
        canceled own = no
        open alice = 1
        open bob = 1
        place alice buy 2 BTC 60100 fok -> rejected NotFillable
        open carol = 1
        place alice buy 1 BTC 60100 fok -> fills 1
        canceled own = SelfTrade
        position alice BTC = 1 cost 60050
        open bob = 0
        open carol = 0
        place alice buy 1 BTC 60100 fok -> rejected NotFillable
    ");
}

#[test]
fn post_only_good_till_time_self_trade_and_price_bands() {
    run("
        fund alice 100000
        fund bob 100000
        index BTC 60000
        place bob sell 0.5 BTC 60000 gtc -> rests 0.5
        place alice buy 1 BTC 60000 alo -> rejected WouldMatch
        place bob buy 1 BTC 60000 alo -> rejected WouldMatch
        place alice buy 1 BTC 59999 alo as a -> rests 1
        place alice buy 1 BTC 59000 gtt+5000 as g -> rests 1
        wait 4900
        canceled g = no
        wait 100
        canceled g = Expired
        index BTC 60000
        place alice sell 0.2 BTC 59999 gtc -> rests 0.2
        canceled a = SelfTrade
        place alice buy 0.1 BTC 90001 ioc -> rejected OutsidePriceBand
        place alice sell 0.1 BTC 29999 ioc -> rejected OutsidePriceBand
        place alice buy 0.1 BTC 29999 gtc -> rests 0.1
        place alice buy 0.1 BTC 60000.5 gtc -> rejected OffTick
    ");
}

#[test]
fn modifies_are_atomic_and_only_shrinking_keeps_the_place() {
    run("
        fund alice 4000
        fund bob 100000
        fund carol 100000
        index BTC 60000
        place alice buy 1 BTC 59000 gtc as a -> rests 1
        place bob buy 1 BTC 59000 gtc as b -> rests 1
        modify alice a 2 59000 gtc -> rejected InsufficientMargin
        open alice = 1
        margin alice = equity 4000 initial 2950 maintenance 0 withdrawable 1050
        modify alice a 0.5 59000 gtc -> rests 0.5
        place carol sell 0.5 BTC 59000 ioc -> fills 0.5
        position alice BTC = 0.5 cost 29500
        position bob BTC = none
        modify alice a 0.5 59000 gtc -> rejected OrderNotOpen
        place alice buy 0.1 BTC 59000 gtc as a2 -> rests 0.1
        modify bob b 1.1 59000 gtc -> rests 1.1
        place carol sell 0.1 BTC 59000 ioc -> fills 0.1
        position alice BTC = 0.6 cost 35400
        position bob BTC = none
        place carol sell 0.2 BTC 60000 gtc -> rests 0.2
        modify bob b 1 60000 gtc -> fills 0.2 rests 0.8
        position bob BTC = 0.2 cost 12000
        modify bob b 0.5 60000 gtc reduce -> rejected ReduceOnlyWouldIncrease
        open bob = 1
        modify bob b 0.8 61000 alo -> rests 0.8
        modify carol b 0.8 61000 gtc -> rejected OrderNotOpen
    ");
}

#[test]
fn profit_backs_positions_but_cannot_leave() {
    run("
        fund alice 10000
        fund bob 100000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        index BTC 61000
        wait 4000
        mark BTC = 61000
        margin alice = equity 11000 initial 3050 maintenance 610 withdrawable 6950
        transfer alice bob 6950.00000001 -> rejected InsufficientBalance
        transfer alice bob 6950 -> done
        margin alice = equity 4050 initial 3050 maintenance 610 withdrawable 0
        place alice buy 0.3 BTC 61000 gtc -> rejected InsufficientMargin     # the slow price does not confirm the profit yet
        wait 60000                                           # silence confirms nothing
        index BTC 61000
        place alice buy 0.3 BTC 61000 gtc -> rejected InsufficientMargin
        wait 8000
        index BTC 61000
        wait 8000
        index BTC 61000
        wait 8000
        index BTC 61000
        wait 8000
        index BTC 61000
        wait 8000
        index BTC 61000
        wait 8000
        index BTC 61000
        wait 8000
        index BTC 61000
        place alice buy 0.3 BTC 61000 gtc -> rests 0.3
        place alice buy 0.1 BTC 61000 gtc -> rejected InsufficientMargin
    ");
}

#[test]
fn spot_orders_and_positions_share_the_collateral() {
    run("
        fund alice 10000
        fund bob 100000
        index BTC 60000
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        place alice buy 0.2 BTC/USDC 60000 gtc -> rejected InsufficientBalance
        place alice buy 0.1 BTC/USDC 60000 gtc as s -> rests 0.1
        margin alice = equity 4000 initial 3000 maintenance 600 withdrawable 1000
        place alice buy 1 BTC 60000 gtc -> rejected InsufficientMargin
        place alice buy 0.3 BTC 60000 gtc -> rests 0.3
        cancel alice s -> done
        place alice buy 1 BTC 60000 gtc -> rests 1
    ");
}

#[test]
fn markets_of_a_universe_back_each_other() {
    run("
        fund alice 4000
        fund bob 100000
        fund carol 100000
        index BTC 60000
        index ETH 2000
        mark ETH = 2000
        place alice buy 1 BTC 60000 gtc -> rests 1
        place bob sell 1 BTC 60000 ioc -> fills 1
        place alice sell 5 ETH 2000 gtc -> rests 5           # 10x there: 1000
        place bob buy 5 ETH 2000 ioc -> fills 5
        margin alice = equity 4000 initial 4000 maintenance 1100 withdrawable 0
        index ETH 1990
        margin alice = equity 4050 initial 3995 maintenance 1097.5 withdrawable 5
        index BTC 59950
        # The slow mark of ETH has not come down yet: its profit does not let go what the loss in BTC needs.
        margin alice = equity 4000 initial 3992.5 maintenance 1097 withdrawable 0
        wait 8000
        index ETH 1990
        index BTC 59950
        wait 8000
        margin alice = equity 4000 initial 3992.5 maintenance 1097 withdrawable 7.5
    ");
}
