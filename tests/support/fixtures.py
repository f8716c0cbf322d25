"""Fixtures of everything that needs a running server; a conftest imports the ones it offers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.tus import Tus

#: Starts a server with these flags, on a directory of its own unless one is named.
Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers that are gone after the test; what they said is shown if it failed."""
    started: list[Server] = []

    def start(*flags: str, upload_dir: Path | None = None) -> Server:
        where = upload_dir or tmp_path / f"uploads-{len(started)}"
        started.append(Server(where, *flags, log=tmp_path / f"server-{len(started)}.log"))
        return started[-1].start()

    yield start
    for server in started:
        server.close()
        said = server.output()
        print(f"---- {' '.join(server.flags) or 'no flags'}, last lines ----\n{said[-4000:]}")
    for server in started:
        # Payloads are large, and pytest keeps the directories of three runs.
        shutil.rmtree(server.upload_dir, ignore_errors=True)
    for server in started:
        assert "Traceback" not in server.output(), "the server met an error it did not expect"


@pytest.fixture
def server(serve: Serve) -> Server:
    """A server with default settings."""
    return serve()


@pytest.fixture
def tus(server: Server) -> Iterator[Tus]:
    """A plain client of ``server``."""
    with Tus(server.url) as client:
        yield client
