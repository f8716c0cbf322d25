"""What is answered at ``/`` when uploads are created elsewhere."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tusd_py.errors.uploads import UploadNotFound
from tusd_py.settings import Config

_GREETING: Final = """\
Welcome to tusd-py
==================

This server takes resumable uploads. tus clients create them at {base_path}
"""


def greeted(request: Request, path: str, config: Config) -> Response:
    """Return the greeting. Raises UploadNotFound for other paths and methods, and where nobody is greeted."""
    if not config.show_greeting or path != "/" or request.method not in ("GET", "HEAD"):
        raise UploadNotFound
    return PlainTextResponse(_GREETING.format(base_path=config.base_path))
