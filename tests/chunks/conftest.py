"""Servers for the tests of the parallel chunk API."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chunks.lab import Api, Service
from tests.support.fixtures import servers

Serve = Callable[..., Service]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with default settings, for all tests of a module."""
    with servers(tmp_path_factory.mktemp("chunks"), Service) as start:
        yield start()


@pytest.fixture
def api(server: Service) -> Iterator[Api]:
    """A client of ``server``."""
    client = Api(server.origin)
    yield client
    client.http.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers with flags; each has its own directory and is gone after the test."""
    with servers(tmp_path, Service) as start:
        yield start
