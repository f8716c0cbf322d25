"""Refusals of commits."""

from __future__ import annotations

from collections.abc import Sequence

from tusd_py.errors import UploadError
from tusd_py.model.commits import Piece
from tusd_py.model.ranges import ByteRange


class DigestMismatch(UploadError):
    """The upload does not have the expected digest; ``corrupt`` chunks were dropped and count as missing."""

    code = "ERR_DIGEST_MISMATCH"
    status = 400

    def __init__(
        self,
        *,
        expected: str | None,
        actual: str,
        corrupt: Sequence[ByteRange] = (),
        missing: Sequence[ByteRange] = (),
    ) -> None:
        super().__init__(
            "sha256 of the upload differs, compare the digests of the chunks with the file",
            expected=expected,
            actual=actual,
            corrupt=corrupt,
            missing=missing,
        )


class SessionIncomplete(UploadError):
    """A commit of an upload of which bytes are missing or still arriving."""

    code = "ERR_UPLOAD_INCOMPLETE"
    status = 409

    def __init__(self, *, missing: Sequence[ByteRange], in_progress: Sequence[ByteRange]) -> None:
        super().__init__(
            "bytes are missing, send them and commit again",
            missing=missing,
            in_progress=in_progress,
        )


class AlreadyCommitted(UploadError):
    """The upload is committed already, with another digest."""

    code = "ERR_ALREADY_COMMITTED"
    status = 409

    def __init__(self, *, sha256: str) -> None:
        super().__init__("the upload is committed with another sha256", sha256=sha256)


class PartsMismatch(UploadError):
    """The client's list of parts differs from what was received."""

    code = "ERR_PARTS_MISMATCH"
    status = 409

    def __init__(self, *, parts: Sequence[Piece]) -> None:
        super().__init__("the list of parts differs from what was received", parts=parts)
