"""``kill -9`` at random moments of a large upload: nothing wrong is kept, and next to nothing is lost.

What may be lost is what the server had no chance to write: bytes in flight and in the kernel's receive
buffer at the moment of the kill. So the sender notes over time how many bytes the server's kernel has
acknowledged, and each restart must offer at least what was acknowledged 100 ms before the kill. On a busy
machine these are 100 ms in which the server could have run: what it waited for the processor comes on top.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, Wire, checksum, id_of, payload, sha256, sha256_of

SIZE = 300 * MIB
KILLS = 10
GRACE_S = 0.1
PACE = 120 * MIB  # bytes a second: slow enough that ten kills fall into one upload
PIECE = 256 * 1024
CHUNK = 3 * MIB


class Sample(NamedTuple):
    """What the server's kernel had at a time, and how long the server had waited for the processor."""

    acknowledged: int
    waited_s: float
    at: float


def waited_s(server: Server) -> float:
    """How long the threads of a server have waited for the processor, in seconds; 0 once it is dead."""
    waited_ns = 0
    with suppress(OSError):
        for thread in Path(f"/proc/{server.pid}/task").iterdir():
            waited_ns += int((thread / "schedstat").read_text().split()[1])
    return waited_ns / 1e9


class Assassin:
    """Kills a server after a while and remembers when."""

    def __init__(self, server: Server, after_s: float) -> None:
        self._server = server
        self._timer = threading.Timer(after_s, self._strike)
        self._struck_at = float("inf")
        self._waited_s = 0.0
        self._timer.start()

    def _strike(self) -> None:
        self._waited_s, self._struck_at = waited_s(self._server), time.monotonic()
        self._server.kill()

    def done(self) -> None:
        """Wait for the deed."""
        self._timer.join()

    def is_due(self, sample: Sample) -> bool:
        """Whether the server had 100 ms to store what was acknowledged then."""
        could_run_s = self._struck_at - sample.at - (self._waited_s - sample.waited_s)
        return could_run_s >= GRACE_S


@pytest.fixture
def target(serve: Serve) -> Server:
    return serve()


def test_ten_kills_in_one_patch_each_lose_at_most_the_last_100_ms(target: Server) -> None:
    """One PATCH of everything that is left, killed and resumed ten times: same bytes, no earlier loss."""
    rng = random.Random(20)
    data = payload(SIZE, seed=20)
    with Tus(target.url) as tus:
        url = tus.create(SIZE)
        for _ in range(KILLS):
            offset = tus.offset(url)
            assassin = Assassin(target, rng.uniform(0.12, 0.24))
            seen = _stream(target, url, data, offset)
            assassin.done()
            target.restart()
            kept = tus.offset(url)
            owed = max((each.acknowledged for each in seen if assassin.is_due(each)), default=0)
            assert kept >= owed, "lost more than the last 100 ms"
            assert kept > offset, "a whole PATCH was lost"
        tus.finish(url, data)
        assert tus.offset(url) == SIZE
    assert sha256_of(target.upload_dir / id_of(url)) == sha256(data)


def test_ten_kills_between_and_in_verified_chunks_keep_whole_chunks_only(target: Server) -> None:
    """With Upload-Checksum, a restart offers every acknowledged chunk and no byte that was not verified."""
    rng = random.Random(21)
    data = payload(SIZE, seed=21)
    with Tus(target.url) as tus:
        url = tus.create(SIZE)
        for _ in range(KILLS):
            offset = tus.offset(url)
            assassin = Assassin(target, rng.uniform(0.12, 0.24))
            acknowledged = _stream_verified(target, url, data, offset)
            assassin.done()
            target.restart()
            kept = tus.offset(url)
            assert kept >= acknowledged, "a verified and acknowledged chunk was lost"
            assert kept % CHUNK == 0, "bytes of a chunk that was never verified are offered"
        _finish_verified(tus, url, data)
    assert sha256_of(target.upload_dir / id_of(url)) == sha256(data)


def test_upload_killed_at_creation_leaves_nothing_half_made(target: Server) -> None:
    """Whatever was answered before the kill exists after it, and can be completed."""
    data = payload(3 * MIB, seed=22)
    with Tus(target.url) as tus:
        urls = [tus.create(len(data)) for _ in range(5)]
        target.kill()
        target.restart()
        for url in urls:
            assert tus.offset(url) == 0
            tus.finish(url, data)
            assert tus.get(url).content == data


def _paced(data: memoryview, begin: float) -> Callable[[int], None]:
    """A function that waits until the byte at a place is due."""

    def wait(place: int) -> None:
        time.sleep(max(0.0, begin + place / PACE - time.monotonic()))

    return wait


def _stream(server: Server, url: str, data: bytes, offset: int) -> list[Sample]:
    """PATCH the rest, piece by piece, until the server dies."""
    seen: list[Sample] = []
    rest = memoryview(data)[offset:]
    with Wire(server.host_port) as wire:
        wire.begin_patch(url, offset, len(rest))
        wait = _paced(rest, time.monotonic())
        try:
            for place in range(0, len(rest), PIECE):
                wire.send(rest[place : place + PIECE])
                # The clock last: whoever looks at it first may be held up, and finds what came later.
                seen.append(Sample(offset + wire.acknowledged(), waited_s(server), time.monotonic()))
                wait(place)
        except ConnectionError:
            return seen
    pytest.fail("the upload was over before the server was killed: slow the sender down")


def _stream_verified(server: Server, url: str, data: bytes, offset: int) -> int:
    """PATCH chunk after chunk with its checksum until the server dies; the last acknowledged offset."""
    view = memoryview(data)
    begin = time.monotonic()
    with Wire(server.host_port) as wire:
        for at in range(offset, len(data), CHUNK):
            chunk = view[at : at + CHUNK]
            wait = _paced(chunk, begin + (at - offset) / PACE)
            try:
                wire.begin_patch(url, at, len(chunk), Upload_Checksum=checksum(chunk))
                for place in range(0, len(chunk), PIECE):
                    wire.send(chunk[place : place + PIECE])
                    wait(place)
                reply = wire.reply()
            except ConnectionError:
                return at
            if reply is None:
                return at
            assert reply.status == 204, f"{reply.status} {reply.body!r}"
    pytest.fail("the upload was over before the server was killed: slow the sender down")


def _finish_verified(tus: Tus, url: str, data: bytes) -> None:
    for at in range(tus.offset(url), len(data), 32 * MIB):
        chunk = data[at : at + 32 * MIB]
        reply = tus.patch(url, at, chunk, Upload_Checksum=checksum(chunk))
        assert reply.status_code == 204, f"{reply.status_code} {reply.text}"
