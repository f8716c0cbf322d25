"""Responses: framing, files and the application's mistakes."""

from __future__ import annotations

import random
import time

import pytest

from tests.support.waiting import eventually

from .client import Server

DATA = random.Random(9).randbytes(5_000_000)


def test_a_response_without_length_is_chunked_and_keeps_the_connection(server: Server) -> None:
    with server.connect() as client:
        answer = client.ask("GET /stream?pieces=200")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.body == b"".join(b"%d," % number for number in range(200))
        assert client.ask("GET /stream?pieces=0").body == b""


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(server: Server, status: int) -> None:
    with server.connect() as client:
        answer = client.ask(f"GET /status/{status}")
        assert answer.status == status
        assert not {"transfer-encoding", "content-length"} & set(answer.headers)
        assert client.ask("GET /hello").json() == "hello"


def test_head_has_headers_only(server: Server) -> None:
    with server.connect() as client:
        answer = client.ask("HEAD /hello")
        assert answer.headers["content-length"] == "7"
        assert client.ask("HEAD /stream").headers.get("content-length") is None
        assert client.ask("GET /hello").json() == "hello"


def test_there_is_a_date_and_no_server_name(server: Server) -> None:
    with server.connect() as client:
        headers = client.ask("GET /hello").headers
    assert headers["date"].endswith("GMT")
    assert "server" not in headers


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", DATA),
        ("?offset=1000", DATA[1000:]),
        ("?offset=1000&count=2000000", DATA[1000:2_001_000]),
        ("?count=10", DATA[:10]),
        ("?count=0", b""),
        ("?chunked=1", DATA),
        ("?chunked=1&offset=4999999", DATA[-1:]),
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_a_file_is_sent(server: Server, tls_server: Server, tls: bool, query: str, expected: bytes) -> None:
    lab = tls_server if tls else server
    (lab.directory / "download").write_bytes(DATA)
    with lab.connect() as client:
        assert client.ask(f"GET /file/download{query}").body == expected
        head = client.ask(f"HEAD /file/download{query}")
        assert (head.status, head.body) == (200, b"")
        assert client.ask("GET /hello").json() == "hello"


def test_a_file_that_is_too_short_breaks_the_response_off(server: Server) -> None:
    (server.directory / "short").write_bytes(b"12345")
    with server.connect() as client:
        client.request("GET /file/short?count=10")
        rest = client.rest()
    assert rest.partition(b"\r\n\r\n")[2] == b"12345"


def test_a_client_that_leaves_a_download_does_no_harm(server: Server) -> None:
    (server.directory / "left").write_bytes(b"x" * 50_000_000)
    before = server.get("/stats")
    for target in ("/file/left", "/big/50"):
        with server.connect() as client:
            client.request(f"GET {target}")
            client.sock.recv(1000)
            client.rst()
    eventually(lambda: server.get("/stats")["connections"] == 1)
    eventually(lambda: server.get("/stats")["descriptors"] <= before["descriptors"])
    assert "Traceback" not in server.said.partition("left")[2]


@pytest.mark.parametrize("target", ["/raise", "/raise/started", "/nothing", "/inject"])
def test_a_fault_of_the_application_is_a_500_without_details(server: Server, target: str) -> None:
    with server.connect() as client:
        answer = client.ask(f"GET {target}")
        assert answer.status == 500
        assert answer.body == b"Internal Server Error\n"
        assert client.closed()


def test_a_fault_in_the_middle_of_a_response_breaks_it_off(server: Server) -> None:
    with server.connect() as client:
        client.request("GET /raise/late")
        try:
            rest = client.rest()
        except ConnectionResetError:
            rest = b""
    assert not rest.endswith(b"0\r\n\r\n")
    assert b"500" not in rest


def test_a_large_response_to_a_slow_reader_does_not_pile_up(server: Server) -> None:
    with server.connect() as client:
        before = server.get("/stats")["rss"]
        client.request("GET /big/200", "Connection: close")
        time.sleep(0.3)
        assert server.get("/stats")["rss"] - before < 20_000_000
        assert client.count_rest() > 200 << 20
