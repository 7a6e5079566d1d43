"""Tables as data frames: each says what the readers say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.api import Workspace, create_workspace, open_workspace
from tests.support.workspaces import filled_workspace

TABLES = (
    "jobs",
    "dialogues",
    "responses",
    "recipes",
    "metrics",
    "win_rates",
    "seed_groups",
    "rankings",
    "submissions",
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with open_workspace(filled_workspace.fill(tmp_path_factory.mktemp("frames") / "study")) as workspace:
        yield workspace


def test_a_row_for_each_record(filled: Workspace) -> None:
    frames, jobs = filled.frames, filled.pipeline.snapshot().jobs
    assert list(frames.jobs().index) == [job.id for job in jobs]
    rates = frames.win_rates()
    for row, rate in zip(rates.itertuples(), filled.evaluation.win_rates(), strict=True):
        assert (row.a, row.b, row.judge, row.state) == (rate.a, rate.b, rate.judge, rate.state)
    assert rates.loc[rates["state"] != "done", "win_rate_b"].isna().all()
    dialogues = filled.data.dialogues()
    assert frames.dialogues().loc[dialogues[0].dialog_id, "utterance"] == dialogues[0].utterance
    assert len(frames.responses()) == sum(len(one.responses) for one in dialogues)
    assert set(frames.results("recipe").index) == {
        job.id for job in jobs if job.stage == "recipe" and job.state == "done"
    }


def test_metrics_have_a_column_for_each_that_was_logged(filled: Workspace) -> None:
    run = next(job for job in filled.pipeline.snapshot().jobs if job.stage == "sft" and job.state == "done")
    (curves,) = filled.training.curves([run.id])
    metrics = filled.frames.metrics([run.id])
    assert set(metrics["run"]) == {run.name}
    for name, curve in curves.metrics.items():
        logged = metrics[name].notna()
        assert list(metrics.loc[logged, "step"]) == list(curves.steps[curve.places])
        assert list(metrics.loc[logged, name]) == list(curve.values)


def test_pairs_have_a_column_for_each_verdict(filled: Workspace) -> None:
    rate = next(rate for rate in filled.evaluation.win_rates() if rate.state == "done")
    pairs = filled.frames.pairs(rate.a, rate.b)
    first = filled.evaluation.pairs(rate.a, rate.b)[0]
    for verdict in first.verdicts:
        assert pairs.loc[first.dialog_id, f"{verdict.judge} {verdict.order}"] == verdict.winner


def test_an_empty_workspace_has_empty_tables(tmp_path: Path) -> None:
    with open_workspace(create_workspace(tmp_path / "study")) as workspace:
        for name in TABLES:
            assert getattr(workspace.frames, name)().empty, name
        assert workspace.frames.results("sft").empty
