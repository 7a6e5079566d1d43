"""Methods 2 and 3: the known counts, the seeded draw, and that no test dialogue is ever an example."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import Recipes
from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import Dialogue
from core.recipes import catalog, examples, improve, strategies
from tests.support.records import rating_counts
from tests.support.records.synthetic_dialogues import SOURCES, dialogue_lists

PROMPT = "{situation}|{utterance}"


def test_there_are_21_recipes() -> None:
    names = catalog.names(SOURCES)
    assert len(names) == len(set(names)) == 21
    assert [sum(catalog.method(n) == m for n in names) for m in ("direct", *strategies.METHODS)] == [5, 8, 8]


@pytest.mark.parametrize("name", strategies.names())
def test_known_counts_of_the_real_file(reference_dataset: Path, name: str) -> None:
    dialogues = list(read_table(reference_dataset).dialogues)
    sets = 3 if name.endswith("/combined") else 1
    assert catalog.counts(rating_counts.of_train(dialogues), name, Recipes()) == (
        950 * sets,
        1900 * sets,
        800 * sets,
    )
    improved = [{d.dialog_id: "better" for d in dialogues}] * len(strategies.needs(name))
    sft, pairs, lacking = examples.build_improved(dialogues, name, improved, PROMPT, 950, 42)
    assert (len(sft), len(pairs), lacking) == (1900 * sets, 800 * sets, 0)


def test_the_draw_is_that_of_a_data_frame(reference_dataset: Path) -> None:
    dialogues = list(read_table(reference_dataset).dialogues)
    frame = pd.DataFrame({"dialog_id": [d.dialog_id for d in dialogues if d.split == "train"]})
    drawn = set(frame.sample(n=950, random_state=42)["dialog_id"])
    for_sft, for_pairs = improve.divide(dialogues, strategies.IMPROVE_LLM, 950, 42)
    assert {d.dialog_id for d in for_sft} == drawn
    assert not drawn & {d.dialog_id for d in for_pairs}


@given(dialogue_lists(max_size=12), st.sampled_from(strategies.names()), st.sets(st.integers(0, 11)))
def test_only_train_dialogues_with_an_answer_are_examples(
    dialogues: list[Dialogue], name: str, without: set[int]
) -> None:
    texts = {d.dialog_id: f"better {d.dialog_id}" for n, d in enumerate(dialogues) if n not in without}
    train = {d.dialog_id for d in dialogues if d.split == "train"}
    sets = len(strategies.needs(name))
    sft, pairs, lacking = examples.build_improved(dialogues, name, [texts] * sets, PROMPT, 950, 42)
    used = [e.dialog_id for e in sft[1::2]] + [p.dialog_id for p in pairs]
    assert sorted(used) == sorted([*(train & set(texts))] * sets)
    assert lacking == len(train - set(texts)) * sets
    assert all(e.completion[0].content == texts[e.dialog_id] for e in sft[1::2])
    assert all(p.chosen[0].content == texts[p.dialog_id] for p in pairs)
