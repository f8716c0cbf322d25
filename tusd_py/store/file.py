"""Uploads as files in one directory, laid out as tusd lays it out.

``DIR/<id>`` holds the bytes and nothing else, ``DIR/<id>.info`` the export. Bytes are always written
at an explicit place, never appended: what a dead writer left behind cannot shift what follows.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import TypeVar

from tusd_py.config import Preallocate
from tusd_py.model.body import Body, Hash, Received, StopSignal
from tusd_py.model.upload import Upload, UploadChunk, UploadKind, UploadState, is_upload_id
from tusd_py.quick import EarnedQuick, Quick, in_thread
from tusd_py.store.base import Adopted, DataStore
from tusd_py.store.info import MAX_INFO_BYTES, Info, format_info, parse_info
from tusd_py.store.space import copy, link, move, reserve

_T = TypeVar("_T")
_BLOCK = 1 << 20
_SMALL = 256 << 10  # bytes; the medium's speed decides where such a file is synced, not its size
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW  # an id never leads out of the directory, not even by a symlink


class FileStore(DataStore):
    """Data files in ``directory``, with the permission bits ``file_mode`` before umask."""

    def __init__(self, directory: Path, *, file_mode: int = 0o664) -> None:
        self._directory = str(directory.resolve())
        self._file_mode = file_mode
        # For what may take long: syncing, freeing the blocks of a large file, reading one.
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="tusd-py-store")
        self._quick = Quick(self._threads)
        self._quick_sync = EarnedQuick(self._threads)

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    async def _in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await in_thread(self._threads, call, *arguments)

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def create(self, upload: Upload) -> None:
        await self._quick.run(self._create, upload)

    def _create(self, upload: Upload) -> None:
        path = self._path(upload.id)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _OPEN, self._file_mode))
        try:
            self._write_export(upload, (), f"{path}.info")
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise

    async def export(self, upload: Upload, chunks: Sequence[UploadChunk] = ()) -> None:
        await self._quick.run(self._export, upload, chunks)

    def _export(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        # One writer at a time holds the upload's lock, so the temporary name is never shared.
        temporary = f"{self._directory}/.{upload.id}.info.new"
        self._write_export(upload, chunks, temporary)
        try:
            os.rename(temporary, f"{self._path(upload.id)}.info")
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def _write_export(self, upload: Upload, chunks: Sequence[UploadChunk], target: str) -> None:
        """Write the export to the path ``target``; on failure nothing is left there."""
        path = self._path(upload.id)
        data = format_info(upload, chunks, data_path=path, info_path=f"{path}.info")
        try:
            fd = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | _OPEN, self._file_mode)
            try:
                if os.write(fd, data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(fd)
        except OSError:
            with suppress(OSError):
                os.unlink(target)
            raise

    async def size(self, name: str) -> int | None:
        try:
            return os.stat(self._path(name), follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        fd = os.open(self._path(name), os.O_WRONLY | _OPEN)
        try:
            return await body.write_to(fd, offset, limit, hashes=hashes, stop=stop)
        finally:
            os.close(fd)

    async def allocate(self, name: str, size: int, *, how: Preallocate, min_free: int) -> None:
        await self._in_thread(self._allocate, name, size, how, min_free)

    def _allocate(self, name: str, size: int, how: Preallocate, min_free: int) -> None:
        fd = os.open(self._path(name), os.O_CREAT | os.O_WRONLY | _OPEN, self._file_mode)
        try:
            reserve(fd, size, how=how, min_free=min_free)
        finally:
            os.close(fd)

    async def take(self, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal) -> Received:
        fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            return await body.write_to(fd, 0, limit, hashes=hashes, stop=stop)
        finally:
            os.close(fd)

    async def link(self, name: str, new_name: str) -> None:
        await self._in_thread(link, self._path(name), self._path(new_name))

    async def move(self, name: str, new_name: str) -> None:
        await self._in_thread(move, self._path(name), self._path(new_name))

    async def join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        await self._in_thread(self._join, pieces, name, taken)

    def _join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        fd = os.open(self._path(name), os.O_CREAT | os.O_TRUNC | os.O_RDWR | _OPEN, self._file_mode)
        try:
            for data_file, start, size in pieces:
                with self.open(data_file) as source:
                    copy(source.fileno(), start, size, fd)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._digest(name, 0, sum(size for _, _, size in pieces), taken)

    async def truncate(self, name: str, size: int) -> None:
        await self._in_thread(self._truncate, name, size)

    def _truncate(self, name: str, size: int) -> None:
        fd = os.open(self._path(name), os.O_WRONLY | _OPEN)
        try:
            # Never longer: zeros would pass for bytes that a client sent.
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, size)
        finally:
            os.close(fd)

    async def digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        await self._in_thread(self._digest, name, start, stop, taken)

    def _digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        block = memoryview(bytearray(min(_BLOCK, max(stop - start, 1))))
        with self.open(name) as file:
            file.seek(start)
            left = stop - start
            while left and (count := file.readinto(block[: min(left, _BLOCK)])):
                taken.update(block[:count])
                left -= count

    async def sync(self, name: str) -> None:
        size = os.stat(self._path(name)).st_size
        if size <= _SMALL:
            await self._quick_sync.run(self._sync, name)
        else:
            await self._in_thread(self._sync, name)

    def _sync(self, name: str) -> None:
        for path, flags in ((self._path(name), os.O_WRONLY), (self._directory, os.O_RDONLY | os.O_DIRECTORY)):
            fd = os.open(path, flags | _OPEN)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    async def remove(self, name: str) -> None:
        await self._in_thread(_unlink, self._path(name))

    async def remove_export(self, name: str) -> None:
        await self._in_thread(_unlink, f"{self._path(name)}.info")

    def open(self, name: str) -> RawIOBase:
        fd = os.open(self._path(name), os.O_RDONLY | _OPEN)
        return os.fdopen(fd, "rb", buffering=0)

    async def exported(self) -> list[str]:
        return await self._in_thread(self._exported)

    def _exported(self) -> list[str]:
        with os.scandir(self._directory) as entries:
            names = [entry.name.removesuffix(".info") for entry in entries if entry.name.endswith(".info")]
        return [name for name in names if is_upload_id(name)]

    async def adopt(self, upload_id: str) -> Adopted | None:
        return await self._in_thread(self._adopt, upload_id)

    def _adopt(self, upload_id: str) -> Adopted | None:
        read = self._read_info(upload_id)
        if read is None:
            return None
        info, written_at = read
        if info.partial_ids and not os.path.lexists(self._path(upload_id)):
            return self._adopt_final(upload_id, info, written_at)
        return self._adopt_data(upload_id, info)

    def _read_info(self, upload_id: str) -> tuple[Info, float] | None:
        """Return what the export says and when it was written."""
        try:
            fd = os.open(f"{self._path(upload_id)}.info", os.O_RDONLY | os.O_NONBLOCK | _OPEN)
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

    def _adopt_data(self, upload_id: str, info: Info) -> Adopted | None:
        """Adopt an upload with a data file of its own: any of tusd's, and all of ours but finals."""
        try:
            found = os.stat(self._path(upload_id), follow_symlinks=False)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode) or (info.length is not None and found.st_size > info.length):
            return None
        is_complete = found.st_size == info.length
        upload = Upload(
            id=upload_id,
            # A final that tusd made is one plain file; as such it is complete and takes no PATCH.
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
        chunk = UploadChunk(upload_id=upload_id, position=0, size=found.st_size, data_file=upload_id)
        return Adopted(upload, (chunk,)) if is_complete else None

    def _adopt_final(self, upload_id: str, info: Info, written_at: float) -> Adopted | None:
        """Adopt a final from its list of partials; None when a piece of it is missing or not whole."""
        chunks: list[UploadChunk] = []
        for position, partial_id in enumerate(info.partial_ids):
            try:
                found = os.stat(self._path(partial_id), follow_symlinks=False)
            except OSError:
                return None
            if not stat.S_ISREG(found.st_mode):
                return None
            chunks.append(
                UploadChunk(
                    upload_id=upload_id,
                    position=position,
                    size=found.st_size,
                    data_file=partial_id,
                    source_id=partial_id,
                )
            )
        if info.length is None or sum(chunk.size or 0 for chunk in chunks) != info.length:
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
        )
        return Adopted(upload, tuple(chunks))


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
