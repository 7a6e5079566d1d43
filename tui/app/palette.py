"""The command palette: every action that has a key, and why it is unavailable; jobs and dialogues."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from core.api import RUN_STAGES
from tui.app.navigator import navigate
from tui.app.requests.actions import unavailable
from tui.components.workspace_screen import WorkspaceScreen
from tui.format.jobs import job_states
from tui.format.text import visible
from tui.navigation.messages import OpenDialogue, OpenJob, OpenRun

if TYPE_CHECKING:
    from textual.binding import ActiveBinding

    from core.api import DialogueLine, DialoguePage, Job
    from tui.navigation.host import HostApp


#: Title, description, action of the app, and other words for it; offered on every screen, with or without
#: a key there.
_EVERYWHERE = (
    ("Start all", "Start every job of config.toml", "start_all", "run"),
    ("Pause or resume", "Start no new jobs, or resume; running jobs continue", "pause", ""),
    ("Supervisor's log", "Show the log of the background process", "supervisor_log", "events"),
    (
        "Report",
        "Write tables, plots and a page to reports/ in the workspace",
        "report",
        "paper latex csv plots export",
    ),
    (
        "Export training data",
        "Write the recipes' examples and preference pairs for LLaMA-Factory",
        "export_training_data",
        "recipe llama factory dataset",
    ),
    (
        "Publish",
        "Write a run or a recipe's training data to a folder for the Hugging Face Hub or Ollama",
        "publish",
        "hub huggingface ollama gguf merge adapter model card export",
    ),
    ("Vote", "Vote on the responses of two responders, blind", "vote", "ballot people annotate"),
    (
        "Validate a judge",
        "Measure how often a judge agrees with people's ratings",
        "validate_judge",
        "agreement",
    ),
)

#: Words by which people look for a command, with the ids of the bindings that do it.
_ALSO: dict[str, str] = {
    "app.home": "gpu memory machine overview",
    "app.settings": "epochs add a recipe training configuration config.toml options seed gpu device",
    "app.edit_config": "settings configuration editor epochs recipe",
    "app.training": "epochs loss curves compare runs note tag archive delete",
    "app.playground": "try the model on a sentence playground talk teacher judge note",
    "app.pairs": "vote ballot compare responses dialogue",
    "app.data": "recipes statistics dialogues export flaws",
    "data.view": "flaws refusals duplicates statistics recipes quality",
    "app.win_rates": "who wins leaders judges ranking compare report",
    "app.batches": "spending cost requests budget",
    "app.pipeline": "jobs recipes cancel retry gpu slots",
}


#: Matches of each kind that a search offers at most.
_MOST = 12
#: Letters from which on dialogues are searched.
_LETTERS = 2
#: Seconds after which a search of the dialogues is given up.
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class PaletteEntry:
    """A command, and why it is unavailable now (None if it is available)."""

    title: str
    help: str
    run: Callable[[], object]
    reason: str | None = None
    also: str = ""
    """Other words by which people look for it."""


class WorkspaceCommands(Provider):
    """The app's own commands, in place of Textual's."""

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.reason is None:
                # Content, because a str would be parsed as markup.
                yield DiscoveryHit(Content(offer.title), offer.run, text=offer.title, help=_help(offer.help))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            score = max(
                matcher.match(offer.title), matcher.match(offer.help) / 2, matcher.match(offer.also) / 2
            )
            if score <= 0:
                continue
            if offer.reason is None:
                yield Hit(
                    score, matcher.highlight(offer.title), offer.run, text=offer.title, help=_help(offer.help)
                )
            else:
                shown = Content.assemble(
                    (f"{offer.title}  unavailable: {visible(offer.reason)}", "$text-muted")
                )
                yield Hit(score / 2, shown, offer.run, text=offer.title)
        app = cast("HostApp", self.app)
        for job in _jobs(app, query):
            name = f"{job.stage} {job.name}"
            # Below the commands, whose titles are what most people look for.
            score = max(0.05, matcher.match(name) / 2)
            shown = matcher.highlight(visible(name))
            word = job_states.look(job).word
            if job.stage in RUN_STAGES:
                run = Content.assemble("curves of ", shown)
                target = partial(navigate, app, OpenRun(job.id))
                yield Hit(score, run, target, text=f"curves of {name}", help=f"run, {word}")
            target = partial(navigate, app, OpenJob(job.id))
            yield Hit(score, shown, target, text=name, help=f"job, {word}")
        if len(query) >= _LETTERS:
            for line in await _dialogues(app, query):
                title = visible(f"{line.dialog_id}  {line.utterance}")
                yield Hit(
                    0.1,
                    Content(title),
                    partial(navigate, app, OpenDialogue(line.dialog_id)),
                    text=title,
                    help=_help(f"dialogue, {line.emotion}, {line.split}"),
                )

    def _offers(self) -> Iterator[PaletteEntry]:
        return offers(cast("HostApp", self.app))


def _help(text: str) -> str:
    """A description, which Textual parses as markup."""
    # A bracket cannot be escaped where a backslash stands before it.
    return Content(visible(text).replace("\\", "/")).markup


def offers(app: HostApp) -> Iterator[PaletteEntry]:
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
    for title, about, action, also in _EVERYWHERE:
        if action not in listed:
            reason = unavailable(app, action)
            run = partial(app.run_action, action) if reason is None else partial(app.show_message, reason)
            yield PaletteEntry(title, about, run, reason, also)


def _jobs(app: HostApp, query: str) -> Sequence[Job]:
    """The jobs whose stage and name contain every word of the query, then those with its letters in order."""
    jobs = () if app.snapshot is None else app.snapshot.jobs
    names = [f"{job.stage} {job.name}".casefold() for job in jobs]
    wanted = query.casefold().split()
    letters = re.compile(".*?".join(map(re.escape, "".join(wanted))))
    whole = (job for job, name in zip(jobs, names, strict=True) if all(word in name for word in wanted))
    loose = (job for job, name in zip(jobs, names, strict=True) if letters.search(name))
    found = list(islice(whole, _MOST))
    return found or list(islice(loose, _MOST))


async def _dialogues(app: HostApp, query: str) -> Sequence[DialogueLine]:
    """The first dialogues that contain the query in their id or a text."""
    from core.api import DialogueFilter, DialogueOrder

    wanted = DialogueFilter(text=query)
    answer: asyncio.Future[Sequence[DialogueLine]] = asyncio.get_running_loop().create_future()

    def receive(page: DialoguePage) -> None:
        # The search that waits for it may have ended since.
        if not answer.done():
            answer.set_result(page.lines)

    app.read(
        "palette",
        lambda workspace: workspace.data.browser.page(wanted, DialogueOrder(), limit=_MOST),
        receive,
    )
    try:
        return await asyncio.wait_for(answer, _PATIENCE_S)
    except TimeoutError:
        # A workspace that cannot be read is reported by the poller.
        return ()


def _offer(app: HostApp, screen: WorkspaceScreen, active: ActiveBinding) -> PaletteEntry:
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
    return PaletteEntry(binding.description, about, run, reason, _ALSO.get(binding.id or "", ""))
