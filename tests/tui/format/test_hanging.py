"""Wrapped lines with a label at the left."""

from __future__ import annotations

import pytest
from textual.content import Content

from tui.format.hanging import hanging

TEXT = "model    gpt-4o, openai at https://api.openai.com/v1\nkey      none"


def test_further_lines_stand_below_the_text_and_not_below_its_label() -> None:
    assert hanging(Content(TEXT), 9, 30).plain.splitlines() == [
        "model    gpt-4o, openai at",
        "         https://api.openai.co",
        "         m/v1",
        "key      none",
    ]


@pytest.mark.parametrize("width", [17, 80])
def test_a_text_stays_as_it_is_where_it_fits_or_where_there_is_no_room(width: int) -> None:
    assert hanging(Content(TEXT), 9, width).plain == TEXT


def test_styles_stay() -> None:
    shown = hanging(Content.assemble(("state  ", "$text-muted"), ("done at last", "bold")), 7, 15)
    assert shown.plain == "state  done at\n       last"
    assert [(shown.plain[span.start : span.end], span.style) for span in shown.spans] == [
        ("state  ", "$text-muted"),
        ("done at", "bold"),
        ("last", "bold"),
    ]
