"""Methods 2 and 3: a teacher's improved responses make the targets and the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.domain.dialogues import GOOD, HUMAN, Dialogue
from core.recipes.strategies import IMPROVE_HUMAN

#: Train dialogues of the paper, of which improve-llm's share for SFT is told.
PAPER_TRAIN = 1750


def divided(
    dialogues: Iterable[Dialogue], method: str, sft_share: int, seed: int
) -> tuple[list[Dialogue], list[Dialogue]]:
    """The train dialogues that give SFT examples, and those that give preference pairs.

    improve-human: by the human response's rating, 3 or less. improve-llm: `sft_share` of the paper's
    1,750, or that share of another number, drawn as pandas' `sample(n, random_state=seed)` draws them.
    """
    train = [d for d in dialogues if d.split == "train" and HUMAN in d.responses]
    if method == IMPROVE_HUMAN:
        drawn = {d.dialog_id for d in train if d.responses[HUMAN].rating == GOOD}
    else:
        # Seconds to load, and needed for this draw alone.
        import pandas as pd

        ids = pd.Series([d.dialog_id for d in train])
        drawn = set(ids.sample(n=sft_size(len(train), sft_share), random_state=seed))
    return [d for d in train if d.dialog_id in drawn], [d for d in train if d.dialog_id not in drawn]


def counts(dialogues: Sequence[Dialogue], method: str, sft_share: int) -> tuple[int, int]:
    """(SFT dialogues, preference dialogues) of a method, when every answer comes."""
    train = [d for d in dialogues if d.split == "train" and HUMAN in d.responses]
    if method == IMPROVE_HUMAN:
        sft = sum(d.responses[HUMAN].rating == GOOD for d in train)
    else:
        sft = sft_size(len(train), sft_share)
    return sft, len(train) - sft


def sft_size(train: int, sft_share: int) -> int:
    """How many of `train` dialogues are drawn for SFT."""
    return round(train * sft_share / PAPER_TRAIN)
