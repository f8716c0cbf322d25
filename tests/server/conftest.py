"""Server processes that the tests share: one for each event loop, and one with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tls import make_certificate

from .client import Server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    make_certificate(path, path)
    return path


@pytest.fixture(scope="session", params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def server(loop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lab"), loop=loop).start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="session")
def tls_server(loop: str, tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("tls-lab"), loop=loop, tls_cert=str(certificate)).start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="session")
def hasty_server(loop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits half a second for its clients."""
    server = Server(tmp_path_factory.mktemp("hasty-lab"), loop=loop, network_timeout_s=0.5).start()
    yield server
    assert server.stop() == 0
