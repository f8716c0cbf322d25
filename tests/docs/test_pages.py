"""Links between pages lead to files that exist, and the map of the tests has every folder."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("benchmarks/**/*.md"),
    ROOT / "tests/README.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [link for link in links if ":" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_map_of_the_tests_has_every_folder() -> None:
    text = (ROOT / "tests/README.md").read_text()
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}
    assert folders == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_the_readme_of_a_release_has_absolute_links_to_its_tag(tmp_path: Path) -> None:
    """The line of the release workflow, run as it stands."""
    shutil.copy(ROOT / "README.md", tmp_path)
    (line,) = re.findall(
        r"- run: (sed .*README\.md)$", (ROOT / ".github/workflows/release.yml").read_text(), re.M
    )
    names = {"GITHUB_REPOSITORY": "someone/tusd-py", "GITHUB_REF_NAME": "v1.0.0", "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", line], cwd=tmp_path, env=names, check=True)
    before, after = ((folder / "README.md").read_text() for folder in (ROOT, tmp_path))
    links = re.findall(r"\]\(([^)]+)\)", after)
    assert [link for link in links if not link.startswith("https://")] == []
    assert "https://github.com/someone/tusd-py/blob/v1.0.0/docs/settings.md" in links
    assert len(links) == len(re.findall(r"\]\(([^)]+)\)", before))
