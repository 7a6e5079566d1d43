"""The plots of a report, as SVG and PNG. The same results give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from core.domain.evaluation.comparisons import Cell, Ranking
from core.domain.evaluation.win_rates import WinRate
from core.domain.names import RUN_STAGES, RunName, RunStage, settings_text
from core.domain.text import visible
from core.reports.gather import Report, RunTraining
from core.reports.tables.cells import source

#: The palette of Okabe and Ito, which is safe for colour-blind readers.
_BLUE, _ORANGE, _GREEN, _PURPLE, _GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
_STAGES = {"sft": (_BLUE, "o"), "sft-dpo": (_ORANGE, "D")}
_MARKERS = ((_BLUE, "o"), (_ORANGE, "D"), (_GREEN, "s"), (_PURPLE, "^"), (_GREY, "v"))
_ROW = 0.26
_SETTINGS = {
    "svg.hashsalt": "empathy-tui",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class Plot:
    """One plot in both formats."""

    name: str
    """The file name without its extension."""
    title: str
    """The heading."""
    about: str
    """The caption: the data behind the plot."""
    svg: bytes
    """The drawing as SVG."""
    png: bytes
    """The drawing as PNG."""


def plots(report: Report) -> tuple[Plot, ...]:
    """All plots that have data."""
    with mpl.rc_context(_SETTINGS):
        return tuple(_drawn(name, title, about, figure) for name, title, about, figure in _figures(report))


def _figures(report: Report) -> Iterator[tuple[str, str, str, Figure]]:
    finished = [rate for rate in report.rates if rate.win_rate_b is not None]
    for judge in report.judges:
        own = [rate for rate in finished if rate.judge == judge]
        if own:
            title = f"Win rates by {visible(judge)}"
            yield f"win_rates-{judge}", title, source(report, judge), _win_rates(own)
    for ranking in report.rankings:
        title = f"Ranking by {visible(ranking.judge)}"
        yield f"ranking-{ranking.judge}", title, source(report, ranking.judge), _ranking(ranking)
    for judge in report.judges:
        cells = {
            comparison.rate: {cell.value: cell for cell in comparison.cells if cell.kind == "emotion"}
            for comparison in report.comparisons
            if comparison.rate.judge == judge and comparison.cells
        }
        if cells:
            title = f"Win rates per emotion by {visible(judge)}"
            yield f"emotions-{judge}", title, source(report, judge), _emotions(cells)
    if any(card.placed or card.lengths for card in report.scorecards):
        about = " ".join(source(report, judge) for judge in report.judges)
        yield "bias", "Biases of the judges", about, _bias(report, finished)
    for stage in RUN_STAGES:
        runs = [run for run in report.trainings if run.stage == stage and len(run.curves.steps)]
        if runs:
            prints = ", ".join(f"{visible(run.run)} {run.fingerprint[:10]}" for run in runs[:12])
            about = f"{len(runs)} runs; fingerprints: {prints}{' …' if len(runs) > 12 else ''}."
            yield f"training-{stage}", f"Training, {stage}", about, _training(runs, stage)


def _win_rates(rates: Sequence[WinRate]) -> Figure:
    """One row for each recipe and student (or comparison), one marker with an interval for each stage."""
    rows: dict[str, list[tuple[str, WinRate]]] = {}
    for rate in rates:
        run = RunName.parse(rate.b)
        if run is not None and run.student == rate.a:
            varied = f" {settings_text(run.over_seeds.settings)}" if run.over_seeds.settings else ""
            rows.setdefault(f"{run.recipe}{varied}  ({run.student})", []).append((run.stage, rate))
        else:
            rows.setdefault(f"{rate.b} against {rate.a}", []).append(("", rate))
    figure, axes = _canvas(len(rows))
    named: set[str] = set()
    for row, found in enumerate(rows.values()):
        for offset, (stage, rate) in enumerate(found):
            colour, marker = _STAGES.get(stage, (_GREEN, "s"))
            assert rate.win_rate_b is not None
            y = row + (offset - (len(found) - 1) / 2) * min(0.3, 0.7 / len(found))
            low, high = (rate.ci_low or 0.0) * 100, (rate.ci_high or 0.0) * 100
            axes.plot([low, high], [y, y], color=colour, linewidth=1.2)
            label = stage if stage and stage not in named else None
            axes.plot([rate.win_rate_b * 100], [y], marker, color=colour, markersize=4, label=label)
            named.add(stage)
    axes.axvline(50, color=_GREY, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 100)
    axes.set_xlabel("win rate in %, with its 95 % interval")
    _rows(axes, list(rows))
    if named - {""}:
        figure.legend(loc="outside upper right", frameon=False, ncols=2)
    return figure


def _ranking(ranking: Ranking) -> Figure:
    figure, axes = _canvas(len(ranking.entries))
    for row, entry in enumerate(ranking.entries):
        colour, marker = _MARKERS[entry.group % len(_MARKERS)]
        axes.plot([entry.low, entry.high], [row, row], color=colour, linewidth=1.2)
        axes.plot([entry.strength], [row], marker, color=colour, markersize=4)
    axes.axvline(0, color=_GREY, linewidth=0.8, linestyle=":")
    axes.set_xlabel(
        "Bradley–Terry log-strength, with its 95 % interval"
        + ("; one marker for each group" if ranking.groups > 1 else "")
    )
    _rows(axes, [entry.responder for entry in ranking.entries])
    return figure


def _emotions(cells: dict[WinRate, dict[str, Cell]]) -> Figure:
    """A heat map: one row for each comparison, one column for each emotion with its number of dialogues."""
    counts: dict[str, int] = {}
    for found in cells.values():
        for emotion, cell in found.items():
            counts[emotion] = max(cell.n, counts.get(emotion, 0))
    emotions = sorted(counts)
    names = [f"{rate.b} against {rate.a}" for rate in cells]
    values = [[_percent(found.get(emotion)) for emotion in emotions] for found in cells.values()]
    figure = Figure(
        figsize=(max(6.0, 4.2 + 0.2 * len(emotions)), max(2.8, 1.9 + _ROW * len(names))), layout="constrained"
    )
    axes = figure.add_subplot()
    # Blue and orange around white at 50 %: safe for colour-blind readers, and in print.
    image = axes.imshow(values, cmap="PuOr_r", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(
        range(len(emotions)),
        [f"{_short(emotion, 18)} ({counts[emotion]})" for emotion in emotions],
        rotation=90,
    )
    _rows(axes, names)
    figure.colorbar(image, ax=axes, label="win rate of the first in %", pad=0.02)
    return figure


def _percent(cell: Cell | None) -> float:
    """A cell's win rate in percent; NaN if it has none."""
    return float("nan") if cell is None or cell.win_rate_b is None else cell.win_rate_b * 100


