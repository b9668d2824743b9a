"""Unmodified ccxt 4.5.90 trades over HTTP; only its URLs are ours."""

import time

import ccxt
import pytest

from bots import BTC, BTC_SPOT, ETH, PURR_SPOT, SOL, close_to, synchronous
from traders import eventually

# BTC of which half is worth more than the dollars of a funded account with its BTC and ETH at their collateral weights,
# and all of it less than the largest order may be.
TOO_MUCH_AT_2X = 70


@pytest.fixture(scope="module")
def loaded(devnet):
    bot = synchronous(devnet)
    bot.load_markets()
    return bot


@pytest.fixture
def bot(loaded, alice):
    """ccxt on alice's account, which begins and ends without orders and positions."""
    return loaded


@pytest.fixture
def prices(bot):
    """The middle of each market."""
    tickers = bot.fetch_tickers()
    return {symbol: ticker["close"] for symbol, ticker in tickers.items()}


def rest(bot, prices, symbol=BTC, amount=0.01, factor=0.9, **params):
    return bot.create_order(symbol, "limit", "buy", amount, prices[symbol] * factor, params)


def test_markets(bot):
    assert {BTC, ETH, SOL, PURR_SPOT, BTC_SPOT} <= set(bot.markets)
    market = bot.markets[BTC]
    assert market["swap"] and market["linear"] and market["active"] and market["baseId"] == "0"
    assert market["precision"]["amount"] == 0.00001 and market["limits"]["leverage"]["max"] == 40
    assert market["limits"]["cost"]["min"] == 10
    spot = bot.markets[BTC_SPOT]
    assert spot["spot"] and spot["id"] == "@1" and spot["baseId"] == "10001"
    currencies = bot.fetch_currencies()
    assert {"USDC", "BTC", "ETH", "PURR"} <= set(currencies)


def test_tickers(bot):
    tickers = bot.fetch_tickers()
    assert {BTC, ETH, SOL, PURR_SPOT, BTC_SPOT} <= set(tickers)
    one = bot.fetch_ticker(BTC)
    assert one["symbol"] == BTC and one["close"] > 0 and one["bid"] < one["ask"]
    assert close_to(one["close"], tickers[BTC]["close"], 0.05)
    assert close_to(tickers[BTC_SPOT]["close"], tickers[BTC]["close"], 0.02)


def test_public_data(bot, prices):
    for symbol in (BTC, PURR_SPOT, BTC_SPOT):
        book = bot.fetch_order_book(symbol)
        assert book["symbol"] == symbol and book["bids"] and book["asks"] and book["timestamp"]
        assert book["bids"][0][0] < book["asks"][0][0]
        assert close_to(book["bids"][0][0], prices[symbol], 0.05)
    interest = bot.fetch_open_interest(BTC)
    assert interest["openInterestAmount"] >= 0
    rate = bot.fetch_funding_rate(BTC)
    assert abs(rate["fundingRate"]) <= 0.04 and rate["markPrice"] > 0 and rate["indexPrice"] > 0
    assert bot.fetch_status()["status"] == "ok"
    assert abs(bot.fetch_time() - time.time() * 1000) < 5_000


def test_balance(bot):
    balance = bot.fetch_balance()
    assert balance["USDC"]["total"] > 100_000
    assert balance["USDC"]["free"] + balance["USDC"]["used"] == pytest.approx(balance["USDC"]["total"])
    assert balance["PURR"]["total"] > 0 and balance["BTC"]["total"] > 0


