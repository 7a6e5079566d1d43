"""Runs: all fine-tunings with their settings, results and notes, also superseded ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from core.domain.errors import UserError
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import ENDED
from core.domain.jobs.results import SftResult
from core.domain.names import RUN_STAGES, RunName, VersionName
from core.domain.runs import Run, RunComparison, RunDeletion, RunNotes
from core.pipeline.supervision import run_deletion
from core.services.evaluation.reader import EvaluationReader
from core.services.pipeline.reader import PipelineReader
from core.services.pipeline.versions import Versions
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_queries, run_notes, submissions

if TYPE_CHECKING:
    from core.domain.evaluation.win_rates import WinRate

_NO_NOTES = RunNotes()


class RunsReader:
    """Reads runs: those of config.toml, and those that other settings superseded.

    A superseded run is named by the settings in which it differs: `smollm2/direct/chatgpt/sft@epochs=1`.
    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(
        self,
        state: WorkspaceState,
        pipeline: PipelineReader,
        versions: Versions,
        evaluation: EvaluationReader,
    ) -> None:
        self._state = state
        self._pipeline = pipeline
        self._versions = versions
        self._evaluation = evaluation
        #: Job → its attempt, and the disk space of a job that has ended.
        self._sizes: dict[str, tuple[int, int]] = {}

    def jobs(self, *, archived: bool = False) -> tuple[Job, ...]:
        """The runs' jobs: config.toml's, then superseded ones, which have the names of their versions.

        `archived`: also those that are archived.
        """
        found = self._versions.jobs(RUN_STAGES)
        notes = self.notes() if not archived and any(not job.in_config for job in found) else {}
        return tuple(job for job in found if job.in_config or not notes.get(job.id, _NO_NOTES).archived)

    def archived(self) -> int:
        """How many superseded runs are archived."""
        return len(self.jobs(archived=True)) - len(self.jobs())

    def notes(self) -> Mapping[str, RunNotes]:
        """What is noted about runs, by their jobs; a run without notes is left out."""
        connection = self._state.connection()
        return {} if connection is None else run_notes.notes(connection)

    def runs(self, *, archived: bool = False) -> tuple[Run, ...]:
        """The runs with their results, config.toml's first; `archived`: also those that are archived."""
        jobs, connection = self.jobs(archived=archived), self._state.connection()
        if connection is None:
            return tuple(_run(job, {}) for job in jobs)
        keys = self._versions.differing(jobs)
        losses, tokens = (job_queries.last_metrics(connection, name) for name in ("loss", "num_tokens"))
        seconds, notes = job_queries.worked_seconds(connection), self.notes()
        costs, compared = submissions.costs(connection), self._compared()
        found = []
        settings = self._versions.settings(jobs)
        for job, own in zip(jobs, settings, strict=True):
            rates = compared.get(job.id, ())
            spent = [costs[rate.job][0] for rate in rates if rate.job in costs]
            run = _run(job, {key: own[key] for key in keys if key in own})
            found.append(
                replace(
                    run,
                    notes=notes.get(job.id, _NO_NOTES),
                    loss=losses.get(job.id),
                    rate=_main_rate(run, rates),
                    rates=tuple(rates),
                    seconds=seconds.get(job.id),
                    tokens=None if job.id not in tokens else int(tokens[job.id]),
                    usd=None if None in spent or not rates else sum(usd or 0.0 for usd in spent),
                )
            )
        return tuple(found)

    def find(self, wanted: Iterable[str]) -> tuple[Job, ...]:
        """The jobs of runs, by their names, or their ids or the beginnings of them.

        Raises:
            UserError: Something names no run, or several.
        """
        jobs = self.jobs(archived=True)
        return tuple(_find(jobs, name) for name in wanted)

    def compare(self, wanted: Sequence[str]) -> RunComparison:
        """Runs side by side: the settings in which they differ, and their results.

        Raises:
            UserError: Something names no run, or they are not two different ones.
        """
        jobs = list(dict.fromkeys(self.find(wanted)))
        if len(jobs) < 2:
            raise UserError("name at least two different runs: `empathy-tui runs` lists them")
        by_job = {run.job: run for run in self.runs(archived=True)}
        settings = self._versions.settings(jobs)
        shared = [key for key in settings[0] if all(key in own for own in settings)]
        keys = tuple(key for key in shared if len({own[key] for own in settings}) > 1)
        names = [job.name for job in jobs]
        return RunComparison(
            runs=tuple(
                replace(by_job[job.id], settings={key: own[key] for key in keys})
                for job, own in zip(jobs, settings, strict=True)
            ),
            settings=keys,
            tests=self._evaluation.tests_between(names),
            same_answers=self._evaluation.same_answers_of(names),
        )

    def disk_bytes(self, jobs: Iterable[str]) -> dict[str, int]:
        """The disk space of these runs' folders, with all checkpoints. It looks at every file."""
        known, found = self._pipeline.requested(), {}
        for name in jobs:
            job = known.get(name)
            if job is None or not job.attempt:
                continue
            if name not in self._sizes or self._sizes[name][0] != job.attempt or job.state not in ENDED:
                folder = self._state.paths.attempt(name, 1).parent
                self._sizes[name] = (job.attempt, run_deletion.size(folder))
            found[name] = self._sizes[name][1]
        return found

    def deletion(self, jobs: Sequence[str]) -> RunDeletion:
        """What would be deleted with these runs.

        Raises:
            UserError: A run is one of config.toml, or something needs it.
        """
        connection = self._state.connection()
        config, problem = self._state.config()
        if connection is None or config is None:
            raise UserError(problem or "there is nothing to delete")
        planned, problem = self._state.plan(config, self._state.imported())
        if problem is not None:
            raise UserError(problem)
        return run_deletion.plan(connection, self._state.paths, {node.id for node in planned}, jobs)

    def _compared(self) -> Mapping[str, Sequence[WinRate]]:
        """Run → the finished comparisons in which its responses are b."""
        jobs = self._pipeline.requested()
        found: dict[str, list[WinRate]] = defaultdict(list)
        for rate in self._evaluation.all_win_rates():
            if rate.n is None or rate.job not in jobs:
                continue
            responder = VersionName.parse(rate.b).name
            # Both sides may be runs.
            answering = [jobs[name] for name in jobs[rate.job].depends_on if name in jobs]
            for job in answering:
                if job.stage == "respond" and job.name == responder:
                    for run in job.depends_on:
                        found[run].append(rate)
        return found


