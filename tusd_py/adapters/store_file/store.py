"""Uploads as files in one directory, laid out as tusd lays it out.

``DIR/<id>`` holds the bytes and nothing else, ``DIR/<id>.info`` the export. An incomplete upload kept as
ranges has its export in ``DIR/.<id>.session`` instead (see ``adopt``). Bytes are always written at an
explicit offset and never appended, so bytes that a dead writer left cannot shift later ones.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from io import RawIOBase
from pathlib import Path
from typing import TypeVar

from tusd_py.adapters.store_file.adopt import (
    adopt_upload,
    begun_id,
    exported_id,
    ranged_export,
    temporary_export,
)
from tusd_py.adapters.store_file.failures import translated, translation
from tusd_py.adapters.store_file.info import format_info
from tusd_py.adapters.store_file.space import copy, link, move, reserve, sync_folder, unlink
from tusd_py.adapters.store_file.writeback import WriteBack
from tusd_py.model.body import Body, Hash, Received, StopSignal
from tusd_py.model.upload import Ranged, Upload, UploadChunk, UploadState
from tusd_py.ports.store import (
    Adopted,
    Allocates,
    Concatenates,
    DataStore,
    HashesFiles,
    MovesFiles,
    OpenFile,
    OpensFiles,
    Syncs,
    TidiesExports,
    Truncates,
)
from tusd_py.settings import Preallocate
from tusd_py.transfer.calls import Medium, Quick, in_thread
from tusd_py.transfer.pump import FileSink, pump

_T = TypeVar("_T")
_BLOCK = 1 << 20
_READ = 256 << 10  # bytes of a block that ``read`` yields
_LARGE = 16 << 20  # bytes; smaller bodies end before early write-back gains anything
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW  # an id never leads out of the directory, not even by a symlink


class FileStore(
    DataStore,
    Allocates,
    Concatenates,
    HashesFiles,
    MovesFiles,
    OpensFiles,
    Syncs,
    TidiesExports,
    Truncates,
):
    """Data files in ``directory``, with the permission bits ``file_mode`` before umask.

    Args:
        writes_back: Start writing large bodies to disk while they arrive; for files that will be synced.
        medium: What the directory is on.
    """

    def __init__(
        self,
        directory: Path,
        *,
        file_mode: int = 0o664,
        writes_back: bool = False,
        medium: Medium = "local",
    ) -> None:
        self._directory = str(directory.resolve())
        self._file_mode = file_mode
        self._writes_back = writes_back
        # For calls that may take long: syncing, freeing the blocks of a large file, reading one.
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="tusd-py-store")
        # Separate, because these calls wait when the disk has a long queue, and no other call should.
        self._write_backs = ThreadPoolExecutor(max_workers=2, thread_name_prefix="tusd-py-write-back")
        self._quick = Quick(self._threads, medium)
        self._medium = medium

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    async def _in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await in_thread(self._threads, call, *arguments)

    def close(self) -> None:
        self._threads.shutdown(wait=False)
        self._write_backs.shutdown(wait=False)

    @translated
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

    @translated
    async def export(self, upload: Upload) -> None:
        await self._quick.run(self._export, upload, ())

    @translated
    async def export_final(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        await self._quick.run(self._export, upload, chunks)

    def _export(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        # One writer at a time holds the upload's lock, so the temporary name is never shared.
        temporary = temporary_export(self._directory, upload.id)
        self._write_export(upload, chunks, temporary)
        target, other = f"{self._path(upload.id)}.info", ranged_export(self._directory, upload.id)
        if isinstance(upload.layout, Ranged) and upload.state is not UploadState.COMPLETE:
            target, other = other, target
        try:
            os.rename(temporary, target)
            if isinstance(upload.layout, Ranged):  # the other export may exist from before
                unlink(other)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def _write_export(self, upload: Upload, chunks: Sequence[UploadChunk], target: str) -> None:
        """Write the export to the path ``target``; on failure no file is left there."""
        path = self._path(upload.id)
        data = format_info(upload, chunks, data_path=path)
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
        return await self._quick.run(self._size, name)

    def _size(self, name: str) -> int | None:
        try:
            return os.stat(self._path(name), follow_symlinks=False).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise translation(error) from error

    @translated
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        fd = await self._quick.run(os.open, self._path(name), os.O_WRONLY | _OPEN)
        try:
            is_remote = self._medium == "remote"
            is_large = body.length is None or body.length >= _LARGE
            write_back = self._writes_back and is_large and not is_remote
            with WriteBack(fd, self._write_backs) if write_back else nullcontext():
                sink = FileSink(fd, is_quick=not is_remote)
                return await pump(body, sink, offset, limit=limit, hashes=hashes, stop=stop)
        finally:
            await self._quick.run(os.close, fd)

    @translated
    async def allocate(self, name: str, size: int, *, how: Preallocate, min_free: int) -> None:
        await self._in_thread(self._allocate, name, size, how, min_free)

    def _allocate(self, name: str, size: int, how: Preallocate, min_free: int) -> None:
        fd = os.open(self._path(name), os.O_CREAT | os.O_WRONLY | _OPEN, self._file_mode)
        try:
            reserve(fd, size, how=how, min_free=min_free)
        finally:
            os.close(fd)

    @translated
    async def link(self, name: str, new_name: str) -> None:
        await self._in_thread(link, self._path(name), self._path(new_name))

    @translated
    async def move(self, name: str, new_name: str) -> None:
        await self._in_thread(move, self._path(name), self._path(new_name))

    @translated
    async def join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        await self._in_thread(self._join, pieces, name, taken)

    def _join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        fd = os.open(self._path(name), os.O_CREAT | os.O_TRUNC | os.O_RDWR | _OPEN, self._file_mode)
        try:
            for data_file, start, size in pieces:
                with self._open(data_file) as source:
                    copy(source.fileno(), start, size, fd)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._digest(name, 0, sum(size for _, _, size in pieces), taken)

    @translated
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

    @translated
    async def digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        await self._in_thread(self._digest, name, start, stop, taken)

    def _digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        block = memoryview(bytearray(min(_BLOCK, max(stop - start, 1))))
        with self._open(name) as file:
            file.seek(start)
            left = stop - start
            while left and (count := file.readinto(block[: min(left, _BLOCK)])):
                taken.update(block[:count])
                left -= count

    @translated
    async def sync(self, name: str) -> None:
        await self._quick.run_sync(self._sync, name)

    def _sync(self, name: str) -> None:
        fd = os.open(self._path(name), os.O_WRONLY | _OPEN)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(self._directory)

    @translated
    async def remove(self, name: str) -> None:
        await self._in_thread(unlink, self._path(name))

    @translated
    async def remove_export(self, name: str) -> None:
        await self._in_thread(self._remove_export, name)

    def _remove_export(self, name: str) -> None:
        # In this order: what a crash in between leaves must not look like a sequential upload.
        unlink(f"{self._path(name)}.info")
        unlink(ranged_export(self._directory, name))
        unlink(temporary_export(self._directory, name))

    async def read(self, name: str, start: int, size: int) -> AsyncGenerator[bytes, None]:
        file = await self.open_file(name)
        try:
            end = start + size
            while start < end:
                block = await self._in_thread(os.pread, file.fileno(), min(end - start, _READ), start)
                if not block:
                    raise EOFError(f"the data file {name} is shorter than the catalog says")
                start += len(block)
                yield block
        except OSError as error:
            raise translation(error) from error
        finally:
            await self.close_files([file])

    @translated
    async def open_file(self, name: str) -> RawIOBase:
        return await self._quick.run(self._open, name)

    async def close_files(self, files: Sequence[OpenFile]) -> None:
        if files:
            await self._quick.run(_close, files)

    def _open(self, name: str) -> RawIOBase:
        fd = os.open(self._path(name), os.O_RDONLY | _OPEN)
        return os.fdopen(fd, "rb", buffering=0)

    @translated
    async def exported(self) -> list[str]:
        return await self._in_thread(self._exported)

    def _exported(self) -> list[str]:
        with os.scandir(self._directory) as entries:
            found = {exported_id(entry.name) for entry in entries}
        return [upload_id for upload_id in found if upload_id is not None]

    @translated
    async def unfinished_exports(self, *, before: float) -> list[str]:
        return await self._in_thread(self._unfinished_exports, before)

    def _unfinished_exports(self, before: float) -> list[str]:
        with os.scandir(self._directory) as entries:
            found = {begun_id(entry.name) for entry in entries if entry.name.startswith(".")}
        return [
            upload_id for upload_id in found if upload_id is not None and self._is_older(upload_id, before)
        ]

    def _is_older(self, upload_id: str, before: float) -> bool:
        with suppress(FileNotFoundError):
            found = os.stat(temporary_export(self._directory, upload_id), follow_symlinks=False)
            return found.st_mtime < before
        return False

    @translated
    async def remove_unfinished_export(self, name: str, *, before: float) -> None:
        await self._in_thread(self._remove_unfinished_export, name, before)

    def _remove_unfinished_export(self, name: str, before: float) -> None:
        if self._is_older(name, before):
            unlink(temporary_export(self._directory, name))

    @translated
    async def adopt(self, upload_id: str) -> Adopted | None:
        return await self._in_thread(adopt_upload, self._directory, upload_id)


def _close(files: Sequence[OpenFile]) -> None:
    for file in files:
        file.close()
