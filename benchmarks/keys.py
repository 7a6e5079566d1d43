"""From a key press to its effect in the terminal, on every screen of a store with a million records.

    python -m benchmarks.keys [--folder DIR] [--screens NAME …] [--presses N] [--starts N] [--size 120x40]
                              [--limit MS]

The real program runs in a pseudo-terminal, and an emulator draws what it writes. A press counts until that
came with which the screen shows its effect; the emulator draws later, when that costs the program nothing:

- open: the screen's tab is marked; full: nothing but digits changes on the screen any more. Both for the
  first time and again;
- move: the cursor's row, drawn whole, is another (`j`, and `k` from the end); without a cursor, the text;
- page: the same after a page down, and up from the end;
- filter: the letters that were typed stand where a list says how it is filtered (`/`, then a word);
- sort: the arrow stands at another column (`>`).

A screen that has no such thing shows a dash. Beside them stands an app with nothing but a DataTable of 500
rows, measured in the same way. Milliseconds; the ratio is that of the moves' medians.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.store import big_store
from benchmarks.terminal import Terminal
from core.api import WorkspacePaths
from tui.components.theme import DARK
from tui.navigation.bindings import SCREENS

TABLE_APP = """
from textual.app import App
from textual.widgets import DataTable

class Table(App[None]):
    BINDINGS = [("j", "move('cursor_down')"), ("k", "move('cursor_up')")]

    def compose(self):
        yield DataTable(cursor_type="row")

    def on_mount(self):
        table = self.query_one(DataTable)
        for name in ("state", "name", "progress", "count", "elapsed"):
            table.add_column(name, width=18)
        for number in range(500):
            table.add_row("done", f"the row number {number}", "one half", f"{number} of 500", "3 h")
        table.focus()

    def action_move(self, name):
        getattr(self.query_one(DataTable), f"action_{name}")()

