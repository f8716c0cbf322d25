"""Failures of commits as the catalog keeps them: JSON, with a range as its first and last byte."""

from __future__ import annotations

import json
from typing import Any

from tusd_py.model.commits import CommitFailure, Piece
from tusd_py.model.ranges import ByteRange


def stored_failure(failure: CommitFailure) -> str:
    """Return the failure as text for a row."""
    fields = {"code": failure.code, "status": failure.status, "message": failure.message}
    return json.dumps(fields | {"members": failure.facts}, default=_fields)


def failure_of(stored: str) -> CommitFailure:
    """Return the failure that ``stored_failure`` wrote, or a version before that had it."""
    fields = json.loads(stored, object_hook=_value)
    return CommitFailure(fields["code"], fields["status"], fields["message"], fields["members"])


def _fields(value: ByteRange | Piece) -> dict[str, Any]:
    if isinstance(value, ByteRange):
        return {"start": value.start, "end": value.stop - 1}
    fields = {"offset": value.offset, "size": value.size, "sha256": value.sha256}
    return fields if value.is_listed else fields | {"unlisted": True}


def _value(fields: dict[str, Any]) -> object:
    if fields.keys() == {"start", "end"}:
        return ByteRange(fields["start"], fields["end"] + 1)
    if fields.keys() >= {"offset", "size", "sha256"}:
        return Piece(fields["offset"], fields["size"], fields["sha256"], "unlisted" not in fields)
    return fields
