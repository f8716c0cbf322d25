"""The server as users run it: a real process on a real port.

A ``Server`` is one command line on one upload directory. It can be stopped politely, killed with
everything it started, and started again on the same port, which is what a client that retries sees.
"""

import os
import re
import shlex
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.process import Ended, Process, run_to_end

#: The line that says where the server listens.
_LISTENING = re.compile(r'You can now upload files to: (https?://[^/\s]+(/[^\s"]*))')


def command() -> list[str]:
    """The server's command; another tus server with tusd's flags may be named while tests are written."""
    other = os.environ.get("TUS_SERVER_COMMAND")
    return shlex.split(other) if other else [sys.executable, "-m", "tusd_py"]


def run(*words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run the server's command to its end."""
    return run_to_end([*command(), *words], env, cwd)


class Server(Process):
    """One server process (and its workers) on one upload directory; ``words`` come before the flags."""

    def __init__(
        self,
        upload_dir: Path,
        *flags: str,
        words: Sequence[str] | None = None,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        limits: Mapping[int, int] | None = None,
    ) -> None:
        # Beside the upload directory, never in it: tests count the files there.
        log = log or upload_dir.with_name(f"{upload_dir.name}-{os.urandom(4).hex()}.log")
        super().__init__([], log, env=env, limits=limits)
        self.upload_dir = upload_dir
        self.flags = flags
        self.words = words or command()
        self.url = ""

    @property
    def host_port(self) -> tuple[str, int]:
        """Where a plain socket connects to."""
        host, _, port = self.url.partition("://")[2].partition("/")[0].rpartition(":")
        return host, int(port)

    @property
    def origin(self) -> str:
        """Its URL without a path."""
        return self.url.removesuffix(self.path)

    @property
    def path(self) -> str:
        """The path of the creation endpoint, such as ``/files/``."""
        return "/" + self.url.partition("://")[2].partition("/")[2]

    def start(self, port: int = 0) -> Self:
        """Start and wait until it listens; ``port`` 0 lets the system choose."""
        where = ("-host", "127.0.0.1", "-port", str(port), "-upload-dir", str(self.upload_dir))
        self.argv = [*self.words, *where, *self.flags]
        seen = len(self.output())
        self.spawn().wait_for(lambda: _LISTENING.search(self.output(), seen))
        found = _LISTENING.search(self.output(), seen)
        assert found is not None
        self.url = found[1]
        return self

    def restart(self) -> Self:
        """Start again on the same port and directory."""
        return self.start(self.host_port[1])

    def files(self) -> set[str]:
        """Names of all that is in the upload directory, without the state folder."""
        return {path.name for path in self.upload_dir.iterdir() if path.name != ".tusd-py"}

    def sql(self, statement: str, *parameters: object) -> list[Any]:
        """Ask, or change, the catalog behind the server's back."""
        return sql(self.upload_dir, statement, *parameters)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def sql(upload_dir: Path, statement: str, *parameters: object) -> list[Any]:
    """Ask, or change, the catalog of an upload directory behind the server's back."""
    connection = sqlite3.connect(upload_dir / ".tusd-py" / "catalog.sqlite3", timeout=10)
    try:
        with connection:
            return list(connection.execute(statement, parameters))
    finally:
        connection.close()
