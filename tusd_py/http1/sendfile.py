"""Sends a part of a file with ``sendfile`` (ASGI ``http.response.zerocopysend``)."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Protocol

from .wire import ClientGone, Wire

_AT_ONCE = 1024 * 1024  # bytes for one call; other connections get a turn between two calls
_TLS_READ = 256 * 1024  # bytes


class HasFileno(Protocol):
    """An open file, as in an ASGI message."""

    def fileno(self) -> int:
        """Return the descriptor."""


@dataclass(slots=True)
class FilePart:
    """Bytes of a file; ``offset`` advances as they are sent."""

    fd: int
    offset: int
    count: int

    @classmethod
    def of(cls, file: HasFileno | int, offset: int | None, count: int | None) -> FilePart:
        """Return the part, from the file's position and to its end unless the message says otherwise.

        Without an offset, the file's position advances as if the part had been read.
        """
        fd = file if isinstance(file, int) else file.fileno()
        start = os.lseek(fd, 0, os.SEEK_CUR) if offset is None else offset
        if count is None:
            count = max(os.fstat(fd).st_size - start, 0)
        if offset is None:
            os.lseek(fd, start + count, os.SEEK_SET)
        return cls(fd, start, count)


async def send(wire: Wire, part: FilePart) -> None:
    """Send ``part`` behind everything written before.

    Raises:
        ClientGone: The connection is lost.
        OSError: The file cannot be read, or is shorter than ``part``.
    """
    sock = None if wire.tls else _second_descriptor(wire)
    if sock is None:
        await _copy(wire, part)
        return
    with sock:
        await wire.flush()
        while part.count:
            if not await asyncio.to_thread(_send_some, wire, sock.fileno(), part):
                await _until_writable(wire, sock)


def _second_descriptor(wire: Wire) -> socket.socket | None:
    """Return a duplicate of the connection's socket; None when no descriptor is left: then we copy."""
    try:
        return wire.dup()
    except ClientGone:
        raise
    except OSError:
        return None


def _send_some(wire: Wire, sock: int, part: FilePart) -> bool:
    """Send until done or the socket is full (False). Runs in a thread, because the disk may be slow."""
    for _ in range(16):
        try:
            count = os.sendfile(sock, part.fd, part.offset, min(part.count, _AT_ONCE))
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ClientGone("the client closed the connection") from error
        if count == 0:
            raise OSError("the file is shorter than the part that was to be sent")
        part.offset += count
        part.count -= count
        wire.count_sent(count)
        if not part.count:
            break
    return True


async def _until_writable(wire: Wire, sock: socket.socket) -> None:
    # As if the transport's buffer were full: a lost connection ends the wait, and time-outs apply.
    wire.on_full()
    wire.loop.add_writer(sock.fileno(), wire.on_drained)
    try:
        await wire.drain()
    finally:
        wire.loop.remove_writer(sock.fileno())
        wire.on_drained()


async def _copy(wire: Wire, part: FilePart) -> None:
    while part.count:
        data = await asyncio.to_thread(os.pread, part.fd, min(part.count, _TLS_READ), part.offset)
        if not data:
            raise OSError("the file is shorter than the part that was to be sent")
        part.offset += len(data)
        part.count -= len(data)
        wire.write(data)
        await wire.drain()
