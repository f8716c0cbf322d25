"""Finds the end of a request's body: by its length or by the chunked coding.

Both classes split the bytes of the connection into payload and the rest, which belongs to the next request.
"""

from __future__ import annotations

import re

from .head import parse_trailers
from .refusal import Headers, Refused

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00\r\n]*)?")
_LONGEST_SIZE_LINE = 4096  # bytes, extensions included
_LONGEST_TRAILERS = 16 * 1024  # bytes


class _Broken(Exception):
    """The bytes do not follow the coding."""


class Announced:
    """A body whose ``Content-Length`` was given."""

    __slots__ = ("broken", "left", "trailers")

    def __init__(self, length: int) -> None:
        self.left: int = length  # bytes still to come
        self.broken = False
        self.trailers: Headers = []

    @property
    def done(self) -> bool:
        """Whether the whole body has arrived."""
        return self.left == 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Split ``data`` into payload and rest."""
        if len(data) <= self.left:
            self.left -= len(data)
            return data, b""
        payload, rest = data[: self.left], data[self.left :]
        self.left = 0
        return payload, rest


class Chunked:
    """A body in the chunked transfer coding (RFC 9112, section 7.1), its trailers kept apart."""

    __slots__ = ("_chunk_left", "_held", "_in_trailers", "broken", "done", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.broken = False  # the coding was violated; the bytes after that have no meaning
        self.trailers: Headers = []
        self._held = b""  # an incomplete size line or trailer section
        self._chunk_left = -1  # bytes of the chunk and its CRLF still to come; -1: a size line is next
        self._in_trailers = False

    @property
    def left(self) -> None:
        """Unknown for this coding."""
        return

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Split ``data`` into payload and rest; at a fault, sets ``broken`` after the payload before it."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        try:
            while at < len(data) and not self.done:
                if self._in_trailers:
                    at = self._take_trailers(data, at)
                elif self._chunk_left < 0:
                    at = self._take_size(data, at)
                else:
                    at = self._take_chunk(data, at, pieces)
        except _Broken:
            self.broken = True
        payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return payload, data[at:]

    def _hold(self, data: bytes, at: int, most: int) -> int:
        """Keep an incomplete part for the next read; refuse one longer than ``most`` bytes."""
        if len(data) - at >= most:
            raise _Broken
        self._held = data[at:]
        return len(data)

    def _take_size(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at, at + _LONGEST_SIZE_LINE)
        if end < 0:
            return self._hold(data, at, _LONGEST_SIZE_LINE)
        match = _SIZE_LINE.fullmatch(data, at, end)
        if match is None:
            raise _Broken
        size = int(match[1], 16)
        if size:
            self._chunk_left = size + 2
        else:
            self._in_trailers = True
        return end + 2

    def _take_chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        payload = min(self._chunk_left - 2, len(data) - at)
        if payload > 0:
            pieces.append(data[at : at + payload])
            self._chunk_left -= payload
            at += payload
        if self._chunk_left <= 2 and at < len(data):
            expected = b"\r\n"[2 - self._chunk_left :]
            found = data[at : at + len(expected)]
            if not expected.startswith(found):
                raise _Broken
            self._chunk_left -= len(found)
            at += len(found)
            if self._chunk_left == 0:
                self._chunk_left = -1
        return at

    def _take_trailers(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self.done = True
            return at + 2
        end = data.find(b"\r\n\r\n", at, at + _LONGEST_TRAILERS)
        if end < 0:
            return self._hold(data, at, _LONGEST_TRAILERS)
        try:
            self.trailers.extend(parse_trailers(data[at : end + 4]))
        except Refused as refused:
            raise _Broken from refused
        self.done = True
        return end + 4
