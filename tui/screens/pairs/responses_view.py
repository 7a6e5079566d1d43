"""All responses to one dialogue, side by side from base to sft to sft-dpo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from core.api import MAX_WORDS, RunName, settings_text
from tui.components.filter_box import FilterBox
from tui.format import values as formats
from tui.format.data import ratings
from tui.format.marked_text import marked
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.screens.pairs import response_rows
from tui.screens.pairs.response_columns import ResponseColumns

if TYPE_CHECKING:
    from textual import getters

    from core.api import Decided, Response
    from tui.navigation.host import HostApp
    from tui.screens.pairs.pair_text import ResponseSide
    from tui.screens.pairs.response_rows import ResponseSection

#: Base, sft and sft-dpo are side by side from this width on.
WIDE = 100
#: The max number of characters of a response; the pair shows all of it.
_LONGEST = 1_200
_OUTCOMES = {
    "won": ("✓ wins", "$text-success"),
    "lost": ("✗ loses", "$text-error"),
    "tie": ("= tie", "$text-muted"),
    "invalid": ("? invalid", "$text-warning"),
}


class ResponseColumnList(OptionList, inherit_bindings=False):
    """Rows of responses: up and down move between rows, left and right within a row."""

    DEFAULT_CSS: ClassVar[str] = """
    ResponseColumnList {
        height: 1fr;
        border: none;
        padding: 0;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        &:focus { border: none; background-tint: $foreground 0%; }
        & > .option-list--option { padding: 0; }
        & > .option-list--option-hover { background: $surface; }
        & > .option-list--option-disabled { color: $text-accent; }
        /* The chosen response has the cursor's colour, not its whole row. */
        & > .option-list--option-highlighted,
        &:focus > .option-list--option-highlighted {
            color: $foreground; background: $background; text-style: none;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
    ]

    def action_first(self) -> None:
        super().action_first()
        # Also the heading above it.
        self.scroll_home(animate=False)


class ResponsesView(Vertical):
    """The dialogue above, then every student's recipes, the teachers, and the sources in the data."""

    DEFAULT_CSS: ClassVar[str] = """
    ResponsesView {
        height: 1fr;
        & > #responses-context { height: auto; max-height: 30%; padding: 0 1; margin: 1 0 0 0; }
        & > #responses-how {
            height: 1;
            padding: 0 1;
            margin: 1 0 0 0;
            color: $text-muted;
            text-wrap: nowrap;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "take('b', True)", "B", id="responses.open", tooltip="Show the response as B of the pair"
        ),
        Binding("a", "take('a')", "A", id="responses.a", tooltip="Set the response as A of the pair"),
        Binding(
            "b", "take('b')", "B", id="responses.b", show=False, tooltip="Set the response as B of the pair"
        ),
        Binding(
            "w",
            "words",
            "Words",
            id="responses.words",
            tooltip="Mark words that are new against the previous step",
        ),
        verb(
            "search",
            "narrow",
            id="responses.filter",
            tooltip="Show only responders with these words in their names; going back clears them",
            show=True,
        ),
        # The screen's own bindings, hidden here because the footer has no space for them.
        Binding(
            "d",
            "screen.disagreement",
            "Disagree",
            id="responses.disagreement",
            show=False,
            tooltip="Next disagreement",
        ),
        verb("filter", "screen.filter", id="responses.filter_pairs", tooltip="Filter the dialogues"),
        Binding("right,l", "across(1)", "Right", id="responses.right", show=False, tooltip="Next step"),
        Binding("left", "across(-1)", "Left", id="responses.left", show=False, tooltip="Previous step"),
    ]

    class Taken(Message):
        """A request to set a responder as A or B of the pair; with `opened` the pair is shown."""

        def __init__(self, side: ResponseSide, responder: str, *, opened: bool) -> None:
            super().__init__()
            self.side = side
            self.responder = responder
            self.opened = opened

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__(id="all-responses")
        #: The dialogue above; the dialogue of the responses below, and the responses.
        self._wanted = self._dialogue = ""
        self._responses: Sequence[Response] = ()
        self._before: Mapping[str, Response] = {}
        #: The pair's responders A and B.
        self._shown: tuple[str, str] = ("", "")
        self._sections: Sequence[ResponseSection] = ()
        #: Each row as drawn without the cursor.
        self._rows: list[ResponseColumns] = []
        self._words = ""
        self._marks = False
        #: The column of the selected response, and its row.
        self._column = 0
        self._marked: int | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="responses-context", markup=False)
        yield Static(id="responses-how", markup=False)
        yield ResponseColumnList(markup=False)
        yield FilterBox("words in a responder's name")

    def on_resize(self, event: Resize) -> None:
        self._fill()

    def head(self, dialog_id: str, context: Content, shown: tuple[str, str]) -> None:
        """Show a dialogue, and set the responders A and B."""
        self.query_one("#responses-context", Static).update(context)
        self._wanted = dialog_id
        if shown != self._shown:
            self._shown = shown
            self._fill()
        self._describe()

    def show(self, dialog_id: str, responses: Sequence[Response]) -> None:
        """Show the responses to a dialogue."""
        if (dialog_id, responses) != (self._dialogue, self._responses):
            self._dialogue, self._responses = dialog_id, responses
            self._before = response_rows.steps_before(responses)
            self._fill()

    def enter(self) -> None:
        """Take the focus."""
        self._list.focus()

    def back(self) -> bool:
        """Clear the filter; return whether there was one."""
        if not self.query_one(FilterBox).reset():
            return False
        self._words = ""
        self._fill()
        self.enter()
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._words = event.value
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.enter()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._mark()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_take("b", True)

    def action_narrow(self) -> None:
        self.query_one(FilterBox).open()

    def action_words(self) -> None:
        self._marks = not self._marks
        self._fill()

    def action_across(self, by: int) -> None:
        chosen = self._place
        if chosen is not None:
            row, column = chosen
            self._column = max(0, min(column + by, len(row.responses) - 1))
            self._mark(again=True)

    def action_take(self, side: ResponseSide, opened: bool = False) -> None:
        chosen = self._place
        if chosen is None:
            self.app.show_message("no response is selected")
        else:
            row, column = chosen
            self.post_message(self.Taken(side, row.responses[column].responder, opened=opened))

    @property
    def _list(self) -> ResponseColumnList:
        return self.query_one(ResponseColumnList)

    @property
    def _place(self) -> tuple[response_rows.ResponseRow, int] | None:
        """The row under the cursor, and the column in it."""
        option = self._list.highlighted_option
        if option is None or option.id is None:
            return None
        row = [row for section in self._sections for row in section.rows][int(option.id)]
        return row, min(self._column, len(row.responses) - 1)

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _fill(self) -> None:
        if not self._responses or not self.size.width:
            return
        chosen, known = self._place, self._sections
        self._sections = response_rows.sections(self._responses, self._shown, self._words, wide=self._is_wide)
        options, self._rows, rows = [], [], 0
        for section in self._sections:
            options.append(Option(_heading(section.title), disabled=True))
            for row in section.rows:
                drawn = self._drawn(row)
                self._rows.append(drawn)
                options.append(Option(drawn, id=str(rows)))
                rows += 1
        self._marked = None
        with self.app.batch_update():
            scrolled = self._list.scroll_offset.y
            self._list.set_options(options)
            self._restore(chosen, stays=bool(known), scrolled=scrolled)
        self._describe()

    def _restore(
        self, chosen: tuple[response_rows.ResponseRow, int] | None, *, stays: bool, scrolled: int
    ) -> None:
        """Keep the cursor on its response, or else move it to the pair's B, or to the first one."""
        where = response_rows.places(self._sections)
        name = chosen[0].responses[chosen[1]].responder if chosen is not None else self._shown[1]
        if not where:
            return
        row, column = where.get(name, next(iter(where.values())))
        if self._is_wide and chosen is not None and chosen[1] == 0:
            # A base is in many rows: take the one of the same recipe.
            rows = [
                (each.title, each.responses[0].responder) for part in self._sections for each in part.rows
            ]
            row = rows.index((chosen[0].title, name)) if (chosen[0].title, name) in rows else row
        self._column = column
        if stays:
            self._list.scroll_to(y=scrolled, animate=False, force=True, immediate=True)
        self._list.highlighted = self._list.get_option_index(str(row))

    def _mark(self, *, again: bool = False) -> None:
        """Highlight the selected response, and clear the previous highlight."""
        index, chosen = self._list.highlighted, self._place
        if index is None or chosen is None or (index == self._marked and not again):
            return
        for each, column in ((self._marked, None), (index, chosen[1])):
            option = None if each is None else self._list.get_option_at_index(each)
            if option is not None and option.id is not None:
                drawn = self._rows[int(option.id)].choose(column)
                self._list.replace_option_prompt_at_index(self._list.get_option_index(option.id), drawn)
        self._marked = index

    def _describe(self) -> None:
        how = self.query_one("#responses-how", Static)
        if self._wanted != self._dialogue:
            how.update(
                "reading …" + ("  below: responses to the previous dialogue" if self._responses else "")
            )
            return
        answered = sum(response.text is not None for response in self._responses)
        parts = [f"{answered:,} of {len(self._responses):,} responders answered"]
        if self._words:
            shown = len(response_rows.places(self._sections))
            parts.append(f"/{visible(self._words)}: {shown:,} shown")
        if self._marks:
            parts.append("marked: words that are new against the previous step")
        how.update(Content("  ·  ".join(parts)))

    def _drawn(self, row: response_rows.ResponseRow) -> ResponseColumns:
        columns = response_rows.ACROSS if self._is_wide else 1
        head = Content.styled(visible(row.title), "bold") if row.title and self._is_wide else None
        return ResponseColumns([self._cell(row, one) for one in row.responses], columns=columns, head=head)

    def _cell(self, row: response_rows.ResponseRow, response: Response) -> Content:
        """The responder, its response, and the judges' outcomes."""
        run = RunName.parse(response.responder)
        name = response.responder
        if run is not None:
            own = "/".join(filter(None, (run.stage, settings_text(run.settings))))
            name = own if self._is_wide else f"{row.title}/{own}"
        elif response.kind == "base":
            name = f"base {name}"
        words = None if response.text is None else len(response.text.split())
        sides = "".join(
            f"{side} " for side, shown in zip("AB", self._shown, strict=True) if shown == response.responder
        )
        rated = (
            []
            if response.rating is None
            else [(f"  {ratings.words(response.rating)}", f"${ratings.RATINGS[response.rating].colour}")]
        )
        head = Content.assemble(
            (sides, "$text-accent bold"),
            (visible(name), "bold"),
            (
                f"  {formats.counted(words, 'word')}",
                "$text-warning" if words is not None and words > MAX_WORDS else "$text-muted",
            ),
            *rated,
            "\n",
        )
        return Content.assemble(
            head, self._response_text(response), *(_outcome(decided, run) for decided in response.decided)
        )

    def _response_text(self, response: Response) -> Content:
        if response.text is None:
            return Content.styled("no response yet", "$text-muted")
        if not response.text.strip():
            return Content.styled("(an empty response)", "$text-warning")
        before = self._before.get(response.responder)
        against = before.text if self._marks and before is not None else None
        return marked(response.text, against=against, longest=_LONGEST)


def _heading(title: str) -> Content:
    return Content.styled(f" {visible(title)}\n", "bold $text-accent")


def _outcome(decided: Decided, run: RunName | None) -> Content:
    """A judge's outcome; the opponent is left out if it is the run's own base."""
    word, colour = _OUTCOMES[decided.outcome]
    against = f" against {decided.baseline}" if run is None or decided.baseline != run.student else ""
    flips = ", orders disagree" if decided.flips else ""
    return Content.assemble(
        (f"\n{word}", colour), (f"{visible(against)}  {visible(decided.judge)}{flips}", "$text-muted")
    )
