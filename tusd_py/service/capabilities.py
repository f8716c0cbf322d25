"""Fallbacks for what a store cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

from tusd_py.model.body import Hash
from tusd_py.ports.store import DataStore, HashesFiles, Syncs

#: As ``Syncs.sync`` and ``HashesFiles.digest``.
Sync = Callable[[str], Awaitable[None]]
Digest = Callable[[str, int, int, Hash], Awaitable[None]]


def sync_of(store: DataStore) -> Sync:
    """Return the function that makes a data file durable."""
    return store.sync if isinstance(store, Syncs) else _is_durable


async def _is_durable(name: str) -> None:
    """Do nothing: without ``Syncs`` what was written is durable."""


def digest_of(store: DataStore) -> Digest:
    """Return the function that hashes a data file."""
    if isinstance(store, HashesFiles):
        return store.digest

    async def digest(name: str, start: int, stop: int, taken: Hash) -> None:
        if start == stop:
            return
        with suppress(EOFError):
            async with aclosing(store.read(name, start, stop - start)) as blocks:
                async for block in blocks:
                    await asyncio.to_thread(taken.update, memoryview(block))

    return digest
