"""Under other servers, as processes: uvicorn's own two protocols, granian and hypercorn."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.support.process import Process, free_port, listens
from tests.support.tus import MIB, Tus, Wire, checksum, id_of, payload, wait_until
from tests.support.waiting import eventually

UVICORN = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log"]
SERVERS = {
    "uvicorn-httptools": [*UVICORN, "--http", "httptools", "{app}"],
    "uvicorn-h11": [*UVICORN, "--http", "h11", "{app}"],
    "granian": [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}"),
        "{app}",
    ],
    "hypercorn": [sys.executable, "-m", "hypercorn", "--bind", "127.0.0.1:{port}", "{app}"],
}


class Host(Process):
    """One server with an application on one directory."""

    def __init__(self, name: str, app: str, directory: Path) -> None:
        self.port = free_port()
        self.directory = directory
        argv = [word.format(port=self.port, app=app) for word in SERVERS[name]]
        super().__init__(argv, directory.with_name("server.log"), env={"UPLOAD_DIR": str(directory)})

    def __enter__(self) -> Self:
        return self.spawn().wait_for(lambda: listens(self.port))

    def __exit__(self, *_: object) -> None:
        self.close()

    def data(self, url: str) -> bytes:
        """What is in the data file of an upload."""
        return (self.directory / id_of(url)).read_bytes()


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    with Host(request.param, "tests.embedding.hosts:mounted", tmp_path / "uploads") as host:
        yield host


@pytest.fixture
def tus(server: Host) -> Iterator[Tus]:
    with Tus(f"http://127.0.0.1:{server.port}/api/files/") as client:
        yield client


def test_an_upload_from_end_to_end(server: Host, tus: Tus) -> None:
    """Create, append in all the ways there are, resume after a cut, download, delete: on one start."""
    data = payload(4 * MIB)
    url = tus.create(len(data), data[:1000])
    assert url.startswith(tus.url)
    assert tus.patch(url, 1000, data[1000:2000]).headers["Upload-Offset"] == "2000"
    parts = iter([data[2000:3000], data[3000:70_000]])
    assert tus.patch(url, 2000, parts).headers["Upload-Offset"] == "70000"
    wrong = tus.patch(url, 70_000, data[:5000], Upload_Checksum=checksum(data[70_000:75_000]))
    assert (wrong.status_code, tus.offset(url)) == (460, 70_000)
    right = tus.patch(url, 70_000, data[70_000:MIB], Upload_Checksum=checksum(data[70_000:MIB]))
    assert (right.status_code, tus.offset(url)) == (204, MIB)
    assert tus.patch(url, 5, data).status_code == 409
    kept = cut(server, tus, url, data)
    assert MIB < kept <= 3 * MIB
    assert server.data(url) == data[:kept]
    tus.finish(url, data)
    assert tus.get(url).content == data
    assert tus.get(url, Range="bytes=70000-70099").content == data[70_000:70_100]
    assert tus.delete(url).status_code == 204
    assert not list(server.directory.glob("[!.]*"))
    assert "Traceback" not in server.output()


def cut(server: Host, tus: Tus, url: str, data: bytes) -> int:
    """Send the bytes from MIB to 3 MIB of a longer body, cut the connection; return the offset then."""
    wire = Wire(("127.0.0.1", server.port))
    wire.begin_patch(url.replace(f"http://127.0.0.1:{server.port}", "http://x"), MIB, len(data) - MIB)
    wire.send(data[MIB : 3 * MIB])
    wait_until(MIB + 1, server.directory / id_of(url))
    wire.fin()
    deadline = time.monotonic() + 5
    while (offset := tus.offset(url)) < 3 * MIB and time.monotonic() < deadline:
        time.sleep(0.05)
    return offset


def test_a_stalled_sender_is_taken_over_from(server: Host, tus: Tus) -> None:
    """CONC-02, CONC-03: on the portable path as well, within a second or so."""
    url = tus.create(11)
    with Wire(("127.0.0.1", server.port)) as wire:
        wire.begin_patch(url.replace(f"http://127.0.0.1:{server.port}", "http://x"), 0, 11)
        wire.send(b"hello")
        eventually(lambda: server.data(url) == b"hello")
        begun = time.monotonic()
        assert tus.patch(url, 5, b" world").status_code == 204
        assert time.monotonic() - begun < 3
        reply = wire.reply()
    assert reply is None or (reply.status, reply.headers["upload-offset"]) == (409, "5")
    assert tus.get(url).content == b"hello world"


def test_refused_before_the_body(server: Host, tus: Tus) -> None:
    """CORE-62: the answer to a large body that is not wanted can be read."""
    url = tus.create(16 * MIB)
    assert tus.patch(url, 7, b"x" * 8 * MIB).status_code == 409
    assert tus.offset(url) == 0


@pytest.mark.parametrize("name", ["uvicorn-httptools", "hypercorn"])
def test_a_server_whose_host_forgot_the_lifespan_can_be_stopped(name: str, tmp_path: Path) -> None:
    """It opens with the first request, and does not keep the process from ending."""
    with Host(name, "tests.embedding.hosts:forgotten", tmp_path / "uploads") as server:
        with Tus(f"http://127.0.0.1:{server.port}/api/files/") as tus:
            url = tus.create(5, b"hello")
            assert tus.get(url).content == b"hello"
        server.process.terminate()
        server.process.wait(5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


@pytest.fixture(params=SERVERS)
def describing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    with Host(request.param, "tests.embedding.hosts:describing", tmp_path / "uploads") as host:
        yield host


def test_a_request_is_described_as_the_client_sent_it(describing: Host) -> None:
    """Method, target, address and headers, whatever server took it; what is secret stays here."""
    secret = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Who": "me"}
    with Wire(("127.0.0.1", describing.port)) as wire:
        wire.request("POST", "/api/fil%65s/?a=%C3%A4&b", {"Upload-Length": "0", **secret})
        reply = wire.reply()
        address = wire.socket.getsockname()
    assert reply is not None
    described = json.loads(reply.headers["x-described"])
    assert (described["method"], described["uri"]) == ("POST", "/api/fil%65s/?a=%C3%A4&b")
    assert described["remote_address"] == "127.0.0.1:{1}".format(*address)
    assert (described["headers"]["upload-length"], described["headers"]["x-who"]) == (["0"], ["me"])
    assert not {"authorization", "cookie"} & described["headers"].keys()
