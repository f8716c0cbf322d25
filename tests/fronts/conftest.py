"""Applications in this process, over each data store that can do what a test needs.

``@pytest.mark.needs("checksum")``: only over those that can offer this extension; ``"files"``: only where the
data files are files of the directory. Without a name every test runs over every store.
"""

import pytest

from tests.support.lab import run, serve, tus
from tests.support.stores import STORES

__all__ = ["run", "serve", "tus"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test over files, and in memory as far as the store there goes."""
    chosen = {marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")}
    needs = {each for marker in metafunc.definition.iter_markers("needs") for each in marker.args}
    able = [name for name in ("file", "memory") if needs <= set(STORES[name].offers)]
    for fixture in {"serve", "run"} & set(metafunc.fixturenames) - chosen:
        metafunc.parametrize(fixture, able, indirect=True)
