"""hyperliquid-python-sdk, unmodified: every way to trade of milestone M1."""

import secrets
import time

import eth_account
import pytest
from hyperliquid.exchange import Exchange
from hyperliquid.utils.types import Cloid
from quiet import BTC, Trader, rounded, status_of, wait_until

SIZE = 0.01


def fresh_cloid():
    return Cloid.from_str("0x" + secrets.token_hex(16))


def test_a_resting_order_is_listed_modified_and_cancelled(market):
    alice = market.alice
    price = rounded(market.mark * 0.9)
    oid = status_of(alice.limit(True, SIZE, price))["resting"]["oid"]
    (order,) = alice.open_orders()
    assert (order["oid"], order["coin"], order["side"]) == (oid, BTC, "B")
    assert (float(order["limitPx"]), float(order["sz"]), float(order["origSz"])) == (price, SIZE, SIZE)
    (frontend,) = alice.info.frontend_open_orders(alice.address)
    assert (frontend["tif"], frontend["orderType"], frontend["reduceOnly"]) == ("Gtc", "Limit", False)
    assert alice.info.query_order_by_oid(alice.address, oid)["order"]["status"] == "open"

    lower = rounded(market.mark * 0.89)
    answer = alice.exchange.modify_order(oid, BTC, True, SIZE * 2, lower, {"limit": {"tif": "Gtc"}})
    new = status_of(answer)["resting"]["oid"]
    (order,) = alice.open_orders()
    assert (order["oid"], float(order["limitPx"]), float(order["sz"])) == (new, lower, SIZE * 2)

    assert status_of(alice.exchange.cancel(BTC, new)) == "success"
    assert alice.open_orders() == []
    assert alice.info.query_order_by_oid(alice.address, new)["order"]["status"] == "canceled"
    gone = status_of(alice.exchange.cancel(BTC, new))
    assert gone == {"error": "Order was never placed, already canceled, or filled."}


def test_a_client_order_id_names_an_order(market):
    alice, cloid = market.alice, fresh_cloid()
    resting = status_of(alice.limit(True, SIZE, rounded(market.mark * 0.9), cloid=cloid))["resting"]
    assert resting["cloid"] == cloid.to_raw()
    found = alice.info.query_order_by_cloid(alice.address, cloid)
    assert found["order"]["order"]["oid"] == resting["oid"]
    repeated = status_of(alice.limit(True, SIZE, rounded(market.mark * 0.9), cloid=cloid))
    assert "client order id is in use" in repeated["error"]
    price = rounded(market.mark * 0.88)
    modified = alice.exchange.modify_order(cloid, BTC, True, SIZE, price, {"limit": {"tif": "Gtc"}}, cloid=cloid)
    assert status_of(modified)["resting"]["cloid"] == cloid.to_raw()
    assert status_of(alice.exchange.cancel_by_cloid(BTC, cloid)) == "success"
    assert alice.info.query_order_by_cloid(alice.address, cloid)["order"]["status"] == "canceled"
    assert alice.info.query_order_by_cloid(alice.address, fresh_cloid()) == {"status": "unknownOid"}


def test_two_accounts_cross(market):
    alice, bob, price = market.alice, market.bob, market.mark
    started = int(time.time() * 1000) - 60_000
    resting = status_of(alice.limit(False, 2 * SIZE, price))["resting"]
    filled = status_of(bob.limit(True, SIZE, price, "Ioc"))["filled"]
    assert (float(filled["totalSz"]), float(filled["avgPx"])) == (SIZE, price)
    assert (alice.position(), bob.position()) == (-SIZE, SIZE)
    (left,) = alice.open_orders()
    assert (left["oid"], float(left["sz"]), float(left["origSz"])) == (resting["oid"], SIZE, 2 * SIZE)

    taken = bob.info.user_fills(bob.address)[0]
    made = alice.info.user_fills_by_time(alice.address, started)[0]
    assert taken["oid"] == filled["oid"] and made["oid"] == resting["oid"]
    assert taken["tid"] == made["tid"] and taken["hash"] == made["hash"]
    assert (taken["crossed"], made["crossed"]) == (True, False)
    assert (taken["dir"], made["dir"]) == ("Open Long", "Open Short")
    assert (taken["side"], made["side"]) == ("B", "A")
    assert float(taken["startPosition"]) == 0 and float(taken["closedPnl"]) == 0
    assert float(taken["fee"]) == pytest.approx(SIZE * price * 0.00045, rel=1e-6)
    assert float(made["fee"]) == pytest.approx(SIZE * price * 0.00015, rel=1e-6)

    assert "filled" in status_of(bob.limit(False, SIZE, rounded(price * 0.99), "Gtc")) or bob.open_orders()


