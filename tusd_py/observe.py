"""What the program says of itself: one line for each event, as text or JSON, and counts."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Final, Literal

LOGGER: Final = logging.getLogger("tusd_py")


class Meter:
    """Counts what happens in this process; this one counts nothing. Called on the event loop."""

    def request(self, method: str) -> None:
        """Count a request."""

    def refusal(self, code: str, status: int) -> None:
        """Count a request that ended in an error."""

    def received(self, size: int) -> None:
        """Count bytes of uploads, as they arrive."""

    def connections(self, change: int) -> None:
        """Count a connection that was opened (1) or closed (-1)."""

    def event(self, name: str) -> None:
        """Count what was logged, whether or not anybody reads it."""


meter = Meter()


def measure_with(new: Meter) -> None:
    """Let ``new`` count from now on, for all applications of this process."""
    global meter  # noqa: PLW0603 - one for each process, as the logger
    meter = new


def log(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event with its fields, none of which may be a secret."""
    meter.event(event)
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={"fields": fields})


class _Lines(logging.Formatter):
    """One line for each record: time, level, event, then the fields."""

    def __init__(self, form: Literal["text", "json"]) -> None:
        super().__init__()
        self._form = form
        self._second = 0
        self._stamp = ""

    def _time(self, created: float) -> str:
        """Return the time of a record; made once a second, because it costs more than all the rest."""
        if int(created) != self._second:
            self._second = int(created)
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
        return self._stamp

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        stamp = self._time(record.created)
        if self._form == "json":
            line = {"time": stamp, "level": record.levelname, "msg": record.getMessage(), **fields}
            return json.dumps(line, default=str)
        words = [stamp, f"level={record.levelname}", f"event={record.getMessage()}"]
        # repr of text: what a client sent cannot forge a second line
        words += [f"{key}={value!r}" for key, value in fields.items()]
        return " ".join(words)


def set_up_logging(form: Literal["text", "json"], *, verbose: bool) -> None:
    """Send the program's events to stderr; with ``verbose`` each request and chunk as well."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(form))
    for name in ("tusd_py", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    # It reports every malformed form of a client, in words that the client chose.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
