"""The unmodified Hyperliquid SDK 0.24.0 listens: every WebSocket subscription of the first milestone."""

import json
import time
from collections import defaultdict
from decimal import Decimal
from queue import Empty, Queue

import pytest
import websocket
from hyperliquid.info import Info
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action

import shapes
from traders import ALO, GTC, cloid, filled, only, resting

WAIT_S = 10


class Stream:
    """The SDK's own stream, with everything that arrives in order."""

    def __init__(self, url: str):
        self.info = Info(url, skip_ws=False, timeout=30)
        self.arrived: dict[str, Queue] = defaultdict(Queue)

    def follow(self, **subscription) -> str:
        kind = subscription["type"]
        self.info.subscribe(subscription, lambda message: self.arrived[kind].put((time.time(), message)))
        return kind

    def next(self, kind: str, wanted=lambda data: True, timeout_s: float = WAIT_S):
        """Data of the next message of this subscription that is wanted."""
        return self.next_at(kind, wanted, timeout_s)[1]

    def next_at(self, kind: str, wanted=lambda data: True, timeout_s: float = WAIT_S):
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                at, message = self.arrived[kind].get(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"no such message of {kind} within {timeout_s} s") from None
            if wanted(message["data"]):
                return at, message["data"]

    def close(self) -> None:
        self.info.disconnect_websocket()


@pytest.fixture
def stream(devnet):
    stream = Stream(devnet.url)
    yield stream
    stream.close()


def test_market_data(stream, alice):
    for kind in ("l2Book", "trades", "bbo", "activeAssetCtx"):
        stream.follow(type=kind, coin="BTC")
    stream.follow(type="candle", coin="BTC", interval="1m")
    stream.follow(type="allMids")
    shapes.book(stream.next("l2Book"), "BTC")
    mids = stream.next("allMids")["mids"]
    assert {"BTC", "ETH", "SOL", "PURR/USDC", "@1"} <= set(mids) and all(map(shapes.positive, mids.values()))
    best = stream.next("bbo")
    assert best["coin"] == "BTC" and len(best["bbo"]) == 2
    for side in best["bbo"]:
        assert side is None or shapes.level(side)
    context = stream.next("activeAssetCtx")
    assert context["coin"] == "BTC"
    shapes.perpetual_context(context["ctx"])

    status = filled(alice.exchange.market_open("BTC", True, 0.01))
    tids = {fill["tid"] for fill in alice.info.user_fills(alice.address) if fill["oid"] == status["oid"]}
    trades = stream.next("trades", lambda trades: tids & {trade["tid"] for trade in trades})
    for trade in trades:
        shapes.trade(trade, "BTC")
    bought = [trade for trade in trades if trade["tid"] in tids]
    assert bought[-1]["side"] == "B" and bought[-1]["users"][0] == alice.address
    assert sum(Decimal(trade["sz"]) for trade in bought) == Decimal(status["totalSz"])
    candle = stream.next("candle", lambda candle: candle["T"] >= bought[-1]["time"])
    shapes.candle(candle, "BTC", "1m", 60_000)
    # The next blocks bring new books and prices.
    first = stream.next("l2Book")
    assert stream.next("l2Book", lambda book: book["time"] > first["time"])
    assert stream.next("allMids", timeout_s=30)["mids"]


def test_spot_prices_come_on_a_channel_of_their_own(stream):
    stream.follow(type="activeAssetCtx", coin="PURR/USDC")
    context = stream.next("activeAssetCtx")
    shapes.spot_context(context["ctx"], "PURR/USDC")


