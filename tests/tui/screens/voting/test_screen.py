"""Voting: blind, in the order that the voter's hash says, resumed where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest
from click.testing import CliRunner
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.pipeline.supervision import intent_handlers
from core.services.workspace import open_workspace
from core.store import connections, intents
from tests.support.settling import settled, shown, until, until_shows
from tui.app.application import EmpathyApp
from tui.cli.evaluation.vote import vote
from tui.screens.voting.screen import VoteScreen

BASE, RUN = "smollm2", "smollm2/direct/chatgpt/sft"
BALLOT = (BASE, RUN, "ana")


def cast(workspace: WorkspacePaths) -> list[tuple[str, dict[str, str]]]:
    with closing(connections.reader(workspace.state)) as connection:
        rows = connection.execute("SELECT kind, payload FROM intents ORDER BY id").fetchall()
    return [(row["kind"], json.loads(row["payload"])["vote"]) for row in rows]


def take_in(workspace: WorkspacePaths) -> None:
    """What the supervisor does with votes."""
    with closing(connections.writer(workspace.state)) as connection:
        for intent in intents.pending(connection):
            with connections.transaction(connection):
                outcome = intent_handlers.carry_out(connection, workspace, intent.request())
                intents.finish(connection, intent.id, outcome)


def ballot(workspace: WorkspacePaths) -> list[tuple[str, str, str]]:
    """(dialogue, left's side, choice) in the order of showing."""
    with open_workspace(workspace) as opened:
        return [(p.dialog_id, p.order[0], str(p.choice)) for p in opened.evaluation.ballot_items(*BALLOT)]


@pytest.fixture(autouse=True)
def _nobody_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)


async def test_a_sitting(filled: WorkspacePaths) -> None:
    order = ballot(filled)
    app = EmpathyApp(filled, BALLOT)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until_shows(pilot, f"0 of {len(order)} voted")
        text = shown(pilot)
        assert "← Left" in text
        assert "→ Right" in text
        # Nothing says whose responses they are.
        assert RUN not in text
        assert "words" not in text
        for key in ("left", "l", "t", "s"):
            await pilot.press(key)
        await until_shows(pilot, f"3 of {len(order)} voted · 1 skipped · 4 pending")
        await pilot.press("u")
        await until_shows(pilot, f"3 of {len(order)} voted · 3 pending")
        await until(pilot, lambda: len(cast(filled)) == 5)
        take_in(filled)
        await until_shows(pilot, f"3 of {len(order)} voted")
        await until(pilot, lambda: "pending" not in shown(pilot))
    result = cast(filled)
    assert [kind for kind, _ in result] == ["vote", "vote", "vote", "vote", "unvote"]
    assert [payload["dialog_id"] for _, payload in result] == [name for name, *_ in [*order[:4], order[3]]]
    mirrored = {"a": "b", "b": "a"}
    wanted = [order[0][1], mirrored[order[1][1]], "tie", "None"]
    assert [choice for _, _, choice in ballot(filled)][:4] == wanted

    # Another session goes on where this one ended, and names are shown at the end.
    again = EmpathyApp(filled, BALLOT)
    async with again.run_test(size=(120, 40), notifications=True) as pilot:
        await until_shows(pilot, f"3 of {len(order)} voted")
        await pilot.press("u")
        await until_shows(pilot, "no vote to undo in this session")
        for number in range(3, len(order)):
            await until_shows(pilot, f"{number} of {len(order)} voted")
            await pilot.press("right")
        await until_shows(pilot, "All pairs have votes")
        await until(pilot, lambda: len(cast(filled)) == 5 + len(order) - 3)
        take_in(filled)
        await until_shows(pilot, f"{RUN} vs. {BASE}")
        await until_shows(pilot, "1 tie, 0 skipped")
        await pilot.press("right")
        await until_shows(pilot, "there are no more pairs to vote on")
        await pilot.press("escape")
        await until(pilot, lambda: not again.is_running)


async def test_the_question_is_about_what_is_distilled(filled: WorkspacePaths) -> None:
    table = '\n[definition]\nname = "politeness"\nadjective = "polite"\ntext = "Politeness is regard."\n'
    filled.config.write_text(filled.config.read_text() + table)
    async with EmpathyApp(filled, BALLOT).run_test(size=(80, 24)) as pilot:
        await until_shows(pilot, "Which response shows more politeness?")


