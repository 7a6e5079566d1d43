"""How each job of the benchmarks' grid stands: most are done, some run, others failed or wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.domain.states import JobState
from core.jobs.planned_job import PlannedJob


def job_states(nodes: Sequence[PlannedJob]) -> dict[str, JobState]:
    """How each of the grid's jobs stands, by its id.

    One set of answers is still on its way, and what needs it waits. The second student's last runs are
    at work, then what follows from those that are done.
    """
    found: dict[str, JobState] = {}
    by_stage: dict[str, list[PlannedJob]] = {}
    for node in nodes:
        by_stage.setdefault(node.stage, []).append(node)
    for node in (*by_stage["generate"], *by_stage["validate"]):
        found[node.id] = "running" if node.name == "improve-llm/sequential/compassionate" else "done"
    for node in by_stage["recipe"]:
        found[node.id] = _after(node, found, "done")
    for number, (sft, dpo) in enumerate(zip(by_stage["sft"], by_stage["sft-dpo"], strict=True)):
        fate: JobState = "done"
        if number in range(36, 39):
            fate = "running"
        elif number in (39, 40):
            fate = "failed" if number == 39 else "cancelled"
        found[sft.id] = _after(sft, found, fate)
        found[dpo.id] = _after(dpo, found, "running" if number in range(30, 36) else "done")
    ends: dict[str, Sequence[JobState]] = {
        "respond": ("failed", *3 * ("ready",), *4 * ("running",)),
        "compare": (*3 * ("failed",), *2 * ("cancelled",), *5 * ("ready",), *8 * ("running",)),
    }
    for stage, last in ends.items():
        able = [node for node in by_stage[stage] if _after(node, found, "done") == "done"]
        found |= {node.id: "waiting" for node in by_stage[stage]}
        found |= {node.id: "done" for node in able}
        found |= {node.id: fate for node, fate in zip(able[-len(last) :], last, strict=True)}
    return found


def _after(node: PlannedJob, found: Mapping[str, JobState], fate: JobState) -> JobState:
    """`fate`, unless the node waits for another."""
    return fate if all(found[needed] == "done" for needed in node.depends_on) else "waiting"
