"""Writing to explicit places of a file; what both ways of a body, with our own server and without, end in."""

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


def write_pieces(
    fd: int, pieces: Sequence[bytes | bytearray | memoryview], offset: int, hashes: Sequence[Hash]
) -> int:
    """Write ``pieces`` one behind the other from ``offset`` on; return the number of bytes.

    Raises:
        OSError: As ``write_at``.
    """
    start = offset
    if len(pieces) > 1:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        write_at(fd, memoryview(piece), offset, hashes)
        offset += len(piece)
    return offset - start
