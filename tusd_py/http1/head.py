"""Parses a request's line and headers with llhttp, and decides the framing of its body, strictly.

Only a complete head is parsed, and the body's bytes never go through the same parser. So one place decides
where a body ends, and no byte of a body can be read as the next request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

import httptools

from .refusal import Headers, Refused

_DIGITS = frozenset(b"0123456789")
_MATTERS = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"))
MOST_HEADERS = 128
_LONGEST_NUMBER = 18  # digits; more than any disk holds, and always below 2**63


@dataclass(slots=True)
class Head:
    """One request as the server understands it."""

    method: str
    path: str  # percent-decoded
    raw_path: bytes
    query: bytes
    version: str  # "1.0" or "1.1"
    headers: Headers  # lower-case names, in order
    keep_alive: bool  # as the client wants
    length: int | None  # bytes of body; None: chunked
    expects_continue: bool


class _Framing(NamedTuple):
    """What the headers say about the body and the connection."""

    length: int | None  # as in Head
    expects_continue: bool
    asks_to_close: bool


class _Collector:
    """Collects what llhttp reports about one head."""

    __slots__ = ("complete", "headers", "urls")

    def __init__(self) -> None:
        self.urls: list[bytes] = []
        self.headers: Headers = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.urls.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def end_of_head(data: bytes) -> int:
    """Return where the first request's head ends; 0: it is not complete.

    Lines may end in a bare LF (RFC 9112, section 2.2); such a head must not wait for another end.
    """
    end = data.find(b"\r\n\r\n")
    if end >= 0:
        return end + 4
    ends = [data.find(empty) + len(empty) for empty in (b"\n\n", b"\n\r\n") if empty in data]
    return min(ends, default=0)


def parse(section: bytes) -> Head:
    """Parse ``section``, which ends with the first empty line.

    Lines end in CR LF, or all of them in LF: where both are mixed, other programs may see other lines.

    Raises:
        Refused: It is not HTTP/1.0 or 1.1, is malformed, or leaves any doubt about where the body ends.

    Spec: RFC 9112, sections 3 (request line), 6.1-6.3 (message body length).
    """
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    if b"\r" not in section:
        section = section.replace(b"\n", b"\r\n")
    try:
        parser.feed_data(section)
    except httptools.HttpParserUpgrade:
        pass  # upgrades are ignored; the request is answered as it is
    except httptools.HttpParserError as error:
        raise Refused(400, "malformed request") from error
    # Two request lines in one section: llhttp saw an end of the head where we did not.
    if not collector.complete or len(collector.urls) != 1:
        raise Refused(400, "malformed request")
    if len(collector.headers) > MOST_HEADERS:
        raise Refused(431, "too many headers")
    version = parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise Refused(505, "HTTP version not supported")
    framing = _framing(collector.headers, version)
    raw_path, query = _split_target(collector.urls[0])
    return Head(
        method=parser.get_method().decode("ascii"),
        path=_decode(raw_path),
        raw_path=raw_path,
        query=query,
        version=version,
        headers=collector.headers,
        keep_alive=version == "1.1" and not framing.asks_to_close,
        length=framing.length,
        expects_continue=framing.expects_continue,
    )


def parse_trailers(section: bytes) -> Headers:
    """Parse the trailer section of a chunked body, with the empty line at its end.

    Raises:
        Refused: It is not a list of header fields.
    """
    collector = _Collector()
    try:
        httptools.HttpRequestParser(collector).feed_data(b"GET / HTTP/1.1\r\n" + section)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise Refused(400, "malformed trailers") from error
    if not collector.complete:
        raise Refused(400, "malformed trailers")
    return collector.headers


def _framing(headers: Headers, version: str) -> _Framing:
    lengths: set[bytes] = set()
    codings: list[bytes] = []
    hosts = 0
    asks_to_close = expects_continue = False
    for name, value in headers:
        if name not in _MATTERS:
            continue
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            lengths.add(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
        elif name == b"connection":
            # llhttp takes "upgrade, close" for an upgrade and forgets the close.
            asks_to_close = asks_to_close or b"close" in value.lower()
        else:
            expects_continue = value.lower() == b"100-continue"
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise Refused(400, "exactly one Host header is required")
    if codings:
        _check_codings(codings, lengths, version)
    length = None if codings else _announced(lengths)
    return _Framing(length, expects_continue and version == "1.1", asks_to_close)


def _check_codings(codings: list[bytes], lengths: set[bytes], version: str) -> None:
    if lengths:
        raise Refused(400, "both Content-Length and Transfer-Encoding")
    if version != "1.1":
        raise Refused(400, "Transfer-Encoding needs HTTP/1.1")
    if codings != [b"chunked"]:
        raise Refused(501, "only the chunked transfer coding is supported")


def _announced(lengths: set[bytes]) -> int:
    if not lengths:
        return 0
    value = lengths.pop()
    if lengths or not value or len(value) > _LONGEST_NUMBER or not _DIGITS.issuperset(value):
        raise Refused(400, "malformed Content-Length")
    return int(value)


def _split_target(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a request target in origin, absolute or asterisk form."""
    if not target.startswith(b"/") and target != b"*":
        scheme, separator, rest = target.partition(b"://")
        if not separator or scheme.lower() not in (b"http", b"https"):
            raise Refused(400, "malformed request target")
        cut = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
        target = rest[cut:] if rest[cut : cut + 1] == b"/" else b"/" + rest[cut:]
    path, _, query = target.partition(b"#")[0].partition(b"?")
    return path, query


def _decode(raw_path: bytes) -> str:
    try:
        path = raw_path.decode("ascii")
    except UnicodeDecodeError as error:
        raise Refused(400, "malformed request target") from error
    return unquote(path) if "%" in path else path
