"""The bundled sample: its size and split, that it is varied, and that nothing in it is a near-duplicate."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations
from statistics import pstdev

import pytest

from core.api import SAMPLE
from core.dialogues.importing.table import read_table
from core.dialogues.split import split_of
from core.domain.data.dialogues import Dialogue

#: Words of a phrase; two texts that share many such phrases are near-duplicates.
PHRASE = 5
_WORD = re.compile(r"[\w'’]+")


@pytest.fixture(scope="module")
def dialogues() -> list[Dialogue]:
    return list(read_table(SAMPLE).dialogues)


def phrases(text: str, size: int = PHRASE) -> set[tuple[str, ...]]:
    """All phrases of `size` words."""
    words = _WORD.findall(text.lower())
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


def opening(text: str) -> str:
    """Its first four words."""
    return " ".join(_WORD.findall(text.lower())[:4])


def test_ten_dialogues_an_emotion_and_each_emotion_is_tested_and_trained(dialogues: list[Dialogue]) -> None:
    assert len(dialogues) >= 320
    emotions = Counter(dialogue.emotion for dialogue in dialogues)
    assert (len(emotions), min(emotions.values())) == (32, 10)
    splits = [split_of(tuple(one.rating for one in d.responses.values())) for d in dialogues]
    assert splits.count("test") >= 60
    assert len({d.emotion for d, split in zip(dialogues, splits, strict=True) if split == "test"}) == 32
    assert len({d.emotion for d, split in zip(dialogues, splits, strict=True) if split == "train"}) == 32


def test_no_two_dialogues_tell_the_same_story(dialogues: list[Dialogue]) -> None:
    """By phrases of three words, of which a story told anew in the same words shares most."""
    stories = [phrases(f"{one.situation} {one.utterance}", 3) for one in dialogues]
    shared = max(len(a & b) / min(len(a), len(b)) for a, b in combinations(stories, 2))
    assert shared < 0.12


def test_no_two_texts_are_near_duplicates(dialogues: list[Dialogue]) -> None:
    """A response may quote its own speaker; otherwise, texts share hardly a phrase."""
    texts = [
        (dialogue.dialog_id, text)
        for dialogue in dialogues
        for text in (
            dialogue.situation,
            dialogue.utterance,
            *(one.text for one in dialogue.responses.values()),
        )
    ]
    assert len({text.casefold() for _, text in texts}) == len(texts)
    having: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, (_, text) in enumerate(texts):
        for phrase in phrases(text):
            having[phrase].append(number)
    together = Counter(pair for numbers in having.values() for pair in combinations(numbers, 2))
    copied = [
        (texts[a][1], texts[b][1])
        for (a, b), count in together.items()
        if texts[a][0] != texts[b][0] and count > 3
    ]
    assert not copied
    common = {" ".join(phrase): len(numbers) for phrase, numbers in having.items() if len(numbers) > 10}
    assert not common, "a phrase that many texts share is a template"


def test_texts_vary_in_length_and_in_how_they_begin(dialogues: list[Dialogue]) -> None:
    for texts in (
        [one.situation for one in dialogues],
        [one.utterance for one in dialogues],
        [one.responses["chatgpt"].text for one in dialogues],
    ):
        lengths = [len(text.split()) for text in texts]
        assert max(lengths) >= 2 * min(lengths)
        assert pstdev(lengths) > 3
        assert max(Counter(map(opening, texts)).values()) <= len(texts) * 0.03
