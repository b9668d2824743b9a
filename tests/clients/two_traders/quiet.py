"""Two accounts alone on a devnet without a market maker: the books are theirs, so every result is known beforehand."""

import time

import eth_account
from hyperliquid.exchange import Exchange

BTC = "BTC"


def wait_until(check, seconds=10.0, what="the condition"):
    """Polls until `check` gives something true, and gives that."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.05)


class Trader:
    """An account with its official client."""

    def __init__(self, devnet, secret_key):
        self.wallet = eth_account.Account.from_key(secret_key)
        self.secret_key = secret_key
        self.address = self.wallet.address.lower()
        self.exchange = Exchange(self.wallet, devnet.url)
        self.info = self.exchange.info

    def open_orders(self):
        return self.info.open_orders(self.address)

    def position(self, coin=BTC):
        for entry in self.info.user_state(self.address)["assetPositions"]:
            if entry["position"]["coin"] == coin:
                return float(entry["position"]["szi"])
        return 0.0

    def limit(self, is_buy, size, price, tif="Gtc", coin=BTC, **options):
        return self.exchange.order(coin, is_buy, size, price, {"limit": {"tif": tif}}, **options)

    def cancel_all(self):
        orders = self.open_orders()
        if orders:
            self.exchange.bulk_cancel([{"coin": order["coin"], "oid": order["oid"]} for order in orders])


def status_of(answer):
    """The one status of an answer."""
    assert answer["status"] == "ok", answer
    (status,) = answer["response"]["data"]["statuses"]
    return status


def mark_of(info, coin=BTC):
    meta, contexts = info.meta_and_asset_ctxs()
    names = [asset["name"] for asset in meta["universe"]]
    return float(contexts[names.index(coin)]["markPx"])


def rounded(price):
    """A price that the tick of BTC allows."""
    return float(round(price))


def flatten(traders):
    first, second = traders
    for trader in traders:
        trader.cancel_all()
    for coin in ("BTC", "ETH", "SOL"):
        held = first.position(coin)
        if held == 0:
            continue
        price = float(f"{mark_of(first.info, coin):.4g}")
        maker = first.limit(held < 0, abs(held), price, coin=coin, reduce_only=True)
        assert "resting" in status_of(maker), maker
        assert "filled" in status_of(second.limit(held > 0, abs(held), price, "Ioc", coin=coin))
