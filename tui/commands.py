"""The command palette: what applies now; what does not is found by its name, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui import sent, state
from tui.bindings import ROOMS
from tui.screens.batches import BatchesScreen
from tui.screens.pipeline import PipelineScreen
from tui.screens.welcome import WelcomeScreen
from tui.text import visible

if TYPE_CHECKING:
    from tui.app import EmpathyApp


@dataclass(frozen=True)
class Offer:
    """A command, and why it cannot be done now (None when it can). `help` is never from outside."""

    title: str
    help: str
    run: Callable[[], object]
    reason: str | None = None


class RoomCommands(Provider):
    """The app's own commands, in place of Textual's."""

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.reason is None:
                # Content, because a str would be parsed as markup.
                yield DiscoveryHit(Content(offer.title), offer.run, text=offer.title, help=offer.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            score = matcher.match(offer.title)
            if score <= 0:
                continue
            if offer.reason is None:
                yield Hit(score, matcher.highlight(offer.title), offer.run, text=offer.title, help=offer.help)
            else:
                shown = Content.assemble((f"{offer.title}  not now: {visible(offer.reason)}", "$text-muted"))
                yield Hit(score / 2, shown, offer.run, text=offer.title)

    def _offers(self) -> Iterator[Offer]:
        return offers(cast("EmpathyApp", self.app))


def offers(app: EmpathyApp) -> Iterator[Offer]:
    """Every command for the room that is open, then those for everywhere."""
    # The palette lies on top of the room.
    room = next((screen for screen in app.screen_stack if isinstance(screen, PipelineScreen)), None)
    welcome = next((screen for screen in app.screen_stack if isinstance(screen, WelcomeScreen)), None)
    batches = next((screen for screen in app.screen_stack if isinstance(screen, BatchesScreen)), None)
    if room is not None:
        yield from _job_offers(room)
    if batches is not None:
        yield from _batch_offers(batches)
    if welcome is not None:
        yield Offer("Run the demo", "The whole road on the bundled sample (key d)", welcome.action_demo)
        yield Offer("New config", "Write a config.toml to start from (key n)", welcome.action_init)
    yield _offer(app, "Start all", "Everything that config.toml asks for", app.action_start_all, _all(app))
    paused = app.snapshot is not None and app.snapshot.paused
    if paused:
        yield Offer("Resume", "Start further jobs again", app.action_pause)
    else:
        yield Offer("Pause", "Start no further jobs; what runs goes on", app.action_pause)
    for mode, key, title in ROOMS:
        if app.current_mode != mode:
            yield Offer(f"Go to {title.lower()}", f"Key {key}", partial(app.action_room, mode))
    yield Offer("Import a CSV", "Check a file, then import it (key i)", app.action_import_data)
    yield Offer("Supervisor's log", "What the background work says", partial(app.open_log, None))
    yield Offer("Light or dark", "Change the colours (key t)", app.action_next_theme)
    yield Offer("Help", "What the keys do (key ?)", app.action_keys)
    yield Offer("Quit", "Close the app; the work goes on (key q)", app.action_quit)


def _job_offers(room: PipelineScreen) -> Iterator[Offer]:
    job = room.selected
    name = "the selected job" if job is None else visible(f"{job.stage} {job.name}")
    actions: tuple[tuple[state.Action, str, Callable[[], None]], ...] = (
        ("start", "With everything that it needs (key s)", room.action_start),
        ("cancel", "Stop it; a retry goes on from its last checkpoint (key c)", room.action_cancel),
        ("retry", "Again, from what it had achieved (key r)", room.action_retry),
    )
    for action, text, run in actions:
        title = f"{action.capitalize()} {name}"
        yield _offer(room.app, title, text, run, state.unavailable(action, job))
    reason = None if job is not None and job.attempt else f"{name} has not run yet"
    yield _offer(room.app, f"Log of {name}", "Follow what it says (key enter)", room.action_log, reason)


def _batch_offers(room: BatchesScreen) -> Iterator[Offer]:
    one = room.selected
    name = "the selected batch" if one is None else visible(sent.name(one))
    actions: tuple[tuple[str, str, Callable[[], None]], ...] = (
        ("refresh", "Ask after it now (key f)", room.action_refresh),
        ("cancel", "At its provider, with its job (key c)", room.action_cancel),
        ("retry", "Ask again for what failed (key r)", room.action_retry),
    )
    for action, text, run in actions:
        yield _offer(room.app, f"{action.capitalize()} {name}", text, run, sent.unavailable(action, one))
    reason = None if one is not None else "no batch is selected"
    yield _offer(room.app, f"Files of {name}", "Show and copy their paths (key o)", room.action_paths, reason)
    yield Offer("Money", "What each recipe has cost (key m)", room.action_money)


def _all(app: EmpathyApp) -> str | None:
    return state.nothing_to_start(app.snapshot)


def _offer(app: EmpathyApp, title: str, text: str, run: Callable[[], object], reason: str | None) -> Offer:
    return Offer(title, text, run if reason is None else partial(app.tell, reason), reason)
