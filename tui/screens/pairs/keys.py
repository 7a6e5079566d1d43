"""The keys of the pairs screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: tuple[BindingType, ...] = (
    Binding("n,right", "step(1)", "Next", id="pairs.next", key_display="n", tooltip="Next dialogue"),
    Binding(
        "p,left",
        "step(-1)",
        "Previous",
        id="pairs.previous",
        key_display="p",
        show=False,
        tooltip="Previous dialogue",
    ),
    Binding("d", "disagreement", "Disagree", id="pairs.disagreement", tooltip="Next disagreement"),
    Binding("h", "responses", "All", id="pairs.responses", tooltip="All responses to this dialogue"),
    Binding("home", "go(0)", "First", id="pairs.first", show=False, tooltip="First dialogue"),
    Binding("end", "go(-1)", "Last", id="pairs.last", show=False, tooltip="Last dialogue"),
    Binding("j", "jump", "Jump", id="pairs.jump", tooltip="Jump to a dialogue", show=False),
    Binding("f", "filter", "Filter", id="pairs.filter", tooltip="Filter by verdict or disagreement"),
    Binding("e", "emotion", "Emotion", id="pairs.emotion", tooltip="Filter by emotion", show=False),
    Binding(
        "slash",
        "search",
        "Search",
        id="pairs.search",
        key_display="/",
        show=False,
        tooltip="Search in the texts",
    ),
    Binding("v", "verdicts", "Answers", id="pairs.verdicts", tooltip="Show the judges' answers", show=False),
    Binding(
        "r",
        "rubric",
        "Rubric",
        id="pairs.rubric",
        tooltip="Show the judge's prompt: A first, B first, hidden",
        show=False,
    ),
    Binding("w", "words", "Words", id="pairs.words", tooltip="Mark the words that differ", show=False),
    Binding("y", "copy", "Copy", id="pairs.copy", tooltip="Copy the pair as text", show=False),
    Binding("o", "vote", "Vote", id="pairs.vote", tooltip="Vote on these responders, blind", show=False),
    Binding("D", "data", "Data", id="pairs.data", tooltip="Open the dialogue in data", show=False),
    Binding("a", "choose('a')", "A", id="pairs.a", tooltip="Choose responder A"),
    Binding("b", "choose('b')", "B", id="pairs.b", tooltip="Choose responder B"),
)
