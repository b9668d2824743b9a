"""Options through Hyperliquid's format: listed by `optionMeta`, traded by `assetId` with the unmodified SDK."""

import time
from decimal import Decimal

import pytest

import shapes
from traders import GTC, IOC, Trader, error, eventually, filled, only, resting

CONTEXTS = {"type": "optionMetaAndAssetCtxs"}


def listed(trader: Trader) -> list[tuple[dict, dict]]:
    meta, contexts = trader.info.post("/info", CONTEXTS)
    assert len(meta["universe"]) == len(contexts)
    return list(zip(meta["universe"], contexts))


def learn(trader: Trader, option: dict) -> str:
    """Tells the SDK of an option, which it would not find in `meta`."""
    name, asset = option["name"], option["assetId"]
    trader.info.name_to_coin[name] = name
    trader.info.coin_to_asset[name] = asset
    trader.info.asset_to_sz_decimals[asset] = option["szDecimals"]
    return name


@pytest.fixture
def quoted(alice):
    """A call and a put of one strike some days ahead, once the maker quotes them."""

    def found():
        for option, context in listed(alice):
            ahead_days = option["expiration"] / 86_400_000 - time.time() / 86_400
            if option["underlying"] == "BTC" and 4 < ahead_days and context["midPx"] and "greeks" in context:
                return option, context
        return None

    return eventually(found, 60)


def every_expiry_is_quoted(devnet) -> bool:
    """Eleven strikes of each, from one side at least: nobody bids for an option that is worth nothing."""
    strikes: dict[tuple, set] = {}
    for market in devnet.rpc("palisade_markets"):
        kind = market["spec"]["kind"]
        if kind["type"] == "option":
            quoted = strikes.setdefault((kind["underlying"], kind["expires_at_ms"]), set())
            if market["best_ask"]:
                quoted.add(kind["strike"])
    return len(strikes) >= 2 * 4 and all(len(quoted) >= 11 for quoted in strikes.values())


def test_the_chain_is_listed_with_marks_and_greeks(devnet, alice):
    eventually(lambda: len(listed(alice)) >= 2 * 4 * 11 * 2, 60)
    eventually(lambda: all("greeks" in context for _, context in listed(alice)), 30)
    eventually(lambda: every_expiry_is_quoted(devnet), 30)
    chain = listed(alice)
    expiries = {(option["underlying"], option["expiration"]) for option, _ in chain}
    for underlying in ("BTC", "ETH"):
        assert sum(1 for of, _ in expiries if of == underlying) >= 4
    for expiry in expiries:
        strikes = {option["strike"] for option, _ in chain if (option["underlying"], option["expiration"]) == expiry}
        assert len(strikes) >= 11, expiry
    ids = [option["assetId"] for option, _ in chain]
    assert ids == sorted(set(ids)) and ids[0] >= 1_000_000_000
    universe = {asset["name"] for asset in alice.info.meta()["universe"]}
    by_name = {option["name"]: context for option, context in chain}
    for option, context in chain:
        day, strike, letter = option["name"].split("-")[1:]
        assert Decimal(strike.replace("d", ".")) == Decimal(option["strike"]) and option["expiration"] % 86_400_000 == 28_800_000
        assert option["optionType"] == {"C": "call", "P": "put"}[letter]
        assert option["name"] not in universe
        mark, forward = shapes.decimal(context["markPx"]), shapes.positive(context["forwardPx"])
        delta = shapes.decimal(context["greeks"]["delta"])
        assert (0 <= delta <= 1) if letter == "C" else (-1 <= delta <= 0)
        # Put-call parity of marks, to a cent: both were read at once.
        other = by_name[f"{option['underlying']}-{day}-{strike}-{'P' if letter == 'C' else 'C'}"]
        sign = 1 if letter == "C" else -1
        gap = sign * (mark - Decimal(other["markPx"])) - (forward - Decimal(option["strike"]))
        assert abs(gap) < Decimal("0.01"), (option["name"], gap)


def test_an_option_is_bought_for_its_premium_and_sold_again(alice, quoted):
    option, context = quoted
    name = learn(alice, option)
    book = alice.info.l2_snapshot(name)
    ask = Decimal(book["levels"][1][0]["px"])
    cash = alice.balances()["USDC"][0]
    bought = filled(alice.exchange.order(name, True, 0.02, float(ask) * 1.05 // 1, IOC))
    premium = Decimal(bought["avgPx"]) * Decimal(bought["totalSz"])
    fee = cash - premium - alice.balances()["USDC"][0]
    notional = Decimal(context["forwardPx"]) * Decimal("0.02")
    assert 0 < fee <= notional * Decimal("0.000301"), fee
    position = alice.positions()[name]
    assert Decimal(position["szi"]) == Decimal("0.02") and Decimal(position["entryPx"]) == 0
    fill = eventually(lambda: [f for f in alice.info.user_fills(alice.address) if f["coin"] == name])[0]
    assert Decimal(fill["sz"]) == Decimal("0.02")
    filled(alice.exchange.order(name, False, 0.02, 1, IOC, reduce_only=True))
    assert name not in alice.positions()


def test_orders_of_options_rest_and_are_cancelled(alice, quoted):
    option, context = quoted
    name = learn(alice, option)
    oid = resting(alice.exchange.order(name, True, 0.02, 1, GTC))
    assert alice.open_orders()[oid]["coin"] == name
    assert only(alice.exchange.cancel(name, oid), "cancel") == "success"
    # A limit so far above the mark is an error of whoever sends it.
    far = float(context["forwardPx"]) // 1
    assert error(alice.exchange.order(name, True, 0.02, far, GTC)) == "Order price too far from oracle"


def test_options_have_no_leverage(alice, quoted):
    name = learn(alice, quoted[0])
    answer = alice.exchange.update_leverage(5, name)
    assert answer["status"] == "err" and "leverage" in answer["response"].lower(), answer
