"""Charts of the imported data, each drawn for a width; parts differ in glyphs, not only in colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.color import Color

from core.api import MAX_WORDS
from tui.format import values as formats
from tui.format.data.ratings import RATINGS
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Crosstab, DialogueCounts, Recipe, SourceStatistics

#: Returns the colour of a theme variable.
Shade = Callable[[str], str]

_SPLITS = (("train", "█", "text-primary"), ("test", "▒", "text-accent"))
_LEVELS = " ▁▂▃▄▅▆▇█"
#: Rows of a histogram.
_ROWS = 2
#: The share of the accent colour in the fullest cell of a heat map.
_HOTTEST = 0.55


def split(counts: DialogueCounts, width: int, shade: Shade) -> RenderableType:
    """The number of train and test dialogues."""
    numbers = (counts.train, counts.test)
    kinds = [(glyph, shade(colour)) for _, glyph, colour in _SPLITS]
    legend = Text("   ").join(
        Text.assemble(
            (f"{glyph} ", shade(colour)),
            f"{name} ",
            (formats.count(number), "bold"),
            (f"  {_share(number, counts.total)}", shade("text-muted")),
        )
        for (name, glyph, colour), number in zip(_SPLITS, numbers, strict=True)
    )
    return Group(_stacked(numbers, kinds, width), legend)


def rated(sources: Sequence[SourceStatistics], width: int, shade: Shade) -> RenderableType:
    """Each source's ratings as a stacked bar."""
    muted = shade("text-muted")
    kinds = [(look.bar, shade(look.colour)) for look in RATINGS.values()]
    name = _widest(source.source for source in sources)
    bar = max(10, width - name - 2 - 3 * 10 - 7)
    table = _grid(name, bar, 8, 8, 8, 5)
    heads = [Text(f"{look.bar} {rating} {look.word}", shade(look.colour)) for rating, look in RATINGS.items()]
    table.add_row("", "", *heads, Text("good", muted))
    for source in sources:
        total = sum(source.ratings)
        table.add_row(
            Text(visible(source.source)),
            _stacked(source.ratings, kinds, bar),
            *(Text(formats.count(number)) for number in source.ratings),
            Text(_share(source.ratings[2], total), muted),
        )
    return table


