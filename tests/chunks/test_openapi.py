"""The description of the API that the application serves, held against the API."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.chunks.lab import Service

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


def test_r23_schemathesis_finds_nothing(serve: Callable[..., Service], tmp_path: Path) -> None:
    """Random requests, right and wrong: every answer is one that the document announces."""
    # Without a limit sizes beyond the disk are tried, and 507 counts as a fault of the server there.
    server = serve("-max-size", "1000000")
    told = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.origin}/openapi.json"),
            *("--checks", CHECKS, "--max-examples", "8", "--seed", "4488", "--no-color"),
            *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr[-2000:]


def test_every_path_of_the_api_is_described(server: Service) -> None:
    api = server.api().http
    for path, operations in api.get("/openapi.json").json()["paths"].items():
        allowed = api.options(path.replace("{id}", "x").replace("{offset}", "0")).headers["allow"]
        methods = {method.upper() for method in operations}
        assert methods | {"OPTIONS"} == set(allowed.split(", ")) - {"HEAD"}


def test_the_description_knows_the_prefix(serve: Callable[..., Service]) -> None:
    document = serve("-api-prefix", "/pulp/api/v3").api().http.get("/pulp/api/v3/openapi.json").json()
    assert document["servers"] == [{"url": "/pulp/api/v3"}]


def test_no_limit_is_described_that_the_server_does_not_have(server: Service) -> None:
    """What a generated client would refuse to send is taken."""
    wanted = {"filename": "two words, ümlaut.txt", "metadata": {f"key{n}" * 20: "v" * 200 for n in range(11)}}
    api = server.api()
    document = api.http.get("/openapi.json").json()
    body = document["paths"]["/uploads/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    described = body["properties"]
    assert described["filename"].keys() == {"type", "maxLength", "description"}
    assert described["metadata"].keys() == {"type", "propertyNames", "additionalProperties", "description"}
    assert described["metadata"]["additionalProperties"] == {"type": "string"}
    made = api.create(1, **wanted)
    assert made["metadata"] == {**wanted["metadata"], "filename": wanted["filename"]}  # type: ignore[dict-item]
