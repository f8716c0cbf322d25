"""What happened to uploads, for programs that are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import Upload


class EventType(StrEnum):
    """What can happen to an upload."""

    CREATED = "created"
    COMPLETED = "completed"
    TERMINATED = "terminated"  # a client deleted it
    EXPIRED = "expired"
    GIVEN_UP = "given_up"  # it was removed otherwise: its creation failed, or it became an artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What a catalog writes down with a change; the upload and an id are added there."""

    type: EventType
    at: float  # seconds since 1970, UTC
    request: RequestInfo | None = None  # None: no request did it


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of an upload that happened."""

    position: int  # above those of all events that were written before; never used twice
    id: str  # 32 hexadecimal digits; a receiver that is told twice knows by it that it was
    type: EventType
    at: float  # seconds since 1970, UTC
    upload: Upload  # right after the change; right before it, where it is gone
    request: RequestInfo | None
