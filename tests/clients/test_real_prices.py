"""Recorded prices go in, the chain's index comes out: minute by minute through the crash of 10 October 2025.

The devnet that replays them runs beside all other tests, since 200 minutes need 200 oracle rounds of a second each.
What the index must be is computed here, from the file alone and in decimals: the median of the venues' closes of that
minute, of an even number of venues the mean of the middle two, rounded down to 1e-8.
"""

import csv
import io
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
import zstandard

from devnet import Devnet, data_folder

FILE = "crash/2025-10-10_1m_bars_from_trades_55series.csv.zst"
# How long a recorded minute lasts: one oracle round, so every minute has one index.
MINUTE_MS = 1_000
RECORDED_MINUTE_MS = 60_000
MINUTES = 200
# 20:30 UTC; prices began to fall twenty minutes later, and fell hardest at 21:15.
FIRST_MINUTE = 20 * 60 + 30
# The devnet needs some seconds, which are minutes here, before its first index.
LATE_MINUTES_MAX = 20
STEP = Decimal("0.00000001")
QUOTES = ("USDT", "USD")


@dataclass
class Replay:
    """A devnet that replays the file."""

    devnet: Devnet
    file: Path


def recorded() -> Path | None:
    path = data_folder() / FILE
    return path if path.is_file() else None


def start(folder: Path) -> Replay | None:
    """Starts the replay in the background; nothing without the recording."""
    file = recorded()
    if file is None:
        return None
    begin_ms = (int(time.time()) - FIRST_MINUTE * MINUTE_MS // 1_000) * 1_000
    devnet = Devnet.start(
        folder, "--no-market-maker", "--prices", str(file), "--price-minute-ms", str(MINUTE_MS),
        "--price-start-ms", str(begin_ms),
    )  # fmt: skip
    return Replay(devnet, file)


def base_of(symbol: str) -> str | None:
    """BTC-USD, BTCUSDT, BTCUSD_PERP -> BTC; nothing for what is not quoted in dollars."""
    plain = symbol.removesuffix("_PERP").replace("-", "")
    return next((plain.removesuffix(quote) for quote in QUOTES if plain.endswith(quote)), None)


def medians(file: Path) -> dict[tuple[str, int], Decimal]:
    """The median close by asset and start of the minute."""
    closes: dict[tuple[str, int], dict[tuple[str, str], Decimal]] = defaultdict(dict)
    with open(file, "rb") as compressed, zstandard.ZstdDecompressor().stream_reader(compressed) as stream:
        for row in csv.DictReader(io.TextIOWrapper(stream)):
            base = base_of(row["symbol"])
            if base:
                close = Decimal(row["close"]).quantize(STEP, ROUND_DOWN)
                closes[base, int(row["open_time_ms"])][row["venue"], row["symbol"]] = close
    return {key: median(sorted(of_minute.values())) for key, of_minute in closes.items()}


def median(prices: list[Decimal]) -> Decimal:
    middle = len(prices) // 2
    if len(prices) % 2:
        return prices[middle]
    return ((prices[middle - 1] + prices[middle]) / 2).quantize(STEP, ROUND_DOWN)


def indices(devnet: Devnet, schedule: dict, until_minute: int) -> dict[tuple[int, int], tuple[Decimal, int]]:
    """(price, seats) by asset and recorded minute, from the events of every block so far."""
    found = {}
    last_height = devnet.rpc("palisade_status")["height"]
    for height in range(1, last_height + 1):
        for event in devnet.rpc("palisade_block", {"height": height})["events"]:
            if event["type"] != "index_updated" or event["time_ms"] < schedule["start_ms"]:
                continue
            minute = (event["time_ms"] - schedule["start_ms"]) // MINUTE_MS
            if minute < until_minute:
                key = event["asset"], schedule["first_minute_ms"] + minute * RECORDED_MINUTE_MS
                found[key] = Decimal(event["price"]), event["sources"]
    return found


def ticks(devnet: Devnet) -> dict[str, Decimal]:
    """One tick of each perpetual by its symbol; an asset without a market counts in the smallest step there is."""
    return {market["spec"]["symbol"]: Decimal(market["spec"]["tick"]) for market in devnet.rpc("palisade_markets")}


@pytest.mark.timeout(400)
def test_the_index_is_the_median_of_the_venues(replay):
    if replay is None:
        pytest.skip(f"SKIPPED: no recorded prices: {FILE} is not in PALISADE_DATA")
    devnet, schedule = replay.devnet, replay.devnet.description["prices"]
    assert schedule["source"] == "replay" and schedule["minute_ms"] == MINUTE_MS
    end = FIRST_MINUTE + LATE_MINUTES_MAX + MINUTES
    time.sleep(max(0.0, (schedule["start_ms"] + end * MINUTE_MS) / 1_000 + 3 - time.time()))
    symbols = {asset["id"]: asset["symbol"] for asset in devnet.rpc("palisade_assets")}
    covered = {number for number, symbol in symbols.items() if symbol in schedule["assets"]}
    assert {"BTC", "ETH", "SOL", "AVAX", "DOGE", "LINK"} <= set(schedule["assets"])
    shown = {key: value for key, value in indices(devnet, schedule, end).items() if key[0] in covered}
    expected, tick = medians(replay.file), ticks(devnet)

    first_seen = min(minute for _, minute in shown)
    late = (first_seen - schedule["first_minute_ms"]) // RECORDED_MINUTE_MS - FIRST_MINUTE
    assert late <= LATE_MINUTES_MAX, f"the first index came {late} minutes late"
    compared = defaultdict(int)
    for place in range(MINUTES):
        minute = first_seen + RECORDED_MINUTE_MS * (place + 1)
        for number in covered:
            symbol = symbols[number]
            wanted, found = expected.get((symbol, minute)), shown.get((number, minute))
            if wanted is None:
                assert found is None, f"an index of {symbol} at {minute}, where no venue traded: {found}"
                continue
            assert found is not None, f"no index of {symbol} at {minute}, but its venues say {wanted}"
            price, seats = found
            assert abs(price - wanted) <= tick.get(symbol, STEP), f"{symbol} at {minute}: {price}, venues {wanted}"
            assert seats >= 3, f"{symbol} at {minute}: only {seats} seats"
            compared[symbol] += 1
    print(f"compared {sum(compared.values())} indices of {MINUTES} minutes: {dict(compared)}")
    assert compared["DOGE"] == MINUTES, "a coin that traded every minute has an index of every minute"
    assert min(compared.values()) > MINUTES // 2
    assert_crash_is_in_it(expected, first_seen)


def assert_crash_is_in_it(expected: dict, first_seen: int) -> None:
    """That the right hours were replayed: one coin lost more than 30 per cent within the minutes compared."""
    path = [expected["ATOM", first_seen + RECORDED_MINUTE_MS * place] for place in range(1, MINUTES)
            if ("ATOM", first_seen + RECORDED_MINUTE_MS * place) in expected]  # fmt: skip
    assert min(path) < max(path) * Decimal("0.7"), (min(path), max(path))
