"""Settings: declared once; flags, environment variables and the documentation follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings_page import PAGE, with_table
from tests.support.server import run
from tusd_py.command.go_flags import FlagError, parse
from tusd_py.command.settings_flags import (
    SERVE_FLAGS,
    SETTINGS,
    config_of,
    server_settings_of,
)
from tusd_py.command.sources import variable, with_environment
from tusd_py.http1.run import ServerSettings
from tusd_py.settings import Config, declared


def test_the_documented_table_is_what_the_settings_declare() -> None:
    """Run scripts/settings-page when this fails."""
    assert PAGE.read_text() == with_table(PAGE.read_text())


def test_without_flags_the_settings_are_their_defaults() -> None:
    """As tusd, the command listens on every interface, uses every core and greets."""
    line = parse(SERVE_FLAGS, [])
    assert config_of(line) == Config(show_greeting=True)
    served = server_settings_of(line)
    for each in declared(ServerSettings):
        differs = {"host": "0.0.0.0", "workers": 0}
        assert getattr(served, each.field) == differs.get(each.field, each.default)


def test_every_setting_has_its_own_flag_and_field() -> None:
    assert (
        len({each.setting.flag for each in SETTINGS})
        == len(SETTINGS)
        == len({each.field for each in SETTINGS})
    )


@pytest.mark.parametrize(
    ("flag", "text", "field", "value"),
    [
        ("max-size", "0", "max_size", None),
        ("max-size", "5", "max_size", 5),
        ("file-perms", "600", "file_mode", 0o600),
        ("upload-dir", "/srv/up", "upload_dir", Path("/srv/up")),
        ("expire-after", "90s", "expire_after_s", 90.0),
        ("preallocate", "sparse", "preallocate", "sparse"),
        ("disable-cors", "true", "disable_cors", True),
        ("cors-max-age", "0", "cors_max_age_s", 0),
    ],
)
def test_a_flag_and_its_variable_set_the_same_field(flag: str, text: str, field: str, value: object) -> None:
    by_flag = config_of(parse(SERVE_FLAGS, [f"-{flag}={text}"]))
    line = with_environment(parse(SERVE_FLAGS, []), SERVE_FLAGS, {variable(flag): text})
    assert getattr(by_flag, field) == value
    assert config_of(line) == by_flag


def test_the_command_line_wins_over_the_environment() -> None:
    line = parse(SERVE_FLAGS, ["-max-size", "7"])
    line = with_environment(line, SERVE_FLAGS, {"TUSD_PY_MAX_SIZE": "9", "TUSD_PY_PORT": "0"})
    assert (line.values["max-size"], line.values["port"]) == (7, 0)


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(FlagError, match=r'variable TUSD_PY_MAX_SIZE: "much" is not a whole number'):
        with_environment(parse(SERVE_FLAGS, []), SERVE_FLAGS, {"TUSD_PY_MAX_SIZE": "much"})


def test_the_process_reads_its_environment() -> None:
    """One line, status 2, and nothing is served."""
    ended = run(env={"TUSD_PY_DURABILITY": "sometimes"})
    assert ended.status == 2
    assert ended.err == (
        'tusd-py: environment variable TUSD_PY_DURABILITY: "sometimes" is not finish, patch or none'
        " (see tusd-py -help)\n"
    )
