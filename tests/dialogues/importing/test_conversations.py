"""Conversations of several turns: which turn is answered, what its context is, and how files write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import DataSettings
from core.dialogues.importing.conversations import Turn, exchange
from core.dialogues.importing.table import read_table
from core.dialogues.problems import TableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _turns(pattern: str) -> list[Turn]:
    return [Turn(who == "S", f"{who}{number}") for number, who in enumerate(pattern)]


@pytest.mark.parametrize(
    ("pattern", "answered", "utterance", "answer", "earlier"),
    [
        ("SL", True, "S0", "L1", 0),
        ("SLSL", True, "S2", "L3", 2),
        ("SLS", True, "S0", "L1", 0),
        ("SLS", False, "S2", None, 2),
        ("LSL", True, "S1", "L2", 1),
        ("SSLL", True, "S0\nS1", "L2\nL3", 0),
        ("S", True, "S0", None, 0),
        ("L", True, "", None, 0),
        ("", True, "", None, 0),
    ],
)
def test_the_turn_that_is_answered(
    pattern: str, answered: bool, utterance: str, answer: str | None, earlier: int
) -> None:
    found = exchange(_turns(pattern), answered=answered)
    assert (found.utterance, found.answer, len(found.earlier)) == (utterance, answer, earlier)


@given(st.text("SL", max_size=8), st.booleans())
def test_no_turn_is_lost_before_the_answer(pattern: str, answered: bool) -> None:
    found = exchange(_turns(pattern), answered=answered)
    said = [*(turn.text for turn in found.earlier), found.utterance, found.answer or ""]
    whole = "\n".join(turn.text for turn in _turns(pattern))
    assert whole.startswith("\n".join(filter(None, said)))


def test_empathetic_dialogues(path: Path) -> None:
    lines = ["conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"]
    for number in range(8):
        said = [f"I lost it_comma_ {number}.", "Oh_comma_ no!", "Yes.", '"Sorry" is all I can say.']
        lines += [
            f"hit:{number}_conv:{number},{turn},sad,I lost my ring_comma_ {number}.,{turn % 2},{text},5|5,"
            for turn, text in enumerate(said, 1)
        ]
    path.write_text("\n".join(lines))
    read = read_table(path)
    assert read.is_guessed
    first = read.dialogues[0]
    assert (first.dialog_id, first.emotion) == ("hit:0_conv:0", "sad")
    assert first.situation == "I lost my ring, 0.\n\nSpeaker: I lost it, 0.\nListener: Oh, no!"
    assert (first.utterance, first.responses["human"].text) == ("Yes.", '"Sorry" is all I can say.')
    assert (len(read.dialogues), read.ignored, read.suspicious) == (8, ("selfeval", "tags"), ())


def test_turns_in_any_order_and_under_any_names(path: Path) -> None:
    path.write_text("c,n,who,said\n1,2,b,yes\n1,1,a,hello\n2,1,x,good day\n2,2,y,bye\n")
    columns = {"conversation": "c", "turn": "n", "speaker": "who", "text": "said"}
    read = read_table(path, DataSettings(columns=columns | {"emotion": "", "situation": ""}))
    assert [(d.dialog_id, d.utterance, d.responses["human"].text) for d in read.dialogues] == [
        ("1", "hello", "yes"),
        ("2", "good day", "bye"),
    ]
    path.write_text("c,n,who,said\n1,2,b,yes\n1,first,a,hello\n")
    with pytest.raises(TableError, match=r"row 2 \(line 3\), column n: 'first' is not the number"):
        read_table(path, DataSettings(columns=columns | {"emotion": "", "situation": ""}))


_MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": "I am sad"},
]


def _lines(path: Path, *records: object) -> Path:
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def test_chat_messages(path: Path) -> None:
    answered = [*_MESSAGES, {"role": "assistant", "content": "I am here."}]
    read = read_table(_lines(path, *({"messages": answered, "situation": f"a {n}"} for n in range(3))))
    (first, *_) = read.dialogues
    assert first.situation == "a 0\n\nSpeaker: hi\nListener: hello"
    assert (first.utterance, first.responses["human"].text) == ("I am sad", "I am here.")


def test_chat_messages_with_answers_beside_them(path: Path) -> None:
    record = {"conversations": [{"from": m["role"], "value": m["content"]} for m in _MESSAGES]}
    records = [record | {"n": n, "response_human": "one", "gpt4_response": f"two {n}"} for n in range(3)]
    records[1]["conversations"] = [{"from": "user", "value": "another"}]
    read = read_table(_lines(path, *records), DataSettings(columns={"situation": ""}))
    (first, *_) = read.dialogues
    assert first.utterance == "I am sad"
    assert {source: one.text for source, one in first.responses.items()} == {"human": "one", "gpt4": "two 0"}


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ("text", "not a list of messages in JSON"),
        ([{"role": "narrator", "content": "x"}], "message 1 has the role 'narrator': use user"),
        ([{"role": "user"}], "message 1 has no role or no content"),
        ([1], "message 1 is not a record"),
        ([{"role": "assistant", "content": "x"}], "empty"),
    ],
)
def test_messages_that_are_none(path: Path, messages: object, message: str) -> None:
    good = {"messages": [*_MESSAGES, {"role": "assistant", "content": "x"}], "situation": "a"}
    with pytest.raises(
        TableError, match=rf"row 2 \(line 2\), column messages: .*{message.removeprefix('column messages: ')}"
    ):
        read_table(_lines(path, good, good | {"messages": messages}))
