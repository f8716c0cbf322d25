"""The released Python client, ``tuspy``, against the server."""

import asyncio
import base64
import gc
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.fingerprint.fingerprint import Fingerprint
from tusclient.storage.filestorage import FileStorage

from tests.support.server import Server
from tests.support.tus import MIB, Tus, id_of, payload

#: The client leaves the files that it opens by name to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

SIZE = 5 * MIB + 123
CHUNK = MIB


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what a failed request keeps alive here and not in some later test, which would be blamed."""
    yield
    gc.collect()


@pytest.fixture
def client(server: Server) -> TusClient:
    return TusClient(server.url)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to upload."""
    path = tmp_path / "source.bin"
    path.write_bytes(payload(SIZE, seed=80))
    return path


@pytest.fixture
def stored_urls(tmp_path: Path) -> Iterator[FileStorage]:
    """Where the client keeps the URLs of its uploads."""
    storage = FileStorage(str(tmp_path / "urls.json"))  # type: ignore[no-untyped-call]
    yield storage
    storage.close()  # type: ignore[no-untyped-call]


def assert_stored(server: Server, tus: Tus, url: str | None, data: bytes) -> None:
    """The bytes are on disk, can be downloaded, and HEAD says so."""
    assert url is not None
    assert (server.upload_dir / id_of(url)).read_bytes() == data
    assert tus.get(url).content == data
    assert tus.offset(url) == len(data)


@pytest.mark.parametrize("chunk_size", [None, CHUNK, SIZE, 65_537], ids=["one", "many", "exact", "odd"])
def test_upload_in_chunks(
    server: Server, tus: Tus, client: TusClient, source: Path, chunk_size: int | None
) -> None:
    sizes = {} if chunk_size is None else {"chunk_size": chunk_size}
    uploader = client.uploader(str(source), **sizes)
    uploader.upload()
    assert_stored(server, tus, uploader.url, source.read_bytes())


def test_empty_file(server: Server, tus: Tus, client: TusClient) -> None:
    """No PATCH follows: the upload is complete after its creation."""
    uploader = client.uploader(file_stream=io.BytesIO(b""))
    uploader.upload()
    assert_stored(server, tus, uploader.url, b"")


def test_resume_from_a_url(server: Server, tus: Tus, client: TusClient, source: Path) -> None:
    first = client.uploader(str(source), chunk_size=CHUNK)
    first.upload(stop_at=2 * CHUNK)
    assert tus.offset(str(first.url)) == 2 * CHUNK
    second = client.uploader(str(source), chunk_size=CHUNK, url=first.url)
    assert second.offset == 2 * CHUNK
    second.upload()
    assert second.url == first.url
    assert_stored(server, tus, first.url, source.read_bytes())


def test_resume_from_a_stored_url_after_a_kill(
    server: Server, tus: Tus, client: TusClient, source: Path, stored_urls: FileStorage
) -> None:
    """The next run of the program finds the URL, and the server still knows it after ``kill -9``."""
    first = client.uploader(str(source), chunk_size=CHUNK, store_url=True, url_storage=stored_urls)
    first.upload(stop_at=3 * CHUNK)
    server.kill()
    server.restart()
    second = client.uploader(str(source), chunk_size=CHUNK, store_url=True, url_storage=stored_urls)
    assert (second.url, second.offset) == (first.url, 3 * CHUNK)
    second.upload()
    assert_stored(server, tus, first.url, source.read_bytes())


def test_stored_url_of_a_deleted_upload_is_known_to_be_gone(
    server: Server, tus: Tus, client: TusClient, source: Path, stored_urls: FileStorage
) -> None:
    """HEAD of what is gone tells the client so, and its program starts anew."""
    stored = {"store_url": True, "url_storage": stored_urls}
    first = client.uploader(str(source), chunk_size=CHUNK, **stored)
    first.upload(stop_at=CHUNK)
    assert tus.delete(str(first.url)).status_code == 204
    with pytest.raises(TusCommunicationError) as refused:
        client.uploader(str(source), chunk_size=CHUNK, **stored)
    assert refused.value.status_code in {404, 410}
    with source.open("rb") as file:
        stored_urls.remove_item(Fingerprint().get_fingerprint(file))
    second = client.uploader(str(source), chunk_size=CHUNK, **stored)
    second.upload()
    assert second.url != first.url
    assert_stored(server, tus, second.url, source.read_bytes())


