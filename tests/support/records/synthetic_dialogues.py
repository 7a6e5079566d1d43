"""Synthetic dialogues: a CSV in the real data's columns, and Hypothesis strategies."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from core.dialogues.split import split_of
from core.domain.data.dialogues import HUMAN, Dialogue, RatedResponse, Rating

SOURCES = ("chatgpt", "llama", "gemini", "mixtral")

_SCENES = (
    ("lonely", "negative", "sadness", "moved to a town where I know nobody", "Every evening is so quiet."),
    ("proud", "positive", "joy", "watched my daughter finish her first race", "She ran the whole way!"),
    ("anxious", "negative", "fear", "am waiting for the result of a medical test", "I can hardly sleep."),
    ("grateful", "positive", "joy", "got a lift from a stranger in the rain", "He would not take any money."),
    ("angry", "negative", "anger", "found my bicycle stolen on Monday", "It was locked, and right outside."),
    ("hopeful", "positive", "anticipation", "have an interview for a job I love", "It could change so much."),
    (
        "guilty",
        "negative",
        "sadness",
        "forgot my best friend's birthday",
        "She says it is fine.",
    ),
    ("surprised", "positive", "surprise", "came home to a party for me", "I dropped my bag at the door."),
)
_WORDS = {
    1: ("Things like that happen.", "You should get over it.", "Anyway, have you seen the news?", "Okay."),
    2: ("I see.", "That is quite something.", "I hope it goes well.", "What will you do now?"),
    3: (
        "I can hear how much this means to you.",
        "Anyone in your place would feel that way.",
        "I am here if you want to tell me more.",
        "It makes me glad that you told me.",
        "Shall we think together about what may help?",
    ),
}


def columns(sources: Sequence[str] = SOURCES) -> list[str]:
    """The columns of the real data for these LLM sources, in their order."""
    names = [HUMAN, *(f"{source}_empathy" for source in sources)]
    found = ["part_no", *(f"annotator_{name}" for name in names), "dialog_id", "emotion", "sentiment"]
    found += ["plutchik", "situation", "speaker_uttr"]
    for kind in ("response", "rating", "empathy_propensity", "empathy_arr"):
        found += [f"{kind}_{name}" for name in names]
    return found


def synthetic_rows(rows: int = 48, seed: int = 0, sources: Sequence[str] = SOURCES) -> list[dict[str, str]]:
    """Rows as the CSV has them; every fourth one is a test dialogue by its ratings, the others (given two
    sources or more) are train dialogues.

    Among the train rows the human response is rated 3 in half and 1 or 2 in half, so that every
    recipe yields examples and pairs under both pairings. Better ratings have kinder words.
    """
    draw = random.Random(seed)
    found = []
    for number in range(rows):
        emotion, sentiment, plutchik, what, utterance = _SCENES[number % len(_SCENES)]
        row = dict.fromkeys(columns(sources), "")
        row |= {
            "part_no": str(number),
            "dialog_id": f"made:{number}",
            "emotion": emotion,
            "sentiment": sentiment,
            "plutchik": plutchik,
            "situation": f"I {what}. It was number {number} of the things that kept me busy this year.",
            "speaker_uttr": f"I {what}, you know. {utterance}",
        }
        for source, rating in _ratings(number, sources, draw).items():
            name = source if source == HUMAN else f"{source}_empathy"
            row[f"response_{name}"] = " ".join(draw.sample(_WORDS[rating], k=3))
            row[f"rating_{name}"] = str(rating)
            row[f"annotator_{name}"] = f"rater {number % 5}"
            row[f"empathy_propensity_{name}"] = str(draw.randint(20, 64))
            row[f"empathy_arr_{name}"] = str([draw.randint(0, 4) for _ in range(16)])
        found.append(row)
    return found


def synthetic_csv(path: Path, rows: int = 48, seed: int = 0, sources: Sequence[str] = SOURCES) -> Path:
    """Write a valid CSV of made rows to `path`; a quarter of them are test dialogues."""
    return write_rows(path, synthetic_rows(rows, seed, sources), columns(sources))


def write_rows(path: Path, rows: Sequence[dict[str, str]], header: Sequence[str]) -> Path:
    """Write rows as a CSV with that header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


