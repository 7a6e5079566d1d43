"""The keys of the pairs screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from tui.navigation.bindings import verb

KEYS: tuple[BindingType, ...] = (
    verb("next", "step(1)", id="pairs.next", tooltip="Next dialogue", also="right"),
    verb("previous", "step(-1)", id="pairs.previous", tooltip="Previous dialogue", also="left"),
    Binding("d", "disagreement", "Disagree", id="pairs.disagreement", tooltip="Next disagreement"),
    Binding("J", "jump", "Jump", id="pairs.jump", tooltip="Jump to a dialogue", show=False),
    Binding("h", "responses", "All", id="pairs.responses", tooltip="All responses to this dialogue"),
    Binding("home", "go(0)", "First", id="pairs.first", show=False, tooltip="First dialogue"),
    Binding("end", "go(-1)", "Last", id="pairs.last", show=False, tooltip="Last dialogue"),
    verb("filter", "filter", id="pairs.filter", tooltip="Filter by verdict or disagreement", show=True),
    Binding("m", "emotion", "Emotion", id="pairs.emotion", tooltip="Filter by emotion", show=False),
    verb("search", "search", id="pairs.search", tooltip="Search in the texts"),
    Binding("v", "verdicts", "Answers", id="pairs.verdicts", tooltip="Show the judges' answers", show=False),
    Binding(
        "R",
        "rubric",
        "Rubric",
        id="pairs.rubric",
        tooltip="Show the judge's prompt: A first, B first, hidden",
        show=False,
    ),
    Binding("z", "list", "List", id="pairs.list", tooltip="Show or hide the list of dialogues"),
    Binding("w", "words", "Words", id="pairs.words", tooltip="Mark the words that differ", show=False),
    verb("copy", "copy", id="pairs.copy", tooltip="Copy the pair as text"),
    verb("export", "export", id="pairs.export", tooltip="Write all pairs of these responders as JSON"),
    Binding("V", "vote", "Vote", id="pairs.vote", tooltip="Vote on these responders, blind", show=False),
    verb("related", "data", title="Data", id="pairs.data", tooltip="Open the dialogue in data"),
    Binding("a", "choose('a')", "A", id="pairs.a", tooltip="Choose responder A"),
    Binding("b", "choose('b')", "B", id="pairs.b", tooltip="Choose responder B"),
)
