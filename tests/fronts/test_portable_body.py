"""Bodies from plain ASGI events: what is in the file, what is hashed, and when it is over."""

import asyncio
import errno
import functools
import hashlib
import os
import resource
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.lab import Serve
from tusd_py.model.body import Ended, Hash, Received, StopSignal
from tusd_py.transfer.asgi import PortableBody
from tusd_py.transfer.meanwhile import stopped_when_idle
from tusd_py.transfer.multipart import MultipartBody
from tusd_py.transfer.pump import FileSink, NullSink, pump

pytestmark = pytest.mark.anyio


class Events:
    """A ``receive`` that gives the pieces of a body, then waits for ever unless they end it."""

    def __init__(self, *parts: bytes, end: str | None = "end") -> None:
        self._parts = list(parts)
        self._end = end

    async def __call__(self) -> dict[str, object]:
        await asyncio.sleep(0)
        if self._parts:
            more = self._end != "end" or len(self._parts) > 1
            return {"type": "http.request", "body": self._parts.pop(0), "more_body": more}
        if self._end == "cut":
            return {"type": "http.disconnect"}
        await asyncio.sleep(30)
        raise AssertionError("nobody took the body's end for an end")


class SlowHash:
    """Takes its time, in the thread that writes: as a slow disk would."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def update(self, data: memoryview, /) -> None:
        time.sleep(self._pause_s)

    def digest(self) -> bytes:
        return b""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """A file that is open for writing."""
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    yield fd
    os.close(fd)


def body(*parts: bytes, end: str | None = "end") -> PortableBody:
    return PortableBody({"headers": []}, Events(*parts, end=end), None)


ENDS = [
    ([b"ab", b"", b"cd"], "end", 9, Received(4, Ended.COMPLETE), b"abcd"),
    ([b"ab", b"cd"], "end", 4, Received(4, Ended.COMPLETE), b"abcd"),
    ([b"ab", b"cde"], "end", 4, Received(4, Ended.OVERRUN), b"abcd"),
    ([b"ab", b"cd", b"e"], "end", 4, Received(4, Ended.OVERRUN), b"abcd"),
    ([b"ab", b"c"], "cut", 9, Received(3, Ended.DISCONNECTED), b"abc"),
    ([b""], "end", 0, Received(0, Ended.COMPLETE), b""),
    ([b"a"], "end", 0, Received(0, Ended.OVERRUN), b""),
]


@pytest.mark.parametrize(("parts", "end", "limit", "received", "stored"), ENDS)
@pytest.mark.parametrize("pause_s", [0.0, 0.02], ids=["fast", "slow"])
async def test_how_it_ends(
    file: int,
    *,
    parts: Sequence[bytes],
    end: str,
    limit: int,
    received: Received,
    stored: bytes,
    pause_s: float,
) -> None:
    """At an explicit place, in order, and hashed exactly as it is stored."""
    os.pwrite(file, b"0123", 0)
    taken = hashlib.sha256()
    hashes: list[Hash] = [taken, SlowHash(pause_s)]
    stop = StopSignal()
    got = await pump(body(*parts, end=end), FileSink(file), 4, limit=limit, hashes=hashes, stop=stop)
    assert got == received
    assert stop.position == 4 + received.count
    assert os.pread(file, 99, 0) == b"0123" + stored
    assert taken.digest() == hashlib.sha256(stored).digest()


async def test_stop_while_nothing_comes(file: int) -> None:
    stop = StopSignal()
    asyncio.get_running_loop().call_later(0.05, stop.request, Ended.SHUTDOWN)
    async with asyncio.timeout(1):
        got = await pump(body(b"ab", end=None), FileSink(file), limit=9, stop=stop)
    assert got == Received(2, Ended.SHUTDOWN)
    assert os.pread(file, 9, 0) == b"ab"


async def test_a_silent_client_is_noticed_without_hashing(file: int) -> None:
    """The bytes that the pump has taken say whether any arrive."""
    stop = StopSignal()
    async with asyncio.timeout(5):
        with stopped_when_idle(stop, 0.1):
            got = await pump(body(b"ab", end=None), FileSink(file), limit=9, stop=stop)
    assert got == Received(2, Ended.STALLED)


async def test_stop_before_the_first_byte(file: int) -> None:
    """What is at hand is taken."""
    stop = StopSignal()
    stop.request()
    async with asyncio.timeout(1):
        got = await pump(body(b"ab", end=None), FileSink(file), limit=9, stop=stop)
    assert got == Received(2, Ended.STOPPED)


async def test_a_stop_that_the_body_has_outrun_is_withdrawn(file: int) -> None:
    """CONC-05: asked at byte 0 by another sender, it takes a byte before it ends and so goes on."""
    stop, slept = StopSignal(), asyncio.Event()
    stop.request(at=0)
    parts = iter([b"ab", b"cd"])

    async def receive() -> dict[str, object]:
        data = next(parts)
        if data == b"cd":
            await slept.wait()
        return {"type": "http.request", "body": data, "more_body": data != b"cd"}

    asyncio.get_running_loop().call_later(0.7, slept.set)  # longer than any stop takes
    async with asyncio.timeout(2):
        got = await pump(PortableBody({"headers": []}, receive, None), FileSink(file), limit=9, stop=stop)
    assert got == Received(4, Ended.COMPLETE)
    assert stop.reason is None


async def test_a_stop_at_the_bodys_own_offset_ends_it(file: int) -> None:
    """Take-over: nothing has come since the other sender asked where the upload is."""
    stop = StopSignal()
    asyncio.get_running_loop().call_later(0.05, functools.partial(stop.request, at=6))
    async with asyncio.timeout(1):
        got = await pump(body(b"ab", end=None), FileSink(file), 4, limit=9, stop=stop)
    assert got == Received(2, Ended.STOPPED)


async def test_stop_while_more_always_comes(file: int) -> None:
    """Within half a second, though the next event is always there already."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    stop = StopSignal()
    asyncio.get_running_loop().call_later(0.05, stop.request)
    async with asyncio.timeout(3):
        got = await pump(PortableBody({"headers": []}, receive, None), FileSink(file), limit=2**60, stop=stop)
    assert got.ended is Ended.STOPPED
    assert os.fstat(file).st_size == got.count


