"""The metrics of a comparison in words: what they must not gloss over."""

from __future__ import annotations

from msgspec.structs import replace

from core.domain.evaluation.comparisons import Cell, Comparison, SequencePoint
from core.domain.evaluation.stopping import Stopping
from core.domain.evaluation.win_rates import WinRate
from core.judging.metrics.study_design import sequential
from tui.screens.win_rates.metrics import comparison_metrics

RATE = WinRate(
    a="base",
    b="run",
    judge="gpt",
    n=250,
    wins_a=80,
    wins_b=160,
    ties=10,
    invalid=0,
    win_rate_b=0.66,
    ci_low=0.6,
    ci_high=0.72,
    interval="Wilson 95 %, effective sample size",
    label=None,
    job="compare-1",
    state="done",
    p=0.001,
    p_holm=0.002,
    test="exact sign test",
)


def note(rate: WinRate, name: str) -> str:
    rows = comparison_metrics.of_comparison(Comparison(rate, ()))
    return next(row.note for row in rows if row.name == name)


def test_a_length_controlled_rate_that_is_far_off_is_not_said_to_agree() -> None:
    """56.6 stood beside 66.0 with "agrees with the raw win rate"."""
    rate = replace(
        RATE,
        lc_win_rate_b=0.566,
        lc_low=0.45,
        lc_high=0.67,
        lc_differs=False,
        lc_difference_low=-0.2,
        lc_difference_high=0.012,
        lc_overlap=0.3,
    )
    assert note(rate, "length-controlled") == "-9.4 points from raw (-20.0 to +1.2)"
    biased = replace(rate, lc_differs=True, lc_difference_high=-0.01)
    assert note(biased, "length-controlled").endswith("-1.0): the judge is biased by length")
    assert comparison_metrics.warnings(rate) == []


def test_lengths_that_hardly_overlap_are_warned_of() -> None:
    (warning,) = comparison_metrics.warnings(replace(RATE, lc_win_rate_b=0.62, lc_overlap=0.03))
    assert warning == (
        "One response is longer in 97 % of the dialogues: the win rate at equal length is extrapolated from "
        "the few others."
    )


def test_invalid_dialogues_show_bounds_and_their_interval() -> None:
    rate = replace(
        RATE,
        invalid=20,
        min_win_rate_b=0.6,
        max_win_rate_b=0.68,
        bounds_low=0.55,
        bounds_high=0.73,
    )
    rows = {row.name: row for row in comparison_metrics.of_comparison(Comparison(rate, ()))}
    assert (rows["bounds by invalid"].value, rows["bounds by invalid"].interval) == ("60.0–68.0", "55.0–73.0")
    assert rows["raw"].n == 230
    (warning,) = comparison_metrics.warnings(rate)
    assert "20 of 250 dialogues are invalid and left out" in warning
    assert "between 60.0 % and 68.0 %" in warning
    assert "bounds by invalid" not in {
        row.name for row in comparison_metrics.of_comparison(Comparison(RATE, ()))
    }


def test_a_stopped_comparison_shows_its_sequence_and_what_is_missing() -> None:
    stopping = Stopping(decided=True, dialogues=250, requests=70, all_requests=500, seed=42)
    rate = replace(RATE, n=35, interval=sequential.INTERVAL, test=sequential.TEST, stopping=stopping)
    scores = [1.0, 1.0, 0.5, 1.0] * 8 + [1.0] * 3
    ends, evidence = sequential.confidence_sequence(scores), sequential.e_values(scores)
    points = tuple(
        SequencePoint(f"d{n}", n, scores[n - 1], sum(scores[:n]) / n, *ends[n - 1], evidence[n - 1])
        for n in range(1, 36)
    )
    rows = comparison_metrics.of_comparison(Comparison(rate, (), points))
    shown = [row for row in rows if row.name.startswith("after ")]
    assert shown[-1].name == "after 35"
    assert 5 < len(shown) < 15
    assert shown[-1].interval == f"{ends[-1][0] * 100:.1f}–{ends[-1][1] * 100:.1f}"
    assert shown[-1].note.endswith("of 20; dialogue d35")
    (warning,) = comparison_metrics.warnings(rate)
    assert warning.startswith("Stopped once it was decided: 215 dialogues have no verdict and are missing.")
    values = {row.name: row.value for row in rows}
    assert (values["judged"], values["saved"]) == ("35 of 250", "215 dialogues")


def test_a_breakdown_says_how_many_cells_it_has() -> None:
    cells = tuple(Cell("emotion", f"e{i}", 30, 10, 20, 0, 0, 0.66, 0.5, 0.8) for i in range(7))
    rows = comparison_metrics.of_comparison(Comparison(RATE, cells))
    heading = next(row for row in rows if row.name.startswith("By emotion"))
    assert heading.name == "By emotion (7 cells)"
    assert "one interval in 20" in heading.note
