"""The command palette: every action that has a key, and why it is unavailable; settings, jobs, runs and
dialogues."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, cast

from textual import on
from textual.command import Command, CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widgets import Input
from textual.worker import Worker

from core.api import RUN_STAGES
from tui.app.navigator import navigate
from tui.app.requests.actions import unavailable
from tui.components.workspace_screen import WorkspaceScreen
from tui.format import config_changes
from tui.format.jobs import job_states
from tui.format.text import visible
from tui.navigation.messages import OpenDialogue, OpenJob, OpenRun, OpenSetting

if TYPE_CHECKING:
    from textual.binding import ActiveBinding
    from textual.fuzzy import Matcher

    from core.api import DialogueLine, Job, Setting, Workspace
    from tui.navigation.host import HostApp


#: Title, description, action of the app, and other words for it; offered on every screen, with or without
#: a key there.
_EVERYWHERE = (
    ("Start all", "Start every job of config.toml", "start_all", "run start training"),
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

#: Words by which people look for a command, the usual ones first, with the ids of the bindings that do it.
_ALSO: dict[str, str] = {
    "app.home": "gpu memory machine overview",
    "app.theme": "theme dark mode colours appearance",
    "app.import": "csv file dataset upload",
    "app.help": "keys shortcuts bindings",
    "app.logs": "errors output traceback why did it fail",
    "app.settings": "recipes epochs add a recipe training configuration config.toml options seed gpu device",
    "app.edit_config": "settings configuration editor epochs recipe",
    "app.training": "loss curves progress compare runs note tag archive delete",
    "app.playground": "try the model on a sentence playground talk to teacher judge note",
    "app.pairs": (
        "responses read answers side by side two models differ different disagree disagreement "
        "compare vote ballot dialogue"
    ),
    "app.data": "recipes statistics dialogues export flaws dropped pairs",
    "data.view": "flaws refusals duplicates dropped pairs filter statistics recipes quality",
    "app.win_rates": "who wins winner best model leaders judges ranking compare report",
    "app.batches": "spending cost money requests budget",
    "app.pipeline": "jobs progress recipes cancel retry stop training gpu slots",
    "app.quit": "exit close leave",
}


#: How near a match is: all words begin words of a command's title, or of its other words too, or they are in
#: a setting's or a job's name, or in a command's description; else the letters are there in their order.
_TITLE, _ALSO_WORDS, _SETTING, _NAME, _HELP, _LOOSE, _TEXT = 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.1
#: Matches of each kind that a search offers at most.
_MAX_MATCHES = 12
#: Letters from which on the workspace is searched.
_LETTERS = 2
#: Seconds after which a search of the workspace is given up.
_PATIENCE_S = 10.0
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class PaletteEntry:
    """A command, and why it is unavailable now (None if it is available)."""

    title: str
    help: str
    run: Callable[[], object]
    reason: str | None = None
    also: str = ""
    """Other words by which people look for it, the usual ones first."""


@dataclass(frozen=True)
class _Stored:
    """What a search finds in the workspace itself."""

    settings: Sequence[Setting] = ()
    superseded: Sequence[Job] = ()
    dialogues: Sequence[DialogueLine] = ()


class Palette(CommandPalette):
    """Textual's palette, where Enter runs the best match of what is typed, once it is found."""

    def __init__(self) -> None:
        super().__init__(id="--command-palette")
        self._submits = False

    @on(Input.Changed)
    def _restart(self) -> None:
        self._submits = False
        # The cursor in the matches of fewer letters means nothing for these.
        if (found := self.query_one(CommandList)).option_count:
            found.highlighted = 0

    def _refresh_command_list(
        self, command_list: CommandList, commands: list[Command], clear_current: bool
    ) -> None:
        # A search may end while the palette closes.
        if command_list.is_attached:
            super()._refresh_command_list(command_list, commands, clear_current)

    @on(Input.Submitted)
    def _wait_for_matches(self, event: Input.Submitted) -> None:
        # A cursor that was moved is on what is meant.
        if self._searches() and not self.query_one(CommandList).highlighted:
            event.stop()
            event.prevent_default()
            self._submits = True

    @on(Worker.StateChanged)
    async def _submit(self) -> None:
        if self._submits and not self._searches():
            self._submits = False
            await self.query_one(Input).action_submit()

    def _searches(self) -> bool:
        return any(worker.node is self and not worker.is_finished for worker in self.workers)


