"""A devnet as a process: started, watched, ended, with its log at hand when something goes wrong."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 30
LOG_TAIL_LINES = 40
# The trading interfaces' port, and those that validators use above it.
PORT_OFFSETS = (0, *range(100, 116), *range(300, 316))
# Spot markets of what only users mint.
MINTED = {"pBTC/USDC"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PANIC = re.compile(r"\bpanicked\b|\bpanic=")


class DevnetFailure(Exception):
    """The devnet did not do what it must; the message ends with its log."""


@dataclass(frozen=True)
class Account:
    """A funded account whose key everyone knows."""

    address: str
    secret_key: str


def free_port() -> int:
    """A port below the system's own range such that all ports a devnet uses are free."""
    for _ in range(200):
        port = random.SystemRandom().randrange(12_000, 30_000)
        if all(is_free(port + offset) for offset in PORT_OFFSETS):
            return port
    raise DevnetFailure("no free ports on 127.0.0.1 between 12000 and 30000")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    if not path.exists():
        return f"({path.name} does not exist)"
    text = path.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join([f"--- the last {len(text)} lines of {path.name} ---", *text])


@dataclass
class Devnet:
    """One that runs. `description` is what it wrote of itself in `devnet.json`."""

    url: str
    description: dict
    folder: Path | None = None
    process: subprocess.Popen | None = None
    accounts: list[Account] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = self.description["accounts"]
        self.accounts = [Account(row["address"], row["secret_key"]) for row in rows]

    @classmethod
    def start(cls, folder: Path, *arguments: str) -> "Devnet":
        """Starts a fresh one in `folder` and waits until it answers."""
        folder.mkdir(parents=True, exist_ok=True)
        data = folder / "data"
        command = [binary(), "devnet", "--fresh", "--data-dir", str(data), "--port", str(free_port()), *arguments]
        with open(folder / "stdout.log", "wb") as out, open(folder / "stderr.log", "wb") as err:
            # A session of its own: Ctrl-C in the terminal ends the tests, and these end the devnet in order.
            process = subprocess.Popen(
                command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            devnet = cls._wait(process, folder, data)
            if "--prices" not in arguments:
                devnet.wait_for_prices("--no-market-maker" not in arguments)
            return devnet
        except BaseException:
            process.kill()
            process.wait()
            raise

    @classmethod
    def _wait(cls, process: subprocess.Popen, folder: Path, data: Path) -> "Devnet":
        deadline = time.monotonic() + START_TIMEOUT_S
        path = data / "devnet.json"
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DevnetFailure(f"the devnet ended with code {process.returncode} while starting\n{logs(folder)}")
            if path.exists():
                description = json.loads(path.read_text())
                if answers(description["rpc_url"]):
                    return cls(description["rpc_url"], description, folder, process)
            time.sleep(0.1)
        raise DevnetFailure(f"the devnet did not answer within {START_TIMEOUT_S} s\n{logs(folder)}")

    def wait_for_prices(self, with_books: bool) -> None:
        """Waits until every market has a price, and the sides that somebody makes.

        Nobody offers what nobody has minted, and nobody bids for an option that is worth less than half a spread: near
        08:00 UTC some of those that end are.
        """
        deadline = time.monotonic() + START_TIMEOUT_S

        def wanted(market: dict) -> tuple[str, ...]:
            if not with_books:
                return ("index",)
            if market["spec"]["symbol"] in MINTED:
                return "index", "best_bid"
            is_option = market["spec"]["kind"]["type"] == "option"
            return ("index", "best_ask") if is_option else ("index", "best_bid", "best_ask")

        def lacking() -> list[str]:
            markets = self.rpc("palisade_markets")
            return [f"{market['spec']['symbol']} {key}" for market in markets for key in wanted(market) if not market[key]]

        while missing := lacking():
            self.assert_running()
            if time.monotonic() > deadline:
                raise DevnetFailure(f"within {START_TIMEOUT_S} s no {', '.join(missing[:10])}\n{logs(self.folder)}")
            time.sleep(0.1)

    @classmethod
    def attach(cls, url: str, description: Path) -> "Devnet":
        """One that somebody else runs."""
        devnet = cls(url, json.loads(description.read_text()))
        if not answers(url):
            raise DevnetFailure(f"nothing answers at {url}")
        return devnet

    def info(self, request: dict):
        """One `/info` request."""
        response = requests.post(f"{self.url}/info", json=request, timeout=15)
        response.raise_for_status()
        return response.json()

    def rpc(self, method: str, params: dict | None = None):
        """One native JSON-RPC call; raises with the server's words if it is refused."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        response = requests.post(f"{self.url}/rpc", json=call, timeout=30)
        response.raise_for_status()
        answer = response.json()
        if answer.get("error") is not None:
            raise DevnetFailure(f"{method}: {answer['error']}")
        return answer["result"]

    def log_path(self) -> Path | None:
        return self.folder / "data" / "devnet.log" if self.folder else None

    def log_lines(self, *levels: str) -> list[str]:
        """Lines of the log at these levels, and every line about a panic."""
        path = self.log_path()
        if path is None or not path.exists():
            return []
        lines = (COLOUR.sub("", line) for line in path.read_text(errors="replace").splitlines())
        wanted = re.compile(r"^\S+\s+(?:" + "|".join(levels) + r")\s") if levels else None
        return [line for line in lines if PANIC.search(line) or (wanted and wanted.search(line))]

    def assert_running(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            raise DevnetFailure(f"the devnet ended with code {self.process.returncode}\n{logs(self.folder)}")

    def stop(self) -> None:
        """Ends it as Ctrl-C does; it must go in time, with code 0, without errors in its log."""
        if self.process is None:
            return
        self.assert_running()
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise DevnetFailure(f"the devnet did not end within {STOP_TIMEOUT_S} s\n{logs(self.folder)}") from None
        if code != 0:
            raise DevnetFailure(f"the devnet ended with code {code}\n{logs(self.folder)}")
        errors = self.log_lines("ERROR")
        if errors:
            raise DevnetFailure("the devnet logged errors:\n" + "\n".join(errors[:20]))


def answers(url: str) -> bool:
    try:
        response = requests.get(f"{url}/health", timeout=5)
        return response.status_code == 200 and response.json()["healthy"]
    except (requests.RequestException, ValueError, KeyError):
        return False


def logs(folder: Path | None) -> str:
    if folder is None:
        return "(its log is not ours to read)"
    return "\n".join(
        tail(path) for path in (folder / "stderr.log", folder / "stdout.log", folder / "data" / "devnet.log")
    )


def binary() -> str:
    """The binary under test: from the environment, else the one that this checkout built."""
    built = Path(__file__).resolve().parents[2] / "target" / "debug" / "palisade"
    path = os.environ.get("PALISADE_BIN", str(built))
    if not os.access(path, os.X_OK):
        raise DevnetFailure(f"not an executable file: {path}; build it, or set PALISADE_BIN")
    return path


def data_folder() -> Path:
    """Where recorded data is, which the project does not carry."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("PALISADE_DATA", str(default)))
