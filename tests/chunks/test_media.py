"""Media that cannot do all that a local file system can."""

import errno
import os
from pathlib import Path

import pytest

from tests.contract.bodies import sent
from tusd_py import Config
from tusd_py.assembly import open_backends
from tusd_py.service.artifacts import file_of
from tusd_py.service.caller import Caller
from tusd_py.service.expected import ExpectedChecksum
from tusd_py.service.uploads import Wanted

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
async def test_an_artifact_is_copied_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    backends = await open_backends(Config(upload_dir=tmp_path))
    try:
        service, caller = backends.service, Caller()
        assert service.parallel is not None
        upload = (await service.uploads.create(Wanted(length=5, metadata={}), caller)).upload
        await service.appender.append(upload.id, 0, sent(b"hello"), ExpectedChecksum(), caller)
        monkeypatch.setattr(os, "link", refuse)
        made = await service.parallel.artifacts.from_upload(upload, caller)
        assert made.is_new
        assert (tmp_path / file_of(made.artifact)).read_bytes() == b"hello"
        assert not (tmp_path / upload.id).exists()
    finally:
        await backends.close()
