"""The batches screen: what it shows of what was sent, what its keys do, and the cost before it is paid."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.services.spending.reader import SpendingReader
from core.store import connections
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces import batches_workspace
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.app.palette import offers
from tui.components.listing import Listing


@pytest.fixture
def paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    monkeypatch.setenv("HOME", str(tmp_path))
    return batches_workspace.make(tmp_path / "study")


def intents(workspace: WorkspacePaths) -> list[tuple[str, str]]:
    with closing(connections.reader(workspace.state)) as connection:
        return [tuple(row) for row in connection.execute("SELECT kind, payload FROM intents ORDER BY id")]


async def select(pilot: Pilot[None], batch: str) -> None:
    table = pilot.app.screen.query_one("#batches", Listing)
    await until(pilot, lambda: table.select(f"token-{batch}"))
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)])
async def test_every_state_is_shown(opened: Open, paid: WorkspacePaths, size: tuple[int, int]) -> None:
    async with opened(paid, size) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        text = shown(pilot)
        assert "spent" in text
        assert size[0] < 80 or "budget $20.00 · prices as of 2026-06-01" in text


async def test_metrics_of_a_batch_on_its_way(opened: Open, paid: WorkspacePaths) -> None:
    async with opened(paid, (120, 40)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        (line,) = [line for line in shown(pilot).splitlines() if "▶ in progress" in line]
        # 2 and then 6 of 12 were done 450 seconds apart: the other 6 take 675 at that pace.
        assert "6/0/12" in line
        assert "30m 00s" in line
        assert "11m 15s" in line
        assert "~$0.0123" in line


async def test_from_a_batch_to_the_requests_behind_an_outcome(opened: Open, paid: WorkspacePaths) -> None:
    async with opened(paid, (120, 40)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await select(pilot, "naive")
        await until_shows(pilot, "500: The server had an error")
        assert "batch_1" in shown(pilot)
        assert "hash 140bedbf9c3f" in shown(pilot)
        await pilot.press("enter")
        await pilot.press("enter")
        await until_shows(pilot, "ok: 11 requests")
        await until_shows(pilot, "I hear you, answer 2.")
        await pilot.press("enter")
        await until_shows(pilot, "no further details")
        await pilot.press("escape")
        await until_shows(pilot, "outcome of the requests")
        await pilot.press("escape")
        assert pilot.app.screen.query_one("#batches", Listing).table.has_focus
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_text_from_outside_is_made_visible(opened: Open, paid: WorkspacePaths) -> None:
    async with opened(paid, (120, 40)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await select(pilot, "affective")
        await until_shows(pilot, "invalid_json_line")
        assert "[bold" in shown(pilot)
        assert "\x1b" not in shown(pilot)


@pytest.mark.parametrize(
    ("batch", "key", "reason"),
    [
        ("naive", "u", "its job is done: only a running job can poll"),
        ("naive", "c", "its job is done: there is nothing to cancel"),
        ("naive", "r", "its job is done: only what failed, was cancelled"),
        ("cognitive", "r", "its job is running: only what failed, was cancelled"),
        ("sequential/cognitive", "o", "the batch has no files"),
    ],
)
async def test_what_cannot_be_done_says_why(
    opened: Open, paid: WorkspacePaths, batch: str, key: str, reason: str
) -> None:
    async with opened(paid, (120, 40)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await select(pilot, batch)
        await pilot.press(key)
        await until_shows(pilot, reason[:34])
    assert not intents(paid)


async def test_the_keys_ask_the_supervisor(
    opened: Open, paid: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)
    async with opened(paid, (120, 40)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await select(pilot, "cognitive")
        await pilot.press("u")
        await until(pilot, lambda: [kind for kind, _ in intents(paid)] == ["refresh"])
        await pilot.press("c")
        await until_shows(pilot, "Cancel batch_2?")
        await pilot.press("y")
        await until(pilot, lambda: [kind for kind, _ in intents(paid)] == ["refresh", "cancel"])
        await select(pilot, "affective")
        await pilot.press("r")
        await until(pilot, lambda: [kind for kind, _ in intents(paid)] == ["refresh", "cancel", "retry"])
        await pilot.press("o")
        # On the screen, a long path is wrapped.
        await until(
            pilot, lambda: any("token-affective.jsonl" in one.message for one in pilot.app._notifications)
        )


async def test_the_cost_is_shown_before_anything_is_requested(
    opened: Open, paid: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)
    async with opened(paid, (80, 24)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await pilot.press("S")
        # Three more rounds and dimensions of 12 dialogues each.
        await until_shows(pilot, "requests?")
        text = shown(pilot)
        assert "improve-human/naive" in text
        assert "to send" in text
        assert "budget $20.00" in text
        await pilot.press("enter")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert not intents(paid)
        await pilot.press("S")
        await until_shows(pilot, "requests?")
        await pilot.press("y")
        await until(pilot, lambda: [kind for kind, _ in intents(paid)] == ["start"])


async def test_the_spending_recipe_by_recipe(opened: Open, paid: WorkspacePaths) -> None:
    async with opened(paid, (80, 24)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await pilot.press("m")
        await until_shows(pilot, "several recipes use")
        # 11 answers of naive were paid, and 6 of compassionate, which is one of the combined.
        (naive,) = [line for line in shown(pilot).splitlines() if "improve-human/naive" in line]
        (combined,) = [line for line in shown(pilot).splitlines() if "improve-human/combined" in line]
        assert "$0.0066" in naive
        assert "$0.0036" in combined
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_work_that_asks_no_teacher_starts_at_once(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)
    async with opened(filled) as pilot:
        await until_shows(pilot, "7 of 17 done")
        await pilot.press("S")
        await until(pilot, lambda: [kind for kind, _ in intents(filled)] == ["start"])


async def test_an_empty_screen_says_what_will_be_here(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "No requests yet.")
        await pilot.press("c")
        await until_shows(pilot, "no batch is selected")
        await pilot.press("enter")
        await until_shows(pilot, "nothing in this list to open yet")


async def test_a_screen_that_cannot_be_read_says_why(
    opened: Open, paid: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(spending: object) -> None:
        raise ValueError("no such column")

    monkeypatch.setattr(SpendingReader, "summary", fail)
    async with opened(paid) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "Cannot read: batches")
        pilot.app.clear_notifications()
        await until(pilot, lambda: "Cannot read" not in shown(pilot))
        await until_shows(pilot, "ValueError: no such column")
        await pilot.press("m")
        await until_shows(pilot, "Cannot read: batches")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("view", ["list", "cost"])
def test_looks(
    snap_compare: Callable[..., bool], paid: WorkspacePaths, size: tuple[int, int], view: str
) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await until_shows(pilot, "Quit")
        await select(pilot, "naive")
        await until_shows(pilot, "500:")
        if view == "cost":
            await pilot.press("S")
            await until_shows(pilot, "requests?")
        await settled(pilot)

    assert snap_compare(EmpathyApp(paid), terminal_size=size, run_before=ready)


async def test_the_palette_offers_what_applies(opened: Open, paid: WorkspacePaths) -> None:
    async with opened(paid, (120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await pilot.press("7")
        await until_shows(pilot, "in progress")
        await select(pilot, "cognitive")
        found = {offer.title: offer.reason for offer in offers(app)}
        assert found["Refresh"] is None
        assert found["Cancel"] is None
        assert (
            found["Retry"]
            == "its job is running: only what failed, was cancelled or stopped can be tried again"
        )
        assert found["Spending"] is None
