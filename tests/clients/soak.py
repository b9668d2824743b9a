"""An hour of ordinary trading: the market maker, one bot on the SDK and one on ccxt, both unmodified.

Every bot checks every answer; anything unexpected ends the run. Each 10 s the devnet's resident memory is
sampled. At the end the run fails if the log holds an error or a panic, or if memory grew by more than
`GROWTH_MAX_KIB_PER_MINUTE` over the second half (the first half fills the bounded histories).

    PALISADE_BIN=… SOAK_SECONDS=3600 python soak.py
"""

import itertools
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from bots import ETH, synchronous
from devnet import Devnet, binary
from traders import GTC, IOC, Trader, filled, only, resting, tradable

SAMPLE_INTERVAL_S = 10
GROWTH_MAX_KIB_PER_MINUTE = 1_024


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no resident memory")


def slope_kib_per_minute(samples: list[tuple[float, int]]) -> float:
    """The least-squares slope of memory over time."""
    count = len(samples)
    mean_time = sum(at for at, _ in samples) / count
    mean_size = sum(size for _, size in samples) / count
    spread = sum((at - mean_time) ** 2 for at, _ in samples)
    return 60 * sum((at - mean_time) * (size - mean_size) for at, size in samples) / spread


class SdkBot:
    """Rests, modifies and cancels an order, then turns a position over; on bitcoin."""

    def __init__(self, devnet: Devnet):
        self.trader = Trader(devnet.url, devnet.accounts[0].secret_key)

    def turn(self, number: int) -> None:
        exchange, info = self.trader.exchange, self.trader.info
        mid = float(info.all_mids()["BTC"])
        order = resting(exchange.order("BTC", True, 0.01, tradable(mid * 0.9, 5), GTC))
        moved = only(exchange.modify_order(order, "BTC", True, 0.02, tradable(mid * 0.91, 5), GTC) , "order")
        new = moved["resting"]["oid"]
        assert any(row["oid"] == new for row in info.open_orders(self.trader.address))
        assert only(exchange.cancel("BTC", new), "cancel") == "success"
        side = number % 2 == 0
        filled(exchange.order("BTC", side, 0.01, tradable(mid * (1.02 if side else 0.98), 5), IOC))
        assert info.user_fills(self.trader.address)


class CcxtBot:
    """The same through ccxt; on ether."""

    def __init__(self, devnet: Devnet):
        self.exchange = synchronous(devnet, 1)
        self.exchange.load_markets()

    def turn(self, number: int) -> None:
        price = self.exchange.fetch_ticker(ETH)["close"]
        order = self.exchange.create_order(ETH, "limit", "buy", 0.1, price * 0.9, {"postOnly": True})
        assert any(row["id"] == order["id"] for row in self.exchange.fetch_open_orders(ETH))
        self.exchange.cancel_order(order["id"], ETH)
        side = "buy" if number % 2 == 0 else "sell"
        taken = self.exchange.create_order(ETH, "market", side, 0.1, price)
        assert taken["id"]
        self.exchange.fetch_positions([ETH])
        self.exchange.fetch_balance()


class Worker(threading.Thread):
    """Runs a bot until told to stop; keeps its first failure."""

    def __init__(self, bot, stop: threading.Event, pause_s: float):
        super().__init__(daemon=True)
        self.bot, self.stop, self.pause_s = bot, stop, pause_s
        self.turns, self.failure = 0, None

    def run(self) -> None:
        try:
            for number in itertools.count():
                if self.stop.wait(self.pause_s):
                    return
                self.bot.turn(number)
                self.turns += 1
        except Exception as failure:  # whatever it is, the run must end and show it
            self.failure = failure
            self.stop.set()


def main() -> int:
    seconds = int(os.environ.get("SOAK_SECONDS", "3600"))
    folder = Path(tempfile.mkdtemp(prefix="palisade-soak-"))
    devnet = Devnet.start(binary(), folder)
    stop, samples, start = threading.Event(), [], time.monotonic()
    workers = [Worker(SdkBot(devnet), stop, 1.0), Worker(CcxtBot(devnet), stop, 1.0)]
    for worker in workers:
        worker.start()
    while time.monotonic() - start < seconds and not stop.is_set():
        devnet.assert_running()
        samples.append((time.monotonic() - start, resident_kib(devnet.process.pid)))
        if len(samples) % 30 == 1:
            print(f"{samples[-1][0]:6.0f} s  {samples[-1][1] / 1024:7.1f} MiB", flush=True)
        stop.wait(SAMPLE_INTERVAL_S)
    stop.set()
    for worker in workers:
        worker.join(60)
    status = devnet.rpc("palisade_status")
    errors, warnings = devnet.log_lines("ERROR"), devnet.log_lines("WARN")
    devnet.stop()
    return report(samples, workers, status, errors, warnings)


def report(samples, workers, status, errors, warnings) -> int:
    half = samples[len(samples) // 2 :]
    growth = slope_kib_per_minute(half) if len(half) > 2 else 0.0
    print(f"ran {samples[-1][0]:.0f} s to height {status['height']}; turns: " + ", ".join(
        f"{type(worker.bot).__name__} {worker.turns}" for worker in workers))
    print(f"memory: {samples[0][1] / 1024:.1f} MiB at the start, {half[0][1] / 1024:.1f} at half time, "
          f"{samples[-1][1] / 1024:.1f} at the end; {growth:+.1f} KiB/min over the second half "
          f"(limit {GROWTH_MAX_KIB_PER_MINUTE})")
    print(f"log: {len(errors)} errors, {len(warnings)} warnings")
    for line in [*errors[:10], *sorted(set(line.split(None, 1)[-1] for line in warnings))[:10]]:
        print(f"  {line[:200]}")
    for worker in workers:
        if worker.failure is not None:
            print(f"{type(worker.bot).__name__} failed: {worker.failure!r}")
    failed = bool(errors) or growth > GROWTH_MAX_KIB_PER_MINUTE or any(worker.failure for worker in workers)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
