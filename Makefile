# Palisade: every command of the README. Each target does its own set-up.
#
#   make devnet   four validators, prices, a market maker and the trading interfaces on this machine
#   make test     every test: Rust, and the unmodified trading clients against a devnet
#   make help     the rest

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= python3
VENV := .venv
TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
BIN := $(TARGET_DIR)/debug/palisade
DEVNET_ARGS ?=
GUARDS ?=
CLIENT_TESTS = PALISADE_BIN=$(BIN) $(VENV)/bin/python -m pytest -q tests/clients
export PALISADE_DATA ?= $(CURDIR)/../shared/data

.PHONY: help build devnet test test-rust test-clients test-kill lint bench sim sim-long sim-mutants mutants test-seeds fuzz crash month guards flood soak clean-devnet

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

build: ## build the one binary, `palisade`
	$(CARGO) build --locked --package palisade

devnet: build ## run a whole exchange on this machine (DEVNET_ARGS="--fresh …"); Ctrl-C ends it
	exec $(BIN) devnet $(DEVNET_ARGS)

# The Rust tests have built the binary. Building it alone would select other features of its dependencies, and compile half of
# them anew.
test: test-rust $(VENV)/.installed ## every test; cold within 45 minutes on 2 cores
	$(CLIENT_TESTS)

test-rust: ## the Rust tests
	$(CARGO) test --locked --workspace

$(VENV)/.installed: tests/clients/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/clients/requirements.txt
	touch $@

test-clients: build $(VENV)/.installed ## unmodified Hyperliquid SDK and ccxt against a devnet
	$(CLIENT_TESTS)

test-kill: build ## 20 kills (kill -9) of validators under load; PALISADE_KILLS=n for another number
	PALISADE_KILLS=$${PALISADE_KILLS:-20} $(CARGO) test --locked --package palisade --test kill -- --nocapture

soak: build $(VENV)/.installed ## market maker and both clients for an hour; prints memory and errors (SOAK_SECONDS=n)
	PALISADE_BIN=$(BIN) $(VENV)/bin/python tests/clients/soak.py

lint: ## formatting, clippy with the determinism rules, licences where cargo-deny is installed
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: licences, bans and sources were not checked"; fi

bench: $(VENV)/.installed ## benchmarks, each beside the limit it is compared to, into bench/RESULTS.md
	rm -rf $(TARGET_DIR)/criterion
	$(CARGO) bench --locked --package palisade-types --bench signatures
	$(CARGO) bench --locked --package palisade-pricing --bench pricing
	$(VENV)/bin/python bench/quantlib.py $(TARGET_DIR)/criterion/quantlib.json
	$(CARGO) bench --locked --package palisade-engine --bench engine
	$(CARGO) bench --locked --package palisade-engine --bench clearing -- $(TARGET_DIR)/criterion/clearing.json
	$(CARGO) bench --locked --package palisade-engine --bench memory -- $(TARGET_DIR)/criterion/memory.json
	$(CARGO) bench --locked --package palisade --bench chain -- $(TARGET_DIR)/criterion/chain.json
	$(CARGO) bench --locked --package palisade --bench latency -- $(TARGET_DIR)/criterion/latency.json
	$(CARGO) bench --locked --package palisade --bench growth -- $(TARGET_DIR)/criterion/growth.json
	$(CARGO) bench --locked --package palisade --bench start -- $(TARGET_DIR)/criterion/start.json
	$(PYTHON) bench/report.py $(TARGET_DIR)/criterion bench/RESULTS.md

sim: ## 220 seeds and 100,000 blocks of the chain under faults (SIM_ARGS="--replay 7"); fails on a violation
	$(CARGO) run --locked --package palisade-sim -- $(if $(SIM_ARGS),$(SIM_ARGS),--seeds 220 --blocks-min 100000 --jobs 2)

sim-mutants: ## plants ten faults, one after the other; fails if the simulation misses one
	$(CARGO) run --locked --package palisade-sim --features mutants -- --mutants --seeds 60 --jobs 2

mutants: ## plants faults in the clearing house, one after the other; fails if the random runs and replays miss one
	$(CARGO) test --locked --package palisade-engine --features mutants --test clearing --no-run
	CARGO="$(CARGO)" $(PYTHON) tests/mutants.py

sim-long: ## the same until a seed fails or Ctrl-C; SIM_FIRST=n is the first seed
	$(CARGO) run --locked --package palisade-sim -- --seeds 0 --jobs 2 --first $${SIM_FIRST:-1000}

test-seeds: ## the deterministic cluster tests of the node, with more seeds (PALISADE_SEEDS=n)
	PALISADE_SEEDS=$${PALISADE_SEEDS:-10} $(CARGO) test --locked --package palisade-node -- --nocapture

fuzz: ## every fuzz target for FUZZ_SECONDS, then longer runs of the stateful and the property tests, and attacks at full size
	CARGO="$(CARGO)" TOOLS="$(TARGET_DIR)/tools" FUZZ_TARGET_DIR="$(TARGET_DIR)/fuzz" fuzz/run.sh
	PALISADE_FUZZ_CASES=$${PALISADE_FUZZ_CASES:-100} PROPTEST_CASES=$${PROPTEST_CASES:-5000} PALISADE_FULL_SIZE=1 \
	$(CARGO) test --locked --package palisade-types --package palisade-engine -- --nocapture
	PALISADE_GRID_POINTS=$${PALISADE_GRID_POINTS:-2000000} PROPTEST_CASES=$${PROPTEST_CASES:-20000} \
	$(CARGO) test --locked --package palisade-pricing -- --nocapture

crash: ## replay 10 October 2025 over 2,400 accounts and write docs/reports/crash-2025-10-10.md (needs PALISADE_DATA)
	$(CARGO) run --locked --package palisade-engine --example crash

month: ## a month of daily option expiries over 600 accounts, into docs/reports/options-2026-02.md (needs PALISADE_DATA)
	$(CARGO) run --locked --package palisade-engine --example month

guards: ## take each guard against bad input out and show that its test fails; commit first; long
	$(PYTHON) tests/guards/run.py $(CARGO) $(GUARDS)

flood: ## floods of connections, bodies, headers, sockets, garbage and actions, one at a time, with what they cost; minutes
	ulimit -n 16384 2>/dev/null || true; \
	$(CARGO) test --locked --workspace --test flood -- --nocapture --test-threads 1

clean-devnet: ## forget the devnet's data
	rm -rf devnet-data
