"""Reads complete uploads."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from tusd_py.model.upload import Joined, Upload
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.store import DataStore, OpensFiles
from tusd_py.service.caller import Caller
from tusd_py.service.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of ``size`` bytes of a data file, from byte ``start`` on."""

    data_file: str
    start: int
    size: int


class Reading:
    """Finds and reads the bytes of an upload. Needs no lock: a complete upload does not change."""

    def __init__(self, catalog: Catalog, store: DataStore, uploads: Uploads) -> None:
        self._catalog = catalog
        self._store = store
        self._uploads = uploads
        #: Opens data files, for a server that can send from files; None if the store has no files.
        self.files = store if isinstance(store, OpensFiles) else None

    async def complete_upload(self, upload_id: str, caller: Caller) -> Upload:
        """Return the upload, finished if all its bytes are there. Raises UploadNotFound, UploadExpired."""
        return (await self._uploads.look(upload_id, caller)).upload

    async def segments(self, upload: Upload) -> list[Segment]:
        """Return the runs of data files that make up a complete upload, in order."""
        if not isinstance(upload.layout, Joined):
            return [Segment(upload.id, 0, upload.length or 0)]
        chunks = self._catalog.chunks(upload)
        return [Segment(chunk.data_file, chunk.start, chunk.size) async for chunk in chunks]

    def read(self, segment: Segment) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a segment; see ``DataStore.read``."""
        return self._store.read(segment.data_file, segment.start, segment.size)
