"""Which recipes there are, and what each yields."""

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
    """The names of method 1's recipes: one for each LLM source, and one for all together."""
    return tuple(str(RecipeName("direct", source)) for source in (*sources, ALL))


def names(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of all recipes over these LLM sources: 21 for four of them."""
    return (*direct_recipes(sources), *strategies.names())


def method(name: str) -> Method:
    """The method that a recipe follows. Raises `UserError` for what names no recipe."""
    return parse(name).method


def parse(name: str) -> RecipeName:
    """The recipe of that name. Raises `UserError` for what names none."""
    parsed = RecipeName.parse(name)
    if parsed is None:
        raise UserError(f"{name!r} names no recipe: a name is `method/source` or `method/strategy`")
    return parsed


def check(name: str, sources: Sequence[str]) -> None:
    """Raise `UserError`, listing what there is, unless `name` is a recipe over these LLM sources."""
    known = names(sources)
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UserError(f"there is no recipe {name!r}.{hint} The data has: {', '.join(known)}")


def sources_of(name: str, sources: Sequence[str]) -> tuple[str, ...]:
    """The LLM sources that a recipe of method 1 draws on."""
    check(name, sources)
    chosen = parse(name).variant
    return tuple(sources) if chosen == ALL else (chosen,)


def counts(dialogues: Iterable[Dialogue], name: str, settings: Recipes) -> tuple[int, int, int]:
    """(SFT dialogues, SFT examples, preference pairs) that a recipe yields from `dialogues`.

    Of methods 2 and 3 when the teacher's answers all come.
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
