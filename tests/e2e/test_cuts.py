"""Clients whose connection ends in the middle of a body, by FIN or by RST.

What the server's kernel had acknowledged 300 ms before the end is stored, the next PATCH goes on from
there, and after any number of cuts the bytes are those that were sent.
"""

import random
import time
from collections.abc import Callable
from itertools import takewhile

import pytest

from tests.support.server import Server
from tests.support.tus import MIB, OFFSET_STREAM, Tus, Wire, id_of, payload, sha256, sha256_of, wait_until

GRACE_S = 0.3
ENDS: list[Callable[[Wire], None]] = [Wire.fin, Wire.rst]


@pytest.mark.parametrize("end", ENDS, ids=["FIN", "RST"])
def test_bytes_acknowledged_300_ms_before_the_cut_are_kept(
    server: Server, tus: Tus, end: Callable[[Wire], None]
) -> None:
    """A cut costs the last moment only, and the rest completes the upload."""
    data = payload(16 * MIB, seed=40)
    url = tus.create(len(data))
    wire = Wire(server.host_port)
    wire.begin_patch(url, 0, len(data))
    wire.send(data[: 9 * MIB + 1])
    acknowledged = wire.acknowledged()
    time.sleep(GRACE_S)
    end(wire)
    assert acknowledged > 0
    assert tus.offset(url) >= acknowledged
    tus.finish(url, data)
    assert tus.get(url).content == data


@pytest.mark.parametrize("coding", ["Content-Length", "chunked"])
def test_nothing_is_held_back_while_the_sender_pauses(server: Server, tus: Tus, coding: str) -> None:
    """Whatever has arrived is in the file a moment later: more bytes are not needed to push it there."""
    data = payload(8 * MIB, seed=44)
    url = tus.create(len(data))
    headers = {"Content-Type": OFFSET_STREAM, "Upload-Offset": "0"}
    chunked = coding == "chunked"
    headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(data))}
    with Wire(server.host_port) as wire:
        wire.request("PATCH", server.path + id_of(url), headers)
        for place in range(0, len(data), MIB):
            burst = data[place : place + MIB]
            wire.send(b"%x\r\n%b\r\n" % (MIB, burst) if chunked else burst)
            wait_until(place + MIB, server.upload_dir / id_of(url), timeout_s=5)
        if chunked:
            wire.send(b"0\r\n\r\n")
        reply = wire.reply()
    assert reply is not None
    assert reply.status == 204
    assert tus.get(url).content == data


@pytest.mark.parametrize("end", ENDS, ids=["FIN", "RST"])
def test_cut_creation_with_upload_stores_nothing_it_was_not_sent(
    server: Server, tus: Tus, end: Callable[[Wire], None]
) -> None:
    """A POST whose body breaks off leaves at most what was sent, and the server goes on."""
    wire = Wire(server.host_port)
    wire.request(
        "POST",
        server.path,
        {
            "Upload-Length": str(4 * MIB),
            "Content-Length": str(4 * MIB),
            "Content-Type": "application/offset+octet-stream",
        },
    )
    wire.send(payload(MIB, seed=41))
    end(wire)
    time.sleep(GRACE_S)
    for path in server.upload_dir.iterdir():
        assert len(path.name) != 32 or path.stat().st_size <= MIB
    data = payload(MIB, seed=42)
    url = tus.create(len(data), data)
    assert tus.offset(url) == len(data)
    assert tus.get(url).content == data


def test_fifty_random_cuts_until_done(server: Server, tus: Tus) -> None:
    """Fifty rounds of HEAD, PATCH and a cut somewhere: every offset holds, and so do the bytes."""
    rng = random.Random(43)
    data = payload(48 * MIB, seed=43)
    url = tus.create(len(data))
    highest = 0
    for number in range(50):
        offset = tus.offset(url)
        # Never the last byte: a cut is in the middle of a body.
        length = min(len(data) - offset - 1, rng.randrange(1, 2 * len(data) // 50))
        owed = _cut(server, url, memoryview(data)[offset:], length, _Cut(offset, number, rng))
        highest = max(highest, offset + length)
        kept = tus.offset(url)
        assert owed <= kept <= highest, f"round {number}: {owed} <= {kept} <= {highest}"
    tus.finish(url, data)
    assert sha256_of(server.upload_dir / id_of(url)) == sha256(data)


class _Cut:
    """How one round ends."""

    def __init__(self, offset: int, number: int, rng: random.Random) -> None:
        self.offset = offset
        self.end = rng.choice(ENDS)
        # Some wait long enough for all their bytes to count; most are cut in full flight.
        self.pause_s = GRACE_S + 0.02 if number % 5 == 0 else rng.choice([0.0, 0.0, 0.005, 0.03])


def _cut(server: Server, url: str, rest: memoryview, length: int, cut: _Cut) -> int:
    """PATCH the whole rest, send ``length`` bytes of it, cut; returns the offset that is owed."""
    seen: list[tuple[float, int]] = []
    wire = Wire(server.host_port)
    wire.begin_patch(url, cut.offset, len(rest))
    for place in range(0, length, 64 * 1024):
        wire.send(rest[place : min(place + 64 * 1024, length)])
        seen.append((time.monotonic(), cut.offset + wire.acknowledged()))
    time.sleep(cut.pause_s)
    cut_at = time.monotonic()
    early = wire.answered() and wire.reply()
    cut.end(wire)
    if early:
        # The previous round's bytes were still being stored: 409 with the new offset is an honest answer.
        assert early.status == 409, f"{early.status} {early.body!r}"
        return cut.offset
    owed = list(takewhile(lambda sample: sample[0] <= cut_at - GRACE_S, seen))
    return owed[-1][1] if owed else cut.offset
