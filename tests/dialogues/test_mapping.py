"""Files with columns of other names: what is guessed, what the user names, and what is said about it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.config.load import parse_config
from core.config.schema import DataSettings, RatingScale, SplitRule
from core.dialogues import mapping
from core.dialogues.importing.table import read_table
from core.dialogues.problems import TableError
from core.domain.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


def _write(path: Path, header: str, rows: int = 16, cells: Sequence[str] = ()) -> Path:
    """A CSV with that header; a cell is its column's name and its row's number, or the next of `cells`."""
    names = header.split(",")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for number in range(rows):
            given = cells[number % len(cells)].split(",") if cells else []
            writer.writerow([*(f"{name} {number}" for name in names[: len(names) - len(given)]), *given])
    return path


@pytest.mark.parametrize(
    ("header", "guessed"),
    [
        (
            "question,answer",
            "utterance = question, response_human = answer, no dialog_id, no emotion, no situation",
        ),
        (
            "prompt,completion",
            "utterance = prompt, response_human = completion, no dialog_id, no emotion, no situation",
        ),
        (
            "id,prompt,text,label,reply",
            "utterance = text, dialog_id = id, emotion = label, situation = prompt, response_human = reply",
        ),
        (
            "context,Speaker Utterance,human_response,gpt4_response",
            "utterance = Speaker Utterance, situation = context, response_human = human_response, "
            "response_gpt4 = gpt4_response, no dialog_id, no emotion",
        ),
    ],
)
def test_a_guess(path: Path, header: str, guessed: str) -> None:
    read = read_table(_write(path, header))
    assert read.is_guessed
    assert mapping.shown(read.mapping) == guessed
    assert len(read.dialogues) == 16
    assert not read.is_rated


def test_what_is_named_has_priority_over_the_guess(path: Path) -> None:
    _write(path, "question,answer,story,feeling")
    read = read_table(
        path,
        DataSettings(columns={"situation": "story", "utterance": "answer", "response_human": "question"}),
    )
    (first, *_) = read.dialogues
    assert (first.situation, first.utterance, first.emotion) == ("story 0", "answer 0", "feeling 0")
    assert first.responses["human"].text == "question 0"


def test_a_column_with_the_name_of_another_field(path: Path) -> None:
    """As `context`, which is the emotion in one data set and the situation in another."""
    _write(path, "dialog_id,situation,emotion,speaker_uttr,response_human,response_a")
    read = read_table(path, DataSettings(columns={"situation": "emotion", "emotion": ""}))
    assert (read.dialogues[0].situation, read.dialogues[0].emotion) == ("emotion 0", "")
    assert "situation" in read.ignored


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"situation": "stori"}, "column stori: .*situation is to be read, is missing; did you mean story?"),
        ({"utterance": "story", "situation": "story"}, "it is mapped to both utterance and situation"),
        ({"speaker": "story"}, "rows of turns need both conversation and text"),
    ],
)
def test_a_mapping_that_does_not_fit(path: Path, columns: dict[str, str], message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_table(_write(path, "question,answer,story"), DataSettings(columns=columns))


def test_nothing_to_guess_from(path: Path) -> None:
    with pytest.raises(TableError, match=r"no known column .*\n.*--map situation=context"):
        read_table(_write(path, "alpha,beta"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["situation"], "not of the form FIELD=COLUMN"),
        (["utterence=text"], "did you mean utterance?"),
        (["response_=x"], "is not a field of a dialogue"),
        (["utterance="], "utterance is empty"),
        (["situation=a", "situation=b"], "situation is named twice"),
    ],
)
def test_options_that_name_no_field(options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        mapping.parse(options)


def test_a_field_that_known_columns_lack_can_be_named_as_absent(path: Path) -> None:
    _write(path, "dialog_id,situation,speaker_uttr,response_human")
    with pytest.raises(TableError, match=r"column emotion: the column is missing\n.*--map emotion= says"):
        read_table(path)
    assert read_table(path, DataSettings(columns={"emotion": ""})).dialogues[0].emotion == ""


def test_ratings_that_only_some_sources_have_can_be_left_out(path: Path) -> None:
    path.write_text(
        "dialog_id,emotion,situation,speaker_uttr,response_human,response_chatgpt_empathy,rating_chatgpt_empathy\n"
        "1,e,s,u,h,c,3\n2,e,t,u,h,c,2\n"
    )
    with pytest.raises(TableError, match=r"rating_human: .*\n.*; --map rating_chatgpt_empathy= leaves"):
        read_table(path)
    read = read_table(path, DataSettings(columns={"rating_chatgpt_empathy": ""}))
    assert (read.is_rated, read.sources) == (False, ("chatgpt",))


def test_rows_of_turns_need_no_emotion(path: Path) -> None:
    path.write_text("c,n,said\n" + "".join(f"{c},{n},{c} {n}\n" for c in range(9) for n in (1, 2)))
    read = read_table(path, DataSettings(columns={"conversation": "c", "turn": "n", "text": "said"}))
    assert (len(read.dialogues), read.dialogues[0].emotion) == (9, "")


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(UserError, match=r"config\.toml, line 2: data\.encoding: 'rot13' is unknown"):
        parse_config('[data]\nencoding = "rot13"')
    with pytest.raises(UserError, match=r"data_sets\.a\.ratings: min must be less than good"):
        parse_config('[data_sets.a]\nfile = "x.csv"\nratings = { min = 3, max = 5, good = 3 }')


def test_a_foreign_delimiter(path: Path) -> None:
    path.write_text("frage;question;answer\n" + "".join(f"a, b;q {n};r, s, t\n" for n in range(4)))
    read = read_table(path)
    assert read.format.delimiter == ";"
    assert [dialogue.utterance for dialogue in read.dialogues] == [f"q {n}" for n in range(4)]


# Ratings and split.


def test_another_scale(path: Path) -> None:
    header = "dialog_id,emotion,situation,speaker_uttr,response_human,response_a,rating_human,rating_a"
    _write(
        path,
        header,
        10,
        [f"{number},5" for number in (1, 2, 2.5, 3, "3,9".replace(",", "."), 4, 5, 0, 6, "x")],
    )
    scale = RatingScale(min=1, max=5, good=4)
    read = read_table(path, DataSettings(ratings=scale, split=SplitRule(by="ratings")))
    rated = [d.responses["human"].rating if "human" in d.responses else None for d in read.dialogues]
    assert rated == [1, 1, 2, 2, 2, 3, 3, None, None, None]
    (finding,) = read.left_out
    assert (finding.kind, finding.count, finding.row) == ("outside_scale", 3, 8)
    assert Counter(d.split for d in read.dialogues) == {"test": 8, "train": 2}


@pytest.mark.parametrize(
    ("scale", "valid"), [(None, "1, 2 or 3"), (RatingScale(min=0, max=5, good=4), "from 0 to 5")]
)
def test_ratings_that_are_all_on_another_scale(path: Path, scale: RatingScale | None, valid: str) -> None:
    path.write_text("id,situation,question,answer,rating\n1,s,q,a,87\n2,t,q,a,90\n")
    with pytest.raises(TableError, match=rf"rating \({valid}\).*87.*\. For another scale set data\.ratings"):
        read_table(path, DataSettings(ratings=scale))


def test_a_column_that_names_the_split(path: Path) -> None:
    _write(path, "question,answer,split", 6, ["train", "Test ", "validation"])
    assert [d.split for d in read_table(path).dialogues] == ["train", "test", "train"] * 2
    rule = SplitRule(by="column", test=("test", "validation"))
    assert Counter(d.split for d in read_table(path, DataSettings(split=rule)).dialogues)["test"] == 4
    with pytest.raises(TableError, match=r"column fold: the column is missing, which data\.split\.column"):
        read_table(path, DataSettings(split=SplitRule(by="column", column="fold")))


def test_a_random_split_keeps_groups_together(path: Path) -> None:
    _write(path, "question,answer,person", 60, [f"p{number}" for number in range(12)])

    def drawn(seed: int, share: float = 0.25) -> dict[str, set[str]]:
        rule = SplitRule(by="random", group="person", seed=seed, test_share=share)
        found: dict[str, set[str]] = {}
        for number, dialogue in enumerate(read_table(path, DataSettings(split=rule)).dialogues):
            found.setdefault(f"p{number % 12}", set()).add(dialogue.split)
        return found

    first = drawn(1)
    assert all(len(splits) == 1 for splits in first.values())
    assert sum(splits == {"test"} for splits in first.values()) == 3
    assert drawn(1) == first
    assert any(drawn(seed) != first for seed in range(2, 6))
    assert sum(splits == {"test"} for splits in drawn(1, 0.001).values()) == 1
    assert sum(splits == {"train"} for splits in drawn(1, 0.999).values()) == 1


def test_one_group_cannot_be_split(path: Path) -> None:
    _write(path, "question,answer,person", 4, ["p"])
    with pytest.raises(TableError, match="all dialogues are in one group"):
        read_table(path, DataSettings(split=SplitRule(by="random", group="person")))


def test_no_ratings_to_split_by(path: Path) -> None:
    with pytest.raises(TableError, match='no column has ratings: use "random" or "column"'):
        read_table(_write(path, "question,answer"), DataSettings(split=SplitRule(by="ratings")))
