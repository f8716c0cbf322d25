"""Hooks: what the service calls, and what they may answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tusd_py.model.requests import HEADER_NAME, RequestInfo
from tusd_py.model.upload import Upload

_OURS: Final = frozenset({"tus-resumable", "x-content-type-options", "content-length", "transfer-encoding"})
_HEADER_TEXT: Final = re.compile(r"[\t -~\x80-\xff]*")


def is_header(name: str, value: str) -> bool:
    """Whether a hook may set this header of an answer."""
    return (
        HEADER_NAME.fullmatch(name) is not None
        and _HEADER_TEXT.fullmatch(value) is not None
        and name.lower() not in _OURS
    )


@dataclass(frozen=True, slots=True)
class HookReply:
    """What a hook adds to the answer of the request that made something happen."""

    status: int | None = None  # None: as it would be
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = b""

    def __post_init__(self) -> None:
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} is no final one")
        for name, value in self.headers.items():
            if not is_header(name, value):
                raise ValueError(f"{name!a} with {value!a} is no header that a hook may set")

    def followed_by(self, later: HookReply | None) -> HookReply:
        """Return both in one; what ``later`` says wins."""
        if later is None:
            return self
        return HookReply(
            status=later.status or self.status,
            headers={**self.headers, **later.headers},
            body=later.body or self.body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a hook wants of an upload that is about to be made; None: as it is."""

    id: str | None = None  # one that can name an upload
    metadata: Mapping[str, bytes] | None = None
    reply: HookReply | None = None


class IncomingRequest(Protocol):
    """The request that caused a hook to be called."""

    @property
    def original(self) -> Any:
        """The framework's own request, Starlette's; only for callables of an embedding application."""

    def describe(self, *, named: Collection[str] = ()) -> RequestInfo:
        """Return the request as values that can be stored and sent to other processes.

        Headers with the client's credentials are left out unless they are ``named`` (lower case).
        """


class Hooks(Protocol):
    """Called before something happens. An UploadError that a method raises refuses it.

    ``request`` is None when there is none, as when an upload is finished after a crash.
    """

    async def creating(self, upload: Upload, request: IncomingRequest | None) -> Changes | None:
        """An upload is about to be made; what it is to be like instead."""

    async def receiving(self, upload: Upload, offset: int, request: IncomingRequest | None) -> None:
        """Bytes of an upload have arrived, up to ``offset``; not all of them need be stored.

        Raises UploadStopped: the upload is not wanted any more.
        """

    async def finishing(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """All bytes of an upload are stored, and durable as configured.

        The upload is complete when this returns. If it raises, or the process dies, it is called again when
        a client next looks at the upload, or when the program starts: at least once for each upload.
        """

    async def terminating(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """A client is about to delete an upload."""
