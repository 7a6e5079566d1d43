"""What is said of an answer in the playground."""

from __future__ import annotations

from core.api import PlaygroundAnswer
from tui.format.playground import measures


def test_measures_that_do_not_fit_are_left_out_whole() -> None:
    answer = PlaygroundAnswer(
        responder="small",
        text="I am here.",
        finish="stop",
        tokens=5,
        first_token_s=0.62,
        seconds=0.62 + 4 / 17,
        had_thinking=True,
    )
    whole = "3 words · thinking removed · 17 tokens/s · 5 tokens · first after 0.6 s"
    assert measures(answer) == whole
    assert measures(answer, width=len(whole)) == whole
    assert measures(answer, width=len(whole) - 1) == "3 words · thinking removed · 17 tokens/s · 5 tokens"
    assert measures(answer, width=1) == "3 words"
