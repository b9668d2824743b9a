"""An hour of trading: is memory flat, and are the logs without errors?

Starts a devnet, whose market maker quotes by default, and two bots on the funded accounts: one with the Hyperliquid
SDK, one with ccxt, each over HTTP and WebSocket. Every ten seconds the resident memory of the devnet is measured. At
the end a line is laid through the second half of the measurements, and its slope is compared with a bound.

SOAK_SECONDS (default 3600), PALISADE_BIN, SOAK_GROWTH_MIB_PER_HOUR (default below). Exit code 0: flat and without
errors; 1: not; 2: the soak itself failed.

The bound is above zero because within an hour the gateway's history is still filling up to its documented limits (fills,
orders, candles, ledger entries). Four validators run in the one process.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import ccxt
from hyperliquid.info import Info

from bots import BTC, ETH, streaming
from devnet import Devnet, DevnetFailure
from traders import ALO, GTC, Trader, cloid

SAMPLE_S = 10
REPORT_EVERY_SAMPLES = 6
GROWTH_MIB_PER_HOUR = float(os.environ.get("SOAK_GROWTH_MIB_PER_HOUR", "30"))
PAUSE_S = 0.2


class Tally:
    """What a bot did and what went wrong."""

    def __init__(self, name: str):
        self.name = name
        self.done = Counter()
        self.refused = Counter()
        self.failed = Counter()

    def answer(self, what: str, answer: dict) -> list:
        """Counts an answer of the SDK; a refusal in the venue's words is no failure."""
        if answer["status"] != "ok":
            self.refused[f"{what}: {numberless(answer['response'])}"] += 1
            return []
        self.done[what] += 1
        statuses = answer["response"].get("data", {}).get("statuses", [])
        for status in statuses:
            if isinstance(status, dict) and "error" in status:
                self.refused[f"{what}: {numberless(status['error'])}"] += 1
        return statuses

    def lines(self) -> list[str]:
        rows = [f"{self.name}: {sum(self.done.values())} steps, {dict(self.done)}"]
        rows += [f"{self.name} was refused {count} times: {words}" for words, count in self.refused.most_common()]
        return rows + [f"{self.name} FAILED {count} times: {words}" for words, count in self.failed.most_common()]


def numberless(words: str) -> str:
    return re.sub(r"[0-9]+(\.[0-9]+)?", "#", str(words))[:160]


class SdkBot(threading.Thread):
    """Quotes, moves, takes and cancels with the Hyperliquid SDK, and listens."""

    def __init__(self, devnet: Devnet, ends_at: float):
        super().__init__(name="sdk bot", daemon=True)
        self.trader = Trader(devnet.url, devnet.accounts[0].secret_key)
        self.listener = Info(devnet.url)
        self.ends_at, self.tally, self.pushes = ends_at, Tally("sdk bot"), Counter()

    def run(self) -> None:
        for kind in ("orderUpdates", "userEvents", "userFills"):
            self.follow(type=kind, user=self.trader.address)
        for kind in ("l2Book", "trades", "bbo", "activeAssetCtx"):
            self.follow(type=kind, coin="BTC")
        try:
            while time.time() < self.ends_at:
                try:
                    self.round()
                except Exception as error:  # whatever it is, it is counted and reported
                    self.tally.failed[f"{type(error).__name__}: {numberless(error)}"] += 1
                    time.sleep(1)
            self.trader.reset()
        finally:
            # Its threads would keep the process alive.
            self.listener.disconnect_websocket()

    def follow(self, **subscription) -> None:
        kind = subscription["type"]
        self.listener.subscribe(subscription, lambda _: self.pushes.update([kind]))

    def round(self) -> None:
        trader, exchange, tally = self.trader, self.trader.exchange, self.tally
        for coin, size in (("BTC", 0.01), ("ETH", 0.2), ("SOL", 4)):
            name = cloid()
            placed = tally.answer("order", exchange.order(coin, True, size, trader.price(coin, 0.95), ALO, cloid=name))
            if placed and "resting" in placed[0]:
                tally.answer(
                    "modify", exchange.modify_order(name, coin, True, size, trader.price(coin, 0.94), GTC, cloid=name)
                )
                assert name.to_raw() in [order.get("cloid") for order in trader.open_orders().values()]
                assert tally.answer("cancel", exchange.cancel_by_cloid(coin, name)) == ["success"]
            (taken,) = tally.answer("take", exchange.market_open(coin, True, size))
            if "filled" in taken:
                assert trader.info.user_fills(trader.address)[0]["oid"] == taken["filled"]["oid"]
                tally.answer("close", exchange.market_close(coin))
            time.sleep(PAUSE_S)
        trader.balances(), trader.positions()
        assert not trader.open_orders()
        tally.done["queries"] += 3


