"""``kill -9`` at every step of an upload's life: the outbox tells what happened, no more and no less."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: What may be: the upload's state, and what was told of it.
TOLD = {
    (): [],
    ("open",): ["created"],
    ("committing",): ["created"],
    ("complete",): ["created", "completed"],
}
GONE = ["created", "completed", "terminated"]


@pytest.mark.parametrize(("kind", "least"), [("tus", 30), ("session", 40)])
def test_killed_at_any_step_of_a_life(tmp_path: Path, kind: str, least: int) -> None:
    """An event is there if and only if its change is, also after somebody cleaned up."""
    command = [sys.executable, "-m", "tests.embedding.dying_with_events", str(tmp_path), kind]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr
    seen = set()
    for line in map(json.loads, found.stdout.splitlines()):
        uploads = tuple(line["uploads"])
        assert line["events"] == TOLD[uploads] or (not uploads and line["events"] == GONE), line
        seen.add((uploads, *line["events"]))
    assert {events[-1] for _, *events in seen if events} == set(GONE), "no step was missed"
    assert ((),) in seen
    assert len(found.stdout.splitlines()) >= 2 * least
