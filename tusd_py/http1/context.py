"""What all connections of one worker share."""

from __future__ import annotations

from .pool import Pool
from .refusal import header_lines
from .settings import ServerSettings, cores


class Context:
    """Settings, threads and the headers of every answer."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.pool = Pool(max(16, 4 * cores()))
        self.stopping = False  # no connection is kept alive any more
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def default_lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return uvicorn's default headers (such as Date) as bytes; uvicorn renews them every second."""
        if headers is not self._headers:
            self._headers, self._lines = headers, header_lines(headers)
        return self._lines
