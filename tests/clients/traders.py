"""Traders that use the unmodified Hyperliquid SDK, and the small questions that tests ask."""

import time
from decimal import Decimal

from eth_account import Account as EthAccount
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid

import shapes

GTC = {"limit": {"tif": "Gtc"}}
IOC = {"limit": {"tif": "Ioc"}}
ALO = {"limit": {"tif": "Alo"}}
NOT_OPEN = "Order was never placed, already canceled, or filled."


def cloid() -> Cloid:
    """One that nobody has used."""
    return Cloid.from_int(time.time_ns() << 32)


def statuses(answer: dict, kind: str = "order") -> list:
    """The statuses of an answer that went well."""
    assert answer["status"] == "ok", answer
    assert answer["response"]["type"] == kind, answer
    return answer["response"]["data"]["statuses"]


def only(answer: dict, kind: str = "order"):
    found = statuses(answer, kind)
    assert len(found) == 1, answer
    return found[0]


def resting(answer: dict) -> int:
    status = only(answer)
    assert set(status) == {"resting"}, status
    return shapes.whole(status["resting"]["oid"])


def filled(answer: dict) -> dict:
    status = only(answer)
    assert set(status) == {"filled"}, status
    inner = status["filled"]
    shapes.positive(inner["totalSz"]), shapes.positive(inner["avgPx"]), shapes.whole(inner["oid"])
    return inner


def error(answer: dict) -> str:
    status = only(answer)
    assert set(status) == {"error"}, status
    return status["error"]


def refused(answer: dict) -> str:
    """The words of an action that was refused as a whole."""
    assert answer["status"] == "err", answer
    assert isinstance(answer["response"], str)
    return answer["response"]


def done(answer: dict) -> None:
    assert answer == {"status": "ok", "response": {"type": "default"}}


def tradable(price: float | Decimal, size_decimals: int, spot: bool = False) -> float:
    """The nearest price that Hyperliquid's rules allow: five significant figures, few decimals."""
    return round(float(f"{float(price):.5g}"), (8 if spot else 6) - size_decimals)


def eventually(question, timeout_s: float = 5.0):
    """The first true answer; fails if there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {question}"
        time.sleep(0.05)


class Trader:
    """One account with its client."""

    def __init__(self, url: str, secret_key: str, account_address: str | None = None):
        self.wallet = EthAccount.from_key(secret_key)
        self.exchange = Exchange(self.wallet, url, account_address=account_address, timeout=30)
        self.info: Info = self.exchange.info
        self.address = (account_address or self.wallet.address).lower()

    def decimals(self, coin: str) -> int:
        return self.info.asset_to_sz_decimals[self.info.name_to_asset(coin)]

    def mid(self, coin: str) -> Decimal:
        return shapes.positive(self.info.all_mids()[self.info.name_to_coin[coin]])

    def price(self, coin: str, factor: float) -> float:
        """A price this far from the middle that the market accepts."""
        return tradable(float(self.mid(coin)) * factor, self.decimals(coin), "/" in coin)

    def open_orders(self) -> dict[int, dict]:
        return {order["oid"]: order for order in self.info.open_orders(self.address)}

    def positions(self) -> dict[str, dict]:
        return shapes.clearinghouse_state(self.info.user_state(self.address))

    def position(self, coin: str) -> Decimal:
        return Decimal(self.positions()[coin]["szi"]) if coin in self.positions() else Decimal(0)

    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        return shapes.spot_state(self.info.spot_user_state(self.address))

    def status(self, oid: int | Cloid) -> dict:
        query = self.info.query_order_by_cloid if isinstance(oid, Cloid) else self.info.query_order_by_oid
        answer = query(self.address, oid)
        assert answer["status"] == "order", answer
        shapes.order_with_status(answer["order"])
        return answer["order"]

    def reset(self) -> None:
        """Leaves no orders and no positions."""
        open_orders = list(self.open_orders().values())
        names = {coin: name for name, coin in self.info.name_to_coin.items()}
        for start in range(0, len(open_orders), 40):
            part = open_orders[start : start + 40]
            statuses(self.exchange.bulk_cancel([{"coin": names[o["coin"]], "oid": o["oid"]} for o in part]), "cancel")
        for coin in self.positions():
            eventually(lambda coin=coin: self.closed(coin))
        assert not self.open_orders()

    def closed(self, coin: str) -> bool:
        self.exchange.market_close(coin)
        return coin not in self.positions()
