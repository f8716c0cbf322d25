"""tusd, section 2.10, URLs behind a proxy; and beyond tusd, which proxies are believed."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.server import command, run
from tests.support.waiting import eventually

FORWARDED = {"X-Forwarded-Host": "up.example", "X-Forwarded-Proto": "https"}
PUBLIC = "https://up.example/files/"
CREATE = {"Tus-Resumable": "1.0.0", "Upload-Length": "0", "Host": "plain.example"}
#: Header fields, and where uploads are said to be: the same as in tusd.
URLS: list[tuple[Mapping[str, str], str]] = [
    ({}, "http://plain.example/files/"),
    (FORWARDED, PUBLIC),
    ({"X-Forwarded-Proto": "gopher"}, "http://plain.example/files/"),
    ({"X-Forwarded-Host": "up.example:80"}, "http://up.example/files/"),
    ({"X-Forwarded-Host": "up.example:443", "X-Forwarded-Proto": "https"}, PUBLIC),
    ({"X-Forwarded-Host": "up.example:8443", "X-Forwarded-Proto": "https"}, "https://up.example:8443/files/"),
    ({"Forwarded": "for=192.0.2.1;host=up.example;proto=https"}, PUBLIC),
    ({"Forwarded": 'host="up.example:8443";proto=https'}, "https://up.example:8443/files/"),
    ({"X-Forwarded-Host": "other.example", "Forwarded": "host=up.example;proto=https"}, PUBLIC),
    ({"X-Forwarded-Proto": "https", "Forwarded": "host=up.example"}, PUBLIC),
]
#: What tusd reads in another way.
OWN_URLS: list[tuple[Mapping[str, str], str]] = [
    ({"X-Forwarded-Host": "up.example, inner.example", "X-Forwarded-Proto": "https, http"}, PUBLIC),
    ({"Forwarded": "host=up.example;proto=https, for=192.0.2.1;host=inner.example;proto=http"}, PUBLIC),
    ({"Forwarded": "Host=up.example;Proto=https"}, PUBLIC),
    ({"X-Forwarded-Host": "up.example/../x"}, "/files/"),
]


def place(url: str, headers: Mapping[str, str]) -> str:
    """Where a created upload is said to be, without its id."""
    made = httpx.post(url, headers={**CREATE, **headers})
    assert made.status_code == 201
    return str(made.headers["Location"]).rpartition("/")[0] + "/"


def test_urls_behind_a_proxy(serve: Serve) -> None:
    """Default ports are left out; ``Forwarded`` wins; of a list the first item counts."""
    url = serve("-behind-proxy").url
    expected = [*URLS, *OWN_URLS]
    assert [(headers, place(url, headers)) for headers, _ in expected] == expected


def test_without_the_flag_no_proxy_is_believed(serve: Serve) -> None:
    url = serve().url
    for headers, _ in (*URLS, *OWN_URLS):
        assert place(url, headers) == "http://plain.example/files/"


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        ("127.0.0.1", PUBLIC),
        ("10.0.0.0/8, 127.0.0.0/8", PUBLIC),
        ("10.0.0.0/8,::1", "http://plain.example/files/"),
    ],
)
def test_only_trusted_proxies_are_believed(serve: Serve, trusted: str, expected: str) -> None:
    """Beyond tusd: everybody else could make answers point elsewhere."""
    url = serve("-behind-proxy", "-trusted-proxies", trusted).url
    assert place(url, FORWARDED) == expected
    made = httpx.post(url.replace("/files/", "/uploads/"), json={"size": 1}, headers={**CREATE, **FORWARDED})
    assert made.status_code == 201
    assert made.headers["Location"].startswith(expected.replace("/files/", "/uploads/"))


def test_who_reaches_a_unix_socket_is_believed(tmp_path: Path) -> None:
    """Its permissions say who that is. The socket is gone after the end."""
    path = tmp_path / "socket"
    words = ["-unix-sock", str(path), "-behind-proxy", "-trusted-proxies", "10.0.0.1"]
    fields = "".join(f"{name}: {value}\r\n" for name, value in {**CREATE, **FORWARDED}.items())
    with subprocess.Popen([*command(), *words], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        eventually(path.exists)
        with socket.socket(socket.AF_UNIX) as client:
            eventually(lambda: client.connect_ex(str(path)) == 0)
            client.sendall(f"POST /files/ HTTP/1.1\r\n{fields}\r\n".encode())
            answer = client.recv(65536).decode()
        process.terminate()
        assert process.wait(20) == 0
    assert f"\r\nlocation: {PUBLIC}" in answer.lower()
    assert not path.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-behind-proxy", "-trusted-proxies", "proxy.example"], "must be addresses and networks: "),
        (["-behind-proxy", "-trusted-proxies", "127.0.0.1,,"], "must be addresses and networks: "),
        (["-trusted-proxies", "127.0.0.1"], "has no meaning without behind_proxy"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(words: list[str], said: str) -> None:
    ended = run("-check", *words)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"tusd-py: flag -trusted-proxies: {said}")


def test_base_paths(serve: Serve) -> None:
    """Section 2.2: with and without the slashes at its ends."""
    for base_path in ("/up", "/up/", "up"):  # the last one ends tusd with a panic
        server = serve("-base-path", base_path)
        assert server.url.endswith("/up/" if base_path == "/up/" else "/up")
        assert place(server.url, {}) == "http://plain.example/up/"
        assert place(server.origin + "/up/", {}) == place(server.origin + "/up", {})


def test_a_base_path_that_is_a_url_is_refused() -> None:
    """tusd takes it, and then greets whoever wants to upload."""
    ended = run("-check", "-base-path", "https://up.example/files/")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("tusd-py: flag -base-path: must be a path: ")
