"""What a change of config.toml means: the jobs to run, their time and cost, and superseded results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.config import no_effect, redaction, reference
from core.config.schema import Config
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import ENDED, REQUESTABLE
from core.domain.states import Slot
from core.jobs.planned_job import PlannedJob
from core.pipeline.planning import workspace_graph
from core.services.configuration import settings
from core.services.pipeline import rung_chances
from core.services.pipeline.forecast import forecast
from core.services.pipeline.job_states import unrequested
from core.services.spending import costs
from core.services.training import run_estimates
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_queries


@dataclass(frozen=True)
class SettingChange:
    """A setting that differs between two configurations."""

    key: str
    """The option with its tables, or a table that only one of them has."""
    before: str | None
    """Its value before, in TOML; None if there was none."""
    after: str | None
    """Its value after, in TOML; None if there is none."""
    added: tuple[str, ...] = ()
    """Of a list of strings, the items that only the later one has."""
    removed: tuple[str, ...] = ()
    """Of a list of strings, the items that only the earlier one has."""
    no_effect: str | None = None
    """Why it has no effect in the later configuration, such as `sft.max_steps = 100`; None if it has one."""


@dataclass(frozen=True)
class ConfigChange:
    """What it means to use one configuration instead of another. Nothing starts by itself."""

    settings: tuple[SettingChange, ...]
    """The settings that differ."""
    to_run: tuple[Job, ...]
    """Jobs that only the later configuration has, and that are not done."""
    known: tuple[Job, ...]
    """Jobs that only the later configuration has, and that are done: their results are shown again."""
    superseded: tuple[Job, ...]
    """Jobs that are done, and that only the earlier configuration has: their results stay, as those of other
    settings."""
    unfinished: tuple[Job, ...]
    """Requested jobs that have not ended, and that only the earlier configuration has: they go on."""
    dropped: tuple[Job, ...]
    """Other jobs that only the earlier configuration has: not started, failed or cancelled."""
    seconds: float | None
    """How long the jobs to run take, one after another as slots allow; None if there are none, or nothing is
    known of them."""
    is_at_least: bool
    """Whether it takes longer: the time of some jobs is not known."""
    usd: float | None
    """What their requests cost in US dollars; None if a price is not known."""
    is_at_most: bool
    """Whether it may cost less, because a judge stops once it is decided who is better."""
    has_data: bool
    """Whether data is imported; without it there are no jobs."""


def describe(state: WorkspaceState, before: Config | None, after: Config) -> ConfigChange:
    """What `after` means instead of `before`; without `before` all its jobs that are not done are to run.

    Raises `UserError` if `after` names a recipe, student, teacher or responder that does not exist.
    """
    imported = state.imported()
    old = () if before is None else _planned(state, before, imported)
    new = _plan(state, after, imported)
    connection = state.connection()
    jobs = {} if connection is None else job_queries.jobs(connection)
    old_ids, new_ids = {node.id for node in old}, {node.id for node in new}
    added = [node for node in new if node.id not in old_ids]
    gone = [jobs.get(node.id) or unrequested(node) for node in old if node.id not in new_ids]
    to_run = [node for node in added if not _is_done(jobs, node)]
    seconds, is_at_least = _time(state, to_run, new, jobs, after)
    usd, is_at_most = _cost(state, to_run, new)
    return ConfigChange(
        settings=_differences(before or Config(), after),
        to_run=tuple(jobs.get(node.id) or unrequested(node) for node in to_run),
        known=tuple(jobs[node.id] for node in added if _is_done(jobs, node)),
        superseded=tuple(job for job in gone if job.state == "done"),
        unfinished=tuple(job for job in gone if job.requested and job.state not in ENDED),
        dropped=tuple(
            job for job in gone if job.state in REQUESTABLE or not (job.requested or job.state == "done")
        ),
        seconds=seconds,
        is_at_least=is_at_least,
        usd=usd,
        is_at_most=is_at_most,
        has_data=imported is not None,
    )


def check(state: WorkspaceState, config: Config) -> None:
    """Raise `UserError` if no graph follows from a valid configuration on the imported data."""
    _plan(state, config, state.imported())


def _plan(state: WorkspaceState, config: Config, imported: ImportedData | None) -> tuple[PlannedJob, ...]:
    if imported is None:
        return ()
    return workspace_graph.plan(state.paths, config, imported, state.commits())


def _planned(state: WorkspaceState, config: Config, imported: ImportedData | None) -> tuple[PlannedJob, ...]:
    """The jobs of an earlier configuration; none if it never had any."""
    try:
        return _plan(state, config, imported)
    except UserError:
        return ()


def _is_done(jobs: Mapping[str, Job], node: PlannedJob) -> bool:
    return node.id in jobs and jobs[node.id].state == "done"


def _time(
    state: WorkspaceState,
    to_run: Sequence[PlannedJob],
    nodes: Sequence[PlannedJob],
    jobs: Mapping[str, Job],
    config: Config,
) -> tuple[float | None, bool]:
    """Seconds that the jobs to run take, without those that rungs stop, and whether it is a lower bound."""
    data = state.drawn_dialogues(), state.train_ratings()
    runs = run_estimates.of_runs(
        to_run, nodes, jobs, data, state.connection(), state.paths.root, config.recipes
    )
    estimates = {run.job: run.seconds for run in runs if run.seconds is not None}
    results = {job.id: job.result for job in jobs.values() if job.result is not None}
    stopping = rung_chances.stopping(nodes, results)
    wanted = [replace(unrequested(node), requested=True) for node in to_run if node.id not in stopping]
    done = [job for job in jobs.values() if job.state == "done"]
    slots: dict[Slot, int] = {
        "gpu": config.slots.gpu,
        "cpu": config.slots.cpu,
        "api": config.slots.api,
        "batch": config.slots.batch,
    }
    found = forecast([*done, *wanted], slots, time.time(), estimates)
    if found is None:
        return None, bool(to_run)
    return (found.seconds or None), found.is_lower_bound


def _cost(
    state: WorkspaceState, to_run: Sequence[PlannedJob], nodes: Sequence[PlannedJob]
) -> tuple[float | None, bool]:
    """What the requests of the jobs to run cost, and whether it may be less."""
    connection = state.connection()
    if connection is None or not to_run:
        return 0.0, False
    found = costs.of_jobs(connection, state.paths, to_run, nodes, state.drawn_dialogues())
    known = [one.usd for one in found if one.usd is not None]
    usd = sum(known) if len(known) == len(found) else None
    return usd, any(one.is_upper_bound for one in found)


def _differences(before: Config, after: Config) -> tuple[SettingChange, ...]:
    old, new = settings.values(before), settings.values(after)
    idle = no_effect.without_effect(after)
    found: dict[str, SettingChange] = {}
    for key in dict.fromkeys((*new, *old)):
        if key in old and key in new:
            if old[key] != new[key]:
                found[key] = _difference(key, old[key], new[key], idle.get(key))
            continue
        # A teacher, a judge or a student with all its options is one change.
        table = key.rpartition(".")[0]
        name = f"{table}.model" if f"{table}.model" in (new if key in new else old) else key
        value = _in_toml((new if key in new else old)[name])
        found.setdefault(
            table,
            SettingChange(table, None, value) if key in new else SettingChange(table, value, None),
        )
    return tuple(found.values())


def _difference(key: str, before: object, after: object, idle: str | None) -> SettingChange:
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    if isinstance(before, tuple) and isinstance(after, tuple):
        added = tuple(one for one in after if isinstance(one, str) and one not in before)
        removed = tuple(one for one in before if isinstance(one, str) and one not in after)
    return SettingChange(key, _in_toml(before), _in_toml(after), added, removed, idle)


def _in_toml(value: object) -> str | None:
    return None if value is None else redaction.without_secrets(reference.value_in_toml(value))
