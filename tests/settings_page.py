"""Writes the table of docs/settings.md; ``scripts/settings-page`` calls it."""

from pathlib import Path

from tusd_py.command.settings_text import settings_table

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


def with_table(page: str) -> str:
    """Return the page with the table as the settings declare it."""
    lines = page.splitlines(keepends=True)
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    return "".join(lines[: rows[0]]) + settings_table() + "".join(lines[rows[-1] + 1 :])


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