def _run(job: Job, settings: Mapping[str, str]) -> Run:
    """A run with what is known of its job alone."""
    assert job.stage in RUN_STAGES
    return Run(
        job=job.id,
        name=job.name,
        stage=job.stage,
        state=job.state,
        requested=job.requested,
        is_superseded=not job.in_config,
        notes=_NO_NOTES,
        settings=settings,
        loss=None,
        eval_loss=job.result.eval_loss if isinstance(job.result, SftResult) else None,
        rate=None,
        rates=(),
        seconds=None,
        tokens=None,
        usd=None,
        finished_at=job.finished_at,
    )


def _main_rate(run: Run, rates: Sequence[WinRate]) -> WinRate | None:
    name = RunName.parse(VersionName.parse(run.name).name)
    student = None if name is None else name.student
    return next(
        (rate for rate in rates if VersionName.parse(rate.a).name == student), next(iter(rates), None)
    )


def _find(jobs: Sequence[Job], wanted: str) -> Job:
    matches: tuple[list[Job], ...] = (
        [job for job in jobs if wanted in (job.id, job.name)],
        [job for job in jobs if wanted and job.id.startswith(wanted)],
    )
    for found in matches:
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"{wanted!r} names {len(found)} runs: {', '.join(job.id for job in found[:6])}")
    names = [job.name for job in jobs]
    near = get_close_matches(wanted, names, n=3, cutoff=0.5) or names[:6]
    there_are = ", ".join(near) or "none"
    raise UserError(f"no run is named {wanted!r}. Similar names: {there_are}. `empathy-tui runs` lists all")
