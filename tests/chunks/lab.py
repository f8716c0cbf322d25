"""A server in a process of its own, and a client of its chunk API."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import httpx

from tests.support.server import Server
from tests.support.tus import sha256


def content_range(first: int, data: bytes | int, total: int | str = "*") -> dict[str, str]:
    size = data if isinstance(data, int) else len(data)
    return {"Content-Range": f"bytes {first}-{first + size - 1}/{total}"}


class Service(Server):
    """A server, and its clients of the chunk API; they are closed with it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._clients: list[Api] = []

    def api(self, prefix: str = "") -> Api:
        """Return a client."""
        self._clients.append(Api(self.origin, prefix))
        return self._clients[-1]

    def close(self) -> None:
        """End it and its clients."""
        for client in self._clients:
            client.http.close()
        super().close()

    def artifact_files(self) -> set[str]:
        return {path.name for path in (self.upload_dir / ".tusd-py/artifacts").iterdir()}


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
