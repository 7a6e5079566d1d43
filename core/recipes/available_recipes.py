"""The recipes that can be planned: those of the program, and of a workspace's own strategies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.config.schema import Definition
from core.domain.names import RecipeName
from core.recipes import catalog, own_strategies, strategies
from core.recipes.own_strategies import OwnStrategies
from core.recipes.strategies import ResponseSet


class AvailableRecipes:
    """Finds the recipes of one configuration, and what each needs of a teacher."""

    def __init__(
        self,
        sources: Sequence[str],
        definition: Definition,
        own: OwnStrategies,
        prompt: Callable[[str], str],
    ) -> None:
        """`own` are the workspace's strategies; `prompt` returns the text of a template."""
        self._sources = sources
        self._definition = definition
        self._own = own
        self._prompt = prompt
        self._sets = dict(strategies.RESPONSE_SETS)
        #: The templates of own strategies, by the names that their sets have for them.
        self._templates: dict[str, str] = {}

    def check(self, name: str) -> None:
        """Raise `UserError` if there is no recipe of that name, or the file of its strategy is invalid."""
        parsed = RecipeName.parse(name)
        own = None if parsed is None or parsed.method == "direct" else self._own.find(parsed.variant)
        if parsed is None or own is None:
            # One of their recipes may be meant.
            known = [f"{method}/{other}" for method in strategies.METHODS for other in self._own.names]
            catalog.check(name, self._sources, known)
            strategies.check_definition(name, self._definition)
            return
        catalog.check(name, self._sources, own_strategies.recipes([own]))
        turns = {f"{name}/{number}": text for number, text in enumerate(own.turns)}
        self._templates |= turns
        self._sets |= strategies.response_sets_of(parsed.method, own.name, tuple(turns))

    def response_set(self, name: str) -> ResponseSet:
        """A set of teacher responses that a checked recipe needs."""
        return self._sets[name]

    def turns(self, wanted: ResponseSet) -> tuple[str, ...]:
        """The templates of a set's user turns."""
        return tuple(self._templates.get(turn) or self._prompt(turn) for turn in wanted.turns)