def test_a_limit_order_from_open_to_cancelled(bot, prices):
    name = f"0x{time.time_ns():032x}"
    placed = rest(bot, prices, clientOrderId=name)
    assert placed["id"] and placed["clientOrderId"] == name
    (shown,) = bot.fetch_open_orders(BTC)
    assert (shown["id"], shown["symbol"], shown["side"]) == (placed["id"], BTC, "buy")
    assert shown["amount"] == 0.01 and shown["remaining"] == 0.01 and shown["clientOrderId"] == name
    assert shown["type"] == "limit" and shown["timeInForce"] == "GTC" and shown["reduceOnly"] is False
    order = bot.fetch_order(placed["id"], BTC)
    assert order["status"] == "open" and order["filled"] == 0 and order["price"] == shown["price"]
    assert bot.fetch_order(name, BTC)["id"] == placed["id"]
    bot.cancel_order(placed["id"], BTC)
    assert bot.fetch_open_orders() == []
    assert bot.fetch_order(placed["id"], BTC)["status"] == "canceled"
    assert placed["id"] in [order["id"] for order in bot.fetch_canceled_orders(BTC)]
    with pytest.raises(ccxt.OrderNotFound):
        bot.cancel_order(placed["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound):
        bot.fetch_order("4503599627370495", BTC)


def test_market_orders_move_a_position(bot, prices):
    started = bot.milliseconds() - 1_000
    opened = bot.create_order(ETH, "market", "buy", 0.5, prices[ETH])
    assert opened["amount"] == 0.5 and opened["filled"] == 0.5
    assert close_to(opened["average"], prices[ETH], 0.02)
    (position,) = bot.fetch_positions([ETH])
    assert position["contracts"] == 0.5 and position["side"] == "long" and position["marginMode"] == "cross"
    assert close_to(position["entryPrice"], opened["average"], 0.0001)
    assert position["leverage"] >= 1 and position["initialMargin"] > 0 and position["notional"] > 0
    assert bot.fetch_position(ETH)["contracts"] == 0.5
    balance = bot.fetch_balance()
    assert balance["USDC"]["used"] == 0, "her bitcoin and ether back so small a position, so all dollars are free"

    closed = bot.create_order(ETH, "market", "sell", 0.5, prices[ETH], {"reduceOnly": True})
    assert closed["filled"] == 0.5 and bot.fetch_positions([ETH]) == []
    trades = bot.fetch_my_trades(ETH, since=started)
    mine = [trade for trade in trades if trade["order"] in (opened["id"], closed["id"])]
    assert sum(trade["amount"] for trade in mine) == pytest.approx(1.0)
    for trade in mine:
        assert trade["takerOrMaker"] == "taker" and trade["fee"]["currency"] == "USDC"
        assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * 0.00045, rel=1e-3)
    assert {trade["side"] for trade in mine} == {"buy", "sell"}
    assert {opened["id"], closed["id"]} <= {order["id"] for order in bot.fetch_closed_orders(ETH)}
    candles = bot.fetch_ohlcv(ETH, "1m", limit=5)
    assert candles and candles[-1][2] >= candles[-1][3] > 0 and candles[-1][5] > 0


def test_dollars_that_margin_needs_are_not_free(bot, prices):
    """20 BTC at 1x need more than the BTC and ETH of the account count as collateral; the rest is held in dollars."""
    bot.set_leverage(1, BTC)
    try:
        placed = rest(bot, prices, amount=20)
        usdc = bot.fetch_balance()["USDC"]
        assert 0 < usdc["used"] < usdc["total"]
        assert usdc["free"] + usdc["used"] == pytest.approx(usdc["total"])
        bot.cancel_order(placed["id"], BTC)
        assert bot.fetch_balance()["USDC"]["used"] == 0
    finally:
        bot.set_leverage(40, BTC)


def test_post_only_and_immediate_orders(bot, prices):
    placed = rest(bot, prices, postOnly=True)
    assert bot.fetch_order(placed["id"], BTC)["postOnly"] is True
    with pytest.raises(ccxt.InvalidOrder, match="Post only order would have immediately matched"):
        rest(bot, prices, factor=1.05, postOnly=True)
    with pytest.raises(ccxt.InvalidOrder, match="could not immediately match"):
        rest(bot, prices, factor=0.9, timeInForce="IOC")
    taken = rest(bot, prices, factor=1.03, timeInForce="IOC")
    assert taken["filled"] == 0.01
    assert len(bot.fetch_open_orders()) == 1


def test_orders_are_edited(bot, prices):
    placed = rest(bot, prices)
    edited = bot.edit_order(placed["id"], BTC, "limit", "buy", 0.02, prices[BTC] * 0.88)
    (shown,) = bot.fetch_open_orders(BTC)
    assert shown["id"] == edited["id"] and shown["amount"] == 0.02
    assert close_to(shown["price"], prices[BTC] * 0.88, 0.001)


def test_several_orders_at_once(bot, prices):
    wanted = [
        {"symbol": symbol, "type": "limit", "side": "buy", "amount": amount, "price": prices[symbol] * 0.9}
        for symbol, amount in ((BTC, 0.01), (ETH, 0.1), (SOL, 1), (PURR_SPOT, 1_000))
    ]
    placed = bot.create_orders(wanted)
    assert len(placed) == 4 and all(order["id"] for order in placed)
    shown = {order["symbol"]: order for order in bot.fetch_open_orders()}
    assert set(shown) == {BTC, ETH, SOL, PURR_SPOT}
    bot.cancel_orders([shown[BTC]["id"]], BTC)
    bot.cancel_orders_for_symbols([{"id": shown[s]["id"], "symbol": s} for s in (ETH, SOL, PURR_SPOT)])
    assert bot.fetch_open_orders() == []


def test_spot_orders(bot, prices):
    before = bot.fetch_balance()["PURR"]["total"]
    bought = bot.create_order(PURR_SPOT, "market", "buy", 300, prices[PURR_SPOT])
    assert bought["filled"] == 300 and bot.fetch_balance()["PURR"]["total"] == before + 300
    bot.create_order(PURR_SPOT, "market", "sell", 300, prices[PURR_SPOT])
    assert bot.fetch_balance()["PURR"]["total"] == before
    placed = rest(bot, prices, BTC_SPOT, 0.001)
    assert bot.fetch_open_orders(BTC_SPOT)[0]["id"] == placed["id"]


def test_leverage(bot, prices):
    assert bot.set_leverage(5, SOL)["status"] == "ok"
    bot.create_order(SOL, "market", "sell", 10, prices[SOL])
    position = bot.fetch_position(SOL)
    assert position["leverage"] == 5 and position["side"] == "short"
    bot.set_leverage(20, SOL)
    with pytest.raises(ccxt.ExchangeError, match="No isolated position"):
        bot.add_margin(SOL, 10)


def test_the_dead_mans_switch(bot, prices):
    rest(bot, prices)
    assert bot.cancel_all_orders_after(6_000)["status"] == "ok"
    assert len(bot.fetch_open_orders()) == 1
    eventually(lambda: not bot.fetch_open_orders(), timeout_s=12)


def test_errors_have_the_classes_that_bots_catch(bot, prices):
    with pytest.raises(ccxt.InvalidOrder, match="minimum value"):
        rest(bot, prices, amount=0.00005)
    bot.set_leverage(2, BTC)
    with pytest.raises(ccxt.InsufficientFunds):
        rest(bot, prices, amount=TOO_MUCH_AT_2X)
    bot.set_leverage(40, BTC)
    with pytest.raises(ccxt.InsufficientFunds):
        bot.create_order(BTC_SPOT, "limit", "sell", 50, prices[BTC_SPOT] * 1.1)
    with pytest.raises(ccxt.InvalidOrder, match="Reduce only"):
        rest(bot, prices, reduceOnly=True)
    assert bot.fetch_open_orders() == []


def test_no_builder_takes_a_fee_and_no_referrer_is_set(bot, prices):
    """ccxt asks for a fee at its first order, is refused, and at the next asks to name its builder without one.

    What is refused must not end in a fee on every order.
    """
    for _ in range(2):
        rest(bot, prices)
    assert bot.options["builderFee"] is False
    taken = bot.create_order(ETH, "market", "buy", 0.1, prices[ETH])
    (trade,) = [trade for trade in bot.fetch_my_trades(ETH) if trade["order"] == taken["id"]][:1]
    assert "builderFee" not in trade["info"]
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * 0.00045, rel=1e-3)
    assert bot.publicPostInfo({"type": "referral", "user": bot.walletAddress})["referredBy"] is None


def test_a_strangers_key_is_refused(devnet, loaded, alice, prices):
    stranger = synchronous(devnet)
    stranger.privateKey = "0x" + "77" * 32
    stranger.load_markets()
    with pytest.raises(ccxt.InvalidOrder, match="User or API Wallet "):
        rest(stranger, prices)


def test_account_history(bot):
    assert bot.fetch_trading_fee(BTC)["taker"] == 0.00045
    assert isinstance(bot.fetch_ledger(), list) and isinstance(bot.fetch_deposits(), list)
    assert bot.fetch_withdrawals() == []