def lengths(sources: Sequence[SourceStatistics], width: int, shade: Shade) -> RenderableType:
    """Histograms of the words in each source's responses, with the limit in the prompt."""
    muted = shade("text-muted")
    name = _widest(source.source for source in sources)
    cells = max(20, width - name - 2 - 2 * 7)
    longest = max([MAX_WORDS + 1, *(source.max_words for source in sources)])
    step = -(-(longest + 1) // cells)
    bins = {source.source: _bins(source, step, longest // step + 1) for source in sources}
    # One scale for all sources, so that the histograms can be compared.
    maximum = max((max(found) / max(1, sum(found)) for found in bins.values()), default=0.0)
    table = _grid(name, longest // step + 1, 5, 5)
    table.add_row("", Text("words per response", muted), Text("mean", muted), Text("most", muted))
    for source in sources:
        table.add_row(
            Text("\n" * (_ROWS - 1) + visible(source.source)),
            _histogram(bins[source.source], step, maximum, shade),
            Text("\n" * (_ROWS - 1) + f"{source.mean_words:.1f}"),
            Text(
                "\n" * (_ROWS - 1) + formats.count(source.max_words),
                shade("text-warning") if source.max_words > MAX_WORDS else "",
            ),
        )
    table.add_row("", _axis(step, longest // step + 1, shade), "", "")
    return table


def crosstabs(found: Sequence[Crosstab], width: int, shade: Shade) -> RenderableType:
    """Heat maps of the human response's rating against each source's."""
    side = 37
    across = max(1, min(len(found), width // side))
    table = Table.grid(padding=(0, 3, 1, 0))
    for start in range(0, len(found), across):
        table.add_row(*(_heat(one, shade) for one in found[start : start + across]))
    return table


def emotions(counts: dict[str, int], width: int, shade: Shade) -> RenderableType:
    """Every emotion as a bar, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    across = 1 if width < 60 else 2
    rows = -(-len(ordered) // across)
    name, maximum = _widest(counts), max(counts.values(), default=0)
    bar = max(6, width // across - name - 12)
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(across):
        table.add_column(width=name, no_wrap=True, overflow="ellipsis")
        table.add_column(width=bar, no_wrap=True)
        table.add_column(width=6, justify="right", no_wrap=True)
        table.add_column(width=1)
    for row in range(rows):
        cells: list[Text] = []
        for emotion, number in ordered[row::rows]:
            cells += [
                Text(visible(emotion)),
                Text(_thin(number / maximum, bar), shade("text-accent")),
                Text(formats.count(number)),
                Text(""),
            ]
        table.add_row(*cells)
    return table


def recipes(found: Sequence[Recipe], width: int, shade: Shade) -> RenderableType:
    """The SFT examples and preference pairs of each recipe."""
    muted, name = shade("text-muted"), _widest(recipe.name for recipe in found)
    heads = (("SFT examples", "text-primary"), ("preference pairs", "text-accent"))
    # Below this width bars are too short to be useful, so only the numbers are shown.
    each = min(40, (width - name - 2) // 2 - 2)
    bar = each - 8 if each > 24 else 0
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=name, no_wrap=True, overflow="ellipsis")
    for _ in heads:
        table.add_column(width=max(16, each if bar else 0), no_wrap=True)
    table.add_row("", *(Text(head.rjust(0 if bar else 16), muted) for head, _ in heads))
    maximum = max((recipe.sft_examples or 0 for recipe in found), default=0)
    for recipe in found:
        cells = []
        for number, (_, colour) in zip((recipe.sft_examples, recipe.preference_pairs), heads, strict=True):
            share = 0.0 if number is None else number / max(1, maximum)
            drawn = _thin(share, bar) if bar else ""
            cells.append(Text.assemble((drawn, shade(colour)), formats.count(number).rjust(8 if bar else 16)))
        table.add_row(Text(visible(recipe.name)), *cells)
    return table


def _stacked(numbers: Sequence[int], kinds: Sequence[tuple[str, str]], width: int) -> Text:
    """A stacked bar of `width` cells; every part above 0 has at least one cell."""
    total, bar, used, so_far = sum(numbers), Text(), 0, 0
    for number, (glyph, colour) in zip(numbers, kinds, strict=True):
        so_far += number
        end = round(so_far / total * width) if total else 0
        if number and end == used:
            end = min(width, used + 1)
        bar.append(glyph * (end - used), colour)
        used = max(used, end)
    return bar


def _thin(share: float, width: int) -> str:
    """A bar of `width` cells of half height, so that adjacent bars stay separate."""
    full, half = divmod(round(share * width * 2), 2)
    return ("━" * full + "╸" * half).ljust(width)


def _bins(source: SourceStatistics, step: int, count: int) -> list[int]:
    found = [0] * count
    for words, number in source.lengths:
        found[words // step] += number
    return found


def _histogram(bins: Sequence[int], step: int, maximum: float, shade: Shade) -> Text:
    """Bars of `_ROWS` rows; those above the limit in another colour, the limit as a line."""
    total, limit = max(1, sum(bins)), MAX_WORDS // step
    levels = [
        # Every count above 0 stays visible.
        max(1, round(number / total / maximum * 8 * _ROWS)) if number else 0
        for number in bins
    ]
    rows = []
    for row in reversed(range(_ROWS)):
        line = Text()
        for cell, level in enumerate(levels):
            glyph = _LEVELS[max(0, min(8, level - 8 * row))]
            if cell == limit and glyph == " ":
                line.append("╎", shade("text-warning"))
            else:
                line.append(glyph, shade("text-warning" if cell > limit else "text-accent"))
        rows.append(line)
    return Text("\n").join(rows)


def _axis(step: int, cells: int, shade: Shade) -> Text:
    """The x axis of a histogram: a label every twenty words, and the limit."""
    limit = MAX_WORDS // step
    line = [" "] * (cells + 6)
    for words in range(0, cells * step, 20):
        at, label = words // step, str(words)
        if at + len(label) < limit or at > limit + 3:
            line[at : at + len(label)] = label
    at = min(limit, cells - 2)
    line[at : at + 2] = str(MAX_WORDS)
    text = Text("".join(line).rstrip(), shade("text-muted"))
    text.stylize(f"bold {shade('text-warning')}", at, at + 2)
    return text


def _heat(crosstab: Crosstab, shade: Shade) -> RenderableType:
    """One source's heat map of nine cells, and how often it was rated higher than the human response."""
    muted, maximum = shade("text-muted"), max(1, *(number for row in crosstab.counts for number in row))
    cold, warm = Color.parse(shade("background")), Color.parse(shade("accent"))
    table = Table.grid(padding=0)
    table.add_column(width=10, no_wrap=True)
    for _ in RATINGS:
        table.add_column(width=8, justify="right", no_wrap=True)
    table.add_row(Text(""), *(Text(f"{look.glyph} {rating}  ", muted) for rating, look in RATINGS.items()))
    for human, row in zip(RATINGS, crosstab.counts, strict=True):
        cells = []
        for number in row:
            heat = cold.blend(warm, number / maximum * _HOTTEST)
            cells.append(Text(f"{formats.count(number):>6}  ", f"{shade('foreground')} on {heat.hex}"))
        table.add_row(Text(f"human {RATINGS[human].glyph} {human}", muted), *cells)
    counts = crosstab.counts
    total = sum(map(sum, counts))
    higher = sum(counts[h][m] for h in range(3) for m in range(h + 1, 3))
    equal = sum(counts[h][h] for h in range(3))
    caption = Text.assemble(
        (f"↑ {_share(higher, total)}", "bold"),
        (f"   = {_share(equal, total)}   ↓ {_share(total - higher - equal, total)}", muted),
    )
    return Group(Text(visible(crosstab.source), "bold"), table, caption)


def _grid(name: int, drawn: int, *numbers: int) -> Table:
    """A row: a name, a drawing, and numbers."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=name, no_wrap=True, overflow="ellipsis")
    table.add_column(width=drawn, no_wrap=True, overflow="crop")
    for number in numbers:
        table.add_column(width=number, justify="right", no_wrap=True)
    return table


def _widest(names: Iterable[str]) -> int:
    return max([7, *(min(34, len(visible(name))) for name in names)])


def _share(number: int, total: int) -> str:
    return formats.percent(number / total if total else None)
