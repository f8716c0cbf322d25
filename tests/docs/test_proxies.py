"""The examples of proxies in ``examples/`` are files that work: uploads go through them, broken and resumed.

Only ports, paths and the name of the host are replaced; the rest is what an operator copies.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.process import Process, free_port, listens
from tests.support.server import Server
from tests.support.tls import make_certificate
from tests.support.tus import MIB, OFFSET_STREAM, TUS, payload, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
SIZE = 3 * MIB  # more than the 1 MiB from which nginx refuses unless it is told not to
PATH = os.environ["PATH"] + ":/usr/sbin"


@dataclass(frozen=True)
class Proxy:
    """A proxy before a server, and a client that trusts its certificate."""

    server: Server
    url: str
    http: httpx.Client
    tls: ssl.SSLContext


def nginx(folder: Path, backend: str, port: int) -> list[str]:
    site = (EXAMPLES / "nginx.conf").read_text()
    site = site.replace("server 127.0.0.1:8080;", f"server {backend};")
    site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    site = site.replace("/etc/ssl/uploads.example/", f"{folder}/")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "whole.conf"
    whole.write_text(
        f"daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(whole)]


def caddy(folder: Path, backend: str, port: int) -> list[str]:
    text = (EXAMPLES / "Caddyfile").read_text()
    site = f"https://127.0.0.1:{port} {{\n\ttls {folder}/fullchain.pem {folder}/privkey.pem"
    text = text.replace("uploads.example {", site).replace("127.0.0.1:8080 {", f"{backend} {{")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy with the file that we recommend, before a server with the flags that the file names."""
    argv: Callable[[Path, str, int], list[str]] = request.param
    program = shutil.which(argv.__name__, path=PATH)
    if program is None:
        pytest.skip(f"{argv.__name__} is not installed")
    server, port = serve("-behind-proxy"), free_port()
    folder = tmp_path / "proxy"
    folder.mkdir()
    certificate = folder / "fullchain.pem"
    make_certificate(certificate, folder / "privkey.pem")
    tls = ssl.create_default_context(cafile=str(certificate))
    command = [program, *argv(folder, ":".join(map(str, server.host_port)), port)[1:]]
    homes = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = Process(command, folder / "log", env=homes)
    try:
        process.spawn().wait_for(lambda: listens(port))
        with httpx.Client(verify=tls, headers=TUS, timeout=30) as client:
            yield Proxy(server, f"https://127.0.0.1:{port}", client, tls)
    finally:
        process.close()
        print(process.output()[-4000:])


def test_an_upload_that_breaks_is_resumed_through_the_proxy(proxy: Proxy) -> None:
    """No buffering: bytes are stored while the request still runs, so a break loses none of them. No 413."""
    data = payload(SIZE)
    made = proxy.http.post(f"{proxy.url}/files/", headers={"Upload-Length": str(SIZE)})
    assert made.status_code == 201
    url = made.headers["Location"]
    assert url.startswith(f"{proxy.url}/files/")
    head = (
        f"PATCH {urlsplit(url).path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: 0\r\nContent-Type: {OFFSET_STREAM}\r\nContent-Length: {SIZE}\r\n\r\n"
    )
    stored = proxy.server.upload_dir / url.rpartition("/")[2]
    plain = socket.create_connection(("127.0.0.1", urlsplit(url).port or 0))
    with proxy.tls.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
        sock.sendall(head.encode() + data[: 2 * MIB])
        wait_until(2 * MIB, stored, 20)
    assert proxy.http.head(url).headers["Upload-Offset"] == str(2 * MIB)
    rest = {"Upload-Offset": str(2 * MIB), "Content-Type": OFFSET_STREAM}
    assert proxy.http.patch(url, headers=rest, content=data[2 * MIB :]).status_code == 204
    assert stored.read_bytes() == data
    assert proxy.http.get(url).content == data


def test_a_body_above_one_mib_is_not_refused(proxy: Proxy) -> None:
    """creation-with-upload in one request of 3 MiB."""
    headers = {"Upload-Length": str(SIZE), "Content-Type": OFFSET_STREAM}
    reply = proxy.http.post(f"{proxy.url}/files/", headers=headers, content=payload(SIZE))
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, str(SIZE))


def test_a_client_cannot_choose_the_url_of_its_upload(proxy: Proxy) -> None:
    """What a client sends as forwarding fields does not reach the server, which believes its proxy."""
    for lie in (
        {"Forwarded": "host=evil.example;proto=http"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
    ):
        reply = proxy.http.post(f"{proxy.url}/files/", headers={"Upload-Length": "1", **lie})
        assert reply.headers["Location"].startswith(f"{proxy.url}/files/")


def test_the_chunk_api_works_through_the_proxy(proxy: Proxy) -> None:
    """A chunk, out of order, arrives where it belongs."""
    made = proxy.http.post(f"{proxy.url}/uploads/", json={"size": 10})
    where = str(made.url.join(made.json()["href"]))
    reply = proxy.http.put(where, content=b"world", headers={"Content-Range": "bytes 5-9/10"})
    assert reply.status_code == 200
    assert proxy.http.get(where).json()["missing"] == [{"start": 0, "end": 4}]
