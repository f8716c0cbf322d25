"""Refusals of artifacts, and of uploads that became one."""

from __future__ import annotations

from tusd_py.errors import UploadError


class UploadNotCommitted(UploadError):
    """An artifact cannot be created from an upload that is not committed."""

    code = "ERR_UPLOAD_NOT_COMMITTED"
    status = 409

    def __init__(self, upload_id: str) -> None:
        super().__init__("commit the upload first, or give its sha256 along")
        self.upload_id = upload_id


class ArtifactExists(UploadError):
    """An artifact with this content exists, and the settings say to refuse another one."""

    code = "ERR_ARTIFACT_EXISTS"
    status = 409

    def __init__(self, artifact_id: str) -> None:
        super().__init__("an artifact with this content exists")
        self.artifact_id = artifact_id


class UploadConsumed(UploadError):
    """The upload became an artifact."""

    code = "ERR_UPLOAD_CONSUMED"
    status = 404

    def __init__(self, artifact_id: str) -> None:
        super().__init__("the upload has become an artifact")
        self.artifact_id = artifact_id


class ArtifactNotFound(UploadError):
    """There is no such artifact, or it belongs to another user."""

    code = "ERR_ARTIFACT_NOT_FOUND"
    status = 404

    def __init__(self) -> None:
        super().__init__("artifact not found")


class ArtifactLost(UploadError):
    """The file of an artifact was removed or cut. The log says which one."""

    code = "ERR_ARTIFACT_LOST"
    status = 410

    def __init__(self) -> None:
        super().__init__("the content of the artifact is lost; whoever sends it again restores it")
