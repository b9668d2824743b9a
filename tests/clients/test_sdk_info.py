"""The unmodified Hyperliquid SDK 0.24.0 asks: every info type of the first milestone, in the shape clients rely on."""

import time
from decimal import Decimal

import pytest
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError

import shapes
from traders import GTC, cloid, eventually, filled, resting

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def info(devnet):
    return Info(devnet.url, skip_ws=True, timeout=30)


@pytest.fixture
def trades(alice):
    """Something has just been traded in BTC."""
    filled(alice.exchange.market_open("BTC", True, 0.01))
    filled(alice.exchange.market_close("BTC"))
    return alice


def test_meta_lists_perpetuals_by_position(info):
    meta = info.meta()
    names = [entry["name"] for entry in meta["universe"]]
    assert names[:3] == ["BTC", "ETH", "SOL"] and len(set(names)) == len(names)
    tables = {table for table, _ in meta["marginTables"]}
    for entry in meta["universe"]:
        assert 0 <= shapes.whole(entry["szDecimals"]) <= 6 and shapes.whole(entry["maxLeverage"]) >= 1
        assert entry["marginTableId"] in tables
    assert meta["collateralToken"] == 0
    assert meta == info.meta(dex="")


def test_meta_and_contexts_are_aligned(info):
    meta, contexts = info.meta_and_asset_ctxs()
    assert meta == info.meta() and len(contexts) == len(meta["universe"])
    for context in contexts:
        shapes.perpetual_context(context)
    assert Decimal(contexts[0]["markPx"]) > Decimal(contexts[1]["markPx"]) > Decimal(contexts[2]["markPx"])


def test_dated_futures_are_the_first_venue_beside_the_main_one(info):
    main, futures = info.perp_dexs()
    assert main is None and futures["name"] == "fut"
    for place, listed in enumerate(info.meta(dex="fut")["universe"]):
        assert listed["name"].startswith("fut:"), (place, listed)
    with pytest.raises(ClientError) as caught:
        info.meta(dex="elsewhere")
    assert caught.value.status_code == 422


def test_spot_meta_indexes_by_position(info):
    meta = info.spot_meta()
    for place, token in enumerate(meta["tokens"]):
        assert token["index"] == place and isinstance(token["isCanonical"], bool)
        shapes.whole(token["szDecimals"]), shapes.whole(token["weiDecimals"])
        assert token["tokenId"].startswith("0x") and len(token["tokenId"]) == 34
    assert meta["tokens"][0]["name"] == "USDC"
    names = [pair["name"] for pair in meta["universe"]]
    assert names == ["PURR/USDC"] + [f"@{place}" for place in range(1, len(names))]
    for place, pair in enumerate(meta["universe"]):
        assert pair["index"] == place and pair["tokens"][1] == 0
    same, contexts = info.spot_meta_and_asset_ctxs()
    assert same == meta and len(contexts) == len(names)
    for context, name in zip(contexts, names, strict=True):
        shapes.spot_context(context, name)


def test_all_mids_name_every_market(info):
    mids = info.all_mids()
    wanted = [entry["name"] for entry in info.meta()["universe"]]
    wanted += [pair["name"] for pair in info.spot_meta()["universe"]]
    assert set(mids) == set(wanted)
    for price in mids.values():
        shapes.positive(price)


@pytest.mark.parametrize("name", ["BTC", "ETH", "SOL", "PURR/USDC", "BTC/USDC"])
def test_books_are_quoted_on_both_sides(info, name):
    def quoted():
        bids, asks = shapes.book(info.l2_snapshot(name), info.name_to_coin[name])
        return bids and asks

    assert eventually(quoted)


def test_books_can_be_rounded(devnet, info):
    exact = shapes.book(info.l2_snapshot("BTC"), "BTC")
    rounded = shapes.book(devnet.info({"type": "l2Book", "coin": "BTC", "nSigFigs": 3}), "BTC")
    for side in rounded:
        assert side and all(price % 1_000 == 0 for price, _ in side)
    assert len(rounded[0]) <= len(exact[0])


def test_candles_show_what_was_traded(info, trades):
    now = int(time.time() * 1000)
    candles = info.candles_snapshot("BTC", "1m", now - 60 * MINUTE_MS, now + MINUTE_MS)
    assert candles
    for candle in candles:
        shapes.candle(candle, "BTC", "1m", MINUTE_MS)
    assert [c["t"] for c in candles] == sorted(c["t"] for c in candles)
    assert Decimal(candles[-1]["v"]) >= Decimal("0.01")
    hours = info.candles_snapshot("BTC", "1h", 0, now)
    assert hours
    shapes.candle(hours[-1], "BTC", "1h", 60 * MINUTE_MS)
    assert info.candles_snapshot("BTC", "1m", 1, 2) == []


