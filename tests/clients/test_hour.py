"""What ccxt shows of an hour of funding and of a liquidation.

A devnet of its own runs beside all other tests. Its clock begins two minutes before an hour, and half a minute after it ETH falls by
an eighth: by then alice is long of BTC, whose funding is due at the hour, and of ETH with little margin of its own.
"""

import asyncio
from pathlib import Path

import pytest

from bots import BTC, ETH, streaming, synchronous
from devnet import Devnet
from traders import eventually

HOUR_MS = 3_600_000
# A recorded minute lasts a second.
MINUTE_MS = 1_000
RECORDED_MINUTE_MS = 60_000
# Steady for longer than a devnet may take to start: whoever buys late would buy what has fallen.
STEADY_MINUTES, FALL_MINUTES, MINUTES = 150, 12, 2_000
WAIT_S = 180
# Beside other tests the hour is over when these begin; alone they wait for it.
pytestmark = pytest.mark.timeout(WAIT_S + 60)


def close(minute: int) -> float:
    """A hundredth less every second, from the start of the fall on."""
    return 3_000 * (1 - min(max(minute - STEADY_MINUTES, 0), FALL_MINUTES) / 100)


def start(folder: Path) -> Devnet:
    """Starts it and buys."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "fall.csv"
    rows = [f"{minute * RECORDED_MINUTE_MS},here,ETHUSD,{close(minute):.2f}" for minute in range(MINUTES)]
    file.write_text("\n".join(["open_time_ms,venue,symbol,close", *rows]) + "\n")
    devnet = Devnet.start(folder, "--time", "06:58", "--prices", str(file), "--price-minute-ms", str(MINUTE_MS))
    devnet.wait_for_prices(True)
    bot = synchronous(devnet)
    prices = {symbol: ticker["close"] for symbol, ticker in bot.fetch_tickers([BTC, ETH]).items()}
    assert prices[ETH] > 2_900, "bought before the fall"
    bot.create_order(BTC, "market", "buy", 1, prices[BTC])
    bot.set_margin_mode("isolated", ETH, {"leverage": 20})
    bot.create_order(ETH, "market", "buy", 5, prices[ETH])
    return devnet


@pytest.fixture(scope="module")
def bot(hour):
    return synchronous(hour)


def look_at(liquidations: list[dict]) -> None:
    """They are alice's."""
    assert 0 < sum(liquidation["contracts"] for liquidation in liquidations) <= 5
    for liquidation in liquidations:
        assert liquidation["symbol"] == ETH and liquidation["contracts"] > 0
        assert 3_000 * 0.86 < liquidation["price"] < 3_000


def test_fetch_my_liquidations(bot):
    look_at(eventually(bot.fetch_my_liquidations, WAIT_S))


def test_watch_my_liquidations(bot, hour):
    """A stream begins with what there was."""
    eventually(bot.fetch_my_liquidations, WAIT_S)

    async def watched() -> list[dict]:
        watcher = streaming(hour)
        try:
            return await asyncio.wait_for(watcher.watch_my_liquidations(ETH), 10)
        finally:
            await watcher.close()

    look_at(asyncio.run(watched()))


def test_fetch_funding_rate_history(bot):
    rates = eventually(lambda: bot.fetch_funding_rate_history(BTC), WAIT_S)
    for rate in rates:
        assert rate["symbol"] == BTC and 0 < abs(rate["fundingRate"]) <= 0.04 and rate["timestamp"] % HOUR_MS == 0


def test_fetch_funding_history(bot):
    """A position pays when it changes, for the hours that are over."""
    eventually(lambda: bot.fetch_funding_rate_history(BTC), WAIT_S)
    bot.create_order(BTC, "market", "buy", 0.01, bot.fetch_ticker(BTC)["close"])
    payment = eventually(bot.fetch_funding_history)[-1]
    assert (payment["symbol"], payment["code"]) == (BTC, "USDC") and payment["amount"] != 0 and payment["rate"] != 0
