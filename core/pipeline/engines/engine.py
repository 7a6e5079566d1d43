"""Where attempts run: the interface of an engine, and what it says of an attempt.

An attempt is a prepared folder. An engine starts a worker on it, says whether that still runs, stops it, and
says how it ended. Everything else that a worker has to say is in the attempt's journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.pipeline.workers.warm_workers import Kind
from core.store.jobs.job_attempts import Attempt

#: A worker's command; the attempt's folder follows.
WORKER_MODULE = "core.pipeline.workers.worker"


@dataclass(frozen=True)
class StartedWorker:
    """A worker that an engine has started; all None where the engine only learns it later."""

    pid: int | None = None
    """The id of its process."""
    host: str | None = None
    """The machine that it runs on."""
    process: str | None = None
    """What distinguishes its process from others with the same id."""


@dataclass(frozen=True)
class Ending:
    """How a worker ended that did not record it."""

    how: str
    """In words that follow on "the worker ended"."""
    trouble: str | None = None
    """Why another attempt would end in the same way, in a sentence; None if that is not known."""
    is_preempted: bool = False
    """Whether its place was taken away: its node died, other work came first, or it had to give its slot
    back before it could listen. It is no failure of the job."""
    exit_code: int | None = None
    """Its exit code on a node of a cluster, negative for a signal; None where it did not run to its end."""


class Engine(Protocol):
    """Runs workers on attempts. No method waits for another machine."""

    def start(self, job: str, number: int, kind: Kind) -> StartedWorker:
        """Start a worker on a prepared attempt.

        Raises `OSError` if the machine lets no process start, and `UserError` if the engine cannot be used.
        """

    def is_alive(self, attempt: Attempt) -> bool:
        """Whether the attempt's worker runs, or will."""

    def queue(self, attempt: Attempt) -> str | None:
        """What the attempt waits for before its worker starts, for people; None if it does not wait."""

    def cancel(self, attempt: Attempt) -> bool:
        """Request that the worker stops at a safe point; False if the request cannot be sent."""

    def travel_s(self, attempt: Attempt) -> float:
        """Seconds that a cancelled worker gets beside those to stop: the request, and its work, travel."""

    def kill(self, attempt: Attempt) -> bool:
        """End the worker and its children at once; False if it is not known which process that is."""

    def ended(self, attempt: Attempt) -> Ending:
        """How the worker, which is not running, ended."""
