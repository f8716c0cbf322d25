"""Moves bytes from a socket into a file inside the kernel: ``splice`` through a pipe (Linux)."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
from typing import Final

from tusd_py.transfer.pump import write_at

#: Size of the pipe in bytes. With the usual 64 KiB, splicing would be slower than copying.
_PIPE: Final = 1024 * 1024
_HAS_SPLICE: Final = hasattr(os, "splice") and hasattr(fcntl, "F_SETPIPE_SZ")

_local = threading.local()


def _pipe() -> tuple[int, int] | None:
    """Return this thread's empty pipe (read end, write end); None when none can be made."""
    if not hasattr(_local, "pipe"):
        _local.pipe = _new_pipe() if _HAS_SPLICE else None
    found: tuple[int, int] | None = _local.pipe
    return found


def _new_pipe() -> tuple[int, int] | None:
    try:
        pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:  # out of descriptors
        return None
    try:
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, _PIPE)
    except OSError:  # beyond the user's limit for pipes
        _close(pipe)
        return None
    return pipe


def _close(pipe: tuple[int, int]) -> None:
    for descriptor in pipe:
        os.close(descriptor)


def close_pipe() -> None:
    """Close this thread's pipe; for a thread that ends."""
    pipe: tuple[int, int] | None = _local.__dict__.pop("pipe", None)
    if pipe is not None:
        _close(pipe)


def is_possible() -> bool:
    """Whether this thread can splice."""
    return _pipe() is not None


def receive(sock: socket.socket, wanted: int) -> int:
    """Receive up to ``wanted`` bytes into this thread's pipe; 0: the client closed the connection.

    Raises:
        OSError: As ``recv``; BlockingIOError when there is nothing to receive.
    """
    return os.splice(sock.fileno(), _local.pipe[1], min(wanted, _PIPE))


def write(fd: int, count: int, offset: int) -> None:
    """Write the ``count`` bytes in the pipe at ``offset`` of the file ``fd``.

    Raises:
        OSError: The medium failed. The bytes written before are in the file, the others are lost.
    """
    try:
        while count:
            done = _move(_local.pipe[0], fd, count, offset)
            count -= done
            offset += done
    except BaseException:
        _close(_local.pipe)  # with what is left in it
        del _local.pipe
        raise


def _move(pipe: int, fd: int, count: int, offset: int) -> int:
    try:
        return os.splice(pipe, fd, count, offset_dst=offset)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    data = os.read(pipe, count)  # a file system without splice
    write_at(fd, memoryview(data), offset)
    return len(data)
