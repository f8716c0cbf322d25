"""tusd's hooks as the service's: before something happens they are asked, afterwards they are told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from tusd_py import observe
from tusd_py.adapters.hooks_tusd.messages import NOTHING, Answer, BadAnswer, Call, offset_of, request_json
from tusd_py.adapters.hooks_tusd.transports import HookFailed, Transport
from tusd_py.errors.uploads import HookFailure, TerminationRejected, UploadRefused
from tusd_py.model.events import Event
from tusd_py.model.requests import SECRET_HEADERS, RequestInfo
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

    async def finishing(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """See Hooks."""
        return (await self._ask("pre-finish", upload, request)).reply

    async def terminating(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """See Hooks."""
        answer = await self._ask("pre-terminate", upload, request)
        if answer.reject_termination:
            raise _rejected(TerminationRejected(), answer.reply)
        return answer.reply

    async def _ask(self, name: str, upload: Upload, request: IncomingRequest | None) -> Answer:
        if name not in self._enabled:
            return NOTHING
        info = None if request is None else request.describe(named=SECRET_HEADERS)
        try:
            return await self._call(name, upload, info)
        except (HookFailed, BadAnswer):
            raise HookFailure(name) from None

    async def tell(self, event: Event) -> None:
        """Tell of an event that has happened. Raises HookFailed: it must be told again."""
        name = POST_HOOKS[event.type]
        if name in self._enabled:
            with suppress(BadAnswer):  # it was heard, and may want nothing; the log has what it said
                await self._call(name, event.upload, event.request, event.id)

    async def _call(
        self, name: str, upload: Upload, request: RequestInfo | None, event_id: str | None = None
    ) -> Answer:
        call = Call(name=name, upload=upload, offset=offset_of(upload), request=request, event_id=event_id)
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
