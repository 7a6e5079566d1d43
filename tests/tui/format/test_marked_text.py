"""Texts to read: words marked that differ or are sought, and endless ones cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.records.synthetic_dialogues import texts
from tui.format import marked_text

words = st.lists(st.sampled_from(["I", "hear", "you", "(so)", "much."]), max_size=12).map(" ".join)


@given(words, words)
def test_what_is_not_marked_stands_in_the_other_text_in_this_order(text: str, other: str) -> None:
    spans = marked_text.differing(text, other)
    assert spans is not None
    marked = [False] * len(text)
    for start, end in spans:
        assert text[start:end].strip() == text[start:end] != ""
        marked[start:end] = [True] * (end - start)
    kept = "".join(" " if is_marked else letter for letter, is_marked in zip(text, marked, strict=True))
    left = iter(other.split())
    assert all(word in left for word in kept.split())
    assert marked_text.differing(text, text) == []


def test_endless_texts_are_cut_and_not_compared() -> None:
    endless = "so very much " * 9000
    assert marked_text.differing(endless, endless[3:]) is None
    shown = marked_text.marked(endless, against=endless[3:]).plain
    assert len(shown) < marked_text.LONGEST + 200
    assert f"and {len(endless.strip()) - marked_text.LONGEST:,} characters more" in shown
    assert "differences are not marked" in shown


@given(texts())
def test_a_passage_is_visible_and_marks_what_is_sought(text: str) -> None:
    content = marked_text.marked(text, sought="a")
    assert "\x1b" not in content.plain
    assert "\u202e" not in content.plain
    marked = [
        content.plain[span.start : span.end] for span in content.spans if span.style == marked_text.SOUGHT
    ]
    assert [word.casefold() for word in marked] == ["a"] * content.plain.casefold().count("a")