class CcxtBot(threading.Thread):
    """The same with ccxt pro: half over the WebSocket, half over HTTP."""

    def __init__(self, devnet: Devnet, ends_at: float):
        super().__init__(name="ccxt bot", daemon=True)
        self.devnet, self.ends_at, self.tally, self.pushes = devnet, ends_at, Tally("ccxt bot"), Counter()

    def run(self) -> None:
        asyncio.run(self.session())

    async def session(self) -> None:
        bot = streaming(self.devnet, 1)
        await bot.load_markets()
        watchers = [
            asyncio.create_task(self.watch(name, watch))
            for name, watch in (
                ("book", lambda: bot.watch_order_book(BTC)),
                ("orders", bot.watch_orders),
                ("fills", bot.watch_my_trades),
                ("balance", bot.watch_balance),
                ("positions", bot.watch_positions),
            )
        ]
        while time.time() < self.ends_at:
            try:
                await self.round(bot)
            except ccxt.InvalidOrder as error:
                self.tally.refused[numberless(error)] += 1
            except Exception as error:  # whatever it is, it is counted and reported
                self.tally.failed[f"{type(error).__name__}: {numberless(error)}"] += 1
                await asyncio.sleep(1)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await bot.close()

    async def watch(self, name: str, watch) -> None:
        while True:
            try:
                await watch()
                self.pushes[name] += 1
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.tally.failed[f"watch {name}: {type(error).__name__}: {numberless(error)}"] += 1
                await asyncio.sleep(1)

    async def round(self, bot) -> None:
        for symbol, size in ((BTC, 0.01), (ETH, 0.2)):
            price = (await bot.fetch_ticker(symbol))["close"]
            placed = await bot.create_order_ws(symbol, "limit", "sell", size, price * 1.05)
            edited = await bot.edit_order_ws(placed["id"], symbol, "limit", "sell", size, price * 1.06)
            await bot.cancel_order_ws(edited["id"], symbol)
            await bot.create_order(symbol, "market", "sell", size, price)
            await bot.create_order(symbol, "market", "buy", size, price, {"reduceOnly": True})
            self.tally.done.update(["order", "modify", "cancel", "take", "close"])
        await bot.fetch_balance(), await bot.fetch_positions(), await bot.fetch_open_orders()
        self.tally.done["queries"] += 3


def resident_mib(pid: int) -> float:
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)) / 1024


def slope_per_hour(samples: list[tuple[float, float]]) -> float:
    """Least squares, in units of the second value per hour of the first."""
    count = len(samples)
    mean_t, mean_v = sum(t for t, _ in samples) / count, sum(v for _, v in samples) / count
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return 3_600 * sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread if spread else 0.0


def watch(devnet: Devnet, bots: list, ends_at: float) -> list[tuple[float, float]]:
    """Measures until the end; (seconds, MiB)."""
    started, samples = time.time(), []
    while time.time() < ends_at:
        devnet.assert_running()
        samples.append((time.time() - started, resident_mib(devnet.process.pid)))
        if len(samples) % REPORT_EVERY_SAMPLES == 1:
            height = devnet.rpc("palisade_status")["height"]
            steps = ", ".join(f"{bot.name} {sum(bot.tally.done.values())}" for bot in bots)
            print(f"{samples[-1][0]:6.0f} s  {samples[-1][1]:7.1f} MiB  height {height}  {steps}", flush=True)
        time.sleep(max(0.0, min(SAMPLE_S, ends_at - time.time())))
    return samples


def report(devnet: Devnet, bots: list, samples: list[tuple[float, float]]) -> bool:
    """Prints what happened; whether all is well."""
    settled = samples[len(samples) // 2 :]
    growth = slope_per_hour(settled)
    print(f"\nran {samples[-1][0]:.0f} s to height {devnet.rpc('palisade_status')['height']}")
    print(f"memory: first {samples[0][1]:.1f}, half-way {settled[0][1]:.1f}, last {samples[-1][1]:.1f}, most "
          f"{max(v for _, v in samples):.1f} MiB; growth in the second half {growth:+.1f} MiB an hour "
          f"(bound {GROWTH_MIB_PER_HOUR:.0f})")  # fmt: skip
    for bot in bots:
        print("\n".join(bot.tally.lines()))
        print(f"{bot.name} was pushed {dict(bot.pushes)}")
    errors, warnings = devnet.log_lines("ERROR"), devnet.log_lines("WARN")
    kinds = Counter(numberless(" ".join(line.split()[1:])) for line in warnings)
    for kind, count in kinds.most_common():
        print(f"log, {count} times: {kind}")
    for line in errors[:20]:
        print(f"log ERROR: {line}")
    print(f"log: {len(errors)} errors, {len(warnings)} warnings")
    problems = []
    if growth > GROWTH_MIB_PER_HOUR:
        problems.append(f"memory grows by {growth:.1f} MiB an hour")
    if errors:
        problems.append(f"{len(errors)} errors in the log")
    if any(bot.tally.failed for bot in bots):
        problems.append("a client failed")
    if any(not bot.tally.done or not bot.pushes for bot in bots):
        problems.append("a client did nothing")
    print("NOT WELL: " + "; ".join(problems) if problems else "all is well")
    return not problems


def main() -> int:
    seconds = float(os.environ.get("SOAK_SECONDS", "3600"))
    with tempfile.TemporaryDirectory(prefix="palisade-soak-") as folder:
        devnet = Devnet.start(Path(folder))
        bots = []
        try:
            ends_at = time.time() + seconds
            bots = [SdkBot(devnet, ends_at), CcxtBot(devnet, ends_at)]
            for bot in bots:
                bot.start()
            samples = watch(devnet, bots, ends_at)
            for bot in bots:
                bot.join(timeout=120)
            well = report(devnet, bots, samples)
        finally:
            for bot in bots:
                bot.ends_at = 0
            devnet.stop()
        return 0 if well else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DevnetFailure as failure:
        print(failure, file=sys.stderr)
        sys.exit(2)
