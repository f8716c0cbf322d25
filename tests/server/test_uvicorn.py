"""What our server uses of uvicorn beyond its documented interface; new versions are looked at first."""

import ast
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import uvicorn

from tusd_py.http1 import worker

ROOT = Path(__file__).parents[2]
#: Names of uvicorn.Server and what it holds that ``Worker`` uses or overrides.
USED = {"config", "lifespan", "on_tick", "server_state", "servers", "shutdown", "startup"}


def test_only_the_names_that_are_known_are_used() -> None:
    tree = ast.parse(inspect.getsource(worker))
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    of_self = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    # uvicorn makes the last two only as it starts.
    inherited = {*dir(uvicorn.Server(uvicorn.Config(print))), "lifespan", "servers"}
    assert {name for name in of_self | own if name in inherited and not name.startswith("_")} == USED
    imported = {
        node.module
        for path in (ROOT / "tusd_py").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("uvicorn")
    }
    assert imported == {"uvicorn.protocols.utils", "uvicorn.server"}, "what each connection needs"


def test_the_installed_version_is_one_that_was_tested() -> None:
    """The bounds allow one minor version, because uvicorn changes such names in those."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (bounds,) = [each for each in project["dependencies"] if each.startswith("uvicorn")]
    major, minor = version("uvicorn").split(".")[:2]
    assert bounds == f"uvicorn>={major}.{minor},<{major}.{int(minor) + 1}"