def test_realised_profit_is_what_the_prices_say(market):
    alice, bob, price = market.alice, market.bob, market.mark
    higher = rounded(price * 1.01)
    status_of(alice.limit(False, SIZE, price))
    status_of(bob.limit(True, SIZE, price, "Ioc"))
    status_of(alice.limit(True, SIZE, higher))
    status_of(bob.limit(False, SIZE, higher, "Ioc"))
    fill = bob.info.user_fills(bob.address)[0]
    assert fill["dir"] == "Close Long"
    assert float(fill["startPosition"]) == SIZE
    assert float(fill["closedPnl"]) == pytest.approx(SIZE * (higher - price))
    assert (alice.position(), bob.position()) == (0, 0)


def test_a_position_can_flip(market):
    alice, bob, price = market.alice, market.bob, market.mark
    status_of(alice.limit(False, SIZE, price))
    status_of(bob.limit(True, SIZE, price, "Ioc"))
    status_of(alice.limit(True, 3 * SIZE, price))
    status_of(bob.limit(False, 3 * SIZE, price, "Ioc"))
    assert bob.info.user_fills(bob.address)[0]["dir"] == "Long > Short"
    assert alice.info.user_fills(alice.address)[0]["dir"] == "Short > Long"
    assert (alice.position(), bob.position()) == (2 * SIZE, -2 * SIZE)


def test_immediate_or_cancel(market):
    alice, bob, price = market.alice, market.bob, market.mark
    nothing = status_of(bob.limit(True, SIZE, price, "Ioc"))
    assert nothing == {"error": "Order could not immediately match against any resting orders."}
    status_of(alice.limit(False, SIZE, price))
    part = status_of(bob.limit(True, 3 * SIZE, price, "Ioc"))["filled"]
    assert float(part["totalSz"]) == SIZE
    assert bob.open_orders() == []
    assert bob.info.query_order_by_oid(bob.address, part["oid"])["order"]["status"] == "canceled"


def test_add_liquidity_only(market):
    alice, bob, price = market.alice, market.bob, market.mark
    assert "resting" in status_of(alice.limit(False, SIZE, price, "Alo"))
    refused = status_of(bob.limit(True, SIZE, price, "Alo"))["error"]
    assert refused.startswith("Post only order would have immediately matched, bbo was")
    assert (alice.position(), bob.position()) == (0, 0)


def test_a_gtc_order_matches_and_rests_with_the_remainder(market):
    alice, bob, price = market.alice, market.bob, market.mark
    status_of(alice.limit(False, SIZE, price))
    resting = status_of(bob.limit(True, 3 * SIZE, price))["resting"]
    (order,) = bob.open_orders()
    assert (order["oid"], float(order["sz"])) == (resting["oid"], pytest.approx(2 * SIZE))
    assert bob.position() == SIZE


def test_reduce_only(market):
    alice, bob, price = market.alice, market.bob, market.mark
    refused = status_of(bob.limit(False, SIZE, price, "Gtc", reduce_only=True))
    assert refused == {"error": "Reduce only order would increase position."}
    status_of(alice.limit(False, SIZE, price))
    status_of(bob.limit(True, SIZE, price, "Ioc"))
    status_of(alice.limit(True, 5 * SIZE, price))
    filled = status_of(bob.limit(False, 5 * SIZE, price, "Ioc", reduce_only=True))["filled"]
    assert float(filled["totalSz"]) == SIZE, "no more than closes the position"
    assert bob.position() == 0


