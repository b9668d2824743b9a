"""hyperliquid-python-sdk, unmodified: every query."""

import time

import pytest
import requests
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError
from quiet import BTC, mark_of, rounded, status_of


@pytest.fixture
def traded(market):
    """A fill and a resting order."""
    status_of(market.alice.limit(False, 0.02, market.mark))
    status_of(market.bob.limit(True, 0.01, market.mark, "Ioc"))
    return market


def test_listings(info):
    meta = info.meta()
    assert [asset["name"] for asset in meta["universe"]] == ["BTC", "ETH", "SOL", "AVAX", "DOGE"]
    assert [asset["name"] for asset in meta["universe"] if asset.get("onlyIsolated")] == ["AVAX", "DOGE"], "of alts"
    assert all({"szDecimals", "maxLeverage"} <= asset.keys() for asset in meta["universe"])
    spot = info.spot_meta()
    assert [token["index"] for token in spot["tokens"]] == list(range(len(spot["tokens"])))
    assert spot["tokens"][0]["name"] == "USDC"
    assert [pair["name"] for pair in spot["universe"]][:2] == ["PURR/USDC", "@1"]
    main, futures = info.perp_dexs()
    assert main is None and futures["name"] == "fut"
    listed = [asset["name"] for asset in info.meta("fut")["universe"]]
    assert listed and all(name.startswith(("fut:BTC-", "fut:ETH-")) for name in listed), listed
    assert info.name_to_asset("PURR/USDC") == 10_000
    assert info.name_to_asset("BTC/USDC") == 10_001


def test_prices(info):
    meta, contexts = info.meta_and_asset_ctxs()
    assert len(meta["universe"]) == len(contexts)
    spot, spot_contexts = info.spot_meta_and_asset_ctxs()
    assert len(spot["universe"]) == len(spot_contexts)
    assert float(contexts[0]["markPx"]) == pytest.approx(float(contexts[0]["oraclePx"]), rel=0.05)
    mids = info.all_mids()
    assert set(mids) >= {"BTC", "ETH", "SOL", "PURR/USDC", "@1"}
    assert float(mids["BTC"]) == pytest.approx(mark_of(info), rel=0.05)


def test_market_data(traded):
    info = traded.info
    book = info.l2_snapshot(BTC)
    assert (book["coin"], len(book["levels"])) == (BTC, 2)
    best = book["levels"][1][0]
    assert (float(best["px"]), float(best["sz"]), best["n"]) == (traded.mark, 0.01, 1)
    now = int(time.time() * 1000)
    for interval in ("1m", "1h", "1d", "1w", "1M"):
        candle = info.candles_snapshot(BTC, interval, 0, now + 86_400_000)[-1]
        assert (candle["s"], candle["i"]) == (BTC, interval)
        assert float(candle["l"]) <= float(candle["c"]) <= float(candle["h"])
        assert candle["t"] <= candle["T"] and candle["n"] >= 1
    context = info.meta_and_asset_ctxs()[1][0]
    assert float(context["dayNtlVlm"]) >= 0.01 * traded.mark - 1
    assert float(context["openInterest"]) == 0.01
    assert info.funding_history(BTC, 0) == []


def test_account(traded):
    alice, info = traded.alice, traded.info
    state = info.user_state(alice.address)
    (entry,) = state["assetPositions"]
    position = entry["position"]
    assert (position["coin"], float(position["szi"])) == (BTC, -0.01)
    assert float(position["entryPx"]) == traded.mark
    assert float(position["unrealizedPnl"]) == pytest.approx(
        -0.01 * (mark_of(info) - traded.mark), abs=0.01 * traded.mark * 0.02
    )
    summary = state["marginSummary"]
    raw = float(summary["totalRawUsd"])
    assert float(summary["accountValue"]) == pytest.approx(raw - float(summary["totalNtlPos"]), rel=1e-9)
    assert float(state["withdrawable"]) <= float(summary["accountValue"])
    (usdc,) = [entry for entry in info.spot_user_state(alice.address)["balances"] if entry["coin"] == "USDC"]
    assert float(summary["totalMarginUsed"]) > 0
    assert float(usdc["hold"]) == 0, "her bitcoin and ether back so small a position"
    assert float(state["withdrawable"]) == pytest.approx(float(usdc["total"]))
    assert info.query_user_abstraction_state(alice.address) == "unifiedAccount"
    assert info.user_role(alice.address) == {"role": "user"}
    fees = info.user_fees(alice.address)
    assert (float(fees["userCrossRate"]), float(fees["userAddRate"])) == (0.00045, 0.00015)
    limits = info.user_rate_limit(alice.address)
    assert 0 < limits["nRequestsUsed"] < limits["nRequestsCap"] and float(limits["cumVlm"]) > 0


