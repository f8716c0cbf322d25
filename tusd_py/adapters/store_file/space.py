"""Reserving space, and linking, moving and copying files: the system calls for sessions and artifacts."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from tusd_py.errors.server import NoSpace
from tusd_py.settings import Preallocate

#: Errors of a file system that cannot reserve blocks.
_UNSUPPORTED: Final = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_NO_COPY: Final = frozenset({errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_BLOCK: Final = 1 << 20


def reserve(fd: int, size: int, *, how: Preallocate, min_free: int) -> None:
    """Make a file ``size`` bytes long; unwritten bytes read as zeros. See Allocates."""
    if how == "full" or min_free:
        free = os.fstatvfs(fd)
        available = free.f_bavail * free.f_frsize
        # A file system that reports no blocks does not say how much space it has.
        if free.f_blocks and size > available - min_free:
            raise NoSpace(required=size + min_free, available=available)
    if size == 0 or how == "none":
        return
    if how != "full" or not _fallocated(fd, size):
        os.ftruncate(fd, size)


def _find_fallocate() -> Callable[[int, int, int, int], int] | None:
    """Return the system call; None where the system has none.

    Not ``os.posix_fallocate``: where the file system cannot reserve blocks, the C library writes to each one.
    """
    try:
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    except (AttributeError, OSError):
        return None
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return cast("Callable[[int, int, int, int], int]", fallocate)


_FALLOCATE: Final = _find_fallocate()


def _fallocated(fd: int, size: int) -> bool:
    """Reserve the blocks of a file; False where the system or the file system cannot. Raises OSError."""
    if _FALLOCATE is None:
        return False
    while _FALLOCATE(fd, 0, 0, size) != 0:
        code = ctypes.get_errno()
        if code in _UNSUPPORTED:
            return False
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return True


def unlink(path: str) -> None:
    """Remove a file, if it exists."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def link(path: str, new_path: str) -> None:
    """Give a file a second name, replacing a file of that name. On return the name survives a power cut.

    Raises OSError, also where the file system has no hard links.
    """
    unlink(new_path)
    os.link(path, new_path, follow_symlinks=False)
    sync_folder(os.path.dirname(new_path))


def sync_folder(folder: str) -> None:
    """Sync a folder: on return its entries survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def move(path: str, new_path: str) -> None:
    """Rename a file. On return the change survives a power cut."""
    os.rename(path, new_path)
    for folder in {os.path.dirname(new_path), os.path.dirname(path)}:
        sync_folder(folder)


def copy(source: int, start: int, size: int, target: int) -> None:
    """Append ``size`` bytes of one file to another, inside the kernel where it can.

    Raises EOFError when the source is shorter.
    """
    left = size
    while left and hasattr(os, "copy_file_range"):
        try:
            count = os.copy_file_range(source, target, left, offset_src=start)
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise
            break
        if count == 0:
            break
        start, left = start + count, left - count
    while left:
        block = os.pread(source, min(left, _BLOCK), start)
        if not block:
            raise EOFError("a data file is shorter than the catalog says")
        view = memoryview(block)
        while view:
            view = view[os.write(target, view) :]
        start, left = start + len(block), left - len(block)
