"""What answers must look like: clients crash on a number where Hyperliquid sends a text, or on a missing key."""

import re
from decimal import Decimal

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
ADDRESS = re.compile(r"0x[0-9a-f]{40}")
HASH = re.compile(r"0x[0-9a-f]{64}")
CLOID = re.compile(r"0x[0-9a-f]{32}")

# Every status that any known client understands; some clients stop at others.
ORDER_STATUSES = set(
    """open filled canceled triggered rejected marginCanceled vaultWithdrawalCanceled openInterestCapCanceled
    selfTradeCanceled reduceOnlyCanceled siblingFilledCanceled delistedCanceled liquidatedCanceled scheduledCancel
    tickRejected minTradeNtlRejected perpMarginRejected reduceOnlyRejected badAloPxRejected iocCancelRejected
    badTriggerPxRejected marketOrderNoLiquidityRejected insufficientSpotBalanceRejected oracleRejected
    perpMaxPositionRejected""".split()
)
FILL_DIRECTIONS = {
    "Open Long", "Close Long", "Open Short", "Close Short", "Long > Short", "Short > Long", "Buy", "Sell",
}  # fmt: skip


def decimal(value) -> Decimal:
    """A number as text, without exponent."""
    assert isinstance(value, str), f"must be a text: {value!r}"
    assert DECIMAL.fullmatch(value), f"must be a decimal number: {value!r}"
    return Decimal(value)


def positive(value) -> Decimal:
    number = decimal(value)
    assert number > 0, value
    return number


def whole(value) -> int:
    assert type(value) is int and 0 <= value < 2**53, f"must be a whole number below 2^53: {value!r}"
    return value


def time_ms(value) -> int:
    assert 1_600_000_000_000 < whole(value) < 4_000_000_000_000, value
    return value


def text(value, pattern: re.Pattern) -> str:
    assert isinstance(value, str) and pattern.fullmatch(value), f"must match {pattern.pattern}: {value!r}"
    return value


def keys(value: dict, *expected: str) -> None:
    missing = [key for key in expected if key not in value]
    assert not missing, f"lacks {missing}: {value}"


def level(value: dict) -> tuple[Decimal, Decimal]:
    assert set(value) == {"px", "sz", "n"}, value
    assert whole(value["n"]) > 0
    return positive(value["px"]), positive(value["sz"])


def book(value: dict, coin: str) -> tuple[list, list]:
    """Bids and asks as (price, size), after all checks."""
    assert value["coin"] == coin
    time_ms(value["time"])
    bids, asks = ([level(entry) for entry in side] for side in value["levels"])
    assert len(bids) <= 20 and len(asks) <= 20
    assert [price for price, _ in bids] == sorted({price for price, _ in bids}, reverse=True)
    assert [price for price, _ in asks] == sorted({price for price, _ in asks})
    assert not bids or not asks or bids[0][0] < asks[0][0], "the book is crossed"
    return bids, asks


def trade(value: dict, coin: str) -> None:
    assert value["coin"] == coin and value["side"] in ("A", "B")
    positive(value["px"]), positive(value["sz"]), time_ms(value["time"]), whole(value["tid"])
    text(value["hash"], HASH)
    assert len(value["users"]) == 2
    for user in value["users"]:
        text(user, ADDRESS)


def candle(value: dict, coin: str, interval: str, span_ms: int) -> None:
    assert value["s"] == coin and value["i"] == interval
    assert value["t"] % span_ms == 0 and value["T"] == value["t"] + span_ms - 1
    opened, closed, high, low = (positive(value[key]) for key in "ochl")
    assert low <= min(opened, closed) and max(opened, closed) <= high
    positive(value["v"]), whole(value["n"])


def fill(value: dict) -> None:
    keys(value, "coin", "px", "sz", "side", "time", "startPosition", "dir", "closedPnl", "hash", "oid", "crossed", "twapId")
    positive(value["px"]), positive(value["sz"]), time_ms(value["time"]), decimal(value["startPosition"])
    decimal(value["closedPnl"]), decimal(value["fee"]), whole(value["oid"]), whole(value["tid"])
    text(value["hash"], HASH)
    assert value["side"] in ("A", "B") and value["dir"] in FILL_DIRECTIONS and isinstance(value["crossed"], bool)
    assert value["feeToken"] == "USDC"


