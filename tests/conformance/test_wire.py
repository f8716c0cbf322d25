"""The socket client: what it sends is what was asked, what it reads ends where it should."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tus_conformance.client import merged
from tus_conformance.endpoint import Endpoint, chunked, head_bytes
from tus_conformance.message import ClosedEarly, Garbage, Response, TimedOut
from tus_conformance.transcript import Transcript, printable
from tus_conformance.tus import payload
from tus_conformance.wire import Connection


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection of the suite and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = Endpoint.parse(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        with Connection(endpoint, Transcript(), 0.5) as connection:
            server, _ = listener.accept()
            with server:
                yield connection, server


def read(
    pair: tuple[Connection, socket.socket], sent: bytes, method: str = "GET", *, close: bool = False
) -> Response:
    connection, server = pair
    server.sendall(sent)
    if close:
        server.shutdown(socket.SHUT_WR)
    return connection.response(method)


def test_headers_leave_as_they_were_given() -> None:
    lines = merged([("Host", "x"), ("A", "1"), ("B", "2")], {"a": ["3", "4"], "b": None})
    assert head_bytes("GET", "/", lines) == b"GET / HTTP/1.1\r\nHost: x\r\na: 3\r\na: 4\r\n\r\n"


def test_chunked_coding_with_trailers() -> None:
    assert (
        chunked(b"abcde", size_bytes=4, trailers=[("X", "y")]) == b"4\r\nabcd\r\n1\r\ne\r\n0\r\nX: y\r\n\r\n"
    )
    assert chunked(b"abc", end=False) == b"3\r\nabc\r\n"


def test_payload_differs_with_its_position() -> None:
    assert payload(100, 50) == payload(200)[50:150]
    assert len({payload(8, n) for n in range(0, 8000, 8)}) == 1000


def test_interim_responses_are_visible(pair: tuple[Connection, socket.socket]) -> None:
    answer = read(pair, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nA: b\r\n\r\n")
    assert (answer.status, [one.status for one in answer.interim], answer.get("a")) == (204, [100], "b")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n",
        b"\r\nhello",
    ],
)
def test_bodies(pair: tuple[Connection, socket.socket], body: bytes) -> None:
    assert read(pair, b"HTTP/1.1 200 OK\r\n" + body, close=True).body == b"hello"


def test_a_body_after_head_is_noticed(pair: tuple[Connection, socket.socket]) -> None:
    assert read(pair, b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody", "HEAD").stray == b"body"


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_garbage(pair: tuple[Connection, socket.socket], sent: bytes) -> None:
    with pytest.raises(Garbage):
        read(pair, sent)


def test_silence_and_an_early_end_are_told_apart(pair: tuple[Connection, socket.socket]) -> None:
    with pytest.raises(TimedOut):
        read(pair, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    with pytest.raises(ClosedEarly):
        read(pair, b"", close=True)


def test_a_body_stops_when_the_answer_is_there(pair: tuple[Connection, socket.socket]) -> None:
    connection, server = pair
    server.sendall(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")
    assert connection.send_body(b"x" * 50_000_000) is False
    assert connection.response().status == 409


def test_a_reader_that_stops_is_not_waited_for(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    with pytest.raises(TimedOut):
        connection.send_body(b"x" * 50_000_000)


@pytest.mark.parametrize("reset", [True, False])
def test_cutting(pair: tuple[Connection, socket.socket], reset: bool) -> None:
    connection, server = pair
    server.settimeout(2)
    connection.reset() if reset else connection.close()
    if reset:
        with pytest.raises(ConnectionResetError):
            server.recv(1)
    else:
        assert server.recv(1) == b""


def test_a_dripping_server_does_not_hold_us(pair: tuple[Connection, socket.socket]) -> None:
    connection, server = pair
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.05):
            server.sendall(b"H")

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises((TimedOut, Garbage)):
        connection.response()
    stop.set()
    thread.join()


def test_transcripts_are_readable_and_keep_secrets() -> None:
    log = Transcript((("authorization", "1"), ("X", "Bearer hunter2")))
    log.sent(1, b"GET / HTTP/1.1\r\nAuthorization: 1\r\n\r\n" + bytes(300))
    log.received(1, b"HTTP/1.1 400 X\r\n\r\n", b"what is Bearer hunter2?")
    text = "\n".join(log.lines)
    assert "hunter2" not in text
    assert "Authorization: (hidden)" in text
    assert "HTTP/1.1" in text
    assert "(300 bytes)" in text
    assert printable(b"a\r\n\\\xff", 10) == "a\\r\\n\\\\\\xff"


@pytest.mark.parametrize("url", ["ftp://x/", "localhost:1080/files", "http:///x", "", "http://x:99999/"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Endpoint.parse(url)


def test_default_ports_are_left_out() -> None:
    assert Endpoint.parse("https://h:443/f?x=1").authority == "h"
    assert Endpoint.parse("http://[::1]:81/").authority == "[::1]:81"
