"""``store``, ``catalog`` and ``locker``: each test runs once for every backend.

``@pytest.mark.needs.with_args(Truncates)``: only for the stores that declare this capability.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.backends import CATALOGS, LOCKERS, STORES, OpenCatalog, OpenLocker
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Locker
from tusd_py.ports.store import DataStore


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of data stores with each that can do what it needs."""
    if "store" in metafunc.fixturenames:
        needs = [each for marker in metafunc.definition.iter_markers("needs") for each in marker.args]
        able = [name for name, kind in STORES.items() if all(issubclass(kind, each) for each in needs)]
        metafunc.parametrize("store", able, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DataStore:
    """An empty data store."""
    return STORES[request.param](tmp_path)


@pytest.fixture(params=CATALOGS)
async def open_another(
    request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[OpenCatalog]:
    """How to open the state of ``catalog`` once more."""
    async with AsyncExitStack() as stack:
        yield CATALOGS[request.param](tmp_path, stack)


@pytest.fixture
async def catalog(open_another: OpenCatalog) -> Catalog:
    """An empty catalog."""
    return await open_another()


@pytest.fixture(params=LOCKERS)
async def open_other(
    request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[OpenLocker]:
    """How to open the state of ``locker`` once more."""
    async with AsyncExitStack() as stack:
        yield LOCKERS[request.param](tmp_path, stack)


@pytest.fixture
async def locker(open_other: OpenLocker) -> Locker:
    """A locker that nobody uses yet."""
    return await open_other()


@pytest.fixture
async def other(open_other: OpenLocker, locker: Locker) -> Locker:
    """A second locker on the state of ``locker``, as another process has it."""
    return await open_other()
