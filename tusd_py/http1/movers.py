"""Moves blocks from a socket into a file. One object serves one time slice in a thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Final, Protocol

from tusd_py.model.body import Hash
from tusd_py.transfer.pump import write_at

from . import splice

_BUFFER: Final = 1024 * 1024
#: Hashing fewer bytes than this takes less time than asking another thread to do it.
_WORTH_A_THREAD: Final = 128 * 1024

_local = threading.local()


def _buffers() -> tuple[memoryview, memoryview]:
    """Return this thread's two buffers."""
    if not hasattr(_local, "buffers"):
        _local.buffers = (memoryview(bytearray(_BUFFER)), memoryview(bytearray(_BUFFER)))
    buffers: tuple[memoryview, memoryview] = _local.buffers
    return buffers


class Mover(Protocol):
    """Receives a block and writes it, alternately."""

    def receive(self, sock: socket.socket, wanted: int) -> int:
        """Receive up to ``wanted`` bytes; 0: the client closed. Raises OSError as ``recv``."""

    def write(self, fd: int, count: int, offset: int) -> None:
        """Write the ``count`` bytes just received at ``offset``. Raises OSError: the medium failed."""

    def finish(self) -> None:
        """Return when everything that was written has been hashed."""


class Spliced:
    """Inside the kernel, with ``splice``; nothing is hashed."""

    receive = staticmethod(splice.receive)
    write = staticmethod(splice.write)

    def finish(self) -> None:
        """See Mover."""


class Copied:
    """Through a buffer, hashed in the same thread."""

    def __init__(self, hashes: Sequence[Hash]) -> None:
        self._buffer, self._other = _buffers()
        self._hashes = hashes

    def receive(self, sock: socket.socket, wanted: int) -> int:
        """See Mover."""
        return sock.recv_into(self._buffer, min(_BUFFER, wanted))

    def write(self, fd: int, count: int, offset: int) -> None:
        """See Mover."""
        block = self._buffer[:count]
        write_at(fd, block, offset)
        self._hash(block)

    def _hash(self, block: memoryview) -> None:
        for taken in self._hashes:
            taken.update(block)

    def finish(self) -> None:
        """See Mover."""


class Overlapped(Copied):
    """Through two buffers: another thread hashes one while the other is filled and written."""

    def __init__(self, hashes: Sequence[Hash], executor: Executor) -> None:
        super().__init__(hashes)
        self._executor = executor
        self._hashing: Future[None] | None = None  # at most one, because blocks are hashed in order

    def write(self, fd: int, count: int, offset: int) -> None:
        """See Mover."""
        block = self._buffer[:count]
        write_at(fd, block, offset)
        self.finish()
        if count < _WORTH_A_THREAD:
            self._hash(block)
        else:
            self._hashing = self._executor.submit(self._hash, block)
            # Only now: never receive into the buffer that is being hashed.
            self._buffer, self._other = self._other, self._buffer

    def finish(self) -> None:
        """See Mover."""
        hashing, self._hashing = self._hashing, None
        if hashing is not None:
            hashing.result()


def mover_for(hashes: Sequence[Hash], executor: Executor | None) -> Mover:
    """Return the fastest mover; ``executor`` is for hashing, None when no processor is idle."""
    # Bytes to be hashed must come into this process; others need not.
    if not hashes and splice.is_possible():
        return Spliced()
    if hashes and executor is not None:
        return Overlapped(hashes, executor)
    return Copied(hashes)