def test_an_order_from_open_to_cancelled(stream, alice):
    stream.follow(type="orderUpdates", user=alice.address)
    time.sleep(1)
    name = cloid()
    oid = resting(alice.exchange.order("ETH", True, 0.2, alice.price("ETH", 0.9), ALO, cloid=name))
    replied_at = time.time()
    of_mine = lambda updates: any(update["order"]["oid"] == oid for update in updates)  # noqa: E731
    at, updates = stream.next_at("orderUpdates", of_mine)
    # Before the reply or right after it.
    assert at - replied_at < 1.0
    (update,) = (update for update in updates if update["order"]["oid"] == oid)
    shapes.order(update["order"])
    assert update["status"] == "open" and update["order"]["cloid"] == name.to_raw()
    assert update["order"]["sz"] == "0.2" and shapes.time_ms(update["statusTimestamp"])
    assert only(alice.exchange.cancel("ETH", oid), "cancel") == "success"
    (last,) = (update for update in stream.next("orderUpdates", of_mine) if update["order"]["oid"] == oid)
    assert last["status"] == "canceled"


def test_a_fill_on_both_channels(stream, alice):
    stream.follow(type="userEvents", user=alice.address)
    stream.follow(type="userFills", user=alice.address)
    stream.follow(type="orderUpdates", user=alice.address)
    snapshot = stream.next("userFills")
    assert snapshot["isSnapshot"] is True and snapshot["user"] == alice.address
    name = cloid()
    status = filled(alice.exchange.market_open("SOL", True, 5, cloid=name))
    of_mine = lambda data: any(fill["oid"] == status["oid"] for fill in data["fills"])  # noqa: E731
    event, fills = stream.next("userEvents", of_mine), stream.next("userFills", of_mine)
    assert set(event) == {"fills"} and not fills.get("isSnapshot")
    for fill in (*event["fills"], *fills["fills"]):
        shapes.fill(fill)
    mine = [fill for fill in event["fills"] if fill["oid"] == status["oid"]]
    assert sum(Decimal(fill["sz"]) for fill in mine) == 5 and mine[0]["cloid"] == name.to_raw()
    ended = stream.next("orderUpdates", lambda updates: any(u["status"] == "filled" for u in updates))
    assert ended[-1]["order"]["oid"] == status["oid"] and Decimal(ended[-1]["order"]["sz"]) == 0


def test_other_account_channels(stream, alice):
    for kind in ("userFundings", "userNonFundingLedgerUpdates", "webData2"):
        stream.follow(type=kind, user=alice.address)
    fundings = stream.next("userFundings")
    assert fundings["isSnapshot"] is True and fundings["user"] == alice.address
    assert isinstance(fundings["fundings"], list)
    assert stream.next("userNonFundingLedgerUpdates")["isSnapshot"] is True
    assert stream.next("webData2")["user"] == alice.address


def test_what_was_unsubscribed_is_silent(stream):
    kind = stream.follow(type="l2Book", coin="ETH")
    stream.next(kind)
    identifier = stream.info.subscribe({"type": "l2Book", "coin": "SOL"}, lambda message: None)
    assert stream.info.unsubscribe({"type": "l2Book", "coin": "SOL"}, identifier)
    assert stream.info.unsubscribe({"type": "l2Book", "coin": "ETH"}, 1)
    time.sleep(1)
    while not stream.arrived[kind].empty():
        stream.arrived[kind].get()
    time.sleep(2)
    assert stream.arrived[kind].empty()


class Raw:
    """A WebSocket without a client, to see the order of frames."""

    def __init__(self, url: str):
        self.socket = websocket.create_connection("ws" + url[len("http") :] + "/ws", timeout=WAIT_S)

    def ask(self, message: dict) -> None:
        self.socket.send(json.dumps(message))

    def frames(self, until) -> list[dict]:
        """All frames up to the first that is wanted."""
        seen = []
        while not seen or not until(seen[-1]):
            seen.append(json.loads(self.socket.recv()))
        return seen


@pytest.fixture
def raw(devnet):
    raw = Raw(devnet.url)
    yield raw
    raw.socket.close()


