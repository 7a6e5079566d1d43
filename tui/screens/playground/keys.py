"""The keys of the playground."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: tuple[BindingType, ...] = (
    Binding("enter", "write", "Write", id="playground.write", tooltip="Write the next utterance"),
    Binding("d", "dialogue", "Random", id="playground.dialogue", tooltip="Take a random test dialogue"),
    Binding("a", "responders", "Who", id="playground.responders", tooltip="Choose who answers, up to four"),
    Binding("s", "sampling", "Sampling", id="playground.sampling", tooltip="How answers are generated"),
    Binding(
        "r",
        "retry",
        "Again",
        id="playground.retry",
        show=False,
        tooltip="Send the last utterance again",
    ),
    Binding(
        "e",
        "edit",
        "Edit",
        id="playground.edit",
        show=False,
        tooltip="Edit the last utterance",
    ),
    Binding("n", "new", "New", id="playground.new", tooltip="Begin a new conversation"),
    Binding(
        "h",
        "history",
        "History",
        id="playground.history",
        show=False,
        tooltip="Go on with an earlier one",
    ),
    Binding("y", "copy", "Copy", id="playground.copy", show=False, tooltip="Copy the conversation as text"),
    Binding(
        "x",
        "export",
        "Export",
        id="playground.export",
        show=False,
        tooltip="Write the history as JSONL",
    ),
    Binding(
        "m",
        "free",
        "Free memory",
        id="playground.free",
        show=False,
        tooltip="End the process that holds the models; the next question starts it again",
    ),
)
