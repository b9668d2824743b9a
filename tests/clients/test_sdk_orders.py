"""The unmodified Hyperliquid SDK 0.24.0 places, fills, modifies and cancels orders; only its URL is ours."""

import time
from decimal import Decimal

import pytest
from hyperliquid.utils.error import ClientError

import shapes
from traders import (
    ALO,
    GTC,
    IOC,
    NOT_OPEN,
    cloid,
    done,
    error,
    eventually,
    filled,
    only,
    refused,
    resting,
    statuses,
)  # fmt: skip


def test_a_resting_order_is_seen_everywhere_and_cancelled_once(alice):
    name = cloid()
    price = alice.price("BTC", 0.9)
    answer = alice.exchange.order("BTC", True, 0.02, price, GTC, cloid=name)
    oid = resting(answer)
    assert only(answer)["resting"]["cloid"] == name.to_raw()

    shown = alice.open_orders()[oid]
    shapes.order(shown)
    assert (shown["coin"], shown["side"], shown["sz"], shown["origSz"]) == ("BTC", "B", "0.02", "0.02")
    assert Decimal(shown["limitPx"]) == Decimal(str(price)) and shown["cloid"] == name.to_raw()
    (detailed,) = alice.info.frontend_open_orders(alice.address)
    shapes.frontend_order(detailed)
    assert detailed["oid"] == oid and detailed["tif"] == "Gtc" and detailed["reduceOnly"] is False
    assert alice.status(oid)["status"] == "open" and alice.status(name)["order"]["oid"] == oid

    assert only(alice.exchange.cancel("BTC", oid), "cancel") == "success"
    assert alice.open_orders() == {}
    assert alice.status(oid)["status"] == "canceled"
    assert only(alice.exchange.cancel("BTC", oid), "cancel") == {"error": NOT_OPEN}


def test_a_post_only_order_rests_or_is_refused(alice):
    oid = resting(alice.exchange.order("ETH", True, 0.1, alice.price("ETH", 0.95), ALO))
    assert alice.info.frontend_open_orders(alice.address)[0]["tif"] == "Alo"
    words = error(alice.exchange.order("ETH", True, 0.1, alice.price("ETH", 1.05), ALO))
    assert words.startswith("Post only order would have immediately matched, bbo was "), words
    assert set(alice.open_orders()) == {oid}
    assert alice.position("ETH") == 0


def test_market_orders_open_and_close_a_position(alice):
    before = alice.balances()["USDC"][0]
    opened = filled(alice.exchange.market_open("BTC", True, 0.03))
    assert opened["totalSz"] == "0.03"
    entry = Decimal(opened["avgPx"])
    assert abs(entry / alice.mid("BTC") - 1) < Decimal("0.02")
    position = alice.positions()["BTC"]
    assert Decimal(position["szi"]) == Decimal("0.03")
    assert abs(Decimal(position["entryPx"]) - entry) <= Decimal("0.1")
    assert Decimal(alice.info.user_state(alice.address)["marginSummary"]["totalNtlPos"]) > 0

    closed = filled(alice.exchange.market_close("BTC"))
    assert closed["totalSz"] == "0.03"
    assert "BTC" not in alice.positions()
    # In cash: what the account is worth follows the index of the coins that it holds.
    lost = before - alice.balances()["USDC"][0]
    fees = Decimal("0.00045") * Decimal("0.03") * (entry + Decimal(closed["avgPx"]))
    realised = Decimal("0.03") * (Decimal(closed["avgPx"]) - entry)
    assert abs(lost - (fees - realised)) < Decimal("0.001"), (lost, fees, realised)
    assert alice.info.user_state(alice.address)["marginSummary"]["totalMarginUsed"] in ("0.0", "0")


def test_an_immediate_order_that_meets_nothing_says_so(alice):
    words = error(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), IOC))
    assert words == "Order could not immediately match against any resting orders."
    assert alice.open_orders() == {}


def test_an_immediate_order_takes_what_there_is_and_leaves_nothing(alice):
    # More than the maker shows up to this price, so a part is filled and the rest is gone.
    answer = alice.exchange.order("SOL", True, 40_000, alice.price("SOL", 1.03), IOC)
    size = Decimal(filled(answer)["totalSz"])
    assert 0 < size < 40_000
    assert alice.open_orders() == {}
    assert alice.position("SOL") == size
    assert alice.status(only(answer)["filled"]["oid"])["status"] == "canceled"


