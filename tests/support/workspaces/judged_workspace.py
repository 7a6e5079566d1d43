"""A workspace with judges behind the loopback API: what they are asked, and what a known judge answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.config.schema import Teacher
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import Winner
from core.domain.jobs.results import CompareResult
from core.jobs.settings import CompareSettings, LlmJudge
from core.judging import compare_job
from core.prompts import templates
from tests.loopback import Api
from tests.support.processes.forking import preload
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

preload("core.judging.compare_job", "core.judging.validate_job", "scipy.special")

JUDGE = """
[judges.{name}]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
mode = "{mode}"
poll_min_s = 0.05
poll_max_s = 0.2
{more}
"""
HUMAN_AND_CHATGPT = '[[comparisons.extra]]\na = "human"\nb = "chatgpt"\n'
CHATGPT_AND_HUMAN = '[[comparisons.extra]]\na = "chatgpt"\nb = "human"\n'
COMPARE = "compare:human vs chatgpt @ gpt"


def with_one_identical() -> tuple[list[Dialogue], Dialogue]:
    """Dialogues of which one test dialogue has the same response from both responders; that one."""
    found = synthetic_dialogues(rows=32)
    index = next(i for i, d in enumerate(found) if d.split == "test")
    same = found[index].responses | {"chatgpt": found[index].responses["human"]}
    found[index] = msgspec.structs.replace(found[index], responses=same)
    return found, found[index]


DIALOGUES, IDENTICAL = with_one_identical()
TEST = [d for d in DIALOGUES if d.split == "test"]
DIFFERENT = [d for d in TEST if d is not IDENTICAL]


def judge_workspace(
    root: Path,
    api: Api,
    mode: str = "live",
    judges: tuple[str, ...] = ("gpt",),
    comparisons: str = HUMAN_AND_CHATGPT,
    more: str = "",
) -> TeacherWorkspace:
    tables = [JUDGE.format(name=name, url=api.url, mode=mode, more=more) for name in judges]
    return TeacherWorkspace(root, api.url, more="".join([*tables, comparisons]), dialogues=DIALOGUES)


def shown(text: str) -> tuple[str, str]:
    """The two responses of a judge's prompt, in the order in which it shows them."""
    both = text.rpartition("\nResponse 1: ")[2].removesuffix("\nAnswer:")
    first, _, second = both.partition("\nResponse 2: ")
    return first, second


def longer(text: str) -> str:
    """The answer of a judge that likes the longer response, and of two the later in the alphabet."""
    first, second = shown(text)
    return "say:1" if (len(first), first) > (len(second), second) else "say:2"


def expected(dialogue: Dialogue) -> Winner:
    a, b = (dialogue.responses[source].text for source in ("human", "chatgpt"))
    return "tie" if a == b else "a" if (len(a), a) > (len(b), b) else "b"


def verdicts(made: TeacherWorkspace, name: str = COMPARE) -> dict[tuple[str, str], tuple[str, str]]:
    """(dialogue, order) → (winner, raw), as the store has them."""
    rows = made.query("SELECT dialog_id, ordering, winner, raw FROM verdicts WHERE job = ?", made.job(name))
    return {(str(d), str(order)): (str(winner), str(raw)) for d, order, winner, raw in rows}


def compare(
    root: Path,
    url: str,
    dialogues: Sequence[Dialogue] = DIALOGUES,
    *,
    attempt: int = 1,
    sends_requests: bool = True,
    by_dimension: bool = False,
    structured_output: bool = False,
    stop: Literal["decided"] | None = None,
    swap: bool = True,
    repeats: int = 1,
    **teacher: Any,
) -> CompareResult:
    """A comparison of the test dialogues, in this process; `teacher` are settings of the judge's model."""
    judge = LlmJudge(
        name="gpt",
        swap=swap,
        repeats=repeats,
        prompt=templates.load("judge_dimensions" if by_dimension else "judge"),
        model=made_settings.large_model(Teacher(provider="openai", model="m", base_url=url, **teacher)),
        dimensions=by_dimension,
        structured_output=structured_output,
    )
    settings = CompareSettings(a="human", b="chatgpt", judge=judge, stop=stop)
    folder = root / f"artifacts/jobs/compare-1/{attempt}"
    made = job_attempts.attempt(folder, dialogues, settings, job="compare-1", sends_requests=sends_requests)
    return job_attempts.run(made, compare_job.run)
