"""The laboratory: an application in this process, a client of it, and what it keeps."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import httpx
import pytest
from starlette.types import ASGIApp, Message, Scope

from tests.support.server import sql
from tests.support.stores import FILES, STORES, Store
from tests.support.tus import OFFSET_STREAM, TUS, id_of
from tusd_py import Config, UploadApp

HOST: Final = "http://testserver"

#: Bytes as one piece, or as the pieces of a chunked body.
Content = bytes | AsyncIterable[bytes] | None


class Clock:
    """The time of an application, which a test moves on; it goes on by itself as well."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead_s += seconds


class Tus:
    """One method for each request; every one returns the answer, whatever it is."""

    def __init__(
        self,
        app: ASGIApp,
        directory: Path,
        path: str = "/files/",
        *,
        store: Store = FILES,
        clock: Clock | None = None,
    ) -> None:
        self.app = app
        self.directory = directory
        self.store = store
        self.clock = clock or Clock()
        self.url = f"{HOST}{path}"
        transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=transport, base_url=HOST, headers=TUS, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def request(
        self, method: str, url: str, content: Content = None, /, **headers: str | None
    ) -> httpx.Response:
        """Send any request; ``Upload_Length="5"`` is a header, None takes a default one away."""
        request = self.http.build_request(method, url, content=content, headers=named(headers))
        for name, value in headers.items():
            if value is None:
                request.headers.pop(name.replace("_", "-"), None)
        return await self.http.send(request)

    async def post(
        self, length: int | str | None = None, body: Content = None, /, **headers: str | None
    ) -> httpx.Response:
        """POST to the creation endpoint."""
        if length is not None:
            headers.setdefault("Upload_Length", str(length))
        if body is not None:
            headers.setdefault("Content_Type", OFFSET_STREAM)
        return await self.request("POST", self.url, body, **headers)

    async def create(self, length: int | None = None, body: Content = None, /, **headers: str) -> str:
        """Create an upload, which must succeed, and return its URL."""
        reply = await self.post(length, body, **headers)
        assert reply.status_code == 201, f"{reply.status_code} {reply.text}"
        return str(reply.url.join(reply.headers["Location"]))

    async def partial(self, data: bytes, **headers: str) -> str:
        """Create a complete partial upload."""
        return await self.create(len(data), data, Upload_Concat="partial", **headers)

    async def final(self, *urls: str, **headers: str) -> str:
        """Create a final of partials."""
        return await self.create(Upload_Concat="final;" + " ".join(urls), **headers)

    async def patch(
        self, url: str, offset: int | str, body: Content = b"", /, **headers: str | None
    ) -> httpx.Response:
        """PATCH at an offset."""
        headers.setdefault("Content_Type", OFFSET_STREAM)
        return await self.request("PATCH", url, body, Upload_Offset=str(offset), **headers)

    async def head(self, url: str, **headers: str | None) -> httpx.Response:
        """HEAD of an upload."""
        return await self.request("HEAD", url, **headers)

    async def offset(self, url: str) -> int:
        """The offset that HEAD tells, which must succeed."""
        reply = await self.head(url)
        assert reply.status_code == 200, f"HEAD answered {reply.status_code}"
        return int(reply.headers["Upload-Offset"])

    async def delete(self, url: str, **headers: str | None) -> httpx.Response:
        """DELETE an upload."""
        return await self.request("DELETE", url, **headers)

    async def get(self, url: str, **headers: str | None) -> httpx.Response:
        """Download an upload."""
        return await self.request("GET", url, **headers)

    def data(self, url: str) -> bytes:
        """What is in the data file of an upload."""
        return self.store.data(self.directory, id_of(url))

    def files(self) -> list[str]:
        """Names of all the files of uploads."""
        return self.store.files(self.directory)

    def sql(self, statement: str, *parameters: object) -> list[Any]:
        """Ask, or change, the catalog behind the application's back."""
        return sql(self.directory, statement, *parameters)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = ("uploads", "upload_chunks", "leftovers")
        return {table: self.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables}  # noqa: S608

    def lose_catalog(self) -> None:
        """Remove the catalog; the application must not be running."""
        for path in (self.directory / ".tusd-py").glob("catalog*"):
            path.unlink()


@asynccontextmanager
async def running(directory: Path, *, store: Store = FILES, **settings: Any) -> AsyncIterator[Tus]:
    """One life of an application with these settings on a directory; gives its client."""
    clock = Clock()
    app = UploadApp(Config(upload_dir=directory, **settings), store.open, clock)
    async with app.lifespan(), Tus(app, directory, store=store, clock=clock) as tus:
        yield tus


#: As ``running``.
Run = Callable[..., AbstractAsyncContextManager[Tus]]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """How to run an application for a while; its parameter is the name of the store."""
    return partial(running, store=STORES[getattr(request, "param", "file")])


#: Starts an application with these settings and returns its client.
Serve = Callable[..., Awaitable[Tus]]


@pytest.fixture
async def serve(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Serve]:
    """Start applications that are closed after the test; its parameter is the name of their store."""
    store = STORES[getattr(request, "param", "file")]
    async with AsyncExitStack() as stack:

        async def start(*, upload_dir: Path = tmp_path / "uploads", **settings: Any) -> Tus:
            return await stack.enter_async_context(running(upload_dir, store=store, **settings))

        yield start


@pytest.fixture
async def tus(serve: Serve) -> Tus:
    """A client of an application with default settings."""
    return await serve()


def named(headers: Mapping[str, str | None]) -> dict[str, str]:
    """Header names from the names of arguments."""
    return {name.replace("_", "-"): value for name, value in headers.items() if value is not None}


class pieces:
    """A chunked body; it may be sent more than once."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


@dataclass(frozen=True)
class Answer:
    """What an application sent for a request that was given as events."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: int  # how often it asked for an event


async def exchange(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    events: Sequence[Message],
) -> Answer:
    """Send a request as ASGI events: the only way to cut one off, or to repeat a header line."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    left = list(events)
    sent: list[Message] = []
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    lines = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], lines, b"".join(each.get("body", b"") for each in rest), asked)
