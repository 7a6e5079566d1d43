"""The strategies for improving responses, and the sets of teacher responses that each recipe needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from core.config.schema import Definition
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import DIMENSIONS
from core.domain.names import Method, RecipeName

#: The methods that need a teacher.
TeacherMethod = Literal["improve-human", "improve-llm"]
METHODS: tuple[TeacherMethod, ...] = get_args(TeacherMethod)
IMPROVE_HUMAN: TeacherMethod = "improve-human"
IMPROVE_LLM: TeacherMethod = "improve-llm"

COMBINED = "combined"
SEQUENTIAL = "sequential"
#: Strategies with one request for each response; the prompt template has the name of the strategy.
_NAIVE = "naive"
_SINGLE = (_NAIVE, "all_dimensions", "lacking_dimension", *DIMENSIONS)
STRATEGIES = (*_SINGLE, COMBINED, SEQUENTIAL)

#: The teacher's own response to a dialogue, which improve-llm improves.
_INITIAL = "initial"


@dataclass(frozen=True)
class ResponseSet:
    """A set of teacher responses, one for each train dialogue."""

    turns: tuple[str, ...]
    """The templates of the user turns."""
    original: Literal["human", "initial"] | None
    """The response that is improved; None if the teacher writes a response of its own."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Names of inputs, `original` and `turn-<n>` (the answers to earlier turns) → the sets that they come
    from."""


def _response_sets() -> dict[str, ResponseSet]:
    initial = str(RecipeName(IMPROVE_LLM, _INITIAL))
    found = {initial: ResponseSet((_INITIAL,), None)}
    for method in METHODS:
        original: Literal["human", "initial"] = "human" if method == IMPROVE_HUMAN else "initial"
        inputs = {} if original == "human" else {"original": initial}
        for strategy in _SINGLE:
            found[str(RecipeName(method, strategy))] = ResponseSet((strategy,), original, inputs)
        rounds = [_round(method, dimension) for dimension in DIMENSIONS]
        turns = tuple(f"{SEQUENTIAL}_{dimension}" for dimension in DIMENSIONS)
        for n, name in enumerate(rounds):
            earlier = {f"turn-{k + 1}": rounds[k] for k in range(n)}
            found[name] = ResponseSet(turns[: n + 1], original, inputs | earlier)
    return found


def _round(method: Method, dimension: str) -> str:
    """The name of the set of answers to one turn of the sequential strategy."""
    return str(RecipeName(method, f"{SEQUENTIAL}/{dimension}"))


#: All sets of teacher responses by name.
RESPONSE_SETS = _response_sets()


def names() -> tuple[str, ...]:
    """The names of the recipes of the improve methods."""
    return tuple(str(RecipeName(method, strategy)) for method in METHODS for strategy in STRATEGIES)


def response_sets_of(method: Method, name: str, turns: Sequence[str]) -> dict[str, ResponseSet]:
    """The sets that a strategy of a workspace's own needs, by name: one for each of its turns.

    `turns` are the names of its templates.
    """
    recipe = str(RecipeName(method, name))
    sets = [*(f"{recipe}/turn-{n + 1}" for n in range(len(turns) - 1)), recipe]
    is_human = method == IMPROVE_HUMAN
    found = {}
    for n, own in enumerate(sets):
        inputs = {} if is_human else {"original": str(RecipeName(IMPROVE_LLM, _INITIAL))}
        earlier = {f"turn-{k + 1}": sets[k] for k in range(n)}
        original: Literal["human", "initial"] = "human" if is_human else "initial"
        found[own] = ResponseSet(tuple(turns[: n + 1]), original, inputs | earlier)
    return found


def check_definition(recipe: str, definition: Definition) -> None:
    """Raise `UserError` for a recipe about dimensions of empathy when another quality is distilled."""
    parsed = RecipeName.parse(recipe)
    is_about_empathy = parsed is not None and parsed.method in METHODS and parsed.variant != _NAIVE
    if is_about_empathy and definition.text is not None:
        raise UserError(
            f"{recipe} is about dimensions of empathy, and config.toml's [definition] about "
            f"{definition.name}: use the strategy naive, or one of your own (`empathy-tui prompts new NAME`)"
        )


def needs(recipe: str) -> dict[str, str]:
    """The inputs of a recipe's job, each with its set of responses; none for method `direct`."""
    parsed = RecipeName.parse(recipe)
    if parsed is None or parsed.method not in METHODS:
        return {}
    if parsed.variant == COMBINED:
        return {f"answers-{dimension}": str(RecipeName(parsed.method, dimension)) for dimension in DIMENSIONS}
    if parsed.variant == SEQUENTIAL:
        return {"answers": _round(parsed.method, DIMENSIONS[-1])}
    return {"answers": recipe}