def test_modify_by_number_and_by_name(alice):
    name = cloid()
    oid = resting(alice.exchange.order("ETH", True, 0.5, alice.price("ETH", 0.9), GTC, cloid=name))
    lower = alice.price("ETH", 0.88)
    moved = resting(alice.exchange.modify_order(oid, "ETH", True, 0.4, lower, GTC, cloid=name))
    shown = alice.open_orders()
    assert set(shown) == {moved} and shown[moved]["sz"] == "0.4"
    assert Decimal(shown[moved]["limitPx"]) == Decimal(str(lower)) and shown[moved]["cloid"] == name.to_raw()

    even_lower = alice.price("ETH", 0.86)
    last = resting(alice.exchange.modify_order(name, "ETH", True, 0.4, even_lower, ALO))
    assert set(alice.open_orders()) == {last}
    assert Decimal(alice.open_orders()[last]["limitPx"]) == Decimal(str(even_lower))


def test_a_modify_that_is_refused_leaves_the_old_order(alice):
    oid = resting(alice.exchange.order("ETH", True, 0.5, alice.price("ETH", 0.9), GTC))
    before = alice.open_orders()
    words = error(alice.exchange.modify_order(oid, "ETH", True, 0.5, alice.price("ETH", 0.9) + 0.001, GTC))
    assert words == "Price must be divisible by tick size."
    words = error(alice.exchange.modify_order(oid, "ETH", True, 0.5, alice.price("ETH", 1.05), ALO))
    assert words.startswith("Post only order would have immediately matched, bbo was ")
    assert alice.open_orders() == before
    words = error(alice.exchange.modify_order(oid + 1_000_000, "ETH", True, 0.5, alice.price("ETH", 0.9), GTC))
    assert words == NOT_OPEN


def test_many_orders_are_modified_at_once(alice):
    requests = [request("BTC", True, 0.01, alice.price("BTC", factor)) for factor in (0.90, 0.91, 0.92)]
    oids = [status["resting"]["oid"] for status in statuses(alice.exchange.bulk_orders(requests))]
    changes = [{"oid": oid, "order": request("BTC", True, 0.02, alice.price("BTC", 0.87))} for oid in oids]
    changes[1]["oid"] = 999_999_999
    results = statuses(alice.exchange.bulk_modify_orders_new(changes))
    assert [set(result) for result in results] == [{"resting"}, {"error"}, {"resting"}]
    assert results[1]["error"] == NOT_OPEN
    sizes = sorted(order["sz"] for order in alice.open_orders().values())
    assert sizes == ["0.01", "0.02", "0.02"]


def test_cancel_by_name_and_in_bulk(alice):
    names = [cloid(), cloid()]
    for name in names:
        resting(alice.exchange.order("SOL", True, 1, alice.price("SOL", 0.9), GTC, cloid=name))
    assert only(alice.exchange.cancel_by_cloid("SOL", names[0]), "cancel") == "success"
    results = statuses(
        alice.exchange.bulk_cancel_by_cloid([{"coin": "SOL", "cloid": name} for name in names]), "cancel"
    )
    assert results == [{"error": NOT_OPEN}, "success"]
    oids = [resting(alice.exchange.order("SOL", True, 1, alice.price("SOL", 0.9), GTC)) for _ in range(2)]
    cancels = [{"coin": "SOL", "oid": oid} for oid in (*oids, 999_999_999)]
    assert statuses(alice.exchange.bulk_cancel(cancels), "cancel") == ["success", "success", {"error": NOT_OPEN}]
    assert alice.open_orders() == {}


def test_each_order_of_a_batch_succeeds_or_fails_alone(alice):
    fair = alice.price("BTC", 0.9)
    done(alice.exchange.update_leverage(2, "BTC"))
    results = statuses(
        alice.exchange.bulk_orders([
            request("BTC", True, 0.01, fair),
            request("BTC", True, 0.01, fair + 0.01),
            request("BTC", True, 0.00001, fair),
            request("BTC", True, 0, fair),
            request("BTC", True, 0.01, fair, reduce_only=True),
            request("BTC", True, 0.01, alice.price("BTC", 1.5)),
            # Half of that is more than the account has, its BTC and ETH included.
            request("BTC", True, 70, fair),
            request("BTC", True, 0.02, fair),
        ])
    )  # fmt: skip
    assert [set(result) for result in results] == [{"resting"}, *[{"error"}] * 6, {"resting"}], results
    oids = {results[0]["resting"]["oid"], results[7]["resting"]["oid"]}
    assert [result["error"] for result in results[1:7]] == [
        "Price must be divisible by tick size.",
        "Order must have minimum value of $10.",
        "Order has zero size.",
        "Reduce only order would increase position.",
        "Order price too far from oracle",
        "Insufficient margin to place order.",
    ]
    assert set(alice.open_orders()) == oids
    alice.reset()
    done(alice.exchange.update_leverage(40, "BTC"))


