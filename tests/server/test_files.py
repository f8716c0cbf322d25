"""Writing at an offset, whatever the medium does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tusd_py.transfer.pump import write_at

_whole_pwrite = os.pwrite


def _three_bytes(fd: int, data: memoryview, offset: int) -> int:
    return _whole_pwrite(fd, data[:3], offset)


def test_short_writes_are_written_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", _three_bytes)
    with (tmp_path / "file").open("wb") as file:
        write_at(file.fileno(), memoryview(b"0123456789"), 2)
    assert (tmp_path / "file").read_bytes() == b"\0\0" + b"0123456789"


def test_what_fits_is_kept_when_the_medium_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_after_six(fd: int, data: memoryview, offset: int) -> int:
        if offset >= 6:
            raise OSError(28, "No space left on device")
        return _three_bytes(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", full_after_six)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="No space"):
        write_at(file.fileno(), memoryview(b"0123456789"), 0)
    assert (tmp_path / "file").read_bytes() == b"012345"
