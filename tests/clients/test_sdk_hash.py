"""Our hash of an action against the official SDK's, on generated actions.

The SDK packs, hashes and signs; the server packs and hashes what it received and names the address that its hash
recovers. A stranger's key is refused by that name, so the two hashes agree exactly if the name is the signer's.
"""

import random
import string

import pytest
from eth_account import Account as EthAccount

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


def order(dice: random.Random) -> dict:
    # Keys in any order: the hash is of the order that was sent.
    fields = [
        ("a", number(dice)),
        ("b", dice.random() < 0.5),
        ("p", text(dice) or str(dice.random())),
        ("s", str(number(dice))),
        ("r", dice.random() < 0.5),
        ("t", dice.choice([{"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo", "FrontendMarket")])),
    ]
    if dice.random() < 0.3:
        fields.append(("c", f"0x{dice.getrandbits(128):032x}"))
    dice.shuffle(fields)
    return dict(fields)


def action(dice: random.Random) -> dict:
    count = dice.choice([1, 2, 3, 15, 16, 17, 40])
    kind = dice.randrange(7)
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
    else:
        orders = [order(dice) for _ in range(min(count, 8))]
        fields = [("type", "order"), ("orders", orders), ("grouping", "na")]
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
