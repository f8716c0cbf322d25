"""One response: turns ASGI messages into HTTP/1.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from starlette.types import Message

from . import sendfile
from .refusal import STATUS_LINES, Headers, header_lines
from .wire import Wire

_OURS = frozenset((b"connection", b"content-length", b"transfer-encoding"))
_BAD_NAME = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z\n]")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_NO_BODY = frozenset((204, 304))


class Response:
    """Accepts ``send`` messages in order; ``complete`` once the last byte is queued."""

    __slots__ = (
        "_chunked",
        "_head",
        "_http_10",
        "_left",
        "_may_keep",
        "_silent",
        "_wire",
        "complete",
        "default_headers",
        "keep_alive",
        "started",
    )

    def __init__(
        self, wire: Wire, method: str, version: str, may_keep: Callable[[], bool], default_headers: bytes
    ) -> None:
        self.started = False
        self.complete = False
        self.keep_alive = True
        self.default_headers = default_headers
        self._wire = wire
        self._silent = method == "HEAD"
        self._http_10 = version == "1.0"
        self._may_keep = may_keep
        self._head = b""
        self._chunked = False
        self._left: int | None = None  # bytes of Content-Length still to send

    async def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            RuntimeError: The messages are in the wrong order or do not fit the Content-Length.
            ClientGone: The connection is lost.
        """
        kind = message["type"]
        if kind == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
        elif not self.started or self.complete:
            raise RuntimeError(f"{kind} before http.response.start or after the end")
        elif kind == "http.response.body":
            self._body(message.get("body", b""), bool(message.get("more_body", False)))
            if self._wire.full:
                await self._wire.drain()
        elif kind == "http.response.zerocopysend":
            await self._file(message)
        else:
            raise RuntimeError(f"unknown message {kind}")

    def take_back(self) -> bool:
        """Forget a response of which nothing has been sent yet; False when it is too late for that."""
        if self.started and not self._head:
            return False
        self.started = self._chunked = False
        self._head = b""
        self._left = None
        return True

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if self.started:
            raise RuntimeError("http.response.start twice")
        if status not in STATUS_LINES or status < 200:
            raise RuntimeError(f"status {status} is not a final one")
        kept = self._read_headers(status, headers)
        self.started = True
        if status in _NO_BODY:
            self._silent = True
        elif self._left is None and not self._silent:
            self._chunked = not self._http_10  # in HTTP/1.0 the end of the connection ends the response
        self.keep_alive = self.keep_alive and self._may_keep()
        lines = [STATUS_LINES[status], self.default_headers, header_lines(kept)]
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)  # goes out with the first bytes of the body: one packet

    def _read_headers(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Check the application's headers; this class decides about framing and the connection."""
        kept: Headers = []
        given = list(headers)
        _refuse_injection(given)
        for header in given:
            name = header[0].lower()
            if name not in _OURS:
                kept.append(header)
            elif name == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in header[1].lower()
            elif name == b"content-length":
                self._left = int(header[1])
                if status != 204:  # RFC 9110, section 8.6: MUST NOT be in a 204
                    kept.append(header)
        return kept

    def _account(self, count: int, more: bool) -> None:
        """Check that the body does not exceed the application's Content-Length."""
        if self._left is not None:
            self._left -= count
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the response body does not fit its Content-Length")

    def _body(self, body: bytes, more: bool) -> None:
        if self._silent:
            framed = b""
        else:
            self._account(len(body), more)
            framed = self._frame(body, more) if self._chunked else body
        if not more:
            self.complete = True
        if self._head:
            framed, self._head = self._head + framed, b""
        if framed:
            self._wire.write(framed)

    @staticmethod
    def _frame(body: bytes, more: bool) -> bytes:
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return chunk if more else chunk + b"0\r\n\r\n"

    async def _file(self, message: Message) -> None:
        more = bool(message.get("more_body", False))
        part = sendfile.FilePart.of(message["file"], message.get("offset"), message.get("count"))
        if part.count == 0 or self._silent:
            self._body(b"", more)
        else:
            self._account(part.count, more)
            start = b"%x\r\n" % part.count if self._chunked else b""
            end = (b"\r\n" if more else b"\r\n0\r\n\r\n") if self._chunked else b""
            self._wire.write(self._head + start)
            self._head = b""
            await sendfile.send(self._wire, part)
            if end:
                self._wire.write(end)
            self.complete = not more
        await self._wire.drain()


def _refuse_injection(headers: Headers) -> None:
    """Raise for a name or value that would end its line; all of them in one search, which is much faster."""
    names = b"\n".join([header[0] for header in headers])
    values = b"\n".join([header[1] for header in headers])
    breaks = max(len(headers) - 1, 0)
    if names.count(b"\n") != breaks or values.count(b"\n") != breaks:
        raise RuntimeError("a response header contains a line break")
    if _BAD_NAME.search(names) or _BAD_VALUE.search(values) or b"" in (header[0] for header in headers):
        raise RuntimeError("invalid response header")
