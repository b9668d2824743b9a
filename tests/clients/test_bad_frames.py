"""Bad input over the WebSocket and the native JSON-RPC."""

import json

import pytest
import requests
import websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from signing import Signer, order, place, snapshot
from test_bad_input import MALFORMED
from traders import only, resting

WAIT_S = 10
UNREADABLE = "Error parsing JSON into valid websocket request: "


@pytest.fixture
def frames(devnet):
    with connect("ws" + devnet.url[len("http") :] + "/ws", max_size=2**24, close_timeout=2) as socket:
        yield socket


def next_of(socket, channel: str):
    while True:
        frame = json.loads(socket.recv(timeout=WAIT_S))
        if frame["channel"] == channel:
            return frame["data"] if "data" in frame else None


def assert_alive(socket) -> None:
    socket.send('{"method":"ping"}')
    next_of(socket, "pong")


def test_frames_that_are_no_requests(frames):
    for name, text in MALFORMED.items():
        frames.send(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
        assert next_of(frames, "error").startswith(UNREADABLE), name
    for request in ([], "ping", 7, {}, {"method": 5}, {"method": "fly"}):
        frames.send(json.dumps(request))
        assert next_of(frames, "error").startswith(UNREADABLE), request
    frames.send(b"\x00\xff\x00\xff")
    assert next_of(frames, "error").startswith(UNREADABLE)
    assert_alive(frames)


def test_subscriptions_to_nothing(frames):
    for subscription in (
        None, "l2Book", {}, {"type": "nothing"}, {"type": "l2Book"}, {"type": "l2Book", "coin": "NOPE"},
        {"type": "l2Book", "coin": 5}, {"type": "l2Book", "coin": "BTC", "nSigFigs": 77},
        {"type": "candle", "coin": "BTC", "interval": "7m"}, {"type": "userFills"}, {"type": "userFills", "user": "0x"},
        {"type": "allMids", "dex": "elsewhere"},
    ):  # fmt: skip
        frames.send(json.dumps({"method": "subscribe", "subscription": subscription}))
        words = next_of(frames, "error")
        assert words.startswith("Invalid subscription"), (subscription, words)
    frames.send(json.dumps({"method": "unsubscribe", "subscription": {"type": "trades", "coin": "BTC"}}))
    assert next_of(frames, "error").startswith("Already unsubscribed: ")
    assert_alive(frames)


def test_posts_of_the_wrong_shape(devnet, frames, alice):
    signer = Signer(devnet.accounts[0].secret_key)
    before = snapshot(devnet, alice.address)
    good = signer.body(place(order(alice.price("BTC", 0.9))))
    for number, request in enumerate([
        {"type": "action", "payload": {**good, "surprise": 1}}, {"type": "action", "payload": {}},
        {"type": "info", "payload": {"type": "nothing"}},
        {"type": "info", "payload": {"type": "l2Book", "coin": "NOPE"}},
    ]):  # fmt: skip
        frames.send(json.dumps({"method": "post", "id": number, "request": request}))
        answer = next_of(frames, "post")
        assert answer["id"] == number and answer["response"]["type"] == "error", answer
        assert isinstance(answer["response"]["payload"], str)
    assert snapshot(devnet, alice.address) == before
    frames.send(json.dumps({"method": "post", "id": 99, "request": {"type": "action", "payload": good}}))
    answer = next_of(frames, "post")
    assert answer["id"] == 99 and resting(answer["response"]["payload"])


def test_a_frame_too_large_ends_the_connection_only(devnet, frames, alice):
    frames.send('{"method":"ping","x":"' + "y" * 300_000 + '"}')
    with pytest.raises(ConnectionClosed):
        for _ in range(10):
            frames.recv(timeout=WAIT_S)
    oid = resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), {"limit": {"tif": "Gtc"}}))
    assert only(alice.exchange.cancel("BTC", oid), "cancel") == "success"


def test_more_posts_than_may_wait(devnet, frames):
    for number in range(400):
        request = {"type": "info", "payload": {"type": "historicalOrders", "user": "0x" + "11" * 20}}
        frames.send(json.dumps({"method": "post", "id": number, "request": request}))
    kinds = {"info": 0, "error": 0}
    seen = set()
    for _ in range(400):
        answer = next_of(frames, "post")
        kinds[answer["response"]["type"]] += 1
        seen.add(answer["id"])
    assert seen == set(range(400)) and kinds["info"] >= 100, kinds
    assert_alive(frames)


def test_a_client_that_never_reads_hurts_nobody(devnet, alice):
    # Without a client's reading thread; the system's buffers fill up and the server has to let go.
    sockets = [websocket.create_connection("ws" + devnet.url[len("http") :] + "/ws") for _ in range(10)]
    try:
        for socket in sockets:
            for coin in ("BTC", "ETH", "SOL", "PURR/USDC"):
                for kind in ("l2Book", "trades", "bbo"):
                    socket.send(json.dumps({"method": "subscribe", "subscription": {"type": kind, "coin": coin}}))
        for _ in range(5):
            oid = resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), {"limit": {"tif": "Gtc"}}))
            assert only(alice.exchange.cancel("BTC", oid), "cancel") == "success"
    finally:
        for socket in sockets:
            socket.shutdown()


RPC_ERRORS = {
    "no json": ("{", -32700), "nothing": ("", -32700),
    "no request": ('{"id":1}', -32600),
    "another version": ('{"jsonrpc":"1.0","id":1,"method":"palisade_status"}', -32600),
    "an unknown method": ('{"jsonrpc":"2.0","id":1,"method":"palisade_steal"}', -32601),
    "an unknown parameter": ('{"jsonrpc":"2.0","id":1,"method":"palisade_status","params":{"x":1}}', -32602),
    "parameters by position": ('{"jsonrpc":"2.0","id":1,"method":"palisade_account","params":["0x00"]}', -32602),
    "a depth past the limit": (
        '{"jsonrpc":"2.0","id":1,"method":"palisade_book","params":{"market":0,"depth":1000000}}', -32602),
    "an action that is none": (
        '{"jsonrpc":"2.0","id":1,"method":"palisade_submit","params":{"action":"0x00"}}', -32602),
}  # fmt: skip


@pytest.mark.parametrize("name", RPC_ERRORS)
def test_calls_of_the_wrong_shape(devnet, name):
    text, code = RPC_ERRORS[name]
    headers = {"Content-Type": "application/json"}
    response = requests.post(f"{devnet.url}/rpc", data=text, headers=headers, timeout=10)
    answer = response.json()
    assert answer["error"]["code"] == code, answer
    assert isinstance(answer["error"]["message"], str) and "result" not in answer
    assert devnet.rpc("palisade_status")["chain_halted"] is False
