"""Servers for the tests of the parallel chunk API."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chunks.lab import Api, Service

Serve = Callable[..., Service]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with default settings, for all tests of a module."""
    service = Service(tmp_path_factory.mktemp("chunks") / "data").start()
    yield service
    service.close()
    assert "Traceback" not in service.output()


@pytest.fixture
def api(server: Service) -> Iterator[Api]:
    """A client of ``server``."""
    client = Api(server.url)
    yield client
    client.http.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers with flags; each has its own directory and is gone after the test."""
    services: list[Service] = []

    def start(*flags: str, **more: Any) -> Service:
        services.append(Service(tmp_path / f"data{len(services)}", *flags, **more))
        return services[-1].start()

    yield start
    for service in services:
        service.close()
    for service in services:
        assert "Traceback" not in service.output()
