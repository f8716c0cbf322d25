"""Hashing what arrives, and what is stored."""

from __future__ import annotations

import hashlib
from typing import Final

from tusd_py.errors.uploads import UploadNotFound
from tusd_py.ports.store import DataFileMissing
from tusd_py.service.capabilities import Digest

#: Bytes hashed in one call in a thread. A call cannot be interrupted; a server that shuts down waits for it.
_SLICE: Final = 64 << 20


class Sha256:
    """A sha256 that passes the bytes on to ``further``, too; see ``model.body.Hash``."""

    def __init__(self, further: Sha256 | None = None) -> None:
        self._hash = hashlib.sha256()
        self._further = further

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""
        self._hash.update(data)
        if self._further is not None:
            self._further.update(data)

    def digest(self) -> bytes:
        """Return the digest of everything taken so far."""
        return self._hash.digest()

    def hexdigest(self) -> str:
        """Return the digest in lower-case hexadecimal digits."""
        return self._hash.hexdigest()


async def digest(of: Digest, data_file: str, start: int, stop: int, taken: Sha256) -> None:
    """Hash bytes ``start`` to ``stop`` of a data file with ``taken``, fewer if it is shorter; cancellable.

    Raises UploadNotFound when the file does not exist.
    """
    while start < stop:
        until = min(start + _SLICE, stop)
        try:
            await of(data_file, start, until, taken)
        except DataFileMissing:
            raise UploadNotFound from None
        start = until
