"""The dialogues of the data screen: the list, and the selected one in full."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.widgets import Static

from tui.components.reading_area import ReadingArea
from tui.components.theme import shade
from tui.navigation.bindings import verb
from tui.navigation.messages import OpenPairOf, OpenPlayground
from tui.screens.data import dialogue_text
from tui.screens.data.dialogue_list import DialogueList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import getters

    from core.api import Dialogue, DialogueFilter
    from tui.navigation.host import HostApp

#: The dialogue is beside the list from this width on.
WIDE = 110
_ALL = "all emotions"


class DialoguesView(Container):
    """The list on the left and the dialogue on the right; stacked in narrow terminals."""

    DEFAULT_CSS: ClassVar[str] = """
    DialoguesView {
        layout: vertical;
        & > DialogueList { height: 1fr; margin: 1 0 0 0; }
        & > ReadingArea { height: 1fr; padding: 0 1; border-top: solid $border-blurred; }
        & > ReadingArea:focus { border-top: solid $accent; }
        & > ReadingArea > Static { height: auto; }
        &.reading > DialogueList { display: none; }
        &.wide {
            layout: horizontal;
            & > DialogueList { height: 1fr; width: 3fr; display: block; }
            & > ReadingArea {
                height: 1fr; width: 2fr; padding: 1 2 0 2;
                border-top: none; border-left: solid $border-blurred;
            }
            & > ReadingArea:focus { border-left: solid $accent; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        verb("next", "step(1)", id="data.next", tooltip="Next dialogue", also="right"),
        verb("previous", "step(-1)", id="data.previous", tooltip="Previous dialogue", also="left"),
        verb("filter", "choose", id="data.filter", tooltip="Filter by emotion, split and ratings", show=True),
        Binding("m", "emotion", "Emotion", id="data.emotion", tooltip="Filter by emotion", show=False),
        verb(
            "related",
            "pairs",
            title="Pairs",
            id="data.pairs",
            tooltip="Show the pairs of the test dialogue",
            show=True,
        ),
        Binding("a", "chat", "Ask", id="data.chat", show=False, tooltip="Have students answer it"),
        verb("copy", "copy", id="data.copy", tooltip="Copy the dialogue as text"),
    ]

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__(id="dialogues")
        self._emotions: Mapping[str, int] = {}
        self._sources: Sequence[str] = ()
        self._dialogue: Dialogue | None = None
        #: Whether it is known which dialogues there are.
        self._is_read = False
        #: The width of the last drawing.
        self._width = 0

    def compose(self) -> ComposeResult:
        yield DialogueList()
        with ReadingArea():
            yield Static(id="dialogue", markup=False)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")
        if event.size.width != self._width:
            self._width = event.size.width
            # After the layout, when the widgets have their new sizes.
            self.call_after_refresh(self._draw)

    def read(self, sources: Sequence[str], emotions: Mapping[str, int]) -> None:
        """Reload the dialogues with responses from these sources."""
        self._sources, self._emotions, self._is_read = sources, emotions, True
        self._dialogue = None
        self._list.read(sources)

    def seek(self, dialog_id: str) -> None:
        """Show a dialogue."""
        self._list.seek(dialog_id)

    def enter(self) -> None:
        """Take the focus."""
        self.remove_class("reading")
        self._list.enter()

    def back(self) -> bool:
        """Go back inside the view; return whether there was anything to go back from."""
        if self._reading.has_focus:
            self.enter()
            return True
        return self._list.back()

    def on_dialogue_list_selected(self, event: DialogueList.Selected) -> None:
        event.stop()
        if event.opened:
            self.add_class("reading")
            self._reading.focus()
        if event.line is None:
            self._receive(None)
        elif self._dialogue is None or event.line.dialog_id != self._dialogue.dialog_id:
            self._read(event.line.dialog_id)
        else:
            self._draw()

    def action_step(self, by: int) -> None:
        self._list.step(by)

    def action_choose(self) -> None:
        from tui.screens.data.filter_dialog import DialogueFilterScreen

        if not self._has_dialogues():
            return
        screen = DialogueFilterScreen(
            self._emotions, self._sources, sum(self._emotions.values()), self._list.wanted
        )
        self.app.push_screen(screen, self._chosen)

    def action_emotion(self) -> None:
        from tui.dialogs.choose import ChooseScreen

        if not self._has_dialogues():
            return
        names = [_ALL, *self._emotions]
        self.app.push_screen(
            ChooseScreen("Emotion", names, self._list.wanted.emotion or _ALL), self._emotion_chosen
        )

    def action_pairs(self) -> None:
        if self._dialogue is None:
            self._show_none()
        elif self._dialogue.split != "test":
            self.app.show_message("this is a train dialogue; only test dialogues have pairs")
        else:
            self.app.post_message(OpenPairOf(self._dialogue.dialog_id))

    def action_chat(self) -> None:
        if self._dialogue is None:
            self._show_none()
        else:
            self.app.post_message(OpenPlayground(self._dialogue.dialog_id))

    def action_copy(self) -> None:
        if self._dialogue is None:
            self._show_none()
        else:
            self.app.copy(dialogue_text.plain(self._dialogue))

    @property
    def _list(self) -> DialogueList:
        return self.query_one(DialogueList)

    @property
    def _reading(self) -> ReadingArea:
        return self.query_one(ReadingArea)

    def _has_dialogues(self) -> bool:
        """Whether there are dialogues; shows the reason if there are none."""
        if not self._emotions:
            self.app.show_lack(
                "there are no dialogues to filter yet", reading=None if self._is_read else "data"
            )
        return bool(self._emotions)

    def _show_none(self) -> None:
        # The list is read after the data, and the dialogue under the cursor after the list.
        waits = {
            "data": not self._is_read,
            "dialogues": not self._list.is_read,
            "dialogue": self._list.line is not None,
        }
        reading = next((key for key, does_wait in waits.items() if does_wait), None)
        self.app.show_lack("no dialogue is selected", reading=reading)

    def _chosen(self, wanted: DialogueFilter | None) -> None:
        if wanted is not None:
            self._list.choose(wanted)

    def _emotion_chosen(self, name: str | None) -> None:
        from dataclasses import replace

        if name is not None:
            self._list.choose(replace(self._list.wanted, emotion=None if name == _ALL else name))

    def _read(self, dialog_id: str) -> None:
        self.app.read("dialogue", lambda workspace: workspace.data.browser.dialogue(dialog_id), self._receive)

    def _receive(self, dialogue: Dialogue | None) -> None:
        other = dialogue is None or self._dialogue is None or dialogue.dialog_id != self._dialogue.dialog_id
        self._dialogue = dialogue
        self._draw()
        if other:
            self._reading.scroll_home(animate=False)

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    def _draw(self) -> None:
        shown = self.query_one("#dialogue", Static)
        if self._dialogue is None:
            shown.update("")
        else:
            shown.update(
                dialogue_text.whole(
                    self._dialogue, self._list.wanted.text, self._reading.size.width, partial(shade, self.app)
                )
            )
