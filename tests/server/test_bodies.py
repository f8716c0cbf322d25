"""Bodies on their way into a file: every end, by length and chunked, plain and over TLS, and through ASGI."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import random
import select
import time
from dataclasses import dataclass

import pytest

from tests.support.waiting import eventually

from .client import Client, Server, chunked

DATA = random.Random(7).randbytes(3_000_000)


@dataclass
class Way:
    """One way for a body to reach a file."""

    server: Server
    route: str
    coding: str

    def begin(self, client: Client, target: str, announced: int) -> None:
        framing = f"Content-Length: {announced}" if self.coding == "length" else "Transfer-Encoding: chunked"
        client.request(f"PUT /{self.route}/{target}", framing)

    def send(self, client: Client, data: bytes) -> None:
        client.send(data if self.coding == "length" else b"%x\r\n%b\r\n" % (len(data), data))

    def end(self, client: Client) -> None:
        if self.coding == "chunked":
            client.send(b"0\r\n\r\n")


WAYS = ["write length plain", "write chunked plain", "receive length plain", "receive chunked plain"]
WAYS += ["write length tls", "write chunked tls"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, server: Server, tls_server: Server) -> Way:
    route, coding, transport = request.param.split()
    return Way(tls_server if transport == "tls" else server, route, coding)


@pytest.fixture(params=WAYS[:4])
def plain_way(request: pytest.FixtureRequest, server: Server) -> Way:
    route, coding, _ = request.param.split()
    return Way(server, route, coding)


@pytest.fixture(params=[way for way in WAYS if way.startswith("write")])
def write_way(request: pytest.FixtureRequest, server: Server, tls_server: Server) -> Way:
    route, coding, transport = request.param.split()
    return Way(tls_server if transport == "tls" else server, route, coding)


@pytest.fixture
def name() -> str:
    return f"body-{os.urandom(6).hex()}"


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 300_000, len(DATA)])
def test_a_whole_body_is_stored(way: Way, name: str, size: int) -> None:
    with way.server.connect() as client:
        way.begin(client, name, size)
        if size:
            way.send(client, DATA[:size])
        way.end(client)
        answer = client.answer().json()
        assert answer["count"] == size
        assert answer["ended"] in {"complete", None}
        assert client.ask("GET /hello").json() == "hello"
    assert way.server.read(name) == DATA[:size]


def test_bytes_are_in_the_file_as_they_arrive(write_way: Way, name: str) -> None:
    way = write_way
    with way.server.connect() as client:
        way.begin(client, name, 300_003)
        arrived = b""
        for piece in (b"a", b"b" * 100_000, b"c", b"d" * 200_000):
            way.send(client, piece)
            arrived += piece
            eventually(functools.partial(_holds, way.server, name, arrived), within_s=2)
        way.send(client, b"e")
        way.end(client)
        assert client.answer().json()["count"] == 300_003


def test_how_far_a_body_is_can_be_watched_without_hashing_it(write_way: Way, name: str) -> None:
    """Whoever watches over a silent client, and whoever tells of progress, reads the pump's own count."""
    way = write_way
    with way.server.connect() as client:
        way.begin(client, f"{name}?offset=7", 300_000)
        position = 7
        for size in (1, 99_999, 200_000):
            way.send(client, b"x" * size)
            position += size
            eventually(functools.partial(_is_at, way.server, name, position), within_s=2)
        way.end(client)
        assert client.answer().json()["count"] == 300_000


def _is_at(server: Server, name: str, position: int) -> bool:
    return bool(server.get(f"/position/{name}") == position)


def _holds(server: Server, name: str, expected: bytes) -> bool:
    return server.read(name) == expected


def test_fin_in_the_body_keeps_every_byte_and_gets_an_answer(plain_way: Way, name: str) -> None:
    with plain_way.server.connect() as client:
        plain_way.begin(client, name, len(DATA) + 1)
        plain_way.send(client, DATA)
        client.fin()
        answer = client.answer().json()
        assert (answer["count"], answer["ended"]) == (len(DATA), "disconnected")
        assert client.closed()
    assert plain_way.server.read(name) == DATA


