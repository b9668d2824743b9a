"""docs/trading.md, typed as it stands there: every command of its sections is accepted.

Left out are commands that start another devnet. Numbers that depend on the day are put in: the names of options, and the middle of the
book at which a pool begins.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from devnet import binary
from traders import eventually

PAGE = Path(__file__).resolve().parents[2] / "docs" / "trading.md"


def sections() -> dict[str, str]:
    """The commands by heading, up to the first that starts a devnet. What comes before all headings only says where it is."""
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        commands = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        ends = [place for place, text in enumerate(commands) if "make devnet" in text]
        found[section.splitlines()[0]] = "".join(commands[: ends[0]] if ends else commands)
    return found


def markets(devnet) -> dict[str, dict]:
    return {market["spec"]["symbol"]: market for market in devnet.rpc("palisade_markets")}


def options(devnet) -> dict[str, str]:
    """Calls above the index, by the variables of the page: two strikes of one expiry, and one strike of two. Nothing while they are not quoted."""
    listed = markets(devnet)
    index = float(listed["BTC"]["index"])
    calls: dict[int, dict[float, str]] = {}
    for name, market in listed.items():
        kind = market["spec"]["kind"]
        if re.fullmatch(r"BTC-.*-C", name) and market["best_bid"] and float(market["best_ask"] or 9_000) < 8_800:
            strike = float(kind["strike"])
            if index * 1.005 < strike < index * 1.1:
                calls.setdefault(int(kind["expires_at_ms"]), {})[strike] = name
    # The page pays 3,000 for the higher strike of the spread, and 9,000 for the far option.
    ask = {name: float(market["best_ask"] or 9_000) for name, market in listed.items()}
    near_enough = [near for near in calls if len(calls[near]) >= 2 and ask[calls[near][sorted(calls[near])[1]]] < 2_900]
    pairs = [(near, far, calls[near].keys() & calls[far].keys()) for near in near_enough for far in calls if near < far]
    pairs = [(near, far, min(both)) for near, far, both in pairs if both]
    if not pairs:
        return {}
    near, far, strike = max(pairs)
    low, high = sorted(calls[near])[:2]
    return {"CALL": calls[near][low], "HIGHER": calls[near][high], "NEAR": calls[near][strike], "FAR": calls[far][strike]}


def middle(devnet, symbol: str) -> float:
    market = markets(devnet)[symbol]
    return (float(market["best_bid"]) + float(market["best_ask"])) / 2


def type_in(devnet, folder: Path, commands: str) -> str:
    """What a shell says to the commands; fails where one fails, or is refused by the chain."""
    shell = f"set -euo pipefail\np() {{ {binary()} \"$@\"; }}\n{commands}"
    environment = os.environ | {"PALISADE_RPC": devnet.url, "PALISADE_KEY": "0x" + devnet.accounts[0].secret_key.removeprefix("0x")}
    run = subprocess.run(["bash", "-c", shell], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, f"{commands}\n{run.stdout}\n{run.stderr}"
    assert "rejected" not in run.stdout, f"{commands}\n{run.stdout}"
    return run.stdout


@pytest.mark.parametrize("heading", [heading for heading, commands in sections().items() if commands])
def test_the_page_works_as_it_stands(hour, tmp_path, heading):
    commands = sections()[heading]
    if heading.startswith("Options"):
        names = eventually(lambda: options(hour), 60)
        commands, count = re.subn(r"\b(CALL|HIGHER|NEAR|FAR)=\S+", lambda found: f"{found[1]}={names[found[1]]}", commands)
        assert count == len(names)
    if heading == "A pool":
        commands, count = re.subn('"quote": "[0-9]+"', f'"quote": "{round(middle(hour, "BTC/USDC") * 1e8)}"', commands)
        assert count == 1
    type_in(hour, tmp_path, commands)
