"""All responses to one dialogue in reading order: base, sft, sft-dpo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import RUN_STAGES, RecipeName, RunName

if TYPE_CHECKING:
    from core.api import ResponderKind, Response

#: Responses side by side on a wide screen: base, sft and sft-dpo.
ACROSS = 3
#: The sections of responders other than runs.
_OTHERS: dict[ResponderKind, str] = {"teacher": "Teachers", "source": "In the data"}


@dataclass(frozen=True)
class ResponseRow:
    """Responses in a row; `title` is their recipe."""

    title: str
    responses: tuple[Response, ...]


@dataclass(frozen=True)
class ResponseSection:
    """A group of rows: a student's, the teachers', the data's."""

    title: str
    rows: tuple[ResponseRow, ...]


def sections(
    responses: Sequence[Response], shown: Sequence[str], words: str, *, wide: bool
) -> list[ResponseSection]:
    """The responses of every student from base to sft-dpo by recipe, then the others'.

    The student and the recipe of the run among the `shown` responders come first. `words` filters by the
    responders' names. `wide` rows have several responses and begin with the base; others have one response.
    """
    own = next(filter(None, map(RunName.parse, reversed(shown))), None)
    found = []
    students = [response.responder for response in responses if response.kind == "base"]
    for student in sorted(students, key=lambda name: own is None or name != own.student):
        rows = _of_student(student, responses, own.recipe if own else None, words, wide=wide)
        found.append(ResponseSection(student, tuple(rows)))
    for kind, title in _OTHERS.items():
        of_kind = [one for one in responses if one.kind == kind and _has(one.responder, words)]
        across = ACROSS if wide else 1
        rows = [ResponseRow("", tuple(of_kind[at : at + across])) for at in range(0, len(of_kind), across)]
        found.append(ResponseSection(title, tuple(rows)))
    return [section for section in found if section.rows]


def steps_before(responses: Sequence[Response]) -> dict[str, Response]:
    """Run → its student's response one stage before: base before sft, sft before sft-dpo."""
    by_name = {response.responder: response for response in responses}
    found = {}
    for name in by_name:
        run = RunName.parse(name)
        if run is not None:
            earlier = RUN_STAGES[: RUN_STAGES.index(run.stage)]
            before = [str(run.at_stage(stage)) for stage in earlier]
            known = [by_name[each] for each in (run.student, *before) if each in by_name]
            if known:
                found[name] = known[-1]
    return found


def _of_student(
    student: str, responses: Sequence[Response], first: RecipeName | None, words: str, *, wide: bool
) -> list[ResponseRow]:
    base = [one for one in responses if one.responder == student]
    recipes: dict[RecipeName, list[Response]] = {}
    for response in responses:
        run = RunName.parse(response.responder)
        if run is not None and run.student == student:
            recipes.setdefault(run.recipe, []).append(response)
    rows = []
    if not wide or not recipes:
        rows += [ResponseRow("", (one,)) for one in base if _has(student, words)]
    for recipe in sorted(recipes, key=lambda name: name != first):
        runs = [one for one in recipes[recipe] if _has(one.responder, words)]
        if wide and runs:
            rows.append(ResponseRow(str(recipe), (*base, *recipes[recipe])))
        elif not wide:
            rows += [ResponseRow(str(recipe), (run,)) for run in runs]
    return rows


def _has(name: str, words: str) -> bool:
    return all(word in name.casefold() for word in words.casefold().split())


def places(found: Sequence[ResponseSection]) -> Mapping[str, tuple[int, int]]:
    """Responder → its first row (counted over all sections), and its column there."""
    rows = [row for section in found for row in section.rows]
    where: dict[str, tuple[int, int]] = {}
    for number, row in enumerate(rows):
        for column, response in enumerate(row.responses):
            where.setdefault(response.responder, (number, column))
    return where
