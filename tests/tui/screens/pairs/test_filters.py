"""What of the pairs is shown, and in which order: filters, words, the list's columns, disagreements."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from core.config.workspace import WorkspacePaths
from core.domain.evaluation.verdicts import Pair, Verdict
from tests.support.settling import shown, until, until_shows
from tests.tui.conftest import Open
from tests.tui.screens.pairs.conftest import open_pairs
from tui.app.application import EmpathyApp
from tui.components.text_pane import TextPane
from tui.format import marked_text
from tui.format.values import SortValue, comparable
from tui.navigation import pair_filter
from tui.navigation.messages import OpenPairs
from tui.navigation.pair_filter import PairFilter
from tui.screens.pairs.pair_lines import PairSet, pair_set
from tui.screens.pairs.pair_list import PairList

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
        # By number they are sorted at first.
        assert [column.key for column in listed.columns] == ["number", *keys]
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
        for column in ("≠text", "≠judge", "≠order"):
            assert column in shown(pilot)


async def test_the_next_disagreement(opened: Open, study: WorkspacePaths, seen: list[Pair]) -> None:
    wanted = [number for number, pair in enumerate(seen, start=1) if pair_filter.disagree(pair)]
    assert len(wanted) > 1
    async with opened(study, (120, 40)) as pilot:
        await open_pairs(pilot, len(seen))
        for number in [*(n for n in wanted if n > 1), wanted[0]]:
            await pilot.press("d")
            await until_shows(pilot, f"{number}/{len(seen)}  ")


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
            # Not in the first line, which shows what is searched for.
            assert len(marked) == content.plain.partition("\n")[2].casefold().count("you")
