"""The job in which a responder, a student or a teacher, responds to the test split."""

from __future__ import annotations

from core.domain.jobs.results import RespondResult
from core.jobs.context import JobContext
from core.jobs.settings import RespondSettings, TeacherResponder


def run(job: JobContext[RespondSettings]) -> RespondResult:
    """Get a response to each test dialogue, and write responses.jsonl. Raises `UserError`."""
    responder = job.settings.responder
    # A teacher's job may wait for a day: it must not keep PyTorch in memory.
    if isinstance(responder, TeacherResponder):
        from core.responding import teacher_job

        return teacher_job.run(job, responder)
    if responder.server is not None:
        from core.responding import served_job

        return served_job.run(job, responder, responder.server)
    from core.responding import student_job

    return student_job.run(job, responder)
