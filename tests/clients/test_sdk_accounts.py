"""The unmodified Hyperliquid SDK 0.24.0: agents, transfers, and who may use Hyperliquid's format here."""

import time
from decimal import Decimal

from eth_account import Account as EthAccount

from traders import GTC, Trader, done, eventually, only, refused, resting


def test_an_agent_trades_for_its_account(devnet, alice):
    answer, key = alice.exchange.approve_agent("bot")
    done(answer)
    agent = Trader(devnet.url, key, account_address=alice.address)
    assert agent.wallet.address.lower() != alice.address
    oid = resting(agent.exchange.order("BTC", True, 0.01, agent.price("BTC", 0.9), GTC))
    assert set(alice.open_orders()) == {oid}
    assert agent.exchange.update_leverage(10, "BTC")["status"] == "ok"
    assert only(agent.exchange.cancel("BTC", oid), "cancel") == "success"
    assert alice.exchange.update_leverage(20, "BTC")["status"] == "ok"

    shown = {entry["name"]: entry for entry in alice.info.extra_agents(alice.address)}
    assert shown["bot"]["address"] == agent.wallet.address.lower()
    role = alice.info.user_role(agent.wallet.address)
    assert role == {"role": "agent", "data": {"user": alice.address}}
    assert alice.info.user_role(alice.address) == {"role": "user"}


def test_an_agent_moves_no_money(devnet, alice):
    answer, key = alice.exchange.approve_agent("poor bot")
    done(answer)
    before = alice.balances()["USDC"][0]
    agent = Trader(devnet.url, key, account_address=alice.address)
    assert refused(agent.exchange.usd_transfer(1.0, agent.wallet.address))
    assert alice.balances()["USDC"][0] == before


def test_an_unnamed_agent_replaces_the_one_before(devnet, alice):
    keys = []
    for _ in range(2):
        answer, key = alice.exchange.approve_agent()
        done(answer)
        keys.append(key)
    old, new = (Trader(devnet.url, key, account_address=alice.address) for key in keys)
    words = refused(old.exchange.order("BTC", True, 0.01, old.price("BTC", 0.9), GTC))
    assert words.startswith("User or API Wallet "), words
    resting(new.exchange.order("BTC", True, 0.01, new.price("BTC", 0.9), GTC))


def test_an_agent_ends_when_its_name_says_so(devnet, alice):
    until = int(time.time() * 1000) + 3_000
    answer, key = alice.exchange.approve_agent(f"brief valid_until {until}")
    done(answer)
    agent = Trader(devnet.url, key, account_address=alice.address)
    resting(agent.exchange.order("BTC", True, 0.01, agent.price("BTC", 0.9), GTC))
    time.sleep(max(0.0, until / 1000 - time.time()) + 1.0)
    words = refused(agent.exchange.order("BTC", True, 0.01, agent.price("BTC", 0.9), GTC))
    assert words.startswith("User or API Wallet "), words
    assert len(alice.open_orders()) == 1


def test_money_goes_to_another_account(alice):
    stranger = EthAccount.create()
    usdc, purr = alice.balances()["USDC"][0], alice.balances()["PURR"][0]
    started = int(time.time() * 1000) - 5_000
    done(alice.exchange.usd_transfer(123.45, stranger.address))
    done(alice.exchange.spot_transfer(7.5, stranger.address, "PURR:0x" + "0" * 31 + "1"))
    assert usdc - alice.balances()["USDC"][0] == Decimal("123.45")
    assert purr - alice.balances()["PURR"][0] == Decimal("7.5")
    theirs = {entry["coin"]: entry["total"] for entry in alice.info.spot_user_state(stranger.address)["balances"]}
    assert Decimal(theirs["USDC"]) == Decimal("123.45") and Decimal(theirs["PURR"]) == Decimal("7.5")
    deltas = [entry["delta"] for entry in alice.info.user_non_funding_ledger_updates(alice.address, started)]
    assert {delta["type"] for delta in deltas} >= {"internalTransfer", "spotTransfer"}
    assert refused(alice.exchange.usd_transfer(10_000_000.0, stranger.address))


def test_the_format_counts_only_for_accounts_that_want_it(devnet, alice):
    """A body signed for Hyperliquid must not move an account here that never asked for it."""
    stranger = EthAccount.create()
    done(alice.exchange.usd_transfer(50.0, stranger.address))
    careful = Trader(devnet.url, stranger.key.hex())
    eventually(lambda: careful.balances()["USDC"][0] == 50)
    assert "opt in" in refused(careful.exchange.order("BTC", True, 0.001, careful.price("BTC", 0.9), GTC))
    assert "opt in" in refused(careful.exchange.usd_transfer(1.0, alice.address))
    answer, _ = careful.exchange.approve_agent()
    assert "opt in" in refused(answer)
    assert careful.open_orders() == {} and careful.balances()["USDC"][0] == 50
