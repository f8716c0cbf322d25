"""How workers of one data directory ask each other to stop writing to an upload.

Each process has a named pipe in a shared folder. A request is one line, written to the pipes of all other
processes: the lock's name and, after a space, the offset of the sender that asks, if it has one. Nothing is
stored and there is no answer: the sender sees when the lock is free.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tusd_py.model.upload import MAX_LENGTH, is_upload_id
from tusd_py.ports.locks import LockName, upload_lock

_DIGITS: Final = len(str(MAX_LENGTH))


class StopRequests:
    """The pipe of this process in ``folder``. ``asked`` gets each lock name and offset, on the event loop."""

    def __init__(self, folder: Path, asked: Callable[[LockName, int | None], None]) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        # Hidden until it is open: others remove a pipe that nobody reads, as that of a dead process.
        self._hidden = folder / f".{self._path.name}"
        self._asked = asked
        self._fd: int | None = None
        self._rest = b""

    def open(self) -> None:
        """Create the pipe and start to listen."""
        self._folder.mkdir(mode=0o775, exist_ok=True)
        os.mkfifo(self._hidden, 0o660)
        # Open for writing as well: a pipe with a writer never reports end of file.
        self._fd = os.open(self._hidden, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._hidden.rename(self._path)
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def close(self) -> None:
        """Stop listening and remove the pipe."""
        if self._fd is not None:
            with suppress(RuntimeError):  # the loop may be closed
                asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None
        for path in (self._path, self._hidden):
            with suppress(OSError):
                path.unlink()

    def ask_others(self, name: LockName, at: int | None = None) -> None:
        """Ask every other process to stop writing to the upload; remove the pipes of dead processes."""
        line = f"{name}\n".encode() if at is None else f"{name} {at}\n".encode()
        for path in self._folder.iterdir():
            if path != self._path and not path.name.startswith("."):
                _send(path, line)

    def _read(self) -> None:
        if self._fd is None:
            return
        with suppress(BlockingIOError):
            *lines, self._rest = (self._rest + os.read(self._fd, 65536)).split(b"\n")
            for line in lines:
                question = _parse(line.decode("ascii", "replace"))
                if question is not None:
                    self._asked(*question)


def _parse(line: str) -> tuple[LockName, int | None] | None:
    """Return the lock's name and the offset; None for a line that no worker writes."""
    upload_id, space, at = line.partition(" ")
    if not is_upload_id(upload_id):
        return None
    if not space:
        return upload_lock(upload_id), None
    if not (at.isascii() and at.isdigit() and len(at) <= _DIGITS):
        return None
    return upload_lock(upload_id), int(at)


def _send(path: Path, line: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads it: its process is dead
            path.unlink(missing_ok=True)
        return
    try:
        # A full pipe: its reader is busy, and we ask again soon. A broken one: its process just ended.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(fd, line)
    finally:
        os.close(fd)
