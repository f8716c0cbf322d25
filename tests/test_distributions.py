"""What installing each of the two distributions puts into a site-packages."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("source", "packages", "needed"),
    [
        pytest.param(".", {"tusd_py"}, ["tusd_py/py.typed"], id="tusd-py"),
        pytest.param(
            "conformance",
            {"tus_conformance"},
            ["tus_conformance/requirements.toml", "tus_conformance/checks/concat.py"],
            id="tus-conformance",
        ),
    ],
)
def test_a_wheel_brings_its_own_package_and_no_other(
    tmp_path: Path, source: str, packages: set[str], needed: list[str]
) -> None:
    """No package with an everyday name lands in everybody's environment."""
    copy = tmp_path / "source"  # a build leaves folders behind
    without = shutil.ignore_patterns(
        ".*", "node_modules", "build", "*.egg-info", "__pycache__", "tests", "data"
    )
    shutil.copytree(ROOT / source, copy, ignore=without)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(copy),
    ]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == packages
    assert set(needed) <= set(names)
