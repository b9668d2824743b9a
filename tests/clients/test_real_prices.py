"""Recorded prices go in, the chain's index comes out: minute by minute through the crash of 10 October 2025.

The devnet that replays them runs beside all other tests, since 200 minutes need 200 oracle rounds of a second each. A
round that passes while the machine is busy elsewhere is over: the chain takes the newest round that has a quorum and
never an older one. So a minute may lack its index, but then of all assets at once; such minutes are counted, bounded
and made up for by later ones, while an index of one asset that is missing beside those of others is a failure.
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
# Rounds that a busy machine may miss.
MISSED_MINUTES_MAX = 20
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


class Indices:
    """What the chain says, block by block: (price, seats) by asset and recorded minute."""

    def __init__(self, devnet: Devnet, schedule: dict):
        self.devnet, self.schedule = devnet, schedule
        self.next_height = 1
        self.found: dict[tuple[int, int], tuple[Decimal, int]] = {}

    def read(self) -> None:
        """Reads the blocks that are new."""
        last_height = self.devnet.rpc("palisade_status")["height"]
        for height in range(self.next_height, last_height + 1):
            for event in self.devnet.rpc("palisade_block", {"height": height})["events"]:
                if event["type"] == "index_updated" and event["time_ms"] >= self.schedule["start_ms"]:
                    minute = (event["time_ms"] - self.schedule["start_ms"]) // MINUTE_MS
                    key = event["asset"], self.schedule["first_minute_ms"] + minute * RECORDED_MINUTE_MS
                    self.found[key] = Decimal(event["price"]), event["sources"]
        self.next_height = last_height + 1

    def minutes(self, covered: set[int]) -> list[int]:
        """The recorded minutes of which there is an index, but for the first and the last, which may be cut short."""
        return sorted({minute for asset, minute in self.found if asset in covered})[1:-1]


def ticks(devnet: Devnet) -> dict[str, Decimal]:
    """One tick of each perpetual by its symbol; an asset without a market counts in the smallest step there is."""
    return {market["spec"]["symbol"]: Decimal(market["spec"]["tick"]) for market in devnet.rpc("palisade_markets")}


@pytest.mark.timeout(400)
def test_the_index_is_the_median_of_the_venues(replay):
    if replay is None:
        pytest.skip(f"SKIPPED: no recorded prices: {FILE} is not in PALISADE_DATA")
    devnet, schedule = replay.devnet, replay.devnet.description["prices"]
    assert schedule["source"] == "replay" and schedule["minute_ms"] == MINUTE_MS
    symbols = {asset["id"]: asset["symbol"] for asset in devnet.rpc("palisade_assets")}
    covered = {number for number, symbol in symbols.items() if symbol in schedule["assets"]}
    assert {"BTC", "ETH", "SOL", "AVAX", "DOGE", "LINK"} <= set(schedule["assets"])
    shown = Indices(devnet, schedule)
    last_minute = FIRST_MINUTE + LATE_MINUTES_MAX + MINUTES + MISSED_MINUTES_MAX
    ends_at_s = (schedule["start_ms"] + last_minute * MINUTE_MS) / 1_000 + 3
    # Other tests may have run before and taken longer than the replay, so first what there is.
    shown.read()
    while len(shown.minutes(covered)) < MINUTES:
        assert time.time() < ends_at_s, f"only {len(shown.minutes(covered))} minutes have an index"
        time.sleep(1)
        shown.read()

    minutes = shown.minutes(covered)[:MINUTES]
    late = (minutes[0] - schedule["first_minute_ms"]) // RECORDED_MINUTE_MS - FIRST_MINUTE
    assert late <= LATE_MINUTES_MAX, f"the first index came {late} minutes late"
    missed = (minutes[-1] - minutes[0]) // RECORDED_MINUTE_MS + 1 - MINUTES
    assert missed <= MISSED_MINUTES_MAX, f"{missed} of {MINUTES + missed} oracle rounds were missed"
    expected, tick = medians(replay.file), ticks(devnet)
    compared = defaultdict(int)
    for minute in minutes:
        for number in covered:
            symbol = symbols[number]
            wanted, found = expected.get((symbol, minute)), shown.found.get((number, minute))
            if wanted is None:
                assert found is None, f"an index of {symbol} at {minute}, where no venue traded: {found}"
                continue
            assert found is not None, f"no index of {symbol} at {minute}, but its venues say {wanted}"
            price, seats = found
            assert abs(price - wanted) <= tick.get(symbol, STEP), f"{symbol} at {minute}: {price}, venues {wanted}"
            assert seats >= 3, f"{symbol} at {minute}: only {seats} seats"
            compared[symbol] += 1
    print(f"compared {sum(compared.values())} indices of {MINUTES} minutes, {missed} rounds missed: {dict(compared)}")
    assert compared["DOGE"] == MINUTES, "a coin that traded every minute has an index of every minute"
    assert min(compared.values()) > MINUTES // 2
    assert_crash_is_in_it(expected, minutes)


def assert_crash_is_in_it(expected: dict, minutes: list[int]) -> None:
    """That the right hours were replayed: one coin lost more than 30 per cent within the minutes compared."""
    path = [expected["ATOM", minute] for minute in minutes if ("ATOM", minute) in expected]
    assert min(path) < max(path) * Decimal("0.7"), (min(path), max(path))
