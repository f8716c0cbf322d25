"""A client that keeps the server waiting is let go; a slow but steady one is not."""

from __future__ import annotations

import os
import time

import pytest

from tests.support.waiting import eventually

from .client import Client, Server


def _seconds_until_closed(client: Client) -> float:
    start = time.monotonic()
    assert client.closed()
    return time.monotonic() - start


def test_an_idle_connection_is_closed(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        assert 0.4 < _seconds_until_closed(client) < 4
    with hasty_server.connect() as client:
        client.ask("GET /hello")
        assert 0.4 < _seconds_until_closed(client) < 4


def test_a_head_that_trickles_in_ends_the_connection(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: lab\r\n")
        start = time.monotonic()
        while client.silent(0.05):
            assert time.monotonic() - start < 5
            client.send(b"X: x\r\n")
        assert client.closed()
        assert time.monotonic() - start > 0.4


@pytest.mark.parametrize("route", ["write", "receive"])
@pytest.mark.parametrize("coding", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_stalled_body_ends_and_is_answered(hasty_server: Server, route: str, coding: str) -> None:
    name = f"stall-{os.urandom(4).hex()}"
    with hasty_server.connect() as client:
        client.request(f"PUT /{route}/{name}", coding, body=b"3\r\nabc\r\n")
        start = time.monotonic()
        answer = client.answer()
        assert 0.4 < time.monotonic() - start < 4
        assert answer.json()["ended"] == "stalled"
    assert hasty_server.read(name).endswith(b"abc" if "chunked" in coding else b"3\r\nabc\r\n")


@pytest.mark.parametrize("route", ["write", "receive"])
def test_a_slow_body_is_not_cut(hasty_server: Server, route: str) -> None:
    name = f"slow-{os.urandom(4).hex()}"
    with hasty_server.connect() as client:
        client.request(f"PUT /{route}/{name}", "Content-Length: 4")
        for byte in b"slow":
            time.sleep(0.35)
            client.send(bytes([byte]))
        assert client.answer().json()["count"] == 4
    assert hasty_server.read(name) == b"slow"


def test_a_long_computation_is_not_cut(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        assert client.ask("GET /slow/1.5").json() == "done"


@pytest.mark.parametrize("target", ["/big/64", "/file/sparse"])
def test_a_client_that_does_not_read_is_cut_off(hasty_server: Server, target: str) -> None:
    with (hasty_server.directory / "sparse").open("wb") as file:
        file.truncate(64 << 20)
    before = 1  # the one that asks
    eventually(lambda: hasty_server.get("/stats")["connections"] == before)
    descriptors = hasty_server.get("/stats")["descriptors"]
    with hasty_server.connect() as client:
        client.request(f"GET {target}")
        time.sleep(0.7)
        assert hasty_server.get("/stats")["connections"] == before + 1
        eventually(lambda: hasty_server.get("/stats")["connections"] == before)
    eventually(lambda: hasty_server.get("/stats")["descriptors"] <= descriptors)


@pytest.mark.parametrize("target", ["/big/8", "/file/steady"])
def test_a_slow_but_steady_download_is_not_cut(hasty_server: Server, target: str) -> None:
    with (hasty_server.directory / "steady").open("wb") as file:
        file.truncate(8 << 20)
    with hasty_server.connect() as client:
        client.request(f"GET {target}")
        head = client.sock.recv(1 << 20)
        received = len(head) - head.index(b"\r\n\r\n") - 4
        start = time.monotonic()
        while received < 8 << 20:
            time.sleep(max(0, start + 1.6 * received / (8 << 20) - time.monotonic()))
            data = client.sock.recv(1 << 18)
            assert data, f"cut after {received} bytes"
            received += len(data)
        assert time.monotonic() - start > 1.2
