"""Packages from npm that tests run against, installed once and kept beside their package.json."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def install(directory: Path) -> None:
    """Install the pinned dependencies of ``directory``; only one of several test processes does it.

    Without Node the test is skipped, but fails where CI is set: there it must not go unnoticed.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        if os.environ.get("CI"):
            pytest.fail("node and npm are required in CI")
        pytest.skip("node and npm are not installed")
    wanted = json.loads((directory / "package.json").read_text())["dependencies"]
    with (directory / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if any(_version(directory, name) != version for name, version in wanted.items()):
            subprocess.run(["npm", "install", "--no-package-lock"], cwd=directory, check=True, timeout=300)


def _version(directory: Path, name: str) -> str | None:
    present = directory / "node_modules" / name / "package.json"
    return json.loads(present.read_text())["version"] if present.exists() else None
