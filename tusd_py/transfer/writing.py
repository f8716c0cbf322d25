"""Writing to an explicit place of a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tusd_py.model.body import Hash


def write_at(fd: int, data: memoryview, offset: int, hashes: Sequence[Hash]) -> None:
    """Write all of ``data`` at ``offset``, however short the single writes are, and hash what was written.

    Raises:
        OSError: The medium failed; what fitted before it is in the file.
    """
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)
    for digest in hashes:
        digest.update(data)