async def test_stop_of_a_form_while_more_always_comes(file: int) -> None:
    """The file of a multipart form ends as soon as any other body."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    given = 0

    async def receive() -> dict[str, object]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": head if given == 1 else b"x" * 100, "more_body": True}

    stop = StopSignal()
    asyncio.get_running_loop().call_later(0.05, stop.request)
    form = MultipartBody({"headers": []}, receive, b"b")
    async with asyncio.timeout(3):
        got = await pump(form, FileSink(file), limit=2**60, stop=stop)
    assert got.ended is Ended.STOPPED
    assert os.fstat(file).st_size == got.count > 0


async def test_only_hashed() -> None:
    """What nobody keeps is hashed, up to the limit."""
    taken = hashlib.sha256()
    got = await pump(body(b"ab", b"cde"), NullSink(), limit=4, hashes=[taken], stop=StopSignal())
    assert got == Received(4, Ended.OVERRUN)
    assert taken.digest() == hashlib.sha256(b"abcd").digest()


async def test_cancelled_while_a_thread_writes(tmp_path: Path) -> None:
    """The file is let go of only when no thread uses it: its number may be another file's by then."""

    async def write() -> None:
        fd = os.open(tmp_path / "one", os.O_CREAT | os.O_WRONLY)
        try:
            hashes = [SlowHash(0.1)]
            await pump(body(b"a", b"b", b"c"), FileSink(fd), limit=9, hashes=hashes, stop=StopSignal())
        finally:
            os.close(fd)

    task = asyncio.create_task(write())
    await asyncio.sleep(0.15)  # the first block is written; the others are being written as one
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_WRONLY)
    await asyncio.sleep(0.3)
    os.close(other)
    assert (tmp_path / "other").read_bytes() == b""


async def test_memory_is_bounded(file: int) -> None:
    """A client that is faster than the disk is made to wait."""
    given = 0

    async def receive() -> dict[str, object]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * (1 << 20), "more_body": given < 64}

    task = asyncio.create_task(
        pump(
            PortableBody({"headers": []}, receive, None),
            FileSink(file),
            limit=1 << 40,
            hashes=[SlowHash(0.02)],
            stop=StopSignal(),
        )
    )
    ahead = 0
    while not task.done():
        await asyncio.sleep(0.005)
        ahead = max(ahead, (given << 20) - os.fstat(file).st_size)
    assert await task == Received(64 << 20, Ended.COMPLETE)
    assert ahead <= 10 << 20


@pytest.fixture
def small_medium() -> Iterator[int]:
    """No file can grow beyond 8 MiB."""
    size = 8 << 20
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield size
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_the_medium_is_full(file: int, small_medium: int) -> None:
    parts = [b"x" * (1 << 20)] * 12
    with pytest.raises(OSError, match="File too large") as caught:
        await pump(body(*parts), FileSink(file), limit=1 << 30, stop=StopSignal())
    assert caught.value.errno == errno.EFBIG
    assert os.fstat(file).st_size == small_medium


@pytest.mark.needs("files")
async def test_a_full_medium_over_http(serve: Serve, small_medium: int) -> None:
    """HTTP-16: 507, what fitted is stored, and the offset is true."""
    tus = await serve()
    url = await tus.create(12 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * (1 << 20)

    reply = await tus.patch(url, 0, pieces())
    assert reply.status_code == 507
    assert reply.text == "ERR_STORAGE_FULL: no space left on the server, try again later\n"
    assert await tus.offset(url) == len(tus.data(url)) == small_medium
    assert (await tus.patch(url, small_medium, b"x")).status_code == 507
    assert await tus.offset(url) == small_medium
    assert (await tus.delete(url)).status_code == 204
    assert tus.files() == []