def test_a_batch_of_forty_is_taken_and_of_forty_one_is_not(alice):
    orders = [request("SOL", True, 1, alice.price("SOL", 0.9 - place / 1000)) for place in range(41)]
    refused(alice.exchange.bulk_orders(orders))
    assert alice.open_orders() == {}
    assert all("resting" in status for status in statuses(alice.exchange.bulk_orders(orders[:40])))
    assert len(alice.open_orders()) == 40


def test_two_traders_meet_and_both_see_the_fill(alice, bob):
    started = int(time.time() * 1000) - 2_000
    for _ in range(20):
        # Inside the maker's spread, so that bob meets alice; if the maker was faster, once more.
        price = alice.price("BTC", 1.0)
        name = cloid()
        placed = only(alice.exchange.order("BTC", True, 0.05, price, ALO, cloid=name))
        taken = only(bob.exchange.order("BTC", False, 0.05, price, IOC)) if "resting" in placed else {}
        if "filled" in taken and alice.status(name)["status"] == "filled":
            break
        alice.reset(), bob.reset()
    else:
        pytest.fail("in 20 rounds alice and bob did not meet")
    oid = placed["resting"]["oid"]
    bought = next(fill for fill in alice.info.user_fills(alice.address) if fill["oid"] == oid)
    sold = next(fill for fill in bob.info.user_fills(bob.address) if fill["oid"] == taken["filled"]["oid"])
    shapes.fill(bought), shapes.fill(sold)
    assert bought["tid"] == sold["tid"] and bought["hash"] == sold["hash"] and bought["time"] == sold["time"]
    assert Decimal(bought["px"]) == Decimal(str(price)) == Decimal(sold["px"])
    assert (bought["side"], bought["dir"], bought["crossed"]) == ("B", "Open Long", False)
    assert (sold["side"], sold["dir"], sold["crossed"]) == ("A", "Open Short", True)
    assert bought["cloid"] == name.to_raw()
    value = Decimal(bought["px"]) * Decimal(bought["sz"])
    assert abs(Decimal(bought["fee"]) - value * Decimal("0.00015")) <= Decimal("0.00000001")
    assert abs(Decimal(sold["fee"]) - value * Decimal("0.00045")) <= Decimal("0.00000001")
    assert alice.position("BTC") == Decimal("0.05") and bob.position("BTC") == Decimal("-0.05")
    tids = [fill["tid"] for fill in alice.info.user_fills_by_time(alice.address, started)]
    assert bought["tid"] in tids
    assert alice.info.user_fills_by_time(alice.address, 1, started - 3_600_000) == []


def test_reduce_only_reduces_and_never_adds(alice):
    assert error(alice.exchange.order("ETH", False, 1, alice.price("ETH", 0.97), IOC, reduce_only=True)) == (
        "Reduce only order would increase position."
    )
    filled(alice.exchange.market_open("ETH", True, 1))
    assert error(alice.exchange.order("ETH", True, 1, alice.price("ETH", 1.03), IOC, reduce_only=True)) == (
        "Reduce only order would increase position."
    )
    half = filled(alice.exchange.order("ETH", False, 0.5, alice.price("ETH", 0.97), IOC, reduce_only=True))
    assert half["totalSz"] == "0.5" and alice.position("ETH") == Decimal("0.5")
    oid = resting(alice.exchange.order("ETH", False, 0.5, alice.price("ETH", 1.1), GTC, reduce_only=True))
    assert alice.info.frontend_open_orders(alice.address)[0]["reduceOnly"] is True
    assert set(alice.open_orders()) == {oid}


def test_own_orders_do_not_trade_with_each_other(alice):
    filled_before = len(alice.info.user_fills(alice.address))
    oid = resting(alice.exchange.order("BTC", False, 0.01, alice.price("BTC", 1.0), ALO))
    alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 1.0), IOC)
    # Either the maker took it or it was cancelled at the touch, but alice never trades with alice.
    assert alice.status(oid)["status"] in ("selfTradeCanceled", "filled", "open")
    fills = alice.info.user_fills(alice.address)
    recent = fills[: len(fills) - filled_before]
    assert len({fill["tid"] for fill in recent}) == len(recent)


