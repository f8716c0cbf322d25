"""A client that sends exactly the bytes it is told to, and a handle on the server process."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.process import Process
from tests.support.waiting import eventually

LAB = Path(__file__).with_name("lab.py")


@dataclass
class Answer:
    """One final response, and the interim ones before it."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(10)
        self.sock = sock
        self._received = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def request(self, line: str, *headers: str, body: bytes = b"") -> None:
        lines = [line if " HTTP/" in line else line + " HTTP/1.1", "Host: lab", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def put(self, target: str, body: bytes, *headers: str, announced: int | None = None) -> None:
        length = len(body) if announced is None else announced
        self.request(f"PUT {target}", f"Content-Length: {length}", *headers, body=body)

    def ask(self, line: str, *headers: str, body: bytes = b"") -> Answer:
        self.request(line, *headers, body=body)
        return self.answer(head_only=line.startswith("HEAD "))

    def fin(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def rst(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()

    def count_rest(self) -> int:
        """Read until the server closes; return the number of bytes."""
        count, self._received = len(self._received), b""
        while data := self.sock.recv(1 << 20):
            count += len(data)
        return count

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(f"the server closed behind {self._received!r}")
        self._received += data

    def _until(self, separator: bytes) -> bytes:
        while separator not in self._received:
            self._more()
        part, _, self._received = self._received.partition(separator)
        return part

    def take(self, count: int) -> bytes:
        """Read exactly ``count`` bytes."""
        while len(self._received) < count:
            self._more()
        part, self._received = self._received[:count], self._received[count:]
        return part

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read one response, with what comes before it."""
        interim = []
        while True:
            first, *lines = self._until(b"\r\n\r\n").decode().split("\r\n")
            status = int(first.split()[1])
            pairs = [line.split(": ", 1) for line in lines]
            headers = {name.lower(): value for name, value in pairs}
            assert len(headers) == len(pairs), f"a header twice in {lines}"
            if status >= 200:
                break
            interim.append((status, headers))
        body = b"" if head_only or status in (204, 304) else self._body(headers)
        return Answer(status, headers, body, interim)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self.take(size + 2)[:-2]
            assert self.take(2) == b"\r\n"
            return body
        if "content-length" in headers:
            return self.take(int(headers["content-length"]))
        return self.rest()

    def rest(self) -> bytes:
        """Read until the server closes."""
        with contextlib.suppress(EOFError):
            while True:
                self._more()
        rest, self._received = self._received, b""
        return rest

    def closed(self) -> bool:
        """Tell whether the server closes without another byte."""
        return self.rest() == b""

    def silent(self, seconds: float) -> bool:
        """Tell whether nothing comes, not even the end, for so long."""
        self.sock.settimeout(seconds)
        try:
            if not self._received:
                self._received = self.sock.recv(65536)
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(10)


class Server(Process):
    """A process of ``lab.py``, whose first line is its URL."""

    def __init__(self, directory: Path, *, env: dict[str, str] | None = None, **settings: Any) -> None:
        super().__init__([sys.executable, LAB, directory, json.dumps(settings)], directory / "log", env=env)
        self.directory = directory
        self.url = ""
        self.port = 0

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self.spawn().wait_for(lambda: "\n" in self.output())
        self.url = self.output().partition("\n")[0]
        if not self.url.startswith("unix:"):
            self.port = int(self.url.rpartition(":")[2])
        return self

    @property
    def said(self) -> str:
        """What it said but for its URL."""
        return self.output().removeprefix(self.url).lstrip("\n")

    def client(self) -> Client:
        if self.url.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.url.removeprefix("unix:"))
            return Client(sock)
        plain = socket.create_connection(("127.0.0.1", self.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.url.startswith("http:"):
            return Client(plain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return Client(context.wrap_socket(plain))

    @contextlib.contextmanager
    def connect(self) -> Iterator[Client]:
        client = self.client()
        try:
            yield client
        finally:
            client.close()

    def get(self, target: str) -> Any:
        with self.connect() as client:
            return client.ask(f"GET {target}").json()

    def read(self, name: str) -> bytes:
        path = self.directory / name
        return path.read_bytes() if path.exists() else b""

    def result(self, name: str) -> dict[str, Any]:
        """Return what became of the body of that name."""
        eventually(lambda: self.get(f"/result/{name}") is not None)
        result: dict[str, Any] = self.get(f"/result/{name}")
        return result

    def wait(self) -> int:
        """Return its exit status once it has ended."""
        return self.process.wait(10)


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """Return ``pieces`` in the chunked coding."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"
