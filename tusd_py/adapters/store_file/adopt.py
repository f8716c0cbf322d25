"""Reads uploads from their exports: uploads that tusd made, and ours when the catalog is lost.

The size of a data file says how many bytes its upload holds, except for an upload kept as ranges: its file
has the full size from the start, and only the catalog knew which bytes had been received. An export named
``<id>.info`` would make it a complete upload of zeros for tusd and for every program that reads tusd's
files. So its export has another name, which only this program reads.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import Final

from tusd_py.adapters.store_file.info import MAX_INFO_BYTES, Info, parse_info
from tusd_py.model.upload import (
    JOINED,
    Ranged,
    Upload,
    UploadChunk,
    UploadKind,
    UploadState,
    is_upload_id,
)
from tusd_py.ports.store import Adopted

_RANGED: Final = ".session"
_TEMPORARY: Final = ".info.new"


def ranged_export(directory: str, upload_id: str) -> str:
    """Return the path of the export of an upload that is kept as ranges and not complete."""
    return f"{directory}/.{upload_id}{_RANGED}"


def temporary_export(directory: str, upload_id: str) -> str:
    """Return the path to which an export is written before it replaces the old one."""
    return f"{directory}/.{upload_id}{_TEMPORARY}"


def begun_id(name: str) -> str | None:
    """Return the id of the upload whose temporary export has this file name; None for other names."""
    upload_id = name[1:].removesuffix(_TEMPORARY)
    return upload_id if name == f".{upload_id}{_TEMPORARY}" and is_upload_id(upload_id) else None


def exported_id(name: str) -> str | None:
    """Return the id of the upload whose export has this file name; None for other names."""
    if name.endswith(".info"):
        upload_id = name.removesuffix(".info")
    elif name.startswith(".") and name.endswith(_RANGED):
        upload_id = name[1:].removesuffix(_RANGED)
    else:
        return None
    return upload_id if is_upload_id(upload_id) else None


def adopt_upload(directory: str, upload_id: str) -> Adopted | None:
    """Return the upload that an export and its data files describe; None when they do not describe one."""
    path, ranged_path = f"{directory}/{upload_id}", ranged_export(directory, upload_id)
    is_ranged = os.path.lexists(ranged_path)
    # With both there, a process died between writing one and removing the other.
    read = _read_info(ranged_path if is_ranged else f"{path}.info", upload_id)
    if read is None:
        return None
    info, written_at = read
    if is_ranged or info.kind is UploadKind.SESSION:
        return _adopt_ranged(path, upload_id, info, written_at)
    if info.partial_ids and not os.path.lexists(path):
        return _adopt_final(directory, upload_id, info, written_at)
    return _adopt_data(path, upload_id, info)


def _read_info(path: str, upload_id: str) -> tuple[Info, float] | None:
    """Return what an export says, and when it was written (Unix seconds)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_INFO_BYTES:
            return None
        info = parse_info(os.read(fd, MAX_INFO_BYTES), upload_id=upload_id)
    finally:
        os.close(fd)
    return None if info is None else (info, found.st_mtime)


def _data_file(path: str, length: int | None) -> os.stat_result | None:
    """Return the status of a data file; None unless it is an ordinary file of at most ``length`` bytes."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or (length is not None and found.st_size > length):
        return None
    return found


def _adopt_ranged(path: str, upload_id: str, info: Info, written_at: float) -> Adopted | None:
    """Adopt an upload kept as ranges, with none received: the lost catalog alone knew which were."""
    if info.kind is UploadKind.FINAL or info.length is None or _data_file(path, info.length) is None:
        return None
    upload = Upload(
        id=upload_id,
        kind=info.kind,
        length=info.length,
        user=info.user,
        metadata=info.metadata,
        concat_header="partial" if info.kind is UploadKind.PARTIAL else None,
        created_at=written_at,
        layout=Ranged(),
    )
    return Adopted(upload)


def _adopt_data(path: str, upload_id: str, info: Info) -> Adopted | None:
    """Adopt an upload that has its own data file: any of tusd's, and any of ours except finals."""
    found = _data_file(path, info.length)
    if found is None:
        return None
    is_complete = found.st_size == info.length
    upload = Upload(
        id=upload_id,
        # A final that tusd made has one file; it is complete and accepts no PATCH.
        kind=info.kind,
        state=UploadState.COMPLETE if is_complete else UploadState.OPEN,
        length=info.length,
        user=info.user,
        metadata=info.metadata,
        concat_header="partial" if info.kind is UploadKind.PARTIAL else info.concat_header,
        created_at=found.st_mtime,
        completed_at=found.st_mtime if is_complete else None,
    )
    if info.kind is not UploadKind.FINAL:
        return Adopted(upload)
    chunk = UploadChunk(
        id=upload_id,
        upload_id=upload_id,
        offset=0,
        size=found.st_size,
        data_file=upload_id,
        created_at=found.st_mtime,
    )
    return Adopted(replace(upload, layout=JOINED), (chunk,)) if is_complete else None


def _adopt_final(directory: str, upload_id: str, info: Info, written_at: float) -> Adopted | None:
    """Adopt a final from its list of partials; None when a piece of it is missing or not whole."""
    chunks: list[UploadChunk] = []
    offset = 0
    for partial_id in info.partial_ids:
        found = _data_file(f"{directory}/{partial_id}", None)
        if found is None or os.path.lexists(ranged_export(directory, partial_id)):
            return None
        chunks.append(
            UploadChunk(
                id=partial_id,
                upload_id=upload_id,
                offset=offset,
                size=found.st_size,
                data_file=partial_id,
                source_id=partial_id,
                created_at=written_at,
            )
        )
        offset += found.st_size
    if offset != info.length:
        return None
    upload = Upload(
        id=upload_id,
        kind=UploadKind.FINAL,
        state=UploadState.COMPLETE,
        length=info.length,
        user=info.user,
        metadata=info.metadata,
        concat_header=info.concat_header or "final;" + " ".join(info.partial_ids),
        created_at=written_at,
        completed_at=written_at,
        layout=JOINED,
    )
    return Adopted(upload, tuple(chunks))