def test_acknowledgements_are_in_normal_form(raw, alice):
    upper = alice.address.upper().replace("0X", "0x")
    for asked, shown in [
        ({"type": "l2Book", "coin": "BTC"},
         {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False}),
        ({"type": "userFills", "user": upper},
         {"type": "userFills", "user": alice.address, "aggregateByTime": False}),
        ({"type": "clearinghouseState", "user": upper},
         {"type": "clearinghouseState", "user": alice.address, "dex": ""}),
        ({"type": "spotState", "user": upper},
         {"type": "spotState", "user": alice.address, "ignorePortfolioMargin": False}),
    ]:  # fmt: skip
        raw.ask({"method": "subscribe", "subscription": asked})
        answer = raw.frames(lambda frame: frame["channel"] == "subscriptionResponse")[-1]["data"]
        assert answer == {"method": "subscribe", "subscription": shown}
        raw.ask({"method": "subscribe", "subscription": asked})
        words = raw.frames(lambda frame: frame["channel"] == "error")[-1]["data"]
        assert words.startswith("Already subscribed: "), words
    for _ in range(2):
        state = raw.frames(lambda frame: frame["channel"] == "clearinghouseState")[-1]["data"]
        assert state["dex"] == "" and state["user"] == alice.address
        shapes.clearinghouse_state(state["clearinghouseState"])
    shapes.spot_state(raw.frames(lambda frame: frame["channel"] == "spotState")[-1]["data"]["spotState"])
    raw.ask({"method": "ping"})
    assert raw.frames(lambda frame: frame["channel"] == "pong")


def test_pushes_come_before_the_answer_to_the_post_that_caused_them(raw, alice):
    for kind in ("orderUpdates", "userEvents"):
        raw.ask({"method": "subscribe", "subscription": {"type": kind, "user": alice.address}})
        raw.frames(lambda frame: frame["channel"] == "subscriptionResponse")
    for number, (price, tif) in enumerate([(0.9, GTC), (1.03, {"limit": {"tif": "Ioc"}})]):
        body = signed_order(alice, "BTC", 0.01, alice.price("BTC", price), tif)
        raw.ask({"method": "post", "id": number, "request": {"type": "action", "payload": body}})
        frames = raw.frames(lambda frame: frame["channel"] == "post")
        assert frames[-1]["data"]["id"] == number
        response = frames[-1]["data"]["response"]
        assert response["type"] == "action"
        (outcome,) = only(response["payload"]).values()
        updates = [u for frame in frames if frame["channel"] == "orderUpdates" for u in frame["data"]]
        states = [update["status"] for update in updates if update["order"]["oid"] == outcome["oid"]]
        assert states[-1] == ("open" if number == 0 else "filled"), frames
        if number == 1:
            fills = [f for frame in frames if frame["channel"] == "user" for f in frame["data"]["fills"]]
            assert sum(Decimal(f["sz"]) for f in fills if f["oid"] == outcome["oid"]) == Decimal("0.01")


def test_info_over_the_socket(raw):
    raw.ask({"method": "post", "id": 7, "request": {"type": "info", "payload": {"type": "l2Book", "coin": "BTC"}}})
    answer = raw.frames(lambda frame: frame["channel"] == "post")[-1]["data"]
    assert answer["id"] == 7 and answer["response"]["type"] == "info"
    payload = answer["response"]["payload"]
    assert payload["type"] == "l2Book"
    shapes.book(payload["data"], "BTC")


def signed_order(trader, coin: str, size: float, price: float, order_type: dict) -> dict:
    order = {
        "a": trader.info.name_to_asset(coin), "b": True, "p": f"{Decimal(str(price)).normalize():f}",
        "s": str(size), "r": False, "t": order_type, "c": cloid().to_raw(),
    }  # fmt: skip
    action = {"type": "order", "orders": [order], "grouping": "na"}
    nonce = get_timestamp_ms()
    signature = sign_l1_action(trader.wallet, action, None, nonce, None, False)
    return {"action": action, "nonce": nonce, "signature": signature}