def test_market_orders(market):
    alice, bob = market.alice, market.bob
    status_of(alice.limit(False, 2 * SIZE, rounded(market.mark * 1.001)))
    status_of(alice.limit(True, 2 * SIZE, rounded(market.mark * 0.999)))
    opened = status_of(bob.exchange.market_open(BTC, True, SIZE))["filled"]
    assert float(opened["avgPx"]) == rounded(market.mark * 1.001)
    closed = status_of(bob.exchange.market_close(BTC))["filled"]
    assert float(closed["totalSz"]) == SIZE
    assert bob.position() == 0


def test_each_order_of_a_batch_succeeds_or_fails_alone(market):
    alice = market.alice
    order = {"coin": BTC, "is_buy": True, "sz": SIZE, "order_type": {"limit": {"tif": "Gtc"}}, "reduce_only": False}
    prices = [rounded(market.mark * 0.9), rounded(market.mark * 0.9) + 0.01, rounded(market.mark * 0.91)]
    answer = alice.exchange.bulk_orders([{**order, "limit_px": price} for price in prices])
    first, second, third = answer["response"]["data"]["statuses"]
    assert second == {"error": "Price must be divisible by tick size."}
    oids = [first["resting"]["oid"], third["resting"]["oid"]]
    cancelled = alice.exchange.bulk_cancel([{"coin": BTC, "oid": oid} for oid in oids])
    assert cancelled["response"]["data"]["statuses"] == ["success", "success"]


def test_spot_trades_move_both_assets(market):
    alice, bob = market.alice, market.bob

    def balances(trader):
        state = trader.info.spot_user_state(trader.address)
        return {entry["coin"]: float(entry["total"]) for entry in state["balances"]}

    before = [balances(trader) for trader in (alice, bob)]
    status_of(alice.limit(False, 100, 0.2, coin="PURR/USDC"))
    state = alice.info.spot_user_state(alice.address)
    assert [float(entry["hold"]) for entry in state["balances"] if entry["coin"] == "PURR"] == [100]
    filled = status_of(bob.limit(True, 100, 0.2, "Ioc", coin="PURR/USDC"))["filled"]
    assert (float(filled["totalSz"]), float(filled["avgPx"])) == (100, 0.2)
    after = [balances(trader) for trader in (alice, bob)]
    assert after[0]["PURR"] == before[0]["PURR"] - 100
    assert after[1]["PURR"] == before[1]["PURR"] + 100
    assert after[0]["USDC"] == pytest.approx(before[0]["USDC"] + 20 - 20 * 0.00015, abs=1e-6)
    assert after[1]["USDC"] == pytest.approx(before[1]["USDC"] - 20 - 20 * 0.00045, abs=1e-6)
    fill = bob.info.user_fills(bob.address)[0]
    assert (fill["coin"], fill["dir"], fill["feeToken"]) == ("PURR/USDC", "Buy", "USDC")
    second = status_of(alice.limit(True, 0.001, 50_000.0, coin="BTC/USDC"))
    assert "resting" in second, "the second pair goes by @1"
    assert alice.open_orders()[0]["coin"] == "@1"


def test_schedule_cancel(market):
    alice = market.alice
    status_of(alice.limit(True, SIZE, rounded(market.mark * 0.9)))
    soon = alice.exchange.schedule_cancel(int(time.time() * 1000) + 1_000)
    assert soon["status"] == "err", soon
    answer = alice.exchange.schedule_cancel(int(time.time() * 1000) + 7_000)
    assert answer == {"status": "ok", "response": {"type": "default"}}
    oid = alice.open_orders()[0]["oid"]
    wait_until(lambda: alice.open_orders() == [], 15, "the cancel")
    assert alice.info.query_order_by_oid(alice.address, oid)["order"]["status"] == "scheduledCancel"
    assert alice.exchange.schedule_cancel(int(time.time() * 1000) + 60_000)["status"] == "ok"
    assert alice.exchange.schedule_cancel(None)["status"] == "ok"


