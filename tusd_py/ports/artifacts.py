"""The part of a catalog that keeps artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tusd_py.model.artifacts import Artifact
from tusd_py.ports.locks import Held


class ArtifactCatalog(Protocol):
    """Remembers artifacts: one for each content and user. As in Catalog each method is one transaction."""

    async def get(self, artifact_id: str) -> Artifact | None:
        """Return an artifact that is ready."""

    async def insert_pending(self, artifact: Artifact, held: Held) -> Artifact:
        """Add an artifact whose file is about to be moved to its place.

        Returns:
            The artifact to use: an existing one (ready or not) when its user has that content already.
        """

    async def has_file(self, sha256: str) -> bool:
        """Whether an artifact with that content, of any user, is ready."""

    async def set_pending(self, artifact: Artifact, held: Held) -> None:
        """Record that the file of an artifact will be removed unless another artifact needs it.

        Works on a full medium, as ``delete`` does; see ``Catalog.keep_room``.
        """

    async def finish(self, artifact: Artifact, held: Held, *, upload_id: str | None) -> None:
        """Record that the file is in its place, and that ``upload_id`` became the artifact."""

    async def delete(self, artifact: Artifact, held: Held) -> None:
        """Forget an artifact."""

    async def pending(self, sha256: str | None = None) -> list[Artifact]:
        """Return the artifacts that are not ready: being made, or interrupted; None: of any content."""

    async def made_of(self, upload_id: str) -> str | None:
        """Return the id of the artifact that an upload became."""

    async def list_artifacts(
        self, user: str | None, *, of_nobody: bool, sha256: str | None, limit: int, offset: int
    ) -> tuple[int, list[Artifact]]:
        """Return how many there are and one page of them, oldest first."""

    async def exported(self) -> list[Artifact]:
        """Return the artifacts that have an export, to restore them after the catalog was lost."""

    async def restore(self, artifacts: Sequence[Artifact]) -> None:
        """Add artifacts whose files exist. One that the catalog has already stays as it is."""
