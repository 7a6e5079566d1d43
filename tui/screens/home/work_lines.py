"""Running jobs and recent events, a line each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style

from core.api import RUN_STAGES, SftResult, is_blocked, job_progress
from tui.format import values as formats
from tui.format.hanging import hanging
from tui.format.jobs import job_states, waits
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Event, Job

_BAR, _SHARE = 10, 6
#: The width of an event's time.
_CLOCK = 7
#: A note that has less room is left out.
_BRIEFEST_NOTE = 18
_REQUESTED = "requested"
#: Events that are only steps on the way to a result.
_STEPS = (_REQUESTED, "ready", "running")


def running_lines(
    jobs: Sequence[Job], now: float, width: int, places: int, *, in_full: bool = False
) -> Content:
    """The first running jobs with progress and ETA, and below each what it waits for; within `width` cells.

    `now` is in Unix seconds. With `in_full` a name that is too long has a line of its own. The jobs take
    `places` lines at most, those about waiting not counted.
    """
    running = [job for job in jobs if job.state == "running"]
    if not running:
        return Content.styled("nothing runs", "$text-muted")
    lines: list[Content] = []
    ends = max(len(_end(job, now)) for job in running[:places])
    shown = taken = 0
    for job in running:
        line = _running(job, now, width, ends, in_full=in_full)
        taken += 1 + line.plain.count("\n")
        if taken > places:
            break
        shown += 1
        lines.append(line.stylize(opening(job=job.id)))
        if job.wait is not None:
            words = f"  {visible(waits.words(job.wait, now))}"
            lines.append(hanging(Content.styled(words, "$text-warning"), 2, width))
    if len(running) > shown:
        lines.append(Content.styled(f"and {len(running) - shown} more", "$text-muted"))
    return Content("\n").join(lines)


def waiting_lines(jobs: Sequence[Job], width: int, places: int) -> Content:
    """The first requested jobs that wait and are not blocked, those that could start first, each with what it
    waits for."""
    waiting = sorted(_waiting(jobs), key=lambda job: job.state != "ready")
    return _lines(waiting, places, lambda job: _with_note(job, job.title, job.reason, width))


def run_lines(jobs: Sequence[Job], width: int, places: int) -> Content:
    """The first runs with their loss and duration, or else their state."""
    runs = [job for job in jobs if job.stage in RUN_STAGES]
    return _lines(runs, places, lambda job: _with_note(job, job.name, _outcome(job), width))


def has_waiting(jobs: Sequence[Job]) -> bool:
    """Whether any requested job waits, and is not blocked."""
    return any(True for _ in _waiting(jobs))


def _waiting(jobs: Sequence[Job]) -> Iterator[Job]:
    waits = (job for job in jobs if job.requested and job.state in ("waiting", "ready"))
    return (job for job in waits if not is_blocked(job))


def _lines(jobs: Sequence[Job], places: int, line: Callable[[Job], Content]) -> Content:
    shown = len(jobs) if len(jobs) <= places else places - 1
    lines = [line(job).stylize(opening(job=job.id)) for job in jobs[:shown]]
    if len(jobs) > shown:
        lines.append(Content.styled(f"and {len(jobs) - shown:,} more", "$text-muted"))
    return Content("\n").join(lines)


def _with_note(job: Job, name: str, note: str | None, width: int) -> Content:
    """A job's glyph and name, and a note, whose end is cut before the name is."""
    look, name = job_states.look(job), visible(name)
    room = width - 2 - len(name) - 2
    words = "" if note is None or room < _BRIEFEST_NOTE else visible(note)
    if words and len(words) > room:
        words = f"{words[: room - 1].rstrip()}…"
    return Content.assemble(
        (f"{look.glyph} ", f"${look.colour}"),
        formats.shorten(name, width - 2),
        (f"{words:>{room + 2}}" if words else "", "$text-muted"),
    )


