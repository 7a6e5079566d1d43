"""Submissions as text: state, progress, tokens and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core.api import cancel_problem, refresh_problem, retry_problem
from tui.format import values as formats
from tui.format.jobs.job_states import StateLook

if TYPE_CHECKING:
    from core.api import AnswerCount, BatchEvent, Estimate, JobState, Spending, Submission

#: What can be done about a submission, by way of its job.
_PROBLEMS: dict[str, Callable[[str, JobState], str | None]] = {
    "refresh": refresh_problem,
    "cancel": cancel_problem,
    "retry": retry_problem,
}

_LOOKS = {
    "intended": StateLook("○", "pending", "text-muted"),
    "uploaded": StateLook("○", "uploaded", "text-muted"),
    "creating": StateLook("◌", "creating", "text-secondary"),
    "queued": StateLook("◌", "queued", "text-secondary"),
    "validating": StateLook("◌", "validating", "text-secondary"),
    "in_progress": StateLook("▶", "in progress", "text-accent"),
    "finalizing": StateLook("▶", "finalizing", "text-accent"),
    "completed": StateLook("✓", "completed", "text-success"),
    "failed": StateLook("✗", "failed", "text-error"),
    "expired": StateLook("✗", "expired", "text-warning"),
    "cancelling": StateLook("⊘", "cancelling", "text-warning"),
    "cancelled": StateLook("⊘", "cancelled", "text-warning"),
}


#: Live calls whose worker has ended before it recorded their end.
_INTERRUPTED = StateLook("✗", "interrupted", "text-warning")


def _is_interrupted(submission: Submission) -> bool:
    """Whether nobody gets its answers any more; those of a batch can be collected later."""
    return submission.mode != "batch" and not submission.collected and submission.job_state != "running"


def look(submission: Submission) -> StateLook:
    """The look of its state."""
    return _INTERRUPTED if _is_interrupted(submission) else state_look(submission.state)


def state_look(state: str) -> StateLook:
    """The look of a state; an unknown one is shown as it is."""
    return _LOOKS.get(state, StateLook("?", state, "text-muted"))


def counts(submission: Submission) -> tuple[int | None, int | None]:
    """(done, failed): from the store once it is collected, before that from the provider."""
    if submission.collected:
        return submission.ok, submission.answered - submission.ok
    return submission.completed, submission.failed


def progress(submission: Submission) -> str:
    """`done/failed/total`."""
    done, failed = counts(submission)
    return f"{formats.count(done)}/{formats.count(failed)}/{formats.count(submission.requests)}"


def age_s(submission: Submission, now: float) -> float:
    """Seconds since it was submitted, or its duration if it has ended."""
    has_ended = submission.collected or _is_interrupted(submission)
    return (submission.changed_at if has_ended else now) - submission.submitted_at


def eta_s(submission: Submission, moments: Sequence[BatchEvent]) -> float | None:
    """Seconds until it ends, at its pace between the first and the last counts; None if unknown."""
    counted = [(m.at, (m.completed or 0) + (m.failed or 0)) for m in moments if m.completed is not None]
    if submission.collected or len(counted) < 2:
        return None
    (began, before), (ended, done) = counted[0], counted[-1]
    if done <= before or ended <= began:
        return None
    return (submission.requests - done) * (ended - began) / (done - before)


def tokens(submission: Submission) -> str:
    """Input and output tokens that were used."""
    if submission.input_tokens is None or submission.output_tokens is None:
        return formats.UNKNOWN
    return f"{formats.count(submission.input_tokens)} + {formats.count(submission.output_tokens)}"


def reasoning(submission: Submission) -> str:
    """How many of the output tokens are reasoning, in words; empty where the provider reports none."""
    if not submission.reasoning_tokens:
        return ""
    return f", {formats.count(submission.reasoning_tokens)} of them reasoning"


def cost(submission: Submission) -> str:
    """Its cost; with a `~` if it is estimated: before its answers arrive, or without reported tokens."""
    if submission.mode == "local":
        return formats.dollars(0)
    if submission.answered or submission.collected:
        return f"{'~' if submission.estimated_part_usd else ''}{formats.dollars(submission.usd)}"
    if submission.estimated_usd is None or _is_interrupted(submission):
        return formats.UNKNOWN
    return f"~{formats.dollars(submission.estimated_usd)}"


def example(group: AnswerCount) -> str:
    """The provider's message about requests that ended in one way, or one of their answers; empty if all is
    well."""
    shown = (group.error, None if group.outcome == "ok" else group.example)
    return " ".join(part for part in shown if part)


def name(submission: Submission) -> str:
    """The provider's id of it, or its mode until it has one."""
    return submission.batch or f"({submission.mode})"


def key(submission: Submission) -> str:
    """The hash of the API key that it was sent with."""
    return f"hash {submission.key_digest}" if submission.key_digest else "none"


def money_briefly(spending: Spending) -> str:
    """The spent and committed money in short."""
    if not spending.usd and not spending.reserved_usd and not spending.unpriced:
        return "nothing spent"
    bound = f", ~{formats.dollars(spending.reserved_usd)} committed" if spending.reserved_usd else ""
    if spending.unpriced and not spending.usd:
        return f"cost unknown: no price{bound}"
    precision = "≥ " if spending.unpriced else "~" if spending.estimated_usd else ""
    return f"{precision}{formats.dollars(spending.usd)} spent{bound}"


def money(spending: Spending) -> str:
    """The workspace's spending in one line."""
    parts = [f"{formats.dollars(spending.usd)} spent"]
    if spending.estimated_usd:
        parts.append(f"~{formats.dollars(spending.estimated_usd)} of it estimated, without reported tokens")
    if spending.reserved_usd:
        parts.append(f"~{formats.dollars(spending.reserved_usd)} committed")
    if spending.budget_usd is not None:
        parts.append(f"budget {formats.dollars(spending.budget_usd)}")
    if spending.unpriced:
        parts.append(f"{formats.count(spending.unpriced)} responses of unknown cost")
    parts.append("no price table" if spending.prices_of is None else f"prices as of {spending.prices_of}")
    return " · ".join(parts)


def files(submission: Submission) -> list[tuple[str, str]]:
    """(kind, path relative to the workspace) of its files that exist."""
    paths = (
        ("input", submission.input_path),
        ("output", submission.output_path),
        ("errors", submission.error_path),
    )
    return [(kind, path) for kind, path in paths if path is not None]


def total_usd(found: Sequence[Estimate]) -> float | None:
    """The sum of all costs; None if one of them is unknown."""
    costs = [one.usd for one in found if one.usd is not None]
    return sum(costs) if len(costs) == len(found) else None


def unavailable(action: str, submission: Submission | None) -> str | None:
    """Why `refresh`, `cancel` or `retry` is unavailable now; None if it is available."""
    if submission is None:
        return "no batch is selected"
    return _PROBLEMS[action]("its job", submission.job_state)
