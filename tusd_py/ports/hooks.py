"""What the service tells hooks, and what they may answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import Upload

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OURS: Final = frozenset({"tus-resumable", "x-content-type-options", "content-length"})
_HEADER_TEXT: Final = re.compile(r"[\t -~\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class HookReply:
    """What a finish hook adds to the answer of the request that completed the upload."""

    status: int | None = None  # None: as it would be
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = b""

    def __post_init__(self) -> None:
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} is no final one")
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or not _HEADER_TEXT.fullmatch(value) or name.lower() in _OURS:
                raise ValueError(f"{name!a} with {value!a} is no header that a hook may set")


class IncomingRequest(Protocol):
    """The request that makes something happen, as its front has it."""

    @property
    def original(self) -> Any:
        """The web framework's own, Starlette's: only for functions of the application that embeds us."""

    def describe(self, *, named: Collection[str] = ()) -> RequestInfo:
        """Return what can be kept and told to other processes; made only when somebody asks for it.

        Headers that would give away the client's rights are left out unless they are ``named`` (lower case).
        """


class Hooks(Protocol):
    """Told before things happen. An UploadError that a method raises refuses them.

    ``request`` is None when none is at hand, as when an upload is finished after a crash.
    """

    async def creating(self, upload: Upload, request: IncomingRequest | None) -> Mapping[str, bytes] | None:
        """An upload is about to be made. May return metadata to use instead of the client's."""

    async def finishing(self, upload: Upload, request: IncomingRequest | None) -> HookReply | None:
        """All bytes of an upload are there and durable as configured.

        The upload counts as complete when this returns. If it raises, or the process dies in it, it is
        called again when a client next looks at the upload, or the program starts: at least once, never lost.
        """

    async def terminating(self, upload: Upload, request: IncomingRequest | None) -> None:
        """A client is about to delete an upload."""
