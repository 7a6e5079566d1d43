"""Running jobs and recent events, a line each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style

from core.api import job_progress
from tui.format import values as formats
from tui.format.jobs import job_states, waits
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Event, Job

_BAR = 10
#: Events that are only steps on the way to a result.
_STEPS = ("requested", "ready", "running")


def running_lines(jobs: Sequence[Job], now: float, width: int, places: int) -> Content:
    """The first running jobs with progress and ETA, and below each what it waits for; within `width` cells.

    `now` is in Unix seconds.
    """
    running = [job for job in jobs if job.state == "running"]
    if not running:
        return Content.styled("nothing runs", "$text-muted")
    lines = []
    for job in running[:places]:
        lines.append(_running(job, now, width).stylize(opening(job=job.id)))
        if job.wait is not None:
            words = f"  {visible(waits.words(job.wait, now))}"
            lines.append(Content.styled(words, "$text-warning").truncate(width, ellipsis=True))
    if len(running) > places:
        lines.append(Content.styled(f"and {len(running) - places} more", "$text-muted"))
    return Content("\n").join(lines)


def event_lines(events: Sequence[Event], now: float, width: int, places: int) -> Content:
    """What happened last, the latest first, in at most `places` lines; `now` is in Unix seconds.

    Of each job only the newest of consecutive events is shown: what became of it says what came before.
    """
    if not events:
        return Content.styled("no events yet", "$text-muted")
    lines = []
    for event in islice(_newest(events), places):
        at = formats.local_time(event.at)
        clock = time.strftime("%H:%M" if at[:3] == formats.local_time(now)[:3] else "%d %b", at)
        about = event.about or event.job or "workspace"
        text = " ".join(event.text.split())
        # What happened is more than to whom: a name is cut in its middle, an error at its end.
        room = width - 9
        name = formats.shorten(visible(about), max(room // 2, room - len(text)))
        parts = ((f"{clock:<7}", "$text-muted"), f"{name}  ", (visible(text), "$text-muted"))
        line = Content.assemble(*parts).truncate(width, ellipsis=True)
        lines.append(line if event.job is None else line.stylize(opening(job=event.job)))
    return Content("\n").join(lines)


def _newest(events: Sequence[Event]) -> Iterator[Event]:
    """The events, the latest first, without those of steps on the way to a later one of the same job."""
    later = set()
    for event in reversed(events):
        if event.job is None or event.job not in later or event.text not in _STEPS:
            yield event
        later.add(event.job)


def opening(**target: str) -> Style:
    """The style of a line that opens a job, a screen or a pair when it is clicked."""
    return Style.from_meta(target)


def _running(job: Job, now: float, width: int) -> Content:
    look, share = job_states.look(job), job_progress(job)
    eta = "" if job.eta_s is None else f"ETA {formats.roughly(job.eta_s)}"
    eta = eta if job.wait is None else waits.brief(job.wait, now)
    name = max(12, width - 2 - _BAR - 7 - 16)
    shown = formats.shorten(visible(f"{job.stage} {job.name}"), name)
    return Content.assemble(
        (f"{look.glyph} ", f"${look.colour}"),
        shown.ljust(name),
        " ",
        (formats.bar(share, _BAR), f"${look.colour}"),
        (f"{formats.percent(share):>6}", "$foreground"),
        (f"{eta:>15}", "$text-muted"),
    )