def order(value: dict) -> None:
    keys(value, "coin", "side", "limitPx", "sz", "oid", "timestamp", "origSz")
    positive(value["limitPx"]), decimal(value["sz"])
    # Zero stands for all of a position.
    assert decimal(value["origSz"]) > 0 or value.get("isPositionTpsl"), value
    whole(value["oid"]), time_ms(value["timestamp"])
    assert value["side"] in ("A", "B")
    if value.get("cloid") is not None:
        text(value["cloid"], CLOID)


def frontend_order(value: dict) -> None:
    order(value)
    assert isinstance(value["isPositionTpsl"], bool) and isinstance(value["reduceOnly"], bool)
    assert "cloid" in value
    for child in value["children"]:
        frontend_order(child)
    if value["isTrigger"]:
        assert value["triggerCondition"] in (f"Price {side} {value['triggerPx']}" for side in ("above", "below"))
        positive(value["triggerPx"])
        assert value["orderType"] in ("Stop Market", "Stop Limit", "Take Profit Market", "Take Profit Limit")
        assert value["tif"] is None and value["children"] == []
    else:
        assert value["triggerCondition"] == "N/A" and value["triggerPx"] == "0.0" and not value["isPositionTpsl"]
        assert value["orderType"] == "Limit" and value["tif"] in ("Gtc", "Ioc", "Alo")


def order_with_status(value: dict) -> None:
    frontend_order(value["order"])
    assert value["status"] in ORDER_STATUSES
    time_ms(value["statusTimestamp"])


def clearinghouse_state(value: dict) -> dict[str, dict]:
    """Positions by coin, after all checks."""
    for summary in ("marginSummary", "crossMarginSummary"):
        for key in ("accountValue", "totalNtlPos", "totalRawUsd", "totalMarginUsed"):
            decimal(value[summary][key])
    decimal(value["crossMaintenanceMarginUsed"]), decimal(value["withdrawable"]), time_ms(value["time"])
    positions = {}
    for entry in value["assetPositions"]:
        assert entry["type"] == "oneWay"
        position = entry["position"]
        for key in ("szi", "marginUsed", "positionValue", "returnOnEquity", "unrealizedPnl", "entryPx"):
            decimal(position[key])
        for key in ("allTime", "sinceOpen", "sinceChange"):
            decimal(position["cumFunding"][key])
        assert whole(position["leverage"]["value"]) >= 1
        if position["leverage"]["type"] == "isolated":
            decimal(position["leverage"]["rawUsd"])
        else:
            assert position["leverage"]["type"] == "cross" and "rawUsd" not in position["leverage"]
        assert whole(position["maxLeverage"]) >= position["leverage"]["value"]
        assert position["liquidationPx"] is None or positive(position["liquidationPx"])
        assert position["coin"] not in positions
        positions[position["coin"]] = position
    return positions


def spot_state(value: dict) -> dict[str, tuple[Decimal, Decimal]]:
    """(total, hold) by coin, after all checks."""
    balances = {}
    for balance in value["balances"]:
        total, hold = decimal(balance["total"]), decimal(balance["hold"])
        decimal(balance["entryNtl"]), whole(balance["token"])
        assert 0 <= hold <= total, balance
        assert balance["coin"] not in balances
        balances[balance["coin"]] = (total, hold)
    return balances


def perpetual_context(value: dict) -> None:
    for key in ("funding", "openInterest", "dayNtlVlm", "dayBaseVlm"):
        decimal(value[key])
    for key in ("prevDayPx", "markPx", "oraclePx"):
        positive(value[key])
    assert value["midPx"] is None or positive(value["midPx"])
    assert value["premium"] is None or decimal(value["premium"]) is not None
    assert value["impactPxs"] is None or [positive(price) for price in value["impactPxs"]]


def spot_context(value: dict, coin: str) -> None:
    assert value["coin"] == coin
    for key in ("dayNtlVlm", "circulatingSupply"):
        decimal(value[key])
    for key in ("prevDayPx", "markPx", "midPx"):
        positive(value[key])
