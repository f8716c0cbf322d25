"""What a directory is on, by the type of its file system."""

import os
from pathlib import Path

import pytest

from tusd_py.adapters import medium
from tusd_py.adapters.medium import medium_of


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tmpfs", "memory"),
        ("ramfs", "memory"),
        ("ext4", "local"),
        ("btrfs", "local"),
        ("overlay", "local"),
        ("nfs4", "remote"),
        ("cifs", "remote"),
        ("fuse", "remote"),
        ("fuse.sshfs", "remote"),
        ("ceph", "remote"),
    ],
)
def test_the_deepest_mount_that_came_last_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: str
) -> None:
    """Places with blanks are written as octal digits."""
    place = tmp_path / "up loads"
    place.mkdir()
    shown = os.path.realpath(place).replace(" ", "\\040")
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 1 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {shown} rw shared:1 - xfs /dev/b rw\n"
        f"3 1 0:3 / {shown} rw - {kind} source rw\n4 1 0:4 / {shown}-2 rw - tmpfs none rw\n"
    )
    monkeypatch.setattr(medium, "_MOUNTS", table)
    assert medium_of(place / "data") == expected
    assert medium_of(tmp_path) == "local"


def test_where_the_system_does_not_say_it_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medium, "_MOUNTS", tmp_path / "none")
    assert medium_of(tmp_path) == "local"
