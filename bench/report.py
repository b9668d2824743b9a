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

    changed = run("status", "--porcelain", "--", "crates/types", "crates/engine")
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


def memory_rows(folder):
    """Bytes of memory, beside the bare records and the bound that the project sets itself."""
    file = folder / "memory.json"
    if not file.exists():
        sys.exit(f"{file} is missing: run `make bench`")
    for line in json.loads(file.read_text()):
        ours, limit, target = line["bytes"], line["limit_bytes"], line["target_bytes"]
        verdict = "met" if ours <= target else "missed"
        yield (
            f"| {line['what']} | {ours:,} bytes (bound {target:,}: {verdict}) | bare records: {limit:,} bytes"
            f" | {ours / limit:.1f} |"
        )


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
            "- Command: `make bench`. One core, release profile with overflow checks, medians of criterion. Engine lines",
            "  count the processor time of their thread; the machine may have been shared, which still costs caches.",
            "",
            "Per order (or cancel, modify, signature, record), and the same for the limit; the ratio is how many times longer"
            " ours takes. The flow is described in `crates/engine/benches/flow/mod.rs`; `execute` is everything from the"
            " verified actions to receipts, events, write set and undo, with admission, oracle bundle and audit.",
            "",
            "| what | measured | limit in the same run | ratio |",
            "| --- | --- | --- | --- |",
            *rows(groups),
            *memory_rows(pathlib.Path(criterion_folder)),
            "",
        ]
    )
    pathlib.Path(result_file).write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
