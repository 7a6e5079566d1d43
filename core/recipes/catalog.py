"""Which recipes there are, and what each yields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.dialogues.records import HUMAN, Dialogue
from core.errors import UserError
from core.recipes import direct

__all__ = ["HUMAN", "check", "counts", "direct_recipes", "sources_of"]

ALL = "all_together"


def direct_recipes(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of method 1's recipes: one for each LLM source, and one for all together."""
    return tuple(f"direct/{source}" for source in (*sources, ALL))


def check(name: str, sources: Sequence[str]) -> None:
    """Raise `UserError`, listing what there is, unless `name` is a recipe over these LLM sources."""
    known = direct_recipes(sources)
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UserError(f"there is no recipe {name!r}.{hint} The data has: {', '.join(known)}")


def sources_of(name: str, sources: Sequence[str]) -> tuple[str, ...]:
    """The LLM sources that a recipe draws on."""
    check(name, sources)
    chosen = name.removeprefix("direct/")
    return tuple(sources) if chosen == ALL else (chosen,)


def counts(dialogues: Iterable[Dialogue], name: str, pairing: str) -> tuple[int, int, int]:
    """(SFT dialogues, SFT examples, preference pairs) that a recipe yields from `dialogues`."""
    dialogues = list(dialogues)
    known = dict.fromkeys(s for d in dialogues for s in d.responses if s != HUMAN)
    sft = pairs = 0
    for source in sources_of(name, tuple(known)):
        sft += sum(1 for _ in direct.sft_dialogues(dialogues, source))
        pairs += sum(1 for _ in direct.preference_dialogues(dialogues, source, pairing))
    return sft, 2 * sft, pairs
