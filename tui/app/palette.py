"""The command palette: every action that has a key, and why it is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.app.actions import unavailable
from tui.components.workspace_screen import WorkspaceScreen
from tui.format.text import visible

if TYPE_CHECKING:
    from textual.binding import ActiveBinding

    from tui.navigation.host import HostApp


#: Title, description and action of the app, offered on every screen, with or without a key there.
_EVERYWHERE = (
    ("Start all", "Start every job of config.toml", "start_all"),
    ("Pause or resume", "Start no new jobs, or resume; running jobs continue", "pause"),
    ("Supervisor's log", "Show the log of the background process", "supervisor_log"),
)


@dataclass(frozen=True)
class Offer:
    """A command, and why it is unavailable now (None if it is available)."""

    title: str
    help: str
    run: Callable[[], object]
    reason: str | None = None


class WorkspaceCommands(Provider):
    """The app's own commands, in place of Textual's."""

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.reason is None:
                # Content, because a str would be parsed as markup.
                yield DiscoveryHit(Content(offer.title), offer.run, text=offer.title, help=offer.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            score = max(matcher.match(offer.title), matcher.match(offer.help) / 2)
            if score <= 0:
                continue
            if offer.reason is None:
                yield Hit(score, matcher.highlight(offer.title), offer.run, text=offer.title, help=offer.help)
            else:
                shown = Content.assemble(
                    (f"{offer.title}  unavailable: {visible(offer.reason)}", "$text-muted")
                )
                yield Hit(score / 2, shown, offer.run, text=offer.title)

    def _offers(self) -> Iterator[Offer]:
        return offers(cast("HostApp", self.app))


def offers(app: HostApp) -> Iterator[Offer]:
    """Every action with a key in the open screen or in the app, then those without a key."""
    # The palette lies on top of the screen.
    screen = next((screen for screen in app.screen_stack if isinstance(screen, WorkspaceScreen)), None)
    if screen is None:
        return
    listed = set()
    # The screen's own first, then the focused widget's, then the app's.
    live = sorted(screen.active_bindings.values(), key=lambda one: (one.node is app, one.node is not screen))
    for active in live:
        binding = active.binding
        if (
            binding.id is None
            or binding.action.removeprefix("app.") in listed
            or binding.action == "command_palette"
        ):
            continue
        listed.add(binding.action.removeprefix("app."))
        yield _offer(app, screen, active)
    for title, about, action in _EVERYWHERE:
        if action not in listed:
            reason = unavailable(app, action)
            run = partial(app.run_action, action) if reason is None else partial(app.show_message, reason)
            yield Offer(title, about, run, reason)


def _offer(app: HostApp, screen: WorkspaceScreen, active: ActiveBinding) -> Offer:
    binding, node = active.binding, active.node
    # An action belongs to the screen unless it has the prefix `app.`.
    name = binding.action.partition("(")[0]
    if name.startswith("app.") or node is app:
        reason = unavailable(app, name.removeprefix("app."))
    else:
        reason = screen.unavailable(name) if node is screen else None
    run = (
        partial(app.run_action, binding.action, node) if reason is None else partial(app.show_message, reason)
    )
    about = f"{binding.tooltip or binding.description} (key {app.get_key_display(binding)})"
    return Offer(binding.description, about, run, reason)
