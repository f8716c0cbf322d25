"""Translates errors of file system calls into the errors of the store's port."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from tusd_py.errors.server import StorageFull, TooManyOpenFiles
from tusd_py.ports.store import DataFileMissing

_P = ParamSpec("_P")
_T = TypeVar("_T")
#: No space, quota exceeded, or a file larger than the file system or a limit of the process allows.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: No descriptor left in the process, or on the machine.
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


def translated(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Make a method of a store raise StorageFull, TooManyOpenFiles and DataFileMissing.

    Any other OSError is raised unchanged.
    """

    @wraps(method)
    async def call(*arguments: _P.args, **options: _P.kwargs) -> _T:
        try:
            return await method(*arguments, **options)
        except FileNotFoundError as error:
            raise DataFileMissing(str(error)) from error
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull from error
            if error.errno in _NO_DESCRIPTOR:
                raise TooManyOpenFiles from error
            raise

    return call
