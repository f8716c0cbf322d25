"""HTTPie and curl take a file through the chunk API, as we document it and as Pulp documents its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chunks.lab import Service
from tests.support.tus import payload, sha256

SIZE, CUT = 10485760, 6291456


class Shell:
    """Runs HTTPie on one server."""

    def __init__(self, server: Service) -> None:
        self._url = server.origin

    def http(self, *words: str, status: int) -> dict[str, object]:
        command = [sys.executable, "-m", "httpie", "--ignore-stdin", "--print=hb", "--pretty=none"]
        told = subprocess.run(
            [*command, *(word.replace("URL", self._url, 1) for word in words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        head, _, body = told.stdout.replace("\r", "").partition("\n\n")
        assert head.splitlines()[0].split()[1] == str(status), told.stdout + told.stderr
        return dict(json.loads(body)) if body.strip() else {}


@pytest.fixture
def chunks(tmp_path: Path) -> tuple[Path, Path, str]:
    """The two chunks of the file, and its digest."""
    data = payload(SIZE)
    (tmp_path / "chunkaa").write_bytes(data[:CUT])
    (tmp_path / "chunkab").write_bytes(data[CUT:])
    return tmp_path / "chunkaa", tmp_path / "chunkab", sha256(data)


@pytest.mark.parametrize(
    ("prefix", "flag", "slash"),
    [
        ("", "", "/"),
        ("/pulp/api/v3", "pulp/api/v3/", ""),
    ],
)
def test_t1_httpie_takes_a_file_in_two_chunks_to_an_artifact(
    serve: Callable[..., Service], chunks: tuple[Path, Path, str], prefix: str, flag: str, slash: str
) -> None:
    """R6, R8, R11, R12, R13: create, two chunks in the wrong order, view, commit, artifact, gone."""
    server = serve("-api-prefix", flag)
    shell = Shell(server)
    first, second, digest = chunks
    upload = str(shell.http("POST", f"URL{prefix}/uploads{slash}", f"size={SIZE}", status=201)["href"])
    assert upload.startswith(f"{prefix}/uploads/")
    where = f"URL{upload.rstrip('/')}{slash}"
    ranges = [f"Content-Range:bytes {CUT}-{SIZE - 1}/{SIZE}", f"Content-Range:bytes 0-{CUT - 1}/{SIZE}"]
    shell.http("--form", "PUT", where, f"file@{second}", ranges[0], status=200)
    shell.http(
        "--form", "PUT", where, f"file@{first}", ranges[1], f"sha256={sha256(first.read_bytes())}", status=200
    )
    assert shell.http("GET", where, status=200)["missing"] == []
    committed = shell.http("PUT", f"URL{upload}commit{slash}", f"sha256={digest}", status=200)
    assert committed["state"] == "completed"
    made = shell.http("POST", f"URL{prefix}/artifacts{slash}", f"upload={upload}", status=201)
    assert made["sha256"] == digest
    shell.http("GET", where, status=404)
    assert server.artifact_files() == {digest}
    (artifact,) = (server.upload_dir / ".tusd-py/artifacts").iterdir()
    assert artifact.read_bytes() == first.read_bytes() + second.read_bytes()
    assert server.files() == set()


def test_the_total_of_another_file_is_refused_unless_ignored(
    serve: Callable[..., Service], chunks: tuple[Path, Path, str]
) -> None:
    """S2: the total of another file is refused, unless the setting ignores it. S1: size is last + 1."""
    first, second, _ = chunks
    ranges = [f"Content-Range:bytes 0-{CUT - 1}/32095676", f"Content-Range:bytes {CUT}-{SIZE - 1}/32095676"]
    for flags, status in (((), 400), (("-content-range-total", "ignore"), 200)):
        server = serve(*flags)
        shell, upload = Shell(server), server.api().create(SIZE)["href"]
        shell.http("--form", "PUT", f"URL{upload}", f"file@{first}", ranges[0], status=status)
    api = serve("-content-range-total", "ignore").api()
    assert api.put(api.create(SIZE - 1), CUT, second.read_bytes()).status_code == 400


def test_pulps_documented_flow(serve: Callable[..., Service], chunks: tuple[Path, Path, str]) -> None:
    """POST commit, 202 and a task to look at, the artifact as its created resource; ``*`` as total."""
    server = serve("-pulp-compat", "-api-prefix", "/pulp/api/v3")
    shell = Shell(server)
    first, second, digest = chunks
    upload = shell.http("POST", "URL/pulp/api/v3/uploads/", f"size={SIZE}", status=201)["pulp_href"]
    ranges = [f"Content-Range:bytes {CUT}-{SIZE - 1}/*", f"Content-Range:bytes 0-{CUT - 1}/*"]
    shell.http("--form", "PUT", f"URL{upload}", f"file@{second}", ranges[0], status=200)
    shell.http("--form", "PUT", f"URL{upload}", f"file@{second}", ranges[0], status=200)
    shell.http("--form", "PUT", f"URL{upload}", f"file@{first}", ranges[1], status=200)
    shell.http("POST", f"URL{upload}commit/", f"sha256={sha256(b'x')}", status=400)
    answer = shell.http("POST", f"URL{upload}commit/", f"sha256={digest}", status=202)
    assert list(answer) == ["task"]
    task = answer["task"]
    done = shell.http("GET", f"URL{task}", status=200)
    assert done["state"] == "completed"
    assert isinstance(done["created_resources"], list)
    assert shell.http("GET", f"URL{done['created_resources'][0]}", status=200)["sha256"] == digest
    assert server.artifact_files() == {digest}


def test_the_same_with_curl(serve: Callable[..., Service], chunks: tuple[Path, Path, str]) -> None:
    """As documented: forms and bare bodies, urlencoded fields."""
    server = serve()
    first, second, digest = chunks

    def curl(*words: str) -> dict[str, object]:
        told = subprocess.run(["curl", "-sS", "--fail-with-body", *words], capture_output=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        return dict(json.loads(told.stdout))

    upload = curl(f"{server.origin}/uploads/", "-d", f"size={SIZE}")["href"]
    where = f"{server.origin}{upload}"
    span = f"Content-Range: bytes {CUT}-{SIZE - 1}/{SIZE}"
    curl("-X", "PUT", where, "--data-binary", f"@{second}", "-H", span)
    curl("-X", "PUT", where, "-F", f"file=@{first}", "-H", f"Content-Range: bytes 0-{CUT - 1}/{SIZE}")
    curl("-X", "PUT", f"{where}commit", "-d", f"sha256={digest}")
    assert curl(f"{server.origin}/artifacts", "-F", f"upload={where}")["sha256"] == digest
