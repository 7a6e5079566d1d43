"""Opens screens: the list of screens, the first one, and the handling of navigation messages."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from tui.app.requests.actions import may_write
from tui.navigation.messages import (
    Navigation,
    OpenBallot,
    OpenDialogue,
    OpenJob,
    OpenLog,
    OpenPairOf,
    OpenPairs,
    OpenPlayground,
    OpenRun,
    OpenRuns,
    OpenScreen,
    OpenSetting,
    OpenStage,
    PublishRun,
)

if TYPE_CHECKING:
    from textual.screen import Screen

    from core.api import Snapshot, WorkspacePaths
    from tui.navigation.host import HostApp
    from tui.screens.data.screen import DataScreen
    from tui.screens.logs.screen import LogsScreen
    from tui.screens.pairs.screen import PairsScreen
    from tui.screens.pipeline.screen import PipelineScreen
    from tui.screens.playground.screen import PlaygroundScreen
    from tui.screens.settings.screen import SettingsScreen
    from tui.screens.training.screen import TrainingScreen
    from tui.screens.voting.screen import VoteScreen

#: Mode → module and class of its screen, imported when it is opened.
SCREENS = {
    "welcome": "WelcomeScreen",
    "home": "HomeScreen",
    "pipeline": "PipelineScreen",
    "data": "DataScreen",
    "training": "TrainingScreen",
    "win_rates": "WinRatesScreen",
    "pairs": "PairsScreen",
    "batches": "BatchesScreen",
    "logs": "LogsScreen",
    "playground": "PlaygroundScreen",
    "settings": "SettingsScreen",
    "voting": "VoteScreen",
}


def add_screens(app: HostApp) -> None:
    """Make each screen a mode of the app."""
    for mode in SCREENS:
        app.add_mode(mode, partial(_make_screen, app, mode))


def first_mode(workspace: WorkspacePaths, snapshot: Snapshot | None) -> str:
    """Home, or the welcome screen while the workspace has nothing to show."""
    if snapshot is None:
        is_empty = not (workspace.state.exists() and workspace.config.exists())
    else:
        # Looks of jobs, and the rules behind them, are not needed for the first frame.
        from tui.format.jobs import job_states

        is_empty = job_states.is_empty(snapshot) or not workspace.config.exists()
    return "welcome" if is_empty else "home"


def settle_first_mode(app: HostApp) -> None:
    """Switch between welcome and home when the workspace has changed."""
    if app.current_mode in ("welcome", "home") and len(app.screen_stack) == 1:
        wanted = first_mode(app.workspace, app.snapshot)
        if wanted != app.current_mode:
            app.switch_mode(wanted)


def navigate(app: HostApp, message: Navigation) -> None:
    """Open the target of a message, or show why it cannot be opened."""
    match message:
        case OpenScreen(mode=mode):
            _open_mode(app, mode)
        case OpenPairs(a=a, b=b, pair_filter=pair_filter):
            pairs = cast("PairsScreen", _opened(app, "pairs"))
            # After its mount, if it opens for the first time; the same below.
            pairs.call_after_refresh(pairs.compare, a, b, pair_filter)
        case OpenPairOf(dialog_id=dialog_id):
            pairs = cast("PairsScreen", _opened(app, "pairs"))
            pairs.call_after_refresh(pairs.seek, dialog_id)
        case OpenDialogue(dialog_id=dialog_id):
            data = cast("DataScreen", _opened(app, "data"))
            data.call_after_refresh(data.seek, dialog_id)
        case OpenJob(job=job):
            pipeline = cast("PipelineScreen", _opened(app, "pipeline"))
            pipeline.call_after_refresh(pipeline.seek, job)
        case OpenStage(stage=stage):
            pipeline = cast("PipelineScreen", _opened(app, "pipeline"))
            pipeline.call_after_refresh(pipeline.seek_stage, stage)
        case OpenRuns():
            training = cast("TrainingScreen", _opened(app, "training"))
            training.call_after_refresh(training.open_table)
        case OpenRun(job=job):
            training = cast("TrainingScreen", _opened(app, "training"))
            training.call_after_refresh(training.seek, job)
        case OpenSetting(key=key):
            settings = cast("SettingsScreen", _opened(app, "settings"))
            settings.call_after_refresh(settings.seek, key)
        case OpenPlayground(dialog_id=dialog_id):
            if may_write(app):
                playground = cast("PlaygroundScreen", _opened(app, "playground"))
                playground.call_after_refresh(playground.take, dialog_id)
        case OpenLog(job=job):
            _open_log(app, job)
        case PublishRun(name=name):
            from tui.app.requests import file_commands

            file_commands.publish(app, name)
        case OpenBallot(a=a, b=b, voter=voter, uniform=uniform):
            if not may_write(app):
                return
            if voter is None:
                from tui.app.requests import judging

                judging.ask_voter(app, a, b)
            else:
                voting = cast("VoteScreen", _opened(app, "voting"))
                voting.call_after_refresh(voting.open_ballot, a, b, voter, uniform)


def _open_mode(app: HostApp, mode: str) -> None:
    # A dialog keeps its screen below it.
    if len(app.screen_stack) == 1:
        app.switch_mode(first_mode(app.workspace, app.snapshot) if mode == "home" else mode)


def _open_log(app: HostApp, job: str | None) -> None:
    # The rules about jobs are not needed for the first frame.
    from core.api import find_job, log_problem

    reason = None if job is None else log_problem(find_job(app.snapshot, job))
    if reason is not None:
        app.show_message(reason)
        return
    logs = cast("LogsScreen", _opened(app, "logs"))
    logs.call_after_refresh(logs.follow, job)


def _opened(app: HostApp, mode: str) -> Screen[Any]:
    app.switch_mode(mode)
    return app.screen_stack[0]


def _make_screen(app: HostApp, mode: str) -> Screen[Any]:
    screen = cast("Screen[Any]", getattr(import_module(f"tui.screens.{mode}.screen"), SCREENS[mode])())
    # Textual would parse the styles of the whole app again for this screen's file, and once more because it
    # takes the styles of a new screen for outdated.
    for path in screen.css_path:
        app.stylesheet.read(path)
    app.stylesheet.parse()
    screen._css_update_count = app._css_update_count
    return screen
