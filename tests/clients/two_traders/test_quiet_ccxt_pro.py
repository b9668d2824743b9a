"""ccxt pro, unmodified: streams and orders over the WebSocket."""

import asyncio

import ccxt.pro
import pytest
from quiet import rounded

SYMBOL = "BTC/USDC:USDC"
SIZE = 0.01


def run(devnet, scenario):
    """Runs a scenario with two clients that share nothing with earlier ones."""

    async def main():
        clients = []
        for account in devnet.accounts[:2]:
            clients.append(
                ccxt.pro.hyperliquid(
                    {
                        "walletAddress": account["address"],
                        "privateKey": account["secret_key"],
                        "enableRateLimit": False,
                        "urls": {
                            "api": {
                                "public": devnet.url,
                                "private": devnet.url,
                                "ws": {"public": "ws" + devnet.url[len("http") :] + "/ws"},
                            }
                        },
                    }
                )
            )
        try:
            await clients[0].load_markets()
            await clients[1].load_markets()
            await asyncio.wait_for(scenario(*clients), 60)
        finally:
            for client in clients:
                await client.close()

    asyncio.run(main())


async def until(watch, check):
    """Watches until something passes the check."""
    while True:
        value = await watch()
        if check(value):
            return value


def test_orders_by_websocket(devnet, market):
    async def scenario(alice, _):
        order = await alice.create_order_ws(SYMBOL, "limit", "buy", SIZE, rounded(market.mark * 0.9))
        edited = await alice.edit_order_ws(order["id"], SYMBOL, "limit", "buy", SIZE, rounded(market.mark * 0.89))
        assert (await alice.fetch_open_orders(SYMBOL))[0]["id"] == edited["id"]
        await alice.cancel_order_ws(edited["id"], SYMBOL)
        assert await alice.fetch_open_orders(SYMBOL) == []

    run(devnet, scenario)


def test_order_book_and_ticker(devnet, market):
    async def scenario(alice, bob):
        first = await bob.watch_order_book(SYMBOL)
        assert first["asks"] == []
        await alice.create_order(SYMBOL, "limit", "sell", SIZE, market.mark)
        book = await until(lambda: bob.watch_order_book(SYMBOL), lambda book: len(book["asks"]) > 0)
        assert book["asks"][0][:2] == [market.mark, SIZE]
        assert (await bob.watch_ticker(SYMBOL))["symbol"] == SYMBOL
        assert SYMBOL in await bob.watch_tickers([SYMBOL])
        assert (await bob.watch_ticker("PURR/USDC"))["symbol"] == "PURR/USDC"
        await bob.un_watch_order_book(SYMBOL)
        await bob.un_watch_ticker(SYMBOL)

    run(devnet, scenario)


def test_orders_and_trades_are_streamed(devnet, market):
    async def scenario(alice, bob):
        orders = asyncio.ensure_future(
            until(lambda: bob.watch_orders(SYMBOL), lambda new: new[-1]["status"] == "closed")
        )
        mine = asyncio.ensure_future(
            until(lambda: bob.watch_my_trades(SYMBOL), lambda new: new[-1]["amount"] == 3 * SIZE)
        )
        public = asyncio.ensure_future(
            until(lambda: bob.watch_trades(SYMBOL), lambda new: new[-1]["amount"] == 3 * SIZE)
        )
        candles = asyncio.ensure_future(bob.watch_ohlcv(SYMBOL, "1m"))
        await asyncio.sleep(1)
        await alice.create_order(SYMBOL, "limit", "sell", 3 * SIZE, market.mark)
        order = await bob.create_order(SYMBOL, "limit", "buy", 3 * SIZE, market.mark)
        assert (await orders)[-1]["id"] == order["id"]
        assert (await mine)[-1]["order"] == order["id"]
        assert (await public)[-1]["price"] == market.mark
        assert (await candles)[-1][4] == market.mark

    run(devnet, scenario)


def test_balances_and_positions_are_streamed(devnet, market):
    async def scenario(alice, bob):
        balance = await bob.watch_balance()
        assert balance["USDC"]["total"] > 0
        await alice.create_order(SYMBOL, "limit", "sell", SIZE, market.mark)
        await bob.create_order(SYMBOL, "limit", "buy", SIZE, market.mark)
        positions = await until(lambda: bob.watch_positions([SYMBOL]), lambda new: len(new) > 0)
        assert positions[0]["contracts"] == SIZE
        # Their bitcoin and ether back what is small, without any dollars; this needs more.
        await bob.set_leverage(1, SYMBOL)
        big = await bob.create_order(SYMBOL, "limit", "buy", 20, rounded(market.mark * 0.9))
        balance = await until(bob.watch_balance, lambda balance: balance["USDC"]["used"] > 0)
        assert balance["USDC"]["used"] < balance["USDC"]["total"]
        await bob.cancel_order(big["id"], SYMBOL)
        await until(bob.watch_balance, lambda balance: balance["USDC"]["used"] == 0)
        await bob.set_leverage(20, SYMBOL)

    run(devnet, scenario)


def test_errors_by_websocket(devnet, market):
    async def scenario(alice, _):
        price = rounded(market.mark * 0.9)
        with pytest.raises(ccxt.InvalidOrder, match="minimum value"):
            await alice.create_orders_ws(
                [{"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.00001, "price": price}]
            )

    run(devnet, scenario)
