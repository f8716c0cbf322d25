"""Sends bytes of data files to a client: as open files if the server can send from them, else in blocks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tusd_py import observe
from tusd_py.errors import InternalFailure, UploadError
from tusd_py.errors.server import TooManyOpenFiles
from tusd_py.errors.uploads import UploadNotFound
from tusd_py.ports.store import DataFileMissing, OpenFile, OpensFiles
from tusd_py.service.reading import Reading, Segment

#: An answer from at most this many files opens all of them before its first byte, so that no deletion can cut
#: it off. One from more files has one open at a time: a few slow readers must not use up all descriptors.
OPEN_AHEAD = 16


class BrokenOff(Exception):
    """An answer cannot be completed. The connection is cut so that the client sees that bytes are missing."""


class ContentResponse(Response):
    """Sends ``pieces``, literal bytes and segments of data files, in order.

    No file is opened before the response is called. A refusal is only possible before the first byte.
    """

    def __init__(
        self, reading: Reading, pieces: Sequence[bytes | Segment], status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._reading = reading
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer (ASGI).

        Raises:
            UploadNotFound, TooManyOpenFiles, InternalFailure: Nothing has been sent.
            BrokenOff: Part of the answer has been sent.
        """
        source = self._source(scope)
        try:
            await self._begin(source)
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            for piece in self._pieces:
                if isinstance(piece, Segment):
                    await self._send_segment(source, piece, send)
                else:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await source.close()

    def _source(self, scope: Scope) -> _Source:
        files = self._reading.files
        if files is None or "http.response.zerocopysend" not in scope.get("extensions", {}):
            return _Blocks(self._reading)
        return _Files(files)

    async def _begin(self, source: _Source) -> None:
        try:
            await source.begin([piece for piece in self._pieces if isinstance(piece, Segment)])
        except DataFileMissing:
            raise UploadNotFound from None
        except UploadError:
            raise
        except Exception as error:
            observe.LOGGER.error("InternalServerError", exc_info=error)
            raise InternalFailure from error

    @staticmethod
    async def _send_segment(source: _Source, segment: Segment, send: Send) -> None:
        try:
            await source.send(segment, send)
        except DataFileMissing as error:
            raise BrokenOff(f"the data file {segment.data_file} was deleted during a download") from error
        except TooManyOpenFiles as error:
            raise BrokenOff(f"no descriptor is left for the data file {segment.data_file}") from error


class _Source(Protocol):
    """Where the bytes of segments come from. ``send`` is called once for each segment, in order."""

    async def begin(self, segments: Sequence[Segment]) -> None:
        """Open what is needed before the first byte.

        Raises:
            DataFileMissing, TooManyOpenFiles.
        """

    async def send(self, segment: Segment, send: Send) -> None:
        """Send one segment. Raises as ``begin`` does."""

    async def close(self) -> None:
        """Close what is open."""


class _Files(_Source):
    """Open files, for a server that can send from a file (ASGI zero-copy send)."""

    def __init__(self, files: OpensFiles) -> None:
        self._files = files
        self._open: dict[str, OpenFile] = {}
        self._keeps = True

    async def begin(self, segments: Sequence[Segment]) -> None:
        names = list(dict.fromkeys(segment.data_file for segment in segments))
        self._keeps = len(names) <= OPEN_AHEAD
        for name in names if self._keeps else names[:1]:
            await self._file(name)

    async def _file(self, name: str) -> OpenFile:
        if name not in self._open:
            if not self._keeps:
                await self.close()
            self._open[name] = await self._files.open_file(name)
        return self._open[name]

    async def send(self, segment: Segment, send: Send) -> None:
        await send(
            {
                "type": "http.response.zerocopysend",
                "file": await self._file(segment.data_file),
                "offset": segment.start,
                "count": segment.size,
                "more_body": True,
            }
        )

    async def close(self) -> None:
        files, self._open = list(self._open.values()), {}
        await self._files.close_files(files)


class _Blocks(_Source):
    """Blocks that the store yields, for any server. ``begin`` reads the first one."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._begun: AsyncGenerator[bytes, None] | None = None
        self._block = b""

    async def begin(self, segments: Sequence[Segment]) -> None:
        if segments:
            self._begun = self._reading.read(segments[0])
            self._block = await anext(self._begun)

    async def send(self, segment: Segment, send: Send) -> None:
        blocks, block = self._begun or self._reading.read(segment), self._block
        self._begun, self._block = None, b""
        async with aclosing(blocks):
            if block:
                await send({"type": "http.response.body", "body": block, "more_body": True})
            async for each in blocks:
                await send({"type": "http.response.body", "body": each, "more_body": True})

    async def close(self) -> None:
        if self._begun is not None:
            await self._begun.aclose()
