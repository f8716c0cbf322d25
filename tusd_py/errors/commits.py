"""Refusals of commits and artifacts."""

from __future__ import annotations

from collections.abc import Sequence

from tusd_py.errors import UploadError
from tusd_py.model.commits import Piece
from tusd_py.model.ranges import ByteRange


class DigestMismatch(UploadError):
    """The whole is not what the client says; ``corrupt`` chunks were dropped and count as missing."""

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
    """A commit of an upload of which bytes are missing or just arriving."""

    code = "ERR_UPLOAD_INCOMPLETE"
    status = 409

    def __init__(self, *, missing: Sequence[ByteRange], in_progress: Sequence[ByteRange]) -> None:
        super().__init__(
            "bytes are missing, send them and commit again",
            missing=missing,
            in_progress=in_progress,
        )


class UploadNotCommitted(UploadError):
    """An artifact was asked for of an upload that is not committed."""

    code = "ERR_UPLOAD_NOT_COMMITTED"
    status = 409

    def __init__(self, upload_id: str) -> None:
        super().__init__("commit the upload first, or give its sha256 along")
        self.upload_id = upload_id


class AlreadyCommitted(UploadError):
    """The upload is committed, with another digest."""

    code = "ERR_ALREADY_COMMITTED"
    status = 409

    def __init__(self, *, sha256: str) -> None:
        super().__init__("the upload is committed with another sha256", sha256=sha256)


class PartsMismatch(UploadError):
    """The client's list of parts is not what was received."""

    code = "ERR_PARTS_MISMATCH"
    status = 409

    def __init__(self, *, parts: Sequence[Piece]) -> None:
        super().__init__("the list of parts differs from what was received", parts=parts)


class ArtifactExists(UploadError):
    """The content is there already, and the settings say to refuse it."""

    code = "ERR_ARTIFACT_EXISTS"
    status = 409

    def __init__(self, artifact_id: str) -> None:
        super().__init__("an artifact with this content exists")
        self.artifact_id = artifact_id


class UploadConsumed(UploadError):
    """The upload went into an artifact."""

    code = "ERR_UPLOAD_CONSUMED"
    status = 404

    def __init__(self, artifact_id: str) -> None:
        super().__init__("the upload has become an artifact")
        self.artifact_id = artifact_id


class ArtifactNotFound(UploadError):
    """No such artifact, or it is another user's."""

    code = "ERR_ARTIFACT_NOT_FOUND"
    status = 404

    def __init__(self) -> None:
        super().__init__("artifact not found")


class ArtifactLost(UploadError):
    """The file of an artifact is not what it was: somebody removed or changed it. The log says which."""

    code = "ERR_ARTIFACT_LOST"
    status = 410

    def __init__(self) -> None:
        super().__init__("the content of the artifact is lost; whoever sends it again restores it")


class CommittedIsImmutable(UploadError):
    """A PATCH for an upload that is committed, or just being committed."""

    code = "ERR_UPLOAD_COMMITTED"
    status = 403

    def __init__(self) -> None:
        super().__init__("the upload is committed and takes no more bytes")