def test_the_dead_mans_switch_cancels_everything(alice):
    words = refused(alice.exchange.schedule_cancel(int(time.time() * 1000) + 1_000))
    assert "5000 ms" in words, words
    oids = [resting(alice.exchange.order(coin, True, 1, alice.price(coin, 0.9), GTC)) for coin in ("ETH", "SOL")]
    due = int(time.time() * 1000) + 6_500
    assert alice.exchange.schedule_cancel(due)["status"] == "ok"
    assert set(alice.open_orders()) == set(oids)
    eventually(lambda: not alice.open_orders(), timeout_s=12)
    for oid in oids:
        status = alice.status(oid)
        assert status["status"] == "scheduledCancel" and status["statusTimestamp"] >= due
    oid = resting(alice.exchange.order("ETH", True, 1, alice.price("ETH", 0.9), GTC))
    assert alice.exchange.schedule_cancel(int(time.time() * 1000) + 6_000)["status"] == "ok"
    assert alice.exchange.schedule_cancel(None)["status"] == "ok"
    time.sleep(6.5)
    assert set(alice.open_orders()) == {oid}, "a switch that was taken back fired"


def test_leverage_is_kept_and_bounded(alice):
    assert alice.exchange.update_leverage(7, "SOL")["status"] == "ok"
    filled(alice.exchange.market_open("SOL", True, 10))
    position = alice.positions()["SOL"]
    assert position["leverage"] == {"type": "cross", "value": 7}
    assert abs(Decimal(position["marginUsed"]) * 7 / Decimal(position["positionValue"]) - 1) < Decimal("0.001")
    assert refused(alice.exchange.update_leverage(500, "SOL")) == "Invalid leverage value."
    assert refused(alice.exchange.update_leverage(0, "SOL")) == "Invalid leverage value."
    assert alice.exchange.update_leverage(20, "SOL")["status"] == "ok"
    assert alice.positions()["SOL"]["leverage"]["value"] == 20


def test_an_isolated_position_has_collateral_of_its_own(alice):
    done(alice.exchange.update_leverage(5, "SOL", False))
    try:
        filled(alice.exchange.market_open("SOL", True, 10))
        before = alice.positions()["SOL"]
        assert before["leverage"]["type"] == "isolated" and before["leverage"]["value"] == 5
        done(alice.exchange.update_isolated_margin(40.0, "SOL"))
        after = alice.positions()["SOL"]
        assert abs(Decimal(after["leverage"]["rawUsd"]) - Decimal(before["leverage"]["rawUsd"]) - 40) < 1
        assert Decimal(after["liquidationPx"]) < Decimal(before["liquidationPx"])
        done(alice.exchange.update_isolated_margin(-30.0, "SOL"))
        filled(alice.exchange.market_close("SOL"))
        assert "No isolated position" in refused(alice.exchange.update_isolated_margin(1.0, "SOL"))
    finally:
        alice.reset()
        done(alice.exchange.update_leverage(20, "SOL"))


def test_a_stop_waits_is_replaced_and_canceled(alice):
    filled(alice.exchange.market_open("ETH", True, 0.5))
    price = alice.price("ETH", 0.8)
    trigger = {"trigger": {"isMarket": True, "triggerPx": price, "tpsl": "sl"}}
    oid = resting(alice.exchange.order("ETH", False, 0.5, price, trigger, reduce_only=True))
    shown = alice.status(oid)
    assert shown["status"] == "open" and shown["order"]["orderType"] == "Stop Market"
    assert shown["order"]["triggerCondition"].startswith("Price below ")
    lower = alice.price("ETH", 0.7)
    trigger = {"trigger": {"isMarket": False, "triggerPx": lower, "tpsl": "sl"}}
    replaced = alice.exchange.modify_order(oid, "ETH", False, 0.4, lower, trigger, reduce_only=True)
    assert resting(replaced) == oid
    (shown,) = alice.info.frontend_open_orders(alice.address)
    shapes.frontend_order(shown)
    assert shown["orderType"] == "Stop Limit" and Decimal(shown["sz"]) == Decimal("0.4")
    assert only(alice.exchange.cancel("ETH", oid), "cancel") == "success"
    assert alice.status(oid)["status"] == "canceled"
    above = {"trigger": {"isMarket": True, "triggerPx": alice.price("ETH", 1.2), "tpsl": "sl"}}
    refused_at_once = alice.exchange.order("ETH", False, 0.5, alice.price("ETH", 1.2), above, reduce_only=True)
    assert error(refused_at_once) == "Invalid TP/SL price."


