"""A process that used the application and never closed it ends all the same."""

import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import asyncio, sys
from pathlib import Path
import httpx
from starlette.applications import Starlette
from starlette.routing import Mount
from tusd_py import Config, create_app

async def main():
    host = Starlette(routes=[Mount("/api", create_app(Config(upload_dir=Path(sys.argv[1]))))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=host), base_url="http://x") as client:
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": "5",
            "Content-Type": "application/offset+octet-stream",
        }
        reply = await client.post("/api/files/", headers=headers, content=b"hello")
        print(reply.status_code, flush=True)

"""
ENDS = {
    "returns": "asyncio.run(main())",
    "raises": "asyncio.run(main()); raise SystemExit(3)",
    "leaves the loop": "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_the_interpreter_exits(tmp_path: Path, end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE + end, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.stdout == "201\n"
    assert done.returncode == (3 if "SystemExit" in end else 0)
    assert "Traceback" not in done.stderr
