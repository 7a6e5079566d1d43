"""The job in which a responder, a student here or a teacher that is asked, answers the test split."""

from __future__ import annotations

from typing import Any

from core.jobs.context import Job


def run(job: Job) -> dict[str, Any]:
    """Answer every test dialogue that no earlier attempt answered, and write responses.jsonl.

    Raises `UserError` when that cannot be done.
    """
    # A teacher's job may wait for a day: it must not hold what a student takes to load.
    if "identity" in job.settings:
        from core.responding import teacher_job

        return teacher_job.run(job)
    from core.responding import student_job

    return student_job.run(job)
