#!/usr/bin/env bash
# Runs every fuzz target for a bounded time and prints executions, coverage and findings of each; fails on a finding.
#
#   FUZZ_SECONDS  per target (45)
#   FUZZ_TARGETS  which, by default all
#   TOOLS         where cargo-fuzz is, or is installed to
#
# No sanitizer: our code has no unsafe blocks, and memory is measured by the targets themselves.
set -euo pipefail
cd "$(dirname "$0")"
CARGO=${CARGO:-cargo}
TOOLS=${TOOLS:-$PWD/../target/tools}
FUZZ_TARGET_DIR=${FUZZ_TARGET_DIR:-$PWD/../target/fuzz}
FUZZ_SECONDS=${FUZZ_SECONDS:-45}
CARGO_FUZZ_VERSION=0.13.2
export PATH="$TOOLS/bin:$PATH"

if ! command -v cargo-fuzz >/dev/null; then
    "$CARGO" install cargo-fuzz --version "$CARGO_FUZZ_VERSION" --locked --root "$TOOLS"
fi
# Coverage flags are unstable; RUSTC_BOOTSTRAP lets the installed stable compiler take them.
export RUSTC_BOOTSTRAP=1
"$CARGO" fuzz build --sanitizer none --no-cfg-fuzzing --target-dir "$FUZZ_TARGET_DIR"
binaries=$(dirname "$(find "$FUZZ_TARGET_DIR" -path '*/release/engine' -type f | head -n 1)")
targets=${FUZZ_TARGETS:-$(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' Cargo.toml)}

printf '%-14s %12s %8s %9s  %s\n' target executions edges corpus result
found=0
for target in $targets; do
    mkdir -p "corpus/$target" "artifacts/$target" "../crates/fuzz/regressions/$target"
    log="$FUZZ_TARGET_DIR/$target.log"
    result=ok
    # Both folders are read, and the seeds, which the target itself writes; what is new goes to the first.
    PALISADE_FUZZ_SEEDS="corpus/$target" \
    "$binaries/$target" "corpus/$target" "../crates/fuzz/regressions/$target" \
        -artifact_prefix="artifacts/$target/" -max_total_time="$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 >"$log" 2>&1 || { result="FINDING, see artifacts/$target and $log"; found=1; }
    rmdir --ignore-fail-on-non-empty "../crates/fuzz/regressions/$target"
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    last=$(grep -E '^#[0-9]+.*cov: ' "$log" | tail -n 1)
    edges=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$last")
    corpus=$(sed -n 's/.*corp: \([0-9]*\).*/\1/p' <<<"$last")
    printf '%-14s %12s %8s %9s  %s\n' "$target" "${executions:-?}" "${edges:-?}" "${corpus:-?}" "$result"
done
exit "$found"
