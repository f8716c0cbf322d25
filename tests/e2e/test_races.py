"""Requests that want the same upload at the same moment: one wins, and the bytes are its bytes.

Each race is run in one process, where tasks compete, and with two workers, where processes do.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import TypeVar

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, Wire, id_of, payload, wait_until

T = TypeVar("T")

SIZE = 12 * MIB

RACERS = pytest.mark.parametrize("flags", [(), ("-workers", "2")], ids=["one process", "two workers"])


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run the calls in threads that start together."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def status_of_patch(server: Server, url: str, offset: int, data: bytes) -> int:
    """PATCH on a connection of its own; 0 if the server ended it without an answer."""
    with Tus(server.url) as tus:
        try:
            return tus.patch(url, offset, data).status_code
        except httpx.TransportError:
            return 0


def send_all(wire: Wire, data: bytes) -> int:
    """Send a body into an open PATCH; the status, or 0 if there is none."""
    with suppress(ConnectionError):
        wire.send(data)
    reply = wire.reply()
    return reply.status if reply is not None else 0


@RACERS
def test_two_senders_at_one_offset_never_mix(serve: Serve, flags: tuple[str, ...]) -> None:
    """Two PATCHes at offset 0 with different bytes: one completes the upload, the other is refused."""
    server = serve(*flags)
    bodies = [payload(SIZE, seed=50), payload(SIZE, seed=51)]
    with Tus(server.url) as tus:
        for _ in range(5):
            url = tus.create(SIZE)
            calls = [partial(status_of_patch, server, url, 0, body) for body in bodies]
            statuses = at_once(calls)
            assert statuses.count(204) == 1, statuses
            assert not [status for status in statuses if 200 <= status < 300 and status != 204]
            winner = bodies[statuses.index(204)]
            assert tus.offset(url) == SIZE
            assert (server.upload_dir / id_of(url)).read_bytes() == winner, "the senders' bytes are mixed"


@RACERS
def test_one_of_many_pairs_always_wins(serve: Serve, flags: tuple[str, ...]) -> None:
    """The older sender's first bytes come at about the moment at which the newer one asks for the upload."""
    server = serve(*flags)
    size = 200_000
    bodies = [payload(size, seed=60), payload(size, seed=61)]
    with Tus(server.url) as tus:
        for pair in range(40):
            url = tus.create(size)
            with Wire(server.host_port) as first, Wire(server.host_port) as second:
                first.begin_patch(url, 0, size)
                second.begin_patch(url, 0, size)
                time.sleep(0.002 * (pair % 20))
                first.send(bodies[0][: size // 2])
                time.sleep(0.06)
                statuses = at_once(
                    [partial(send_all, first, bodies[0][size // 2 :]), partial(send_all, second, bodies[1])]
                )
            assert statuses.count(204) == 1, f"pair {pair}: {statuses}"
            stored = (server.upload_dir / id_of(url)).read_bytes()
            assert stored == bodies[statuses.index(204)], "the senders' bytes are mixed"


@RACERS
def test_two_senders_that_wait_for_each_other_never_mix(serve: Serve, flags: tuple[str, ...]) -> None:
    """Both have sent their head at offset 0 before either sends a byte: the later one has the upload."""
    server = serve(*flags)
    bodies = [payload(SIZE, seed=57), payload(SIZE, seed=58)]
    with Tus(server.url) as tus:
        for _ in range(3):
            url = tus.create(SIZE)
            with Wire(server.host_port) as first, Wire(server.host_port) as second:
                for wire in (first, second):
                    wire.begin_patch(url, 0, SIZE)
                    time.sleep(0.3)
                statuses = at_once(
                    [partial(send_all, first, bodies[0]), partial(send_all, second, bodies[1])]
                )
            assert statuses[1] == 204
            assert statuses[0] != 204
            assert (server.upload_dir / id_of(url)).read_bytes() == bodies[1], "the senders' bytes are mixed"


@RACERS
def test_late_second_sender_gets_409_and_changes_nothing(serve: Serve, flags: tuple[str, ...]) -> None:
    """A PATCH at offset 0 while another one is in full flow conflicts; the first goes on undisturbed."""
    server = serve(*flags)
    data = payload(SIZE, seed=52)
    with Tus(server.url) as tus:
        url = tus.create(SIZE)
        with Wire(server.host_port) as wire:
            wire.begin_patch(url, 0, SIZE)
            wire.send(data[:MIB])
            wait_until(MIB, server.upload_dir / id_of(url))
            refused = tus.patch(url, 0, b"\xff" * 1000)
            offset = tus.offset(url)
        assert refused.status_code == 409
        assert refused.headers["Upload-Offset"] == str(offset) == str(MIB)
        tus.finish(url, data)
        assert tus.get(url).content == data


@RACERS
def test_twenty_identical_patches_write_once(serve: Serve, flags: tuple[str, ...]) -> None:
    """Twenty full bodies at offset 0: one 204, offset equals length, bytes once."""
    server = serve(*flags)
    data = payload(2 * MIB, seed=53)
    with Tus(server.url) as tus:
        for _ in range(3):
            url = tus.create(len(data))
            statuses = at_once([partial(status_of_patch, server, url, 0, data)] * 20)
            assert statuses.count(204) == 1, sorted(statuses)
            assert {status for status in statuses if status != 204} <= {0, 409, 423, 503}, sorted(statuses)
            assert tus.offset(url) == len(data)
            assert (server.upload_dir / id_of(url)).read_bytes() == data


@RACERS
def test_delete_ends_a_running_patch_and_leaves_nothing(serve: Serve, flags: tuple[str, ...]) -> None:
    """DELETE beside a PATCH in full flow: 204, the upload is gone, and so are its files."""
    server = serve(*flags)
    data = payload(SIZE, seed=54)
    with Tus(server.url) as tus:
        for _ in range(3):
            url = tus.create(SIZE)
            with ThreadPoolExecutor(1) as pool:
                patch = pool.submit(status_of_patch, server, url, 0, data)
                deleted = tus.delete(url).status_code
                patched = patch.result()
            assert deleted == 204
            assert patched in {0, 204, 404, 410, 409, 423, 503}
            assert tus.head(url).status_code in {404, 410}
            left = [path.name for path in server.upload_dir.iterdir() if path.name.startswith(id_of(url))]
            assert left == [], "files of a deleted upload are left"


@RACERS
def test_patches_racing_with_heads_and_gets(serve: Serve, flags: tuple[str, ...]) -> None:
    """Readers during a chunked upload see offsets that only grow, and never a 4xx or 5xx."""
    server = serve(*flags)
    data = payload(SIZE, seed=55)
    with Tus(server.url) as tus, Tus(server.url) as reader:
        url = tus.create(SIZE)
        done = threading.Event()
        seen: list[int] = []

        def read() -> None:
            while not done.is_set():
                seen.append(reader.offset(url))

        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read)
            for offset in range(0, SIZE, MIB):
                assert tus.patch(url, offset, data[offset : offset + MIB]).status_code == 204
            done.set()
            reading.result()
        assert seen == sorted(seen)
        assert tus.get(url).content == data


@RACERS
def test_same_final_upload_created_at_once_is_right_each_time(serve: Serve, flags: tuple[str, ...]) -> None:
    """A retried final POST may meet the first one: every answer names an upload with all the bytes."""
    server = serve(*flags)
    data = payload(3 * MIB + 1, seed=56)
    with Tus(server.url) as tus:
        cuts = [0, MIB, 2 * MIB, len(data)]
        parts = [data[a:b] for a, b in pairwise(cuts)]
        urls = [tus.create(len(part), part, Upload_Concat="partial") for part in parts]
        finals = at_once([lambda: tus.create(Upload_Concat=f"final;{' '.join(urls)}")] * 4)
        for final in finals:
            assert tus.get(final).content == data
