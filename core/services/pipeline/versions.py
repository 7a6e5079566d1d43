"""Jobs of earlier configurations, named by the settings in which they differ from config.toml's.

Everything is read when it is requested, and a job's settings once: what a fingerprint covers never changes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from core.domain.errors import UserError
from core.domain.jobs import rungs
from core.domain.jobs.dependencies import nearest_first
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import ENDED
from core.domain.names import RUN_STAGES, ComparisonName, JobId, NamedSettings, VersionName
from core.domain.states import Stage
from core.domain.versions import DIGITS, setting_value
from core.jobs import fingerprinted_settings
from core.jobs import settings as job_settings
from core.jobs.inputs import ImportedDialogues, Input, parse_input
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import DpoSettings, Settings
from core.services.pipeline.reader import PipelineReader
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_queries

#: The stages whose superseded jobs are shown.
SHOWN: tuple[Stage, ...] = ("sft", "sft-dpo", "respond", "compare")
#: Parts of a path that a reader can do without.
_LEFT_OUT = frozenset(
    {
        *("training", "student", "config", "model", "identity", "responder", "responding", "method"),
        *("placement", "judge"),
    }
)
#: Settings that are part of the name.
_NAMES = frozenset({"student_name", "recipe", "name", "a", "b"})
_SHORT = {
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "accumulation_steps",
    "chat_template_sha256": "chat_template",
    "weights_sha256": "weights",
    "source": "model",
}

#: Stands for the settings of a job that is deleted.
_DELETED = "deleted"


@dataclass(frozen=True)
class _Plan:
    """What a job does: its own settings by their short names, and the jobs that it depends on."""

    stage: Stage
    name: str
    settings: Mapping[str, str]
    inputs: Mapping[str, str]
    """The jobs of its inputs, by the inputs' names."""
    depends_on: tuple[str, ...]


