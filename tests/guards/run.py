"""Takes each guard against bad input out, and shows that its test then fails: `make guards`.

Usage: run.py CARGO [--together] [PACKAGE...]

The table below is the map from a line of "Bad input" to the guard in the code and to the test that holds it. Each guard
is replaced in the source, its test is run and must fail (not merely fail to compile), and the source is put back. With
packages named, only their rows are tried. `--together` takes all guards of one package out at once, for packages whose
build takes minutes: each named test must fail, and the report says that they were taken out together. The working tree must
have no changes in the files that are touched, so that an interrupted run loses nothing: `git checkout` them.

What was seen is kept in seen.json, by the exact text of the row; whoever changes a row loses what was seen of it. The
report of all rows goes to docs/reports/bad-input.md.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "reports" / "bad-input.md"
SEEN = Path(__file__).resolve().parent / "seen.json"


@dataclass(frozen=True)
class Guard:
    line: str  # of the Chain issue's "Bad input"
    file: str
    guard: str  # exactly once in the file
    without: str
    package: str
    test: str
    where: tuple[str, ...] = ("--lib",)

    @property
    def name(self) -> str:
        text = "\0".join((self.file, self.guard, self.without, self.package, self.test, *self.where))
        return f"{self.line} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


TYPES, ENGINE, NODE, GATEWAY, AGENTS = (f"palisade-{name}" for name in ("types", "engine", "node", "gateway", "agents"))
SIGNING_TESTS, FORMAT_TESTS, CROWD_TESTS = (("--test", name) for name in ("signing", "hyperliquid", "crowds"))
ADMISSION = "crates/engine/src/admission.rs"
JSON = "crates/gateway/src/json.rs"
DECODE = "crates/types/src/hyperliquid/decode.rs"
READER = "crates/types/src/hyperliquid/msgpack/reader.rs"
CURVE = "crates/types/src/signing/secp256k1.rs"
SIGNING = "crates/types/src/signing.rs"
MEMPOOL = "crates/node/src/mempool.rs"
RECOVERY = "crates/node/src/recovery.rs"
PLACES = "crates/gateway/src/places.rs"
SERVER = "crates/gateway/src/server.rs"
NATIVE = "crates/gateway/src/native/http.rs"

GUARDS = [
    Guard("malformed JSON", JSON, "    deserializer.end()?;\n", "", GATEWAY, "malformed_texts_are_refused"),
    Guard("duplicate keys", JSON, "if !seen.insert(key.clone()) {", "if !seen.insert(key.clone()) && key.len() > 9_999 {",
          GATEWAY, "duplicate_keys_are_refused_at_any_depth"),
    Guard("duplicate keys (msgpack)", READER, "        check_keys(&entries)?;\n", "        let _ = check_keys(&entries);\n",
          TYPES, "msgpack_that_could_be_written_otherwise_is_refused", FORMAT_TESTS),
    Guard("unknown keys", DECODE,
          "Some((key, _)) => Err(DecodeError::UnknownKey { place: self.place, key: cut(key) }),", "Some(_) => Ok(()),",
          TYPES, "actions_that_could_mean_something_else_are_malformed", FORMAT_TESTS),
    Guard("unknown keys (native)", "crates/client/src/rpc/message.rs",
          "#[derive(Debug, Serialize, Deserialize)]\n#[serde(deny_unknown_fields)]\npub struct Request {",
          "#[derive(Debug, Serialize, Deserialize)]\npub struct Request {", GATEWAY, "native::tests::malformed"),
    Guard("wrong types", DECODE, "            Value::Bool(flag) => Ok(*flag),\n",
          "            Value::Bool(flag) => Ok(*flag),\n            Value::Unsigned(number) => Ok(*number > 0),\n",
          TYPES, "actions_that_could_mean_something_else_are_malformed", FORMAT_TESTS),
    Guard("NaN and huge numbers", JSON, "|| value.abs() >= FLOAT_MAGNITUDE_MAX", "",
          GATEWAY, "numbers_that_would_change_their_kind_are_refused"),
    Guard("NaN and huge numbers (msgpack)", READER, "if is_finite(bits) { Ok(Value::Float(bits)) }",
          "if is_finite(bits) || bits > 0 { Ok(Value::Float(bits)) }", TYPES,
          "msgpack_that_could_be_written_otherwise_is_refused", FORMAT_TESTS),
    Guard("nesting bombs", JSON, "if self.depth >= DEPTH_MAX {", "if self.depth >= 100 * DEPTH_MAX {",
          GATEWAY, "bombs_are_refused"),
    Guard("nesting bombs (values)", JSON, "if self.values.get() > VALUES_MAX {",
          "if self.values.get() > 100 * VALUES_MAX {", GATEWAY, "bombs_are_refused"),
    Guard("nesting bombs (msgpack)", READER, "    if depth >= DEPTH_MAX {", "    if depth >= 100 * DEPTH_MAX {",
          TYPES, "nesting_and_size_are_bounded_both_ways", FORMAT_TESTS),
    Guard("unpadded signatures", CURVE, 'format!("{digits:0>64}")', 'format!("{digits:0<64}")', TYPES,
          "signatures_are_read_as_clients_write_them", SIGNING_TESTS),
    Guard("high-s signatures", CURVE, "if compact[32..] > HALF_ORDER[..] {",
          "if compact[32..] > HALF_ORDER[..] && compact[0] == compact[1] {", TYPES,
          "the_malleable_twin_of_a_signature_is_refused", SIGNING_TESTS),
    Guard("unknown agents", ADMISSION, "            .filter(|agent| agent.account == account)\n", "", ENGINE,
          "an_agent_acts_within_its_scope_until_it_ends"),
    Guard("expired agents", ADMISSION,
          "agent.retired || agent.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= self.block_time_ms)",
          "agent.retired", ENGINE, "an_agent_acts_within_its_scope_until_it_ends"),
    Guard("reused agents", "crates/engine/src/action/approve_agent.rs", "if !is_fresh(work.state, agent) {",
          "if !is_fresh(work.state, agent) && name.len() > 999 {", ENGINE,
          "agent_keys_are_fresh_names_replace_and_numbers_are_bounded"),
    Guard("stale nonces (window)", ADMISSION, "if nonce_time_ms < earliest || nonce_time_ms > latest {",
          "if nonce_time_ms > latest {", ENGINE, "nonces_are_fresh_in_their_window_and_above_what_was_forgotten"),
    Guard("stale nonces (forgotten)", ADMISSION, "            && nonce < smallest_kept\n",
          "            && nonce < smallest_kept\n            && nonce.get() == 0\n", ENGINE,
          "nonces_are_fresh_in_their_window_and_above_what_was_forgotten"),
    Guard("repeated nonces", ADMISSION, "if nonces.contains(nonce) {", "if nonces.contains(nonce) && nonce.get() == 0 {",
          ENGINE, "nonces_are_fresh_in_their_window_and_above_what_was_forgotten"),
    Guard("repeated nonces (one block)", ADMISSION,
          "self.charges.nonces.get(&signer).or_else(|| self.state.nonces(signer))", "self.state.nonces(signer)", ENGINE,
          "one_nonce_counts_once_within_a_block"),
    Guard("expired actions", ADMISSION, "            && expires_after_ms < self.block_time_ms\n",
          "            && expires_after_ms.get() == 1\n", ENGINE, "chain_expiry_and_account"),
    Guard("off-tick prices", "crates/engine/src/market_math.rs",
          "Some(_) => Err(Rejection::OffTick { price, tick }),", "Some(_) => Ok(()),", ENGINE, "limit_prices"),
    Guard("oversize batches", SIGNING, "if !(1..=BATCH_MAX).contains(&parts) {",
          "if !(1..=9 * BATCH_MAX).contains(&parts) {", TYPES, "batches_and_sizes_are_bounded", SIGNING_TESTS),
    Guard("oversize actions", SIGNING, "if size_bytes > ACTION_BYTES_MAX {", "if size_bytes > 9 * ACTION_BYTES_MAX {",
          TYPES, "batches_and_sizes_are_bounded", SIGNING_TESTS),
    Guard("never a partial effect of one order", "crates/engine/src/work.rs",
          "        if result.is_err() {\n            self.revert_to(checkpoint);",
          "        if result.is_err() && checkpoint.event_count > 9_999 {\n            self.revert_to(checkpoint);", ENGINE,
          "a_modify_is_atomic_and_keeps_its_place_only_when_it_shrinks"),
    Guard("undecodable p2p messages", MEMPOOL,
          "                    ingested.fault = Some(error.to_string());\n                    return ingested;",
          "                    let _ = error;\n                    continue;", NODE,
          "what_no_honest_peer_sends_is_a_fault_and_nothing_else"),
    Guard("p2p messages with bad signatures", MEMPOOL,
          "Err(reason) => ingested.fault = Some(reason.to_string()),", "Err(_) => {}", NODE,
          "what_no_honest_peer_sends_is_a_fault_and_nothing_else"),
    Guard("oversize p2p messages", "crates/node/src/gossip.rs", "action.len() > ACTION_BYTES_MAX)",
          "action.len() > 9 * ACTION_BYTES_MAX)", NODE, "batches_are_read_back_and_nothing_else_is"),
    Guard("p2p messages block the peer", "crates/node/src/gossip.rs",
          'warn!(%peer, reason, "blocking a peer for its action gossip");\n        let _ = self.blocker.block(peer);',
          'warn!(%peer, reason, "blocking a peer for its action gossip");', NODE,
          "a_peer_that_sends_rubbish_is_blocked_and_nothing_else_happens"),
    Guard("consensus log missing: no voting", RECOVERY,
          'Ok(_) | Err(RuntimeError::PartitionMissing(_)) => return lost("it is missing".to_owned()),',
          "Ok(_) | Err(RuntimeError::PartitionMissing(_)) => return Ok(Voting::Votes),", NODE,
          "a_node_without_its_vote_log_follows_and_says_so"),
    Guard("wrong genesis, wrong key", RECOVERY, "        && stored.as_ref() != genesis.as_bytes()\n",
          "        && stored.as_ref() != genesis.as_bytes()\n        && prefix.is_empty()\n", NODE,
          "the_data_folder_of_another_chain_or_seat_is_refused"),
    Guard("unknown assets (transfer)", "crates/engine/src/action/transfer.rs",
          "    work.state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?;\n", "", ENGINE,
          "transfers_and_the_faucet"),
    Guard("unknown assets (market)", "crates/engine/src/action/cancel_all.rs",
          "            work.state.market(market).ok_or(Rejection::UnknownMarket { market })?;\n", "", ENGINE,
          "transfers_and_the_faucet"),
    Guard("floods: idle connections", PLACES, "            self.evict();\n", "", GATEWAY,
          "connections_that_are_opened_and_left_keep_nobody_out", CROWD_TESTS),
    Guard("floods: sockets keep their places", SERVER, "                place.busy();\n            } else {",
          "                place.answered();\n            } else {", GATEWAY, "a_socket_never_gives_way", CROWD_TESTS),
    Guard("floods: a whole request keeps its place", SERVER, "            self.place.busy();\n", "", GATEWAY,
          "a_request_that_is_being_answered_is_not_cut_off", CROWD_TESTS),
    Guard("floods: heads", SERVER, "        .max_buf_size(HEADERS_BYTES_MAX)\n", "", GATEWAY, "a_head_is_bounded",
          CROWD_TESTS),
    Guard("floods: slow bodies (turns)", NATIVE, "    let (body, _held) = match",
          "    let Ok(_early) = native.requests.try_acquire() else { return busy() };\n    let (body, _held) = match",
          GATEWAY, "bodies_on_their_way_take_no_turn"),
    Guard("floods: slow bodies (memory)", NATIVE, "try_acquire_many(count)", "try_acquire_many(count.min(1))", GATEWAY,
          "all_bodies_together_are_bounded"),
    Guard("floods: slow bodies (time)", "crates/gateway/src/http.rs",
          "let timeout = Duration::from_millis(limits.receive_timeout_ms);",
          "let timeout = Duration::from_millis(limits.receive_timeout_ms * 99);", GATEWAY,
          "a_slow_body_is_cut_off_in_its_time", CROWD_TESTS),
    Guard("huge lines of price files", "crates/agents/src/price/bars.rs",
          "    source.take(LINE_BYTES_MAX.saturating_add(3)).read_line(&mut line)?;",
          "    source.read_line(&mut line)?;", AGENTS, "a_line_without_end_is_refused_before_it_is_read"),
    Guard("damage to the block store", RECOVERY, "        Ok(stores) => match verify_blocks(&stores).await {\n            Ok(()) => return Ok(stores),",
          "        Ok(stores) => match verify_blocks(&stores).await {\n            _ if stores.last().get() < u64::MAX => return Ok(stores),\n            Ok(()) => return Ok(stores),",
          NODE, "scribbled_blocks_are_fetched_from_peers_again"),
    Guard("damage to the receipt store", RECOVERY, "        Ok(archive) => match verify_results(&archive, stores).await {\n            Ok(()) => return Ok(archive),",
          "        Ok(archive) => match verify_results(&archive, stores).await {\n            _ if stores.last().get() < u64::MAX => return Ok(archive),\n            Ok(()) => return Ok(archive),",
          NODE, "a_scribbled_store_of_receipts_is_made_again"),
]

# What has no guard of one line, or whose test drives whole processes: the test is named, and was not tried this way.
DAMAGE = "node tests::damage"
ELSEWHERE = [
    ("unknown assets (orders)", "`engine placement`: there is no market to go on with", "scenario tables of `crates/engine`, "
     "`tests/clients/test_bad_input.py::test_prices_off_the_tick_and_assets_that_are_none`"),
    ("damage to the state store", "`recovery`, `repair`", f"`{DAMAGE}::a_scribbled_state_store_is_rebuilt_from_the_blocks`, "
     "`a_missing_state_store_…`"),
    ("damage to the index of receipts", "`receipt_index`", f"`{DAMAGE}::a_scribbled_index_of_receipts_is_made_again`, "
     "`a_missing_index_…`"),
    ("port in use", "`network::connect`, `devnet::check_port`", "`cli tests/bad_input.rs::a_port_in_use_is_named`"),
    ("wrong genesis, wrong key (files)", "`layout::NodeFolder::open`",
     "`cli tests/bad_input.rs::a_node_refuses_another_chains_genesis_and_key`"),
    ("disk full at the start", "`runner`, `failure`", "`cli tests/bad_input.rs::a_full_disk_ends_a_node_with_one_line`"),
    ("disk full while running, read-only disk", "`runner`, `failure`", "`cli tests/disk.rs`, both tests"),
    ("graceful shutdown under load", "`shutdown::settle`", "`cli tests/shutdown.rs`; the second test failed before the guard "
     "was there: 2 of 275 actions that a validator had taken were lost"),
    ("floods as a whole: memory and latency", "the rows above, rate limits, gossip allowances, admission",
     "`cli tests/flood.rs`, six tests"),
]

# Clearing and options: refused by one rule among many, which were not taken out.
UNTRIED = [
    ("amounts of zero, below zero, beyond what there is, at the end of the range",
     "engine execute_tests::transfers_and_the_faucet, action/vault_tests::bad_vault_actions_are_refused, action/backstop_tests::bad_backstop_actions_are_refused, margin_tests::numbers_out_of_range_are_refused"),
    ("expiry in the past, orders and exercise after it",
     "types genesis::each_broken_rule_is_found, engine options/margin_tests::orders_after_the_expiry_are_refused, types codec::json_that_is_no_action_is_refused_by_name"),
    ("withdrawal while gated",
     "engine action/move_universe_tests::nothing_passes_a_closed_gate_or_a_halt"),
    ("redemption above value",
     "engine action/vault_tests::bad_vault_actions_are_refused"),
    ("mode switch that leaves a side unhealthy",
     "engine isolated_tests::a_switch_moves_the_margin_and_must_leave_both_sides_healthy, options/portfolio_tests::a_switch_leaves_both_sides_healthy"),
    ("triggers that would fire at once, OCO with the wrong side",
     "engine triggers_tests::refusals_change_nothing, triggers_tests::groups_have_their_own_parts_and_nothing_else"),
    ("listing with absurd parameters",
     "engine action/listing_tests::absurd_listings_are_refused, action/listing_tests::names_deposits_and_numbers_are_bounded"),
    ("margin files with missing, unknown or doubled fields",
     "cli questions::margin_answers_an_account_and_names_what_is_wrong, engine what_if_tests::a_question_with_something_missing_doubled_or_absurd_is_refused"),
    ("option prices that are negative, or off the grid",
     "engine options/margin_tests::orders_that_no_option_takes_are_refused"),
    ("premiums that cross", "engine options/margin_tests::premiums_that_cross_are_refused"),
    ("surface with one quote, with contradicting ones, with none",
     "pricing surface_tests::one_quote_moves_the_level_within_the_band, surface_tests::a_book_that_contradicts_the_others_gives_way, surface_tests::without_quotes_the_last_slice_stays_and_the_default_is_flat"),
    ("zero time to expiry",
     "pricing implied_tests::prices_outside_the_bounds_are_refused_with_them"),
    ("synthetic above its ceiling",
     "engine synthetics_tests::every_refusal_says_what_was_asked_and_what_there_is"),
    ("combos with repeated, crossed or cross-universe legs",
     "engine legs_tests::legs_are_different_derivatives_of_one_universe, legs_tests::legs_of_two_universes_do_not_go_together, combos_tests::a_structure_is_registered_once_however_it_is_written"),
    ("requests and quotes past their time",
     "engine blocks_tests::requests_are_checked, blocks_tests::what_is_over_does_not_trade_while_its_timer_waits"),
    ("thousands of legs",
     "engine options/margin_tests::an_account_has_so_many_options_at_most, pricing portfolio_tests::what_does_not_fit_is_refused"),
]


def git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test(cargo: str, package: str, where: tuple[str, ...], name: str) -> str:
    command = (cargo, "test", "--locked", "--package", package, *where, "--", name)
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    text = run.stdout + run.stderr
    if "test result: FAILED" in text:
        return "fails"
    if "could not compile" in text:
        errors = [line for line in text.splitlines() if line.startswith("error")]
        return f"does not compile: {errors[:1]}"
    if "running 0 tests" in text:
        return "stale: there is no such test"
    return "PASSES without the guard" if run.returncode == 0 else "ended without a verdict"


def without(cargo: str, guards: list[Guard]) -> list[str]:
    """Takes these guards out, all at once, and runs the test of each."""
    sources = {ROOT / guard.file: (ROOT / guard.file).read_text() for guard in guards}
    for guard in guards:
        found = sources[ROOT / guard.file].count(guard.guard)
        if found != 1:
            return [f"stale: `{guard.guard}` occurs {found} times in {guard.file}"] * len(guards)
    try:
        for guard in guards:
            path = ROOT / guard.file
            path.write_text(path.read_text().replace(guard.guard, guard.without))
        return [test(cargo, guard.package, guard.where, guard.test) for guard in guards]
    finally:
        for path, source in sources.items():
            path.write_text(source)


def report(seen: dict[str, dict[str, str]]) -> None:
    lines = [
        "# Bad input: each line, its guard, and the test that fails without it",
        "",
        "Written by `make guards`, which takes a guard out of the source, runs its test, expects it to fail, and puts the guard",
        "back (`tests/guards/run.py` has the replacements). Each verdict names the commit at which it was seen; a row that was",
        "never tried, or changed since, is not proven and says so.",
        "",
        '| line of "Bad input", or flood | guard | test | without the guard the test |',
        "| --- | --- | --- | --- |",
    ]
    for guard in GUARDS:
        verdict = seen.get(guard.name)
        said = f"{verdict['verdict']} ({verdict['commit']})" if verdict else "**not proven**: was not tried"
        shown = " ".join(guard.guard.split()).replace("|", "\\|")
        lines.append(f"| {guard.line} | `{guard.file}`: `{shown}` | `{guard.package} {guard.test}` | {said} |")
    lines += [
        "",
        "Held by tests of whole processes or of damaged storage; their guards are not one line and were not taken out, so that",
        "these rows are **not proven** in the sense above:",
        "",
        "| line | where | test |",
        "| --- | --- | --- |",
        *(f"| {line} | {where} | {held} |" for line, where, held in ELSEWHERE),
        "",
        "Clearing and options: each of these tests asks for the rejection, or for what is done instead; the guards were not taken out either.",
        "",
        "| line | tests |",
        "| --- | --- |",
        *(f"| {line} | {', '.join(f'`{test}`' for test in tests.split(', '))} |" for line, tests in UNTRIED),
    ]
    REPORT.write_text("\n".join(lines) + "\n")


def main() -> int:
    cargo, *arguments = sys.argv[1:]
    together = "--together" in arguments
    packages = [argument for argument in arguments if argument != "--together"]
    chosen = [guard for guard in GUARDS if not packages or guard.package in packages]
    changed = git("status", "--porcelain", "--", *{guard.file for guard in chosen}).strip()
    if changed:
        print(f"commit or put away first:\n{changed}")
        return 2
    commit = git("rev-parse", "HEAD").strip()[:12]
    seen = json.loads(SEEN.read_text()) if SEEN.exists() else {}
    groups = [[guard] for guard in chosen]
    if together:
        groups = [[guard for guard in chosen if guard.package == name] for name in {guard.package for guard in chosen}]
    failures = 0
    # With all guards in their places every test passes: a test that fails anyway would show nothing.
    for package, where, name in sorted({(guard.package, guard.where, guard.test) for guard in chosen}):
        verdict = test(cargo, package, where, name)
        if verdict != "PASSES without the guard":
            print(f"{package} {name}, with its guard: {verdict}")
            return 1
    for group in groups:
        suffix = f", taken out together with {len(group) - 1} others" if len(group) > 1 else ""
        for guard, verdict in zip(group, without(cargo, group), strict=True):
            failures += verdict != "fails"
            seen[guard.name] = {"verdict": verdict + suffix, "commit": commit}
            print(f"{guard.line}: {verdict}{suffix}", flush=True)
        known = {guard.name for guard in GUARDS}
        seen = {name: verdict for name, verdict in sorted(seen.items()) if name in known}
        SEEN.write_text(json.dumps(seen, indent=1) + "\n")
        report(seen)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
