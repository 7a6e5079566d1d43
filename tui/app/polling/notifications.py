"""Notifications about jobs that ended between two snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import count_jobs
from tui.format import values as formats
from tui.format.jobs.job_states import LOOKS
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Job, JobState, Snapshot
    from tui.navigation.host import HostApp

#: States of which each job that comes to one is announced.
_ANNOUNCED: tuple[JobState, ...] = ("done", "failed")
#: More than this many ended jobs are shown as a count.
_NAMED = 3


@dataclass(frozen=True)
class News:
    """`text` of a toast; `failed` if a job failed. The text may contain unescaped untrusted text."""

    text: str
    failed: bool = False


def news(before: Snapshot, after: Snapshot) -> list[News]:
    """The jobs that finished or failed between two snapshots, failures first, and the end of all work.

    Cancelled jobs are left out, because the user requested it.
    """
    # A job that is unchanged is mostly the same object, and found sooner than it is looked up.
    known = set(map(id, before.jobs))
    changed = [job for job in after.jobs if id(job) not in known]
    if not changed:
        return []
    were = {job.id: (job.state, job.attempt) for job in before.jobs if job.requested}
    ended = [
        job
        for job in changed
        if job.state in _ANNOUNCED
        and job.id in were
        and (were[job.id][0] not in _ANNOUNCED or were[job.id][1] != job.attempt)
    ]
    failed = [job for job in ended if job.state == "failed"]
    done = [job for job in ended if job.state == "done"]
    found = []
    if failed:
        more = f"\nand {len(failed) - _NAMED} more failed" if len(failed) > _NAMED else ""
        found.append(News("\n".join(map(_failure, failed[:_NAMED])) + more, failed=True))
    if done:
        found.append(
            News("\n".join(map(_done, done)) if len(done) <= _NAMED else f"{len(done)} jobs are done")
        )
    counts = count_jobs(after.jobs) if ended else None
    if counts is not None and not counts.active + counts.waiting:
        found.append(News("All jobs have ended."))
    return found


def announce(app: HostApp, found: Sequence[News], how: str) -> None:
    """Show a notification; `how` is config.toml's app.notify: a bell, a desktop notification, or neither."""
    for one in found:
        app.show_message(one.text, error=one.failed)
    if not found or how == "toast" or app.is_headless or app._driver is None:
        return
    if how == "bell":
        app.bell()
    else:
        from tui.runtime.terminal.desktop import notification

        app._driver.write(notification(visible("; ".join(one.text for one in found))))


def _name(job: Job) -> str:
    return f"{LOOKS[job.state].glyph} {job.title}"


def _done(job: Job) -> str:
    after = "" if job.took_s is None else f" after {formats.duration(job.took_s)}"
    return f"{_name(job)} is done{after}"


def _failure(job: Job) -> str:
    first = (job.error or "").strip().partition("\n")[0]
    return f"{_name(job)} failed" + (f": {first}" if first else "")
