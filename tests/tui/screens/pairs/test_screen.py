"""The pairs screen: what judges were asked and answered, word for word, differences, a copy, voting."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from core.api import Order, prompts
from core.config.workspace import WorkspacePaths
from core.domain.evaluation.verdicts import Pair, Verdict
from core.domain.text import visible
from core.jobs.settings import LlmJudge
from core.judging.llm import llm_judge
from core.judging.protocol import OrderedPair
from core.prompts import templates
from tests.support.records import made_settings
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tests.tui.screens.pairs.conftest import open_pairs
from tui.app.application import EmpathyApp
from tui.components.text_pane import TextPane
from tui.screens.pairs import pair_text, pairs_data
from tui.screens.pairs.pair_list import PairList
from tui.screens.pairs.pair_text import ORDERS
from tui.screens.pairs.screen import PairsScreen


async def test_keys_pressed_while_the_pairs_are_being_read(
    opened: Open, study: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, read = threading.Event(), pairs_data.read

    def read_late(*arguments: Any) -> pairs_data.PairsData:
        go_on.wait()
        return read(*arguments)

    monkeypatch.setattr(pairs_data, "read", read_late)
    async with opened(study, (120, 40)) as pilot:
        try:
            await pilot.press("6")
            await until_shows(pilot, "Reading the responses")
            await pilot.press("f")
            await until_shows(pilot, "the workspace is being read")
            await pilot.press("b")
        finally:
            go_on.set()
        await until_shows(pilot, "Responder B")
        assert "import data first" not in shown(pilot)


async def test_a_hidden_list_has_its_key_on_the_screen(
    opened: Open, study: WorkspacePaths, seen: list[Pair]
) -> None:
    def keys() -> str:
        return shown(pilot).splitlines()[-1]

    async with opened(study, (80, 24)) as pilot:
        screen = await open_pairs(pilot, len(seen))
        await until(pilot, lambda: "z List" in keys() and keys().rstrip().endswith("Quit"))
        await until_shows(pilot, "wins  gpt")
        await pilot.press("z")
        await until(pilot, lambda: "Read" in keys() and "z List" not in keys())
        assert screen.query_one(PairList).display
        await pilot.press("enter")
        await until(pilot, lambda: "z List" in keys())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_rubric_texts_and_raw_answers_on_one_screen(
    opened: Open, study: WorkspacePaths, seen: list[Pair], size: tuple[int, int]
) -> None:
    async with opened(study, size) as pilot:
        screen = await open_pairs(pilot, len(seen))
        await pilot.press("n", "v")
        await until_shows(pilot, "A shown first")
        text = shown(pilot)
        assert "A human" in text
        assert "B chatgpt" in text
        answers = str(screen.query_one("#answers", Static).render())
        for judge in ("gpt", "paper"):
            assert judge in answers
        for order in ("ab", "ba"):
            await pilot.press("R")
            await until_shows(pilot, f"The judge's prompt  {ORDERS[order]}")
            assert visible(_asked(seen[1], order), lines=True) in _question(screen)
        await pilot.press("R")
        await until(pilot, lambda: not screen.query_one("#part-question").display)
        # What judges said is text from outside.
        await pilot.press("p")
        await until_shows(pilot, f"1/{len(seen)}")
        assert "\x1b" not in str(screen.query_one("#answers", Static).render())
        await pilot.press("v")
        await until(pilot, lambda: not screen.query_one("#judged").display)


async def test_the_rubric_is_the_workspaces_own(
    opened: Open, study: WorkspacePaths, seen: list[Pair]
) -> None:
    own = study.prompts / "judge_dimensions.txt"
    study.prompts.mkdir(exist_ok=True)
    try:
        own.write_text("Own: {situation} {utterance} first {first} second {second}")
        async with opened(study, (120, 40)) as pilot:
            screen = await open_pairs(pilot, len(seen))
            await pilot.press("n", "R")
            await until_shows(pilot, "custom template")
            assert f"first {seen[1].response_a} second {seen[1].response_b}" in _question(screen)
        own.write_text("Own: {situation} {utterance} first {first}")
        async with opened(study, (120, 40)) as pilot:
            screen = await open_pairs(pilot, len(seen))
            await pilot.press("R")
            await until(pilot, lambda: "lacks the field {second}" in _question(screen))
    finally:
        own.unlink()


def test_a_pair_without_a_response_is_not_asked_about(study: WorkspacePaths, seen: list[Pair]) -> None:
    (prompt,) = (prompt for prompt in prompts(study.prompts) if prompt.name == "judge")
    missing = replace(seen[1], response_b=None, verdicts=())
    assert "a response is missing" in pair_text.question(missing, prompt, "ab").plain
    assert "no response yet" in pair_text.response("b", "chatgpt", missing, differences=True).plain
    for is_compared, words in ((True, "no verdict yet"), (False, "no judge compares these responders")):
        for text in (
            pair_text.verdict(missing, is_compared=is_compared),
            pair_text.answers(missing, (), is_compared=is_compared, prompt_key="R"),
        ):
            assert words in text.plain


def test_responses_too_long_empty_or_the_same_are_said_to_be_so(seen: list[Pair]) -> None:
    pair = replace(seen[1], response_a="word " * 98, response_b="word " * 98)
    text = pair_text.response("a", "human", pair, differences=False).plain
    assert "98 words, more than 97" in text
    assert "same as the other" in text
    empty = replace(pair, response_b=" ")
    assert "(an empty response)" in pair_text.response("b", "chatgpt", empty, differences=True).plain


def test_who_was_shown_first_how_often_and_how_sure(seen: list[Pair]) -> None:
    verdicts = (
        Verdict("gpt", "ab", "a", "1", 1, 0.25),
        Verdict("gpt", "ab", "b", "2", 2, 0.75),
        Verdict("embedded", "ab", "b", "{}"),
    )
    pair = replace(seen[1], verdicts=verdicts)
    text = pair_text.answers(pair, {"embedded"}, is_compared=True, prompt_key="R").plain
    assert "A shown first, repeat 2, B with probability 75 %" in text
    assert text.count("shown first") == 2
    assert "embedded  B wins  scores each response separately" in text
    assert pair_text.orders(pair, {"embedded"}) == ["ab"]


async def test_differing_words_and_a_copy(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    async with opened(study, (120, 40)) as pilot:
        screen = await open_pairs(pilot, len(seen))
        await pilot.press("n", "w")
        await until(pilot, lambda: bool(_marked(screen)))
        own = (seen[1].response_a or "").split()
        assert set(_marked(screen).split()) <= set(own)
        await pilot.press("y")
        await until_shows(pilot, "copied")
        copied = pilot.app.clipboard
        assert (seen[1].response_b or "") in copied
        assert f"dialogue {seen[1].dialog_id}" in copied


async def test_marking_words_shows_the_texts_or_says_why_none_is_marked(
    opened: Open, study: WorkspacePaths, seen: list[Pair]
) -> None:
    async with opened(study, (80, 24)) as pilot:
        screen = await open_pairs(pilot, len(seen))
        await pilot.press("z", "w")
        await until(pilot, lambda: screen.query_one("#views").display)
        assert _marked(screen)
        await pilot.press("z", "v")
        await until(pilot, lambda: screen.query_one("#part-answers").display)
        name = screen._a or ""
        screen.compare(name, name)
        await until(pilot, lambda: len(screen._walk.all) == len(seen))
        await pilot.press("w", "w")
        await until_shows(pilot, "no word differs")


async def test_what_is_copied_in_tmux_is_given_to_tmux(
    opened: Open, study: WorkspacePaths, seen: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tmux that keeps what it is given, and one that cannot be reached.
    tmux = tmp_path / "tmux"
    tmux.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat > {tmp_path}/given\n')
    tmux.chmod(0o755)
    monkeypatch.setenv("TMUX", "/tmp/some,1,0")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    async with opened(study, (120, 40)) as pilot:
        await open_pairs(pilot, len(seen))
        await pilot.press("n", "y")
        await until_shows(pilot, "to tmux (prefix ]")
        assert (seen[1].response_b or "") in (tmp_path / "given").read_text()
        assert (tmp_path / "asked").read_text().split() == ["load-buffer", "-w", "-"]
        tmux.write_text("#!/bin/sh\nexit 1\n")
        await pilot.press("y")
        await until_shows(pilot, "characters if your terminal")


async def test_voting_is_a_key_away(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_pairs(pilot, len(seen))
        await pilot.press("V")
        await until_shows(pilot, "Which response shows more empathy?")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "pairs")


def _asked(pair: Pair, order: Order) -> str:
    """What the judge's worker sends."""
    ordered_pair = OrderedPair(
        *(pair.dialog_id, pair.situation, pair.utterance, pair.response_a or "", pair.response_b or "", order)
    )
    judge = LlmJudge(
        name="gpt",
        swap=True,
        repeats=1,
        prompt=templates.load("judge_dimensions"),
        model=made_settings.large_model(),
    )
    (request,) = llm_judge.requests_of(judge, [ordered_pair])
    return request.messages[0].content


def _question(screen: PairsScreen) -> str:
    return str(screen.query_one("#question", Static).render())


def _marked(screen: PairsScreen) -> str:
    """The words of A's response that are marked as not in B's."""
    content = screen.query_one("#side-a", TextPane).content
    assert isinstance(content, Content)
    return " ".join(
        content.plain[span.start : span.end] for span in content.spans if "underline" in str(span.style)
    )


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_looks(
    snap_compare: Callable[..., bool],
    study: WorkspacePaths,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    monkeypatch.setenv("HOME", str(study.root.parent))

    async def ready(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        await open_pairs(pilot, 40)
        # On a wide terminal the prompts of the judges are beside their answers.
        await pilot.press("n", "v", "w", *(["R"] if size[0] > 80 else []))
        await until_shows(pilot, "A shown first")
        await until_shows(pilot, "Quit")
        await settled(pilot)

    assert snap_compare(EmpathyApp(study), terminal_size=size, run_before=ready)
