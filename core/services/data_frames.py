"""The tables of a workspace as pandas data frames, for notebooks and scripts.

Columns have the names of the records' fields, whose docstrings say what they mean. What is unknown is
missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from core.domain.data.dialogues import Dialogue
from core.domain.data.recipes import Recipe
from core.domain.evaluation.comparisons import Ranked
from core.domain.evaluation.seeds import SeedGroup
from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs.job import Job, result_values
from core.domain.names import RUN_STAGES
from core.domain.states import Stage
from core.domain.submissions import Submission
from core.services.data.reader import DataReader
from core.services.evaluation.reader import EvaluationReader
from core.services.pipeline.reader import PipelineReader
from core.services.spending.reader import SpendingReader
from core.services.training.reader import TrainingReader


class DataFrames:
    """Reads whole tables. Every method may raise `UserError` if state.db cannot be read."""

    def __init__(
        self,
        pipeline: PipelineReader,
        data: DataReader,
        training: TrainingReader,
        evaluation: EvaluationReader,
        spending: SpendingReader,
    ) -> None:
        self._pipeline = pipeline
        self._data = data
        self._training = training
        self._evaluation = evaluation
        self._spending = spending

    def jobs(self) -> pd.DataFrame:
        """Every job of config.toml, a row each, by its id: the fields of `Job`, its times in UTC."""
        frame = _frame(Job, self._pipeline.snapshot().jobs).drop(columns=["result", "wait"])
        for name in ("started_at", "finished_at"):
            frame[name] = pd.to_datetime(frame[name].astype("float64"), unit="s", utc=True)
        return frame.set_index("id")

    def results(self, stage: Stage) -> pd.DataFrame:
        """The results of a stage's jobs that are done, a row each, by the job's id; fields as in JSON."""
        done = [
            job for job in self._pipeline.snapshot().jobs if job.stage == stage and job.result is not None
        ]
        rows = [
            {"job": job.id, "name": job.name} | {one.name: one.value for one in result_values(job)}
            for job in done
        ]
        return pd.DataFrame(rows, columns=None if rows else ["job", "name"]).set_index("job")

    def dialogues(self) -> pd.DataFrame:
        """The imported dialogues, a row each, by their id, without their responses."""
        names = [name for name in Dialogue.__struct_fields__ if name != "responses"]
        rows = ([getattr(one, name) for name in names] for one in self._data.each_dialogue())
        return pd.DataFrame(rows, columns=names).set_index("dialog_id")

    def responses(self) -> pd.DataFrame:
        """The rated responses of the data: `dialog_id`, `source`, `text`, and `rating` from 1 to 3."""
        rows = (
            (one.dialog_id, source, response.text, response.rating)
            for one in self._data.each_dialogue()
            for source, response in one.responses.items()
        )
        return pd.DataFrame(rows, columns=["dialog_id", "source", "text", "rating"])

    def recipes(self) -> pd.DataFrame:
        """The recipes that the data allows, and what each yields, by name; the fields of `Recipe`."""
        return _frame(Recipe, self._data.recipes()).set_index("name")

    def metrics(self, runs: Sequence[str] = ()) -> pd.DataFrame:
        """Everything that runs logged, a row for each step at which something was logged.

        Args:
            runs: Ids or names of runs' jobs; none means all runs of config.toml.

        Returns:
            The columns `run` (its name), `stage`, `step`, `at` (UTC), and a column for each of TRL's metrics.
        """
        names = [self._pipeline.find_job(run) for run in runs]
        jobs = {job.id: job for job in self._pipeline.snapshot().jobs if job.stage in RUN_STAGES}
        wanted = names or list(jobs)
        curves = self._training.curves(wanted)
        while not all(curve.whole for curve in curves):
            curves = self._training.curves(wanted)
        frames = [pd.DataFrame({"run": [], "stage": [], "step": [], "at": []})]
        for curve in curves:
            job = jobs[curve.job]
            at = pd.to_datetime(curve.at, unit="s", utc=True)
            frame = pd.DataFrame({"run": job.name, "stage": job.stage, "step": curve.steps, "at": at})
            for name, metric in curve.metrics.items():
                column = np.full(len(frame), np.nan)
                column[metric.places] = metric.values
                frame[name] = column
            frames.append(frame)
        filled = [frame for frame in frames if len(frame)]
        return pd.concat(filled, ignore_index=True) if filled else frames[0]

    def win_rates(self) -> pd.DataFrame:
        """Every comparison, a row each; columns are the fields of `WinRate`, missing until it is done."""
        return _frame(WinRate, self._evaluation.win_rates())

    def seed_groups(self) -> pd.DataFrame:
        """Comparisons whose runs differ in their seeds alone, a row each group; the fields of `SeedGroup`."""
        return _frame(SeedGroup, self._evaluation.seed_groups())

    def rankings(self) -> pd.DataFrame:
        """The responders of each judge by their strength: `judge`, and the fields of `Ranked`."""
        frames = [
            _frame(Ranked, ranking.entries).assign(judge=ranking.judge)
            for ranking in self._evaluation.rankings()
        ]
        return pd.concat(frames, ignore_index=True) if frames else _frame(Ranked, ()).assign(judge=[])

    def pairs(self, a: str, b: str) -> pd.DataFrame:
        """The responses of two responders to each test dialogue, by its id, and a column for each verdict:
        `judge, order`, with the number of the repeat if there are several.

        Raises `UserError` if a responder is not known.
        """
        rows = []
        for pair in self._evaluation.pairs(a, b):
            row: dict[str, object] = {
                name: getattr(pair, name)
                for name in ("dialog_id", "emotion", "situation", "utterance", "response_a", "response_b")
            }
            for verdict in pair.verdicts:
                repeat = "" if verdict.number == 1 else f" {verdict.number}"
                row[f"{verdict.judge} {verdict.order}{repeat}"] = verdict.winner
            rows.append(row)
        return pd.DataFrame(rows, columns=None if rows else ["dialog_id"]).set_index("dialog_id")

    def submissions(self) -> pd.DataFrame:
        """The requests that were sent to teachers and judges, a row for each batch or session, by its token:
        the fields of `Submission`, its times in UTC."""
        frame = _frame(Submission, self._spending.submissions())
        for name in ("submitted_at", "changed_at", "expires_at"):
            frame[name] = pd.to_datetime(frame[name].astype("float64"), unit="s", utc=True)
        return frame.set_index("token")


def _frame(record: type[Any], rows: Iterable[object]) -> pd.DataFrame:
    """A row for each record, a column for each of its fields."""
    is_struct = issubclass(record, msgspec.Struct)
    names = record.__struct_fields__ if is_struct else [field.name for field in fields(record)]
    return pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)
