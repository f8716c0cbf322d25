"""The server, which sends itself a signal while it makes the files of an upload: ``SIGNAL STEP FLAGS...``.

Before and after each call that changes a file, from the first file on that it makes in the upload directory,
is a step; the first one is 1.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tusd_py.command.main import main


class Steps:
    """Counts steps, and sends the signal at one of them."""

    def __init__(self, directory: Path, number: int, at: int) -> None:
        self._directory = directory
        self._number = number
        self._at = at
        self._count = 0

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` as two steps."""

        def counted(*arguments: Any, **more: Any) -> Any:
            if not self._is_step(call.__name__, arguments):
                return call(*arguments, **more)
            self._step()
            result = call(*arguments, **more)
            self._step()
            return result

        return counted

    def _is_step(self, name: str, arguments: tuple[Any, ...]) -> bool:
        if name != "open":
            return self._count > 0
        path, flags = arguments[:2]
        return bool(flags & os.O_CREAT) and Path(path).parent == self._directory

    def _step(self) -> None:
        self._count += 1
        if self._count == self._at:
            os.kill(os.getpid(), self._number)


if __name__ == "__main__":
    number, at = map(int, sys.argv[1:3])
    del sys.argv[1:3]
    directory = Path(sys.argv[sys.argv.index("-upload-dir") + 1]).resolve()
    steps = Steps(directory, number, at)
    for name in ("open", "write", "ftruncate", "rename", "fsync"):
        if hasattr(os, name):
            setattr(os, name, steps.counted(getattr(os, name)))
    sys.exit(main())
