"""ccxt 4.5.90, unmodified: the configuration that points it here, and nothing else."""

import ccxt
import ccxt.pro

BTC, ETH, SOL = "BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC"
PURR_SPOT, BTC_SPOT = "PURR/USDC", "BTC/USDC"


def configuration(devnet, number: int) -> dict:
    """What a user writes: keys, and URLs."""
    account = devnet.accounts[number]
    socket = "ws" + devnet.url[len("http") :] + "/ws"
    return {
        "walletAddress": account.address,
        "privateKey": account.secret_key,
        "urls": {"api": {"public": devnet.url, "private": devnet.url, "ws": {"public": socket}}},
    }


def synchronous(devnet, number: int = 0) -> ccxt.hyperliquid:
    return ccxt.hyperliquid(configuration(devnet, number))


def streaming(devnet, number: int = 0) -> ccxt.pro.hyperliquid:
    return ccxt.pro.hyperliquid(configuration(devnet, number))


def close_to(number: float, other: float, relative: float) -> bool:
    return abs(number / other - 1) <= relative
