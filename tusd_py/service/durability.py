"""Which bytes are synced before a client is told that they were received."""

from __future__ import annotations

from tusd_py.model.upload import Upload, UploadKind
from tusd_py.settings import Config


def syncs_chunks(config: Config, upload: Upload) -> bool:
    """Whether a chunk's bytes are synced before the catalog says that they were received.

    The commit of a session reads all bytes again, so it notices what a power cut lost. An upload of tus is
    complete with its last byte, and a row could survive a power cut without its bytes.
    """
    return config.syncs_answers or (config.syncs_completion and upload.kind is not UploadKind.SESSION)
