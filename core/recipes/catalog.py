"""The available recipes, and how many examples each produces."""

from __future__ import annotations

from collections.abc import Sequence

from core.config.schema import Recipes
from core.domain.data.dialogues import GOOD, HUMAN, ImportedData, RatingCounts
from core.domain.errors import UserError, did_you_mean
from core.domain.names import METHODS, Method, RecipeName
from core.recipes import direct, improve, strategies

__all__ = [
    "HUMAN",
    "available",
    "available_direct",
    "check",
    "check_data",
    "counts",
    "direct_recipes",
    "sources_of",
    "unavailable_for",
]

ALL = "all_together"


def direct_recipes(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of the recipes of method `direct`: one for each LLM source, and one for all of them."""
    return tuple(str(RecipeName("direct", source)) for source in (*sources, ALL))


def names(sources: Sequence[str], own: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of all recipes for these LLM sources: 21 for four sources, and the workspace's `own`."""
    return (*direct_recipes(sources), *strategies.names(), *own)


def method(name: str) -> Method:
    """The method of a recipe. Raises `UserError` if the name is invalid."""
    return parse(name).method


def parse(name: str) -> RecipeName:
    """The parsed name of a recipe. Raises `UserError` if it is invalid."""
    parsed = RecipeName.parse(name)
    if parsed is None:
        raise UserError(f"{name!r} is not the name of a recipe: use `method/source` or `method/strategy`")
    return parsed


def check(name: str, sources: Sequence[str], own: Sequence[str] = ()) -> None:
    """Raise `UserError` with the available recipes unless `name` is a recipe for these LLM sources, or one of
    the workspace's `own`."""
    known = names(sources, own)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(f"there is no recipe {name!r}.{hint} The data has: {', '.join(known)}")


def check_data(name: str, data: ImportedData) -> None:
    """Raise `UserError` unless the imported data allows this recipe."""
    if (reason := _obstacle(method(name), data)) is not None:
        allowed = [f"{one}/…" for one in METHODS if _obstacle(one, data) is None]
        raise UserError(
            f"{name} is not available: {reason}. Recipes that this data allows: {', '.join(allowed)}"
        )


def available(data: ImportedData, own: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of the recipes that the imported data allows, with the workspace's `own`."""
    return tuple(name for name in names(data.sources, own) if _obstacle(method(name), data) is None)


def available_direct(data: ImportedData) -> tuple[str, ...]:
    """The names of the recipes of method `direct` that the imported data allows."""
    return direct_recipes(data.sources) if _obstacle("direct", data) is None else ()


def unavailable_for(data: ImportedData) -> tuple[str, ...]:
    """The recipes and judges that the imported data does not allow, each with the reason."""
    found = [f"recipes {one}/…: {reason}" for one in METHODS if (reason := _obstacle(one, data)) is not None]
    if not data.rated:
        found.append("the embedded judge, and `judge validate`: they learn from ratings, and there are none")
    return tuple(found)


def _obstacle(wanted: Method, data: ImportedData) -> str | None:
    """Why no recipe of a method is possible with the imported data; None if they are."""
    if wanted == "direct" and not data.sources:
        return "they need responses of a language model (response_SOURCE), and there are none"
    if wanted == "direct" and not data.rated:
        return "ratings distinguish good and bad responses, and there are none"
    if wanted == strategies.IMPROVE_HUMAN and not data.rated:
        return "ratings of the human responses decide between SFT and DPO, and there are none"
    return None


def sources_of(name: str, sources: Sequence[str]) -> tuple[str, ...]:
    """The LLM sources whose responses a recipe of method `direct` uses."""
    check(name, sources)
    chosen = parse(name).variant
    return tuple(sources) if chosen == ALL else (chosen,)


def counts(train: RatingCounts, name: str, settings: Recipes) -> tuple[int, int, int]:
    """(SFT dialogues, SFT examples, preference pairs) that a recipe produces from the train dialogues.

    For the improve methods, the numbers assume that the teacher answers every request.
    """
    if method(name) != "direct":
        sft, pairs = improve.counts(train, method(name), settings.improve_llm_sft)
        sets = len(strategies.needs(name))
        return sft * sets, 2 * sft * sets, pairs * sets
    is_pair = direct.rule_of(settings.pairing)
    sft = pairs = 0
    for source in sources_of(name, tuple(train.pairs)):
        rated = train.pairs[source]
        sft += rated.get((GOOD, GOOD), 0)
        pairs += sum(n for (own, other), n in rated.items() if own and other and is_pair(own, other))
    return sft, 2 * sft, pairs
