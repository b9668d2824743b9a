#!/usr/bin/env python3
"""Writes what `make bench` measured as a table: each figure, its limit measured in the same run, and the ratio.

usage: report.py CRITERION_FOLDER RESULT_FILE
"""

import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

LIMIT = "limit: "


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def commit():
    def run(*command):
        return subprocess.run(["git", *command], capture_output=True, text=True, check=True).stdout.strip()

    changed = run("status", "--porcelain", "--", "crates", "Cargo.lock")
    return run("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if changed else "")


def measured(folder):
    """The median time per element, in nanoseconds, by group and function."""
    groups = {}
    for described in folder.glob("*/*/new/benchmark.json"):
        benchmark = json.loads(described.read_text())
        estimates = json.loads(described.with_name("estimates.json").read_text())
        elements = benchmark["throughput"]["Elements"]
        median = estimates["median"]["point_estimate"] / elements
        groups.setdefault(benchmark["group_id"], {})[benchmark["function_id"]] = median
    return groups


def figure(nanoseconds):
    return f"{1e9 / nanoseconds:,.0f}/s ({nanoseconds / 1000:,.2f} µs)"


def rows(groups):
    for group, functions in sorted(groups.items()):
        ours = functions["palisade"]
        name, limit = next((name, value) for name, value in functions.items() if name.startswith(LIMIT))
        yield f"| {group} | {figure(ours)} | {name.removeprefix(LIMIT)}: {figure(limit)} | {ours / limit:.1f} |"


def load_json(folder, name):
    file = folder / name
    if not file.exists():
        sys.exit(f"{file} is missing: run `make bench`")
    return json.loads(file.read_text())


def memory_rows(folder):
    """Bytes of memory, beside the bare records and the bound that the project sets itself."""
    for line in load_json(folder, "memory.json"):
        ours, limit, target = line["bytes"], line["limit_bytes"], line["target_bytes"]
        verdict = "met" if ours <= target else "missed"
        yield (
            f"| {line['what']} | {ours:,} bytes (bound {target:,}: {verdict}) | bare records: {limit:,} bytes"
            f" | {ours / limit:.1f} |"
        )


def clearing_rows(folder):
    """Times of clearing, beside their limits and the bounds that the project sets itself."""
    for line in load_json(folder, "clearing.json"):
        ours, limit, target = line["ours_us"], line["limit_us"], line["target_us"]
        verdict = "met" if ours <= target else "missed"
        yield (
            f"| {line['what']} | {number(ours)} µs (bound {number(target)}: {verdict})"
            f" | {line['limit']}: {number(limit)} µs | {ours / limit:.1f} |"
        )


def quantlib_rows(folder, groups):
    """QuantLib on the same options, beside ours."""
    for line in load_json(folder, "quantlib.json"):
        name = next(group for group in groups if group.startswith(line["what"] + " (bound"))
        ours = groups[name]["palisade"] / 1000
        yield (
            f"| {line['what']}, once more | {number(ours)} µs | QuantLib from Python: {number(line['us'])} µs, of which such a"
            f" call takes {number(line['call_us'])} µs | {ours / line['us']:.1f} |"
        )


def number(value):
    """With three digits that mean something, and no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def chain_row(line):
    """A figure of the chain; the ratio says how many times worse it is than its limit."""
    value, limit, lower = line["value"], line["limit"], line["better"] == "lower"
    bound = ""
    if "target" in line:
        met = value <= line["target"] if lower else value >= line["target"]
        sign = "<=" if lower else ">="
        bound = f" (bound {sign} {number(line['target'])}: {'met' if met else 'missed'})"
    ratio = value / limit if lower else limit / value
    return (
        f"| {line['what']} | {number(value)} {line['unit']}{bound}"
        f" | {line['limit_what']}: {number(limit)} {line['unit']} | {ratio:.1f} |"
    )


def share_rows(phase):
    """Where the processor time of an action went."""
    parts = phase["parts_per_action"]
    kind = "one order per action" if parts == 1 else f"up to {parts} orders per action"
    yield f"{kind}: {phase['total_us']:,.0f} µs of processor time per action over all seats and the traders,"
    yield f"{phase['processors_used']:.2f} processors used"
    yield ""
    yield "| part | µs per action | share | limit, µs | ratio |"
    yield "| --- | --- | --- | --- | --- |"
    for share in sorted(phase["shares"], key=lambda share: -share["us"]):
        yield (
            f"| {share['part']} | {share['us']:,.1f} | {share['percent']:.1f} % | {share['limit_what']}:"
            f" {share['limit_us']:,.1f} | {share['us'] / max(share['limit_us'], 1e-9):.1f} |"
        )
    for name, what in (("traders_us", "the traders' own choices"), ("rest_us", "everything else")):
        yield f"| {what} | {phase[name]:,.1f} | {100 * phase[name] / phase['total_us']:.1f} % | | |"
    yield ""


def chain(folder):
    """What the chain as a whole does."""
    borne = load_json(folder, "chain.json")
    lines = borne["lines"]
    for name in ("latency.json", "start.json", "growth.json"):
        lines += load_json(folder, name)
    yield "## The whole chain"
    yield ""
    yield (
        "Described in `docs/reports/chain-speed.md`. The flow is that of the engine's benchmarks, on four seats of this"
        " machine; the ratio says how many times worse than its limit a figure is."
    )
    yield ""
    yield "| what | measured | limit in the same run | ratio |"
    yield "| --- | --- | --- | --- |"
    yield from map(chain_row, lines)
    yield ""
    yield "## Where the chain's processor time goes"
    yield ""
    yield (
        "Each part is measured by itself on blocks of the run, times how often it is done for an action on four seats;"
        " the total is what the process used in the run."
    )
    yield ""
    for phase in borne["shares"]:
        yield from share_rows(phase)


def main(criterion_folder, result_file):
    groups = measured(pathlib.Path(criterion_folder))
    if not groups:
        sys.exit(f"{criterion_folder} holds no measurements: run `make bench`")
    load, memory = os.getloadavg()[0], os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = "\n".join(
        [
            "# What `make bench` measured",
            "",
            f"- When: {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC; commit {commit()}",
            f"- Machine: {processor()}, {os.cpu_count()} processors, {memory:.0f} GiB; load {load:.1f} at the end",
            "- Command: `make bench`. Release profile with overflow checks. Of the engine: one core, medians of criterion,",
            "  processor time of the thread. The machine may have been shared, which costs caches, and the chain its time.",
            "",
            "## Engine and signatures",
            "",
            "Per order (or cancel, modify, signature, record), and the same for the limit; the ratio is how many times longer"
            " ours takes. The flow is described in `crates/engine/benches/flow/mod.rs`; `execute` is everything from the"
            " verified actions to receipts, events, write set and undo, with admission, oracle bundle and audit.",
            "",
            "| what | measured | limit in the same run | ratio |",
            "| --- | --- | --- | --- |",
            *rows(groups),
            *quantlib_rows(pathlib.Path(criterion_folder), groups),
            *clearing_rows(pathlib.Path(criterion_folder)),
            *memory_rows(pathlib.Path(criterion_folder)),
            "",
            *chain(pathlib.Path(criterion_folder)),
        ]
    )
    pathlib.Path(result_file).write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
