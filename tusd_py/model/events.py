"""What happened to uploads, as values that can be kept and told to other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Self

from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import Upload, UploadKind, UploadState, new_uuid


class EventType(StrEnum):
    """What there is to tell of an upload."""

    CREATED = "created"
    COMPLETED = "completed"
    TERMINATED = "terminated"  # a client deleted it
    EXPIRED = "expired"
    GIVEN_UP = "given_up"  # it is gone otherwise: its creation failed, or it went into an artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSnapshot:
    """An upload at one moment; the fields are those of Upload, without how its bytes are kept."""

    id: str
    kind: UploadKind
    state: UploadState
    length: int | None
    user: str | None = None
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    metadata_header: str | None = None
    concat_header: str | None = None
    created_at: float
    completed_at: float | None = None
    expires_at: float | None = None

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """Return what ``upload`` is now."""
        return cls(**{name: getattr(upload, name) for name in _FIELDS})

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it. Metadata is UTF-8; what is not has lone surrogates."""
        metadata = {key: value.decode("utf-8", "surrogateescape") for key, value in self.metadata.items()}
        return {name: getattr(self, name) for name in _FIELDS} | {"metadata": metadata}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return what ``as_json`` wrote."""
        metadata = members["metadata"].items()
        values = {
            "kind": UploadKind(members["kind"]),
            "state": UploadState(members["state"]),
            "metadata": {key: value.encode("utf-8", "surrogateescape") for key, value in metadata},
        }
        return cls(**{**members, **values})


_FIELDS: Final = tuple(each.name for each in fields(UploadSnapshot))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to an upload, once; a receiver that gets it twice knows it by its id."""

    id: str = field(default_factory=new_uuid)
    type: EventType
    at: float  # seconds since 1970, UTC
    upload: UploadSnapshot  # after it happened; as it last was, where it is gone
    request: RequestInfo | None = None  # None: no request did it

    def to_json(self) -> str:
        """Return it as one JSON object, in ASCII."""
        request = None if self.request is None else self.request.as_json()
        return json.dumps(
            {
                "id": self.id,
                "type": self.type,
                "at": self.at,
                "upload": self.upload.as_json(),
                "request": request,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the event that ``to_json`` wrote."""
        members: dict[str, Any] = json.loads(text)
        request = members["request"]
        return cls(
            id=members["id"],
            type=EventType(members["type"]),
            at=members["at"],
            upload=UploadSnapshot.from_json(members["upload"]),
            request=None if request is None else RequestInfo.from_json(request),
        )
