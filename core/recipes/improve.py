"""The improve methods: a teacher's improved responses become SFT targets and preference pairs."""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.data.dialogues import GOOD, HUMAN, Dialogue, RatingCounts
from core.domain.names import Method
from core.recipes.strategies import IMPROVE_HUMAN

#: Number of train dialogues in the paper; `improve_llm_sft` is a number of these.
PUBLISHED_TRAIN_SIZE = 1750


def divide(
    dialogues: Iterable[Dialogue], method: Method, sft_share: int, seed: int
) -> tuple[list[Dialogue], list[Dialogue]]:
    """Divide the train dialogues: those for SFT examples, and those for preference pairs.

    improve-human: those whose human response is rated 3 are for SFT. improve-llm: `sft_share` of the paper's
    1,750 dialogues (the same fraction of another number) are for SFT, drawn with pandas'
    `sample(n, random_state=seed)` as in the published code.
    """
    train = [d for d in dialogues if d.split == "train" and HUMAN in d.responses]
    if method == IMPROVE_HUMAN:
        drawn = {d.dialog_id for d in train if d.responses[HUMAN].rating == GOOD}
    else:
        # Imported here because it takes seconds to load.
        import pandas as pd

        ids = pd.Series([d.dialog_id for d in train])
        drawn = set(ids.sample(n=_sft_size(len(train), sft_share), random_state=seed))
    return [d for d in train if d.dialog_id in drawn], [d for d in train if d.dialog_id not in drawn]


def counts(train: RatingCounts, method: Method, sft_share: int) -> tuple[int, int]:
    """(SFT dialogues, preference dialogues) of a method, if the teacher answers every request."""
    total = sum(train.human.values())
    sft = train.human.get(GOOD, 0) if method == IMPROVE_HUMAN else _sft_size(total, sft_share)
    return sft, total - sft


def _sft_size(train: int, sft_share: int) -> int:
    """The number of dialogues drawn for SFT from `train` dialogues."""
    return round(train * sft_share / PUBLISHED_TRAIN_SIZE)
