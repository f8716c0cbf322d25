"""The whole benchmark on tiny sizes: every scenario runs, verifies its bytes, and shows up in the results.

No time is asserted anywhere.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

_OURS = f"{sys.executable} -m tusd_py -host 127.0.0.1 -port {{port}} -upload-dir {{dir}}"


_LIAR = f"{sys.executable} {Path(__file__).with_name('lying_server.py')} {{port}} {{dir}}"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "1", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def test_every_scenario_runs_on_two_servers(tmp_path: Path) -> None:
    """One command gives a table, JSON and a chart, with a value for every scenario and no failure."""
    scenarios = [word for name in SCENARIOS for word in ("--scenario", name)]
    results, chart = tmp_path / "results.json", tmp_path / "chart.svg"
    places = ["--directory", str(tmp_path), "--json", str(results), "--chart", str(chart)]
    servers = ["--server", f"ours={_OURS}", "--server", f"none={_OURS} -durability none"]
    done = _run(*scenarios, *places, *servers)
    assert done.returncode == 0, done.stderr
    stored = json.loads(results.read_text())
    assert stored["failures"] == {}
    assert set(stored["samples"]) == set(SCENARIOS)
    for samples in stored["samples"].values():
        assert [len(rounds) for rounds in samples.values()] == [1, 1]
    for scenario in SCENARIOS.values():
        assert scenario.title in done.stdout
    assert chart.read_text().startswith("<svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chart.svg", "results.json"]


def test_a_server_that_stores_wrong_bytes_has_no_result(tmp_path: Path) -> None:
    """Fast and wrong is a failure, named in the table and in the exit status."""
    done = _run(
        *("--scenario", "one-patch", "--directory", str(tmp_path)),
        *("--server", f"liar={_LIAR} change", "--server", f"ours={_OURS}"),
    )
    assert done.returncode == 1
    assert "| liar | failed: load: " in done.stdout
    assert "wrong bytes" in done.stdout


def test_chunks_that_are_stored_wrongly_have_no_result(tmp_path: Path) -> None:
    """A byte changed or lost, in chunks or in the PATCHes beside them; another digest than was sent."""
    results = tmp_path / "results.json"
    scenarios = ["chunks", "commit", "many-chunks"]
    liars = ["change", "lose", "change-patches", "wrong-digest"]
    done = _run(
        *("--directory", str(tmp_path), "--json", str(results)),
        *(word for name in scenarios for word in ("--scenario", name)),
        *(word for how in liars for word in ("--server", f"{how}={_LIAR} {how}")),
        *("--server", f"ours={_OURS}"),
    )
    assert done.returncode == 1
    stored = json.loads(results.read_text())
    failed = {scenario: set(failures) for scenario, failures in stored["failures"].items()}
    every = {"change", "lose", "wrong-digest"}
    assert failed == {"chunks": {*every, "change-patches"}, "commit": every, "many-chunks": every}
    for scenario in scenarios:
        failures = stored["failures"][scenario]
        assert "wrong bytes" in failures["change"]
        assert "wrong bytes" in failures["lose"]
        assert failures["wrong-digest"].startswith("the commit answered")
        assert len(stored["samples"][scenario]["ours"]) == 1


def test_a_server_without_chunks_shows_nothing_of_them(tmp_path: Path) -> None:
    """It neither fails nor has a value; the other one's bar needs none of it."""
    results = tmp_path / "results.json"
    done = _run(
        *("--scenario", "many-chunks", "--directory", str(tmp_path), "--json", str(results)),
        *("--api-prefix", "/api/v3/"),
        *("--server", f"ours={_OURS} -api-prefix /api/v3", "--server", f"without={_OURS} -disable-api"),
    )
    assert done.returncode == 0, done.stderr
    samples = json.loads(results.read_text())["samples"]["many-chunks"]
    assert (len(samples["ours"]), len(samples["without"])) == (1, 0)
    assert "| ours |" in done.stdout
    assert "| without |" not in done.stdout.partition("\n")[2].partition("|---")[2]


@pytest.mark.parametrize(
    "servers", [[], ["a=x {port}"], ["a=x {port}", "a=x {port}"], ["a=x {port}", "b=no place for it"]]
)
def test_wrong_arguments_are_refused(servers: list[str]) -> None:
    """Two servers with names of their own, each with a port to listen on, are the least."""
    done = _run(*(word for server in servers for word in ("--server", server)))
    assert done.returncode == 2
    assert done.stderr
