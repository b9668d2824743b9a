"""Plants each fault of `Mutant::CLEARING` and requires that the clearing tests find it: random runs first, then the attack replays."""

import os
import re
import subprocess
import sys

SOURCE = "crates/engine/src/mutant.rs"
TEST = ["test", "--locked", "--package", "palisade-engine", "--features", "mutants", "--test", "clearing", "--"]


def names() -> list[str]:
    """The names of the faults, from the source that defines them."""
    text = open(SOURCE, encoding="utf-8").read()
    planted = re.search(r"CLEARING: \[Self; \d+\] =\s*\[(.*?)\];", text, re.S)
    of = dict(re.findall(r'Self::(\w+) => "([\w-]+)"', text))
    return [of[variant] for variant in re.findall(r"Self::(\w+)", planted.group(1))]


def run(cargo: str, name: str, what: str) -> tuple[int, str]:
    """Runs a part of the tests with a fault planted."""
    environment = os.environ | {"PALISADE_MUTANT": name}
    environment.setdefault("PALISADE_FUZZ_CASES", "40")
    done = subprocess.run(
        [cargo, *TEST, what, "--nocapture", "--test-threads", "1"], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def find(cargo: str, name: str) -> str | None:
    """How a fault was found."""
    _, output = run(cargo, name, "random_runs")
    found = re.search(rf"^{name}: (found in run .*)$", output, re.M)
    if found:
        return found.group(1)
    code, output = run(cargo, name, "replays::")
    failed = re.findall(r"^test replays::(\S+) \.\.\. FAILED", output, re.M)
    return f"found by the replays {', '.join(failed)}" if code != 0 and failed else None


def main() -> int:
    """Tries every fault."""
    cargo = os.environ.get("CARGO", "cargo")
    missed = 0
    for name in names():
        how = find(cargo, name)
        missed += how is None
        print(f"{name}: {how or 'NOT FOUND'}"[:200], flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
