"""What became of a request to the supervisor, in words: what has happened, not what is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.format.values import counted, size

if TYPE_CHECKING:
    from core.api import IntentResult


def words(label: str, result: IntentResult) -> str:
    """The message about an intent that is carried out; `label` names what was requested."""
    from core.api import (
        CancelOutcome,
        DeleteOutcome,
        ImportOutcome,
        ReparseOutcome,
        RetryOutcome,
        StartOutcome,
    )

    match result.outcome:
        case StartOutcome(jobs=jobs, new=new, done=done, again=again):
            # Those that were done may be among those that are done again.
            finished = len(set(done).difference(again))
            queued = len(jobs) - finished
            # The events count those that were requested now.
            now = f", {new} of them requested now" if 0 < new < queued else ""
            return f"{label}: {_queued(queued)}{now}{_already_done(finished)}"
        case CancelOutcome(state="running"):
            return f"{label}: cancelling; it stops at its next step"
        case CancelOutcome():
            return f"{label}: cancelled"
        case RetryOutcome(jobs=jobs) | ReparseOutcome(jobs=jobs):
            return f"{label}: {_queued(len(jobs))}"
        case DeleteOutcome(runs=runs, bytes=freed):
            return f"{label}: {counted(len(runs), 'run')} deleted, {size(freed)} freed"
        case ImportOutcome(dialogues=dialogues):
            return f"{label}: {dialogues.total:,} dialogues imported"
    return f"{label}: done"


def _queued(jobs: int) -> str:
    """Jobs that are requested now: some may have been requested, or run, before."""
    if not jobs:
        return "nothing to do"
    return "1 job is queued or runs" if jobs == 1 else f"{jobs} jobs are queued or run"


def _already_done(jobs: int) -> str:
    if not jobs:
        return ""
    return f"; {jobs} {'was' if jobs == 1 else 'were'} done already"