def test_stored_url_of_a_finished_upload_sends_nothing_again(
    server: Server, tus: Tus, client: TusClient, source: Path, stored_urls: FileStorage
) -> None:
    """HEAD of a finished upload works, so that nothing is uploaded twice."""
    first = client.uploader(str(source), store_url=True, url_storage=stored_urls)
    first.upload()
    with source.open("rb") as file:
        stored_urls.set_item(Fingerprint().get_fingerprint(file), str(first.url))
    second = client.uploader(str(source), store_url=True, url_storage=stored_urls)
    assert second.offset == SIZE
    second.upload()
    assert second.url == first.url
    assert_stored(server, tus, first.url, source.read_bytes())


def test_checksum_of_every_chunk(server: Server, tus: Tus, client: TusClient, source: Path) -> None:
    """``upload_checksum`` sends a base64 sha1 with each PATCH."""
    uploader = client.uploader(str(source), chunk_size=CHUNK, upload_checksum=True)
    uploader.upload()
    assert_stored(server, tus, uploader.url, source.read_bytes())


def test_checksum_is_compared(tus: Tus, client: TusClient, source: Path) -> None:
    """Bytes that change on the way are refused, so the test above proves something."""
    uploader = client.uploader(str(source), chunk_size=CHUNK, upload_checksum=True)
    uploader.upload(stop_at=CHUNK)
    digest = base64.b64encode(b"\0" * 20).decode()
    reply = tus.patch(str(uploader.url), CHUNK, b"changed", Upload_Checksum=f"sha1 {digest}")
    assert reply.status_code == 460
    assert tus.offset(str(uploader.url)) == CHUNK


def test_metadata_beyond_ascii(tus: Tus, client: TusClient, source: Path) -> None:
    """Values come back byte for byte."""
    sent = {"filename": "Übergrößen-日本語.bin", "filetype": "application/x-ü", "note": ""}
    uploader = client.uploader(str(source), metadata=sent)
    uploader.upload()
    pairs = [
        pair.partition(" ") for pair in tus.head(str(uploader.url)).headers["Upload-Metadata"].split(",")
    ]
    got = {key: base64.b64decode(value).decode() for key, _, value in pairs}
    assert got == sent


def test_no_metadata_sends_an_empty_header(tus: Tus, client: TusClient, source: Path) -> None:
    """This client always sends Upload-Metadata, empty if there is none (@tus/server says 400)."""
    uploader = client.uploader(str(source))
    headers = uploader.get_url_creation_headers()  # type: ignore[no-untyped-call]
    assert headers["upload-metadata"] == ""
    uploader.upload()
    assert tus.head(str(uploader.url)).headers.get("Upload-Metadata", "") == ""


def test_retry_after_a_conflict(server: Server, tus: Tus, client: TusClient, source: Path) -> None:
    """Somebody else moved the offset: the client's PATCH is refused, it asks again and goes on."""
    data = source.read_bytes()
    uploader = client.uploader(str(source), chunk_size=CHUNK, retries=2, retry_delay=0)
    uploader.upload(stop_at=CHUNK)
    assert tus.patch(str(uploader.url), CHUNK, data[CHUNK : 2 * CHUNK]).status_code == 204
    uploader.upload()
    assert_stored(server, tus, uploader.url, data)


def test_async_uploader(server: Server, tus: Tus, client: TusClient, source: Path) -> None:
    uploader = client.async_uploader(str(source), chunk_size=CHUNK, upload_checksum=True)
    asyncio.run(uploader.upload())
    assert_stored(server, tus, uploader.url, source.read_bytes())


def test_async_uploaders_side_by_side(server: Server, tus: Tus, client: TusClient) -> None:
    """Several uploads in one event loop do not get into each other's way."""
    bodies = [payload(2 * MIB + seed, seed) for seed in range(5)]
    uploaders = [client.async_uploader(file_stream=io.BytesIO(body), chunk_size=CHUNK) for body in bodies]

    async def all_of_them() -> None:
        await asyncio.gather(*(uploader.upload() for uploader in uploaders))

    asyncio.run(all_of_them())
    for uploader, body in zip(uploaders, bodies, strict=True):
        assert_stored(server, tus, uploader.url, body)
