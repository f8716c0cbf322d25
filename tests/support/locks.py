"""A locker whose locks can be lost, as those of a database."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import Held, LockName


class LosesLocks(FileLocker):
    """Kernel locks that a test can take away.

    Attributes:
        held: The last one of each name, of any instance.
        doomed: Names of locks that are lost as soon as somebody has them.
    """

    held: ClassVar[dict[LockName, Held]] = {}
    doomed: ClassVar[set[LockName]] = set()
    _epochs = itertools.count(1)

    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        """Hold a lock that the test can take away."""
        async with super().hold(name, stop, **how):
            yield self._losable(name, stop)

    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        """Do so if nobody has it."""
        async with super().hold_if_free(name) as held:
            yield held and self._losable(name, StopSignal())

    def _losable(self, name: LockName, stop: StopSignal) -> Held:
        self.held[name] = Held(next(self._epochs), stop)
        if name in self.doomed:
            self.held[name].lose()
        return self.held[name]
