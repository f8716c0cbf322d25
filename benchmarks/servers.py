"""The servers under test: command lines with ``{port}`` and ``{dir}``."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import session_pids

_START_S = 30.0
_STOP_S = 20.0


class ServerFailed(Exception):
    """A server did not start, or does not speak tus."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A name for tables and a command line."""

    name: str
    command: str

    @classmethod
    def parse(cls, text: str) -> ServerSpec:
        """Read ``NAME=COMMAND``. Raises ValueError when it has no name or no ``{port}``."""
        name, equals, command = text.partition("=")
        if not name or not equals or "{port}" not in command:
            raise ValueError(f"not NAME='COMMAND with {{port}} and {{dir}}': {text}")
        return cls(name, command)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is running."""

    name: str
    session: int  # its processes' session id
    port: int
    base: str  # path at which uploads are created
    api: str  # path above uploads/ of the chunk API
    directory: Path
    #: tus extensions, "sha256" where it checks that, and "chunks" where it has the chunk API
    features: frozenset[str]

    def data_file(self, path: str, size: int) -> Path | None:
        """Return the file that holds an upload of ``size`` bytes, when it is one file named by its id."""
        file = self.directory / path.rpartition("/")[2]
        return file if file.is_file() and file.stat().st_size == size else None


@contextmanager
def running(spec: ServerSpec, parent: Path, base: str, api: str) -> Iterator[Server]:
    """Start a server on a fresh directory in ``parent``; stop it and remove that afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name, tempfile.TemporaryFile() as log:
        port = _free_port()
        command = shlex.split(spec.command.replace("{port}", str(port)).replace("{dir}", name))
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            features = _wait(process, port, base, api)
            if features is None:
                log.seek(0)
                raise ServerFailed(
                    f"{spec.name} did not start: {log.read()[-2000:].decode(errors='replace')}"
                )
            yield Server(spec.name, process.pid, port, base, api, Path(name), features)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, base: str, api: str) -> frozenset[str] | None:
    """Return what the server can do as soon as it answers; None when it ended or stays silent."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            return _features(port, base) | _chunk_features(port, api)
        time.sleep(0.05)
    return None


def _ask(port: int, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def _chunk_features(port: int, api: str) -> frozenset[str]:
    """See whether the chunk API is there, by its description: other servers answer any path with 200."""
    answer, body = _ask(port, "GET", f"{api}/openapi.json")
    return frozenset({"chunks"} if answer.status == 200 and b"/commit" in body else ())


def _features(port: int, base: str) -> frozenset[str]:
    answer, _ = _ask(port, "OPTIONS", base)
    if answer.status not in (200, 204) or "1.0.0" not in (answer.getheader("Tus-Version") or ""):
        raise ServerFailed(f"OPTIONS {base} answered {answer.status} without Tus-Version 1.0.0")
    listed = f"{answer.getheader('Tus-Extension', '')},{answer.getheader('Tus-Checksum-Algorithm', '')}"
    return frozenset(word.strip() for word in listed.split(",") if word.strip())


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and everything it started."""
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
    for pid in session_pids(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
