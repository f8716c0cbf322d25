"""tusd, section 2.2: what is at ``/`` and at places where nothing is."""

from __future__ import annotations

import socket

import httpx
import pytest

from tests.support.fixtures import Serve


def test_the_greeting_says_where_uploads_go(serve: Serve) -> None:
    server = serve("-base-path", "/up/")
    root = server.url.removesuffix("up/")
    found = httpx.get(root)
    assert (found.status_code, found.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "/up/" in found.text
    head = httpx.head(root)
    assert (head.status_code, head.content) == (200, b"")


def test_other_places_and_methods_are_not_greeted(serve: Serve) -> None:
    """tusd greets everybody who asks for anything unknown, which hides mistakes."""
    root = serve().url.removesuffix("files/")
    tus = {"Tus-Resumable": "1.0.0"}
    assert httpx.get(f"{root}file").status_code == 404
    assert httpx.post(root, headers=tus).status_code == 404


def test_the_greeting_can_be_turned_off(serve: Serve) -> None:
    assert httpx.get(serve("-show-greeting=false").url.removesuffix("files/")).status_code == 404


def test_uploads_at_the_root_leave_no_greeting(serve: Serve) -> None:
    """As in tusd: ``/`` creates, and nothing else."""
    server = serve("-base-path", "/", "-disable-api")
    assert httpx.get(server.url).status_code == 405
    made = httpx.post(server.url, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "0"})
    assert made.status_code == 201


def test_addresses_to_listen_on(serve: Serve) -> None:
    """``0.0.0.0`` is IPv4 only; without an address it is both. tusd listens on both either way."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    _, port = serve("-host", "0.0.0.0").host_port
    assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://[::1]:{port}/")
    _, port = serve("-host", "").host_port
    for address in ("127.0.0.1", "[::1]"):
        assert httpx.get(f"http://{address}:{port}/").status_code == 200