def test_account_states(info, trades):
    address = trades.address
    shapes.clearinghouse_state(info.user_state(address))
    balances = shapes.spot_state(info.spot_user_state(address))
    assert {"USDC", "PURR", "BTC", "ETH"} <= set(balances)
    filled(trades.exchange.market_open("ETH", False, 0.5))
    state = info.user_state(address)
    position = shapes.clearinghouse_state(state)["ETH"]
    assert Decimal(position["szi"]) == Decimal("-0.5")
    value = Decimal(position["positionValue"])
    assert value > 0 and Decimal(state["marginSummary"]["totalNtlPos"]) == value
    equity = Decimal(state["marginSummary"]["accountValue"])
    assert Decimal(state["marginSummary"]["totalRawUsd"]) == equity + value
    assert 0 < Decimal(state["crossMaintenanceMarginUsed"]) < Decimal(state["marginSummary"]["totalMarginUsed"])
    assert Decimal(state["withdrawable"]) <= equity
    nobody = info.user_state("0x" + "12" * 20)
    assert shapes.clearinghouse_state(nobody) == {} and Decimal(nobody["marginSummary"]["accountValue"]) == 0
    assert info.spot_user_state("0x" + "12" * 20) == {"balances": []}


def test_orders_by_every_question(info, alice):
    names = [cloid() for _ in range(3)]
    for place, name in enumerate(names):
        resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9 - place / 100), GTC, cloid=name))
    basic, detailed = info.open_orders(alice.address), info.frontend_open_orders(alice.address)
    assert [order["cloid"] for order in basic] == [name.to_raw() for name in reversed(names)]
    for order in basic:
        shapes.order(order)
    for order in detailed:
        shapes.frontend_order(order)
    assert [order["oid"] for order in basic] == [order["oid"] for order in detailed]
    assert info.query_order_by_oid(alice.address, 2**52) == {"status": "unknownOid"}
    assert info.query_order_by_cloid(alice.address, cloid()) == {"status": "unknownOid"}
    history = info.historical_orders(alice.address)
    for entry in history:
        shapes.order_with_status(entry)
    assert {order["oid"] for order in basic} <= {entry["order"]["oid"] for entry in history}
    assert info.open_orders("0x" + "12" * 20) == []


def test_another_accounts_order_is_not_shown(info, alice, bob):
    oid = resting(alice.exchange.order("BTC", True, 0.01, alice.price("BTC", 0.9), GTC))
    assert info.query_order_by_oid(bob.address, oid) == {"status": "unknownOid"}


def test_fills_newest_first(info, trades):
    fills = info.user_fills(trades.address)
    assert len(fills) >= 2
    for fill in fills:
        shapes.fill(fill)
    times = [fill["time"] for fill in fills]
    assert times == sorted(times, reverse=True)
    assert {fills[0]["dir"], fills[-1]["side"]} <= {"Close Long", "A", "B"}
    tids = [(fill["tid"], fill["side"]) for fill in fills]
    assert len(set(tids)) == len(tids)
    recent = info.user_fills_by_time(trades.address, times[0], aggregate_by_time=True)
    assert recent and all(fill["time"] >= times[0] for fill in recent)


def test_what_an_account_is(info, alice):
    assert info.query_user_abstraction_state(alice.address) == "unifiedAccount"
    assert info.query_user_dex_abstraction_state(alice.address) is None
    assert info.user_role("0x" + "12" * 20) == {"role": "missing"}
    limit = info.user_rate_limit(alice.address)
    assert shapes.whole(limit["nRequestsUsed"]) <= shapes.whole(limit["nRequestsCap"])
    shapes.decimal(limit["cumVlm"])
    fees = info.user_fees(alice.address)
    for key in ("userCrossRate", "userAddRate", "userSpotCrossRate", "userSpotAddRate"):
        shapes.decimal(fees[key])


def test_what_there_is_not_is_empty(info, devnet, alice):
    user = alice.address
    assert info.query_user_to_multi_sig_signers(user) is None
    assert info.user_staking_delegations(user) == [] and info.user_staking_rewards(user) == []
    assert info.delegator_history(user) == []
    assert shapes.decimal(info.user_staking_summary(user)["delegated"]) == 0
    assert info.query_referral_state(user)["referredBy"] is None
    status = devnet.info({"type": "exchangeStatus"})
    assert status["specialStatuses"] is None and shapes.time_ms(status["time"])
    with pytest.raises(ClientError) as caught:
        info.post("/info", {"type": "nothingOfTheKind"})
    assert caught.value.status_code == 422 and "nothingOfTheKind" in caught.value.error_message
