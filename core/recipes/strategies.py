"""How a teacher is asked to improve a response, and which of its answers each recipe needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.domain.names import Method, RecipeName

IMPROVE_HUMAN: Method = "improve-human"
IMPROVE_LLM: Method = "improve-llm"
#: The methods that need a teacher.
METHODS: tuple[Method, ...] = (IMPROVE_HUMAN, IMPROVE_LLM)

DIMENSIONS = ("cognitive", "affective", "compassionate")
COMBINED = "combined"
SEQUENTIAL = "sequential"
#: Strategies that ask one question a response, each with the template of its name.
_SINGLE = ("naive", "all_dimensions", "lacking_dimension", *DIMENSIONS)
STRATEGIES = (*_SINGLE, COMBINED, SEQUENTIAL)

#: The teacher's own response to a dialogue, which improve-llm improves.
_INITIAL = "initial"


@dataclass(frozen=True)
class Taught:
    """One set of answers that a teacher gives to all train dialogues.

    `turns` are the templates of the conversation's user turns; `original` says which response is
    improved, None where the teacher writes its own. `inputs` maps the inputs `original` and
    `turn-<n>`, the answers of the earlier turns, to the sets that they come from.
    """

    turns: tuple[str, ...]
    original: Literal["human", "initial"] | None
    inputs: dict[str, str] = field(default_factory=dict)


def _taught() -> dict[str, Taught]:
    initial = str(RecipeName(IMPROVE_LLM, _INITIAL))
    found = {initial: Taught((_INITIAL,), None)}
    for method in METHODS:
        original: Literal["human", "initial"] = "human" if method == IMPROVE_HUMAN else "initial"
        inputs = {} if original == "human" else {"original": initial}
        for strategy in _SINGLE:
            found[str(RecipeName(method, strategy))] = Taught((strategy,), original, inputs)
        rounds = [_round(method, dimension) for dimension in DIMENSIONS]
        turns = tuple(f"{SEQUENTIAL}_{dimension}" for dimension in DIMENSIONS)
        for n, name in enumerate(rounds):
            earlier = {f"turn-{k + 1}": rounds[k] for k in range(n)}
            found[name] = Taught(turns[: n + 1], original, inputs | earlier)
    return found


def _round(method: Method, dimension: str) -> str:
    """The name of the answers to one turn of the sequential strategy."""
    return str(RecipeName(method, f"{SEQUENTIAL}/{dimension}"))


#: Name → what the teacher is asked.
TAUGHT = _taught()


def names() -> tuple[str, ...]:
    """The names of the recipes of methods 2 and 3."""
    return tuple(str(RecipeName(method, strategy)) for method in METHODS for strategy in STRATEGIES)


def needs(recipe: str) -> dict[str, str]:
    """The inputs of a recipe's job, each with the set of answers it comes from; none for method 1."""
    parsed = RecipeName.parse(recipe)
    if parsed is None or parsed.method not in METHODS:
        return {}
    if parsed.variant == COMBINED:
        return {f"answers-{dimension}": str(RecipeName(parsed.method, dimension)) for dimension in DIMENSIONS}
    if parsed.variant == SEQUENTIAL:
        return {"answers": _round(parsed.method, DIMENSIONS[-1])}
    return {"answers": recipe}
