"""The table [data] of config.toml: how an import reads data."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from core.config.schema.table import ConfigTable

SplitBy = Literal["auto", "ratings", "column", "random"]


class RatingScale(ConfigTable, frozen=True):
    """The scale of the data's ratings. A rating from `good` up counts as good, one in the lower half of what
    is below it as bad, the others as okay."""

    min: float = 1
    """The worst rating."""
    max: float = 3
    """The best rating."""
    good: float = 3
    """The lowest rating of a good response."""


class SplitRule(ConfigTable, frozen=True):
    """How the dialogues are divided into train and test."""

    by: SplitBy = "auto"
    """`ratings`: test dialogues have fewer than two good responses, as in the paper. `column`: a column names
    each dialogue's split. `random`: a share of the dialogues is drawn. `auto`: by ratings if three sources
    have them, else by the column `split` if there is one, else at random."""
    column: str = "split"
    """`column`: the column that names the split."""
    test: tuple[str, ...] = ("test",)
    """`column`: the values of test dialogues; all other values are train dialogues."""
    test_share: Annotated[float, Meta(gt=0, lt=1)] = 0.125
    """`random`: the share of the dialogues that are test dialogues; by default that of the paper's data."""
    group: str | None = None
    """`random`: a column; dialogues with the same text in it are in the same split. By default dialogues with
    the same situation are."""
    seed: int = 42
    """`random`: the seed of the draw."""


class DataSettings(ConfigTable, frozen=True):
    """How `empathy-tui import` reads data. Changes take effect at the next import."""

    columns: dict[str, str] = {}
    """The column of each field, such as `{ situation = "context", utterance = "text", response_human =
    "reply" }`, where its name is not a known one; `""` for a field that the data lacks. The fields are
    `dialog_id`, `emotion`, `sentiment`, `plutchik`, `situation`, `utterance`, `response_SOURCE` and
    `rating_SOURCE`; `messages` for a list of chat messages; and for a row of each turn `conversation`,
    `turn`, `speaker` and `text`. Other columns are guessed, and the guess is shown first."""
    encoding: str | None = None
    """Encoding of text files, such as `cp1252` or `shift_jis`; by default it is detected."""
    ratings: RatingScale | None = None
    """The scale of the ratings, such as `{ min = 1, max = 5, good = 4 }`; by default 1, 2 and 3 for bad, okay
    and good."""
    near_duplicates: Literal["report", "leave_out", "ignore"] = "report"
    """What happens to train dialogues whose situation is nearly that of a test dialogue: `report` shows them,
    `leave_out` does not import them, `ignore` does not look for them."""
    split: SplitRule = SplitRule()
    """How the dialogues are divided into train and test, such as `{ by = "random", test_share = 0.1 }`."""


class DataSet(DataSettings, frozen=True, kw_only=True):
    """One of several data sets that `empathy-tui import` without a FILE imports together.

    The options of [data] can be set for it too; `near_duplicates` has an effect in [data] only. You choose
    NAME; the ids of its dialogues begin with it.
    """

    file: str
    """Its file, or `hf:OWNER/NAME`; a relative path is in the workspace's folder."""
    weight: Annotated[float, Meta(gt=0)] | None = None
    """How many of its train dialogues are imported, in proportion to the weights of the others; as many as
    the data sets allow are drawn. By default all are. Test dialogues are all imported."""
