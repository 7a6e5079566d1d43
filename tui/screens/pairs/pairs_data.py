"""What the pairs screen reads: responders, their pairs, and the judge's prompt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import ComparisonName, file_name, is_of_rung
from tui.navigation import pair_filter
from tui.navigation.file_command import FileCommand
from tui.navigation.pair_filter import PairFilter
from tui.screens.pairs.pair_lines import PairSet, pair_set

if TYPE_CHECKING:
    from core.api import Pair, Prompt, Response, Snapshot, Workspace, WorkspacePaths


@dataclass(frozen=True)
class PairsData:
    """The pairs of responders `a` and `b`, and those `found` that match the filter `wanted`; the judges
    `alone` score each response separately."""

    names: Sequence[str]
    """The responders of the configuration."""
    a: str | None
    b: str | None
    pairs: PairSet
    wanted: PairFilter
    found: Sequence[Pair]
    prompt: Prompt
    alone: Collection[str]
    is_compared: bool
    """Whether a comparison of the two is done or to be done."""


def compared_responders(snapshot: Snapshot) -> tuple[str, str] | None:
    """The responders of the first finished comparison."""
    for job in snapshot.jobs:
        if job.stage == "compare" and job.state == "done":
            name = ComparisonName.parse(job.name)
            if not is_of_rung(name.b):
                return name.a, name.b
    return None


def answered_responders(snapshot: Snapshot, names: Sequence[str]) -> tuple[str | None, str | None]:
    """The first two of these names that have responses."""
    unanswered = {job.name for job in snapshot.jobs if job.stage == "respond" and job.state != "done"}
    answered = [name for name in names if name not in unanswered]
    return (answered[0], answered[1]) if len(answered) > 1 else (None, None)


def export(workspace: WorkspacePaths, a: str, b: str) -> FileCommand:
    """The command that writes all pairs of two responders, with their verdicts, as JSON."""
    folder = workspace.exports / "pairs"
    file = folder / file_name(f"{ComparisonName(a, b, judge='').sides}.json")
    return FileCommand("Export", ("pairs", "--json", "--", a, b), folder, file, printed_to=file)


def read(a: str | None, b: str | None, known: PairSet, wanted: PairFilter, workspace: Workspace) -> PairsData:
    """The pairs of responders `a` and `b`, none while one of them is not chosen; `known` are those that were
    read the last time."""
    jobs = workspace.pipeline.snapshot().jobs
    alone = frozenset(job.name for job in jobs if job.stage == "judge")
    compared = (ComparisonName.parse(job.name) for job in jobs if job.stage == "compare")
    is_compared = any({name.a, name.b} == {a, b} for name in compared)
    pairs = () if a is None or b is None else workspace.evaluation.pairs(a, b)
    # That of the first judge: the panel names it.
    asked = next(iter(workspace.evaluation.judge_prompts()), "judge")
    (judge,) = (prompt for prompt in workspace.data.prompts() if prompt.name == asked)
    names = workspace.evaluation.responders()
    made = pair_set(pairs, known)
    return PairsData(names, a, b, made, wanted, narrowed(made, wanted), judge, alone, is_compared)


def read_names(workspace: Workspace) -> Sequence[str]:
    """All responders; those that other settings superseded take long to name if there are thousands."""
    return (*workspace.evaluation.responders(), *workspace.evaluation.superseded_responders())


def narrowed(pairs: PairSet, wanted: PairFilter) -> Sequence[Pair]:
    """The pairs that match a filter: to look through tens of thousands takes too long for the UI thread."""
    return pair_filter.chosen(pairs.all, wanted) if wanted else pairs.all


def read_responses(dialog_id: str, workspace: Workspace) -> tuple[str, Sequence[Response]]:
    """A dialogue, and all responses to it."""
    return dialog_id, workspace.data.responses(dialog_id)
