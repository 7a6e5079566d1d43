"""The tables of comparisons that stopped once they were decided."""

from __future__ import annotations

import pytest

from core.domain.evaluation.comparisons import Comparison
from core.domain.evaluation.stopping import Stopping
from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs.snapshot import DialogueCounts
from core.judging.metrics.study_design import sequential
from core.reports.gather import Report
from core.reports.tables import reader_warnings, stopping_tables
from core.services.evaluation import comparisons

SCORES = {f"d{number}": 1.0 if number % 10 else 0.0 for number in range(20)}
RATE = WinRate(
    a="base",
    b="run",
    judge="gpt",
    n=20,
    wins_a=2,
    wins_b=18,
    ties=0,
    invalid=0,
    win_rate_b=0.9,
    ci_low=0.55,
    ci_high=0.99,
    interval=sequential.INTERVAL,
    label=None,
    job="compare-1",
    state="done",
    fingerprint="0123456789abcdef",
    stopping=Stopping(decided=True, dialogues=250, requests=40, all_requests=480, seed=42),
)
REPORT = Report(
    workspace="study",
    file=None,
    file_sha256=None,
    is_sample=False,
    dialogues=DialogueCounts(300, 50, 250),
    statistics=None,
    comparisons=(Comparison(RATE, (), comparisons.sequence(RATE, SCORES)),),
    recipes=(),
    filtered=(),
    rankings=(),
    seeds=(),
    scorecards=(),
    bias_models=(),
    annotator_tests=(),
    agreements=(),
    tests=(),
    same_answers=(),
    human=(),
    trainings=(),
    examples=(),
)


def test_how_far_it_was_judged_and_what_was_saved() -> None:
    table = stopping_tables.stopped(REPORT)
    (row,) = (dict(zip(table.columns, (cell.text for cell in cells), strict=True)) for cells in table.rows)
    assert (row["decided"], row["judged"], row["dialogues"], row["unjudged"]) == ("yes", "20", "250", "230")
    assert (row["verdicts"], row["of"], row["saved"], row["seed"]) == ("40", "480", "440", "42")


def test_the_sequence_is_given_whole_in_the_csv() -> None:
    table = stopping_tables.sequences(REPORT)
    assert len(table.rows) == 1
    assert table.full is not None
    assert [row[4].text for row in table.full.rows] == sequential.in_order(SCORES)
    ends = sequential.confidence_sequence([SCORES[name] for name in sequential.in_order(SCORES)])
    for row, (low, high) in zip(table.full.rows, ends, strict=True):
        assert [row[7].value, row[8].value] == pytest.approx([low, high])


def test_the_report_warns_of_what_is_missing() -> None:
    (warning,) = reader_warnings.warnings(REPORT)
    assert "stopped once it was decided, after 20 of 250 dialogues" in warning
    assert "440 of 480 verdicts were saved" in warning
