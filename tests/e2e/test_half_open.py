"""A sender that stalls and never closes (a half-open connection) does not keep its upload to itself.

The client comes back on a new connection, asks for the offset and goes on. That whole hand-over takes
less than two seconds, whichever process or worker it meets, and no byte that had arrived is lost.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, Wire, id_of, payload, wait_until

SIZE = 4 * MIB
HALF = SIZE // 2
ROUNDS = 6
HAND_OVER_S = 2.0


@contextmanager
def stalled(server: Server, url: str, data: bytes, sent: int) -> Iterator[Wire]:
    """A PATCH whose sender goes silent after ``sent`` bytes, all of which the server has stored."""
    with Wire(server.host_port) as wire:
        wire.begin_patch(url, 0, len(data))
        wire.send(data[:sent])
        wait_until(sent, server.upload_dir / id_of(url))
        yield wire


def hand_over(first: Server, second: Server, seed: int) -> None:
    """Stall on one server, resume at the other."""
    data = payload(SIZE, seed)
    # Connections are new each time, so that with several workers any of them may get the request.
    with Tus(first.url) as creator, Tus(second.url) as resumer:
        url = creator.create(SIZE)
        there = url.replace(first.url, second.url)
        with stalled(first, url, data, HALF):
            begin = time.monotonic()
            offset = resumer.offset(there)
            assert offset == HALF, "bytes that had arrived are lost"
            reply = resumer.patch(there, offset, data[offset:])
            took = time.monotonic() - begin
        assert (reply.status_code, reply.headers.get("Upload-Offset")) == (204, str(SIZE)), reply.text
        assert took < HAND_OVER_S, f"the hand-over took {took:.2f} s"
        assert resumer.get(there).content == data


@pytest.mark.parametrize("flags", [(), ("-workers", "2")], ids=["one process", "two workers"])
def test_resume_takes_over_from_a_stalled_sender(serve: Serve, flags: tuple[str, ...]) -> None:
    """Several rounds, so that the same worker and the other one both occur."""
    server = serve(*flags)
    for seed in range(ROUNDS):
        hand_over(server, server, seed)


def test_resume_at_another_process_on_the_same_directory(serve: Serve) -> None:
    """Two servers share a directory (a rolling restart): the lock is handed over between them."""
    first = serve()
    second = serve(upload_dir=first.upload_dir)
    for seed in range(ROUNDS):
        hand_over(*((first, second) if seed % 2 else (second, first)), seed)


def test_patch_without_head_takes_over_at_the_known_offset(server: Server, tus: Tus) -> None:
    """A client that knows its offset need not ask; the silent sender is told or cut off."""
    data = payload(SIZE, seed=30)
    url = tus.create(SIZE)
    with stalled(server, url, data, HALF) as old:
        begin = time.monotonic()
        reply = tus.patch(url, HALF, data[HALF:])
        assert time.monotonic() - begin < HAND_OVER_S
        assert reply.status_code == 204, reply.text
        assert old.answered(within_s=HAND_OVER_S), "the old connection hangs on"
    assert tus.get(url).content == data


def test_sender_that_wakes_up_after_the_hand_over_changes_nothing(server: Server, tus: Tus) -> None:
    """Bytes that the old connection sends afterwards never reach the file."""
    data = payload(SIZE, seed=31)
    url = tus.create(SIZE)
    with stalled(server, url, data, HALF) as old:
        assert tus.patch(url, HALF, data[HALF:]).status_code == 204
        with suppress(ConnectionError):
            old.send(b"\xff" * HALF)
    assert tus.get(url).content == data


def test_take_over_before_the_first_byte(server: Server, tus: Tus) -> None:
    """A sender that never sent a body byte holds nothing up either."""
    data = payload(SIZE, seed=32)
    url = tus.create(SIZE)
    with stalled(server, url, data, 0):
        time.sleep(0.2)
        begin = time.monotonic()
        tus.finish(url, data)
        assert time.monotonic() - begin < HAND_OVER_S
    assert tus.get(url).content == data


def test_delete_takes_over_from_a_stalled_sender(server: Server, tus: Tus) -> None:
    """DELETE needs the upload for itself too, and gets it."""
    data = payload(SIZE, seed=33)
    url = tus.create(SIZE)
    with stalled(server, url, data, HALF):
        begin = time.monotonic()
        assert tus.delete(url).status_code == 204
        assert time.monotonic() - begin < HAND_OVER_S
    assert tus.head(url).status_code in {404, 410}
    assert not (server.upload_dir / id_of(url)).exists()


def test_progress_reader_never_stops_a_living_sender(server: Server, tus: Tus) -> None:
    """HEAD beside a PATCH that moves is answered at once and does no harm (tusd ends the PATCH)."""
    data = payload(SIZE, seed=34)
    url = tus.create(SIZE)
    seen = [0]
    with Wire(server.host_port) as wire:
        wire.begin_patch(url, 0, SIZE)
        for place in range(0, SIZE, SIZE // 16):
            wire.send(data[place : place + SIZE // 16])
            time.sleep(0.05)
            seen.append(tus.offset(url))
        reply = wire.reply()
    assert reply is not None
    assert reply.status == 204, "the reader ended the upload"
    assert seen == sorted(seen)
    assert tus.get(url).content == data
