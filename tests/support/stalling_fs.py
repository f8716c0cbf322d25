"""A file system on FUSE that passes everything on to a directory, and stalls on command.

``python stalling_fs.py SOURCE MOUNTPOINT CONTROL``: as long as there is a file ``CONTROL/<call>``, that call
waits for its end (``getattr``, ``open``, ``create``, ``read``, ``write``, ``fsync``, ``flush``, ``rename``,
``unlink``, ``truncate``, ``lock``); ``CONTROL/<call>.waits`` says that one does. ``getattr`` spares the
catalog, without which nobody can be answered; ``lock`` is that of the file of locks alone. Every lock is
granted: one process may use it at a time.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import mfusepy

_Call = TypeVar("_Call", bound=Callable[..., Any])


def stalling(call: _Call) -> _Call:
    """Let a call wait as long as it is told to."""

    @functools.wraps(call)
    def stalled(fs: StallingFs, *arguments: Any) -> Any:
        if not (call.__name__ == "getattr" and "/.tusd-py" in arguments[0]):
            fs.stall(call.__name__)
        return call(fs, *arguments)

    return cast("_Call", stalled)


class StallingFs(mfusepy.Operations):  # type: ignore[misc]
    """See the module. It has no fallocate."""

    use_ns = True

    def __init__(self, source: Path, control: Path) -> None:
        self.source = str(source)
        self.control = control

    def stall(self, call: str) -> None:
        """Wait as long as that call is told to."""
        while (self.control / call).exists():
            (self.control / f"{call}.waits").touch()
            time.sleep(0.01)

    def _path(self, path: str) -> str:
        return self.source + path

    @stalling
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.lstat(self._path(path))
        names = ("st_gid", "st_mode", "st_nlink", "st_size", "st_uid")
        times = {f"st_{name}": getattr(found, f"st_{name}_ns") for name in ("atime", "ctime", "mtime")}
        return {name: getattr(found, name) for name in names} | times

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        return [".", "..", *os.listdir(self._path(path))]

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._path(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize", "f_namemax")
        return {name: getattr(found, name) for name in names}

    @stalling
    def open(self, path: str, flags: int) -> int:
        return os.open(self._path(path), flags & ~os.O_NOFOLLOW)

    @stalling
    def create(self, path: str, mode: int, fi: object = None) -> int:
        return os.open(self._path(path), os.O_RDWR | os.O_CREAT, mode)

    def mknod(self, path: str, mode: int, dev: int) -> int:
        os.mknod(self._path(path), mode, dev)
        return 0

    @stalling
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    @stalling
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    @stalling
    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._path(path), length)
        return 0

    def lock(self, path: str, fh: int, cmd: int, lock: Any) -> int:
        if path.endswith("/locks"):  # the others are SQLite's, and libfuse unlocks every file that is closed
            self.stall("lock")
        if cmd == fcntl.F_GETLK:
            ctypes.cast(lock, ctypes.POINTER(ctypes.c_short))[0] = fcntl.F_UNLCK
        return 0

    @stalling
    def flush(self, path: str, fh: int) -> int:
        return 0

    @stalling
    def fsync(self, path: str, datasync: int, fh: int) -> int:
        os.fsync(fh)
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._path(path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._path(path))
        return 0

    @stalling
    def unlink(self, path: str) -> int:
        os.unlink(self._path(path))
        return 0

    @stalling
    def rename(self, old: str, new: str, flags: int = 0) -> int:
        os.rename(self._path(old), self._path(new))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._path(path), mode)
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        os.utime(self._path(path), ns=times)
        return 0


if __name__ == "__main__":
    source, mountpoint, control = map(Path, sys.argv[1:])
    mfusepy.FUSE(StallingFs(source, control), str(mountpoint), foreground=True, default_permissions=True)
