"""The keys of the playground."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from tui.navigation.bindings import verb

KEYS: tuple[BindingType, ...] = (
    Binding("enter", "write", "Write", id="playground.write", tooltip="Write the next utterance"),
    Binding("d", "dialogue", "Random", id="playground.dialogue", tooltip="Take a random test dialogue"),
    Binding("a", "responders", "Who", id="playground.responders", tooltip="Choose who answers, up to four"),
    Binding("s", "sampling", "Sampling", id="playground.sampling", tooltip="How answers are generated"),
    verb("retry", "retry", id="playground.retry", tooltip="Send the last utterance again"),
    verb("edit", "edit", id="playground.edit", tooltip="Edit the last utterance"),
    Binding("ctrl+n", "new", "New", id="playground.new", show=False, tooltip="Begin a new conversation"),
    Binding(
        "h",
        "history",
        "History",
        id="playground.history",
        show=False,
        tooltip="Continue an earlier one",
    ),
    Binding("v", "judge", "Verdict", id="playground.judge", tooltip="Have a judge compare two answers"),
    verb("note", "note", id="playground.note", tooltip="Keep the answer under the cursor as a note"),
    verb("copy", "copy", id="playground.copy", tooltip="Copy the conversation as text"),
    verb("export", "export", id="playground.export", tooltip="Write the history as JSONL"),
    Binding(
        "m",
        "free",
        "Free memory",
        id="playground.free",
        show=False,
        tooltip="End the process that holds the models; the next question starts it again",
    ),
)