def _bias(report: Report, rates: Sequence[WinRate]) -> Figure:
    cards = [card for card in report.scorecards if card.placed or card.lengths]
    figure = Figure(figsize=(8.0, max(3.2, 1.6 + 0.45 * len(cards))), layout="constrained")
    left, right = figure.subplots(1, 2)
    for offset, (name, shares, colour) in enumerate(
        (
            (
                "prefers the first",
                [(card.prefers_first, card.prefers_first_low, card.prefers_first_high) for card in cards],
                _BLUE,
            ),
            (
                "prefers the longer",
                [(card.prefers_longer, card.prefers_longer_low, card.prefers_longer_high) for card in cards],
                _ORANGE,
            ),
        )
    ):
        known = [
            (row + (offset - 0.5) * 0.36, share * 100, low * 100, high * 100)
            for row, (share, low, high) in enumerate(shares)
            if share is not None and low is not None and high is not None
        ]
        left.barh([y for y, *_ in known], [share for _, share, *_ in known], 0.34, color=colour, label=name)
        for at, _, low, high in known:
            left.plot([low, high], [at, at], color="black", linewidth=0.8)
    left.axvline(50, color=_GREY, linewidth=0.8, linestyle=":")
    left.set_xlim(0, 100)
    left.set_xlabel("share of verdicts with a winner in %, with its 95 % interval")
    _rows(left, [card.judge for card in cards])
    left.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1)
    right.plot([0, 100], [0, 100], color=_GREY, linewidth=0.8, linestyle=":")
    for number, card in enumerate(cards):
        colour, marker = _MARKERS[number % len(_MARKERS)]
        own = [r for r in rates if r.judge == card.judge and r.lc_win_rate_b is not None]
        x, y = [(r.win_rate_b or 0) * 100 for r in own], [(r.lc_win_rate_b or 0) * 100 for r in own]
        right.plot(x, y, marker, color=colour, markersize=4, label=_short(card.judge, 24))
    right.set_xlim(0, 100)
    right.set_ylim(0, 100)
    right.set_xlabel("win rate in %")
    right.set_ylabel("length-controlled in %")
    right.legend(frameon=False, loc="upper left")
    return figure


def _training(runs: Sequence[RunTraining], stage: RunStage) -> Figure:
    names = {"sft": ("loss", "grad_norm"), "sft-dpo": ("loss", "rewards/margins", "rewards/accuracies")}[
        stage
    ]
    figure = Figure(figsize=(8.5, 3.2 + 0.16 * min(len(runs), 12)), layout="constrained")
    every = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(every, names, strict=True):
        for number, run in enumerate(runs):
            colour = _MARKERS[number % len(_MARKERS)][0]
            style = ("-", "--", "-.", ":")[number // len(_MARKERS) % 4]
            known = name in run.curves.metrics
            label = _short(run.run, 60) if number < 12 else None
            axes.plot(
                run.curves.x(name, "step") if known else [],
                run.curves.metrics[name].values if known else [],
                style,
                color=colour,
                linewidth=1,
                label=label,
            )
        axes.set_xlabel("optimiser step")
        axes.set_title(name)
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False, ncols=1, fontsize=7)
    return figure


def _canvas(rows: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7.5, max(2.2, 1.2 + _ROW * rows)), layout="constrained")
    return figure, figure.add_subplot()


def _rows(axes: Any, names: Sequence[str]) -> None:
    """Names the rows, the first one on top."""
    axes.set_yticks(range(len(names)), [_short(name, 64) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _short(text: str, limit: int) -> str:
    shown = visible(text)
    # Matplotlib reads a dollar sign as the start of a formula.
    return (shown if len(shown) <= limit else f"{shown[: limit - 1]}…").replace("$", r"\$")


def _drawn(name: str, title: str, about: str, figure: Figure) -> Plot:
    figure.suptitle(title.replace("$", r"\$"), fontsize=10, fontweight="bold")
    width = round(figure.get_figwidth() * 17)
    figure.supxlabel(fill(about, width).replace("$", r"\$"), fontsize=6.5, color=_GREY, x=0.01, ha="left")
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
    return Plot(name, title, about, svg.getvalue(), png.getvalue())
