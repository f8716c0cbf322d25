"""Refusals of downloads."""

from __future__ import annotations

from tusd_py.errors import UploadError


class RangeNotSatisfiable(UploadError):
    """The upload has no byte in the requested ranges."""

    code = "ERR_INVALID_RANGE"
    status = 416

    def __init__(self, *, size: int) -> None:
        super().__init__(f"no requested range lies within the {size} bytes of the upload")
        self.size = size


class PreconditionFailed(UploadError):
    """A condition of a download (``If-Match``, ``If-Unmodified-Since``) is false."""

    code = "ERR_PRECONDITION_FAILED"
    status = 412

    def __init__(self) -> None:
        super().__init__("the upload is not the one that If-Match or If-Unmodified-Since names")


class UploadIncomplete(UploadError):
    """A download of an upload that is not complete."""

    code = "ERR_INCOMPLETE_UPLOAD"
    status = 409

    def __init__(self) -> None:
        super().__init__("upload is not complete yet, nothing to download")
