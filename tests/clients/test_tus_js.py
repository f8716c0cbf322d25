"""The released JavaScript client, ``tus-js-client``, which is also what Uppy uses, under Node."""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import npm
from tests.support.server import Server
from tests.support.tus import MIB, Tus, id_of, payload

JS = Path(__file__).parent / "js"
SIZE = 6 * MIB + 5
CHUNK = MIB

#: Starts a scenario of upload.mjs and hands back the process.
Start = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Outcome:
    """What a scenario reports: the upload's URL and every request with its status."""

    url: str
    requests: list[tuple[str, int, str]]

    def count(self, method: str) -> int:
        return sum(1 for sent, _, _ in self.requests if sent == method)


@pytest.fixture(scope="session")
def installed() -> None:
    """The pinned client in ``js/node_modules``."""
    npm.install(JS)


@pytest.fixture
def start(installed: None, server: Server, tmp_path: Path) -> Iterator[Start]:
    """Start scenarios with this server and a source file; none outlives the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(scenario: str, data: bytes, *, piece: int = 0, **options: object) -> "subprocess.Popen[str]":
        source = tmp_path / f"source-{len(running)}"
        source.write_bytes(data)
        told = {
            "scenario": scenario,
            "endpoint": server.url,
            "source": str(source),
            "storage": str(tmp_path / "urls.json"),
            "piece": piece,
            "options": options,
        }
        node = ["node", "upload.mjs", json.dumps(told)]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(node, cwd=JS, stdout=pipe, stderr=pipe, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def upload(start: Start) -> Callable[..., Outcome]:
    """Run a scenario to its end, which must be a success."""

    def run(scenario: str, data: bytes, **more: Any) -> Outcome:
        return outcome_of(start(scenario, data, **more))

    return run


def outcome_of(process: "subprocess.Popen[str]") -> Outcome:
    """Wait for a scenario; its failure is the test's."""
    said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, f"{said}\n{complained}"
    assert said, f"the client ended without a result: {complained}"
    told = json.loads(said)
    return Outcome(told["url"], [tuple(request) for request in told["requests"]])


def assert_stored(server: Server, tus: Tus, url: str, data: bytes) -> None:
    """The bytes can be downloaded, and HEAD says that they are complete."""
    assert tus.get(url).content == data
    assert tus.offset(url) == len(data)
    reply = tus.head(url)
    assert reply.headers["Upload-Length"] == str(len(data))
    if not reply.headers.get("Upload-Concat", "").startswith("final"):
        assert (server.upload_dir / id_of(url)).read_bytes() == data


Upload = Callable[..., Outcome]


def test_one_patch_of_everything(server: Server, tus: Tus, upload: Upload) -> None:
    """The default: one POST, one PATCH of any size."""
    data = payload(SIZE, seed=90)
    done = upload("plain", data)
    assert (done.count("POST"), done.count("PATCH")) == (1, 1)
    assert_stored(server, tus, done.url, data)