def test_dollars_that_margin_needs_are_on_hold(market):
    """20 BTC at 1x need more than the BTC and ETH of the account count as collateral; the rest is held in dollars."""
    alice, info = market.alice, market.info
    assert alice.exchange.update_leverage(1, BTC)["status"] == "ok"
    try:
        status_of(alice.limit(True, 20, rounded(market.mark * 0.9)))
        (usdc,) = [entry for entry in info.spot_user_state(alice.address)["balances"] if entry["coin"] == "USDC"]
        total, hold = float(usdc["total"]), float(usdc["hold"])
        assert 0 < hold < total
        assert float(info.user_state(alice.address)["withdrawable"]) == pytest.approx(total - hold, rel=1e-3)
    finally:
        alice.cancel_all()
        alice.exchange.update_leverage(20, BTC)


def test_history(traded):
    alice, bob, info = traded.alice, traded.bob, traded.info
    fills = info.user_fills(bob.address)
    assert fills == sorted(fills, key=lambda fill: (fill["time"], fill["tid"]), reverse=True), "newest first"
    assert len({fill["tid"] for fill in fills}) == len(fills)
    newest = fills[0]
    within = info.user_fills_by_time(bob.address, newest["time"], newest["time"])
    assert newest in within and all(fill["time"] == newest["time"] for fill in within)
    statuses = [entry["status"] for entry in info.historical_orders(alice.address)[:1]]
    assert statuses == ["open"]
    assert info.historical_orders(bob.address)[0]["status"] == "filled"
    assert info.user_funding_history(alice.address, 0) == []
    deposits = [entry["delta"]["type"] for entry in info.user_non_funding_ledger_updates(alice.address, 0)]
    assert "deposit" in deposits


def test_what_does_not_exist_here_is_empty(info, traders):
    address = traders[0].address
    assert info.query_sub_accounts(address) is None
    assert info.query_user_to_multi_sig_signers(address) is None
    assert info.user_staking_delegations(address) == []
    assert info.user_staking_rewards(address) == []
    assert info.user_vault_equities(address) == []
    assert info.user_twap_slice_fills(address) == []
    assert float(info.user_staking_summary(address)["delegated"]) == 0
    assert info.query_referral_state(address)["referredBy"] is None
    unknown = "0x" + "7" * 40
    assert info.user_role(unknown) == {"role": "missing"}
    assert info.user_state(unknown)["assetPositions"] == []
    assert info.open_orders(unknown) == [] and info.user_fills(unknown) == []


def test_a_wrong_request_is_a_client_error_with_plain_text(info, devnet):
    with pytest.raises(ClientError) as raised:
        info.post("/info", {"type": "frobnicate"})
    assert raised.value.status_code == 422 and "frobnicate" in raised.value.error_message
    with pytest.raises(ClientError):
        info.user_state("0x12")
    answer = requests.post(f"{devnet.url}/info", data="{", timeout=5)
    assert answer.status_code == 400 and answer.headers["content-type"].startswith("text/plain")


def test_a_client_starts_with_only_the_url(devnet):
    client = Info(devnet.url)
    try:
        assert client.name_to_asset(BTC) == 0
    finally:
        client.disconnect_websocket()


def test_the_status_page_and_health(devnet):
    page = requests.get(devnet.url, timeout=5)
    assert page.ok and "Palisade" in page.text
    status = requests.get(f"{devnet.url}/status.json", timeout=5).json()
    assert status["height"] > 0 and status["markets"][0]["coin"] == BTC
    assert requests.get(f"{devnet.url}/health", timeout=5).ok
    assert requests.get(f"{devnet.url}/metrics", timeout=5).ok
