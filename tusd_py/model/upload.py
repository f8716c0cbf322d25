"""Upload and UploadChunk, the two things that this server keeps, for every protocol."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, TypeAlias

from tusd_py.model.ranges import ByteRange

#: An id becomes a file name and a piece of a URL: one path segment, no leading dot, none of the
#: names that stand beside a data file. Wider than the ids made here, because a directory left by
#: tusd may hold ids that a hook chose.
_ID: Final = re.compile(r"[A-Za-z0-9_~!$'()*+,;=@%-][A-Za-z0-9._~!$'()*+,;=@%-]{0,199}", re.ASCII)
#: A key of metadata, whatever the protocol: ASCII without blanks and commas. A control could end a header.
METADATA_KEY: Final = re.compile(r"[!-+\--~]+", re.ASCII)
#: Largest upload in bytes: what a signed 64-bit file offset can address.
MAX_LENGTH: Final = 2**63 - 1
_RESERVED_SUFFIXES: Final = (".info", ".lock", ".stop")


def is_upload_id(text: str) -> bool:
    """Whether ``text`` can name an upload: 1 to 200 characters that are safe as one file name."""
    return _ID.fullmatch(text) is not None and not text.endswith(_RESERVED_SUFFIXES)


def new_upload_id() -> str:
    """Return an id in the form of tusd's: 32 lower-case hexadecimal digits.

    The first twelve are milliseconds since 1970, so that uploads created one after the other are stored in
    the same pages of the catalog. The other 80 bits are random.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def new_uuid() -> str:
    """Return a random UUID in its usual form: the id of a session, a chunk or an artifact."""
    return str(uuid.uuid4())


class UploadKind(StrEnum):
    """Where an upload's bytes come from."""

    SINGLE = "single"  # one request after the other, in order
    PARTIAL = "partial"  # as SINGLE, and meant to become a piece of a final
    FINAL = "final"  # the bytes of other uploads, in order
    SESSION = "session"  # chunks in any order, each written at its place; complete when it is committed


class UploadState(StrEnum):
    """The state of an upload. Stored, never derived: offset = length does not mean that it is finished."""

    OPEN = "open"
    COMMITTING = "committing"  # nothing changes any more while the whole is read and hashed
    COMPLETE = "complete"
    EXPIRED = "expired"  # bytes gone, kept as a tombstone to answer 410


class Move(Enum):
    """Every legal change of an upload's state. Catalogs make no others: in any other state nothing changes.

    Removal is not among them: it is possible in every state.

    Attributes:
        before: The states in which it is legal.
        after: The state that follows.
    """

    COMMIT = (UploadState.OPEN,), UploadState.COMMITTING
    REOPEN = (UploadState.COMMITTING,), UploadState.OPEN  # a commit failed, or its process died
    FINISH = (UploadState.OPEN, UploadState.COMMITTING), UploadState.COMPLETE
    # A commit holds the upload's lock, and so does the sweep: only one whose process died expires. What is
    # complete expires only where a setting says so: tus 1.0.0, Expiration, speaks of unfinished uploads.
    EXPIRE = (UploadState.OPEN, UploadState.COMMITTING, UploadState.COMPLETE), UploadState.EXPIRED

    def __init__(self, before: tuple[UploadState, ...], after: UploadState) -> None:
        self.before = before
        self.after = after


@dataclass(frozen=True, slots=True)
class Growing:
    """The upload is one chunk that grows; the size of its data file says how many bytes it holds.

    Attributes:
        unverified_from: Bytes from this offset on await their checksum and do not count; None: all count.
    """

    unverified_from: int | None = None

    def offset(self, stored: int) -> int:
        """Return how many of the ``stored`` bytes in the data file count."""
        return stored if self.unverified_from is None else min(stored, self.unverified_from)


@dataclass(frozen=True, slots=True)
class Ranged:
    """The upload is chunks in any order, in a data file of its full size; the catalog knows which are there.

    Attributes:
        prefix: Bytes received without a gap from 0 on.
    """

    prefix: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """The upload consists of other uploads, in order; it has no bytes of its own."""


#: How an upload keeps its bytes, and what follows from that.
Layout: TypeAlias = Growing | Ranged | Joined

GROWING: Final = Growing()
JOINED: Final = Joined()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload as the catalog stores it; immutable."""

    id: str
    kind: UploadKind = UploadKind.SINGLE
    state: UploadState = UploadState.OPEN
    length: int | None  # bytes; None while deferred, or while a final's partials leave it unknown
    user: str | None = None  # None: created without a user, and open to everybody
    metadata: Mapping[str, bytes] = field(default_factory=dict)  # decoded values
    metadata_header: str | None = None  # Upload-Metadata as the client sent it; None: none sent
    concat_header: str | None = None  # Upload-Concat as the client sent it; None: none sent
    created_at: float  # seconds since 1970, UTC
    completed_at: float | None = None
    expires_at: float | None = None  # None: never. For a tombstone: when it is forgotten
    layout: Layout = GROWING

    def __post_init__(self) -> None:
        if not is_upload_id(self.id):
            raise ValueError("not an upload id")
        if self.length is not None and not 0 <= self.length <= MAX_LENGTH:
            raise ValueError(f"length {self.length} is not between 0 and {MAX_LENGTH}")
        for key, value in self.metadata.items():
            if not METADATA_KEY.fullmatch(key) or not isinstance(value, bytes):
                raise ValueError(f"metadata {key!a} cannot be kept: keys are ASCII, values bytes")


class ChunkState(StrEnum):
    """Whether the bytes of a chunk are there."""

    RECEIVING = "receiving"  # claimed by a request, or a partial that is not complete
    RECEIVED = "received"  # there, verified, and never written again


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadChunk:
    """A run of an upload's bytes: which they are, whether they are there, and where.

    The chunks of one upload never overlap.
    """

    id: str  # of one that the chunk API received its own; else that of the upload it was sent to
    upload_id: str
    offset: int  # of its first byte in the upload; after a partial of unknown length as if that were empty
    size: int  # bytes; of a partial that is not complete its length as far as that is known, else 0
    state: ChunkState = ChunkState.RECEIVED
    sha256: str | None = None  # lower-case hexadecimal digits; None: not known
    data_file: str  # name of the file in the store
    start: int = 0  # first byte within that file
    source_id: str | None = None  # the partial upload that the bytes were sent to
    worker: str | None = None  # who holds the claim (see service.liveness)
    created_at: float  # seconds since 1970, UTC
    completed_at: float | None = None

    @property
    def range(self) -> ByteRange:
        """The bytes of the upload that it is. Raises ValueError where it is empty."""
        return ByteRange(self.offset, self.offset + self.size)