@pytest.mark.parametrize("size", [0, 1, CHUNK, SIZE])
def test_chunk_size(server: Server, tus: Tus, upload: Upload, size: int) -> None:
    """A PATCH for every chunk; none for an empty file."""
    data = payload(size, seed=91)
    done = upload("plain", data, chunkSize=CHUNK)
    assert done.count("PATCH") == -(-size // CHUNK)
    assert_stored(server, tus, done.url, data)


@pytest.mark.parametrize("size", [SIZE, 4 * MIB + 1, 4 * MIB - 1, 3, 1])
def test_parallel_uploads(server: Server, tus: Tus, upload: Upload, size: int) -> None:
    """Four partial uploads and a final one; parts may differ in size, or be empty."""
    data = payload(size, seed=92)
    scenario = "parallel" if size >= 4 else "plain"  # Node cannot cut nothing out of a file
    done = upload(scenario, data, parallelUploads=4, chunkSize=CHUNK, metadata={"filename": "p"})
    assert done.count("POST") == 5
    assert_stored(server, tus, done.url, data)
    assert tus.head(done.url).headers["Upload-Concat"].startswith("final;")
    assert tus.head(done.url).headers["Upload-Metadata"] == "filename cA=="


@pytest.mark.parametrize(("size", "chunk"), [(0, CHUNK), (SIZE, CHUNK), (SIZE, None), (10, CHUNK)])
def test_data_during_creation(server: Server, tus: Tus, upload: Upload, size: int, chunk: int | None) -> None:
    """The first chunk goes with the POST, whose answer must tell the offset."""
    data = payload(size, seed=93)
    options = {} if chunk is None else {"chunkSize": chunk}
    done = upload("plain", data, uploadDataDuringCreation=True, **options)
    assert done.count("PATCH") == (0 if chunk is None else max(0, -(-size // chunk) - 1))
    assert_stored(server, tus, done.url, data)


@pytest.mark.parametrize("size", [4 * CHUNK + 17, 5], ids=["several", "one"])
def test_deferred_length_of_a_stream(server: Server, tus: Tus, upload: Upload, size: int) -> None:
    """The length comes with the last PATCH."""
    data = payload(size, seed=94)
    done = upload("live", data, piece=70_001, chunkSize=CHUNK, uploadLengthDeferred=True)
    assert_stored(server, tus, done.url, data)
    assert "Upload-Defer-Length" not in tus.head(done.url).headers


@pytest.mark.parametrize("size", [4 * CHUNK, 4 * CHUNK + 17, 0], ids=["on a border", "between", "empty"])
def test_deferred_length_declared_by_an_empty_patch(
    server: Server, tus: Tus, upload: Upload, size: int
) -> None:
    """A stream whose end is seen late: the last PATCH has a length and no byte."""
    data = payload(size, seed=94)
    done = upload("late", data, chunkSize=CHUNK, uploadLengthDeferred=True)
    assert done.count("PATCH") == -(-size // CHUNK) + 1
    assert_stored(server, tus, done.url, data)


def test_override_patch_method(server: Server, tus: Tus, upload: Upload) -> None:
    """POST with X-HTTP-Method-Override: PATCH, for networks that allow no other methods."""
    data = payload(SIZE, seed=95)
    done = upload("plain", data, chunkSize=4 * CHUNK, overridePatchMethod=True)
    assert (done.count("POST"), done.count("PATCH")) == (3, 0)
    assert_stored(server, tus, done.url, data)


@pytest.mark.parametrize("scenario", ["resumeByUrl", "resumeFromStorage"])
def test_abort_and_resume(server: Server, tus: Tus, upload: Upload, scenario: str) -> None:
    """The upload goes on where it was: one creation, one HEAD, no byte twice in the file."""
    data = payload(SIZE, seed=96)
    done = upload(scenario, data, chunkSize=CHUNK)
    assert done.count("POST") == 1
    assert done.count("HEAD") == 1
    assert_stored(server, tus, done.url, data)


def test_terminate(server: Server, tus: Tus, upload: Upload) -> None:
    """Only 204 counts as deleted for this client."""
    done = upload("terminate", payload(SIZE, seed=97), chunkSize=CHUNK)
    assert [status for method, status, _ in done.requests if method == "DELETE"] == [204]
    assert tus.head(done.url).status_code in {404, 410}
    assert not (server.upload_dir / id_of(done.url)).exists()


def test_metadata_beyond_ascii(tus: Tus, upload: Upload) -> None:
    """Values come back byte for byte, the empty one too."""
    sent = {"filename": "Übergrößen-日本語.bin", "relativePath": "null", "empty": ""}
    done = upload("plain", b"abc", metadata=sent)
    pairs = [pair.partition(" ") for pair in tus.head(done.url).headers["Upload-Metadata"].split(",")]
    got = {key: base64.b64decode(value).decode() for key, _, value in pairs}
    assert got == sent


@pytest.mark.parametrize("chunk", [CHUNK, 3 * CHUNK])
def test_retry_over_a_killed_and_restarted_server(server: Server, tus: Tus, start: Start, chunk: int) -> None:
    """``kill -9`` in the middle: the client's own retries finish the same upload."""
    data = payload(40 * MIB, seed=98)
    process = start("retry", data, chunkSize=chunk)
    assert process.stderr is not None
    while int(process.stderr.readline().split()[1]) < len(data) // 4:
        pass
    server.kill()
    server.restart()
    done = outcome_of(process)
    assert done.count("POST") == 1, "the client had to start over"
    assert_stored(server, tus, done.url, data)
