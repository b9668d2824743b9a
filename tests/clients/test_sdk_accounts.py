"""The unmodified Hyperliquid SDK 0.24.0: agents, transfers, and who may use Hyperliquid's format here."""

import time
from decimal import Decimal

from eth_account import Account as EthAccount
from hyperliquid.exchange import Exchange
from hyperliquid.utils.signing import sign_l1_action

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


def sub_account(trader) -> str:
    """One that this test run made, or an earlier one on the same devnet."""
    for entry in trader.info.query_sub_accounts(trader.address) or []:
        if entry["name"] == "sdk":
            return entry["subAccountUser"]
    made = trader.exchange.create_sub_account("sdk")
    assert made["response"]["type"] == "createSubAccount", made
    return made["response"]["data"]


def total(trader, address: str, coin: str = "USDC") -> Decimal:
    balances = trader.info.spot_user_state(address)["balances"]
    return sum((Decimal(entry["total"]) for entry in balances if entry["coin"] == coin), Decimal(0))


def test_a_sub_account_holds_and_trades(devnet, alice):
    sub = sub_account(alice)
    assert alice.info.user_role(sub) == {"role": "subAccount", "data": {"master": alice.address}}
    before = total(alice, sub)
    done(alice.exchange.sub_account_transfer(sub, True, 500_000_000))
    done(alice.exchange.sub_account_spot_transfer(sub, True, "PURR:0x" + "0" * 31 + "1", 3.0))
    assert total(alice, sub) - before == 500 and total(alice, sub, "PURR") >= 3
    hand = Exchange(alice.wallet, devnet.url, vault_address=sub)
    oid = resting(hand.order("BTC", True, 0.001, alice.price("BTC", 0.9), GTC))
    assert [order["oid"] for order in alice.info.open_orders(sub)] == [oid] and alice.open_orders() == {}
    assert only(hand.cancel("BTC", oid), "cancel") == "success"
    done(alice.exchange.sub_account_transfer(sub, False, 500_000_000))
    assert total(alice, sub) == before
    assert refused(alice.exchange.sub_account_transfer("0x" + "ab" * 20, True, 1)).startswith("0xabab")


def test_a_transfer_within_the_one_balance_moves_nothing(alice):
    before = alice.balances()["USDC"]
    done(alice.exchange.usd_class_transfer(5.0, True))
    done(alice.exchange.usd_class_transfer(5.0, False))
    done(alice.exchange.send_asset(alice.address, "", "spot", "USDC", 5.0))
    assert alice.balances()["USDC"] == before
    assert "Insufficient" in refused(alice.exchange.usd_class_transfer(1e9, True))


def test_an_asset_is_sent(alice):
    stranger = EthAccount.create()
    done(alice.exchange.send_asset(stranger.address, "", "", "USDC:0x6d1e7cde53ba9467b783cb7c530ce054", 12.5))
    assert total(alice, stranger.address) == Decimal("12.5")
    assert "dex elsewhere" in refused(alice.exchange.send_asset(stranger.address, "", "elsewhere", "USDC", 1.0)).lower()


def test_a_vault_is_paid_into_and_shown(alice, bob):
    """The SDK cannot open one; ccxt's test does."""
    nonce = int(time.time() * 1000)
    action = {
        "type": "createVault", "name": f"sdk {nonce}", "description": "a test", "initialUsd": 150_000_000, "nonce": nonce,
    }  # fmt: skip
    signature = sign_l1_action(alice.wallet, action, None, nonce, None, False)
    made = alice.exchange.post("/exchange", {"action": action, "nonce": nonce, "signature": signature})
    vault = made["response"]["data"]
    done(bob.exchange.vault_usd_transfer(vault, True, 20_000_000))
    (stake,) = [entry for entry in bob.info.user_vault_equities(bob.address) if entry["vaultAddress"] == vault]
    assert abs(Decimal(stake["equity"]) - 20) < Decimal("0.01") and stake["lockedUntilTimestamp"] > nonce
    assert "locked" in refused(bob.exchange.vault_usd_transfer(vault, False, 1_000_000))
    shown = alice.info.post("/info", {"type": "vaultDetails", "vaultAddress": vault})
    assert shown["leader"] == alice.address and len(shown["followers"]) == 2 and shown["isClosed"] is False
    assert alice.info.user_role(vault) == {"role": "vault"}
    deltas = [entry["delta"]["type"] for entry in bob.info.user_non_funding_ledger_updates(bob.address, nonce - 5_000)]
    assert deltas.count("vaultDeposit") == 1 and "internalTransfer" not in deltas


def test_settings_that_every_account_has(alice):
    done(alice.exchange.user_set_abstraction(alice.address, "unifiedAccount"))
    done(alice.exchange.user_dex_abstraction(alice.address, True))
    done(alice.exchange.agent_set_abstraction("u"))
    done(alice.exchange.agent_enable_dex_abstraction())
    done(alice.exchange.noop(int(time.time() * 1000) + 7))
    assert "every account is unified" in refused(alice.exchange.user_set_abstraction(alice.address, "disabled"))
