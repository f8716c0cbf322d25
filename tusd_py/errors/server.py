"""Refusals because the server lacks something or is shutting down."""

from __future__ import annotations

from tusd_py.errors import UploadError


class ServerShutdown(UploadError):
    """The server is shutting down. What had arrived is stored."""

    code = "ERR_SERVER_SHUTDOWN"
    status = 503

    def __init__(self) -> None:
        super().__init__("request has been interrupted because the server is shutting down")


class TooManyOpenFiles(UploadError):
    """The process, or the machine, has no descriptor left for a data file."""

    code = "ERR_TOO_MANY_OPEN_FILES"
    status = 503

    def __init__(self) -> None:
        super().__init__("the server has too many files open, try again later")


class StorageFull(UploadError):
    """The medium is full. The bytes for which there was space are stored; the offset says how many."""

    code = "ERR_STORAGE_FULL"
    status = 507

    def __init__(self) -> None:
        super().__init__("no space left on the server, try again later")


class NoSpace(UploadError):
    """There is not enough space for an upload; nothing was created."""

    code = "ERR_NO_SPACE"
    status = 507

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__("no space for an upload of this size", required=required, available=available)
