"""House rules that no linter knows: how long things may be, and that nothing is undocumented."""

import ast
import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from tusd_py import errors
from tusd_py.command import settings_flags as cli_flags
from tusd_py.settings import Config

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for name in ("tusd_py", "conformance") for path in (ROOT / name).rglob("*.py"))
SHAPE = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["tusd-py"]["shape"]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_modules_are_found() -> None:
    assert ROOT / "tusd_py" / "model" / "upload.py" in MODULES
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    lines = len(text.splitlines())
    if relative(path) not in SHAPE["longer"]:
        assert lines <= SHAPE["module-lines"], f"{relative(path)} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= SHAPE["function-lines"], (
                f"{relative(path)}:{node.lineno} {node.name} has {size} lines"
            )


def words(name: str) -> set[str]:
    """Everything that a page of the documentation shows as code."""
    text = (ROOT / "docs" / name).read_text()
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w-]+", code)}


def subclasses(base: type[errors.UploadError]) -> set[type[errors.UploadError]]:
    found = {base}
    for child in base.__subclasses__():
        found |= subclasses(child)
    return found


ERRORS = sorted(subclasses(errors.UploadError), key=lambda error: error.__name__)
#: Codes that a class has of its own, not from the one above it.
CODES = {vars(error)["code"] for error in ERRORS if "code" in vars(error)}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_error_code_is_documented(code: str) -> None:
    assert code in words("errors.md")


def test_every_error_code_in_the_documentation_exists() -> None:
    assert {word for word in words("errors.md") if word.startswith("ERR_")} <= CODES


@pytest.mark.parametrize("error", ERRORS)
def test_every_refusal_has_a_code_and_an_error_status(error: type[errors.UploadError]) -> None:
    assert re.fullmatch(r"ERR_[A-Z_]+", error.code)
    assert 400 <= error.status <= 599


FLAGS = sorted({flag.name for flag in (*cli_flags.SERVE_FLAGS, *cli_flags.SWEEP_FLAGS)})


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_documented(flag: str) -> None:
    assert words("settings.md") & {flag, f"-{flag}", f"--{flag}"}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Config)])
def test_every_setting_is_documented(field: str) -> None:
    assert field in words("settings.md")


def caught(path: Path) -> set[str]:
    """Names of the exceptions that a module catches or suppresses."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    kinds: list[ast.AST] = [node.type for node in nodes if isinstance(node, ast.ExceptHandler) and node.type]
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "suppress":
            kinds += node.args
    return {name.id for kind in kinds for name in ast.walk(kind) if isinstance(name, ast.Name)}


@pytest.mark.parametrize("path", sorted((ROOT / "tusd_py" / "service").glob("*.py")), ids=relative)
def test_use_cases_catch_the_errors_of_the_ports_alone(path: Path) -> None:
    """What a system says about a medium is its adapter's to translate."""
    assert not caught(path) & {"OSError", "FileNotFoundError", "FileExistsError", "PermissionError"}


ABOVE_THE_ADAPTERS = [
    path
    for path in MODULES
    if path.is_relative_to(ROOT / "tusd_py")
    and path.relative_to(ROOT / "tusd_py").parts[0] not in {"adapters", "http1"}
]


@pytest.mark.parametrize("path", ABOVE_THE_ADAPTERS, ids=relative)
def test_only_adapters_and_the_server_open_files(path: Path) -> None:
    """``lint-imports`` forbids the modules of a medium; ``os`` has other uses."""
    names = {
        ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }
    assert not names & {"os.open", "os.fdopen", "os.stat", "os.fsync", "os.rename", "os.unlink"}
