"""Unmodified ccxt pro 4.5.90 listens and trades over the WebSocket; only its URLs are ours."""

import asyncio

import ccxt
import ccxt.pro
import pytest

from bots import BTC, BTC_SPOT, ETH, PURR_SPOT, close_to, streaming

WAIT_S = 20


def with_bot(devnet, scenario):
    """Runs a scenario with a bot of its own."""

    async def session():
        bot = streaming(devnet)
        try:
            await asyncio.wait_for(bot.load_markets(), WAIT_S)
            return await scenario(bot)
        finally:
            await bot.close()

    return asyncio.run(session())


async def within(awaitable, timeout_s: float = WAIT_S):
    return await asyncio.wait_for(awaitable, timeout_s)


async def until(watch, wanted):
    """Watches until something wanted arrives."""

    async def search():
        while True:
            found = [entry for entry in await watch() if wanted(entry)]
            if found:
                return found[-1]

    return await within(search())


async def middle(bot, symbol):
    return (await bot.fetch_ticker(symbol))["close"]


def test_market_data(devnet, alice):
    async def scenario(bot):
        price = await middle(bot, BTC)
        for symbol in (BTC, PURR_SPOT, BTC_SPOT):
            book = await within(bot.watch_order_book(symbol))
            assert book["symbol"] == symbol and book["bids"][0][0] < book["asks"][0][0]
            again = await within(bot.watch_order_book(symbol))
            assert again["timestamp"] >= book["timestamp"]
        ticker = await within(bot.watch_ticker(BTC))
        assert ticker["symbol"] == BTC and close_to(ticker["close"], price, 0.05)
        spot = await within(bot.watch_ticker(PURR_SPOT))
        assert spot["symbol"] == PURR_SPOT and spot["close"] > 0
        tickers = await within(bot.watch_tickers([BTC, ETH]), 30)
        assert BTC in tickers and tickers[BTC]["last"] > 0

    with_bot(devnet, scenario)


def test_trades_and_candles(devnet, alice):
    async def scenario(bot):
        price = await middle(bot, ETH)
        trades = asyncio.create_task(bot.watch_trades(ETH))
        candles = asyncio.create_task(bot.watch_ohlcv(ETH, "1m"))
        await asyncio.sleep(0.5)
        await bot.create_order(ETH, "market", "buy", 0.1, price)
        traded = (await within(trades))[-1]
        assert traded["symbol"] == ETH and traded["price"] > 0 and traded["amount"] > 0
        candle = (await within(candles))[-1]
        assert candle[2] >= candle[3] > 0 and close_to(candle[4], price, 0.05)

    with_bot(devnet, scenario)


def test_orders_and_fills_of_an_account(devnet, alice):
    async def scenario(bot):
        price = await middle(bot, BTC)
        first = asyncio.create_task(bot.watch_orders())
        await asyncio.sleep(0.5)
        placed = await bot.create_order(BTC, "limit", "buy", 0.01, price * 0.9)
        opened = (await within(first))[-1]
        assert opened["id"] == placed["id"] and opened["status"] == "open" and opened["amount"] == 0.01
        ended = asyncio.create_task(until(bot.watch_orders, lambda order: order["status"] == "canceled"))
        await asyncio.sleep(0)
        await bot.cancel_order(placed["id"], BTC)
        assert (await ended)["id"] == placed["id"]
        # The stream begins with the fills that there were.
        old = {fill["id"] for fill in await bot.fetch_my_trades()}
        mine = asyncio.create_task(until(bot.watch_my_trades, lambda fill: fill["id"] not in old))
        await asyncio.sleep(0)
        taken = await bot.create_order(BTC, "market", "buy", 0.02, price)
        fill = await mine
        assert fill["order"] == taken["id"] and fill["side"] == "buy"
        assert fill["symbol"] == BTC and fill["amount"] == 0.02

    with_bot(devnet, scenario)


def test_trading_over_the_socket(devnet, alice):
    async def scenario(bot):
        price = await middle(bot, BTC)
        placed = await within(bot.create_order_ws(BTC, "limit", "buy", 0.01, price * 0.9))
        assert placed["id"]
        edited = await within(bot.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.02, price * 0.89))
        (shown,) = await bot.fetch_open_orders(BTC)
        assert shown["id"] == edited["id"] and shown["amount"] == 0.02
        await within(bot.cancel_order_ws(edited["id"], BTC))
        assert await bot.fetch_open_orders(BTC) == []
        both = await within(
            bot.create_orders_ws([
                {"symbol": symbol, "type": "limit", "side": "buy", "amount": amount, "price": p * 0.9}
                for symbol, amount, p in ((BTC, 0.01, price), (ETH, 0.1, await middle(bot, ETH)))
            ])
        )  # fmt: skip
        assert len(both) == 2 and all(order["id"] for order in both)
        await within(bot.cancel_orders_ws([both[0]["id"]], BTC))
        taken = await within(bot.create_order_ws(BTC, "market", "buy", 0.01, price))
        assert taken["filled"] == 0.01 and close_to(taken["average"], price, 0.03)
        with pytest.raises(ccxt.InvalidOrder, match="Post only order"):
            await within(bot.create_order_ws(BTC, "limit", "buy", 0.01, price * 1.05, {"postOnly": True}))

    with_bot(devnet, scenario)


def test_balances_and_positions(devnet, alice):
    async def scenario(bot):
        price = await middle(bot, BTC)
        balance = await within(bot.watch_balance())
        assert balance["USDC"]["total"] > 100_000
        positions = asyncio.create_task(until(bot.watch_positions, lambda position: position["symbol"] == BTC))
        await asyncio.sleep(0.5)
        await bot.create_order(BTC, "market", "sell", 0.03, price)
        position = await positions
        assert position["side"] == "short" and position["contracts"] == 0.03

    with_bot(devnet, scenario)


def test_streams_are_left_in_order(devnet, alice):
    async def scenario(bot):
        await within(bot.watch_order_book(BTC))
        await within(bot.un_watch_order_book(BTC))
        await within(bot.watch_order_book(BTC))
        await within(bot.watch_ticker(BTC))
        await within(bot.un_watch_ticker(BTC))
        watching = asyncio.create_task(bot.watch_orders())
        await asyncio.sleep(0.3)
        await within(bot.un_watch_orders())
        with pytest.raises(ccxt.UnsubscribeError):
            await within(watching)

    with_bot(devnet, scenario)
