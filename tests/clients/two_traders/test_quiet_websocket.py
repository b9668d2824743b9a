"""hyperliquid-python-sdk, unmodified: every subscription, and the order of pushes and answers."""

import json
import queue

import pytest
import websocket
from hyperliquid.info import Info
from hyperliquid.utils.signing import (
    get_timestamp_ms,
    order_request_to_order_wire,
    order_wires_to_order_action,
    sign_l1_action,
)
from quiet import BTC, rounded, status_of

SIZE = 0.01


class Follower:
    """A client that keeps every message."""

    def __init__(self, url):
        self.info = Info(url)
        self.messages = queue.Queue()

    def subscribe(self, **subscription):
        self.info.subscribe(subscription, self.messages.put)

    def next(self, channel, check=lambda data: True):
        while True:
            message = self.messages.get(timeout=15)
            if message["channel"] == channel and check(message["data"]):
                return message["data"]


@pytest.fixture
def follower(devnet):
    client = Follower(devnet.url)
    yield client
    client.info.disconnect_websocket()


def test_market_data(market, follower):
    for kind in ("l2Book", "trades", "bbo", "activeAssetCtx"):
        follower.subscribe(type=kind, coin=BTC)
    follower.subscribe(type="candle", coin=BTC, interval="1m")
    follower.subscribe(type="allMids")
    assert "BTC" in follower.next("allMids")["mids"]
    assert follower.next("activeAssetCtx")["ctx"]["markPx"]
    status_of(market.alice.limit(False, 2 * SIZE, market.mark))
    book = follower.next("l2Book", lambda data: data["levels"][1])
    assert float(book["levels"][1][0]["sz"]) == 2 * SIZE
    assert float(follower.next("bbo", lambda data: data["bbo"][1])["bbo"][1]["px"]) == market.mark
    filled = status_of(market.bob.limit(True, SIZE, market.mark, "Ioc"))["filled"]
    tid = market.bob.info.user_fills(market.bob.address)[0]["tid"]
    trade = next(t for t in follower.next("trades", lambda data: tid in [t["tid"] for t in data]) if t["tid"] == tid)
    assert (trade["side"], float(trade["sz"]), float(trade["px"])) == ("B", SIZE, float(filled["avgPx"]))
    assert trade["users"] == [market.bob.address, market.alice.address]
    assert float(follower.next("candle")["c"]) == market.mark


def test_spot_context_has_its_own_channel(market, follower):
    follower.subscribe(type="activeAssetCtx", coin="PURR/USDC")
    assert follower.next("activeSpotAssetCtx")["coin"] == "PURR/USDC"


def test_an_accounts_events(market, follower):
    address = market.bob.address
    for kind in ("orderUpdates", "userEvents", "userFills", "userFundings", "userNonFundingLedgerUpdates", "webData2"):
        follower.subscribe(type=kind, user=address)
    assert follower.next("userFills")["isSnapshot"] is True
    assert follower.next("webData2")["clearinghouseState"]["marginSummary"]
    status_of(market.alice.limit(False, SIZE, market.mark))
    oid = status_of(market.bob.limit(True, SIZE, market.mark, "Ioc"))["filled"]["oid"]
    opened = follower.next("orderUpdates", lambda data: data[0]["order"]["oid"] == oid)
    assert opened[0]["status"] == "open"
    fill = follower.next("user", lambda data: data["fills"][0]["oid"] == oid)["fills"][0]
    assert fill["crossed"] is True
    done = follower.next("orderUpdates", lambda data: data[0]["order"]["oid"] == oid)
    assert done[0]["status"] == "filled"


def test_cancels_are_pushed(market, follower):
    follower.subscribe(type="orderUpdates", user=market.alice.address)
    oid = status_of(market.alice.limit(True, SIZE, rounded(market.mark * 0.9)))["resting"]["oid"]
    market.alice.exchange.cancel(BTC, oid)
    states = [follower.next("orderUpdates", lambda data: data[0]["order"]["oid"] == oid)[0]["status"] for _ in "ab"]
    assert states == ["open", "canceled"]


class RawSocket:
    """A WebSocket as nautilus and ccxt use it: orders by post."""

    def __init__(self, url):
        self.socket = websocket.create_connection("ws" + url[len("http") :] + "/ws", timeout=15)

    def send(self, **message):
        self.socket.send(json.dumps(message))

    def next(self):
        return json.loads(self.socket.recv())

    def close(self):
        self.socket.close()


def signed_order(trader, price, cloid, tif="Gtc"):
    order = {"coin": BTC, "is_buy": True, "sz": SIZE, "limit_px": price, "order_type": {"limit": {"tif": tif}}}
    wire = order_request_to_order_wire({**order, "reduce_only": False}, 0)
    wire["c"] = cloid
    action, nonce = order_wires_to_order_action([wire]), get_timestamp_ms()
    signature = sign_l1_action(trader.wallet, action, None, nonce, None, False)
    return {"action": action, "nonce": nonce, "signature": signature}


def test_pushes_come_before_the_answer_to_a_post(market, devnet):
    cloid = "0x" + "ab" * 16
    status_of(market.alice.limit(False, SIZE, market.mark))
    raw = RawSocket(devnet.url)
    try:
        for kind in ("orderUpdates", "userEvents"):
            raw.send(method="subscribe", subscription={"type": kind, "user": market.bob.address})
            assert raw.next()["channel"] == "subscriptionResponse"
        payload = signed_order(market.bob, market.mark, cloid)
        raw.send(method="post", id=1, request={"type": "action", "payload": payload})
        messages = [raw.next() for _ in range(4)]
        assert [message["channel"] for message in messages] == ["orderUpdates", "user", "orderUpdates", "post"]
        assert messages[0]["data"][0]["status"] == "open"
        assert messages[0]["data"][0]["order"]["cloid"] == cloid
        assert messages[1]["data"]["fills"][0]["cloid"] == cloid
        assert messages[2]["data"][0]["status"] == "filled"
        assert "filled" in status_of(messages[3]["data"]["response"]["payload"])
        raw.send(method="post", id=2, request={"type": "info", "payload": {"type": "l2Book", "coin": BTC}})
        answer = raw.next()
        while answer["channel"] != "post":
            answer = raw.next()
        assert answer["data"]["id"] == 2 and answer["data"]["response"]["payload"]["data"]["coin"] == BTC
        raw.send(method="post", id=3, request={"type": "action", "payload": payload})
        answer = raw.next()
        while answer["channel"] != "post":
            answer = raw.next()
        repeated = answer["data"]["response"]["payload"]
        assert repeated["status"] == "err" and "duplicate nonce" in repeated["response"]
    finally:
        raw.close()
