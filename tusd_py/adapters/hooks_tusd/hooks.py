"""tusd's hooks as the service's: before something happens they are asked, afterwards they are told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from tusd_py import observe
from tusd_py.adapters.hooks_tusd.messages import NOTHING, Answer, BadAnswer, Call, offset_of, request_json
from tusd_py.adapters.hooks_tusd.transports import HookFailed, Transport
from tusd_py.errors.uploads import HookFailure, TerminationRejected, UploadRefused, UploadStopped
from tusd_py.model.events import Event
from tusd_py.model.requests import SECRET_HEADERS
from tusd_py.model.upload import Upload
from tusd_py.ports.hooks import Changes, HookReply, Hooks, IncomingRequest
from tusd_py.settings.hooks import POST_HOOKS

#: Where the bytes of an upload are, as tusd's data stores say it.
StorageOf = Callable[[Upload], Mapping[str, str]]


class TusdHooks(Hooks):
    """See Hooks. Also tells of events, see ``service.delivery``."""

    def __init__(self, transport: Transport, enabled: frozenset[str], storage_of: StorageOf) -> None:
        self._transport = transport
        self._enabled = enabled
        self._storage_of = storage_of

    async def creating(self, upload: Upload, request: IncomingRequest | None) -> Changes | None:
        """See Hooks."""
        answer = await self._ask("pre-create", upload, request)
        if answer.reject_upload:
            raise _rejected(UploadRefused("upload rejected by server"), answer.reply)
        return Changes(id=answer.id, metadata=answer.metadata, reply=answer.reply)

    async def receiving(self, upload: Upload, offset: int, request: IncomingRequest | None) -> None:
        """See Hooks."""
        answer = await self._ask("post-receive", upload, request, offset=offset)
        if answer.stop_upload:
            raise _rejected(UploadStopped(), answer.reply)

    async def finishing(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """See Hooks."""
        return (await self._ask("pre-finish", upload, request)).reply

    async def terminating(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """See Hooks."""
        answer = await self._ask("pre-terminate", upload, request)
        if answer.reject_termination:
            raise _rejected(TerminationRejected(), answer.reply)
        return answer.reply

    async def _ask(
        self, name: str, upload: Upload, request: IncomingRequest | None, *, offset: int | None = None
    ) -> Answer:
        if name not in self._enabled:
            return NOTHING
        info = None if request is None else request.describe(named=SECRET_HEADERS)
        at = offset_of(upload) if offset is None else offset
        try:
            return await self._call(Call(name=name, upload=upload, offset=at, request=info))
        except (HookFailed, BadAnswer):
            raise HookFailure(name) from None

    async def tell(self, event: Event) -> None:
        """Tell of an event that has happened. Raises HookFailed: it must be told again."""
        name, upload = POST_HOOKS[event.type], event.upload
        if name in self._enabled:
            offset = offset_of(upload)
            call = Call(name=name, upload=upload, offset=offset, request=event.request, event_id=event.id)
            with suppress(BadAnswer):  # it was heard, and may want nothing; the log has what it said
                await self._call(call)

    async def _call(self, call: Call) -> Answer:
        name, upload = call.name, call.upload
        storage = None if name == "pre-create" else self._storage_of(upload)
        observe.meter.hook(name)
        observe.log("HookInvocationStart", level=logging.DEBUG, type=name, id=upload.id)
        try:
            answer = await self._transport.call(call, request_json(call, storage))
        except (HookFailed, BadAnswer) as error:
            observe.meter.hook_error(name)
            observe.log("HookInvocationError", level=logging.ERROR, type=name, id=upload.id, error=str(error))
            raise
        observe.log("HookInvocationFinish", level=logging.DEBUG, type=name, id=upload.id)
        return answer


def _rejected(refusal: UploadRefused, reply: HookReply | None) -> UploadRefused:
    """Return a refusal with what the hook says to the client."""
    if reply is not None:
        refusal.status = reply.status or refusal.status
        refusal.body = reply.body or None
        refusal.headers |= reply.headers
    return refusal