RATINGS: dict[str, Rating] = {"1": 1, "2": 2, "3": 3}


def synthetic_dialogues(rows: int = 48, seed: int = 0, sources: Sequence[str] = SOURCES) -> list[Dialogue]:
    """The dialogues that importing `synthetic_csv` with the same arguments gives."""
    found = []
    for row in synthetic_rows(rows, seed, sources):
        names = {HUMAN: HUMAN, **{source: f"{source}_empathy" for source in sources}}
        responses = {
            s: RatedResponse(row[f"response_{n}"], RATINGS[row[f"rating_{n}"]]) for s, n in names.items()
        }
        found.append(
            Dialogue(
                row["dialog_id"],
                row["emotion"],
                row["sentiment"],
                row["plutchik"],
                row["situation"],
                row["speaker_uttr"],
                split_of(response.rating for response in responses.values()),
                responses,
            )
        )
    return found


def _ratings(number: int, sources: Sequence[str], draw: random.Random) -> dict[str, int]:
    if number % 4 == 0:
        ratings = {source: draw.choice((1, 2)) for source in (HUMAN, *sources)}
        if draw.random() < 0.5:
            ratings[draw.choice((HUMAN, *sources))] = 3
        return ratings
    human = (3, 2, 3, 1)[number % 4] if number % 8 < 4 else (3, 1, 3, 2)[number % 4]
    ratings = {HUMAN: human, **{source: draw.choice((2, 3, 3)) for source in sources}}
    # Two threes make it a train dialogue, whatever was drawn.
    wanting = 2 - sum(rating == 3 for rating in ratings.values())
    for source in [s for s in sources if ratings[s] < 3][: max(0, wanting)]:
        ratings[source] = 3
    return ratings


def texts() -> st.SearchStrategy[str]:
    """Texts as hostile as a CSV can hold: quotes, braces, line ends, controls, any script."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    pieces = st.sampled_from(['"', "{situation}", "{utterance}", ",", "\n", "\r\n", "é", "\u202e", "{", "}"])
    return st.lists(pieces | st.text(letters, max_size=8), max_size=6).map("".join)


def rating(dialogue: Dialogue, source: str) -> Rating:
    """What people gave the response of `source`, which has a rating."""
    found = dialogue.responses[source].rating
    assert found is not None
    return found


def filled_texts() -> st.SearchStrategy[str]:
    """Such texts that are not empty for the import."""
    return texts().map(lambda text: f"x{text}")


def dialogue_lists(
    max_size: int = 12, sources: Sequence[str] = ("chatgpt", "llama")
) -> st.SearchStrategy[list[Dialogue]]:
    """Lists of dialogues with distinct ids, all with the same sources, split by their ratings."""
    words = st.sampled_from(["sad", 'a "b",\n{utterance}', "é\r\n\u202e\x1b[31m", "{situation}", " 日本 "])
    names = (HUMAN, *sources)
    ratings = st.tuples(*(st.integers(1, 3) for _ in names))
    return st.lists(st.tuples(words, words, ratings), max_size=max_size).map(
        lambda drawn: [
            Dialogue(
                dialog_id=f"d{number}",
                emotion=text,
                sentiment="negative" if number % 2 else "",
                plutchik="",
                situation=f"{text} {number}",
                utterance=other,
                split=split_of(found),
                responses={
                    s: RatedResponse(f"{other} {s}", r) for s, r in zip((HUMAN, *sources), found, strict=True)
                },
            )
            for number, (text, other, found) in enumerate(drawn)
        ]
    )
