"""How a hook is reached, and the way that needs nothing else: a program in a directory."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from tusd_py.adapters.hooks_tusd.messages import NOTHING, Answer, BadAnswer, Call, parse_answer
from tusd_py.observe import SHARED_COUNTS
from tusd_py.settings import HookSettings

#: Most that a program may answer, and most of its output that the log gets.
_MOST_OUTPUT: Final = 1 << 20
LOGGED: Final = 1000
#: Least time for a program that is told of an event: nobody waits, and if it were killed it would run again.
_TIME_FOR_EVENTS_S: Final = 3600.0


class HookFailed(Exception):
    """A hook could not be called, or failed; the message is for the operator alone."""


class Transport(Protocol):
    """Calls hooks."""

    async def call(self, call: Call, message: bytes) -> Answer:
        """Tell a hook; return its answer.

        Raises:
            HookFailed: It was not heard, or says that it failed.
            BadAnswer: It was heard and did not fail, but what it says cannot be used.
        """

    async def close(self) -> None:
        """Let go of every resource."""


class FileTransport:
    """Runs the program in a directory that has the hook's name, if there is one."""

    def __init__(self, settings: HookSettings) -> None:
        self._directory = Path(settings.hooks_dir).absolute()
        self._timeout_s = settings.hooks_file_timeout_s

    async def call(self, call: Call, message: bytes) -> Answer:
        """See Transport. A program that is not there wants nothing."""
        upload = call.upload
        timeout_s = self._timeout_s
        told = {"TUS_ID": upload.id, "TUS_SIZE": str(upload.length or 0), "TUS_OFFSET": str(call.offset)}
        if call.event_id is not None:
            told["TUS_EVENT_ID"] = call.event_id
            timeout_s = timeout_s and max(timeout_s, _TIME_FOR_EVENTS_S)
        try:
            output, status = await self._run(str(self._directory / call.name), message, told, timeout_s)
        except FileNotFoundError:
            return NOTHING
        except OSError as error:
            raise HookFailed(f"{call.name} cannot be run: {error.strerror}") from None
        if status:
            said = output[:LOGGED].decode(errors="replace")
            raise HookFailed(f"unexpected return code {status} from hook endpoint: {said}")
        return parsed(output, _MOST_OUTPUT) if output.strip() else NOTHING

    async def _run(
        self, program: str, message: bytes, told: Mapping[str, str], timeout_s: float
    ) -> tuple[bytes, int]:
        # Not where our processes share their counts: the program would count among them.
        environment = {name: value for name, value in os.environ.items() if name != SHARED_COUNTS}
        process = await asyncio.create_subprocess_exec(
            program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self._directory,
            env={**environment, **told},
            start_new_session=True,
        )
        output = bytearray()
        try:
            async with asyncio.timeout(timeout_s or None):
                await asyncio.gather(_listen(process, output), _tell(process, message))
                await process.wait()
        except TimeoutError:
            # What it left running may keep its output open for as long as it likes.
            if process.returncode is None:
                raise HookFailed(f"no end within {timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # with what it started
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return bytes(output), process.returncode or 0

    async def close(self) -> None:
        """See Transport."""


async def _listen(process: asyncio.subprocess.Process, output: bytearray) -> None:
    """Read what a program says to its end; keep no more than shows that it is too much."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while block := await process.stdout.read(65536):
        output += block[: _MOST_OUTPUT + 1 - len(output)]


async def _tell(process: asyncio.subprocess.Process, message: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    # A program need not read; uvloop says that as a RuntimeError.
    with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        process.stdin.write(message)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


def parsed(output: bytes, most: int) -> Answer:
    """Read what a hook said. Raises BadAnswer: it is longer than ``most`` bytes, or cannot be used."""
    if len(output) > most:
        raise BadAnswer(f"hook response exceeded maximum size of {most} bytes")
    return parse_answer(output)
