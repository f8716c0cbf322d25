"""The parallel chunk API described as OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from tusd_py.config import Config


def document(root: str, config: Config) -> dict[str, Any]:
    """Return the description, for an application that is mounted at ``root``."""
    return {"openapi": "3.1.0", "info": {"title": "Parallel chunks", "version": "1"}, "paths": {}}
