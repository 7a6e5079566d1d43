"""What a submission means for a person: its state in words, how far it is, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.format import values as formats
from tui.format.job_states import StateLook

if TYPE_CHECKING:
    from core.api import BatchEvent, Estimate, Spending, Submission

_LOOKS = {
    "intended": StateLook("○", "to be sent", "text-muted"),
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


def look(sent: Submission) -> StateLook:
    """How its state is shown; one that this version does not know is shown as it is."""
    return _LOOKS.get(sent.state, StateLook("?", sent.state, "text-muted"))


def counts(sent: Submission) -> tuple[int | None, int | None]:
    """(done, failed): what is in the store once it is collected, before that what the provider tells."""
    if sent.collected:
        return sent.ok, sent.answered - sent.ok
    return sent.completed, sent.failed


def progress(sent: Submission) -> str:
    """`done/failed/total`."""
    done, failed = counts(sent)
    return f"{formats.count(done)}/{formats.count(failed)}/{formats.count(sent.requests)}"


def age_s(sent: Submission, now: float) -> float:
    """Seconds since it was submitted, up to its end if it has ended."""
    return (sent.changed_at if sent.collected else now) - sent.submitted_at


def eta_s(sent: Submission, moments: Sequence[BatchEvent]) -> float | None:
    """Seconds that the rest takes at the pace from its first counted moment to its last; None if unknown."""
    counted = [(m.at, (m.completed or 0) + (m.failed or 0)) for m in moments if m.completed is not None]
    if sent.collected or len(counted) < 2:
        return None
    (began, before), (ended, done) = counted[0], counted[-1]
    if done <= before or ended <= began:
        return None
    return (sent.requests - done) * (ended - began) / (done - before)


def tokens(sent: Submission) -> str:
    """Input and output tokens that were used."""
    if sent.input_tokens is None or sent.output_tokens is None:
        return formats.UNKNOWN
    return f"{formats.count(sent.input_tokens)} + {formats.count(sent.output_tokens)}"


def cost(sent: Submission) -> str:
    """What it has cost; before its answers are in, its estimate with a `~`."""
    if sent.mode == "local":
        return formats.dollars(0)
    if sent.answered:
        return formats.dollars(sent.usd)
    return formats.UNKNOWN if sent.estimated_usd is None else f"~{formats.dollars(sent.estimated_usd)}"


def name(sent: Submission) -> str:
    """What the provider calls it, or what we do until it has a name there."""
    return sent.batch or f"({sent.mode})"


def money_briefly(spending: Spending) -> str:
    """What was spent and is bound, in a few words; nothing where no teacher was ever asked."""
    if not spending.usd and not spending.reserved_usd and not spending.unpriced:
        return "nothing spent"
    reserved = f", ~{formats.dollars(spending.reserved_usd)} committed" if spending.reserved_usd else ""
    lower_bound = "≥ " if spending.unpriced else ""
    return f"{lower_bound}{formats.dollars(spending.usd)} spent{reserved}"


def money(spending: Spending) -> str:
    """The workspace's money in one line."""
    parts = [f"{formats.dollars(spending.usd)} spent"]
    if spending.reserved_usd:
        parts.append(f"~{formats.dollars(spending.reserved_usd)} on their way")
    if spending.budget_usd is not None:
        parts.append(f"budget {formats.dollars(spending.budget_usd)}")
    if spending.unpriced:
        parts.append(f"{formats.count(spending.unpriced)} answers of unknown cost")
    parts.append("no price table" if spending.prices_of is None else f"prices of {spending.prices_of}")
    return " · ".join(parts)


def files(sent: Submission) -> list[tuple[str, str]]:
    """(kind, path relative to the workspace) of its files that are there."""
    paths = (("input", sent.input_path), ("output", sent.output_path), ("errors", sent.error_path))
    return [(kind, path) for kind, path in paths if path is not None]


def total_usd(found: Sequence[Estimate]) -> float | None:
    """The sum of all costs; None where one of them is not known."""
    costs = [one.usd for one in found if one.usd is not None]
    return sum(costs) if len(costs) == len(found) else None


def unavailable(action: str, sent: Submission | None) -> str | None:
    """Why `refresh`, `cancel` or `retry` cannot be done now, or None when it can."""
    if sent is None:
        return "no batch is selected"
    job = f"its job is {sent.job_state}"
    if action == "refresh" and sent.job_state != "running":
        return f"nothing waits for it: {job}"
    if action == "cancel" and sent.job_state not in ("waiting", "ready", "running"):
        return f"there is nothing to cancel: {job}"
    if action == "retry" and sent.job_state not in ("failed", "cancelled"):
        return f"only what failed or was cancelled is tried again: {job}"
    return None
