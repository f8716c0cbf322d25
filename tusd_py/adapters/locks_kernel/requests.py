"""How workers of one data directory ask each other to stop writing to an upload.

Each process has a named pipe in a shared folder; a question is one line with the upload's id, written
to the pipes of all the others. Nothing is kept and nothing is answered: who waits sees the lock.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tusd_py.model.upload import is_upload_id


class Inbox:
    """This process' pipe in ``folder``. ``asked`` is called with each upload id, on the event loop."""

    def __init__(self, folder: Path, asked: Callable[[str], None]) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        # Hidden until it is open: others take a pipe that nobody reads for a dead process'.
        self._hidden = folder / f".{self._path.name}"
        self._asked = asked
        self._fd: int | None = None
        self._rest = b""

    def open(self) -> None:
        """Make the pipe and listen."""
        self._folder.mkdir(exist_ok=True)
        os.mkfifo(self._hidden, 0o660)
        # Open for writing as well: with a writer of its own the pipe never reports its end.
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

    def ask_others(self, upload_id: str) -> None:
        """Ask every other process to stop writing to the upload; processes that died are tidied away."""
        line = upload_id.encode() + b"\n"
        for path in self._folder.iterdir():
            if path != self._path and not path.name.startswith("."):
                _send(path, line)

    def _read(self) -> None:
        if self._fd is None:
            return
        with suppress(BlockingIOError):
            *lines, self._rest = (self._rest + os.read(self._fd, 65536)).split(b"\n")
            for line in lines:
                name = line.decode("ascii", "replace")
                if is_upload_id(name):
                    self._asked(name)


def _send(path: Path, line: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads: its process is dead
            path.unlink(missing_ok=True)
        return
    try:
        # Full: its reader has enough to do, we ask again soon. Broken: it ended just now.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(fd, line)
    finally:
        os.close(fd)
