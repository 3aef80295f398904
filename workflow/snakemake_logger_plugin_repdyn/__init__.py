"""What a long study says while it runs: a line for each finished job, with the time that is left for the study.

A logger plugin of Snakemake, which finds it by this module's name: ``snakemake --logger repdyn``; ``make run`` does so.
Other messages, errors above all, are Snakemake's own. It does not import the library, because Snakemake reads every
plugin when it starts, and the rules decide which checkout's library is used.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

# What Snakemake says between jobs and before the first, and what the lines here say better.
LEFT_OUT = (
    *("Assuming unrestricted shared filesystem usage.", "Building DAG of jobs...", "Conda environments: ignored"),
    "Select jobs to execute...",
)
LEFT_OUT_EVENTS = (LogEvent.JOB_STARTED, LogEvent.PROGRESS, LogEvent.RESOURCES_INFO)
# Targets, which have no work of their own.
TARGETS = frozenset({"all", "comparisons", "figures", "measurements", "reported", "tables"})
ENOUGH = 0.05  # of all jobs, which say how long others take
MINUTE = 60  # seconds


def duration(seconds: float) -> str:
    """A time in the two largest of its units: ``48 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@dataclass
class JobTimes:
    """How long jobs take, by rule, and so how long a study still takes.

    Attributes:
        jobs: rule -> how many jobs of it are to be run.
    """

    jobs: Mapping[str, int]
    _running: dict[int, tuple[str, float]] = field(default_factory=dict)
    _done: Counter[str] = field(default_factory=Counter)
    _seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _start: float | None = None

    @property
    def total(self) -> int:
        """The jobs that are to be run."""
        return sum(self.jobs.values())

    @property
    def done(self) -> int:
        """Those of them that are finished."""
        return self._done.total()

    def begin(self, job: int, rule: str, now: float) -> None:
        """A job begins, at a time in seconds."""
        self._start = now if self._start is None else self._start
        self._running[job] = rule, now

    def end(self, job: int, now: float) -> float:
        """A job is finished; returns how long it took, in seconds."""
        rule, began = self._running.pop(job)
        self._done[rule] += 1
        self._seconds[rule] += now - began
        return now - began

    def fail(self, job: int) -> None:
        """A job has failed; it may begin again."""
        self._running.pop(job, None)

    def left(self, now: float) -> float | None:
        """Seconds until the last job is finished; None before a twentieth of the jobs is.

        Jobs to come take as long as those of their rule did on average, or as all did if there were none. As many of
        them run at a time as did so far.
        """
        if self.done < max(1.0, ENOUGH * self.total) or self._start is None or now <= self._start:
            return None
        busy = sum(self._seconds.values()) + sum(now - began for _, began in self._running.values())
        at_a_time = max(1.0, busy / (now - self._start))
        usual = sum(self._seconds.values()) / self.done

        def mean(rule: str) -> float:
            return self._seconds[rule] / self._done[rule] if self._done[rule] else usual

        waiting = Counter(self.jobs) - self._done - Counter(rule for rule, _ in self._running.values())
        to_come = sum(count * mean(rule) for rule, count in waiting.items())
        to_come += sum(max(0.0, mean(rule) - (now - began)) for rule, began in self._running.values())
        return to_come / at_a_time


class LogHandler(LogHandlerBase):
    """Prints to the standard error stream."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begin without a study."""
        self._times = JobTimes({})
        self._named: dict[int, str] = {}

    def emit(self, record: LogRecord) -> None:
        """Print a record, or remember what a later line needs of it."""
        try:
            text = self._said(record)
            if text:
                print(text, file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)

    def _said(self, record: LogRecord) -> str:
        of = record.__dict__
        event = of.get("event")
        if self.common_settings.dryrun:
            return self.format(record)
        if event == LogEvent.RUN_INFO:
            self._times = JobTimes({rule: n for rule, n in of["stats"].items() if rule not in {"total", *TARGETS}})
            return f"{self._times.total} jobs to run: {self._counted()}"
        if event == LogEvent.JOB_INFO:
            if of["rule_name"] in self._times.jobs:
                self._times.begin(of["jobid"], of["rule_name"], record.created)
                self._named[of["jobid"]] = of["rule_msg"] or of["rule_name"]
            return ""
        if event == LogEvent.JOB_FINISHED:
            return self._finished(of["job_id"], record.created) if of["job_id"] in self._named else ""
        if event == LogEvent.JOB_ERROR:
            self._times.fail(of["jobid"])
        is_left_out = event in LEFT_OUT_EVENTS or record.getMessage() in LEFT_OUT
        return "" if is_left_out else self.format(record)

    def _counted(self) -> str:
        return ", ".join(f"{count} {rule.replace('_', ' ')}" for rule, count in self._times.jobs.items())

    def _finished(self, job: int, now: float) -> str:
        took = duration(self._times.end(job, now))
        done, total, left = self._times.done, self._times.total, self._times.left(now)
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        ending = f"; about {duration(left)} left" if left is not None and done < total else ""
        return f"{clock} {done:>{len(str(total))}}/{total} {self._named.pop(job)}: {took}{ending}"
