"""How dialogues were rated, counted one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from core.domain.data.dialogues import HUMAN, Dialogue, Rating, RatingCounts, RatingPair


def of_train(dialogues: Iterable[Dialogue]) -> RatingCounts:
    """The ratings of the train dialogues, with every source of any dialogue."""
    dialogues = list(dialogues)
    human: Counter[Rating | None] = Counter()
    pairs: defaultdict[str, Counter[RatingPair]] = defaultdict(Counter)
    for dialogue in dialogues:
        for source, response in dialogue.responses.items():
            if source != HUMAN:
                pairs[source].update(())
            if dialogue.split != "train" or HUMAN not in dialogue.responses:
                continue
            own = dialogue.responses[HUMAN].rating
            if source == HUMAN:
                human[own] += 1
            else:
                pairs[source][own, response.rating] += 1
    return RatingCounts(human, pairs)
