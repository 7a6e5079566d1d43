"""A comparison's row in the table of win rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from tui.components.interval_bar import interval_bar
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.evaluation import human_votes, win_rates
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import PredictionPoweredWinRate, WinRate
    from tui.format.jobs.job_states import StateLook
    from tui.navigation.host import HostApp


def cells(
    app: HostApp,
    rate: WinRate,
    look: tuple[StateLook, float | None],
    with_votes: PredictionPoweredWinRate | None,
    widths: Mapping[str, int],
    *,
    longest: int,
) -> dict[str, Text]:
    """The cells by column; `widths` has those of the shown columns, `longest` is the longest name of B.

    `look` is the state and progress of the comparison's job, shown while it has no win rate.
    """
    found = _results(app, rate, look, with_votes, widths)
    found["b"] = Text(win_rates.fitted_name(rate.b, rate.a, widths["b"], longest=longest))
    for key, name in (("a", rate.a), ("judge", rate.judge)):
        if key in widths:
            style = shade(app, "text-muted") if key == "judge" else ""
            found[key] = Text(formats.shorten(visible(name), widths[key]), style)
    return found


def _results(
    app: HostApp,
    rate: WinRate,
    look: tuple[StateLook, float | None],
    with_votes: PredictionPoweredWinRate | None,
    widths: Mapping[str, int],
) -> dict[str, Text]:
    muted, warning = shade(app, "text-muted"), shade(app, "text-warning")
    unknown = Text(formats.UNKNOWN, muted)
    if rate.win_rate_b is None:
        state, share = look
        return {
            "rate": unknown,
            "interval": Text(f"{state.glyph} {state.word}", shade(app, state.colour)),
            "bar": Text(formats.bar(share, widths.get("bar", 0)), muted),
            **{key: unknown.copy() for key in ("wins", "votes", "lc", "p", "words", "invalid")},
        }
    differs = rate.lc_differs is True
    # The summary has a caveat.
    mark = "! " if differs or rate.invalid else ""
    return {
        "rate": Text(mark + formats.percent(rate.win_rate_b, 1), "bold"),
        "interval": Text(formats.span(rate.ci_low, rate.ci_high), muted),
        "bar": interval_bar(
            rate.win_rate_b,
            rate.ci_low,
            rate.ci_high,
            widths.get("bar", 0),
            colour=shade(app, "text-accent"),
            muted=muted,
        ),
        "wins": Text(
            f"{rate.wins_b} / {rate.ties} / {rate.wins_a}"
            if "invalid" in widths
            else f"{rate.wins_b}/{rate.ties}/{rate.wins_a}/{rate.invalid}"
        ),
        "votes": _by_people(with_votes, muted),
        "lc": Text(
            ("! " if differs else "") + formats.percent(rate.lc_win_rate_b, 1), warning if differs else muted
        ),
        "p": Text(formats.p_value(rate.p_holm), muted),
        "words": Text(f"{_words(rate.words_a)} / {_words(rate.words_b)}", muted),
        "invalid": Text(
            f"! {rate.invalid}" if rate.invalid else formats.count(rate.invalid),
            warning if rate.invalid else muted,
        ),
    }


def _by_people(found: PredictionPoweredWinRate | None, muted: str) -> Text:
    if found is None:
        return Text(formats.UNKNOWN, muted)
    # Bold once the interval excludes 50 %.
    return Text(human_votes.brief(found), "bold" if found.more == 0 else "")


def _words(words: float | None) -> str:
    return formats.UNKNOWN if words is None else f"{words:.1f}"
