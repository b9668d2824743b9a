"""What the client tests share: one devnet per run, and the clients with nothing changed but their URL.

`PALISADE_BIN` names the binary to start (default: the one that this checkout built); `PALISADE_URL` with
`PALISADE_DEVNET_JSON` names a devnet that runs already.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from devnet import Devnet, binary  # noqa: E402
from traders import Trader  # noqa: E402


@pytest.fixture(scope="session")
def devnet(tmp_path_factory):
    """The devnet under test."""
    url, description = os.environ.get("PALISADE_URL"), os.environ.get("PALISADE_DEVNET_JSON")
    if url and description:
        yield Devnet.attach(url, Path(description))
        return
    running = Devnet.start(binary(), tmp_path_factory.mktemp("devnet"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def devnet_survives(request):
    """After every test that used the devnet it still runs."""
    yield
    if "devnet" in request.fixturenames:
        request.getfixturevalue("devnet").assert_running()


@pytest.fixture
def alice(devnet):
    """The first funded account, without orders and positions."""
    yield from trader(devnet, 0)


@pytest.fixture
def bob(devnet):
    """The second funded account, without orders and positions."""
    yield from trader(devnet, 1)


def trader(devnet, number):
    trader = Trader(devnet.url, devnet.accounts[number].secret_key)
    trader.reset()
    yield trader
    trader.reset()
