"""Reading HTTP/1.1 responses: start line, headers, and how the body ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


class WireError(Exception):
    """The server gave no usable HTTP answer."""


class ConnectError(WireError):
    """No connection could be made."""


class TlsError(ConnectError):
    """The TLS handshake failed."""


class TimedOut(WireError):
    """The server neither answered nor closed in time."""


class ClosedEarly(WireError):
    """The connection ended before a complete answer."""


class Garbage(WireError):
    """What came back is not HTTP."""


@dataclass(slots=True)
class Response:
    """One response, final or interim."""

    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    interim: tuple[Response, ...] = ()
    stray: bytes = b""  # bytes that followed although the response had ended

    def all(self, name: str) -> list[str]:
        """Every line of that name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The header's value, several lines joined by a comma; None when absent."""
        found = self.all(name)
        return ", ".join(found) if found else None

    def has(self, name: str) -> bool:
        """Whether the header is there, be it empty."""
        return bool(self.all(name))

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request after this response."""
        if self.version != "HTTP/1.1" or self.stray or (self.get("Connection") or "").lower() == "close":
            return False
        return self.has("Content-Length") or self.has("Transfer-Encoding") or self.status in (204, 304)

    def items(self, name: str) -> list[str]:
        """A comma list, items stripped; empty when the header is absent."""
        value = self.get(name)
        return [] if value is None else [item.strip() for item in value.split(",")]

    def number(self, name: str) -> int | None:
        """The header as a plain decimal number, or None."""
        value = self.get(name)
        return int(value) if value is not None and re.fullmatch(r"[0-9]+", value, re.ASCII) else None


_STATUS_LINE = re.compile(r"HTTP/1\.[01] ([1-9][0-9]{2})(?: (.*))?$")


def parse_head(head: bytes) -> Response:
    """A response without its body.

    Raises:
        Garbage: The bytes are no HTTP/1 status line and header fields.
    """
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    match = _STATUS_LINE.match(lines[0])
    if not match:
        raise Garbage(f"not an HTTP/1.1 status line: {lines[0][:60]!r}")
    headers = []
    for line in lines[1:]:
        if not line:
            break
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Garbage(f"not a header line: {line[:60]!r}")
        headers.append((name, value.strip(" \t")))
    return Response(lines[0][:8], int(match[1]), match[2] or "", headers)


BodyRule = tuple[Literal["none", "length", "chunked", "close"], int]


def body_rule(method: str, answer: Response) -> BodyRule:
    """How the body of ``answer`` to a ``method`` request ends (RFC 9112, Message Body Length)."""
    if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
        return "none", 0
    coding = (answer.get("Transfer-Encoding") or "").lower()
    if coding:
        return ("chunked", 0) if coding.endswith("chunked") else ("close", 0)
    lengths = set(answer.all("Content-Length"))
    if not lengths:
        return "close", 0
    value = lengths.pop()
    if lengths or not value.isascii() or not value.isdigit():
        raise Garbage(f"unusable Content-Length: {answer.get('Content-Length')!r}")
    return "length", int(value)
