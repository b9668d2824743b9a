"""Every flow of unmodified ccxt pro 4.5.90 over the WebSocket, each as a test of its own; only its URLs are ours."""

import asyncio

import ccxt
import pytest

from bots import BTC, ETH, PURR_SPOT, SOL, close_to
from test_ccxt_stream import middle, until, with_bot, within


async def started(awaitable):
    """A task that has had the time to subscribe."""
    task = asyncio.create_task(awaitable)
    await asyncio.sleep(0.5)
    return task


async def rest(bot, symbol=BTC, amount=0.01, factor=0.9):
    return await within(bot.create_order_ws(symbol, "limit", "buy", amount, (await middle(bot, symbol)) * factor))


def flow(scenario):
    """A scenario with a bot of its own, as a test."""

    def test(devnet, alice):
        with_bot(devnet, scenario)

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    return test


@flow
async def test_watch_order_book(bot):
    book = await within(bot.watch_order_book(BTC))
    assert book["bids"][0][0] < book["asks"][0][0]


@flow
async def test_un_watch_order_book(bot):
    await within(bot.watch_order_book(BTC))
    await within(bot.un_watch_order_book(BTC))
    await within(bot.watch_order_book(BTC))


@flow
async def test_watch_ticker(bot):
    assert (await within(bot.watch_ticker(PURR_SPOT)))["close"] > 0


@flow
async def test_un_watch_ticker(bot):
    await within(bot.watch_ticker(BTC))
    await within(bot.un_watch_ticker(BTC))


@flow
async def test_watch_tickers(bot):
    tickers = await within(bot.watch_tickers([BTC, ETH]), 30)
    assert tickers[BTC]["last"] > 0


@flow
async def test_un_watch_tickers(bot):
    await within(bot.watch_tickers([BTC, ETH]), 30)
    await within(bot.un_watch_tickers([BTC, ETH]))


@flow
async def test_watch_trades(bot):
    trades = await started(bot.watch_trades(ETH))
    await bot.create_order(ETH, "market", "buy", 0.1, await middle(bot, ETH))
    assert (await within(trades))[-1]["symbol"] == ETH


@flow
async def test_un_watch_trades(bot):
    await within(bot.watch_trades(ETH))
    await within(bot.un_watch_trades(ETH))


@flow
async def test_watch_ohlcv(bot):
    candles = await started(bot.watch_ohlcv(ETH, "1m"))
    price = await middle(bot, ETH)
    await bot.create_order(ETH, "market", "buy", 0.1, price)
    assert close_to((await within(candles))[-1][4], price, 0.05)


@flow
async def test_un_watch_ohlcv(bot):
    candles = await started(bot.watch_ohlcv(ETH, "1m"))
    await bot.create_order(ETH, "market", "buy", 0.1, await middle(bot, ETH))
    await within(candles)
    await within(bot.un_watch_ohlcv(ETH, "1m"))


@flow
async def test_watch_my_trades(bot):
    # The stream begins with the fills that there were.
    old = {fill["id"] for fill in await bot.fetch_my_trades()}
    mine = await started(until(bot.watch_my_trades, lambda fill: fill["id"] not in old))
    taken = await bot.create_order(BTC, "market", "buy", 0.02, await middle(bot, BTC))
    assert (await mine)["order"] == taken["id"]


@flow
async def test_un_watch_my_trades(bot):
    mine = await started(bot.watch_my_trades())
    await bot.create_order(BTC, "market", "buy", 0.01, await middle(bot, BTC))
    await within(mine)
    await within(bot.un_watch_my_trades())


@flow
async def test_watch_my_liquidations(bot):
    """Other fills are none. What it shows of one is in `test_hour.py`."""
    watching = await started(bot.watch_my_liquidations_for_symbols([BTC]))
    await bot.create_order(BTC, "market", "buy", 0.01, await middle(bot, BTC))
    done, _ = await asyncio.wait([watching], timeout=1)
    assert not done, watching.exception() or watching.result()
    watching.cancel()


@flow
async def test_watch_balance(bot):
    assert (await within(bot.watch_balance()))["USDC"]["total"] > 0


@flow
async def test_un_watch_balance(bot):
    await within(bot.watch_balance())
    await within(bot.un_watch_balance())


@flow
async def test_watch_positions(bot):
    positions = await started(until(bot.watch_positions, lambda position: position["symbol"] == BTC))
    await bot.create_order(BTC, "market", "sell", 0.03, await middle(bot, BTC))
    assert (await positions)["contracts"] == 0.03


@flow
async def test_un_watch_positions(bot):
    positions = await started(bot.watch_positions())
    await bot.create_order(BTC, "market", "sell", 0.03, await middle(bot, BTC))
    await within(positions)
    await within(bot.un_watch_positions())


@flow
async def test_watch_orders(bot):
    first = await started(bot.watch_orders())
    placed = await rest(bot)
    assert (await within(first))[-1]["id"] == placed["id"]


@flow
async def test_watch_orders_of_a_stop_loss(bot):
    """A trigger is an order to those who watch orders."""
    price = await middle(bot, SOL)
    await bot.create_order(SOL, "market", "buy", 2, price)
    changed = await started(until(bot.watch_orders, lambda order: order["status"] == "canceled"))
    stop = {"stopLossPrice": price * 0.8, "reduceOnly": True}
    placed = await bot.create_order(SOL, "market", "sell", 2, price * 0.8, stop)
    await bot.cancel_order(placed["id"], SOL)
    assert (await changed)["id"] == placed["id"]


@flow
async def test_un_watch_orders(bot):
    watching = await started(bot.watch_orders())
    await within(bot.un_watch_orders())
    with pytest.raises(ccxt.UnsubscribeError):
        await within(watching)


@flow
async def test_create_order_ws(bot):
    taken = await within(bot.create_order_ws(BTC, "market", "buy", 0.01, await middle(bot, BTC)))
    assert taken["filled"] == 0.01


@flow
async def test_create_orders_ws(bot):
    price = await middle(bot, BTC)
    wanted = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": price * factor}
        for factor in (0.9, 0.89)
    ]
    assert len({order["id"] for order in await within(bot.create_orders_ws(wanted))}) == 2


@flow
async def test_edit_order_ws(bot):
    placed = await rest(bot)
    price = (await middle(bot, BTC)) * 0.89
    edited = await within(bot.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.02, price))
    (shown,) = await bot.fetch_open_orders(BTC)
    assert (shown["id"], shown["amount"]) == (edited["id"], 0.02)


@flow
async def test_cancel_order_ws(bot):
    await within(bot.cancel_order_ws((await rest(bot))["id"], BTC))
    assert await bot.fetch_open_orders(BTC) == []


@flow
async def test_cancel_orders_ws(bot):
    placed = [(await rest(bot))["id"], (await rest(bot, factor=0.89))["id"]]
    await within(bot.cancel_orders_ws(placed, BTC))
    assert await bot.fetch_open_orders(BTC) == []
