"""The available recipes, and how many examples each produces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.config.schema import Recipes
from core.domain.dialogues import HUMAN, Dialogue
from core.domain.errors import UserError
from core.domain.names import Method, RecipeName
from core.recipes import direct, improve, strategies

__all__ = ["HUMAN", "check", "counts", "direct_recipes", "sources_of"]

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
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UserError(f"there is no recipe {name!r}.{hint} The data has: {', '.join(known)}")


def sources_of(name: str, sources: Sequence[str]) -> tuple[str, ...]:
    """The LLM sources whose responses a recipe of method `direct` uses."""
    check(name, sources)
    chosen = parse(name).variant
    return tuple(sources) if chosen == ALL else (chosen,)


def counts(dialogues: Iterable[Dialogue], name: str, settings: Recipes) -> tuple[int, int, int]:
    """(SFT dialogues, SFT examples, preference pairs) that a recipe produces from `dialogues`.

    For the improve methods, the numbers assume that the teacher answers every request.
    """
    dialogues = list(dialogues)
    if method(name) != "direct":
        sft, pairs = improve.counts(dialogues, method(name), settings.improve_llm_sft)
        sets = len(strategies.needs(name))
        return sft * sets, 2 * sft * sets, pairs * sets
    known = dict.fromkeys(s for d in dialogues for s in d.responses if s != HUMAN)
    sft = pairs = 0
    for source in sources_of(name, tuple(known)):
        sft += sum(1 for _ in direct.sft_dialogues(dialogues, source))
        pairs += sum(1 for _ in direct.preference_dialogues(dialogues, source, settings.pairing))
    return sft, 2 * sft, pairs