class Versions:
    """Names superseded jobs."""

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader) -> None:
        self._state = state
        self._pipeline = pipeline
        #: config.toml's jobs, by id, and what some of them do.
        self._nodes: object = ()
        self._planned: dict[str, PlannedJob] = {}
        self._plans: dict[str, _Plan] = {}
        #: The requested jobs as they were last looked at, and what some of them do.
        self._jobs: Mapping[str, Job] = {}
        self._requested: dict[str, _Plan] = {}
        #: Job → the job as it was named, and as it is shown.
        self._renamed: dict[str, tuple[Job, str, Job]] = {}

    def jobs(self, stages: Sequence[Stage] = SHOWN) -> tuple[Job, ...]:
        """The jobs of config.toml, then those that other settings superseded, of these stages.

        A superseded job has the name of its version, and `in_config` is False. Those that never ran are left
        out.
        """
        self._look()
        superseded = self._superseded(stages)
        labels = self._state.remember(
            f"versions of {' '.join(stages)}",
            (self._nodes, len(self._jobs), tuple(job.id for job in superseded)),
            lambda: self._labels(superseded),
        )
        current = self._planned
        kept = (job for job in self._pipeline.snapshot().jobs if job.stage in stages and job.id in current)
        return (*kept, *(self._named(job, labels[job.id]) for job in superseded))

    def settings(self, jobs: Sequence[Job]) -> list[dict[str, str]]:
        """All settings that decide the results of each job, those of its dependencies with their stages."""
        self._look()
        self._read(job.id for job in jobs)
        return [dict(self._lineage(job.id, self._own_stage(job.id))) for job in jobs]

    def differing(self, jobs: Iterable[Job]) -> tuple[str, ...]:
        """The settings in which any of these superseded jobs differs from config.toml's."""
        names = (VersionName.parse(job.name) for job in jobs if not job.in_config)
        return tuple(dict.fromkeys(key for name in names for key, _ in name.settings))

    def _superseded(self, stages: Collection[Stage]) -> list[Job]:
        """The superseded jobs of these stages, with what they do read."""
        current = self._planned
        found = [
            job
            for job in self._jobs.values()
            if job.stage in stages and job.id not in current and (job.attempt or job.state not in ENDED)
        ]
        self._read(job.id for job in found)
        return found

    def _look(self) -> None:
        """Look which jobs there are now."""
        self._jobs = self._pipeline.requested()
        nodes = self._state.nodes()
        if nodes is not self._nodes:
            self._nodes = nodes
            self._planned, self._plans = {node.id: node for node in nodes}, {}

    def _read(self, ids: Iterable[str]) -> None:
        """Read what these jobs do, and all that they depend on."""
        connection = self._state.connection()
        planned, jobs, read = self._planned, self._jobs, self._requested

        def needs(name: str) -> Iterable[str]:
            if name in read or name not in jobs:
                return ()
            return (needed for needed in jobs[name].depends_on if needed not in planned)

        new = [name for name in nearest_first(ids, needs) if name in jobs and name not in read]
        if connection is not None and new:
            for name, (text, inputs) in job_queries.plans(connection, new).items():
                read[name] = _read_plan(jobs[name], text, inputs)

    def _labels(self, superseded: Sequence[Job]) -> dict[str, str]:
        """Job → the name of its version, which no other job of its stage has."""
        # Of the responders of comparisons.
        responders: dict[str, str] = {}
        if any(job.stage == "compare" for job in superseded):
            answering: tuple[Stage, ...] = ("respond",)
            responders = self._labels(self._superseded(answering))
        groups: dict[tuple[Stage, str], list[Job]] = defaultdict(list)
        for job in superseded:
            groups[job.stage, job.name].append(job)
        references = {(plan.stage, plan.name): name for name, plan in self._planned.items()}
        judges = {
            ComparisonName.parse(plan.name).judge: name
            for name, plan in self._planned.items()
            if plan.stage == "compare"
        }
        found: dict[str, str] = {}
        for (stage, plain), jobs in groups.items():
            current = references.get((stage, plain))
            reference, taken = current, set[str]()
            if reference is None and stage == "compare":
                reference = judges.get(ComparisonName.parse(plain).judge)
            if reference is None:
                # config.toml has none: the newest is what the others are compared with.
                reference = max(jobs, key=lambda job: job.finished_at or job.started_at or 0.0).id
            if current is not None:
                taken.add(plain)
            for job in sorted(jobs, key=lambda job: job.id != reference):
                name = self._label(job, reference, responders)
                if name in taken:
                    name = self._label(job, reference, responders, with_fingerprint=True)
                taken.add(name)
                found[job.id] = name
        return found

    def _label(
        self, job: Job, reference: str, responders: Mapping[str, str], *, with_fingerprint: bool = False
    ) -> str:
        more = (("fingerprint", job.fingerprint[:DIGITS]),) if with_fingerprint else ()
        if job.stage != "compare":
            return str(VersionName(job.name, (*self._differences(job.id, reference), *more)))
        name, plan = ComparisonName.parse(job.name), self._plan_of(job.id)
        a = self._side(name.a, plan.inputs.get("a"), responders)
        b = self._side(name.b, plan.inputs.get("b"), responders)
        settings = (*self._differences(job.id, reference, own_only=True), *more)
        return str(ComparisonName(a, b, str(VersionName(name.judge, settings))))

    def _side(self, responder: str, job: str | None, responders: Mapping[str, str]) -> str:
        """A responder of a comparison, whose responses `job` made; None for a source in the data."""
        if job is None or job in self._planned:
            return responder
        deleted = VersionName(responder, ((_DELETED, _digits(job)),))
        return responders.get(job, str(deleted))

    def _differences(self, job: str, reference: str, *, own_only: bool = False) -> NamedSettings:
        """The settings of a job in which it differs from another one, with this job's values.

        `own_only`: of a comparison, those of its judge, whose responders are named by themselves.
        """
        own = self._own_stage(job)
        mine, other = (
            dict(self._lineage(name, own, skipped=("a", "b") if own_only else ()))
            for name in (job, reference)
        )
        found = {key: value for key, value in mine.items() if other.get(key) != value}
        # A part of what is not there at all on the other side, and what all stages share, say nothing more.
        return tuple(
            (key, value)
            for key, value in found.items()
            if not any(key.startswith((f"{group}.", f"{group}_")) for group in _GROUPS if group in found)
            and not ("." in key and found.get(key.partition(".")[2]) == value)
        )

    def _own_stage(self, job: str) -> Stage:
        """The stage whose settings need no prefix: a responder's is that of its run."""
        plan = self._plan_of(job)
        if plan.stage != "respond":
            return plan.stage
        trained = (self._plan_of(needed).stage for needed in plan.depends_on)
        return next((stage for stage in trained if stage in RUN_STAGES), plan.stage)

    def _lineage(self, job: str, own: Stage, *, skipped: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """The settings of a job and all that it depends on, by way of other inputs than `skipped`."""
        plan = self._plan_of(job)
        left_out = {plan.inputs[name] for name in skipped if name in plan.inputs}

        def needs(name: str) -> list[str]:
            return [needed for needed in self._plan_of(name).depends_on if needed not in left_out]

        for name in nearest_first([job], needs):
            plan = self._plan_of(name)
            prefix = "" if plan.stage == own or _DELETED in plan.settings else f"{plan.stage}."
            yield from ((f"{prefix}{key}", value) for key, value in plan.settings.items())

    def _plan_of(self, job: str) -> _Plan:
        known, node = self._plans.get(job), self._planned.get(job)
        if known is None and node is not None:
            depends_on = rungs.work_of(node.id, node.depends_on)
            known = self._plans[job] = _plan(node.stage, node.name, node.settings, node.inputs, depends_on)
        if known is None and job in self._jobs:
            known = self._requested.get(job)
        return known or _Plan("recipe", job, {_DELETED: _digits(job)}, {}, ())

    def _named(self, job: Job, name: str) -> Job:
        """The job with another name; the same object as long as the job is."""
        known = self._renamed.get(job.id)
        if known is None or known[0] is not job or known[1] != name:
            known = self._renamed[job.id] = (job, name, replace(job, name=name, in_config=False))
        return known[2]


#: Groups of settings that are there as a whole, or not at all.
_GROUPS = ("lora", "filter")


def _digits(job: str) -> str:
    """What distinguishes a job that is deleted."""
    return JobId.parse(job).digits[:DIGITS]


def _read_plan(job: Job, text: str, inputs: str) -> _Plan:
    read = {name: parse_input(value) for name, value in json.loads(inputs).items()}
    try:
        found = job_settings.decode(text, job.id)
    except UserError:
        # Of a version of the program that had other settings.
        found = None
    return _plan(job.stage, job.name, found, read, rungs.work_of(job.id, job.depends_on))


def _plan(
    stage: Stage,
    name: str,
    settings: Settings | None,
    inputs: Mapping[str, Input],
    depends_on: tuple[str, ...],
) -> _Plan:
    found = {} if settings is None else _short(settings)
    data = inputs.get("dialogues")
    if isinstance(data, ImportedDialogues):
        found["data"] = setting_value(f"sha256:{data.sha256}")
    jobs = {key: read.job for key, read in inputs.items() if not isinstance(read, ImportedDialogues)}
    if isinstance(settings, DpoSettings):
        found["filter"] = "on" if JobId.parse(jobs["preferences"]).stage == "filter" else "off"
    return _Plan(stage, name, found, jobs, depends_on)


def _short(settings: Settings) -> dict[str, str]:
    """The settings by short names: what is left of their paths."""
    found: dict[str, str] = {}
    for path, value in fingerprinted_settings.flattened(settings).items():
        if (key := _short_name(path)) is not None:
            found[key] = setting_value(value)
    return found


# Thousands of jobs have the same few dozen.
@cache
def _short_name(path: tuple[str, ...]) -> str | None:
    """What is left of the path of a setting; None if that is nothing, or part of the job's name."""
    kept = [part for part in path if part not in _LEFT_OUT]
    if path[-1] == "model" and "identity" in path:
        kept = ["model"]
    if not kept or kept[-1] in _NAMES:
        return None
    *group, last = kept
    # PEFT's names have the group's already.
    key = last if group and last.startswith(f"{group[-1]}_") else ".".join((*group, last))
    return _SHORT.get(key, key)
