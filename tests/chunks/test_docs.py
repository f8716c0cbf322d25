"""What the documentation shows works, and what it promises is tested."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chunks.lab import Service
from tests.support.tus import payload, sha256

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/parallel-chunks.md").read_text()
TESTS = {
    name
    for path in Path(__file__).parent.glob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}
DATA = payload(1 << 20)


def example(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def run(*command: str | Path) -> list[str]:
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout.split()


def test_the_python_example(serve: Callable[..., Service], source: Path, tmp_path: Path) -> None:
    """From the start, and after a restart with half of the chunks there."""
    server = serve("-advised-chunk-size", "65536")
    api = server.api()
    script = tmp_path / "example.py"
    script.write_text(example("python"))
    href, digest = run(sys.executable, script, source, server.origin)
    assert digest == sha256(DATA)
    assert api.http.get(href).json()["chunks_count"] == 16

    upload = api.create(len(DATA))
    for first in range(65536, len(DATA), 131072):
        api.put(upload, first, DATA[first : first + 65536])
    assert run(sys.executable, script, source, server.origin, upload["href"]) == [digest]
    assert (server.upload_dir / upload["id"]).read_bytes() == DATA
    server.sql("SELECT 1")


def test_the_browser_example(serve: Callable[..., Service], source: Path, tmp_path: Path) -> None:
    """Under Node, whose fetch, Blob and crypto are a browser's."""
    server = serve("-advised-chunk-size", "65536")
    api = server.api()
    (tmp_path / "example.mjs").write_text(example("js"))
    (tmp_path / "run.mjs").write_text(
        "import { send } from './example.mjs'; import { readFileSync } from 'node:fs'\n"
        "const [source, server, upload] = process.argv.slice(2)\n"
        "const file = new Blob([readFileSync(source)])\n"
        "console.log(JSON.stringify(await send(file, server, { upload })))\n"
    )
    upload = api.create(len(DATA))
    api.put(upload, 65536, DATA[65536 : 2 * 65536])
    for more in ((), (upload["href"],)):
        (line,) = run("node", tmp_path / "run.mjs", source, server.origin, *more)
        done = json.loads(line)
        assert (done["state"], done["sha256"]) == ("completed", sha256(DATA))


@pytest.mark.parametrize("which", [0, 1], ids=["httpie", "curl"])
def test_the_seven_lines(serve: Callable[..., Service], tmp_path: Path, which: int) -> None:
    """As printed, but for the port."""
    server = serve("-api-prefix", "/pulp/api/v3")
    data = payload(10 << 20)
    (tmp_path / "1.iso").write_bytes(data)
    lines = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[which]
    assert len(lines.splitlines()) == 7
    script = lines.replace("24817", server.origin.rpartition(":")[2])
    if shutil.which("jq") is None:
        stand_in = f"#!{sys.executable}\nimport json, sys\nprint(json.load(sys.stdin)[sys.argv[2][1:]])\n"
        (tmp_path / "jq").write_text(stand_in)
        (tmp_path / "jq").chmod(0o755)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:{tmp_path}"
    environment = {"PATH": path, "HOME": str(tmp_path)}
    told = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert server.artifact_files() == {sha256(data)}, told.stdout + told.stderr


@pytest.mark.parametrize("number", range(1, 36))
def test_every_edge_case_has_a_test(number: int) -> None:
    assert any(name.startswith(f"test_e{number:02}_") for name in TESTS)


@pytest.mark.parametrize("number", range(1, 26))
def test_every_requirement_has_a_line_and_a_test(number: int) -> None:
    found = re.search(rf"^\| R{number} \|.*\| (.*) \|$", PAGE, re.MULTILINE)
    assert found is not None
    for name in re.findall(r"`(\w+)`", found[1]):
        assert name in TESTS or (Path(__file__).parent / f"{name}.py").exists(), name


def test_every_problem_is_provoked() -> None:
    """Each row of the table is named by a test that checks status and members."""
    table = (ROOT / "docs/errors.md").read_text().partition("## Problems")[2]
    types = {
        name
        for cell in re.findall(r"^\| (`[^|]*) \| [\d, any]+ \|", table, re.MULTILINE)
        for name in re.findall(r"`([a-z-]+)`", cell)
    }
    assert len(types) > 30
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in types if f'"{name}"' not in texts} == set()
