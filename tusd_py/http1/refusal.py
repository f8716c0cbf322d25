"""Answers that the server itself makes: to malformed requests, and when the application fails."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):
    """The request cannot be passed to the application, and the connection cannot be used any more."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return ``headers`` as they are sent."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def answer(status: int, reason: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a whole response that says ``reason`` in plain text and announces the end of the connection."""
    text = reason.encode() + b"\n"
    return (
        b"%b%bcontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
        % (
            STATUS_LINES[status],
            header_lines(headers),
            len(text),
            text,
        )
    )
