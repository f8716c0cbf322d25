"""Bodies, lengths and offsets: what is stored is what was announced, and complete means every byte."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, OFFSET_STREAM, Tus, Wire, checksum, id_of, payload

LENGTH = 300_000
TOO_MUCH = 428_000


def in_pieces(data: bytes) -> Iterator[bytes]:
    """A body whose length the client does not announce: chunked transfer coding."""
    for place in range(0, len(data), 65_536):
        yield data[place : place + 65_536]


def stored(server: Server, url: str) -> bytes:
    """What lies on disk."""
    return (server.upload_dir / id_of(url)).read_bytes()


def test_over_length_patch_stores_nothing_of_it(server: Server, tus: Tus) -> None:
    """A PATCH longer than the upload is refused whole (one peer kept the bytes and answered 400)."""
    data = payload(LENGTH, seed=1)
    url = tus.create(LENGTH)
    reply = tus.patch(url, 0, payload(TOO_MUCH, seed=2))
    assert reply.status_code in {400, 413}
    assert tus.offset(url) == 0
    tus.finish(url, data)
    assert stored(server, url) == data


def test_over_length_chunked_patch_never_passes_the_length(server: Server, tus: Tus) -> None:
    """Without Content-Length the limit holds too (peers wrote 100,000 bytes into a 10-byte upload)."""
    data = payload(LENGTH, seed=3)
    url = tus.create(LENGTH)
    reply = tus.patch(url, 0, in_pieces(data + b"x" * 128_000))
    assert reply.status_code in {400, 413}
    offset = tus.offset(url)
    assert len(stored(server, url)) == offset <= LENGTH
    assert stored(server, url) == data[:offset]
    if offset < LENGTH:
        tus.finish(url, data)
    assert tus.get(url).content == data


def test_over_length_creation_with_upload_is_refused(server: Server, tus: Tus) -> None:
    """A POST body longer than Upload-Length never becomes an upload of the wrong size."""
    reply = tus.post(5, b"0123456789")
    assert reply.status_code in {400, 413}
    assert_no_data_beyond(server, 5)


def test_over_length_chunked_creation_with_upload_is_refused(server: Server, tus: Tus) -> None:
    """The same without Content-Length (a peer accepted 1.6 MB for a length of 5)."""
    reply = tus.post(5, in_pieces(payload(1_600_000)))
    assert reply.status_code in {400, 413}
    assert_no_data_beyond(server, 5)


def test_max_size_holds_for_every_way_to_send(serve: Serve) -> None:
    """-max-size limits a declared length, a deferred one, a late one, a chunked body and a concatenation."""
    server = serve("-max-size", "1000")
    with Tus(server.url) as tus:
        assert tus.post(1001).status_code == 413
        assert tus.post(1001, b"x" * 1001).status_code == 413
        deferred = tus.create(Upload_Defer_Length="1")
        assert tus.patch(deferred, 0, in_pieces(b"x" * 5000)).status_code == 413
        late = tus.create(Upload_Defer_Length="1")
        assert tus.patch(late, 0, b"abc", Upload_Length="1001").status_code == 413
        assert tus.offset(late) == 0
        parts = [tus.create(600, b"x" * 600, Upload_Concat="partial") for _ in range(2)]
        assert tus.post(Upload_Concat=f"final;{parts[0]} {parts[1]}").status_code == 413
        tus.finish(tus.create(1000), b"y" * 1000)
    assert_no_data_beyond(server, 1000)


def assert_no_data_beyond(server: Server, limit: int) -> None:
    """No data file is larger than an upload may be; names with a dot are the server's own."""
    sizes = {path.name: path.stat().st_size for path in server.upload_dir.iterdir() if path.is_file()}
    assert all(size <= limit for name, size in sizes.items() if "." not in name), sizes


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({"Content-Type": "text/plain"}, 415, id="wrong content type"),
        pytest.param({"Content-Type": None}, 415, id="no content type"),
        pytest.param({"Tus-Resumable": None}, 412, id="no version"),
        pytest.param({"Tus-Resumable": "0.2.2"}, 412, id="wrong version"),
        pytest.param({"Upload-Offset": None}, 400, id="no offset"),
        pytest.param({"Upload-Offset": "7"}, 409, id="wrong offset"),
        pytest.param({"Upload-Checksum": "md4711 AAAA"}, 400, id="unknown checksum"),
    ],
)
def test_headers_are_checked_before_a_byte_is_stored(
    server: Server, tus: Tus, changed: dict[str, str | None], status: int
) -> None:
    """A refused PATCH leaves the upload as it was (one peer stored 1000 bytes, then answered 401)."""
    url = tus.create(1000)
    headers: dict[str, str | None] = {
        "Tus-Resumable": "1.0.0",
        "Content-Type": OFFSET_STREAM,
        "Upload-Offset": "0",
        "Content-Length": "1000",
    }
    sent = {name: value for name, value in {**headers, **changed}.items() if value is not None}
    with Wire(server.host_port) as wire:
        wire.request("PATCH", server.path + id_of(url), sent, tus=False)
        wire.send(b"x" * 1000)
        reply = wire.reply()
    assert reply is not None
    assert reply.status == status
    assert tus.offset(url) == 0
    assert stored(server, url) == b""


def test_zero_byte_upload_is_complete_at_once(server: Server, tus: Tus) -> None:
    """Nothing is sent after the POST of an empty file (peers refuse it, or never finish it)."""
    reply = tus.post(0)
    assert reply.status_code == 201
    url = str(reply.url.join(reply.headers["Location"]))
    assert stored(server, url) == b""
    head = tus.head(url)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("0", "0")
    assert tus.get(url).content == b""