def test_leverage(market):
    alice, bob = market.alice, market.bob
    assert alice.exchange.update_leverage(7, BTC)["status"] == "ok"
    status_of(alice.limit(False, SIZE, market.mark))
    status_of(bob.limit(True, SIZE, market.mark, "Ioc"))
    (entry,) = alice.info.user_state(alice.address)["assetPositions"]
    assert entry["position"]["leverage"] == {"type": "cross", "value": 7}
    value = float(entry["position"]["positionValue"])
    assert float(entry["position"]["marginUsed"]) == pytest.approx(value / 7, rel=1e-3)
    assert alice.exchange.update_leverage(1_000, BTC) == {"status": "err", "response": "Invalid leverage value."}
    assert "No isolated position" in alice.exchange.update_isolated_margin(1.0, BTC)["response"], "it is cross"
    assert bob.exchange.update_leverage(7, BTC)["status"] == "ok"


def test_a_position_gets_collateral_of_its_own(market):
    alice, bob = market.alice, market.bob

    def position():
        (entry,) = alice.info.user_state(alice.address)["assetPositions"]
        return entry["position"]

    status_of(alice.limit(False, SIZE, market.mark))
    status_of(bob.limit(True, SIZE, market.mark, "Ioc"))
    try:
        assert alice.exchange.update_leverage(5, BTC, is_cross=False)["status"] == "ok"
        first = position()
        assert (first["leverage"]["type"], first["leverage"]["value"]) == ("isolated", 5)
        assert alice.exchange.update_isolated_margin(100.0, BTC)["status"] == "ok"
        second = position()
        added = float(second["leverage"]["rawUsd"]) - float(first["leverage"]["rawUsd"])
        assert added == pytest.approx(100, abs=1)
        assert float(second["liquidationPx"]) > float(first["liquidationPx"]), "a short with more behind it"
        too_much = alice.exchange.update_isolated_margin(-1_000_000.0, BTC)
        assert too_much["status"] == "err", too_much
        assert position()["leverage"]["rawUsd"] == second["leverage"]["rawUsd"]
    finally:
        assert alice.exchange.update_leverage(20, BTC)["status"] == "ok"
    assert position()["leverage"] == {"type": "cross", "value": 20}


def test_an_agent_trades_for_its_account(market, devnet):
    alice = market.alice
    answer, secret_key = alice.exchange.approve_agent("sdk-test")
    assert answer == {"status": "ok", "response": {"type": "default"}}
    wallet = eth_account.Account.from_key(secret_key)
    agent = Exchange(wallet, devnet.url, account_address=alice.wallet.address)
    oid = status_of(agent.order(BTC, True, SIZE, rounded(market.mark * 0.9), {"limit": {"tif": "Gtc"}}))["resting"][
        "oid"
    ]
    assert [order["oid"] for order in alice.open_orders()] == [oid]
    assert alice.info.user_role(wallet.address) == {"role": "agent", "data": {"user": alice.address}}
    named = {entry["name"]: entry["address"] for entry in alice.info.extra_agents(alice.address)}
    assert named["sdk-test"] == wallet.address.lower()
    assert status_of(agent.cancel(BTC, oid)) == "success"
    moved = agent.usd_transfer(1.0, market.bob.address)
    assert moved["status"] == "err", "an agent moves no funds"
    # A second agent of the name takes the first one's place.
    answer, _ = alice.exchange.approve_agent("sdk-test")
    assert answer["status"] == "ok"
    refused = agent.order(BTC, True, SIZE, rounded(market.mark * 0.9), {"limit": {"tif": "Gtc"}})
    assert refused["response"].startswith(f"User or API Wallet {wallet.address.lower()} does not exist"), refused


