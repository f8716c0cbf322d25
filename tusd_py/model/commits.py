"""What is known of an upload that is committed, and how a commit failed. No IO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tusd_py.model.claims import NotOpen
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import UploadState


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk as the client lists it, or as a refusal names it."""

    offset: int
    size: int
    sha256: str | None = None  # lower-case hexadecimal digits
    is_listed: bool = True  # False: it was received, and the client's list lacks it


#: What a refusal says to programs beside its message.
Fact: TypeAlias = int | str | ByteRange | Piece | Sequence[str] | Sequence[ByteRange] | Sequence[Piece] | None


@dataclass(frozen=True, slots=True)
class CommitFailure:
    """Why a commit failed, for those who ask later: what its refusal said."""

    code: str
    status: int
    message: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What is known of an upload that is kept as ranges, or of one whose digest was asked for."""

    received: int = 0  # bytes in received ranges
    chunk_count: int = 0  # ranges, claims included
    sha256: str | None = None  # of the whole; set before the upload is complete, right once it is
    expected_sha256: str | None = None  # what the client said at the creation
    last_error: CommitFailure | None = None  # why the last commit in the background failed
    updated_at: float | None = None  # when the last chunk was received


@dataclass(frozen=True, slots=True)
class Begun:
    """The upload is being committed: from now on no chunk of it changes."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Bytes are missing: the first ranges that were not received, and those that requests are sending."""

    missing: Sequence[ByteRange] = ()
    in_progress: Sequence[ByteRange] = ()


def decide_commit(
    *, state: UploadState | None, prefix: int | None, length: int | None
) -> Begun | Incomplete | NotOpen:
    """Decide whether a commit begins; which ranges are missing is not said.

    Args:
        state: The upload's; None when there is no such upload.
        prefix: Bytes received without a gap from 0 on; None: it is not kept as chunks in any order.
        length: The upload's, in bytes; None: not known yet.
    """
    if state is not UploadState.OPEN:
        return NotOpen(state)
    return Begun() if prefix is not None and prefix == length else Incomplete()
