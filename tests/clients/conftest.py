"""What the client tests share: one devnet per run, and the clients with nothing changed but their URL.

`PALISADE_BIN` names the binary to start (default: the one that this checkout built); `PALISADE_URL` with
`PALISADE_DEVNET_JSON` names a devnet that runs already.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from devnet import Devnet  # noqa: E402
from traders import Trader  # noqa: E402

REAL_PRICES = "test_real_prices.py"
HOUR, PAGE = "test_hour.py", "test_trading_page.py"


@pytest.fixture(scope="session")
def devnet(tmp_path_factory):
    """The devnet under test."""
    url, description = os.environ.get("PALISADE_URL"), os.environ.get("PALISADE_DEVNET_JSON")
    if url and description:
        yield Devnet.attach(url, Path(description))
        return
    running = Devnet.start(tmp_path_factory.mktemp("devnet"))
    yield running
    running.stop()


def pytest_collection_modifyitems(items):
    """Last what needs minutes to pass: they pass while the others run."""
    items.sort(key=lambda item: item.path.name in (PAGE, HOUR, REAL_PRICES))


@pytest.fixture(scope="session", autouse=True)
def replay(request, tmp_path_factory):
    """A devnet that replays recorded prices from the start of the run on, if the run has the test that looks at it."""
    if all(item.path.name != REAL_PRICES for item in request.session.items):
        yield None
        return
    from test_real_prices import start

    running = start(tmp_path_factory.mktemp("replay"))
    yield running
    if running is not None:
        running.devnet.stop()


@pytest.fixture(scope="session", autouse=True)
def hour(request, tmp_path_factory):
    """A devnet on which an hour ends and a price falls, if the run has the tests that look at it."""
    if all(item.path.name not in (HOUR, PAGE) for item in request.session.items):
        yield None
        return
    from test_hour import start

    running = start(tmp_path_factory.mktemp("hour"))
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
