"""However a block goes from the socket into the file, it is there and hashed, in its order."""

import errno
import hashlib
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tusd_py.http1.movers import Copied, Mover, Overlapped, Spliced, mover_for
from tusd_py.model.body import Hash

Make = Callable[[Sequence[Hash]], Mover]


@pytest.fixture(params=["copied", "overlapped"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    with ThreadPoolExecutor(2) as executor:
        yield Copied if request.param == "copied" else lambda hashes: Overlapped(hashes, executor)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    for side in (ours, theirs):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    with ours, theirs:
        yield ours, theirs


def send(theirs: socket.socket, data: bytes, executor: ThreadPoolExecutor) -> None:
    def work() -> None:
        for start in range(0, len(data), 300_000):
            theirs.sendall(data[start : start + 300_000])

    executor.submit(work)


def test_blocks_of_every_size_are_hashed_in_their_order(
    make: Make, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    data = random.Random(1).randbytes(5_000_000)
    taken = hashlib.sha256()
    way = make([taken])
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    with ThreadPoolExecutor(1) as executor:
        send(pair[1], data, executor)
        offset = 0
        while offset < len(data):
            # Small and large ones in turns: some are hashed by the other thread and some are not.
            wanted = random.Random(offset).choice([1, 5_000, 200_000, 1_048_576])
            count = way.receive(pair[0], min(wanted, len(data) - offset))
            way.write(fd, count, offset)
            offset += count
        way.finish()
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == data
    assert taken.hexdigest() == hashlib.sha256(data).hexdigest()


def test_a_dry_socket_never_brings_the_buffer_back_that_is_being_hashed(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    go_on = threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.taken = hashlib.sha256()

        def update(self, data: memoryview, /) -> None:
            assert go_on.wait(5)
            self.taken.update(data)

        def digest(self) -> bytes:
            return self.taken.digest()

    first, second = random.Random(3).randbytes(200_000), random.Random(4).randbytes(1_000)
    slow = Slow()
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    with ThreadPoolExecutor(1) as executor:
        way = Overlapped([slow], executor)
        pair[1].sendall(first)
        got = way.receive(pair[0], len(first))
        way.write(fd, got, 0)
        pair[0].setblocking(False)
        while got < len(first):  # whatever the system kept back goes the same way
            got += way.receive(pair[0], len(first) - got)
        for _ in range(3):
            with pytest.raises(BlockingIOError):
                way.receive(pair[0], 1_000)
        pair[1].sendall(second)
        assert way.receive(pair[0], 1_000) == 1_000
        go_on.set()
        way.finish()
    os.close(fd)
    assert slow.digest() == hashlib.sha256(first).digest()


def test_a_medium_that_fails_is_reported_and_what_went_before_is_hashed(
    make: Make, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    taken = hashlib.sha256()
    way = make([taken])
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    full = os.open("/dev/full", os.O_WRONLY)
    data = bytes(200_000)
    pair[1].sendall(data + b"more")
    way.write(fd, way.receive(pair[0], len(data)), 0)
    written = os.fstat(fd).st_size
    count = way.receive(pair[0], 4)
    with pytest.raises(OSError, match="space") as raised:
        way.write(full, count, 0)
    way.finish()
    assert raised.value.errno == errno.ENOSPC
    assert taken.hexdigest() == hashlib.sha256(bytes(written)).hexdigest()
    os.close(fd)
    os.close(full)


def test_a_hash_that_fails_is_not_lost(pair: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    class Broken:
        def update(self, data: memoryview, /) -> None:
            raise ValueError("broken")

        def digest(self) -> bytes:
            return b""

    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    pair[1].sendall(bytes(200_000))
    with ThreadPoolExecutor(1) as executor:
        way = Overlapped([Broken()], executor)
        way.write(fd, way.receive(pair[0], 200_000), 0)
        with pytest.raises(ValueError, match="broken"):
            way.finish()
    os.close(fd)


def test_what_is_not_hashed_need_not_come_into_this_process() -> None:
    with ThreadPoolExecutor(1) as executor:
        if hasattr(os, "splice"):
            assert isinstance(mover_for((), executor), Spliced)
        assert isinstance(mover_for([hashlib.sha256()], executor), Overlapped)
    assert isinstance(mover_for([hashlib.sha256()], None), Copied)
