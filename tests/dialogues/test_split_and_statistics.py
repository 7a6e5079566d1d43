"""The split and the metrics: the real data's are known answers."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given

from core.dialogues.importing import staging
from core.dialogues.importing.table import read_table
from core.dialogues.split import split_of
from core.dialogues.statistics import Crosstab, SourceStatistics, Statistics
from core.domain.data.dialogues import Dialogue, RatedResponse
from core.services.data import statistics
from core.store import connections
from core.store.dialogues import dialogue_statistics
from core.store.dialogues import dialogues as stored_dialogues
from tests.support.records import rating_counts
from tests.support.records.synthetic_dialogues import dialogue_lists, synthetic_dialogues

Describe = Callable[[Sequence[Dialogue]], Statistics]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with closing(connections.writer(tmp_path_factory.mktemp("data") / "state.db")) as connection:
        yield connection


@pytest.fixture(scope="module")
def describe(store: sqlite3.Connection) -> Describe:
    """Imports dialogues, and returns the statistics of the data."""

    def made(dialogues: Sequence[Dialogue]) -> Statistics:
        imported = staging.describe(dialogues, "made.csv", "0" * 64)
        with connections.transaction(store):
            stored_dialogues.replace(store, imported, dialogues)
        train = dialogue_statistics.rating_counts(store, imported.sources, "train")
        assert train == rating_counts.of_train(dialogues)
        return statistics.of_data(store, imported)

    return made


def test_the_split_is_test_below_two_threes() -> None:
    for ratings in product((1, 2, 3), repeat=5):
        assert split_of(ratings) == ("test" if Counter(ratings)[3] < 2 else "train")


@pytest.mark.parametrize(
    ("source", "ratings", "mean_words", "max_words"),
    [
        ("human", (342, 672, 986), 24.2, 84),
        ("chatgpt", (142, 563, 1295), 28.9, 54),
        ("llama", (174, 607, 1219), 46.3, 82),
        ("gemini", (248, 671, 1081), 47.7, 84),
        ("mixtral", (205, 603, 1192), 52.7, 88),
    ],
)
def test_known_statistics_of_the_real_file(
    describe: Describe,
    reference_dataset: Path,
    source: str,
    ratings: tuple[int, int, int],
    mean_words: float,
    max_words: int,
) -> None:
    found = describe(read_table(reference_dataset).dialogues)
    (row,) = [row for row in found.sources if row.source == source]
    assert (row.ratings, round(row.mean_words, 1), row.max_words) == (ratings, mean_words, max_words)


def test_known_counts_of_the_real_file(describe: Describe, reference_dataset: Path) -> None:
    dialogues = read_table(reference_dataset).dialogues
    found = describe(dialogues)
    assert found.sentiments == {"negative": 1119, "positive": 881}
    assert len(found.emotions) == 32
    assert sum(found.emotions.values()) == 2000
    assert len({dialogue.plutchik for dialogue in dialogues}) == 14


def test_crosstabs_of_the_real_file_agree_with_its_counts(
    describe: Describe, reference_dataset: Path
) -> None:
    found = describe(read_table(reference_dataset).dialogues)
    ratings = {row.source: row.ratings for row in found.sources}
    # Both rated 3 and in train, as two threes always are: the SFT dialogues of direct distillation.
    good = {"chatgpt": 639, "llama": 617, "gemini": 551, "mixtral": 587}
    assert {table.source: table.counts[2][2] for table in found.crosstabs} == good
    for table in found.crosstabs:
        assert tuple(map(sum, table.counts)) == ratings["human"]
        assert tuple(map(sum, zip(*table.counts, strict=True))) == ratings[table.source]


def test_figures_of_two_dialogues(describe: Describe) -> None:
    def dialogue(number: int, human: RatedResponse, mine: RatedResponse) -> Dialogue:
        return Dialogue(f"{number}", "sad", "negative", "", "s", "u", "test", {"human": human, "mine": mine})

    found = describe(
        [
            dialogue(1, RatedResponse("one  two\nthree", 1), RatedResponse(" a ", 3)),
            dialogue(2, RatedResponse("one", 2), RatedResponse("a b", 3)),
        ]
    )
    assert found.sources == (
        SourceStatistics("human", (1, 1, 0), 2.0, 3, ((1, 1), (3, 1))),
        SourceStatistics("mine", (0, 0, 2), 1.5, 2, ((1, 1), (2, 1))),
    )
    assert found.crosstabs == (Crosstab("mine", ((0, 0, 1), (0, 0, 1), (0, 0, 0))),)
    assert (found.emotions, found.sentiments) == ({"sad": 2}, {"negative": 2})


def test_no_dialogues_have_no_statistics(describe: Describe) -> None:
    found = describe([])
    assert (found.sources, found.crosstabs, found.emotions) == ((), (), {})


@given(dialogues=dialogue_lists())
def test_figures_count_every_dialogue(describe: Describe, dialogues: list[Dialogue]) -> None:
    found = describe(dialogues)
    for row in found.sources:
        assert sum(row.ratings) == len(dialogues)
    for table in found.crosstabs:
        assert sum(map(sum, table.counts)) == len(dialogues)
    assert sum(found.emotions.values()) == sum(found.sentiments.values()) == len(dialogues)


def test_made_data_has_test_dialogues() -> None:
    for rows in (48, 96):
        assert Counter(d.split for d in synthetic_dialogues(rows))["test"] == rows // 4
