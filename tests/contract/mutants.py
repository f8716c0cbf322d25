"""Running one contract test against a backend that is wrong on purpose."""

import asyncio
import inspect
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType

import pytest

from tusd_py.errors import UploadError
from tusd_py.ports.store import StoreFailed

#: Makes what a contract test takes as arguments, by their names.
Kit = Callable[[Path, AsyncExitStack], Awaitable[Mapping[str, object]]]

#: How a broken promise shows. Anything else is a fault of the mutant itself and is not caught.
_SHOWN_BY = (AssertionError, pytest.fail.Exception, OSError, StoreFailed, UploadError, TimeoutError)


def is_kept(contract: ModuleType, test: str, kit: Kit, *, within_s: float = 5.0) -> bool:
    """Whether a backend passes one test of its contract."""
    function = getattr(contract, test)

    async def run(directory: Path) -> None:
        async with AsyncExitStack() as stack:
            made = await kit(directory, stack)
            arguments = {name: made[name] for name in inspect.signature(function).parameters}
            await asyncio.wait_for(function(**arguments), within_s)

    with tempfile.TemporaryDirectory() as directory:
        try:
            asyncio.run(run(Path(directory)))
        except _SHOWN_BY:
            return False
    return True
