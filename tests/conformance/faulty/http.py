"""Reading requests from sockets and writing replies, with every freedom HTTP/1.1 gives and no more."""

from __future__ import annotations

import contextlib
import email.utils
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAX_HEAD_BYTES = 48 * 1024
_POLL_S = 0.05
_DRAIN_BYTES = 16 * 1024 * 1024


class BadRequest(Exception):
    """The request cannot be framed; answer and close."""

    def __init__(self, status: int, request: Request | None = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.request = request  # as far as it was understood


@dataclass
class Reply:
    """A response to be."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    close: bool = False
    drop: bool = False  # close the connection instead of answering
    raw: bytes = b""  # sent behind the response, for faults


class Wire:
    """Bytes of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.eof = False

    def more(self, wait_s: float) -> bool:
        """Wait for bytes; False when none came in time or ever will."""
        if self.eof:
            return False
        self.sock.settimeout(wait_s)
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        self.eof = not data
        self.buffer += data
        return bool(data)

    def take(self, count: int) -> bytes:
        """Up to ``count`` buffered bytes."""
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def line(self, idle: Callable[[], bool]) -> bytes | None:
        """One line without its end; None when it does not come."""
        while (at := self.buffer.find(b"\r\n")) < 0:
            if not self.more(_POLL_S) and (self.eof or idle()):
                return None
        return self.take(at + 2)[:-2]


class Body:
    """The body of one request: pieces as they arrive, and how it ended."""

    def __init__(
        self, wire: Wire, length: int | None, *, chunked: bool, expects: bool, patience_s: float
    ) -> None:
        self._wire = wire
        self.length = 0 if length is None and not chunked else length
        self.chunked = chunked
        self.complete = not chunked and not self.length
        self.bad = False  # the chunked coding is illegal
        self.stalled = False
        self.trailers: dict[str, str] = {}
        self.expects = expects
        self.patience_s = patience_s

    def pieces(self, interrupted: Callable[[], bool]) -> Iterator[bytes]:
        """Bytes until the end, the loss of the connection, or ``interrupted`` during a pause."""
        if self.complete:
            return
        if self.expects:
            self._wire.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.expects = False
        self._last = time.monotonic()

        def idle() -> bool:
            self.stalled = time.monotonic() - self._last > self.patience_s
            return self.stalled or interrupted()

        if self.chunked:
            yield from self._chunks(idle)
        else:
            yield from self._counted(self.length or 0, idle)
            self.complete = self._left == 0

    def _counted(self, count: int, idle: Callable[[], bool]) -> Iterator[bytes]:
        self._left = count
        while self._left:
            if not self._wire.buffer and not self._wire.more(_POLL_S):
                if self._wire.eof or idle():
                    return
                continue
            self._last = time.monotonic()
            piece = self._wire.take(self._left)
            self._left -= len(piece)
            yield piece

    def _chunks(self, idle: Callable[[], bool]) -> Iterator[bytes]:
        while (line := self._wire.line(idle)) is not None:
            if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", line):
                self.bad = True
                return
            size = int(line, 16)
            if size == 0:
                self.complete = self._trailer_section(idle)
                return
            yield from self._counted(size, idle)
            if self._left or self._wire.line(idle) != b"":
                return

    def _trailer_section(self, idle: Callable[[], bool]) -> bool:
        while line := self._wire.line(idle):
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.lower()] = value.strip()
        return line == b""

    def drain(self) -> bool:
        """Read the rest so that the client can read the answer; whether the connection is still in step."""
        if self.complete:
            return True
        if self.expects:
            return False
        started, read = time.monotonic(), 0
        for piece in self.pieces(lambda: time.monotonic() - started > 1.0):
            read += len(piece)
            if read > _DRAIN_BYTES:
                return False
        return self.complete


@dataclass
class Request:
    """One request, its body still to be read."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: Body
    shouted: frozenset[str] = frozenset()  # names that came in capitals

    def get(self, name: str) -> str | None:
        """A header's value; several lines joined."""
        found = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(found) if found else None

    def put(self, name: str, value: str | None) -> None:
        """Replace or remove a header."""
        self.headers = [(key, old) for key, old in self.headers if key != name.lower()]
        if value is not None:
            self.headers.append((name.lower(), value))


def read_request(
    wire: Wire, *, max_head_bytes: int = MAX_HEAD_BYTES, patience_s: float = 4.0
) -> Request | None:
    """The next request on the connection; None when there is none.

    Raises:
        BadRequest: It cannot be framed.
    """
    deadline = time.monotonic() + 60
    while (at := wire.buffer.find(b"\r\n\r\n")) < 0 and len(wire.buffer) <= max_head_bytes:
        if not wire.more(1.0) and (wire.eof or time.monotonic() > deadline):
            return None
    head = wire.take(len(wire.buffer) if at < 0 else at + 4).decode("utf-8", "surrogateescape")
    request = _parse_head(wire, head.removesuffix("\r\n\r\n").split("\r\n"))
    if at < 0 or at > max_head_bytes:
        raise BadRequest(431, request)
    _frame(wire, request, patience_s)
    return request


def _parse_head(wire: Wire, lines: list[str]) -> Request:
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest(400)
    headers, shouted = [], set()
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise BadRequest(400)
        headers.append((name.lower(), value.strip(" \t")))
        if name.isupper():
            shouted.add(name.lower())
    nothing = Body(wire, None, chunked=False, expects=False, patience_s=0)
    return Request(parts[0], parts[1], parts[2], headers, nothing, frozenset(shouted))


def _frame(wire: Wire, request: Request, patience_s: float) -> None:
    lengths = [value for key, value in request.headers if key == "content-length"]
    codings = [value.lower() for key, value in request.headers if key == "transfer-encoding"]
    if codings and codings != ["chunked"]:
        raise BadRequest(501, request)
    if lengths and (codings or len(lengths) > 1 or not re.fullmatch(r"[0-9]+", lengths[0], re.ASCII)):
        raise BadRequest(400, request)
    expects = (request.get("expect") or "").lower() == "100-continue"
    length = int(lengths[0]) if lengths else None
    request.body = Body(wire, length, chunked=bool(codings), expects=expects, patience_s=patience_s)


def write_reply(wire: Wire, method: str, reply: Reply) -> None:
    """Send ``reply``."""
    lines = [f"HTTP/1.1 {reply.status} X"]
    headers = dict(reply.headers)
    if reply.status >= 200 and reply.status != 204 and "Transfer-Encoding" not in headers:
        headers.setdefault("Content-Length", str(len(reply.body)))
    headers.setdefault("Date", email.utils.formatdate(usegmt=True))
    if reply.close:
        headers["Connection"] = "close"
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    bodiless = method == "HEAD" or reply.status in (204, 304)
    with contextlib.suppress(OSError):
        wire.sock.settimeout(10)
        wire.sock.sendall(head + (b"" if bodiless else reply.body) + reply.raw)
