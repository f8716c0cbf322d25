"""Hooks that are functions of an embedding application."""

from __future__ import annotations

import inspect
from typing import Any

import anyio.to_thread

from tusd_py.model.upload import Upload
from tusd_py.ports.hooks import Changes, HookReply, Hooks, IncomingRequest
from tusd_py.settings import Callback, Config


async def call(callback: Callback, *arguments: Any) -> Any:
    """Call a function of the application; if it is not async, in a thread, so that it may block."""
    if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        getattr(callback, "__call__", None)  # noqa: B004 - an object with an async __call__
    ):
        return await callback(*arguments)
    result = await anyio.to_thread.run_sync(callback, *arguments)
    return await result if inspect.isawaitable(result) else result


class CallableHooks(Hooks):
    """The callables of a Config. A hook without a callable does nothing."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def creating(self, upload: Upload, request: IncomingRequest | None) -> Changes | None:
        """See Hooks. Text values that the callable returns are encoded as UTF-8."""
        if self._config.on_upload_create is None:
            return None
        metadata = await call(self._config.on_upload_create, _original(request), upload)
        if metadata is None:
            return None
        return Changes(
            metadata={
                key: value.encode() if isinstance(value, str) else value for key, value in metadata.items()
            }
        )

    async def receiving(self, upload: Upload, offset: int, request: IncomingRequest | None) -> None:
        """See Hooks. There is no callable for it."""

    async def finishing(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """See Hooks."""
        if self._config.on_upload_finish is None:
            return None
        reply = await call(self._config.on_upload_finish, _original(request), upload)
        return reply if isinstance(reply, HookReply) else None

    async def terminating(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """See Hooks."""
        if self._config.on_upload_terminate is not None:
            await call(self._config.on_upload_terminate, _original(request), upload)
        return None


def _original(request: IncomingRequest | None) -> Any:
    return None if request is None else request.original