def test_usd_transfer(market):
    alice, bob = market.alice, market.bob

    def usdc(trader):
        state = trader.info.spot_user_state(trader.address)
        return float(next(entry["total"] for entry in state["balances"] if entry["coin"] == "USDC"))

    before = usdc(alice), usdc(bob)
    assert alice.exchange.usd_transfer(12.5, bob.address)["status"] == "ok"
    assert (usdc(alice), usdc(bob)) == (pytest.approx(before[0] - 12.5), pytest.approx(before[1] + 12.5))
    update = bob.info.user_non_funding_ledger_updates(bob.address, 0)[0]["delta"]
    assert (update["type"], float(update["usdc"]), update["user"]) == ("internalTransfer", 12.5, alice.address)
    too_much = alice.exchange.usd_transfer(1e12, bob.address)
    assert too_much["status"] == "err", too_much


def test_who_never_opted_in_cannot_be_replayed_against(market, devnet):
    """Hyperliquid's signatures name no chain, so a new account must opt in before they count."""
    stranger = Trader(devnet, "0x" + secrets.token_hex(32))
    refused = stranger.limit(True, SIZE, rounded(market.mark * 0.9))
    assert refused["status"] == "err" and stranger.address in refused["response"], refused
    assert refused["response"].startswith("User or API Wallet ")
    assert market.alice.exchange.usd_transfer(100.0, stranger.address)["status"] == "ok"
    refused = stranger.limit(True, SIZE, rounded(market.mark * 0.9))
    assert refused["status"] == "err" and "opt in" in refused["response"], refused
    answer, _ = stranger.exchange.approve_agent()
    assert answer["status"] == "err", "an approval could be replayed as well"


@pytest.mark.parametrize(
    "call",
    [
        lambda exchange: exchange.set_referrer("X"),
        lambda exchange: exchange.withdraw_from_bridge(1.0, "0x" + "1" * 40),
        lambda exchange: exchange.approve_builder_fee("0x" + "1" * 40, "0.01%"),
        lambda exchange: exchange.token_delegate("0x" + "1" * 40, 1, False),
        lambda exchange: exchange.convert_to_multi_sig_user(["0x" + "1" * 40], 1),
        lambda exchange: exchange.c_signer_unjail_self(),
    ],
)
def test_what_the_chain_cannot_do_is_said(market, call):
    answer = call(market.alice.exchange)
    assert answer["status"] == "err" and "not supported" in answer["response"], answer


def test_money_goes_only_to_sub_accounts_and_vaults_that_are(market):
    bob, nobody = market.bob, "0x" + "1" * 40

    def usdc(address):
        balances = bob.info.spot_user_state(address)["balances"]
        return sum(float(entry["total"]) for entry in balances if entry["coin"] == "USDC")

    before = usdc(bob.address)
    name = f"quiet {time.time_ns()}"
    made = bob.exchange.create_sub_account(name)
    assert made["status"] == "ok" and made["response"]["type"] == "createSubAccount", made
    sub = made["response"]["data"]
    assert bob.exchange.sub_account_transfer(sub, True, 7_000_000)["status"] == "ok"
    assert (usdc(sub), usdc(bob.address)) == (7, pytest.approx(before - 7))
    assert bob.exchange.sub_account_transfer(sub, False, 7_000_000)["status"] == "ok"
    assert (usdc(sub), usdc(bob.address)) == (0, pytest.approx(before))
    assert bob.exchange.create_sub_account(name)["status"] == "err", "names are unique"
    for call, words in (
        (lambda exchange: exchange.sub_account_transfer(nobody, True, 1_000_000), "is no sub-account of this account"),
        (lambda exchange: market.alice.exchange.sub_account_transfer(sub, True, 1_000_000), "is no sub-account"),
        (lambda exchange: exchange.vault_usd_transfer(nobody, True, 1_000_000), "is no vault"),
    ):
        answer = call(bob.exchange)
        assert answer["status"] == "err" and words in answer["response"], answer
    assert usdc(bob.address) == pytest.approx(before)


def test_what_has_nothing_to_do_here_is_done(market):
    """There is one balance, so nothing moves between spot and perpetuals; but what is not there cannot be moved."""
    exchange = market.alice.exchange
    done = {"status": "ok", "response": {"type": "default"}}
    assert exchange.usd_class_transfer(1.0, True) == done
    assert exchange.noop(int(time.time() * 1000)) == done
    too_much = exchange.usd_class_transfer(1e9, True)
    assert too_much["status"] == "err" and "Insufficient" in too_much["response"], too_much


