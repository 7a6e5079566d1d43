"""The job in which a responder, a student here or a teacher that is asked, answers the test split."""

from __future__ import annotations

from core.domain.results import RespondResult
from core.jobs.context import JobContext
from core.jobs.settings import RespondSettings, StudentResponder, TeacherResponder


def run(job: JobContext[RespondSettings]) -> RespondResult:
    """Answer every test dialogue that no earlier attempt answered, and write responses.jsonl.

    Raises `UserError` when that cannot be done.
    """
    # A teacher's job may wait for a day: it must not hold what a student takes to load.
    match job.settings.responder:
        case TeacherResponder() as responder:
            from core.responding import teacher_job

            return teacher_job.run(job, responder)
        case StudentResponder() as responder:
            from core.responding import student_job

            return student_job.run(job, responder)
