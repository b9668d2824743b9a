"""A devnet of its own for tests that own the books: no market maker, the two funded accounts trade with each other."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hyperliquid.info import Info

sys.path.insert(0, str(Path(__file__).parent))

from quiet import Trader, flatten, mark_of, rounded  # noqa: E402

from devnet import Devnet  # noqa: E402


@pytest.fixture(scope="session")
def devnet(tmp_path_factory):
    """One without a market maker, always started here: who runs one elsewhere runs it with a market maker."""
    running = Devnet.start(tmp_path_factory.mktemp("quiet"), "--no-market-maker")
    yield SimpleNamespace(
        url=running.url, accounts=running.description["accounts"], assert_running=running.assert_running
    )
    running.stop()


@pytest.fixture(scope="session")
def info(devnet):
    return Info(devnet.url, skip_ws=True)


@pytest.fixture(scope="session")
def traders(devnet):
    return [Trader(devnet, account["secret_key"]) for account in devnet.accounts[:2]]


@pytest.fixture
def market(traders, info):
    """Two accounts without orders and positions, and a price between them."""
    flatten(traders)
    alice, bob = traders
    yield SimpleNamespace(alice=alice, bob=bob, info=info, mark=rounded(mark_of(info)))
    flatten(traders)
