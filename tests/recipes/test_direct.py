"""Direct distillation: the known counts, and that no test dialogue is ever an example."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import Pairing, Recipes
from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import HUMAN, Dialogue, RatedResponse, Rating
from core.domain.errors import UserError
from core.prompts import templates
from core.recipes import catalog, direct, examples
from core.recipes.examples import PreferencePair, SftExample
from core.teachers.protocol import Message
from tests.support.records import rating_counts
from tests.support.records.synthetic_dialogues import SOURCES, dialogue_lists, synthetic_dialogues

PAIRINGS: tuple[Pairing, ...] = get_args(Pairing)
PROMPT = "{situation}|{utterance}"

#: SFT dialogues, SFT examples, pairs by the public code's rule, pairs by the strict rule.
KNOWN = {
    "direct/chatgpt": (639, 1278, 730, 593),
    "direct/llama": (617, 1234, 712, 563),
    "direct/gemini": (551, 1102, 700, 500),
    "direct/mixtral": (587, 1174, 726, 575),
    "direct/all_together": (2394, 4788, 2868, 2231),
}


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_known_counts_of_the_real_file(reference_dataset: Path, pairing: Pairing) -> None:
    table = read_table(reference_dataset)
    assert catalog.direct_recipes(table.sources) == tuple(KNOWN)
    for name, (sft_dialogues, sft_examples, by_code, by_rule) in KNOWN.items():
        pairs = by_rule if pairing == "strict" else by_code
        assert catalog.counts(rating_counts.of_train(table.dialogues), name, Recipes(pairing=pairing)) == (
            sft_dialogues,
            sft_examples,
            pairs,
        )
        sft, preferences = examples.build(table.dialogues, name, pairing, PROMPT)
        assert (len(sft), len(preferences)) == (sft_examples, pairs)


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("name", KNOWN)
def test_no_test_dialogue_of_the_real_file_is_an_example(
    reference_dataset: Path, name: str, pairing: Pairing
) -> None:
    _check_train_only(list(read_table(reference_dataset).dialogues), name, pairing)


@pytest.mark.parametrize("pairing", PAIRINGS)
@given(dialogues=dialogue_lists(max_size=20))
def test_no_test_dialogue_is_ever_an_example(pairing: Pairing, dialogues: list[Dialogue]) -> None:
    for name in catalog.direct_recipes(("chatgpt", "llama")) if dialogues else ():
        _check_train_only(dialogues, name, pairing)


def _check_train_only(dialogues: list[Dialogue], name: str, pairing: Pairing) -> None:
    known = {dialogue.dialog_id: dialogue for dialogue in dialogues}
    sft, pairs = examples.build(dialogues, name, pairing, "{situation}")
    test_texts = {d.situation for d in dialogues if d.split == "test"}
    test_texts -= {d.situation for d in dialogues if d.split == "train"}
    made: list[SftExample | PreferencePair] = [*sft, *pairs]
    for example in made:
        dialogue = known[example.dialog_id]
        assert dialogue.split == "train"
        # By the rule itself, and by the text, in case an id or a split is wrong.
        assert sum(response.rating == 3 for response in dialogue.responses.values()) >= 2
        assert example.prompt[0].content not in test_texts


@given(dialogue_lists(max_size=20), st.sampled_from(PAIRINGS))
def test_counts_are_those_of_the_examples(dialogues: list[Dialogue], pairing: Pairing) -> None:
    totals = [0, 0]
    for name in catalog.direct_recipes(("chatgpt", "llama")) if dialogues else ():
        sft, pairs = examples.build(dialogues, name, pairing, PROMPT)
        assert catalog.counts(rating_counts.of_train(dialogues), name, Recipes(pairing=pairing)) == (
            len(sft) // 2,
            len(sft),
            len(pairs),
        )
        if name == "direct/all_together":
            assert [len(sft), len(pairs)] == totals
        totals = [totals[0] + len(sft), totals[1] + len(pairs)]


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("human", [1, 2, 3])
@pytest.mark.parametrize("mine", [1, 2, 3])
def test_every_meeting_of_two_ratings(human: Rating, mine: Rating, pairing: Pairing) -> None:
    responses = {
        HUMAN: RatedResponse("h", human),
        "mine": RatedResponse("m", mine),
        "other": RatedResponse("o", 3),
    }
    dialogue = Dialogue("d", "sad", "", "", "s", "u", "train", responses)
    sft, pairs = examples.build([dialogue], "direct/mine", pairing, PROMPT)
    assert bool(sft) == (human == mine == 3)
    if pairing == "strict":
        assert bool(pairs) == (human < 3 and mine == 3)
    else:  # human == 2 | (human == 1 & llm == 3), as the published code's operators bind
        assert bool(pairs) == (human == 2 or (human == 1 and mine == 3))


def test_what_an_example_and_a_pair_hold() -> None:
    def dialogue(number: int, human: Rating) -> Dialogue:
        responses = {HUMAN: RatedResponse("{utterance} human", human), "mine": RatedResponse("mine", 3)}
        return Dialogue(f"d{number}", "sad", "", "", "{utterance} s", "u", "train", responses)

    sft, pairs = examples.build([dialogue(1, 3), dialogue(2, 1)], "direct/mine", "strict", PROMPT)
    turn = (Message("user", "{utterance} s|u"),)
    human, mine = (Message("assistant", "{utterance} human"),), (Message("assistant", "mine"),)
    assert sft == [SftExample("d1", turn, human), SftExample("d1", turn, mine)]
    assert pairs == [PreferencePair("d2", turn, chosen=mine, rejected=human)]


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_all_together_is_the_others_one_after_the_other(pairing: Pairing) -> None:
    dialogues = synthetic_dialogues(96)
    parts = [examples.build(dialogues, f"direct/{source}", pairing, PROMPT) for source in SOURCES]
    sft, pairs = examples.build(dialogues, "direct/all_together", pairing, PROMPT)
    assert sft == [example for part, _ in parts for example in part]
    assert pairs == [pair for _, part in parts for pair in part]


def test_a_dialogue_without_the_source_gives_nothing() -> None:
    dialogue = Dialogue(
        "d", "sad", "", "", "s", "u", "train", {HUMAN: RatedResponse("h", 3), "mine": RatedResponse("m", 3)}
    )
    assert list(direct.sft_dialogues([dialogue], "absent")) == []
    assert list(direct.preference_dialogues([dialogue], "absent", "strict")) == []


def test_an_unknown_pairing_is_refused() -> None:
    settings = Recipes(pairing="lax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no pairing 'lax': strict, reference-code"):
        catalog.counts(rating_counts.of_train(synthetic_dialogues()), "direct/chatgpt", settings)


@pytest.mark.parametrize("name", ["direct/gpt", "chatgpt", "direct/", "direct/human", "all_together", ""])
def test_an_unknown_recipe_lists_the_known(name: str) -> None:
    for ask in (catalog.check, catalog.sources_of):
        with pytest.raises(UserError, match="direct/chatgpt, direct/llama, direct/all_together") as caught:
            ask(name, ("chatgpt", "llama"))
        assert repr(name) in str(caught.value)
    with pytest.raises(UserError, match="there is no recipe"):
        examples.build(synthetic_dialogues(), name, "strict", PROMPT)


def test_a_near_miss_is_helped() -> None:
    with pytest.raises(UserError, match="Did you mean 'direct/chatgpt'"):
        catalog.check("direct/chatgtp", SOURCES)


@given(dialogue_lists(max_size=20))
def test_examples_go_to_a_file_and_come_back(
    tmp_path_factory: pytest.TempPathFactory, dialogues: list[Dialogue]
) -> None:
    folder = tmp_path_factory.mktemp("examples")
    if dialogues:
        sft, pairs = examples.build(dialogues, "direct/all_together", "strict", templates.load("student"))
        examples.write(folder / "sft.jsonl", sft)
        examples.write(folder / "preferences.jsonl", pairs)
        assert list(examples.read(folder / "sft.jsonl", SftExample)) == sft
        assert list(examples.read(folder / "preferences.jsonl", PreferencePair)) == pairs
