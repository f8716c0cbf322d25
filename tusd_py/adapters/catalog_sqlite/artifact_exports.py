"""One small JSON file for each artifact, from which a lost catalog is restored.

An artifact's data file is named after its sha256, which says nothing about its owner.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tusd_py import observe
from tusd_py.model.artifacts import Artifact
from tusd_py.model.upload import is_upload_id

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ArtifactExports:
    """The exports in ``folder``, each named after its artifact's id; ``write`` creates the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, artifact: Artifact) -> None:
        """Write the export of an artifact.

        A failure is only logged: the artifact needs its export only when the catalog is lost.
        """
        fields = {
            "ID": artifact.id,
            "SHA256": artifact.sha256,
            "Size": artifact.size,
            "User": artifact.user,
            "CreatedAt": artifact.created_at,
        }
        data, path = json.dumps(fields).encode(), self._folder / artifact.id
        try:
            self._folder.mkdir(mode=0o775, exist_ok=True)
            # Written in place: a crash would leave a temporary file behind, while an incomplete export is
            # written again when the artifact is recovered.
            if not path.exists() or path.read_bytes() != data:
                _write(path, data)
        except OSError:
            observe.LOGGER.exception("ArtifactNotExported", extra={"fields": {"id": artifact.id}})
            with suppress(OSError):
                path.unlink()

    def remove(self, artifact: Artifact) -> None:
        """Remove the export of an artifact, if there is one."""
        with suppress(FileNotFoundError):
            (self._folder / artifact.id).unlink()

    def read(self) -> list[Artifact]:
        """Return every artifact that has a valid export."""
        if not self._folder.is_dir():
            return []
        read = (_artifact(path) for path in self._folder.iterdir() if is_upload_id(path.name))
        return [artifact for artifact in read if artifact is not None]


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o664)) as file:
        file.write(data)


def _artifact(path: Path) -> Artifact | None:
    """Read one export; None unless it is valid. The digest is checked because it becomes a file's name."""
    try:
        fields: Any = json.loads(path.read_bytes())
        if fields["ID"] != path.name or not _SHA256.fullmatch(fields["SHA256"]):
            return None
        return Artifact(
            id=path.name,
            sha256=fields["SHA256"],
            size=int(fields["Size"]),
            user=None if fields["User"] is None else str(fields["User"]),
            upload_id=None,
            created_at=float(fields["CreatedAt"]),
            is_ready=True,
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
