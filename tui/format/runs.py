"""The table of runs: its columns, as the app and the commands show and sort them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.format import values as formats
from tui.format.jobs.job_states import LOOKS, NOT_STARTED, StateLook, superseded_look
from tui.format.values import SortValue, comparable

if TYPE_CHECKING:
    from core.api import Run

#: The most cells of a setting's value.
_SETTING = 14


@dataclass(frozen=True)
class RunResults:
    """A run, and the disk space of its folder in bytes; None while it is not known, and of a run that never
    started."""

    run: Run
    bytes: int | None


@dataclass(frozen=True)
class RunColumn:
    """A column of the table of runs."""

    key: str
    label: str
    width: int
    text: Callable[[RunResults], str]
    value: Callable[[RunResults], SortValue]
    is_words: bool = False


def look(run: Run) -> StateLook:
    """The look of a run's state; of a superseded run that is done, that it is superseded or archived."""
    if run.is_superseded and run.state == "done":
        return superseded_look(archived=run.notes.archived)
    return LOOKS[run.state] if run.requested else NOT_STARTED


def columns(found: Iterable[Run]) -> list[RunColumn]:
    """The columns of a table of these runs: the settings in which they differ are columns of their own."""
    runs = list(found)
    settings = dict.fromkeys(key for run in runs for key in run.settings)
    judges = {run.rate.judge for run in runs if run.rate is not None}
    return [
        RunColumn("run", "run", 34, lambda row: row.run.name, lambda row: row.run.name, is_words=True),
        RunColumn("state", "state", 13, _state, lambda row: look(row.run).word, is_words=True),
        *(_setting_column(key, runs) for key in settings),
        RunColumn("loss", "loss", 8, lambda row: _number(row.run.loss), lambda row: row.run.loss),
        *_eval_loss(runs),
        RunColumn(
            "rate",
            "win rate",
            10,
            lambda row: formats.percent(None if row.run.rate is None else row.run.rate.win_rate_b, 1),
            lambda row: None if row.run.rate is None else row.run.rate.win_rate_b,
        ),
        RunColumn(
            "interval",
            "95 % interval",
            13,
            lambda row: (
                formats.UNKNOWN
                if row.run.rate is None
                else formats.span(row.run.rate.ci_low, row.run.rate.ci_high)
            ),
            lambda row: None if row.run.rate is None else row.run.rate.ci_low,
        ),
        *([RunColumn("judge", "judge", 12, _judge, _judge, is_words=True)] if len(judges) > 1 else []),
        *_rung(runs),
        RunColumn(
            "time", "time", 8, lambda row: formats.duration(row.run.seconds), lambda row: row.run.seconds
        ),
        RunColumn(
            "tokens", "tokens", 11, lambda row: formats.count(row.run.tokens), lambda row: row.run.tokens
        ),
        RunColumn("cost", "cost", 9, lambda row: formats.dollars(row.run.usd), lambda row: row.run.usd),
        RunColumn(
            "disk",
            "disk",
            9,
            lambda row: formats.UNKNOWN if row.bytes is None else formats.size(row.bytes),
            lambda row: row.bytes,
        ),
        RunColumn("tags", "tags", 16, _tags, lambda row: _tags(row) or None, is_words=True),
        RunColumn("note", "note", 24, _note, lambda row: row.run.notes.note or None, is_words=True),
    ]


def words(row: RunResults) -> str:
    """What a filter searches: the name, the state, the settings, tags and the note."""
    settings = " ".join(f"{key}={value}" for key, value in row.run.settings.items())
    notes = row.run.notes
    hidden = "archived" if notes.archived and row.run.is_superseded else ""
    kind = "superseded" if row.run.is_superseded else "current"
    state = "done" if row.run.state == "done" else look(row.run).word
    parts = (row.run.name, state, settings, *notes.tags, notes.note, hidden, kind)
    return " ".join(part for part in parts if part)


def matching(rows: Iterable[RunResults], text: str) -> list[RunResults]:
    """The rows with every one of these words."""
    wanted = text.casefold().split()
    return [row for row in rows if all(word in words(row).casefold() for word in wanted)]


def ordered(rows: Iterable[RunResults], column: RunColumn, *, is_reversed: bool) -> list[RunResults]:
    """The rows sorted by a column; those without a value are last in both directions."""
    found = list(rows)
    known = [row for row in found if column.value(row) is not None]
    known.sort(key=lambda row: comparable(column.value(row)), reverse=is_reversed)
    return known + [row for row in found if column.value(row) is None]


def _setting_column(key: str, runs: Sequence[Run]) -> RunColumn:
    values: Mapping[str, float | None] = {
        value: _as_number(value) for run in runs if (value := run.settings.get(key)) is not None
    }
    longest = max((len(value) for value in values), default=0)
    is_numeric = all(number is not None for number in values.values())
    return RunColumn(
        f"setting {key}",
        key,
        min(max(len(key), longest), _SETTING),
        lambda row: row.run.settings.get(key, formats.UNKNOWN),
        lambda row: values.get(row.run.settings.get(key, "")) if is_numeric else row.run.settings.get(key),
        is_words=not is_numeric,
    )


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _eval_loss(runs: Sequence[Run]) -> list[RunColumn]:
    if all(run.eval_loss is None for run in runs):
        return []
    return [
        RunColumn(
            "eval_loss", "eval_loss", 9, lambda row: _number(row.run.eval_loss), lambda row: row.run.eval_loss
        )
    ]


def _rung(runs: Sequence[Run]) -> list[RunColumn]:
    if all(run.rung is None for run in runs):
        return []
    return [
        RunColumn("rung", "rung", 36, lambda row: row.run.rung or "", lambda row: row.run.rung, is_words=True)
    ]


def _state(row: RunResults) -> str:
    shown = look(row.run)
    return f"{shown.glyph} {shown.word}"


def _judge(row: RunResults) -> str:
    return "" if row.run.rate is None else row.run.rate.judge


def _tags(row: RunResults) -> str:
    return " ".join(row.run.notes.tags)


def _note(row: RunResults) -> str:
    return " ".join(row.run.notes.note.split())


def _number(value: float | None) -> str:
    return formats.UNKNOWN if value is None else f"{value:.4g}"
