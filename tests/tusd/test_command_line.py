"""tusd, section 1.1: what a command line does before anything is served; and what goes beyond tusd."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.support.server import run

GOOD = "-check"  # ends before anything is served


def setting(name: str, out: str) -> str:
    """The line of ``-check`` for a setting."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"{name} = ")]
    return line


@pytest.mark.parametrize("word", ["-h", "-help", "--help"])
def test_help_ends_with_success(word: str) -> None:
    ended = run(word)
    assert (ended.status, ended.out) == (0, "")
    assert "Listening options:\n" in ended.err


def test_version_has_tusds_three_lines() -> None:
    """The words after it are not looked at, as in tusd."""
    ended = run("-version", "foo", "-port")
    assert (ended.status, ended.err) == (0, "")
    assert [line.partition(":")[0] for line in ended.out.splitlines()] == ["Version", "Commit", "Date"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-nope"], 'unknown flag "-nope"'),
        (["-max-size", "1MB"], 'flag -max-size: "1MB" is not a whole number'),
        (["-port"], "flag -port: the value is missing"),
        (["-verbose=maybe"], 'flag -verbose: "maybe" is not true or false'),
        (["-file-perms", "9"], 'flag -file-perms: "9" is not permissions in octal digits'),
        (["-network-timeout", "5"], 'flag -network-timeout: "5" is not a duration'),
        (["-durability", "perhaps"], 'flag -durability: "perhaps" is not finish, patch or none'),
        (["srve"], 'unknown command "srve"'),
    ],
)
def test_what_cannot_be_read_is_one_line_and_status_2(words: list[str], said: str) -> None:
    ended = run(*words)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"tusd-py: {said}")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-cors-allow-origin", "["], "flag -cors-allow-origin: is not a regular expression: "),
        (["-hooks-enabled-events", "foo"], "flag -hooks-enabled-events: must be among pre-create, "),
        (["-hooks-http", "http://h:99999/"], "flag -hooks-http: must be an http or https URL"),
        (["-hooks-http", "http:///x"], "flag -hooks-http: must be an http or https URL"),
        (["-hooks-http-forward-headers", "a b"], "flag -hooks-http-forward-headers: must be names of "),
        (["-hooks-dir", "x", "-hooks-http", "http://y"], "flag -hooks-http: cannot be used together"),
        (["-port", "70000"], "flag -port: must be 0 to 65535, not 70000"),
        (["-tls-key", "key.pem"], "flag -tls-key: needs a certificate"),
        (
            ["-tls-mode", "ssl3", "-tls-certificate", "x"],
            "flag -tls-mode: must be tls13, tls12, tls12-strong, ",
        ),
        (["-tls-certificate", "no-such.pem"], "cannot use the certificate no-such.pem: no such file"),
        (["-upload-dir", "/dev/null"], "cannot use the upload directory: "),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_1(words: list[str], said: str, tmp_path: Path) -> None:
    """Section 1.1, fatal config error."""
    for check in ([], [GOOD]):
        ended = run(*words, *check, cwd=tmp_path)
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith(f"tusd-py: {said}")
        assert len(ended.err.splitlines()) == 1
    assert [path for path in tmp_path.iterdir() if path.name != "data"] == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-s3-bucket", "b", "-s3-endpoint", "http://localhost"], "flag -s3-bucket: S3 is not offered yet"),
        (["-gcs-bucket", "b"], "flag -gcs-bucket: Google Cloud Storage is not offered"),
        (["-azure-storage", "b"], "flag -azure-storage: Azure is not offered"),
        (["-hooks-grpc", "http://u:secret@x"], "flag -hooks-grpc: hooks over gRPC are not offered yet"),
        (["-hooks-plugin", "x"], "flag -hooks-plugin: plugins in Go cannot be loaded"),
        (["-enable-h2c"], "flag -enable-h2c: HTTP/2 is not offered"),
        (["-enable-experimental-protocol"], "flag -enable-experimental-protocol: the IETF's protocol"),
    ],
)
def test_what_is_not_offered_is_refused_in_one_line(words: list[str], why: str, tmp_path: Path) -> None:
    """Section 10.1. A server that ignored these would lose what somebody relies on."""
    ended = run(*words, cwd=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"tusd-py: {why}")
    assert len(ended.err.splitlines()) == 1
    assert "secret" not in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["-s3-part-size", "5", "-s3-disable-ssl"],
        ["-gcs-object-prefix", "x", "-azure-endpoint", "https://x"],
        ["-hooks-http-timeout", "1s", "-hooks-enabled-events", "pre-finish", "-progress-hooks-interval=0"],
        ["-hooks-grpc-retry", "1", "-hooks-plugin="],
    ],
)
def test_flags_that_serve_what_is_not_used_are_taken(words: list[str]) -> None:
    """As in tusd, they say nothing without the flag that chooses the store or the transport."""
    ended = run(GOOD, *words)
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-filelock-holder-poll-interval", "1s"], "locks are held by the kernel"),
        (["-filelock-acquirer-poll-interval", "1s"], "locks are held by the kernel"),
        (["-expose-pprof"], "it belongs to the profiler of Go programs"),
        (["-pprof-path", "/p/"], "it belongs to the profiler of Go programs"),
        (["-pprof-block-profile-rate", "1"], "it belongs to the profiler of Go programs"),
        (["-pprof-mutex-profile-rate", "1"], "it belongs to the profiler of Go programs"),
        (["-request-completion-timeout", "1s"], "what arrived is always stored to the end"),
    ],
)
def test_what_has_no_effect_is_said(words: list[str], why: str) -> None:
    ended = run(GOOD, *words)
    assert ended.status == 0
    assert ended.err.startswith(f"tusd-py: flag {words[0]}: has no effect: {why}")
    assert len(ended.err.splitlines()) == 1


