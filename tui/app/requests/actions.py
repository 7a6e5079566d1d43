"""Requests to the supervisor, in threads of their own; paid requests need a confirmation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tui.navigation.bindings import APP_WRITES, READ_ONLY

if TYPE_CHECKING:
    from core.api import Commands, Estimate, Spending
    from tui.navigation.host import HostApp


def may_write(app: HostApp) -> bool:
    """Whether the app may change the workspace; shows the reason if it may not."""
    if app.workspace.read_only:
        app.show_message(READ_ONLY)
    return not app.workspace.read_only


def unavailable(app: HostApp, action: str) -> str | None:
    """Why one of the app's actions is unavailable now; None if it is available."""
    from core.api import start_all_problem

    if f"app.{action}" in APP_WRITES and app.workspace.read_only:
        return READ_ONLY
    return start_all_problem(app.snapshot) if action == "start_all" else None


def act(app: HostApp, label: str, request: Callable[[Commands], int]) -> None:
    """Write an intent, and show its outcome once it is done; see `Host.act`."""
    if may_write(app):
        _run(app, label, partial(_wait_for, app, label, request))


def start(app: HostApp, label: str, targets: Sequence[str]) -> None:
    """Start the targets, all jobs for none; asks for confirmation if it costs money."""
    _start(app, label, lambda commands: commands.start(targets), targets, {})


def validate_judge(app: HostApp, judge: str, pairs: int) -> None:
    """Measure a judge's agreement with people on that many pairs; asks for confirmation if it costs money."""
    _start(
        app,
        f"Validate {judge}",
        lambda commands: commands.validate_judge(judge, pairs),
        (f"validate:{judge}",),
        {judge: pairs},
    )


def start_all(app: HostApp) -> None:
    """Start every job of config.toml, or show why nothing would start."""
    reason = unavailable(app, "start_all")
    if reason is not None:
        app.show_message(reason)
    else:
        start(app, "Start all", ())


def pause_or_resume(app: HostApp) -> None:
    """Pause the start of new jobs, or resume; running jobs continue."""
    if app.snapshot is None:
        app.show_message("the workspace is being read")
    elif app.snapshot.paused:
        act(app, "Resume", lambda commands: commands.resume())
    else:
        act(app, "Pause", lambda commands: commands.pause())


def save_config(app: HostApp, before: str, after: str) -> None:
    """Write config.toml; see `Host.save_config`."""
    if may_write(app):
        _run(app, "Save config.toml", partial(_save_config, app, before, after))


def _save_config(app: HostApp, before: str, after: str) -> None:
    from core.api import UserError, open_workspace

    try:
        with open_workspace(app.workspace) as workspace:
            workspace.commands.save_config(before, after)
    except UserError as error:
        _show_refusal(app, "Save config.toml", error)


def _run(app: HostApp, label: str, work: Callable[[], None]) -> None:
    app.run_worker(work, name=label, group="act", thread=True, exit_on_error=False)


def _wait_for(app: HostApp, label: str, request: Callable[[Commands], int]) -> None:
    from core.api import UserError, open_workspace
    from tui.app.requests import outcomes

    try:
        with open_workspace(app.workspace) as workspace:
            commands = workspace.commands
            outcome = commands.wait(request(commands), app.stopping)
    except UserError as error:
        _show_refusal(app, label, error)
        return
    if outcome.state == "done":
        app.call_later(app.show_message, outcomes.words(label, outcome))


def _start(
    app: HostApp,
    label: str,
    request: Callable[[Commands], int],
    targets: Sequence[str],
    validate: Mapping[str, int],
) -> None:
    """Write an intent to start the targets, after the confirmation of what they cost.

    `validate` has the number of pairs of each judge to validate.
    """
    if may_write(app):
        _run(app, label, partial(_estimate, app, label, request, targets, validate))


def _estimate(
    app: HostApp,
    label: str,
    request: Callable[[Commands], int],
    targets: Sequence[str],
    validate: Mapping[str, int],
) -> None:
    from core.api import UserError, open_workspace

    try:
        with open_workspace(app.workspace) as workspace:
            estimates, spending = (
                workspace.spending.estimates(targets, validate),
                workspace.spending.summary(),
            )
    except UserError as error:
        _show_refusal(app, label, error)
        return
    app.call_later(_confirm, app, label, request, estimates, spending)


def _show_refusal(app: HostApp, label: str, error: Exception) -> None:
    app.call_later(partial(app.show_message, str(error), title=label, error=True))


def _confirm(
    app: HostApp,
    label: str,
    request: Callable[[Commands], int],
    estimates: tuple[Estimate, ...],
    spending: Spending,
) -> None:
    def go(yes: bool | None) -> None:
        if yes:
            act(app, label, request)

    to_send = sum(one.requests - one.answered for one in estimates)
    if not to_send:
        go(True)
        return
    from tui.dialogs.confirm import ConfirmScreen
    from tui.dialogs.cost_table import costs
    from tui.format.values import counted

    body = costs(estimates, spending)
    screen = ConfirmScreen(f"Send {counted(to_send, 'request')}?", body, "Send", "Cancel", "warning")
    app.push_screen(screen, go)