def test_fin_in_a_slowly_read_body_keeps_every_byte(server: Server, name: str) -> None:
    with server.connect() as client:
        client.put(f"/receive/{name}?wait=0.3", DATA, announced=len(DATA) + 1)
        client.fin()
        assert client.answer().json() == {"count": len(DATA), "ended": "disconnected"}
    assert server.read(name) == DATA


def test_rst_in_the_body_keeps_what_the_kernel_had(plain_way: Way, name: str) -> None:
    with plain_way.server.connect() as client:
        plain_way.begin(client, name, len(DATA) + 1)
        plain_way.send(client, DATA)
        eventually(lambda: _unacknowledged(client) == 0)
        client.rst()
    result = plain_way.server.result(name)
    assert (result["count"], result["ended"]) == (len(DATA), "disconnected")
    assert plain_way.server.read(name) == DATA


def _unacknowledged(client: Client) -> int:
    """Return how many bytes of this side's socket buffer the other kernel has not taken (SIOCOUTQ)."""
    import fcntl  # noqa: PLC0415
    import struct  # noqa: PLC0415

    (count,) = struct.unpack("i", fcntl.ioctl(client.sock, 0x5411, b"\0\0\0\0"))
    return int(count)


def test_a_lost_tls_connection_keeps_what_was_decrypted(tls_server: Server, name: str) -> None:
    with tls_server.connect() as client:
        client.put(f"/write/{name}", DATA, announced=len(DATA) + 1)
        eventually(lambda: len(tls_server.read(name)) == len(DATA))
        client.rst()
    result = tls_server.result(name)
    assert (result["count"], result["ended"]) == (len(DATA), "disconnected")


def test_a_limit_is_kept_exactly(write_way: Way, name: str) -> None:
    way = write_way
    for limit in (0, 10, 100_000, 1_000_000):
        with way.server.connect() as client:
            way.begin(client, f"{name}-{limit}?limit={limit}", len(DATA))
            way.send(client, DATA)
            way.end(client)
            answer = client.answer().json()
            assert (answer["count"], answer["ended"]) == (limit, "overrun")
        assert way.server.read(f"{name}-{limit}") == DATA[:limit]


def test_a_body_that_just_fits_its_limit_is_complete(write_way: Way, name: str) -> None:
    way = write_way
    with way.server.connect() as client:
        way.begin(client, f"{name}?limit=5", 5)
        way.send(client, b"12345")
        time.sleep(0.05)
        way.end(client)
        answer = client.answer().json()
        assert (answer["count"], answer["ended"]) == (5, "complete")


def test_an_offset_leaves_the_rest_of_the_file_alone(write_way: Way, name: str) -> None:
    way = write_way
    (way.server.directory / name).write_bytes(b"-" * 400_000)
    with way.server.connect() as client:
        way.begin(client, f"{name}?offset=100000&hash=1", 200_000)
        way.send(client, DATA[:150_000])
        time.sleep(0.02)
        way.send(client, DATA[150_000:200_000])
        way.end(client)
        assert client.answer().json()["sha256"] == hashlib.sha256(DATA[:200_000]).hexdigest()
    assert way.server.read(name) == b"-" * 100_000 + DATA[:200_000] + b"-" * 100_000


def test_a_stop_ends_a_waiting_body_at_once(write_way: Way, name: str) -> None:
    way = write_way
    with way.server.connect() as client:
        way.begin(client, name, len(DATA))
        way.send(client, DATA[:500_000])
        eventually(lambda: len(way.server.read(name)) == 500_000)
        time.sleep(0.1)
        start = time.monotonic()
        way.server.get(f"/stop/{name}")
        answer = client.answer()
        assert time.monotonic() - start < 2
        assert (answer.json()["count"], answer.json()["ended"]) == (500_000, "stopped")
        assert answer.headers["connection"] == "close"
    assert way.server.read(name) == DATA[:500_000]