async def test_a_vote_waits_for_no_supervisor(
    filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(workspace: WorkspacePaths) -> None:
        raise AssertionError("a vote waits for the supervisor")

    monkeypatch.setattr("core.pipeline.launch.ensure", never)
    order = ballot(filled)
    async with EmpathyApp(filled, BALLOT).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shows(pilot, f"0 of {len(order)} voted")
        await pilot.press("left", "right", "t")
        await until(pilot, lambda: len(cast(filled)) == 3)


async def test_a_vote_that_cannot_be_written_comes_again(
    filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_MS", 1)
    order = ballot(filled)
    async with EmpathyApp(filled, BALLOT).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shows(pilot, f"0 of {len(order)} voted")
        with closing(connections.writer(filled.state)) as other, connections.transaction(other):
            await pilot.press("left")
            await until_shows(pilot, "a vote was not recorded")
            await until_shows(pilot, f"0 of {len(order)} voted")
        assert cast(filled) == []
        # The ones after it are written, the first of them on the same pair.
        await pilot.press("left", "t")
        await until(pilot, lambda: len(cast(filled)) == 2)
    assert [payload["dialog_id"] for _, payload in cast(filled)] == [name for name, *_ in order[:2]]


async def test_a_vote_that_the_supervisor_refuses_comes_again(filled: WorkspacePaths) -> None:
    order = ballot(filled)
    async with EmpathyApp(filled, BALLOT).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shows(pilot, f"0 of {len(order)} voted")
        await pilot.press("left", "t")
        await until_shows(pilot, f"2 of {len(order)} voted · 2 pending")
        await until(pilot, lambda: len(cast(filled)) == 2)
        with closing(connections.writer(filled.state)) as connection:
            first, second = intents.pending(connection)
            with connections.transaction(connection):
                intents.finish(connection, first.id, None, "refused")
                outcome = intent_handlers.carry_out(connection, filled, second.request())
                intents.finish(connection, second.id, outcome)
        await until_shows(pilot, "refused")
        await until_shows(pilot, f"1 of {len(order)} voted")
        assert "pending" not in shown(pilot)
    # The recorded one is the first that was drawn; the refused one is the next.
    assert [choice for _, _, choice in ballot(filled)][:2] == ["tie", "None"]


def test_a_login_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4321")

    monkeypatch.setattr("getpass.getuser", nameless)
    result = CliRunner().invoke(vote, [BASE, RUN])
    assert result.exit_code == 1
    assert "give one with --voter NAME" in result.output


async def test_what_is_read_stays_while_a_vote_is_recorded(filled: WorkspacePaths) -> None:
    async with EmpathyApp(filled, BALLOT).run_test(size=(40, 12), notifications=True) as pilot:
        await until_shows(pilot, "Situation")
        context, left = (pilot.app.screen.query_one(name) for name in ("#context", "#side-left"))
        await pilot.press("t")
        await until(pilot, lambda: len(cast(filled)) == 1)
        await pilot.press("j")
        await until(pilot, lambda: left.scroll_y == 1)
        await pilot.press("shift+tab", "down")
        await until(pilot, lambda: context.scroll_y == 1)
        take_in(filled)
        screen = pilot.app.screen
        assert isinstance(screen, VoteScreen)
        await until(pilot, lambda: screen._items is not None and any(one.choice for one in screen._items))
        await settled(pilot)
        assert (context.scroll_y, left.scroll_y) == (1, 1)
        await pilot.press("t")
        await until(pilot, lambda: (context.scroll_y, left.scroll_y) == (0, 0))


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)], ids=["40x12", "80x24", "120x40"])
def test_looks(snap_compare: Callable[..., bool], filled: WorkspacePaths, size: tuple[int, int]) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        await until_shows(pilot, "Situation")
        await until_shows(pilot, "t Tie")
        await settled(pilot)

    assert snap_compare(EmpathyApp(filled, BALLOT), terminal_size=size, run_before=ready)


async def test_esc_leads_back_to_where_the_vote_began(filled: WorkspacePaths) -> None:
    async with EmpathyApp(filled).run_test(size=(120, 40), notifications=True) as pilot:
        for key, mode in (("5", "win_rates"), ("6", "pairs")):
            await pilot.press(key)
            await until(pilot, lambda mode=mode: pilot.app.current_mode == mode)  # type: ignore[misc]
            await until_shows(pilot, RUN)
            await pilot.press("V")
            await until(pilot, lambda: pilot.app.current_mode == "voting")
            await pilot.press("escape")
            await until(pilot, lambda mode=mode: pilot.app.current_mode == mode)  # type: ignore[misc]
