"""The pairs screen: filters, disagreements, what judges answered word for word, differences, search."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from core.api import prompts
from core.config.workspace import WorkspacePaths
from core.domain.evaluation.verdicts import Pair, Verdict
from core.domain.text import visible
from core.jobs.settings import LlmJudge
from core.judging.llm import llm_judge
from core.judging.protocol import OrderedPair
from core.prompts import templates
from core.services.workspace import open_workspace
from tests.support.records import made_settings
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces import finished_workspace
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.components.text_pane import TextPane
from tui.format import marked_text
from tui.format.values import SortValue, comparable
from tui.navigation import pair_filter
from tui.navigation.messages import OpenPairs
from tui.navigation.pair_filter import PairFilter
from tui.screens.pairs import pair_text
from tui.screens.pairs.pair_lines import PairSet, pair_set
from tui.screens.pairs.pair_list import PairList
from tui.screens.pairs.pair_text import ORDERS, PresentationOrder
from tui.screens.pairs.screen import PairsScreen

winners = st.sampled_from(["a", "b", "tie", "invalid"])
verdicts = st.builds(
    Verdict, st.sampled_from(["gpt", "paper"]), st.sampled_from(["ab", "ba"]), winners, st.just("raw")
)
pairs = st.builds(
    Pair,
    dialog_id=st.uuids().map(str),
    emotion=st.sampled_from(["sad", "proud"]),
    situation=st.sampled_from(["a dog", "A Cat"]),
    utterance=st.just("hello"),
    response_a=st.sampled_from([None, "one", "two"]),
    response_b=st.sampled_from([None, "one", "two"]),
    verdicts=st.lists(verdicts, max_size=5).map(tuple),
)
filters = st.builds(
    PairFilter,
    outcome=st.sampled_from([None, *pair_filter.OUTCOMES]),
    disagreement=st.sampled_from([None, *pair_filter.DISAGREEMENTS]),
    judge=st.sampled_from([None, "gpt", "nobody"]),
    emotion=st.sampled_from([None, "sad"]),
    text=st.sampled_from(["", "CAT", "TWO"]),
)


@given(st.lists(pairs, max_size=12), filters)
def test_filters_only_narrow(found: list[Pair], wanted: PairFilter) -> None:
    left = pair_filter.chosen(found, wanted)
    assert left == [pair for pair in found if pair in left]
    assert pair_filter.chosen(found, PairFilter()) == found
    assert bool(wanted) == bool(wanted.words())
    for pair in left:
        if wanted.emotion:
            assert pair.emotion == wanted.emotion
        if wanted.text:
            texts = (pair.situation, pair.utterance, pair.response_a, pair.response_b, pair.dialog_id)
            assert any(wanted.text.casefold() in (text or "").casefold() for text in texts)
        if wanted.outcome == "none":
            assert wanted.judge not in {verdict.judge for verdict in pair.verdicts}
        if wanted.disagreement == "any":
            assert len({verdict.winner for verdict in pair.verdicts}) > 1


@given(pairs)
def test_who_disagrees(pair: Pair) -> None:
    result = {verdict.winner for verdict in pair.verdicts if verdict.winner != "invalid"}
    if pair_filter.disagree(pair):
        assert len(result) > 1
    if pair_filter.orders_disagree(pair, "gpt"):
        assert pair_filter.orders_disagree(pair)
    if len({verdict.judge for verdict in pair.verdicts}) < 2:
        assert not pair_filter.judges_disagree(pair)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return finished_workspace.make(tmp_path_factory.mktemp("judged") / "study")


@pytest.fixture
def seen(study: WorkspacePaths) -> list[Pair]:
    with open_workspace(study) as workspace:
        return list(workspace.evaluation.pairs("human", "chatgpt"))


async def open_pairs(pilot: Pilot[None], count: int) -> PairsScreen:
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    app.post_message(OpenPairs("human", "chatgpt"))
    await until_shows(pilot, f"1/{count}")
    screen = app.screen
    assert isinstance(screen, PairsScreen)
    return screen


async def test_filters_and_how_to_leave_them(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    won = pair_filter.chosen(seen, PairFilter(outcome="b", judge="gpt"))
    assert 0 < len(won) < len(seen)
    emotion = won[-1].emotion
    both = pair_filter.chosen(won, PairFilter(emotion=emotion))
    async with opened(study, (120, 40)) as pilot:
        await open_pairs(pilot, len(seen))
        await pilot.press("f")
        await until_shows(pilot, f"{len(seen)} of {len(seen)} pairs")
        await pilot.press("enter", *"B wi", "enter", "down", "right")
        await until_shows(pilot, f"{len(won)} of {len(seen)} pairs")
        await pilot.press("G", "enter")
        await until_shows(pilot, f"/{len(won)} of {len(seen)}, B wins, by gpt")
        await pilot.press("m", *emotion, "enter")
        await until_shows(pilot, f"/{len(both)} of {len(seen)}, B wins, by gpt, emotion {emotion}")
        await pilot.press("slash", *"no such words", "enter")
        await until_shows(pilot, "Esc clears")
        await pilot.press("n")
        await until_shows(pilot, "no pair matches the filter")
        await pilot.press("escape")
        await until_shows(pilot, f"1/{len(seen)}")
        await until(pilot, lambda: "B wins, by gpt" not in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "win_rates")


async def test_from_a_part_of_a_win_rate_to_its_pairs(
    opened: Open, study: WorkspacePaths, seen: list[Pair]
) -> None:
    emotion, sentiment = seen[1].emotion, seen[1].sentiment
    words = len((seen[1].response_b or "").split())
    async with opened(study, (120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        for only in (
            PairFilter(emotion=emotion),
            PairFilter(sentiment=sentiment),
            PairFilter(words_b=(words, words + 9)),
        ):
            left = pair_filter.chosen(seen, only)
            assert seen[1] in left
            app.post_message(OpenPairs("human", "chatgpt", only))
            await until_shows(pilot, f"/{len(left)} of {len(seen)}, {only.words()}")


async def test_the_list_is_sorted_by_what_its_columns_show(
    opened: Open, study: WorkspacePaths, seen: list[Pair]
) -> None:
    lines = pair_set(seen, PairSet()).lines
    keys: dict[str, Callable[[str], SortValue]] = {
        "number": lambda key: lines[key].number,
        "emotion": lambda key: lines[key].pair.emotion,
        "judge gpt": lambda key: lines[key].outcomes.get("gpt"),
        "judge paper": lambda key: lines[key].outcomes.get("paper"),
        "margin": lambda key: lines[key].margin,
        "texts": lambda key: lines[key].texts_differ,
        "judges": lambda key: lines[key].judges_differ,
        "orders": lambda key: lines[key].orders_differ,
    }
    async with opened(study, (120, 40)) as pilot:
        screen = await open_pairs(pilot, len(seen))
        listed = screen.query_one(PairList)
        assert [column.key for column in listed.columns] == list(keys)
        for value in keys.values():
            for key, is_reversed in (("greater_than_sign", False), ("I", True)):
                await pilot.press(key)
                known = sorted(
                    (name for name in lines if value(name) is not None),
                    key=lambda name: comparable(value(name)),
                    reverse=is_reversed,
                )
                expected = known + [name for name in lines if value(name) is None]
                await until(pilot, lambda expected=expected: listed.keys == expected)  # type: ignore[misc]


async def test_the_next_disagreement(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    wanted = [number for number, pair in enumerate(seen, start=1) if pair_filter.disagree(pair)]
    assert len(wanted) > 1
    async with opened(study, (120, 40)) as pilot:
        await open_pairs(pilot, len(seen))
        for number in [*(n for n in wanted if n > 1), wanted[0]]:
            await pilot.press("d")
            await until_shows(pilot, f"{number}/{len(seen)}  ")


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


async def test_a_filter_is_left_as_it_was(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_pairs(pilot, len(seen))
        await pilot.press("slash", *"you", "enter")
        found = pair_filter.chosen(seen, PairFilter(text="you"))
        await until_shows(pilot, f"/{len(found)} of {len(seen)}, with “you”")
        await pilot.press("f")
        await until_shows(pilot, f"{len(found)} of {len(seen)} pairs")
        await pilot.press("ctrl+r")
        await until_shows(pilot, f"{len(seen)} of {len(seen)} pairs")
        await pilot.press("escape")
        await until_shows(pilot, f"/{len(found)} of {len(seen)}, with “you”")


def test_a_pair_without_a_response_is_not_asked_about(study: WorkspacePaths, seen: list[Pair]) -> None:
    (prompt,) = (prompt for prompt in prompts(study.prompts) if prompt.name == "judge")
    missing = replace(seen[1], response_b=None, verdicts=())
    assert "a response is missing" in pair_text.question(missing, prompt, "ab").plain
    assert "no response yet" in pair_text.response("b", "chatgpt", missing, differences=True).plain
    for is_compared, words in ((True, "no verdict yet"), (False, "no judge compares these responders")):
        for text in (
            pair_text.verdict(missing, is_compared=is_compared),
            pair_text.answers(missing, (), is_compared=is_compared),
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
    text = pair_text.answers(pair, {"embedded"}, is_compared=True).plain
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


async def test_what_is_sought_is_marked_in_all_texts(
    opened: Open, study: WorkspacePaths, seen: list[Pair]
) -> None:
    async with opened(study, (120, 40)) as pilot:
        screen = await open_pairs(pilot, len(seen))
        await pilot.press("slash", *"YOU", "enter")
        found = pair_filter.chosen(seen, PairFilter(text="you"))
        await until_shows(pilot, f"/{len(found)} of {len(seen)}, with “YOU”")
        for widget in ("context", "side-a", "side-b"):
            content = screen.query_one(f"#{widget}", TextPane).content
            assert isinstance(content, Content)
            marked = [content.plain[s.start : s.end] for s in content.spans if s.style == marked_text.SOUGHT]
            # Not in the first line, which tells what is sought.
            assert len(marked) == content.plain.partition("\n")[2].casefold().count("you")


async def test_voting_is_a_key_away(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_pairs(pilot, len(seen))
        await pilot.press("V")
        await until_shows(pilot, "Which response shows more empathy?")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "pairs")


def _asked(pair: Pair, order: PresentationOrder) -> str:
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