Table().run()
"""

#: Screen → the key that moves on in it, and the one that moves back.
MOVES = {"pairs": ("n", "p")}
PAGES = ("\x06", "\x02")
WORD = "llama"
KINDS = ("open", "full", "open again", "full again", "move", "page", "filter", "sort")
#: Of these the limit is held against every single press's 95th percentile.
PRESSES = ("move", "page", "filter", "sort")
#: Seconds after which a press counts as one without effect.
_NOTHING_S = 2.0
#: The cursor's background, where the app has its own colours and where it has Textual's.
CURSOR, PLAIN_CURSOR = DARK.variables["block-cursor-background"].removeprefix("#"), "0178d4"

Found = dict[str, dict[str, list[float]]]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [name for name, _, _ in SCREENS]
    parser.add_argument("--folder", type=Path, default=big_store.FOLDER)
    parser.add_argument("--screens", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--presses", type=int, default=40, help="moves on each screen, at each start")
    parser.add_argument("--starts", type=int, default=3, help="starts of the program")
    parser.add_argument("--size", default="120x40", help="columns and lines of the terminal")
    parser.add_argument("--limit", type=float, help="exit with 1 when a p95 of a key is above, in ms")
    options = parser.parse_args()
    columns, _, lines = options.size.partition("x")
    size = (int(columns), int(lines))
    workspace = big_store.made(options.folder.resolve())
    found: Found = defaultdict(lambda: defaultdict(list))
    with big_store.supervised(workspace):
        for _ in range(options.starts):
            plain_table(found, size, options.presses)
            screens(found, workspace, options.screens, size, options.presses)
    show(found)
    worst = max(p95(times) for kinds in found.values() for kind, times in kinds.items() if kind in PRESSES)
    if options.limit is not None and worst > options.limit:
        print(f"a key takes {worst:.0f} ms to be painted (p95); the limit is {options.limit:.0f}")
        return 1
    return 0


def program(workspace: WorkspacePaths) -> list[str]:
    return [sys.executable, "-m", "tui", "--read-only", "--workspace", str(workspace.root)]


def plain_table(found: Found, size: tuple[int, int], presses: int) -> None:
    with Terminal([sys.executable, "-c", TABLE_APP], size) as terminal:
        started(terminal, "the row number 0")
        hand = Hand(terminal, PLAIN_CURSOR, found["a plain table"])
        hand.move("move", ("j", "k"), presses)


def screens(
    found: Found, workspace: WorkspacePaths, names: Sequence[str], size: tuple[int, int], presses: int
) -> None:
    """Open every screen, then again, and press its keys there."""
    with Terminal(program(workspace), size) as terminal:
        started(terminal, "dialogues (")
        known = [screen for screen in SCREENS if screen[0] in names]
        for name, key, title in known:
            # The first one is there when the program starts.
            if name != SCREENS[0][0]:
                Hand(terminal, CURSOR, found[name]).open(key, title, "")
        for name, key, title in known:
            hand = Hand(terminal, CURSOR, found[name])
            # From another one, also where it is the only one.
            terminal.press(next(other for _, other, _ in SCREENS if other != key))
            terminal.settle(lambda: _letters(terminal.text()))
            hand.open(key, title, " again")
            hand.move("move", MOVES.get(name, ("j", "k")), presses)
            hand.move("page", PAGES, presses // 4)
            hand.filter(WORD)
            hand.sort(presses // 8)


def started(terminal: Terminal, text: str) -> None:
    if terminal.wait(lambda: text in terminal.text()) is None:
        raise SystemExit(f"the program did not start:\n{terminal.text()}")
    terminal.settle(lambda: _letters(terminal.text()))


class Hand:
    """Presses keys on one screen, and notes how many seconds each took to be painted."""

    def __init__(self, terminal: Terminal, cursor: str, times: dict[str, list[float]]) -> None:
        self.terminal = terminal
        self.cursor = cursor
        self.times = times

    def open(self, key: str, title: str, again: str) -> None:
        """Open the screen by its key."""
        pressed = self.terminal.press(key)
        marked = self.terminal.wait(lambda: self._is_marked(f"{key} {title.lower()}"))
        if marked is None:
            raise SystemExit(f"{title} does not open:\n{self.terminal.text()}")
        full = self.terminal.settle(lambda: _letters(self.terminal.text()))
        self.times[f"open{again}"].append(marked - pressed)
        self.times[f"full{again}"].append(max(marked, full) - pressed)

    def move(self, kind: str, keys: tuple[str, str], presses: int) -> None:
        """Go on by the first of the keys, and by the other one from the end, and so on."""
        towards, failed = 0, False
        for _ in range(presses):
            before = self._cursor() or self._body()
            seconds = self.terminal.took(
                keys[towards],
                lambda before=before: (self._cursor() or self._body()) != before,  # type: ignore[misc]
                _NOTHING_S,
            )
            if seconds is not None:
                self.times[kind].append(seconds)
            elif failed:
                return
            else:
                towards = 1 - towards
            failed = seconds is None

    def filter(self, word: str) -> None:
        """Type the word as a filter, and take it away."""
        before = self._body()
        self.terminal.press("/")
        self.terminal.settle()
        if self._body() == before:
            return
        for number, letter in enumerate(word, start=1):
            seconds = self.terminal.took(letter, partial(self._is_filtered, word[:number]), _NOTHING_S)
            if seconds is None:
                break
            self.times["filter"].append(seconds)
        self.terminal.press("\x1b")
        self.terminal.settle()

    def sort(self, presses: int) -> None:
        """Go to the next column that can be sorted by, and so on."""
        for _ in range(presses):
            before = self._arrow()
            seconds = self.terminal.took(">", lambda before=before: self._arrow() != before, _NOTHING_S)  # type: ignore[misc]
            if seconds is None:
                return
            self.times["sort"].append(seconds)

    def _is_filtered(self, word: str) -> bool:
        """Whether a list says so, in either of the ways in which they do."""
        text = self.terminal.text()
        return f" /{word}" in text or f"“{word}”" in text

    def _cursor(self) -> tuple[int, str] | None:
        """The line of the cursor's row and its words, once it is drawn whole; None where there is none."""
        counts = [self.terminal.row(line, self.cursor) for line in range(self.terminal.screen.lines)]
        line = max(range(len(counts)), key=counts.__getitem__)
        # Of two rows that are marked one is not drawn anew yet.
        if counts[line] < 10 or sum(count >= counts[line] // 2 for count in counts) > 1:
            return None
        return line, _letters(self.terminal.screen.display[line])

    def _body(self) -> str:
        """All lines but the screens', the workspace's and the keys'."""
        return "\n".join(self.terminal.screen.display[2:-1])

    def _arrow(self) -> list[int]:
        """Where the arrows of a sorted column stand."""
        return [at for at, letter in enumerate(self.terminal.text()) if letter in "↑↓"]

    def _is_marked(self, tab: str) -> bool:
        at = self.terminal.screen.display[0].find(tab)
        return at >= 0 and self.terminal.screen.buffer[0][at].bold


def _letters(text: str) -> str:
    """The text but for its digits: clocks and counts go on by themselves."""
    return re.sub(r"\d+", "0", text)


def p95(times: Sequence[float]) -> float:
    """In milliseconds."""
    return (
        statistics.quantiles(times, n=20, method="inclusive")[-1] * 1e3 if len(times) > 1 else times[0] * 1e3
    )


def show(found: Found) -> None:
    base = statistics.median(found["a plain table"]["move"])
    print(f"{'':<14}" + "".join(f"{kind:>12}" for kind in KINDS[:4]), end="")
    print("".join(f"{kind + ' 50/95/max':>21}" for kind in PRESSES) + f"{'ratio':>7}")
    for name, kinds in found.items():
        cells = [f"{name:<14}"]
        cells += [
            f"{statistics.median(times) * 1e3:>12.0f}" if (times := kinds.get(kind)) else f"{'—':>12}"
            for kind in KINDS[:4]
        ]
        for kind in PRESSES:
            times = kinds.get(kind)
            cell = "—"
            if times:
                cell = f"{statistics.median(times) * 1e3:.0f} / {p95(times):.0f} / {max(times) * 1e3:.0f}"
            cells.append(f"{cell:>21}")
        moves = kinds.get("move")
        cells.append(f"{statistics.median(moves) / base:>7.2f}" if moves else f"{'—':>7}")
        print("".join(cells))


if __name__ == "__main__":
    sys.exit(main())
