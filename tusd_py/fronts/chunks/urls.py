"""Paths of things, as seen from outside."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from tusd_py.settings import Config


@dataclass(frozen=True, slots=True)
class Urls:
    """Paths of things, as seen from outside."""

    root: str  # path at which the application is mounted
    config: Config

    @property
    def api(self) -> str:
        """Path of the API, without a final slash."""
        return self.root + self.config.api_prefix

    def upload(self, upload_id: str) -> str:
        """Path of an upload. Ends in a slash, so that ``${UPLOAD}commit`` works."""
        return f"{self.api}/uploads/{upload_id}/"

    def artifact(self, artifact_id: str) -> str:
        """Path of an artifact."""
        return f"{self.api}/artifacts/{artifact_id}/"

    def task(self, upload_id: str) -> str:
        """Path of an upload's commit as a task of Pulp."""
        return f"{self.api}/tasks/{upload_id}/"

    def tus(self, upload_id: str) -> str:
        """Path of an upload for clients of tus."""
        return f"{self.root}{self.config.base_path}{upload_id}"


def urls_of(request: Request, config: Config) -> Urls:
    """Return the paths as the client of this request sees them."""
    return Urls(str(request.scope.get("root_path", "")), config)
