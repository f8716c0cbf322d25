"""What a power cut may take is noticed, or it was on the disk before anybody said that it is there."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from tests.contract.bodies import sent
from tusd_py import Config
from tusd_py.adapters.store_file.store import FileStore
from tusd_py.assembly import open_backends
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import UploadKind
from tusd_py.service.caller import Caller
from tusd_py.service.chunks import Place
from tusd_py.service.expected import ExpectedChecksum, ExpectedDigests
from tusd_py.service.parallel_uploads import WantedSession
from tusd_py.service.uploads import Wanted
from tusd_py.service.wiring import Service


class WatchedStore(FileStore):
    """A file store that remembers what was on the disk when it was synced."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.directory = directory
        self.synced = b""

    async def sync(self, name: str) -> None:
        """See DataStore."""
        await super().sync(name)
        self.synced = (self.directory / name).read_bytes()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("durability", "kind", "is_synced"),
    [
        ("finish", UploadKind.SINGLE, True),
        ("finish", UploadKind.SESSION, False),  # its commit reads it all again
        ("patch", UploadKind.SESSION, True),
        ("none", UploadKind.SINGLE, False),
    ],
)
async def test_e24_chunks_that_nobody_reads_again_are_synced(
    tmp_path: Path, durability: Literal["finish", "patch", "none"], kind: UploadKind, is_synced: bool
) -> None:
    """Chunks and PATCHes of what tus began: bytes first, then the row that says that they are there."""
    config = Config(upload_dir=tmp_path, durability=durability)
    backends = await open_backends(config)
    try:
        store = WatchedStore(tmp_path)
        service = Service(config, replace(backends.service.ports, store=store), backends.service.liveness)
        parallel, caller = service.parallel, Caller()
        assert parallel is not None
        if kind is UploadKind.SESSION:
            upload, _ = await parallel.uploads.create(WantedSession(size=30, metadata={}), caller)
        else:
            upload = (await service.uploads.create(Wanted(length=30, metadata={}), caller)).upload
        await service.appender.append(upload.id, 0, sent(b"AAAAA"), ExpectedChecksum(), caller)
        store.synced = b""
        await parallel.chunks.put(upload, Place(ByteRange(5, 10)), sent(b"BBBBB"), ExpectedDigests(), caller)
        assert store.synced.startswith(b"AAAAABBBBB") is is_synced
        await service.appender.append(upload.id, 10, sent(b"CCCCC"), ExpectedChecksum(), caller)
        assert store.synced.startswith(b"AAAAABBBBBCCCCC") is is_synced
        store.close()
    finally:
        await backends.close()
