"""Lockers that break one promise each; the contract must notice every one of them."""

# ruff: noqa: D101 - a mutant is named after what it does wrong

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.contract import test_locker as contract
from tests.contract.backends import file_locker
from tests.contract.mutants import is_kept
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.errors import UploadLocked
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import LockName

Check = Callable[[], Awaitable[object]] | None


class GrantsEverybody(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        yield


class GrantsEveryProcess(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        async with super().hold(
            LockName(f"{name}-{id(self)}"), stop, timeout_s=timeout_s, at=at, before_asking=before_asking
        ):
            yield


class HasOneLockForAll(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        async with super().hold(
            LockName("one"), stop, timeout_s=timeout_s, at=at, before_asking=before_asking
        ):
            yield


class AsksNobody(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        async with super().hold(name, StopSignal(), timeout_s=timeout_s, at=at, before_asking=before_asking):
            yield


class HearsNoOtherProcess(FileLocker):
    def _asked(self, name: LockName, at: int | None) -> None:
        pass


class HearsOnlyTheFirstQuestion(FileLocker):
    has_heard = False

    def _asked(self, name: LockName, at: int | None) -> None:
        if not self.has_heard:
            self.has_heard = True
            super()._asked(name, at)


class WaitsForEver(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        async with super().hold(name, stop, timeout_s=timeout_s + 60, at=at, before_asking=before_asking):
            yield


class GrantsAfterTheTimeOut(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        held = super().hold(name, stop, timeout_s=timeout_s, at=at, before_asking=before_asking)
        try:
            await held.__aenter__()
        except UploadLocked:
            yield
            return
        try:
            yield
        finally:
            await held.__aexit__(None, None, None)


class KeepsWhatFailed(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        held = super().hold(name, stop, timeout_s=timeout_s, at=at, before_asking=before_asking)
        await held.__aenter__()
        yield
        await held.__aexit__(None, None, None)


class ForgetsWhereTheSenderIs(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        async with super().hold(name, stop, timeout_s=timeout_s, before_asking=before_asking):
            yield


class LooksOnce(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        looked = False

        async def look() -> None:
            nonlocal looked
            if before_asking is not None and not looked:
                looked = True
                await before_asking()

        async with super().hold(name, stop, timeout_s=timeout_s, at=at, before_asking=look):
            yield


class AsksWhoeverHasNoProspects(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        async with super().hold(name, stop, timeout_s=timeout_s, at=at):
            yield


class LooksAtEveryProspect(FileLocker):
    @asynccontextmanager
    async def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Check = None,
    ) -> AsyncIterator[None]:
        if before_asking is not None:
            await before_asking()
        async with super().hold(name, stop, timeout_s=timeout_s, at=at):
            yield


class AsksBeforeItLooks(FileLocker):
    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[bool]:
        self._asked(name, None)
        async with super().hold_if_free(name) as is_held:
            yield is_held


class SaysItIsFree(FileLocker):
    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[bool]:
        async with super().hold_if_free(name):
            yield True


class OnlyLooks(FileLocker):
    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[bool]:
        async with super().hold_if_free(name) as is_held:
            pass
        yield is_held
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("mutant", "caught_by"),
    [
        (GrantsEverybody, "test_the_second_waits_for_the_first"),
        (GrantsEverybody, "test_everybody_gets_it_and_never_two_at_once"),
        (GrantsEveryProcess, "test_the_second_waits_for_another_process"),
        (GrantsEveryProcess, "test_everybody_gets_it_and_never_two_at_once"),
        (HasOneLockForAll, "test_locks_of_other_uploads_are_other_locks"),
        (AsksNobody, "test_the_holder_is_asked_at_once"),
        (HearsNoOtherProcess, "test_the_holder_in_another_process_is_asked_within_a_second"),
        (HearsOnlyTheFirstQuestion, "test_the_next_holder_in_another_process_is_asked_too"),
        (WaitsForEver, "test_time_out"),
        (GrantsAfterTheTimeOut, "test_time_out"),
        (KeepsWhatFailed, "test_a_request_that_fails_lets_go"),
        (ForgetsWhereTheSenderIs, "test_the_holder_is_told_where_the_sender_is"),
        (LooksOnce, "test_a_request_that_loses_its_prospects_waits_no_longer"),
        (AsksWhoeverHasNoProspects, "test_a_request_without_prospects_disturbs_nobody"),
        (LooksAtEveryProspect, "test_a_free_lock_needs_no_look_at_the_prospects"),
        (AsksBeforeItLooks, "test_hold_if_free_asks_nobody"),
        (SaysItIsFree, "test_hold_if_free_asks_nobody"),
        (OnlyLooks, "test_hold_if_free_holds"),
    ],
)
def test_the_contract_notices(mutant: type[FileLocker], caught_by: str) -> None:
    async def kit(directory: Path, stack: AsyncExitStack) -> Mapping[str, object]:
        open_other = file_locker(mutant)(directory, stack)
        return {"locker": await open_other(), "other": await open_other()}

    assert not is_kept(contract, caught_by, kit, within_s=0.8)
