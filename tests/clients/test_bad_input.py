"""Bad input over HTTP: each case has its documented error, changes nothing, and leaves the server well."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from eth_account import Account as EthAccount

from signing import Signer, now_ms, order, place, snapshot, with_high_s
from traders import NOT_OPEN, Trader, done, eventually, only, refused, resting, statuses

JSON_ERROR = "Failed to parse the request body as JSON: "
SHAPE_ERROR = "Failed to deserialize the JSON body into the target type: "
DAY_MS = 86_400_000


@pytest.fixture
def signer(devnet):
    return Signer(devnet.accounts[0].secret_key)


@pytest.fixture
def fair(alice):
    """A price at which a buy rests."""
    return alice.price("BTC", 0.9)


@pytest.fixture
def unchanged(devnet, alice):
    """Nothing of alice may change, and the server must still do its work."""
    before = snapshot(devnet, alice.address)
    yield
    assert snapshot(devnet, alice.address) == before
    assert requests.get(f"{devnet.url}/health", timeout=5).json()["healthy"] is True
    oid = resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), {"limit": {"tif": "Gtc"}}))
    assert only(alice.exchange.cancel("BTC", oid), "cancel") == "success"


def post(devnet, path: str, data: bytes | str, **options) -> requests.Response:
    headers = {"Content-Type": "application/json"}
    return requests.post(devnet.url + path, data=data, headers=headers, timeout=20, **options)


def exchange(devnet, body) -> dict:
    """The answer to a body that the server can read."""
    response = post(devnet, "/exchange", json.dumps(body))
    assert response.status_code == 200, response.text
    return response.json()


def assert_plain(response: requests.Response, status: int, words: str) -> None:
    """4xx bodies are plain text: the SDK breaks on other JSON."""
    assert response.status_code == status, (response.status_code, response.text[:200])
    assert response.headers["Content-Type"].startswith("text/plain"), response.headers
    assert response.text.startswith(words), response.text[:200]
    with pytest.raises(ValueError):
        json.loads(response.text)


MALFORMED = {
    "nothing": "",
    "white space": "  \n ",
    "half an object": '{"type":',
    "a bare word": "meta",
    "two values": '{"type":"meta"}{"type":"meta"}',
    "a trailing comma": '{"type":"meta",}',
    "single quotes": "{'type':'meta'}",
    "a comment": '{"type":"meta"} // please',
    "NaN": '{"type":"meta","x":NaN}',
    "infinity": '{"type":"meta","x":Infinity}',
    "a number too large for a float": '{"type":"meta","x":1e400}',
    "an integer of 60 digits": '{"type":"meta","x":' + "9" * 60 + "}",
    "an integer past 64 bits": '{"type":"meta","x":18446744073709551616}',
    "negative zero": '{"type":"meta","x":-0}',
    "a leading zero": '{"type":"meta","x":007}',
    "a hexadecimal number": '{"type":"meta","x":0x10}',
    "a duplicate key": '{"type":"meta","type":"meta"}',
    "a duplicate key by escape": '{"type":"meta","typ\\u0065":"meta"}',
    "a duplicate key deep down": '{"type":"meta","x":[{"a":1,"a":2}]}',
    "a control character": '{"type":"me\u0001ta"}',
    "half a surrogate": '{"type":"\\ud800"}',
    "a bomb of lists": "[" * 60_000,
    "a bomb of objects": '{"a":' * 20_000,
    "a closed bomb": '{"type":"meta","x":' + "[" * 5_000 + "]" * 5_000 + "}",
    "17 levels": '{"type":"meta","x":' + "[" * 17 + "]" * 17 + "}",
    "too many values": '{"type":"meta","x":[' + "0," * 30_000 + "0]}",
    "bytes that are no text": b'{"type":"\xff\xfe"}',
    "UTF-16": '{"type":"meta"}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("path", ["/info", "/exchange"])
def test_what_is_no_json(devnet, path, name):
    text = MALFORMED[name]
    assert_plain(post(devnet, path, text if isinstance(text, bytes) else text.encode()), 400, JSON_ERROR)


def test_bodies_have_a_size_limit(devnet, unchanged):
    large = '{"type":"meta","x":"' + "y" * 200_000 + '"}'
    for path in ("/info", "/exchange"):
        assert_plain(post(devnet, path, large), 413, "the body is larger than ")

    def drip():
        for _ in range(40):
            yield b" " * 8_192

    response = requests.post(f"{devnet.url}/info", data=drip(), timeout=20)
    assert response.status_code == 413


def test_paths_and_methods(devnet):
    assert requests.get(f"{devnet.url}/info", timeout=5).status_code == 405
    assert requests.put(f"{devnet.url}/exchange", data="{}", timeout=5).status_code == 405
    assert requests.post(f"{devnet.url}/nowhere", data="{}", timeout=5).status_code == 404
    assert requests.get(f"{devnet.url}/" + "a" * 60_000, timeout=5).status_code in (404, 414, 431)


WRONG_INFO = {
    "a list": [], "a text": "meta", "no type": {"coin": "BTC"}, "a number as type": {"type": 5},
    "an unknown type": {"type": "nothingOfTheKind"}, "no user": {"type": "openOrders"},
    "a short user": {"type": "openOrders", "user": "0x12"}, "a user that is no text": {"type": "openOrders", "user": 7},
    "no coin": {"type": "l2Book"}, "an unknown coin": {"type": "l2Book", "coin": "NOPE"},
    "a coin that is no text": {"type": "l2Book", "coin": 0},
    "strange rounding": {"type": "l2Book", "coin": "BTC", "nSigFigs": 9},
    "no request": {"type": "candleSnapshot"},
    "an unknown interval": {"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "7m", "startTime": 0}},
    "a start before time": {"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1m", "startTime": -5}},
    "an unknown venue": {"type": "meta", "dex": "xyz"},
    "an order without number": {"type": "orderStatus", "user": "0x" + "11" * 20},
    "half an order number": {"type": "orderStatus", "user": "0x" + "11" * 20, "oid": 1.5},
    "a negative order number": {"type": "orderStatus", "user": "0x" + "11" * 20, "oid": -1},
    "a short client order id": {"type": "orderStatus", "user": "0x" + "11" * 20, "oid": "0x12"},
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_INFO)
def test_questions_of_the_wrong_shape(devnet, name):
    assert_plain(post(devnet, "/info", json.dumps(WRONG_INFO[name])), 422, SHAPE_ERROR)


def wrong_bodies(signer, fair) -> dict:
    """Bodies that were signed well and then bent, or that are bent and signed as they are."""
    good = signer.body(place(order(fair)))

    def bent(**changes) -> dict:
        return {**good, **changes}

    def signed(**changes) -> dict:
        return signer.body(place({**order(fair), **changes}))

    def missing(key: str) -> dict:
        return {name: value for name, value in good.items() if name != key}

    signature = good["signature"]
    return {
        "a list": [good], "no action": missing("action"), "no nonce": missing("nonce"),
        "no signature": missing("signature"), "an unknown key": bent(expireAfter=now_ms() + 60_000),
        "an action that is a text": bent(action="order"), "an action without type": bent(action={"orders": []}),
        "an unknown action": signer.body({"type": "selfDestruct"}),
        "a negative nonce": bent(nonce=-1), "half a nonce": bent(nonce=1.5), "a nonce as text": bent(nonce="5"),
        "expiry as text": bent(expiresAfter="soon"), "a vault that is no address": bent(vaultAddress="0x12"),
        "a signature as text": bent(signature="0x00"), "no v": bent(signature={"r": "0x1", "s": "0x1"}),
        "an extra part of the signature": bent(signature={**signature, "x": 1}),
        "v of another chain": bent(signature={**signature, "v": 37}),
        "r without digits": bent(signature={**signature, "r": "0x"}),
        "r of 65 digits": bent(signature={**signature, "r": "0x" + "1" * 65}),
        "r that is no number": bent(signature={**signature, "r": "0xzz"}),
        "r as number": bent(signature={**signature, "r": 5}),
        "r of zero": bent(signature={**signature, "r": "0x0"}), "s of zero": bent(signature={**signature, "s": "0x0"}),
        "s past the order": bent(signature={**signature, "s": "0x" + "f" * 64}),
        "high s": bent(signature=with_high_s(signature)),
        "an order with an unknown key": signed(hidden=True), "an order without price": signer.body(
            place({key: value for key, value in order(fair).items() if key != "p"})),
        "a price as number": signed(p=100000), "a size as number": signed(s=0.01), "a side as text": signed(b="buy"),
        "an asset as text": signed(a="BTC"), "a negative asset": signed(a=-1), "an asset past 32 bits": signed(a=2**32),
        "an unknown tif": signed(t={"limit": {"tif": "Day"}}), "no type": signed(t={}),
        "both types": signed(
            t={"limit": {"tif": "Gtc"}, "trigger": {"isMarket": True, "triggerPx": "1", "tpsl": "sl"}}),
        "a short client order id": signed(c="0x1234"), "a client order id of null": signed(c=None),
        "an unknown grouping": signer.body({**place(order(fair)), "grouping": "all"}),
        "orders that are no list": signer.body({"type": "order", "orders": {}, "grouping": "na"}),
        "a cancel without number": signer.body({"type": "cancel", "cancels": [{"a": 0}]}),
        "a fast flag that is a text": signer.body({"type": "cancel", "cancels": [{"a": 0, "o": 1}], "f": "yes"}),
        "leverage as text": signer.body({"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": "5"}),
        "half a leverage": signer.body({"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 5.5}),
    }  # fmt: skip


def test_orders_of_the_wrong_shape(devnet, signer, fair, unchanged):
    for name, body in wrong_bodies(signer, fair).items():
        response = post(devnet, "/exchange", json.dumps(body))
        assert response.status_code == 422, (name, response.status_code, response.text[:200])
        assert_plain(response, 422, SHAPE_ERROR)


def test_one_bad_order_of_a_batch_stops_the_batch_if_its_shape_is_wrong(devnet, signer, fair, unchanged):
    body = signer.body(place(order(fair), order(fair, hidden=1), order(fair)))
    assert_plain(post(devnet, "/exchange", json.dumps(body)), 422, SHAPE_ERROR)


NUMBERS = {
    "NaN": "Infinity", "an exponent": "1e5", "a sign": "+100000", "spaces": " 100000 ", "nothing": "", "a dot": ".",
    "two dots": "1.2.3", "a comma": "100,000", "hexadecimal": "0x10", "letters": "abc", "99 digits": "9" * 99,
    "too many decimals": "100000." + "0" * 30 + "1",
}  # fmt: skip


@pytest.mark.parametrize("field", ["p", "s"])
def test_numbers_that_are_none(devnet, signer, fair, unchanged, field):
    for name, number in NUMBERS.items():
        status = only(exchange(devnet, signer.body(place({**order(fair), field: number}))))
        assert set(status) == {"error"}, (name, status)
    negative = only(exchange(devnet, signer.body(place({**order(fair), field: "-1"}))))
    assert set(negative) == {"error"}
    zero = only(exchange(devnet, signer.body(place({**order(fair), field: "0"}))))
    assert zero["error"] == ("Order has invalid price." if field == "p" else "Order has zero size.")


def test_prices_off_the_tick_and_assets_that_are_none(devnet, signer, fair, unchanged):
    assert only(exchange(devnet, signer.body(place(order(fair + 0.05))))) == {
        "error": "Price must be divisible by tick size."
    }
    assert only(exchange(devnet, signer.body(place(order(fair, size="0.000001"))))) == {
        "error": "Order has invalid size."
    }
    # One past the perpetuals and the spot pairs, a future that no series will have opened, and the ends of the ranges.
    for asset in (5, 9_999, 10_004, 109_999, 110_999, 120_000, 2**32 - 1):
        assert only(exchange(devnet, signer.body(place(order(fair, asset=asset))))) == {
            "error": f"Invalid asset: {asset}."
        }
        answer = exchange(devnet, signer.body({"type": "cancel", "cancels": [{"a": asset, "o": 1}]}))
        assert only(answer, "cancel") == {"error": NOT_OPEN}
        answer = exchange(
            devnet, signer.body({"type": "updateLeverage", "asset": asset, "isCross": True, "leverage": 2})
        )
        assert refused(answer) == f"Invalid asset: {asset}."
    assert only(exchange(devnet, signer.body({"type": "cancel", "cancels": [{"a": 0, "o": 2**63}]})), "cancel") == {
        "error": NOT_OPEN
    }


def test_batches_have_one_to_forty_parts(devnet, signer, fair, unchanged):
    for count in (0, 41, 200):
        for action in (
            place(*[order(fair)] * count),
            {"type": "cancel", "cancels": [{"a": 0, "o": 1}] * count},
            {"type": "batchModify", "modifies": [{"oid": 1, "order": order(fair)}] * count},
        ):
            words = refused(exchange(devnet, signer.body(action)))
            assert words == f"A batch holds 1 to 40 parts, found {count}."


def test_signatures_without_leading_zeros_count(devnet, alice, signer, fair):
    """The SDK does not pad r and s; about one signature in eight is shorter than 64 digits."""
    for padded in (False, True):
        action, nonce = place(order(fair)), signer.nonce()
        while True:
            signature = signer.sign(action, nonce)
            if min(len(signature["r"]), len(signature["s"])) < 66:
                break
            nonce = signer.last_nonce = nonce + 1
        if padded:
            signature = {
                **signature,
                "r": "0x" + signature["r"][2:].zfill(64),
                "s": "0x" + signature["s"][2:].zfill(64),
            }
        resting(exchange(devnet, {"action": action, "nonce": nonce, "signature": signature}))
    assert len(alice.open_orders()) == 2


def test_a_change_after_signing_changes_the_signer(devnet, signer, fair, unchanged):
    good = signer.body(place(order(fair)), expires=now_ms() + 60_000)
    changed_order = place(order(fair, size="0.02"))
    other_key_order = {"orders": good["action"]["orders"], "type": "order", "grouping": "na"}
    for changes in (
        {"action": changed_order}, {"action": other_key_order}, {"nonce": good["nonce"] + 1},
        {"expiresAfter": good["expiresAfter"] + 1}, {"expiresAfter": None},
        {"vaultAddress": "0x" + "ab" * 20}, {"signature": {**good["signature"], "v": 55 - good["signature"]["v"]}},
    ):  # fmt: skip
        words = refused(exchange(devnet, {**good, **changes}))
        assert words.startswith("User or API Wallet 0x") and signer.address not in words, words


def test_strangers_are_named_and_refused(devnet, fair, unchanged):
    stranger = Signer(EthAccount.create().key.hex())
    words = refused(exchange(devnet, stranger.body(place(order(fair)))))
    assert words.startswith("User or API Wallet 0x") and stranger.address in words and "does not exist" in words
    for action in ({"type": "cancel", "cancels": [{"a": 0, "o": 1}]}, {"type": "scheduleCancel"}):
        assert refused(exchange(devnet, stranger.body(action))).startswith("User or API Wallet 0x")


def test_a_vault_that_is_not_ones_own(devnet, signer, fair, unchanged):
    vault = "0x" + "ab" * 20
    assert refused(exchange(devnet, signer.body(place(order(fair)), vault=vault))) == f"Vault not registered: {vault}"


def test_nonces_are_used_once(devnet, alice, signer, fair):
    body = signer.body(place(order(fair)))
    resting(exchange(devnet, body))
    assert refused(exchange(devnet, body)).startswith(f"Invalid nonce: duplicate nonce {body['nonce']}")
    other = signer.body(place(order(fair, size="0.02")), nonce=body["nonce"])
    assert refused(exchange(devnet, other)).startswith("Invalid nonce: duplicate nonce")
    assert len(alice.open_orders()) == 1
    # Sent twenty times at once it is executed once.
    body = signer.body(place(order(fair)))
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: exchange(devnet, body), range(20)))
    assert len(alice.open_orders()) == 2, answers
    for answer in answers:
        if answer["status"] == "ok":
            assert only(answer)["resting"]["oid"] in alice.open_orders()
        else:
            assert "nonce" in answer["response"] or "already" in answer["response"].lower(), answer


def test_nonces_are_times(devnet, signer, fair, unchanged):
    for nonce in (0, 1, now_ms() - 2 * DAY_MS - 60_000, now_ms() + DAY_MS + 60_000, 2**63, 2**64 - 1):
        words = refused(exchange(devnet, signer.body(place(order(fair)), nonce=nonce)))
        assert words.startswith(f"Invalid nonce: {nonce} is not within 2 days before and 1 day after"), words


def test_of_the_hundred_highest_nonces_none_may_be_lower(devnet, alice, fair):
    answer, key = alice.exchange.approve_agent("nonces")
    done(answer)
    agent = Signer(key)
    start = now_ms()
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": 1}]}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: exchange(devnet, agent.body(cancel, nonce=start + n)), range(100)))
    assert all(statuses(answer, "cancel") for answer in answers)
    words = refused(exchange(devnet, agent.body(place(order(fair)), nonce=start - 1)))
    assert words.startswith(f"Invalid nonce: {start - 1} is too low, use one above {start}"), words
    resting(exchange(devnet, agent.body(place(order(fair)), nonce=start + 100)))


def test_what_has_expired(devnet, signer, fair, unchanged):
    for expires in (0, 1, now_ms() - 10_000):
        words = refused(exchange(devnet, signer.body(place(order(fair)), expires=expires)))
        assert words.startswith(f"Action expired: expiresAfter {expires} is before block time "), words


def test_an_agent_is_never_used_twice(devnet, alice, bob):
    """A key that was an agent is never one again, for nobody."""
    answer, key = alice.exchange.approve_agent()
    done(answer)
    done(alice.exchange.approve_agent()[0])
    old = Trader(devnet.url, key, account_address=alice.address)
    words = refused(old.exchange.order("BTC", True, 0.01, old.price("BTC", 0.9), {"limit": {"tif": "Gtc"}}))
    assert words == f"User or API Wallet {old.wallet.address.lower()} does not exist."
    for trader in (alice, bob):
        assert refused(approve(trader, old.wallet.address)) == "Extra agent already used."
    assert refused(approve(alice, bob.address)) == "Extra agent already used."
    assert refused(approve(alice, EthAccount.create().address, name="x" * 300))


def approve(trader, agent: str, name: str = "again") -> dict:
    """What `approve_agent` sends, for an address of our choice."""
    from hyperliquid.utils.signing import get_timestamp_ms, sign_agent

    action = {"type": "approveAgent", "agentAddress": agent, "agentName": name, "nonce": get_timestamp_ms()}
    signature = sign_agent(trader.wallet, action, False)
    return trader.exchange.post("/exchange", {"action": action, "nonce": action["nonce"], "signature": signature})


def test_user_signed_actions_of_the_wrong_shape(devnet, alice, unchanged):
    good = {
        "type": "usdSend", "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet",
        "destination": "0x" + "11" * 20, "amount": "1", "time": 5,
    }  # fmt: skip
    signature = {"r": "0x1", "s": "0x1", "v": 27}
    for changes in (
        {"hyperliquidChain": "Moon"}, {"signatureChainId": 5}, {"signatureChainId": "0xzz"}, {"time": 6},
        {"amount": 1}, {"destination": 1}, {"memo": "hi"},
    ):  # fmt: skip
        body = {"action": {**good, **changes}, "nonce": 5, "signature": signature}
        assert_plain(post(devnet, "/exchange", json.dumps(body)), 422, SHAPE_ERROR)
    body = {"action": good, "nonce": 5, "signature": signature, "expiresAfter": now_ms()}
    assert "not supported on user-signed actions" in refused(exchange(devnet, body))
    for amount in ("-1", "0", "1e3", "0.000000001", "99999999999999999999"):
        before = alice.balances()["USDC"]
        sent = send(alice, amount)
        assert sent["status"] == "err", (amount, sent)
        assert alice.balances()["USDC"] == before


def send(trader, amount: str) -> dict:
    from hyperliquid.utils.signing import get_timestamp_ms, sign_usd_transfer_action

    action = {"destination": "0x" + "11" * 20, "amount": amount, "time": get_timestamp_ms(), "type": "usdSend"}
    signature = sign_usd_transfer_action(trader.wallet, action, False)
    return trader.exchange.post("/exchange", {"action": action, "nonce": action["time"], "signature": signature})


def test_bytes_that_are_no_http(devnet, unchanged):
    place_ = urlsplit(devnet.url)
    for data in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 400,
        b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 4_096, b"POST /info HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
    ):  # fmt: skip
        with socket.create_connection((place_.hostname, place_.port), timeout=5) as raw:
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                answer = raw.recv(4_096)
            except OSError:  # it hung up at once, which is an answer too
                answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100]


def test_half_open_connections_do_not_starve_others(devnet, unchanged):
    place_ = urlsplit(devnet.url)
    idle = [socket.create_connection((place_.hostname, place_.port), timeout=5) for _ in range(200)]
    try:
        for raw in idle:
            raw.sendall(b"POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        started = time.monotonic()
        assert devnet.info({"type": "allMids"})["BTC"]
        assert time.monotonic() - started < 2
    finally:
        for raw in idle:
            raw.close()


def test_a_flood_of_nonsense_while_others_trade(devnet, alice):
    stop = threading.Event()

    def flood():
        with requests.Session() as session:
            while not stop.is_set():
                session.post(f"{devnet.url}/exchange", data="[" * 10_000, timeout=10)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            oid = resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), {"limit": {"tif": "Gtc"}}))
            assert only(alice.exchange.cancel("BTC", oid), "cancel") == "success"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    eventually(lambda: not alice.open_orders())
