"""The caller of a use case, and the result of those that move bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tusd_py.model.upload import Upload
from tusd_py.ports.hooks import HookReply, IncomingRequest


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who asks, and the request; None: there is none, as in a sweep."""

    user: str | None = None
    request: IncomingRequest | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """An upload and how many of its bytes count (the offset), after a request."""

    upload: Upload
    offset: int
    reply: HookReply | None = None
