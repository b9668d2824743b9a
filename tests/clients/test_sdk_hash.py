"""Our hash of an action against the official SDK's, on generated actions.

The SDK packs, hashes and signs; the server packs and hashes what it received and names the address that its hash
recovers. A stranger's key is refused by that name, so the two hashes agree exactly if the name is the signer's.
"""

import random
import string

import pytest
from eth_account import Account as EthAccount
from hyperliquid.utils import signing

from signing import Signer, now_ms
from test_bad_input import exchange
from traders import refused

ACTIONS = 300
# Where msgpack changes the form of a number or a length.
EDGES = [0, 1, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1]


def text(dice: random.Random) -> str:
    length = dice.choice([0, 1, 15, 31, 32, 33, 255, 256, 300])
    return "".join(dice.choice(string.printable + "é😀𝄞\u2028") for _ in range(length))


def number(dice: random.Random) -> int:
    return max(0, dice.choice(EDGES) + dice.choice([0, 0, dice.randrange(1_000)])) % 2**32


def address(dice: random.Random) -> str:
    digits = f"{dice.getrandbits(160):040x}"
    return "0x" + dice.choice([digits, digits.upper()])


def order_type(dice: random.Random) -> dict:
    if dice.random() < 0.7:
        return {"limit": {"tif": dice.choice(["Gtc", "Ioc", "Alo", "FrontendMarket"])}}
    trigger = [("isMarket", dice.random() < 0.5), ("triggerPx", text(dice)), ("tpsl", dice.choice(["tp", "sl"]))]
    dice.shuffle(trigger)
    return {"trigger": dict(trigger)}


def account_action(dice: random.Random) -> list[tuple]:
    """Of those that move margin and funds or open accounts."""
    flag = dice.random() < 0.5
    usd = dice.choice([number(dice), float(number(dice))])
    twap = {"a": number(dice), "b": flag, "s": text(dice), "r": False, "m": number(dice), "t": flag}
    sub_account = [("subAccountUser", address(dice)), ("isDeposit", flag)]
    return dice.choice([
        [("type", "updateIsolatedMargin"), ("asset", number(dice)), ("isBuy", flag), ("ntli", number(dice) - 2**31)],
        [("type", "twapOrder"), ("twap", twap)],
        [("type", "twapCancel"), ("a", number(dice)), ("t", dice.choice([number(dice), 2**53]))],
        [("type", "createSubAccount"), ("name", text(dice))],
        [("type", "subAccountTransfer"), *sub_account, ("usd", number(dice))],
        [("type", "subAccountSpotTransfer"), *sub_account, ("token", text(dice)), ("amount", text(dice))],
        [("type", "vaultTransfer"), ("vaultAddress", address(dice)), ("isDeposit", flag), ("usd", usd)],
        [("type", "noop")],
    ])  # fmt: skip


def order(dice: random.Random) -> dict:
    # Keys in any order: the hash is of the order that was sent.
    fields = [
        ("a", number(dice)),
        ("b", dice.random() < 0.5),
        ("p", text(dice) or str(dice.random())),
        ("s", str(number(dice))),
        ("r", dice.random() < 0.5),
        ("t", order_type(dice)),
    ]
    if dice.random() < 0.3:
        fields.append(("c", f"0x{dice.getrandbits(128):032x}"))
    dice.shuffle(fields)
    return dict(fields)


def action(dice: random.Random) -> dict:
    count = dice.choice([1, 2, 3, 15, 16, 17, 40])
    kind = dice.randrange(8)
    if kind == 0:
        cancels = [{"a": number(dice), "o": dice.choice([number(dice), 2**53, 2**64 - 1])} for _ in range(count)]
        fields = [("type", "cancel"), ("cancels", cancels)]
    elif kind == 1:
        cloids = [{"asset": number(dice), "cloid": f"0x{dice.getrandbits(128):032x}"} for _ in range(count)]
        fields = [("type", "cancelByCloid"), ("cancels", cloids)]
    elif kind == 2:
        fields = [("type", "scheduleCancel"), ("time", dice.getrandbits(dice.randrange(1, 64)))]
    elif kind == 3:
        leverage = [("asset", number(dice)), ("isCross", dice.random() < 0.5), ("leverage", number(dice))]
        fields = [("type", "updateLeverage"), *leverage]
    elif kind == 4:
        modifies = [{"oid": number(dice), "order": order(dice)} for _ in range(min(count, 16))]
        fields = [("type", "batchModify"), ("modifies", modifies)]
    elif kind == 5:
        fields = account_action(dice)
    else:
        orders = [order(dice) for _ in range(min(count, 8))]
        fields = [("type", "order"), ("orders", orders), ("grouping", dice.choice(["na", "normalTpsl", "positionTpsl"]))]
    if dice.random() < 0.5:
        dice.shuffle(fields)
    return dict(fields)


@pytest.mark.parametrize("seed", range(3))
def test_generated_actions_have_the_sdks_hash(devnet, seed):
    dice = random.Random(seed)
    signer = Signer(EthAccount.create().key.hex())
    for _ in range(ACTIONS // 3):
        generated = action(dice)
        expires = now_ms() + 60_000 if dice.random() < 0.5 else None
        words = refused(exchange(devnet, signer.body(generated, expires=expires)))
        assert words.startswith("User or API Wallet") and signer.address in words, (words, generated)


SIGNERS = {
    "usdClassTransfer": signing.sign_usd_class_transfer_action,
    "sendAsset": signing.sign_send_asset_action,
    "approveBuilderFee": signing.sign_approve_builder_fee,
    "userDexAbstraction": signing.sign_user_dex_abstraction_action,
    "userSetAbstraction": signing.sign_user_set_abstraction_action,
    "usdSend": signing.sign_usd_transfer_action,
    "spotSend": signing.sign_spot_transfer_action,
}


def user_signed(dice: random.Random) -> tuple[dict, str]:
    """The content of a user-signed action that is not refused whatever it asks, and what it calls its nonce."""
    kind = dice.choice(list(SIGNERS))
    content = {
        "usdClassTransfer": lambda: {"amount": text(dice), "toPerp": dice.random() < 0.5},
        "sendAsset": lambda: {
            key: text(dice)
            for key in ("destination", "sourceDex", "destinationDex", "token", "amount", "fromSubAccount")
        },
        "approveBuilderFee": lambda: {"maxFeeRate": "0%", "builder": address(dice)},
        "userDexAbstraction": lambda: {"user": address(dice).lower(), "enabled": True},
        "userSetAbstraction": lambda: {"user": address(dice).lower(), "abstraction": "unifiedAccount"},
        "usdSend": lambda: {"destination": text(dice), "amount": text(dice)},
        "spotSend": lambda: {"destination": text(dice), "token": text(dice), "amount": text(dice)},
    }[kind]()
    return {"type": kind, **content}, "time" if kind in ("usdSend", "spotSend") else "nonce"


@pytest.mark.parametrize("is_mainnet", [False, True])
def test_generated_user_signed_actions_have_the_sdks_hash(devnet, is_mainnet):
    dice = random.Random(7)
    wallet = EthAccount.create()
    for turn in range(60):
        generated, nonce_name = user_signed(dice)
        nonce = now_ms() + turn
        generated[nonce_name] = nonce
        signature = SIGNERS[generated["type"]](wallet, generated, is_mainnet)
        words = refused(exchange(devnet, {"action": generated, "nonce": nonce, "signature": signature}))
        assert words.startswith("User or API Wallet") and wallet.address.lower() in words, (words, generated)
