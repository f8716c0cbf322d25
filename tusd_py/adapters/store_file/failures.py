"""Translates errors of file system calls into the errors of the store's port."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from tusd_py.errors.server import StorageFull, TooManyOpenFiles
from tusd_py.ports.store import DataFileMissing, StoreFailed

_P = ParamSpec("_P")
_T = TypeVar("_T")
#: No space, quota exceeded, or a file larger than the file system or a limit of the process allows.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: No descriptor left in the process, or on the machine.
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


def translated(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Make a method of a store raise StorageFull, TooManyOpenFiles, DataFileMissing and StoreFailed.

    FileExistsError is a word of the port.
    """

    @wraps(method)
    async def call(*arguments: _P.args, **options: _P.kwargs) -> _T:
        try:
            return await method(*arguments, **options)
        except FileNotFoundError as error:
            raise DataFileMissing(str(error)) from error
        except FileExistsError:
            raise
        except OSError as error:
            raise translation(error) from error

    return call


def translation(error: OSError) -> Exception:
    """Return what the port calls a failure that is about no particular file."""
    if error.errno in _FULL:
        return StorageFull()
    if error.errno in _NO_DESCRIPTOR:
        return TooManyOpenFiles()
    named = error.strerror is not None and error.filename is not None
    return StoreFailed(f"{error.strerror}: {error.filename}" if named else str(error))
