"""Texts in another language than the data: which are found, and that no others are."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core.recipes import languages
from core.services.data.sample import SAMPLE

with Path(SAMPLE).open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file))
ENGLISH = languages.of([row[name] for row in ROWS for name in ("situation", "speaker_uttr")])


def test_no_response_in_the_language_of_the_data_is_found() -> None:
    responses = [text for row in ROWS for name, text in row.items() if name.startswith("response_")]
    assert [text for text in responses if ENGLISH.is_other(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "It is hard to lose a friend. 你还好吗? I am here for you.",
        "Мне очень жаль.",
        "Je suis vraiment désolé que tu aies eu une journée si difficile au travail, et je suis là pour toi.",
        "Es tut mir so leid, dass du das erleben musstest, und ich hoffe, dass es dir bald besser geht.",
        "Me alegra mucho que hayas pasado un día tan bonito con tu familia, no sabes cuánto me gusta oírlo.",
        "Wat erg voor je dat het zo is gegaan, ik hoop dat je snel weer wat beter in je vel zit.",
    ],
)
def test_another_language(text: str) -> None:
    assert ENGLISH.is_other(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Congratulations! Wonderful news!",
        "What a naïve façade: 100 µg of 𝐡𝐨𝐩𝐞 😀, as they say in O\u02bbahu and Hawai\u02bbi.",
    ],
)
def test_the_same_language(text: str) -> None:
    assert not ENGLISH.is_other(text)


def test_few_texts_show_only_their_script() -> None:
    few = languages.of(["I lost my ring.", "She came home at last."])
    assert few.is_other("Мне очень жаль.")
    assert not few.is_other("Je suis vraiment désolé que tu aies eu une journée si difficile au travail.")
    assert not languages.of([]).is_other("Мне очень жаль.")


def test_a_language_that_does_not_divide_its_words() -> None:
    lost = ("戒指", "钱包", "钥匙", "手机", "雨伞", "朋友")
    texts = [
        f"{when}我丢了{what}，心里很难过。" for what in lost for when in ("今天", "昨天", "上周", "刚才")
    ]
    chinese = languages.of(texts)
    assert not chinese.is_other("听到这个消息我很难过，你一定很伤心，愿意和我说说吗？")
    assert chinese.is_other("I am so sorry to hear that.")