def _outcome(job: Job) -> str:
    if isinstance(job.result, SftResult) and job.took_s is not None:
        return f"loss {job.result.train_loss:.3f}  {formats.duration(job.took_s):>7}"
    look, share = job_states.look(job), job_progress(job)
    return look.word if share is None or job.state != "running" else f"{look.word} {formats.percent(share)}"


def event_lines(
    events: Sequence[Event], now: float, width: int, places: int, *, in_full: bool = False
) -> Content:
    """What happened last, the latest first, in at most `places` lines; `now` is in Unix seconds.

    Of each job only the newest of consecutive events is shown: what became of it says what came before. Jobs
    that were requested together share a line. Those that are longer than a line are wrapped with `in_full`,
    else cut.
    """
    if not events:
        return Content.styled("no events yet", "$text-muted")
    shown: list[Content] = []
    for event in _condensed(events):
        line = _event(event, now, width, in_full=in_full)
        places -= line.plain.count("\n") + 1
        if places < 0:
            break
        shown.append(line if event.job is None else line.stylize(opening(job=event.job)))
    return Content("\n").join(shown)


def _event(event: Event, now: float, width: int, *, in_full: bool) -> Content:
    at = formats.local_time(event.at)
    clock = time.strftime("%H:%M" if at[:3] == formats.local_time(now)[:3] else "%d %b", at)
    about, text = visible(event.about or event.job or "workspace"), " ".join(event.text.split())
    if not in_full:
        # What happened is more than to whom: a name is cut in its middle, an error at its end.
        room = width - _CLOCK - 2
        about = formats.shorten(about, max(room // 2, room - len(text)))
    line = Content.assemble(
        (f"{clock:<{_CLOCK}}", "$text-muted"), f"{about}  ", (visible(text), "$text-muted")
    )
    return hanging(line, _CLOCK, width) if in_full else line.truncate(width, ellipsis=True)


def _condensed(events: Sequence[Event]) -> Iterator[Event]:
    """The events, the latest first, without those of steps on the way to a later one of the same job; one for
    several jobs whose requests follow each other, with the number of all of them."""
    later: set[str | None] = set()
    for is_request, group in groupby(reversed(events), key=lambda event: event.text == _REQUESTED):
        found = list(group)
        shown = []
        for event in found:
            if event.job is None or event.job not in later or event.text not in _STEPS:
                shown.append(event)
            later.add(event.job)
        if is_request and shown and len(found) > 1:
            # The first event of the workspace has number 1: before another one others were not read.
            is_cut = found[-1] is events[0] and events[0].id > 1
            jobs = f"{len(found):,} or more jobs" if is_cut else formats.counted(len(found), "job")
            yield replace(shown[0], job=None, about=jobs)
        else:
            yield from shown


def opening(**target: str) -> Style:
    """The style of a line that opens a job, a screen or a pair when it is clicked."""
    return Style.from_meta(target)


def _running(job: Job, now: float, width: int, ends: int, *, in_full: bool) -> Content:
    look, share = job_states.look(job), job_progress(job)
    room = max(12, width - 2 - 1 - _BAR - _SHARE - (ends + 2 if ends else 0))
    name = visible(job.title)
    is_apart = in_full and len(name) > room
    return Content.assemble(
        (f"{look.glyph} ", f"${look.colour}"),
        f"{name}\n  {'':<{room}} " if is_apart else f"{formats.shorten(name, room):<{room}} ",
        (formats.bar(share, _BAR), f"${look.colour}"),
        (f"{formats.percent(share):>{_SHARE}}", "$foreground"),
        (f"  {_end(job, now):>{ends}}" if ends else "", "$text-muted"),
    )


def _end(job: Job, now: float) -> str:
    """When a running job ends, or since when it waits."""
    if job.wait is not None:
        return waits.brief(job.wait, now)
    return "" if job.eta_s is None else f"ETA {formats.roughly(job.eta_s)}"
