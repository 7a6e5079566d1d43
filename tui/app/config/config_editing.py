"""Opens config.toml in the user's editor, at the line of what the cursor is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from tui.app.requests.actions import may_write
from tui.components.workspace_screen import WorkspaceScreen
from tui.runtime import editor

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from core.api import Workspace
    from tui.navigation.host import ConfigPlace, HostApp


def edit(
    app: HostApp, poller_held: Callable[[], AbstractContextManager[None]], edited: Callable[[], None]
) -> None:
    """Suspend the app, and run the editor; or show why that cannot be done.

    `poller_held` keeps the poller still while the editor has the terminal; `edited` is called after it.
    """
    if not may_write(app):
        return
    file = app.workspace.config
    if app.is_web:
        app.show_message(
            f"An editor needs a terminal, and this app runs in a browser: edit {file} on its machine, or "
            "change settings on the settings screen.",
            error=True,
        )
        return
    if not file.exists():
        app.show_message(f"there is no {file} yet: create it on the first screen, or with `empathy-tui init`")
        return
    screen = app.screen
    place = screen.config_place() if isinstance(screen, WorkspaceScreen) else None
    app.read(
        "line of config.toml",
        lambda workspace: _line(workspace, place),
        lambda line: _open(app, line, poller_held, edited),
    )


def _line(workspace: Workspace, place: ConfigPlace | None) -> int | None:
    """The line of an error if there is one, else of what the cursor is on."""
    reader = workspace.configuration
    mistake = reader.line_of_mistake()
    if mistake is not None or place is None:
        return mistake
    return reader.line_of(*place)


def _open(
    app: HostApp,
    line: int | None,
    poller_held: Callable[[], AbstractContextManager[None]],
    edited: Callable[[], None],
) -> None:
    try:
        words = editor.command(app.workspace.config, line)
        with poller_held(), app.suspend():
            code = editor.run(words)
    except editor.NoEditorError as error:
        app.show_message(str(error), title="No editor", error=True)
        return
    except SuspendNotSupported:
        app.show_message(f"this terminal allows no editor here: edit {app.workspace.config} in another one")
        return
    # What was drawn before is gone.
    app.refresh(layout=True)
    if code:
        app.show_message(f"{words[0]} ended with exit code {code}", title="Editor", error=True)
    edited()
