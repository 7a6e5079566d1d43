"""What the pairs screen reads: responders, their pairs, and the judge's prompt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import ComparisonName, file_name, is_of_rung
from tui.navigation.file_command import FileCommand
from tui.screens.pairs.pair_lines import PairLine, lines

if TYPE_CHECKING:
    from core.api import Pair, Prompt, Response, Snapshot, Workspace, WorkspacePaths


@dataclass(frozen=True)
class PairsData:
    """The pairs of responders `a` and `b`; the judges `alone` score each response separately."""

    names: Sequence[str]
    a: str | None
    b: str | None
    pairs: Sequence[Pair]
    lines: Mapping[str, PairLine]
    prompt: Prompt
    alone: Collection[str]


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


def read(
    a: str | None, b: str | None, known: tuple[Sequence[Pair], Mapping[str, PairLine]], workspace: Workspace
) -> PairsData:
    """The pairs of responders `a` and `b`, none while one of them is not chosen; `known` are those that were
    read the last time, with their lines."""
    alone = frozenset(job.name for job in workspace.pipeline.snapshot().jobs if job.stage == "judge")
    pairs = () if a is None or b is None else workspace.evaluation.pairs(a, b)
    # That of the first judge: the panel names it.
    asked = next(iter(workspace.evaluation.judge_prompts()), "judge")
    (judge,) = (prompt for prompt in workspace.data.prompts() if prompt.name == asked)
    names = (*workspace.evaluation.responders(), *workspace.evaluation.superseded_responders())
    made = known[1] if pairs is known[0] else lines(pairs)
    return PairsData(names, a, b, pairs, made, judge, alone)


def read_responses(dialog_id: str, workspace: Workspace) -> tuple[str, Sequence[Response]]:
    """A dialogue, and all responses to it."""
    return dialog_id, workspace.data.responses(dialog_id)
