"""Whose responses the screen shows, before anybody has chosen and by a click."""

from __future__ import annotations

from contextlib import closing

from core.api import find_job
from core.config.workspace import WorkspacePaths
from core.domain.names import ComparisonName
from core.store import connections
from tests.support.settling import settled, until, until_shows
from tests.tui.conftest import Open
from tui.screens.pairs.screen import PairsScreen


async def test_the_first_finished_comparison_replaces_those_shown_before(
    opened: Open, filled: WorkspacePaths
) -> None:
    """What was shown before any comparison was done is not kept once one is, unless somebody chose it."""
    with closing(connections.writer(filled.state)) as connection:
        done = "SELECT id, name FROM jobs WHERE stage = 'compare' AND state = 'done' ORDER BY rowid DESC"
        job, name = connection.execute(done).fetchone()
        compared = ComparisonName.parse(name)
        with connections.transaction(connection):
            connection.execute("UPDATE jobs SET state = 'ready' WHERE stage = 'compare' AND state = 'done'")
        async with opened(filled, (120, 40)) as pilot:
            await pilot.press("6")
            await until_shows(pilot, "1/")
            screen = pilot.app.screen
            assert isinstance(screen, PairsScreen)
            before = (screen._a, screen._b)
            assert before != (compared.a, compared.b)
            with connections.transaction(connection):
                connection.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (job,))
            await until(pilot, lambda: _is_done(screen, job))
            # Nothing changes under a reader's eyes.
            await settled(pilot)
            assert (screen._a, screen._b) == before
            await pilot.press("1", "6")
            await until(pilot, lambda: (screen._a, screen._b) == (compared.a, compared.b))


def _is_done(screen: PairsScreen, job: str) -> bool:
    """Whether the app has seen that a job is done."""
    found = find_job(screen.app.snapshot, job)
    return found is not None and found.state == "done"


async def test_a_click_on_a_responder_chooses_another_one(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("6")
        await until_shows(pilot, "1/")
        await settled(pilot)
        screen = pilot.app.screen
        for side, words in (("a", "Responder A"), ("b", "Responder B")):
            head = screen.query_one(f"#side-{side}").content_region
            await pilot.click(offset=(head.x + 3, head.y))
            await until_shows(pilot, words)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen)
