"""Which jobs people mean by the targets and names that they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.domain.errors import UserError, did_you_mean
from core.domain.jobs import rungs
from core.domain.jobs.dependencies import Link, dependencies_of
from core.domain.names import JobName, RecipeName, is_of_rung
from core.jobs.planned_job import PlannedJob
from core.jobs.stages import STAGES


def resolve(jobs: Sequence[PlannedJob], targets: Sequence[str]) -> tuple[PlannedJob, ...]:
    """The jobs that `targets` name, with all their dependencies; all jobs if there is no target.

    Raises `UserError` as `named` does.
    """
    if not targets:
        return tuple(jobs)
    exact = whatever_rungs_decide(jobs, targets)
    others = named(jobs, targets) - exact
    wanted = exact | others | dependencies_of(jobs, others)
    return tuple(job for job in jobs if job.id in wanted)


def whatever_rungs_decide(jobs: Sequence[PlannedJob], targets: Sequence[str]) -> frozenset[str]:
    """The ids of the jobs that `targets` name one by one, with what these need: no rung keeps them from
    starting."""
    exact = frozenset(
        job.id
        for job in jobs
        if job.stage != rungs.RUNG and any(_names_exactly(target, job) for target in targets)
    )
    links = (Link(job.id, rungs.work_of(job.id, job.depends_on)) for job in jobs)
    return exact | dependencies_of(links, exact)


def named(jobs: Sequence[PlannedJob], targets: Sequence[str]) -> set[str]:
    """The ids of the jobs that `targets` name.

    A target is a job's id, a stage, a job's name, or the start of a name up to a `/`, but for comparisons.
    Raises `UserError` for a target that matches nothing.
    """
    wanted: set[str] = set()
    for target in targets:
        found = [job.id for job in jobs if _names(target, job)]
        if not found:
            known = [*dict.fromkeys(job.stage for job in jobs), *dict.fromkeys(job.name for job in jobs)]
            close = get_close_matches(target, known, n=3, cutoff=0.4) or known[:8]
            if target in STAGES:
                raise UserError(
                    f"config.toml defines no job of the stage {target!r}. There are jobs of: "
                    f"{', '.join(dict.fromkeys(job.stage for job in jobs)) or 'none'}"
                )
            recipe = target.removeprefix("recipe:")
            if RecipeName.parse(recipe) is not None:
                trained = ", ".join(job.name for job in jobs if job.stage == "recipe") or "none"
                raise UserError(f"recipes.train in config.toml does not have {recipe!r}; it has: {trained}")
            raise UserError(
                f"no stage or job in the pipeline is named {target!r}. "
                f"Similar names: {', '.join(close) or 'none'}"
            )
        wanted.update(found)
    return wanted


def find(jobs: Iterable[tuple[str, str, str]], wanted: str) -> str:
    """The id of the one job, of (id, stage, name), that `wanted` names: an id, its beginning,
    `stage:name`, or a name that only one job has. Raises `UserError` otherwise."""
    jobs = list(jobs)
    for test in (
        lambda job: wanted == job[0],
        lambda job: JobName.parse(wanted) == JobName(job[1], job[2]),
        lambda job: wanted == job[2],
        lambda job: job[0].startswith(wanted),
    ):
        found = [job for job in jobs if test(job)]
        if len(found) == 1:
            return found[0][0]
        if found:
            names = ", ".join(job[0] for job in found[:6])
            raise UserError(f"{wanted!r} names {len(found)} jobs: {names}. Name one by its id.")
    known = dict.fromkeys(name for _, stage, name in jobs for name in (str(JobName(stage, name)), name))
    hint = did_you_mean(wanted, known, cutoff=0.7)
    raise UserError(f"there is no job {wanted!r}.{hint} `empathy-tui status` lists all")


def _names(target: str, job: PlannedJob) -> bool:
    if target == job.stage or _names_exactly(target, job):
        return True
    # A comparison's name begins with its baseline's, which may be one run of several that the target means.
    # Runs of rungs are for the others, and start with these.
    return job.stage != "compare" and job.name.startswith(f"{target}/") and not is_of_rung(job.name)


def _names_exactly(target: str, job: PlannedJob) -> bool:
    return target in (job.id, job.name, str(JobName(job.stage, job.name)))
