"""Runs checks against one target: gate, set up, act, judge.

Most checks run side by side. Those that wait get threads of their own from the start; those that measure
time or load run alone at the end, and after them the ones that look at everything that was seen.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable

from tus_conformance.message import ConnectError, TimedOut, WireError
from tus_conformance.model import Requirement, Result, Verdict, requirements
from tus_conformance.options import Options
from tus_conformance.outcome import Skipped, Unready, Violation
from tus_conformance.process import ServerFailed
from tus_conformance.registry import Check, all_checks
from tus_conformance.target import Target
from tus_conformance.tus import Tus

_HOPELESS = 25  # checks in a row without any answer: the server is gone
_FAREWELL_S = 2.0

Listener = Callable[[Result], None]


class ServerLost(Exception):
    """The server stopped answering in the middle of the run."""


def selected(options: Options) -> list[Requirement]:
    """The requirements the options ask for."""
    return [row for row in requirements().values() if _wanted(row, options)]


def _wanted(row: Requirement, options: Options) -> bool:
    if options.ids and row.id not in options.ids:
        return False
    if options.areas and row.area not in options.areas:
        return False
    if options.levels and row.level not in options.levels:
        return False
    if options.extensions:
        mine = {need.removeprefix("!") for need in row.needs} or {"core"}
        return bool(mine.intersection(options.extensions))
    return True


class Run:
    """One pass over the selected checks."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.results: dict[str, Result] = {}
        self.wanted = selected(target.options)
        self.listener: Listener = lambda _: None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._silent: list[str] = []  # checks in a row that got no answer at all
        self._lost = False
        self._threads: list[threading.Thread] = []
        self._busy: set[str] = set()
        self.crashes: list[list[str]] = []  # what was under way whenever a server of ours died
        self._revived_at = 0.0
        self._suspects: list[str] = []  # the checks under way when the server first went away

    def all(self) -> list[Result]:
        """Run everything; results in the order of the requirements.

        Raises:
            ServerLost: Nobody answers any more; ``finished`` has the results so far.
        """
        together, waiting, alone, last = self._sorted()
        threads = [self._thread(iter([item])) for item in waiting]
        work: queue.SimpleQueue[Check] = queue.SimpleQueue()
        for item in together:
            work.put(item)
        self._join([self._thread(_drain(work)) for _ in range(self.target.options.workers)])
        # A restart would cut the waiting checks off, so those are over before the first lonely one starts.
        self._join(threads)
        for item in (*alone, *last):
            self._join([self._thread(iter([item]))])
        return self.finished()

    def finished(self) -> list[Result]:
        """What is known so far, in the order of the requirements."""
        with self._lock:
            return [self.results[key] for key in requirements() if key in self.results]

    def stop(self) -> None:
        """Start no further check, send no further request, and give what is under way a moment to end."""
        self._stop.set()
        self.target.stopping.set()
        deadline = time.monotonic() + _FAREWELL_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _sorted(self) -> tuple[list[Check], list[Check], list[Check], list[Check]]:
        checks = all_checks()
        groups: tuple[list[Check], list[Check], list[Check], list[Check]] = ([], [], [], [])
        for row in self.wanted:
            item = checks.get(row.id)
            if item is None:
                self._record(Result(row, Verdict.SKIP, f"not decidable from outside: {row.undecidable}"))
            elif reason := self.target.gate(row.needs):
                self._record(Result(row, Verdict.SKIP, reason))
            else:
                groups[3 if item.last else 2 if item.alone else 1 if item.waits else 0].append(item)
        random.shuffle(groups[0])  # checks must not lean on each other's order
        return groups

    def _thread(self, work: Iterable[Check]) -> threading.Thread:
        def body() -> None:
            for item in work:
                if self._stop.is_set():
                    return
                result = self.one(item)
                if not self._stop.is_set():
                    self._record(result)

        thread = threading.Thread(target=body, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _join(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive() and not self._stop.is_set():
                thread.join(0.2)  # short, so that Ctrl-C is seen
        if self._lost:
            for key in self._silent:  # they say nothing about the server but that it is gone
                self.results.pop(key, None)
            under_way = ", ".join(self._suspects)
            raise ServerLost(f"{_HOPELESS} checks in a row got no answer; it began during {under_way}")

    def _record(self, result: Result) -> None:
        with self._lock:
            self.results[result.id] = result
        self.listener(result)

    def one(self, item: Check) -> Result:
        """Run one check."""
        row = requirements()[item.id]
        t = Tus(self.target, row)
        started = time.monotonic()
        with self._lock:
            self._busy.add(item.id)
        verdict, message = self._judge(item, t)
        if verdict is Verdict.ERROR and self._revived(item):
            t = Tus(self.target, row)
            verdict, message = self._judge(item, t)
        t.close()
        with self._lock:
            self._busy.discard(item.id)
        return Result(row, verdict, message, t.notes, t.log.lines, time.monotonic() - started)

    def _revived(self, item: Check) -> bool:
        """Whether the server had died, is back, and ``item`` deserves another try."""
        process = self.target.process
        if process is None:
            return False
        with process.lock:
            if not process.died:
                # It is up; if it came back a moment ago, this check fell into the gap.
                since_s = time.monotonic() - self._revived_at
                return bool(self.crashes) and since_s < self.target.options.timeout_s
            with self._lock:
                self.crashes.append(sorted(self._busy | {item.id}))
            try:
                process.start()
            except ServerFailed:
                return False
            self._revived_at = time.monotonic()
            return True

    def _judge(self, item: Check, t: Tus) -> tuple[Verdict, str]:
        silent = False
        try:
            item.run(t)
            outcome = t.verdict()
        except Violation as violation:
            outcome = t.verdict(str(violation))
        except Skipped as reason:
            outcome = (Verdict.SKIP, str(reason))
        except Unready as reason:
            silent = isinstance(reason.__cause__, ConnectError | TimedOut)
            outcome = (Verdict.ERROR, str(reason))
        except ConnectError as error:
            silent, outcome = True, (Verdict.ERROR, str(error))
        except WireError as error:
            silent = isinstance(error, TimedOut)
            outcome = t.verdict(f"no usable answer: {error}")
        except Exception as error:  # a fault of the check itself must not end the run
            outcome = (Verdict.ERROR, f"fault in the check: {type(error).__name__}: {error}")
        self._count_silence(item, silent=silent)
        return outcome

    def _count_silence(self, item: Check, *, silent: bool) -> None:
        with self._lock:
            if silent and not self._silent:
                self._suspects = sorted(self._busy)
            self._silent = [*self._silent, item.id] if silent or self._lost else []
            if len(self._silent) >= _HOPELESS:
                self._lost = True
                self._stop.set()


def _drain(work: queue.SimpleQueue[Check]) -> Iterable[Check]:
    while True:
        try:
            yield work.get_nowait()
        except queue.Empty:
            return
