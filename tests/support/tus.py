"""A tus client that does exactly what a test says, well-behaved or not.

``Tus`` speaks through httpx; ``Wire`` is one connection whose bytes, pace and end the test decides.
"""

import base64
import fcntl
import hashlib
import random
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import httpx

TUS: Final = {"Tus-Resumable": "1.0.0"}
OFFSET_STREAM: Final = "application/offset+octet-stream"
MIB: Final = 1 << 20

_BLOCK = 4096

#: One for all clients, which never use it: a fresh one reads all root certificates of the system.
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def payload(size: int, seed: int = 0) -> bytes:
    """Bytes that differ at every place: numbered blocks of random bytes; another seed, other bytes."""
    filler = random.Random(seed).randbytes(_BLOCK - 8)
    blocks = -(-size // _BLOCK)
    return b"".join(piece for n in range(blocks) for piece in (n.to_bytes(8), filler))[:size]


def sha256(data: bytes) -> str:
    """The digest of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """The digest of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(data: bytes | memoryview, algorithm: str = "sha256") -> str:
    """The value of ``Upload-Checksum`` for these bytes."""
    digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def metadata(**pairs: str | bytes) -> str:
    """The value of ``Upload-Metadata`` for these pairs."""
    raw = {key: value.encode() if isinstance(value, str) else value for key, value in pairs.items()}
    return ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in raw.items())


def id_of(url: str) -> str:
    """The id in an upload's URL."""
    return url.rstrip("/").rpartition("/")[2]


class Tus:
    """The protocol's requests, one method each; every one returns the answer, whatever it is."""

    def __init__(self, url: str, timeout_s: float = 30.0) -> None:
        self.url = url
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self.http = httpx.Client(timeout=timeout_s, headers=TUS, limits=limits, verify=_NO_TLS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(
        self, length: int | None = None, body: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> httpx.Response:
        """POST to the creation endpoint; ``Upload_Metadata="..."`` is a header."""
        sent = _named(headers)
        if length is not None:
            sent["Upload-Length"] = str(length)
        if body is not None:
            sent.setdefault("Content-Type", OFFSET_STREAM)
        return self.http.post(self.url, content=body, headers=sent)

    def create(self, length: int | None = None, body: bytes | None = None, **headers: str) -> str:
        """Create an upload, which must succeed, and return its URL."""
        reply = self.post(length, body, **headers)
        assert reply.status_code == 201, f"{reply.status_code} {reply.text}"
        return str(reply.url.join(reply.headers["Location"]))

    def head(self, url: str) -> httpx.Response:
        """HEAD of an upload."""
        return self.http.head(url)

    def offset(self, url: str) -> int:
        """The offset that HEAD tells, which must succeed."""
        reply = self.head(url)
        assert reply.status_code == 200, f"HEAD answered {reply.status_code}"
        return int(reply.headers["Upload-Offset"])

    def patch(
        self, url: str, offset: int, body: bytes | Iterator[bytes] = b"", **headers: str
    ) -> httpx.Response:
        """PATCH at an offset."""
        sent = {"Content-Type": OFFSET_STREAM, "Upload-Offset": str(offset), **_named(headers)}
        return self.http.patch(url, content=body, headers=sent)

    def finish(self, url: str, data: bytes) -> None:
        """Resume as a client does: ask for the offset, send what is missing, which must complete it."""
        offset = self.offset(url)
        reply = self.patch(url, offset, data[offset:])
        if reply.status_code == 409 and int(reply.headers["Upload-Offset"]) > offset:
            # Bytes of a connection that has just ended were still being stored.
            offset = int(reply.headers["Upload-Offset"])
            reply = self.patch(url, offset, data[offset:])
        # 204 cannot carry what a finish hook may have to say.
        assert reply.status_code == (200 if reply.content else 204), f"{reply.status_code} {reply.text}"
        assert int(reply.headers["Upload-Offset"]) == len(data)

    def delete(self, url: str) -> httpx.Response:
        """DELETE an upload."""
        return self.http.delete(url)

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Download an upload."""
        return self.http.get(url, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class Reply:
    """An answer read from a ``Wire``."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One TCP connection to the server; nothing is sent, awaited or closed unless the test says so."""

    def __init__(self, address: tuple[str, int], timeout_s: float = 30.0) -> None:
        self.socket = socket.create_connection(address, timeout_s)
        self.body_sent = 0
        self._head_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(self, method: str, target: str, headers: Mapping[str, str], *, tus: bool = True) -> None:
        """Send the head of a request; the body, if any, is up to ``send``."""
        lines = {"Host": "localhost", **(TUS if tus else {}), **headers}
        text = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        self.raw((text + "\r\n").encode("latin-1"))

    def raw(self, data: bytes) -> None:
        """Send bytes that are not body bytes."""
        self.socket.sendall(data)
        self._head_bytes = len(data)
        self.body_sent = 0

    def begin_patch(self, url: str, offset: int, length: int, **headers: str) -> None:
        """Send the head of a PATCH whose body will have ``length`` bytes."""
        target = "/" + url.removeprefix("http://").partition("/")[2]
        named = {"Content-Type": OFFSET_STREAM, "Upload-Offset": str(offset), "Content-Length": str(length)}
        self.request("PATCH", target, {**named, **_named(headers)})

    def send(self, data: bytes | memoryview) -> None:
        """Send body bytes; returns once the kernel has taken all of them."""
        self.socket.sendall(data)
        self.body_sent += len(data)

    def acknowledged(self) -> int:
        """Body bytes that have certainly reached the server's kernel (SIOCOUTQ: still on their way)."""
        waiting: int = struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
        return max(0, self.body_sent - waiting)

    def answered(self, within_s: float = 0.0) -> bool:
        """Whether the server has said something, or closed."""
        return bool(select.select([self.socket], [], [], within_s)[0])

    def reply(self) -> Reply | None:
        """Read one answer; None if the server closed, or reset, without one."""
        try:
            return self._read_reply()
        except ConnectionError:
            return None

    def fin(self) -> None:
        """End the connection the polite way, in whatever state the request is."""
        self.socket.shutdown(socket.SHUT_WR)
        self.socket.close()

    def rst(self) -> None:
        """End it the rude way: the peer's kernel drops what it has not read yet."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _read_reply(self) -> Reply | None:
        with self.socket.makefile("rb") as stream:
            status = stream.readline().split(maxsplit=2)
            if len(status) < 2:
                return None
            lines = iter(stream.readline, b"\r\n")
            pairs = (line.decode("latin-1").partition(":") for line in lines if line)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            body = stream.read(int(headers.get("content-length", "0")))
        return Reply(int(status[1]), headers, body)


def wait_until(size: int, path: Path, timeout_s: float = 10.0) -> None:
    """Wait until a data file holds ``size`` bytes."""
    deadline = time.monotonic() + timeout_s
    while path.stat().st_size < size:
        assert time.monotonic() < deadline, f"{path.stat().st_size} of {size} bytes after {timeout_s} s"
        time.sleep(0.01)
