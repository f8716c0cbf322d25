"""What the service needs of a catalog to keep artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tusd_py.model.ranges import Artifact
from tusd_py.ports.locks import Held


class ArtifactCatalog(Protocol):
    """Remembers artifacts: one for each content and user. As in Catalog each method is one transaction."""

    async def get(self, artifact_id: str) -> Artifact | None:
        """Return an artifact that is ready."""

    async def insert_pending(self, artifact: Artifact, held: Held) -> Artifact:
        """Add an artifact whose file is about to be moved to its place.

        Returns:
            The one to go on with: another one (ready or not) when its user has that content already.
        """

    async def has_file(self, sha256: str) -> bool:
        """Whether some artifact of that content, of any user, is ready."""

    async def set_pending(self, artifact: Artifact, held: Held) -> None:
        """Say that the file of an artifact is about to go, unless others of the same content need it.

        Works on a full medium, as ``delete`` does; see ``Catalog.keep_room``.
        """

    async def finish(self, artifact: Artifact, held: Held, *, upload_id: str | None) -> None:
        """Say that the file is in its place, and that ``upload_id`` went into the artifact."""

    async def delete(self, artifact: Artifact, held: Held) -> None:
        """Forget an artifact."""

    async def pending(self, sha256: str | None = None) -> list[Artifact]:
        """Return the artifacts whose making was cut short, or is under way; None: of any content."""

    async def made_of(self, upload_id: str) -> str | None:
        """Return the id of the artifact that an upload went into."""

    async def list_artifacts(
        self, user: str | None, *, of_nobody: bool, sha256: str | None, limit: int, offset: int
    ) -> tuple[int, list[Artifact]]:
        """Return how many there are and one page of them, oldest first."""

    async def exported(self) -> list[Artifact]:
        """Return the artifacts that were ready as far as others than the catalog know: one that was lost."""

    async def restore(self, artifacts: Sequence[Artifact]) -> None:
        """Add artifacts whose files are there. One that is there already is left as it is."""
