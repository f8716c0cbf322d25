"""Requests that leave a doubt are refused; bytes of a body never become a request."""

from __future__ import annotations

import os
import time

import pytest

from tests.support.waiting import eventually

from .client import Client, Server, chunked

HELLO = b"GET /hello HTTP/1.1\r\nHost: lab\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        (b"Content-Length: 5, 6\r\n", 400),
        (b"Content-Length: -5\r\n", 400),
        (b"Content-Length: +5\r\n", 400),
        (b"Content-Length: 0x5\r\n", 400),
        (b"Content-Length: 5 5\r\n", 400),
        (b"Content-Length: five\r\n", 400),
        (b"Content-Length:\r\n", 400),
        (b"Content-Length: 99999999999999999999999\r\n", 400),
        (b"Content-Length : 5\r\n", 400),
        (b"Transfer-Encoding: gzip, chunked\r\n", 501),
        (b"Transfer-Encoding: gzip\r\n", 400),
        (b"Transfer-Encoding: chunked, chunked\r\n", 400),
        (b"Transfer-Encoding: identity\r\n", 400),
        (b"Transfer-Encoding: xchunked\r\n", 400),
        (b"Transfer-Encoding : chunked\r\n", 400),
        (b"Transfer-Encoding:\x0bchunked\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400),
        (b"X: a\n\r\nGET /hello HTTP/1.1\r\n", 400),
        (b"X: a\r\n folded: b\r\n", 400),
        (b"Host: second\r\n", 400),
        (b"X: " + b"x" * 70_000 + b"\r\n", 431),
        (b"".join(b"X-%d: x\r\n" % number for number in range(200)), 431),
        (b"X: a\x00b\r\n", 400),
        (b"no colon\r\n", 400),
    ],
)
def test_a_doubtful_head_is_refused_and_nothing_behind_it_is_a_request(
    server: Server, headers: bytes, status: int
) -> None:
    with server.connect() as client:
        client.send(b"POST /refuse HTTP/1.1\r\nHost: lab\r\n" + headers + b"\r\n" + HELLO + HELLO)
        answer = client.answer()
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert client.closed()


@pytest.mark.parametrize(
    "start",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /hello\r\n\r\n",
        b"GET /hello HTTP/2.0\r\nHost: lab\r\n\r\n",
        b"get /hello HTTP/1.1\r\nHost: lab\r\n\r\n",
        b"GET hello HTTP/1.1\r\nHost: lab\r\n\r\n",
        b"GET /hello\xff HTTP/1.1\r\nHost: lab\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n\r\n",
        b"CONNECT lab:80 HTTP/1.1\r\nHost: lab\r\n\r\n",
        b"PUT /write/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(server: Server, start: bytes) -> None:
    with server.connect() as client:
        client.send(start + HELLO)
        assert client.answer().status in {400, 505}
        assert client.closed()


def test_a_head_without_end_is_refused_early(server: Server) -> None:
    with server.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nX: " + b"x" * 66_000)
        assert client.answer().status == 431
        assert client.closed()


def test_a_body_of_known_length_never_spills_into_the_next_request(server: Server) -> None:
    with server.connect() as client:
        client.put("/write/spill", HELLO)
        assert client.answer().json()["count"] == len(HELLO)
        client.put("/write/spill", HELLO + b"rest" * 5000 + HELLO, announced=len(HELLO) + 20_000)
        assert client.answer().json()["count"] == len(HELLO) + 20_000
        assert client.answer().json() == "hello"


@pytest.mark.parametrize("limit", [0, 3, 10])
def test_the_unread_rest_of_a_body_is_not_a_request(server: Server, limit: int) -> None:
    with server.connect() as client:
        client.put(f"/write/rest?limit={limit}", b"x" * limit + HELLO)
        assert client.answer().json() == {
            "count": limit,
            "ended": "overrun",
            "trailers": [],
            "headers": ["host", "content-length"],
        }
        assert client.ask("GET /stats").json()["pid"] > 0


@pytest.mark.parametrize(
    "body",
    [
        b"5;x\n\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"\r\n5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"fffffffffffffffff\r\nhello",
        b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: " + b"x" * 20_000,
        b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("route", ["write", "receive"])
def test_broken_chunked_coding_ends_the_body_and_the_connection(
    server: Server, body: bytes, route: str
) -> None:
    name = f"broken-{os.urandom(4).hex()}"
    with server.connect() as client:
        client.request(
            f"PUT /{route}/{name}", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n" + body + HELLO
        )
        answer = client.answer()
        assert answer.json()["ended"] == "malformed"
        assert answer.headers["connection"] == "close"
        assert client.closed()
    assert server.read(name) in {b"abc", b"abchello"}  # what came before the fault is kept


def test_chunked_requests_follow_each_other_exactly(server: Server) -> None:
    with server.connect() as client:
        for _ in range(3):
            body = chunked(HELLO, b"x" * 100, trailers=b"X-T: 1\r\n")
            client.request("PUT /write/exact", "Transfer-Encoding: chunked", body=body + HELLO)
            assert client.answer().json()["count"] == len(HELLO) + 100
            assert client.answer().json() == "hello"


# Early refusal of a body


def test_a_connection_survives_the_refusal_of_a_small_body(server: Server) -> None:
    with server.connect() as client:
        client.put("/refuse", b"x" * 200_000)
        answer = client.answer()
        assert (answer.status, answer.headers.get("connection")) == (409, None)
        assert client.ask("GET /hello").json() == "hello"


def test_the_small_rest_may_come_after_the_refusal(server: Server) -> None:
    with server.connect() as client:
        client.put("/refuse", b"x" * 10, announced=100)
        assert client.answer().status == 409
        client.send(b"x" * 90 + HELLO)
        assert client.answer().json() == "hello"


def test_a_client_that_sends_a_large_body_can_read_its_refusal(server: Server) -> None:
    with server.connect() as client:
        client.put("/refuse", b"x" * 8_000_000, announced=9_000_000)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (409, "close")
        assert client.closed()


def test_a_client_that_never_stops_sending_is_cut_off(server: Server) -> None:
    with server.connect() as client:
        client.put("/refuse", b"", announced=10**12)
        start = time.monotonic()
        with pytest.raises(OSError, match=r"[Bb]roken pipe|reset"):
            client.send(b"x" * 100_000_000)
        assert time.monotonic() - start < 10


def test_a_client_that_stays_silent_after_its_refusal_is_cut_off(server: Server) -> None:
    with server.connect() as client:
        client.put("/refuse", b"", announced=10**12)
        assert client.answer().status == 409
        start = time.monotonic()
        assert client.closed()
        eventually(lambda: _refuses(client))
        assert 1 < time.monotonic() - start < 10


def _refuses(client: Client) -> bool:
    try:
        client.send(b"x")
    except OSError:
        return True
    return False