def test_an_order_with_its_stop_loss_and_take_profit(alice):
    def trigger(factor, tpsl):
        price = alice.price("ETH", factor)
        kind = {"trigger": {"isMarket": True, "triggerPx": price, "tpsl": tpsl}}
        return request("ETH", False, 0.5, price, kind, True)

    orders = [request("ETH", True, 0.5, alice.price("ETH", 0.9)), trigger(1.2, "tp"), trigger(0.7, "sl")]
    placed = statuses(alice.exchange.bulk_orders(orders, grouping="normalTpsl"))
    assert placed[1:] == ["waitingForFill", "waitingForFill"]
    (parent,) = alice.info.frontend_open_orders(alice.address)
    assert {child["orderType"] for child in parent["children"]} == {"Take Profit Market", "Stop Market"}
    assert len(alice.open_orders()) == 3
    alice.exchange.cancel("ETH", placed[0]["resting"]["oid"])
    assert alice.open_orders() == {}


def test_spot_orders_lock_fill_and_move_balances(alice):
    before = alice.balances()
    oid = resting(alice.exchange.order("PURR/USDC", False, 1_000, alice.price("PURR/USDC", 1.15), GTC))
    assert alice.open_orders()[oid]["coin"] == "PURR/USDC"
    assert alice.balances()["PURR"][1] - before["PURR"][1] == 1_000
    assert only(alice.exchange.cancel("PURR/USDC", oid), "cancel") == "success"
    assert alice.balances()["PURR"] == before["PURR"]

    bought = filled(alice.exchange.market_open("PURR/USDC", True, 500))
    assert bought["totalSz"] == "500"
    middle = alice.balances()
    assert middle["PURR"][0] - before["PURR"][0] == 500
    paid = before["USDC"][0] - middle["USDC"][0]
    value = Decimal(bought["avgPx"]) * 500
    assert abs(paid - value * Decimal("1.00045")) < Decimal("0.000001"), (paid, value)
    fill = alice.info.user_fills(alice.address)[0]
    shapes.fill(fill)
    assert fill["coin"] == "PURR/USDC" and fill["dir"] == "Buy" and fill["startPosition"] in ("0", "0.0")
    sold = filled(alice.exchange.market_open("PURR/USDC", False, 500))
    assert sold["totalSz"] == "500" and alice.balances()["PURR"] == before["PURR"]


def test_the_second_spot_market_goes_by_its_number(alice):
    assert alice.info.name_to_coin["BTC/USDC"] == "@1"
    oid = resting(alice.exchange.order("BTC/USDC", True, 0.001, alice.price("BTC/USDC", 0.9), GTC))
    assert alice.open_orders()[oid]["coin"] == "@1"
    assert only(alice.exchange.cancel("BTC/USDC", oid), "cancel") == "success"
    words = error(alice.exchange.order("BTC/USDC", False, 50, alice.price("BTC/USDC", 1.1), GTC))
    assert words.startswith("Insufficient spot balance asset"), words


def test_orders_expire_before_they_arrive_if_told_so(alice):
    alice.exchange.set_expires_after(int(time.time() * 1000) - 60_000)
    words = refused(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), GTC))
    assert words.startswith("Action expired: expiresAfter "), words
    alice.exchange.set_expires_after(int(time.time() * 1000) + 60_000)
    resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), GTC))
    alice.exchange.set_expires_after(None)


def test_a_cloid_in_use_is_refused(alice):
    name = cloid()
    oid = resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), GTC, cloid=name))
    assert "client order id is in use" in error(
        alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), GTC, cloid=name)
    )
    assert set(alice.open_orders()) == {oid}


def test_what_does_not_exist_yet_says_so(alice):
    priority = alice.exchange.bulk_orders([request("BTC", True, 0.01, alice.price("BTC", 0.9))], grouping={"p": 1})
    assert "not supported" in refused(priority)
    assert "builders charge no fee" in refused(alice.exchange.approve_builder_fee(alice.address, "0.001%"))
    assert "no referrals" in refused(alice.exchange.set_referrer("FRIEND"))
    assert "no bridge" in refused(alice.exchange.withdraw_from_bridge(1.0, alice.address))
    builder = {"b": "0x" + "ab" * 20, "f": 10}
    assert "Builder fee is not supported." == refused(
        alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), GTC, builder=builder)
    )
    assert alice.open_orders() == {}
    with pytest.raises(ClientError) as caught:
        alice.exchange.post("/exchange", {"action": {"type": "selfDestruct"}, "nonce": 1, "signature": {}})
    assert caught.value.status_code == 422


def request(coin, is_buy, size, price, order_type=None, reduce_only=False):
    """An order in the SDK's own form for lists."""
    order_type = order_type or GTC
    return {
        "coin": coin, "is_buy": is_buy, "sz": size, "limit_px": price, "order_type": order_type,
        "reduce_only": reduce_only,
    }  # fmt: skip
