"""The list of dialogues beside the pair: who wins by each judge, and what differs: judges, orders, texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from tui.components.listing import ListEntry, Listing
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format.text import visible
from tui.format.values import SortValue, percent
from tui.navigation.bindings import verb
from tui.screens.pairs.pair_lines import PairLine
from tui.screens.pairs.pair_text import responder

if TYPE_CHECKING:
    from tui.navigation.pair_filter import PairOutcome

#: From this width of the screen on the columns have more room.
_ROOMY = 150
#: The width that a pair needs beside the list; without it the list is alone.
_PAIR = 30
#: The width of an emotion, without and with more room.
_EMOTION = (7, 14)
#: The judges that have a column of their own.
_MAX_JUDGES = 4

_LETTERS: Mapping[PairOutcome, tuple[str, str]] = {
    "a": ("A", "text-warning"),
    "b": ("B", "text-success"),
    "tie": ("tie", "text-muted"),
    "invalid": ("?", "text-error"),
    "none": ("", "text-muted"),
}


T = TypeVar("T")


class _Later(Mapping[str, T]):
    """Values that are made when they are looked at: of tens of thousands of pairs few are ever shown."""

    def __init__(self, keys: Iterable[str], make: Callable[[str], T]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = make

    def __getitem__(self, key: str) -> T:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class PairList(Listing[PairLine]):
    """The dialogues, in the order in which the keys go through them."""

    DEFAULT_CSS: ClassVar[str] = """
    PairList > .compared {
        height: 2;
        padding: 0 1;
        link-color: $foreground; link-style: bold; link-background: $background 0%;
        link-color-hover: $text-accent; link-style-hover: bold underline;
        link-background-hover: $background 0%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # The texts are searched, not the rows.
        verb("search", "screen.search", id="pairs.search", tooltip="Search in the texts"),
    ]

    def __init__(self) -> None:
        super().__init__(id="pair-list", draw=self._entry, opens="Read", ordered_by="number")
        self._judges: Sequence[str] = ()
        self._lines: Mapping[str, PairLine] = {}
        #: The width that the columns take.
        self.taken = 0

    def compose(self) -> ComposeResult:
        yield Static(classes="compared", markup=False)
        yield from super().compose()

    def compare(self, a: str | None, b: str | None, *, is_alone: bool) -> None:
        """Say whom the letters stand for, where the texts beside the list do not."""
        line = self.query_one(".compared", Static)
        line.display = is_alone and a is not None and b is not None
        if a is not None and b is not None:
            line.update(Content("\n").join([responder("a", a), responder("b", b)]))

    def put(self, lines: Mapping[str, PairLine], judges: Sequence[str], width: int) -> None:
        """Show these lines on a screen of this width."""
        self._lines, self._judges = lines, judges[:_MAX_JUDGES]
        self.fit(width)

    def fit(self, width: int) -> None:
        """Choose the columns for a screen of this width."""
        columns = _columns(self._judges, len(self._lines), width)
        # Two for each column's padding, one for the scroll bar.
        self.taken = sum(column.width + 2 for column in columns) + 1
        is_alone = width < self.taken + _PAIR
        self.styles.width = "1fr" if is_alone else self.taken
        if is_alone:
            more = max(0, min(_EMOTION[1] - _EMOTION[0], width - self.taken))
            widened = (
                replace(one, width=one.width + more) if one.key == "emotion" else one for one in columns
            )
            columns = tuple(widened)
        self.show(columns, self._lines)

    def _entry(self, line: PairLine) -> ListEntry:
        return ListEntry([self._cell(column, line) for column in self.columns], "")

    def _entries(self) -> Mapping[str, ListEntry]:
        def entry(key: str) -> ListEntry:
            self._drawn[key] = self._drawn_item(key)
            return self._drawn[key][1]

        return _Later(self._items, entry)

    def _cells(self, order: Sequence[str], found: Mapping[str, ListEntry]) -> Mapping[str, Sequence[Text]]:
        return _Later(order, lambda key: found[key].cells)

    def _sortable(self) -> Collection[str]:
        return [column.key for column in self.columns]

    def _values(self, found: Mapping[str, ListEntry], column: str) -> dict[str, SortValue]:
        value = _sort_value(column)
        return {key: value(self._items[key]) for key in found}

    def _cell(self, column: Column, line: PairLine) -> Text:
        muted = shade(self.app, "text-muted")
        match column.key:
            case "number":
                return Text(str(line.number), muted)
            case "emotion":
                return Text(visible(line.pair.emotion))
            case "margin":
                return Text(_signed(line.margin))
            case "texts":
                if line.is_same:
                    return Text("same", shade(self.app, "text-warning"))
                return Text(_share(line.texts_differ))
            case "judges":
                return Text(_share(line.judges_differ), shade(self.app, "text-warning"))
            case "orders":
                return Text(_share(line.orders_differ), shade(self.app, "text-warning"))
            case key:
                outcome = line.outcomes.get(key.removeprefix("judge "), "none")
                letter, colour = _LETTERS[outcome]
                return Text(letter, shade(self.app, colour))


def _sort_value(column: str) -> Callable[[PairLine], SortValue]:
    """What lines are sorted by in a column."""
    match column:
        case "emotion":
            return attrgetter("pair.emotion")
        case "number" | "margin":
            return attrgetter(column)
        case "texts" | "judges" | "orders":
            return attrgetter(f"{column}_differ")
    judge = column.removeprefix("judge ")
    return lambda line: line.outcomes.get(judge)


def _columns(judges: Sequence[str], lines: int, width: int) -> tuple[Column, ...]:
    roomy = width >= _ROOMY
    return (
        Column("number", "no.", max(3, len(str(lines))), "right"),
        Column("emotion", "emotion", _EMOTION[roomy]),
        *(Column(f"judge {name}", visible(name), 8 if roomy else 3) for name in judges),
        Column("margin", "margin", 6, "right"),
        Column("texts", "≠text", 5, "right"),
        *([Column("judges", "≠judge", 6, "right")] if len(judges) > 1 else []),
        Column("orders", "≠order", 6, "right"),
    )


def _share(value: float | None) -> str:
    """A difference in percent; nothing for none."""
    return percent(value) if value else ""


def _signed(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.2g}" if value else "0"
