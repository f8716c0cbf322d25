"""A data store that keeps bytes in this process: it has the core of the port and little else.

It stands for stores in which bytes only ever come at the end of an object, and cannot be taken away again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tusd_py.model.body import Body, Hash, Received, StopSignal
from tusd_py.model.upload import ChunkState, Upload, UploadChunk, UploadState
from tusd_py.ports.store import Adopted, Concatenates, DataFileMissing, DataStore
from tusd_py.transfer.pump import pump

_BLOCK: Final = 64 << 10


@dataclass
class _Bucket:
    """What outlives a store: the bytes, and the exports beside them."""

    files: dict[str, bytearray] = field(default_factory=dict)
    exports: dict[str, Adopted] = field(default_factory=dict)


_BUCKETS: Final[dict[Path, _Bucket]] = {}


class _End:
    """The sink of one body: the end of a data file."""

    fd = None
    is_quick = True

    def __init__(self, file: bytearray) -> None:
        self._file = file

    def write(self, data: memoryview, offset: int) -> None:
        """See Sink."""
        if offset != len(self._file):
            raise OSError(f"cannot write at byte {offset} of {len(self._file)}")
        self._file += data


class PlainStore(DataStore):
    """The core of the port. Whoever opens ``directory`` again finds what was kept; no file is made there."""

    def __init__(self, directory: Path) -> None:
        self._bucket = _BUCKETS.setdefault(directory.resolve(), _Bucket())

    @property
    def files(self) -> Mapping[str, bytes]:
        """The data files."""
        return {name: bytes(data) for name, data in self._bucket.files.items()}

    @property
    def exports(self) -> Collection[str]:
        """The names of the uploads that have an export."""
        return self._bucket.exports

    def _file(self, name: str) -> bytearray:
        try:
            return self._bucket.files[name]
        except KeyError:
            raise DataFileMissing from None

    async def create(self, upload: Upload) -> None:
        if upload.id in self._bucket.files:
            raise FileExistsError(upload.id)
        self._bucket.files[upload.id] = bytearray()
        await self.export(upload)

    async def export(self, upload: Upload) -> None:
        self._bucket.exports[upload.id] = Adopted(upload)

    async def size(self, name: str) -> int | None:
        file = self._bucket.files.get(name)
        return None if file is None else len(file)

    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        sink = _End(self._file(name))
        return await pump(body, sink, offset, limit=limit, hashes=hashes, stop=stop)

    async def read(self, name: str, start: int, size: int) -> AsyncGenerator[bytes, None]:
        file, end = self._file(name), start + size
        while start < end:
            block = bytes(file[start : min(end, start + _BLOCK)])
            if not block:
                raise EOFError(name)
            start += len(block)
            yield block

    async def remove(self, name: str) -> None:
        self._bucket.files.pop(name, None)

    async def remove_export(self, name: str) -> None:
        self._bucket.exports.pop(name, None)

    async def exported(self) -> list[str]:
        return list(self._bucket.exports)

    async def adopt(self, upload_id: str) -> Adopted | None:
        found, stored = self._bucket.exports.get(upload_id), await self.size(upload_id)
        if found is None or stored is None:
            return None
        is_complete = stored == found.upload.length
        return Adopted(_completed(found.upload) if is_complete else found.upload)

    def close(self) -> None:
        """What was kept stays."""


class MemoryStore(PlainStore, Concatenates):
    """Of all capabilities it has that which costs it nothing: finals refer to the data files of partials."""

    async def export_final(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        self._bucket.exports[upload.id] = Adopted(upload, tuple(chunks))

    async def adopt(self, upload_id: str) -> Adopted | None:
        found = self._bucket.exports.get(upload_id)
        if found is None or not found.chunks:
            return await super().adopt(upload_id)
        chunks: list[UploadChunk] = []
        offset = 0
        for chunk in found.chunks:
            size = await self.size(chunk.data_file) or 0
            chunks.append(replace(chunk, offset=offset, size=size, state=ChunkState.RECEIVED))
            offset += size
        return Adopted(_completed(found.upload), tuple(chunks)) if offset == found.upload.length else None


def _completed(upload: Upload) -> Upload:
    return replace(upload, state=UploadState.COMPLETE, completed_at=upload.created_at)
