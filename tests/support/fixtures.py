"""Fixtures of everything that needs a running server; a conftest imports the ones it offers."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.server import Server
from tests.support.tus import Tus

S = TypeVar("S", bound=Server)

#: Starts a server with these flags, on a directory of its own unless one is named.
Serve = Callable[..., Server]


@contextmanager
def servers(place: Path, kind: type[S]) -> Iterator[Callable[..., S]]:
    """Give what starts servers in ``place``; they are gone afterwards, and what they said has been shown."""
    started: list[S] = []

    def start(*flags: str, upload_dir: Path | None = None, **more: Any) -> S:
        where = upload_dir or place / f"uploads-{len(started)}"
        log = place / f"server-{len(started)}.log"
        started.append(kind(where, *flags, log=log, **more))
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
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers on directories of their own."""
    with servers(tmp_path, Server) as start:
        yield start


@pytest.fixture
def server(serve: Serve) -> Server:
    """A server with default settings."""
    return serve()


@pytest.fixture
def tus(server: Server) -> Iterator[Tus]:
    """A plain client of ``server``."""
    with Tus(server.url) as client:
        yield client
