"""A writer whose lock is lost changes nothing any more: its upload may be somebody else's by then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.fronts.conftest import Serve
from tests.fronts.lab import until
from tests.fronts.test_taking_over import Stalled
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import Held, LockName

pytestmark = pytest.mark.anyio


class LosesLocks(FileLocker):
    """Its locks can be lost, as those of a database."""

    held: list[Held] = []  # noqa: RUF012 - the test looks for those of any instance

    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Callable[[], Awaitable[object]] | None = None,
    ) -> AsyncIterator[Held]:
        """Hold a lock that the test can take away."""
        async with super().hold(name, stop, timeout_s=timeout_s, at=at, before_asking=before_asking) as held:
            self.held.append(Held(held.epoch + 1, stop))
            yield self.held[-1]


async def test_a_writer_that_lost_its_lock_finishes_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is stopped at once, the sender is asked to try again, and neither hook nor record follows."""
    finished: list[object] = []
    monkeypatch.setattr("tusd_py.assembly.FileLocker", LosesLocks)
    tus = await serve(on_upload_finish=lambda *call: finished.append(call))
    url, stalled = await tus.create(5), Stalled(b"hello", b"")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await until(lambda: tus.data(url) == b"hello")
    LosesLocks.held[-1].lose()
    async with asyncio.timeout(2):
        reply = await patch
    assert (reply.status_code, reply.headers["Retry-After"]) == (423, "1")
    assert finished == []
    assert tus.sql("SELECT state FROM uploads") == [("open",)]