def test_a_stopped_body_that_keeps_coming_ends_all_the_same(write_way: Way, name: str) -> None:
    way = write_way
    sent = 1000
    with way.server.connect() as client:
        way.begin(client, name, 10**9)
        way.send(client, b"x" * sent)
        eventually(lambda: way.server.read(name))
        way.server.get(f"/stop/{name}")
        start = time.monotonic()
        # In one thread: two must not use one TLS connection at a time. There it may look readable early,
        # for a session ticket; then the body ends at the gap.
        while not select.select([client.sock], [], [], 0.002)[0]:
            way.send(client, b"x" * 1000)
            sent += 1000
        answer = client.answer().json()
        assert time.monotonic() - start < 2
    assert answer["ended"] == "stopped"
    assert 1000 <= answer["count"] <= sent
    assert len(way.server.read(name)) == answer["count"]


def test_a_body_that_has_outrun_a_stop_goes_on(write_way: Way, name: str) -> None:
    """CONC-05: asked by a sender that is at a byte which this one has passed; then by one that is level."""
    way = write_way
    with way.server.connect() as client:
        way.begin(client, name, len(DATA))
        way.send(client, DATA[:500_000])
        eventually(lambda: len(way.server.read(name)) == 500_000)
        way.server.get(f"/stop/{name}?at=400000")
        time.sleep(0.7)  # longer than any stop takes
        way.send(client, DATA[500_000:600_000])
        eventually(lambda: len(way.server.read(name)) == 600_000)
        way.server.get(f"/stop/{name}?at=600000")
        answer = client.answer().json()
        assert (answer["count"], answer["ended"]) == (600_000, "stopped")
    assert way.server.read(name) == DATA[:600_000]


@pytest.mark.parametrize("size", [1000, 200_000])
def test_a_body_asked_before_its_first_byte_goes_on_with_it(write_way: Way, name: str, size: int) -> None:
    """CONC-05: asked at its own offset, and alive after all: it must not end behind bytes that it took."""
    way = write_way
    with way.server.connect() as client:
        way.begin(client, f"{name}?stopped=1&at=0", size)
        way.send(client, DATA[:500])
        eventually(lambda: len(way.server.read(name)) == 500)
        time.sleep(0.7)  # longer than any stop takes
        way.send(client, DATA[500:size])
        way.end(client)
        answer = client.answer().json()
        assert (answer["count"], answer["ended"]) == (size, "complete")
    assert way.server.read(name) == DATA[:size]


def test_a_body_stopped_beforehand_still_takes_what_has_arrived(write_way: Way, name: str) -> None:
    way = write_way
    with way.server.connect() as client:
        way.begin(client, f"{name}?stopped=1", len(DATA))
        way.send(client, DATA[:1000])
        answer = client.answer().json()
        assert answer["ended"] == "stopped"
        assert way.server.read(name) == DATA[: answer["count"]]


def test_a_full_medium_is_an_error_and_the_connection_stays_in_step(server: Server) -> None:
    for coding in ("Content-Length: 300000", "Transfer-Encoding: chunked"):
        with server.connect() as client:
            client.request("PUT /write/full", coding)
            body = DATA[:300_000]
            client.send(body if "Length" in coding else chunked(body))
            answer = client.answer()
            assert (answer.status, answer.json()) == (507, {"errno": errno.ENOSPC})
            if "connection" in answer.headers:
                assert client.closed()
            else:
                assert client.ask("GET /hello").json() == "hello"


def test_trailers_are_handed_over_apart_from_the_headers(server: Server, name: str) -> None:
    with server.connect() as client:
        coded = chunked(b"abc", trailers=b"Upload-Checksum: sha1 YWJj\r\nX-Two:  2 \r\n")
        client.request(
            f"PUT /write/{name}", "Transfer-Encoding: chunked", "Trailer: Upload-Checksum", body=coded
        )
        answer = client.answer().json()
    assert answer["trailers"] == [["upload-checksum", "sha1 YWJj"], ["x-two", "2"]]
    assert answer["headers"] == ["host", "transfer-encoding", "trailer"]


def test_chunk_extensions_and_many_tiny_chunks_are_understood(server: Server, name: str) -> None:
    with server.connect() as client:
        client.request(f"PUT /write/{name}", "Transfer-Encoding: chunked")
        client.send(b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in DATA[:50_000]) + b"0\r\n\r\n")
        assert client.answer().json()["count"] == 50_000
    assert server.read(name) == DATA[:50_000]