def test_a_stray_word_ends_the_flags_and_is_warned_about() -> None:
    """tusd ignores it and all that follows, without a word; its own pages show ``-expose-metrics false``."""
    ended = run(GOOD, "-expose-metrics", "false", "-max-size", "4")
    assert ended.status == 0
    assert setting("expose-metrics", ended.out) == "expose-metrics = true  # flag -expose-metrics"
    assert setting("max-size", ended.out) == "max-size = 0  # default"
    assert ended.err.startswith('tusd-py: ignored: "false" "-max-size" "4" (')
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        "--hooks-dir /srv/tusd-hooks",  # tusd's own container
        "-host localhost -port 1080 -upload-dir=/srv/up -hooks-http=http://localhost:8080/api/upload/hooks"
        " -hooks-http-forward-headers=X-Api-Key,Cookie -hooks-enabled-events=pre-create",  # Galaxy
        "-behind-proxy -base-path=/api/files/ -max-size=10737418240 -unix-sock=/run/tusd.sock"
        " -verbose=false -show-greeting=false -expose-metrics=false -disable-download",
        "-upload-dir ./data -port=1080 --behind-proxy=true -cors-allow-origin=https://a\\.example"
        " -cors-allow-credentials -acquire-lock-timeout 30s -network-timeout 120s -log-format json"
        " -filelock-holder-poll-interval 5s -filelock-acquirer-poll-interval 2s",
    ],
)
def test_command_lines_that_people_have_are_taken(line: str, tmp_path: Path) -> None:
    """With nothing changed but the program's name, and without a warning."""
    ended = run(GOOD, *line.split(), cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize("words", [["-max-size", "-1"], ["-max-size=0"]])
def test_no_limit(words: list[str]) -> None:
    assert setting("max-size", run(GOOD, *words).out).startswith("max-size = 0 ")


def test_a_wait_of_nothing_is_the_default() -> None:
    """Section 1.2: ``-acquire-lock-timeout`` falls back to 20 s."""
    ended = run(GOOD, "-acquire-lock-timeout", "0")
    assert setting("acquire-lock-timeout", ended.out).startswith('acquire-lock-timeout = "20s"')


def test_check_says_where_each_setting_comes_from(tmp_path: Path) -> None:
    """Flags win over the environment, that over the file, that over the defaults."""
    file = tmp_path / "settings.toml"
    file.write_text('port = 1\nmax-size = 2\nmax-partials = 3\nfile-perms = "600"\nverbose = true\n')
    env = {"TUSD_PY_PORT": "10", "TUSD_PY_MAX_SIZE": "20", "TUSD_PY_CONFIG": str(file)}
    ended = run(GOOD, "-port", "100", env=env, cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    assert setting("port", ended.out) == "port = 100  # flag -port"
    assert setting("max-size", ended.out) == "max-size = 20  # environment variable TUSD_PY_MAX_SIZE"
    assert setting("max-partials", ended.out) == f"max-partials = 3  # {file}: max-partials"
    assert setting("file-perms", ended.out) == f'file-perms = "600"  # {file}: file-perms'
    assert setting("verbose", ended.out) == f"verbose = true  # {file}: verbose"
    assert setting("network-timeout", ended.out) == 'network-timeout = "1m"  # default'
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]  # nothing was made


def test_what_check_prints_can_be_the_file(tmp_path: Path) -> None:
    first = run(GOOD, "-pulp-compat", "-dir-perms", "700", "-expire-after", "90m")
    (tmp_path / "all.toml").write_text(first.out)
    second = run(GOOD, "-config", str(tmp_path / "all.toml"))
    assert (second.status, second.err) == (0, "")
    assert tomllib.loads(second.out) == tomllib.loads(first.out)
    assert tomllib.loads(second.out)["on-chunk-conflict"] == "replace"  # -pulp-compat says so


def test_check_masks_secrets_in_urls() -> None:
    hook = run(GOOD, "-hooks-http", "https://me:secret@hooks.example/x?token=secret")
    assert setting("hooks-http", hook.out).startswith('hooks-http = "https://***@hooks.example/x?***"')
    assert "secret" not in hook.out
    hook = run(GOOD, "-hooks-http", "https://me:a@secret@hooks.example/")
    assert "secret" not in hook.out
    ended = run(GOOD, "-s3-endpoint", "http://me:secret@s3.example/x?token=secret#part")
    assert setting("s3-endpoint", ended.out).startswith('s3-endpoint = "http://***@s3.example/x?***"')
    assert "secret" not in ended.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-sise = 1", 'unknown key "max-sise", did you mean max-size?'),
        ('max-size = "much"', 'max-size: "much" is not a whole number'),
        ("max-size = 1.5", 'max-size: "1.5" is not a whole number'),
        ("max-size = true", 'max-size: "True" is not a whole number'),
        ("verbose = 1", 'verbose: "1" is not true or false'),
        ("network-timeout = 60", 'network-timeout: "60" is not a duration'),
        ("file-perms = 664", 'file-perms: "664" is not permissions in octal digits'),
        ("upload-dir = []", 'upload-dir: "[]" is not a text'),
        ('durability = "perhaps"', 'durability: "perhaps" is not finish, patch or none'),
        ("port = 70000", "port: must be 0 to 65535, not 70000"),
        ('cors-allow-origin = "["', "cors-allow-origin: is not a regular expression: "),
        ('s3-bucket = "b"', "s3-bucket: S3 is not offered yet"),
        ("check = true", 'unknown key "check"'),
        ("[server]\nport = 1", 'unknown key "server"'),
        ("port = ", "Invalid value (at "),
    ],
)
def test_a_bad_file_is_one_line_and_status_2(text: str, said: str, tmp_path: Path) -> None:
    """It names key, value and file, and nothing is served."""
    file = tmp_path / "settings.toml"
    file.write_text(text)
    ended = run("-config", str(file), cwd=tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"tusd-py: {file}: {said}")
    assert len(ended.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]


def test_a_file_that_is_not_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    ended = run("-config", "no-such.toml", cwd=tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "tusd-py: no-such.toml: No such file or directory (see tusd-py -help)\n"


def test_a_sweep_reads_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "settings.toml").write_text('upload-dir = "up"\nport = 1\n')
    ended = run("sweep", "-config", "settings.toml", cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    assert (tmp_path / "up/.tusd-py").is_dir()


def test_a_sweep_takes_no_stray_word(tmp_path: Path) -> None:
    """It deletes: a flag that was not read could make it delete what nobody meant."""
    ended = run("sweep", "-dry-run", "true", "-upload-dir", "up", cwd=tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == 'tusd-py: unexpected word "true", expected flags only\n'
