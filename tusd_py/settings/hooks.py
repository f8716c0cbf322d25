"""Settings of tusd's hooks: programs outside of this process that are asked and told about uploads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tusd_py.model.events import EventType
from tusd_py.model.requests import HEADER_NAME
from tusd_py.settings.declaration import BadSetting, setting

#: Events of ``-hooks-enabled-events``.
HOOK_EVENTS: Final = (
    "pre-create",
    "post-create",
    "post-receive",
    "pre-terminate",
    "post-terminate",
    "post-finish",
    "pre-finish",
)
#: What tells of which event.
POST_HOOKS: Final[Mapping[EventType, str]] = {
    EventType.CREATED: "post-create",
    EventType.COMPLETED: "post-finish",
    EventType.TERMINATED: "post-terminate",
}


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or too large
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """Which hooks are called, and how.

    Raises:
        BadSetting: A hook's event does not exist, a number makes no sense, or two transports are chosen.
    """

    hooks_enabled_events: str = setting(
        "pre-create,post-create,post-receive,post-terminate,post-finish",
        flag="hooks-enabled-events",
        group="General hook",
        help="Comma list of the events that hooks are told; empty = all seven",
    )
    progress_hooks_interval_s: float = setting(
        1.0,
        flag="progress-hooks-interval",
        group="General hook",
        help="Time between two post-receive hooks of an upload",
    )
    hooks_dir: str = setting("", flag="hooks-dir", group="File hook", help="Directory of programs to run")
    hooks_file_timeout_s: float = setting(
        30.0,
        flag="hooks-file-timeout",
        group="File hook",
        help="Time for a program; 0 = no limit",
        doc="time for a program, which is killed then; one that is told of an event has an hour; 0: no limit",
    )
    hooks_http: str = setting(
        "", flag="hooks-http", group="HTTP hook", help="Endpoint that events are sent to"
    )
    hooks_http_forward_headers: str = setting(
        "",
        flag="hooks-http-forward-headers",
        group="HTTP hook",
        help="Comma list of request headers to send along",
    )
    hooks_http_retry: int = setting(
        3, flag="hooks-http-retry", group="HTTP hook", help="Attempts in all, after errors and 5xx"
    )
    hooks_http_backoff_s: float = setting(
        1.0, flag="hooks-http-backoff", group="HTTP hook", help="Wait between two attempts"
    )
    hooks_http_timeout_s: float = setting(
        15.0, flag="hooks-http-timeout", group="HTTP hook", help="Time for all attempts together"
    )
    hooks_http_size_limit: int = setting(
        5120, flag="hooks-http-size-limit", group="HTTP hook", help="Largest answer in bytes"
    )
    hooks_http_skip_verify: bool = setting(
        False, flag="hooks-http-skip-verify", group="HTTP hook", help="Do not verify the certificate"
    )

    def __post_init__(self) -> None:
        for event in self.hooks_enabled_events.split(","):
            if self.hooks_enabled_events and event.strip() not in HOOK_EVENTS:
                raise BadSetting(
                    "hooks_enabled_events", f"must be among {', '.join(HOOK_EVENTS)}, not {event!r}"
                )
        if self.hooks_http and not _is_http_url(self.hooks_http):
            raise BadSetting("hooks_http", "must be an http or https URL")
        if not all(HEADER_NAME.fullmatch(name) for name in self.forwarded):
            raise BadSetting("hooks_http_forward_headers", "must be names of headers")
        if self.hooks_dir and self.hooks_http:
            raise BadSetting("hooks_http", "cannot be used together with hooks_dir")
        if self.is_on and not self.progress_hooks_interval_s > 0:
            raise BadSetting("progress_hooks_interval_s", "must be above 0 seconds")
        if not self.hooks_http_timeout_s > 0:
            raise BadSetting("hooks_http_timeout_s", "must be above 0 seconds")

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to call."""
        return bool(self.hooks_dir or self.hooks_http)

    @property
    def names(self) -> tuple[str, ...]:
        """The hooks that are chosen."""
        chosen = self.hooks_enabled_events or ",".join(HOOK_EVENTS)
        return tuple(name.strip() for name in chosen.split(","))

    @property
    def enabled(self) -> frozenset[str]:
        """The hooks that are called."""
        return frozenset(self.names if self.is_on else ())

    @property
    def progress_s(self) -> float | None:
        """Seconds between two post-receive hooks of an upload; None: there are none."""
        return self.progress_hooks_interval_s if "post-receive" in self.enabled else None

    @property
    def events(self) -> frozenset[EventType]:
        """What they are told of afterwards."""
        return frozenset(event for event, name in POST_HOOKS.items() if name in self.enabled)

    @property
    def forwarded(self) -> tuple[str, ...]:
        """Headers of a request that are sent along, as they were written."""
        return tuple(name.strip() for name in self.hooks_http_forward_headers.split(",") if name.strip())