class WorkspaceCommands(Provider):
    """The app's own commands, in place of Textual's."""

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.reason is None:
                # Content, because a str would be parsed as markup.
                yield DiscoveryHit(Content(offer.title), offer.run, text=offer.title, help=_help(offer.help))

    async def search(self, query: str) -> Hits:
        matcher, app = self.matcher(query), cast("HostApp", self.app)
        words = query.casefold().split()
        for offer in self._offers():
            score = _score(offer, words) or min(_LOOSE, matcher.match(offer.title) / 20)
            if score <= 0:
                continue
            if offer.reason is None:
                shown = _marked(offer.title, matcher)
                yield Hit(score, shown, offer.run, text=offer.title, help=_help(offer.help))
            else:
                shown = Content.assemble(
                    (f"{offer.title}  unavailable: {visible(offer.reason)}", "$text-muted")
                )
                yield Hit(score / 2, shown, offer.run, text=offer.title)
        planned = () if app.snapshot is None else app.snapshot.jobs
        for job, near in _named(planned, query):
            name = visible(job.title)
            if job.stage in RUN_STAGES:
                yield _curves(app, job, near, matcher)
            target = partial(navigate, app, OpenJob(job.id))
            about = f"job, {job_states.look(job).word}"
            yield Hit(near, _marked(name, matcher), target, text=name, help=about)
        stored = await _stored(app, query) if len(query) >= _LETTERS else _Stored()
        for setting in stored.settings:
            name = visible(setting.key)
            shown = Content.assemble(_marked(name, matcher), f"  {config_changes.value(setting.value)}")
            target = partial(navigate, app, OpenSetting(setting.key))
            yield Hit(_SETTING, shown, target, text=name, help=_help(f"setting, {setting.kind}"))
        known = {job.id for job in planned}
        for run, near in _named([job for job in stored.superseded if job.id not in known], query):
            yield _curves(app, run, near, matcher)
        for line in stored.dialogues:
            title = visible(f"{line.dialog_id}  {line.utterance}")
            yield Hit(
                _TEXT,
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


def _score(offer: PaletteEntry, words: Sequence[str]) -> float:
    """How near a command is to what was typed; 0 if a word is nowhere in it."""
    known: list[str] = []
    for tier, text in ((_TITLE, offer.title), (_ALSO_WORDS, offer.also), (_HELP, offer.help)):
        known += _WORD.findall(text.casefold())
        places = [
            next((place for place, one in enumerate(known) if one.startswith(word)), None) for word in words
        ]
        if None not in places:
            # The usual words come first.
            return tier - max(place or 0 for place in places) / (len(known) + 1)
    return 0.0


def _marked(name: str, matcher: Matcher) -> Content:
    """A name with the letters that match; the matcher itself parses names as markup."""
    _, places = matcher.fuzzy_search.match(matcher.query, name)
    content = Content(name)
    for place in places:
        content = content.stylize(matcher.match_style, place, place + 1)
    return content


def _curves(app: HostApp, run: Job, near: float, matcher: Matcher) -> Hit:
    name = visible(f"{run.stage} {run.name}")
    word = job_states.look(run).word
    if not run.in_config:
        word = f"{word}, superseded" if run.state != "done" else job_states.SUPERSEDED.word
    about = f"run, {word}"
    shown = Content.assemble("curves of ", _marked(name, matcher))
    return Hit(near, shown, partial(navigate, app, OpenRun(run.id)), text=f"curves of {name}", help=about)


def _named(jobs: Sequence[Job], query: str) -> Iterator[tuple[Job, float]]:
    """The jobs whose stage and name contain every word of the query, or else those with its letters in
    order; and how near each is."""
    # A run is offered with its curves, too.
    names = [f"{job.title}{' curves' if job.stage in RUN_STAGES else ''}".casefold() for job in jobs]
    wanted = query.casefold().split()
    letters = "".join(wanted)
    whole = (job for job, name in zip(jobs, names, strict=True) if all(word in name for word in wanted))
    loose = (job for job, name in zip(jobs, names, strict=True) if _has_in_order(name, letters))
    found = list(islice(whole, _MAX_MATCHES))
    near = _NAME if found else _LOOSE / 2
    return ((job, near) for job in found or islice(loose, _MAX_MATCHES))


def _has_in_order(name: str, letters: str) -> bool:
    """Whether a name has these letters in their order, with others between them."""
    place = -1
    for letter in letters:
        place = name.find(letter, place + 1)
        if place < 0:
            return False
    return True


async def _stored(app: HostApp, query: str) -> _Stored:
    """The settings, the superseded runs, and the first dialogues that contain the query in their id or a
    text."""
    answer: asyncio.Future[_Stored] = asyncio.get_running_loop().create_future()

    def receive(found: _Stored) -> None:
        # The search that waits for it may have ended since.
        if not answer.done():
            answer.set_result(found)

    # It is done, by cancellation, once another letter is typed.
    app.read("settings, runs and dialogues", partial(_look, query, lambda: not answer.done()), receive)
    try:
        return await asyncio.wait_for(answer, _PATIENCE_S)
    except TimeoutError:
        # A workspace that cannot be read is reported by the poller.
        return _Stored()


def _look(query: str, is_wanted: Callable[[], bool], workspace: Workspace) -> _Stored:
    from core.api import UserError

    words = query.casefold().split()
    try:
        settings = workspace.configuration.settings()
    except UserError:
        # Every screen shows why.
        settings = ()
    found = [one for one in settings if all(word in one.key.casefold() for word in words)]
    superseded = [job for job in workspace.runs.jobs() if not job.in_config]
    dialogues = workspace.data.browser.first(query, _MAX_MATCHES, is_wanted)
    return _Stored(found[:_MAX_MATCHES], superseded, dialogues)


def _offer(app: HostApp, screen: WorkspaceScreen, active: ActiveBinding) -> PaletteEntry:
    binding, node = active.binding, active.node
    # An action belongs to the screen unless it has the prefix `app.`.
    name = binding.action.partition("(")[0]
    everywhere = {action: also for _, _, action, also in _EVERYWHERE}
    also = _ALSO.get(binding.id or "") or everywhere.get(name.removeprefix("app."), "")
    if name.startswith("app.") or node is app:
        reason = unavailable(app, name.removeprefix("app."))
    else:
        reason = screen.unavailable(name) if node is screen else None
    run = (
        partial(app.run_action, binding.action, node) if reason is None else partial(app.show_message, reason)
    )
    about = f"{binding.tooltip or binding.description} (key {app.get_key_display(binding)})"
    return PaletteEntry(binding.description, about, run, reason, also)
