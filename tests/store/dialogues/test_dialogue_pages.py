"""Pages of dialogues: SQL finds, sorts and counts what plain Python does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from sqlite3 import Connection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.data.dialogue_pages import DialogueFilter, DialogueLine, DialogueOrder
from core.domain.data.dialogues import Dialogue, ImportedData, RatedResponse
from core.store import connections
from core.store.connections import transaction
from core.store.dialogues import dialogue_pages, dialogues
from tests.support.records.synthetic_dialogues import rating

IMPORTED = ImportedData("all", "train", "test", ("chatgpt",), "some.csv", "0" * 64)
SOURCES = ("human", "chatgpt")
#: Their case is not ASCII's, and there is what SQL and patterns would take for their own.
TEXTS = ("a dog", "ÉCOLE", "100 %", "it's_so", "so\\", "")

texts = st.sampled_from(TEXTS)
rows = st.lists(
    st.builds(
        Dialogue,
        dialog_id=st.uuids().map(str),
        emotion=st.sampled_from(["sad", "Proud", "angry"]),
        sentiment=st.just(""),
        plutchik=st.just(""),
        situation=texts,
        utterance=texts,
        split=st.sampled_from(["train", "test"]),
        # Not every source has answered.
        responses=st.dictionaries(
            st.sampled_from(SOURCES),
            st.builds(RatedResponse, text=texts, rating=st.sampled_from([1, 2, 3])),
            max_size=2,
        ),
    ),
    max_size=25,
)
filters = st.builds(
    DialogueFilter,
    emotion=st.sampled_from([None, "sad", "nobody's"]),
    split=st.sampled_from([None, "train", "test"]),
    ratings=st.lists(
        st.tuples(
            st.sampled_from([None, *SOURCES]), st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)
        ),
        max_size=2,
    ).map(tuple),
    text=st.sampled_from(["", "école", "%", "_", "DOG", "'", "\\", "dog" * 20_000]),
)
orders = st.builds(
    DialogueOrder,
    by=st.sampled_from(["position", "emotion", "split", "rating"]),
    source=st.sampled_from(SOURCES),
    is_reversed=st.booleans(),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path: Path = tmp_path_factory.mktemp("pages") / "state.db"
    with closing(connections.writer(path)) as connection:
        yield connection


@given(rows, filters, orders, st.integers(1, 7))
def test_pages_are_the_dialogues_as_wanted_in_order(
    store: Connection, found: list[Dialogue], wanted: DialogueFilter, order: DialogueOrder, limit: int
) -> None:
    with transaction(store):
        dialogues.replace(store, IMPORTED, found)
    expected = [row.dialog_id for row in _sorted([row for row in found if _is(row, wanted)], order)]
    pages: list[tuple[DialogueLine, ...]] = []
    page = dialogue_pages.page(store, wanted, order, limit)
    while page:
        pages.append(page)
        page = dialogue_pages.page(store, wanted, order, limit, ("after", page[-1]))
    assert [line.dialog_id for page in pages for line in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    for earlier, later in pairwise(pages):
        assert dialogue_pages.page(store, wanted, order, limit, ("before", later[0])) == earlier
    assert dialogue_pages.matching(store, wanted, order, lambda: True) == expected
    assert dialogue_pages.matching(store, wanted, order, lambda: True, expected) == expected
    assert dialogue_pages.count(store, wanted) == len(expected)
    for row in found:
        place = expected.index(row.dialog_id) if row.dialog_id in expected else None
        assert dialogue_pages.before(store, wanted, order, row.dialog_id) == place


def test_a_line_has_what_a_list_shows(store: Connection) -> None:
    row = Dialogue(
        "b",
        "sad",
        "",
        "",
        "s",
        "u" * 5000,
        "test",
        {"human": RatedResponse("x", 1), "chatgpt": RatedResponse("y", 3)},
    )
    with transaction(store):
        dialogues.replace(store, IMPORTED, [row])
    (line,) = dialogue_pages.page(store, DialogueFilter(), DialogueOrder(), 5)
    assert (line.position, line.split, line.emotion) == (0, "test", "sad")
    assert line.ratings == {"human": 1, "chatgpt": 3}
    assert 0 < len(line.utterance) < 1000
    assert dialogue_pages.emotions(store) == {"sad": 1}


def test_a_space_stands_for_what_joins_the_parts_of_an_id(store: Connection) -> None:
    names = ("sample-076", "sample_077", "a/b%076", "076 sample")
    with transaction(store):
        rows = [Dialogue(name, "sad", "", "", "s", "u", "test", {}) for name in names]
        dialogues.replace(store, IMPORTED, rows)

    def found(text: str) -> list[str] | None:
        return dialogue_pages.matching(store, DialogueFilter(text=text), DialogueOrder(), lambda: True)

    assert found("Sample 076") == ["sample-076"]
    assert found("sample 07") == ["sample-076", "sample_077"]
    assert found("b% 076") == []
    assert found("b%076") == ["a/b%076"]
    assert found("076 sam") == ["076 sample"]


def _is(row: Dialogue, wanted: DialogueFilter) -> bool:
    if wanted.emotion not in (None, row.emotion) or wanted.split not in (None, row.split):
        return False
    for source, allowed in wanted.ratings:
        if not any(source in (None, who) and one.rating in allowed for who, one in row.responses.items()):
            return False
    words = (row.dialog_id, row.situation, row.utterance, *(one.text for one in row.responses.values()))
    return any(wanted.text.casefold() in text.casefold() for text in words)


def _sorted(chosen: list[Dialogue], order: DialogueOrder) -> list[Dialogue]:
    if order.by == "position":
        return chosen[::-1] if order.is_reversed else chosen
    if order.by != "rating":
        return sorted(chosen, key=lambda row: getattr(row, order.by), reverse=order.is_reversed)
    rated = {row.dialog_id: {who: rating(row, who) for who in row.responses} for row in chosen}
    known = [row for row in chosen if order.source in rated[row.dialog_id]]
    known.sort(key=lambda row: rated[row.dialog_id][order.source], reverse=order.is_reversed)
    return known + [row for row in chosen if row not in known]
