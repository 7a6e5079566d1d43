"""Where in config.toml the settings of a job are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.names import ComparisonName

if TYPE_CHECKING:
    from core.domain.jobs.job import Job

_TABLES = {"sft": "sft", "sft-dpo": "dpo", "respond": "responding", "generate": "teachers"}


def config_place(job: Job) -> tuple[str, str | None]:
    """The option or table of a job's settings, and the item of the option's list that is the job's."""
    if job.stage == "recipe":
        return "recipes.train", job.name
    if job.stage == "filter":
        return "recipes.filter_judge", None
    if job.stage in ("holdout", "rung"):
        return "rungs", None
    if job.stage == "compare":
        return f"judges.{ComparisonName.parse(job.name).judge}", None
    if job.stage in ("judge", "validate"):
        return f"judges.{job.name}", None
    return _TABLES[job.stage], None