def test_trigger_orders_and_groupings(market):
    alice, bob, mark = market.alice, market.bob, market.mark

    def stop(price):
        return {"trigger": {"isMarket": True, "triggerPx": price, "tpsl": "sl"}}

    status_of(bob.limit(False, SIZE, mark))
    status_of(alice.limit(True, SIZE, mark, "Ioc"))
    low, high = rounded(mark * 0.8), rounded(mark * 1.1)
    oid = status_of(alice.exchange.order(BTC, False, SIZE, low, stop(low), reduce_only=True))["resting"]["oid"]
    (shown,) = alice.info.frontend_open_orders(alice.address)
    assert (shown["oid"], shown["orderType"], shown["isTrigger"]) == (oid, "Stop Market", True)
    assert status_of(alice.exchange.cancel(BTC, oid)) == "success"
    assert alice.open_orders() == []
    at_once = alice.exchange.order(BTC, False, SIZE, high, stop(high), reduce_only=True)
    assert status_of(at_once) == {"error": "Invalid TP/SL price."}

    price = rounded(mark * 0.9)
    parent = {"coin": BTC, "is_buy": True, "sz": SIZE, "limit_px": price, "order_type": {"limit": {"tif": "Gtc"}}}
    parent["reduce_only"] = False
    child = {**parent, "is_buy": False, "limit_px": low, "order_type": stop(low), "reduce_only": True}
    answer = alice.exchange.bulk_orders([parent, child], grouping="normalTpsl")
    first, second = answer["response"]["data"]["statuses"]
    assert second == "waitingForFill", answer
    assert status_of(alice.exchange.cancel(BTC, first["resting"]["oid"])) == "success"
    assert alice.open_orders() == [], "the stop goes with its order"
    answer = alice.exchange.bulk_orders([parent], grouping={"p": 1})
    assert answer["status"] == "err" and "not supported" in answer["response"], answer
    assert alice.open_orders() == []


def test_expires_after(market):
    alice = market.alice
    try:
        alice.exchange.set_expires_after(int(time.time() * 1000) - 5_000)
        late = alice.limit(True, SIZE, rounded(market.mark * 0.9))
        assert late["status"] == "err" and late["response"].startswith("Action expired"), late
        alice.exchange.set_expires_after(int(time.time() * 1000) + 60_000)
        assert "resting" in status_of(alice.limit(True, SIZE, rounded(market.mark * 0.9)))
    finally:
        alice.exchange.set_expires_after(None)


def test_refusals_of_the_engine_are_in_the_clients_words(market):
    alice, mark = market.alice, market.mark
    assert status_of(alice.limit(True, 0.00001, rounded(mark * 0.9))) == {
        "error": "Order must have minimum value of $10."
    }
    too_far = status_of(alice.limit(True, SIZE, rounded(mark * 1.5)))["error"]
    assert too_far == "Order price too far from oracle"
    alice.exchange.update_leverage(1, BTC)
    try:
        too_large = status_of(alice.limit(True, 50, rounded(mark * 0.95)))["error"]
        assert too_large == "Insufficient margin to place order."
    finally:
        alice.exchange.update_leverage(20, BTC)
    no_balance = status_of(alice.limit(False, 1e9, 0.2, coin="PURR/USDC"))["error"]
    assert no_balance.startswith(("Insufficient spot balance", "Order value")), no_balance


def test_an_account_never_trades_with_itself(market):
    alice, price = market.alice, market.mark
    maker = status_of(alice.limit(False, SIZE, price))["resting"]["oid"]
    taker = status_of(alice.limit(True, SIZE, price))
    assert "resting" in taker, taker
    maker_state = alice.info.query_order_by_oid(alice.address, maker)["order"]["status"]
    assert maker_state == "selfTradeCanceled"
    assert alice.position() == 0
