"""Serve tuspyserver: ``python tuspyserver_app.py PORT DIRECTORY``.

Needs ``pip install tuspyserver uvicorn uvloop httptools`` in an environment of its own.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def main() -> None:
    """Mount its router at /files and serve with uvicorn."""
    port, directory = sys.argv[1:]
    # By name, so that this file type-checks where they are not installed.
    fastapi: Any = import_module("fastapi")
    tuspyserver: Any = import_module("tuspyserver")
    uvicorn: Any = import_module("uvicorn")
    app = fastapi.FastAPI()
    app.include_router(tuspyserver.create_tus_router(prefix="files", files_dir=directory))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
