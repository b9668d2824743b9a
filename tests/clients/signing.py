"""Bodies signed by hand, to be bent in every way that the real clients do not."""

import time
from decimal import Decimal

from eth_account import Account as EthAccount
from hyperliquid.utils.signing import sign_l1_action

import shapes

# Of secp256k1.
GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Signer:
    """A key that signs whatever it is given, with nonces of its own."""

    def __init__(self, secret_key: str):
        self.wallet = EthAccount.from_key(secret_key)
        self.address = self.wallet.address.lower()
        self.last_nonce = 0

    def nonce(self) -> int:
        self.last_nonce = max(self.last_nonce + 1, now_ms())
        return self.last_nonce

    def body(
        self, action: dict, nonce: int | None = None, vault: str | None = None, expires: int | None = None
    ) -> dict:
        nonce = self.nonce() if nonce is None else nonce
        body = {"action": action, "nonce": nonce, "signature": self.sign(action, nonce, vault, expires)}
        if vault is not None:
            body["vaultAddress"] = vault
        if expires is not None:
            body["expiresAfter"] = expires
        return body

    def sign(self, action: dict, nonce: int, vault: str | None = None, expires: int | None = None) -> dict:
        return sign_l1_action(self.wallet, action, vault, nonce, expires, False)


def order(price: float | str, size: str = "0.01", asset: int = 0, is_buy: bool = True, **other) -> dict:
    """One order in wire form; BTC unless another asset is named."""
    shown = price if isinstance(price, str) else f"{Decimal(str(price)).normalize():f}"
    return {"a": asset, "b": is_buy, "p": shown, "s": size, "r": False, "t": {"limit": {"tif": "Gtc"}}, **other}


def place(*orders: dict, **other) -> dict:
    return {"type": "order", "orders": list(orders), "grouping": "na", **other}


def with_high_s(signature: dict) -> dict:
    """The other signature of the same content by the same key."""
    return {
        "r": signature["r"],
        "s": hex(GROUP_ORDER - int(signature["s"], 16)),
        "v": 55 - signature["v"],
    }


def snapshot(devnet, address: str) -> dict:
    """Everything that an action could have changed, without prices, which move by themselves."""
    state = devnet.info({"type": "clearinghouseState", "user": address})
    fills = devnet.info({"type": "userFills", "user": address})
    return {
        "orders": devnet.info({"type": "openOrders", "user": address}),
        "history": [
            (entry["order"]["oid"], entry["status"])
            for entry in devnet.info({"type": "historicalOrders", "user": address})
        ],
        "positions": {coin: p["szi"] for coin, p in shapes.clearinghouse_state(state).items()},
        "balances": devnet.rpc("palisade_account", {"account": address})["balances"],
        "agents": devnet.info({"type": "extraAgents", "user": address}),
        "fills": [fill["tid"] for fill in fills],
    }