def test_empty_final_patch_declares_the_length(tus: Tus) -> None:
    """A stream that ends on a chunk's border sends its length without bytes (a peer dropped the length)."""
    url = tus.create(Upload_Defer_Length="1")
    assert tus.head(url).headers["Upload-Defer-Length"] == "1"
    assert tus.patch(url, 0, b"0123456789").status_code == 204
    assert tus.patch(url, 10, b"", Upload_Length="10").status_code == 204
    head = tus.head(url)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("10", "10")
    assert "Upload-Defer-Length" not in head.headers
    assert tus.get(url).content == b"0123456789"


def test_declared_length_stays(tus: Tus) -> None:
    """A second, different length is refused, and so is one below what is there already."""
    url = tus.create(Upload_Defer_Length="1")
    assert tus.patch(url, 0, b"01234").status_code == 204
    assert 400 <= tus.patch(url, 5, b"", Upload_Length="4").status_code < 500
    assert tus.patch(url, 5, b"", Upload_Length="10").status_code == 204
    assert 400 <= tus.patch(url, 5, b"", Upload_Length="11").status_code < 500
    assert tus.head(url).headers["Upload-Length"] == "10"
    tus.finish(url, b"0123456789")


def test_create_needs_a_length_or_its_deferral(server: Server, tus: Tus) -> None:
    """Neither is 400 (peers made uploads that could never finish), and so are both, and a wrong deferral."""
    before = sorted(path.name for path in server.upload_dir.iterdir())
    assert tus.post().status_code == 400
    assert tus.post(10, Upload_Defer_Length="1").status_code == 400
    assert tus.post(Upload_Defer_Length="2").status_code == 400
    assert sorted(path.name for path in server.upload_dir.iterdir()) == before


def test_head_of_a_finished_upload_works(tus: Tus) -> None:
    """A client whose last answer was lost asks again (two peers say 404, and all is sent twice)."""
    url = tus.create(3, b"abc")
    for _ in range(2):
        reply = tus.head(url)
        assert reply.status_code == 200
        assert (reply.headers["Upload-Offset"], reply.headers["Upload-Length"]) == ("3", "3")
        assert "no-store" in reply.headers["Cache-Control"]


def test_patch_after_the_end_changes_nothing(server: Server, tus: Tus) -> None:
    """Neither an empty PATCH nor one with bytes makes a finished upload anything else."""
    url = tus.create(3, b"abc")
    assert tus.patch(url, 3, b"").status_code in {204, 403, 409}
    assert 400 <= tus.patch(url, 3, b"d").status_code < 500
    assert tus.patch(url, 0, b"xyz").status_code == 409
    assert stored(server, url) == b"abc"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_checksums_are_base64_not_hex(tus: Tus, algorithm: str) -> None:
    """Base64 of the digest matches; its hex form does not pass for it (one peer had it the other way)."""
    data = payload(100_000, seed=4)
    url = tus.create(len(data))
    digest = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    assert tus.patch(url, 0, data, Upload_Checksum=f"{algorithm} {digest}").status_code in {400, 460}
    assert tus.offset(url) == 0
    assert tus.patch(url, 0, data, Upload_Checksum=checksum(data, algorithm)).status_code == 204
    assert tus.get(url).content == data


def test_checksum_mismatch_is_460_and_discards(server: Server, tus: Tus) -> None:
    """A chunk that does not match leaves no byte, also behind bytes that were good."""
    data = payload(2 * MIB, seed=5)
    url = tus.create(len(data))
    assert tus.patch(url, 0, data[:MIB], Upload_Checksum=checksum(data[:MIB])).status_code == 204
    assert tus.patch(url, MIB, b"\0" * MIB, Upload_Checksum=checksum(data[MIB:])).status_code == 460
    assert tus.offset(url) == MIB
    tus.finish(url, data)
    assert stored(server, url) == data


def test_checksum_in_a_trailer_is_compared(server: Server, tus: Tus) -> None:
    """An extension that is announced works (a peer announces trailers and refuses chunked bodies)."""
    options = tus.http.options(tus.url)
    assert "checksum-trailer" in options.headers["Tus-Extension"].split(",")
    data = payload(100_000, seed=6)
    for sent, status, offset in [(b"\0" * len(data), 460, 0), (data, 204, len(data))]:
        url = tus.create(len(data))
        headers = {
            "Content-Type": OFFSET_STREAM,
            "Upload-Offset": "0",
            "Transfer-Encoding": "chunked",
            "Trailer": "Upload-Checksum",
        }
        with Wire(server.host_port) as wire:
            wire.request("PATCH", server.path + id_of(url), headers)
            wire.send(f"{len(sent):x}\r\n".encode() + sent + b"\r\n0\r\n")
            wire.send(f"Upload-Checksum: {checksum(data)}\r\n\r\n".encode())
            reply = wire.reply()
        assert reply is not None
        assert reply.status == status
        assert tus.offset(url) == offset


def test_chunked_patch_counts_its_bytes(server: Server, tus: Tus) -> None:
    """A PATCH without Content-Length moves the offset (peers answer 400, 422, or store without counting)."""
    data = payload(MIB + 7, seed=7)
    url = tus.create(len(data))
    reply = tus.patch(url, 0, in_pieces(data))
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, str(len(data)))
    assert stored(server, url) == data
