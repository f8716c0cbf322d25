"""Lockers that break one promise each; the contract must notice every one of them."""

# ruff: noqa: D101 - a mutant is named after what it does wrong

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract import test_locker as contract
from tests.contract.backends import file_locker
from tests.contract.mutants import is_kept
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import Held, LockName


class GrantsEverybody(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        yield Held(0, stop)


class GrantsEveryProcess(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(LockName(f"{name}-{id(self)}"), stop, **how) as held:
            yield held


class HasOneLockForAll(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(LockName("one"), stop, **how) as held:
            yield held


class AsksNobody(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(name, StopSignal(), **how) as held:
            yield held


class HearsNoOtherProcess(FileLocker):
    def _asked(self, name: LockName, at: int | None) -> None:
        pass


class HearsOnlyTheFirstQuestion(FileLocker):
    has_heard = False

    def _asked(self, name: LockName, at: int | None) -> None:
        if not self.has_heard:
            self.has_heard = True
            super()._asked(name, at)


class SaysThatItIsLost(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(name, stop, **how) as held:
            lost = Held(held.epoch, stop)
            lost.lose()
            yield lost


class CountsDown(FileLocker):
    epoch = 0

    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(name, stop, **how):
            self.epoch -= 1
            yield Held(self.epoch, stop)


class WaitsForEver(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(name, stop, **how | {"timeout_s": how["timeout_s"] + 60}) as held:
            yield held


class GrantsAfterTheTimeOut(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        hold = super().hold(name, stop, **how)
        try:
            held = await hold.__aenter__()
        except UploadLocked:
            yield Held(0, stop)
            return
        try:
            yield held
        finally:
            await hold.__aexit__(None, None, None)


class KeepsWhatFailed(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        hold = super().hold(name, stop, **how)
        yield await hold.__aenter__()
        await hold.__aexit__(None, None, None)


class ForgetsWhereTheSenderIs(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(name, stop, **how | {"at": None}) as held:
            yield held


class LooksOnce(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        looked = False

        async def look() -> None:
            nonlocal looked
            if not looked and how.get("before_asking"):
                looked = True
                await how["before_asking"]()

        async with super().hold(name, stop, **how | {"before_asking": look}) as held:
            yield held


class AsksWhoeverHasNoProspects(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        async with super().hold(name, stop, **how | {"before_asking": None}) as held:
            yield held


class LooksAtEveryProspect(FileLocker):
    @asynccontextmanager
    async def hold(self, name: LockName, stop: StopSignal, **how: Any) -> AsyncIterator[Held]:
        if how.get("before_asking"):
            await how["before_asking"]()
        async with super().hold(name, stop, **how | {"before_asking": None}) as held:
            yield held


class AsksBeforeItLooks(FileLocker):
    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        self._asked(name, None)
        async with super().hold_if_free(name) as held:
            yield held


class SaysItIsFree(FileLocker):
    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        async with super().hold_if_free(name):
            yield Held(0, StopSignal())


class OnlyLooks(FileLocker):
    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        async with super().hold_if_free(name) as held:
            pass
        yield held
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
        (SaysThatItIsLost, "test_a_lock_that_is_held_is_not_lost"),
        (CountsDown, "test_the_epoch_never_goes_back"),
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
