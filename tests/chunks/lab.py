"""A server in a process of its own, and a client of its chunk API."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.support.tus import sha256

_LISTENING = re.compile(r"You can now upload files to: (http://[^/\s]+)")


def content_range(first: int, data: bytes | int, total: int | str = "*") -> dict[str, str]:
    size = data if isinstance(data, int) else len(data)
    return {"Content-Range": f"bytes {first}-{first + size - 1}/{total}"}


class Service:
    """One server process on one directory; may be killed and started again on the same port."""

    def __init__(self, directory: Path, *flags: str, preexec: Any = None) -> None:
        self.directory = directory
        self.flags = flags
        self.module = ["tusd_py"]  # and its first words: what is started
        self.url = ""
        self._port = 0
        self._preexec = preexec
        self._log = directory.with_name(directory.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None
        self._clients: list[Api] = []

    def api(self, prefix: str = "") -> Api:
        """Return a client; it is closed with the server."""
        self._clients.append(Api(self.url, prefix))
        return self._clients[-1]

    def close(self) -> None:
        """End it, its clients, and what it stored."""
        for client in self._clients:
            client.http.close()
        self.kill()
        print(self.output()[-4000:])
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> Service:
        before = len(self.output())
        argv = [sys.executable, "-m", *self.module, "-host", "127.0.0.1", "-port", str(self._port)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "-upload-dir", str(self.directory), *self.flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._preexec,  # noqa: PLW1509 - no threads use it
            )
        deadline = time.monotonic() + 30
        while (found := _LISTENING.search(self.output(), before)) is None:
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)
        self.url = found[1]
        self._port = int(self.url.rpartition(":")[2])
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def output(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def kill(self) -> None:
        """End it and its workers as a power cut would."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Ask the catalog."""
        connection = sqlite3.connect(self.directory / ".tusd-py/catalog.sqlite3", timeout=10)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def files(self) -> set[str]:
        """Data files and exports, without the state folder."""
        return {path.name for path in self.directory.iterdir() if path.name != ".tusd-py"}

    def artifact_files(self) -> set[str]:
        return {path.name for path in (self.directory / ".tusd-py/artifacts").iterdir()}


class Api:
    """The chunk API of one server, as a program would use it."""

    def __init__(self, url: str, prefix: str = "") -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self.prefix = prefix

    def create(self, size: int, **fields: Any) -> dict[str, Any]:
        reply = self.http.post(f"{self.prefix}/uploads/", json={"size": size, **fields})
        assert reply.status_code == 201, reply.text
        upload: dict[str, Any] = reply.json()
        return upload

    def put(
        self,
        upload: dict[str, Any],
        first: int,
        data: bytes,
        *,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a chunk as a bare body."""
        sent = {**content_range(first, data), **(headers or {})}
        return self.http.put(upload["href"], content=data, headers=sent)

    def put_form(self, upload: dict[str, Any], first: int, data: bytes, **fields: str) -> httpx.Response:
        """Send a chunk as a form; the fields come before the file."""
        return self.http.put(
            upload["href"], files={"file": ("chunk", data)}, data=fields, headers=content_range(first, data)
        )

    def view(self, upload: dict[str, Any]) -> dict[str, Any]:
        reply = self.http.get(upload["href"])
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def commit(self, upload: dict[str, Any], digest: str, **more: Any) -> httpx.Response:
        return self.http.post(upload["links"]["commit"], json={"sha256": digest, **more})

    def filled(self, data: bytes, *, cuts: Iterable[int] = ()) -> dict[str, Any]:
        """A session with all of its bytes, in chunks that end at ``cuts``."""
        upload = self.create(len(data))
        edges = [0, *cuts, len(data)]
        for first, stop in itertools.pairwise(edges):
            if first < stop:
                assert self.put(upload, first, data[first:stop]).status_code == 200
        return upload

    def committed(self, data: bytes) -> dict[str, Any]:
        upload = self.filled(data)
        reply = self.commit(upload, sha256(data))
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done


def problem(reply: httpx.Response, name: str, status: int) -> dict[str, Any]:
    """Check that a reply is this problem, whole, and return its members."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    fields: dict[str, Any] = reply.json()
    assert fields["type"] == f"urn:tusd-py:problem:{name}", fields
    assert fields["status"] == status
    assert isinstance(fields["retryable"], bool)
    assert fields["title"]
    assert fields["detail"].isprintable()
    assert fields["instance"] == reply.request.url.path
    return fields
