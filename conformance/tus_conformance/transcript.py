"""What went over the wire during one check, kept short enough to read."""

from __future__ import annotations

import threading
import time

_SHOWN_HEAD_BYTES = 2000
_SHOWN_BODY_BYTES = 200
_MAX_LINES = 400
_SECRET_CHARACTERS = 8


def printable(data: bytes, limit_bytes: int) -> str:
    """Bytes as text: printable ASCII as it is, everything else as escapes, long data cut."""
    shown = data[:limit_bytes]
    text = "".join(
        chr(b)
        if 32 <= b < 127 and b != 92
        else {10: "\\n", 13: "\\r", 9: "\\t", 92: "\\\\"}.get(b, f"\\x{b:02x}")
        for b in shown
    )
    return text if len(data) <= limit_bytes else f"{text} ... ({len(data)} bytes)"


class Transcript:
    """Lines of ``milliseconds connection direction bytes``; safe to use from several threads."""

    def __init__(self, secrets: tuple[tuple[str, str], ...] = ()) -> None:
        """``secrets`` are headers whose values must not show up in a report."""
        self._names = {name.lower() for name, _ in secrets}
        # A server may repeat them; short values would turn up everywhere by chance.
        self._values = [value for _, value in secrets if len(value) >= _SECRET_CHARACTERS]
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._connections = 0
        self.lines: list[str] = []

    def next_connection(self) -> int:
        """A number for a new connection."""
        with self._lock:
            self._connections += 1
            return self._connections

    def sent(self, connection: int, data: bytes) -> None:
        """The suite sent ``data``."""
        head, mark, body = data.partition(b"\r\n\r\n")
        if mark and b" HTTP/1." in head.split(b"\r\n", 1)[0]:
            self._block(connection, ">", head)
            data = body
        if data:
            self._add(connection, ">", printable(data, _SHOWN_BODY_BYTES))

    def received(self, connection: int, head: bytes, body: bytes) -> None:
        """The server sent a response (or what there was of one)."""
        self._block(connection, "<", head.removesuffix(b"\r\n\r\n"))
        if body:
            self._add(connection, "<", printable(body, _SHOWN_BODY_BYTES))

    def event(self, connection: int, what: str) -> None:
        """Something happened that is not bytes."""
        self._add(connection, "!", what)

    def _block(self, connection: int, direction: str, head: bytes) -> None:
        for line in head.split(b"\r\n"):
            self._add(connection, direction, printable(line, _SHOWN_HEAD_BYTES))

    def _add(self, connection: int, direction: str, text: str) -> None:
        name, colon, _ = text.partition(":")
        if colon and name.lower() in self._names:
            text = f"{name}: (hidden)"
        for value in self._values:
            text = text.replace(value, "(hidden)")
        with self._lock:
            if len(self.lines) < _MAX_LINES:
                ms = (time.monotonic() - self._start) * 1000
                self.lines.append(f"{ms:8.1f} #{connection} {direction} {text}")
            elif len(self.lines) == _MAX_LINES:
                self.lines.append("... (more left out)")
