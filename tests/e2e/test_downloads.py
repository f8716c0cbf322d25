"""Downloads from many data files by a process with 256 descriptors, and what a deletion does to them."""

import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.server import Server
from tests.support.tus import Tus, id_of, payload

DESCRIPTORS = 256
KEPT_OPEN = 16  # files; an answer from no more of them outlasts every deletion
PIECE = 20_000  # bytes; some hundred of them are more than all buffers between the two ends hold
LARGE_PIECE = 1 << 20

#: A server with these flags that is gone after the test. Unlike that of other tests it may log stacks.
Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers whose limit of descriptors is a hard one: it cannot be raised."""
    limits = {resource.RLIMIT_NOFILE: DESCRIPTORS}
    with ExitStack() as started:

        def enter(*flags: str, env: dict[str, str] | None = None) -> Server:
            return started.enter_context(Server(tmp_path / "uploads", *flags, env=env, limits=limits))

        yield enter


class SlowReader:
    """A download of which nothing is read beyond the header until somebody asks for it."""

    def __init__(self, server: Server, url: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._socket.settimeout(30)
        self._socket.connect(server.host_port)
        path = f"{server.path}{id_of(url)}"
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        self._stream = self._socket.makefile("rb", buffering=0)
        self.status = int(self._line().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._socket.recv(1)
        return line[:-2].decode()

    def rest(self) -> bytes:
        """Read on to the end, whatever that is."""
        got = []
        try:
            while data := self._socket.recv(1 << 16):
                got.append(data)
        except ConnectionError:
            pass
        self._socket.close()
        return b"".join(got)


def partials(tus: Tus, data: bytes, size: int) -> list[str]:
    """Upload data as partials of ``size`` bytes each."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [tus.create(len(piece), piece, Upload_Concat="partial") for piece in pieces]


def final(tus: Tus, urls: list[str]) -> str:
    """Join partials; by their paths, which are shorter."""
    paths = " ".join(httpx.URL(url).path for url in urls)
    return tus.create(Upload_Concat=f"final;{paths}")


def descriptors(server: Server) -> int:
    """How many the process has open."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


@pytest.mark.parametrize("count", [450, 1000])
def test_slow_readers_of_many_files_leave_descriptors_to_others(start: Start, count: int) -> None:
    """Three of them, of a final of so many partials: all other requests are served, and no byte is wrong."""
    server = start()
    data = payload(count * PIECE)
    with Tus(server.url) as tus:
        url = final(tus, partials(tus, data, PIECE))
        before = descriptors(server)
        readers = [SlowReader(server, url) for _ in range(3)]
        assert [reader.status for reader in readers] == [200] * 3
        for _ in range(20):  # each on a connection of its own
            with Tus(server.url) as other:
                other.finish(other.create(3), b"abc")
                first, last = 3 * PIECE - 5, 7 * PIECE + 5
                reply = other.get(url, Range=f"bytes={first}-{last}")
                assert reply.content == data[first : last + 1]
        # For each reader a connection, a duplicate of it for sendfile, and one file; the other connections
        # may still be closing.
        assert descriptors(server) <= before + 3 * 3 + 20
        for reader in readers:
            assert reader.rest() == data
        assert tus.get(url).content == data


def test_a_final_is_no_part_of_another(start: Start) -> None:
    """CONCAT: so no final reaches through others to more files than it names itself."""
    server = start()
    with Tus(server.url) as tus:
        url = final(tus, partials(tus, b"abcd", 2))
        assert tus.post(Upload_Concat=f"final;{url}").status_code == 400


def test_without_a_descriptor_a_download_is_refused_or_broken_off(start: Start) -> None:
    """503 and when to come again before the first byte; a cut answer after it, logged; then all is well."""
    server = start()
    data = payload(100 * LARGE_PIECE // 2)
    with Tus(server.url) as tus, Tus(server.url) as late:
        few = final(tus, partials(tus, data[:40], 10))
        many = final(tus, partials(tus, data, LARGE_PIECE))
        assert late.head(many).status_code == 200  # its connection stays
        reader = SlowReader(server, many)
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
        for url in (few, many):
            refused = tus.get(url)
            assert refused.status_code == 503
            assert refused.text.startswith("ERR_TOO_MANY_OPEN_FILES: ")
            assert int(refused.headers["Retry-After"]) >= 1
        cut = reader.rest()
        assert len(cut) < len(data) == int(reader.headers["content-length"])
        assert data.startswith(cut)
        assert "no descriptor is left" in server.output()
        with socket.create_connection(server.host_port):  # waits to be accepted, or is shed
            assert late.head(few).status_code == 200
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert tus.get(few).content == data[:40]
        assert SlowReader(server, many).rest() == data


def test_head_of_an_artifact_opens_nothing(start: Start) -> None:
    """It is answered without a descriptor left, and leaves nothing to the collector."""
    server = start(env={"PYTHONWARNINGS": "always::ResourceWarning"})
    with Tus(server.url) as tus:
        root = server.url.removesuffix(server.path)
        made = tus.http.post(f"{root}/artifacts/", files={"file": ("a.txt", b"hello")})
        assert made.status_code == 201, made.text
        content = f"{made.headers['Location']}content"
        assert tus.get(content).content == b"hello"
        before = descriptors(server)
        for _ in range(50):
            head = tus.head(content)
            assert head.status_code == 200
            assert head.headers["Content-Length"] == "5"
        assert descriptors(server) <= before
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
        assert tus.head(content).status_code == 200
        refused = tus.get(content)
        assert refused.status_code == 503
        assert refused.json()["type"].endswith("too-many-open-files")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert tus.get(content).content == b"hello"
    assert "ResourceWarning" not in server.output()


def test_a_deletion_cuts_no_download_from_few_files(start: Start) -> None:
    """They were open before the first byte."""
    server = start()
    data = payload(KEPT_OPEN * LARGE_PIECE)
    with Tus(server.url) as tus:
        pieces = partials(tus, data, LARGE_PIECE)
        url = final(tus, pieces)
        reader = SlowReader(server, url)
        for each in (url, *pieces):
            assert tus.delete(each).status_code == 204
        assert not (server.upload_dir / id_of(pieces[-1])).exists()
        assert reader.rest() == data


def test_a_deletion_breaks_off_a_download_from_many_files(start: Start) -> None:
    """Bytes lack that were announced: nobody takes it for complete. Deleting partials alone cuts nothing."""
    server = start()
    data = payload((KEPT_OPEN + 4) * LARGE_PIECE)
    with Tus(server.url) as tus:
        pieces = partials(tus, data, LARGE_PIECE)
        url = final(tus, pieces)
        whole, cut = SlowReader(server, url), SlowReader(server, url)
        for each in pieces:
            assert tus.delete(each).status_code == 204
        assert whole.rest() == data
        assert tus.delete(url).status_code == 204
        got = cut.rest()
        assert len(got) < len(data) == int(cut.headers["content-length"])
        assert data.startswith(got)
        assert "was deleted during a download" in server.output()
