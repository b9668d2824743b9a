"""Plants each fault of `Mutant::CLEARING` and requires that the clearing tests find it: random runs first, then the attack replays.

A find counts only if the same run passes without the fault.
"""

import os
import re
import subprocess
import sys

SOURCE = "crates/engine/src/mutant.rs"
TEST = ["test", "--locked", "--package", "palisade-engine", "--features", "mutants", "--test", "clearing", "--"]
# Random runs that each fault has.
RUNS = os.environ.get("PALISADE_FUZZ_CASES", "40")


def names() -> list[str]:
    """The names of the faults, from the source that defines them."""
    text = open(SOURCE, encoding="utf-8").read()
    planted = re.search(r"CLEARING: \[Self; \d+\] =\s*\[(.*?)\];", text, re.S)
    of = dict(re.findall(r'Self::(\w+) => "([\w-]+)"', text))
    return [of[variant] for variant in re.findall(r"Self::(\w+)", planted.group(1))]


def run(cargo: str, what: str, name: str | None = None, first: int = 1, runs: str = RUNS) -> tuple[int, str]:
    """Runs a part of the tests, with a fault planted if one is named."""
    environment = os.environ | {"PALISADE_FUZZ_CASES": runs, "PALISADE_FUZZ_FIRST": str(first)}
    environment.pop("PALISADE_MUTANT", None)
    if name:
        environment["PALISADE_MUTANT"] = name
    done = subprocess.run(
        [cargo, *TEST, what, "--nocapture", "--test-threads", "1"], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def failed_replays(output: str) -> set[str]:
    """The replays that failed."""
    return set(re.findall(r"^    replays::(\S+)$", output, re.M))


def find(cargo: str, name: str, sound: set[str]) -> str | None:
    """How a fault was found."""
    _, output = run(cargo, "random_runs", name)
    found = re.search(rf"^{name}: (found in run (\d+) .*)$", output, re.M)
    if found:
        code, _ = run(cargo, "random_runs", first=int(found.group(2)), runs="1")
        if code == 0:
            return found.group(1)
        print(f"{name}: run {found.group(2)} fails without the fault too", flush=True)
    _, output = run(cargo, "replays::", name)
    failed = failed_replays(output) & sound
    return f"found by the replays {', '.join(sorted(failed))}" if failed else None


def main() -> int:
    """Tries every fault."""
    cargo = os.environ.get("CARGO", "cargo")
    _, output = run(cargo, "replays::")
    sound = set(re.findall(r"^test replays::(\S+) \.\.\.", output, re.M)) - failed_replays(output)
    print(f"{len(sound)} replays pass without a fault", flush=True)
    missed = 0
    for name in names():
        how = find(cargo, name, sound)
        missed += how is None
        print(f"{name}: {how or 'NOT FOUND'}"[:240], flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
