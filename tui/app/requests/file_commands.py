"""Reports, exports and published folders: commands of the command line, run beside the app."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui.app.requests.actions import may_write
from tui.format.text import visible
from tui.navigation.file_command import FileCommand

if TYPE_CHECKING:
    from tui.dialogs.command_dialog import CommandScreen
    from tui.dialogs.publish_dialog import PublishChoice
    from tui.navigation.host import HostApp
    from tui.runtime.command_process import Ended

_ALL_JUDGES = "all judges"


def run(app: HostApp, command: FileCommand) -> None:
    """Run a command in a process of its own; show its progress and outcome."""
    from tui.dialogs.command_dialog import CommandScreen

    if may_write(app):
        dialog = CommandScreen(command)
        app.push_screen(dialog)
        app.run_worker(
            partial(_work, app, command, dialog),
            name=command.title,
            group="act",
            thread=True,
            exit_on_error=False,
        )


def report(app: HostApp) -> None:
    """Write a report into the workspace; asks for the judge if there are several."""
    from tui.dialogs.choose import ChooseScreen

    if not may_write(app):
        return
    judges = _judges_of_comparisons(app)
    if len(judges) < 2:
        _write_report(app, _ALL_JUDGES)
    else:
        names = [_ALL_JUDGES, *judges]
        app.push_screen(ChooseScreen("Report on", names, _ALL_JUDGES), partial(_write_report, app))


def export_training_data(app: HostApp) -> None:
    """Export the recipes for LLaMA-Factory; asks for the folder."""
    from tui.dialogs.ask_text import AskTextScreen

    if may_write(app):
        folder = app.workspace.exports / "llama-factory"
        dialog = AskTextScreen("Write the recipes for LLaMA-Factory to the folder", str(folder))
        app.push_screen(dialog, partial(_export_to, app))


def publish(app: HostApp, name: str | None = None) -> None:
    """Publish a run, or a recipe's training data; asks for the folder, and for the name if it is None."""
    from tui.dialogs.choose import ChooseScreen

    if not may_write(app):
        return
    if name is not None:
        _publish(app, name)
        return
    jobs = () if app.snapshot is None else app.snapshot.jobs
    done = [job for job in jobs if job.state == "done" and job.in_config]
    names = [job.name for stage in ("sft-dpo", "sft", "recipe") for job in done if job.stage == stage]
    if names:
        app.push_screen(ChooseScreen("Publish the run or recipe", names, None), partial(_publish, app))
    else:
        app.show_lack("there is nothing to publish yet: no run and no recipe is done")


def _publish(app: HostApp, name: str | None) -> None:
    from core.api import RunName
    from tui.dialogs.ask_text import AskTextScreen
    from tui.dialogs.publish_dialog import PublishScreen

    if name is None:
        return
    # As all relative paths here, it is in the workspace.
    exports = app.workspace.exports.relative_to(app.workspace.root)
    folder = str(exports / "published" / name.replace("/", "-"))
    if RunName.parse(name) is not None:
        app.push_screen(PublishScreen(name, folder), partial(_publish_run, app, name))
    else:
        title = f"Publish the training data of {visible(name)} to the folder"
        app.push_screen(AskTextScreen(title, folder), partial(_publish_to, app, name, ()))


def _publish_run(app: HostApp, name: str, choice: PublishChoice | None) -> None:
    if choice is not None:
        _publish_to(app, name, choice.options, choice.folder)


def _publish_to(app: HostApp, name: str, options: tuple[str, ...], folder: str | None) -> None:
    if folder is not None and folder.strip():
        path = app.workspace.root / Path(folder.strip()).expanduser()
        run(app, FileCommand("Publish", ("publish", *options, "--", name, str(path)), path, path))


def _write_report(app: HostApp, judge: str | None) -> None:
    if judge is None:
        return
    name = None if judge == _ALL_JUDGES else judge
    arguments = ("report",) if name is None else ("report", "--judge", name)
    folder = app.workspace.report(name)
    run(app, FileCommand("Report", arguments, folder, folder / "report.html"))


def _export_to(app: HostApp, folder: str | None) -> None:
    if folder is not None and folder.strip():
        # A relative path is one in the workspace, wherever the app was started.
        path = app.workspace.root / Path(folder.strip()).expanduser()
        run(app, FileCommand("Export", ("export", "llama-factory", "--", str(path)), path, path))


def _judges_of_comparisons(app: HostApp) -> list[str]:
    from core.api import ComparisonName

    jobs = () if app.snapshot is None else app.snapshot.jobs
    found = (ComparisonName.parse(job.name).judge for job in jobs if job.stage == "compare")
    return list(dict.fromkeys(found))


def _work(app: HostApp, command: FileCommand, dialog: CommandScreen) -> None:
    from tui.runtime import command_process

    ended = command_process.run(app.workspace.root, command.arguments, app.stopping)
    if ended.code is not None:
        app.call_later(_show, app, dialog, *_outcome(command, ended))


def _outcome(command: FileCommand, ended: Ended) -> tuple[str, bool]:
    """What is shown of a command that has ended, and whether it has written its files."""
    if ended.code != 0:
        said = ended.errors.strip().removeprefix("empathy-tui: ")
        return said or f"it ended with exit code {ended.code}", False
    if command.printed_to is None:
        return ended.output.strip(), True
    try:
        command.printed_to.parent.mkdir(parents=True, exist_ok=True)
        command.printed_to.write_text(ended.output, encoding="utf-8")
    except OSError as error:
        return f"{command.printed_to} cannot be written: {error.strerror}", False
    return f"wrote {command.printed_to}", True


def _show(app: HostApp, dialog: CommandScreen, text: str, is_written: bool) -> None:
    if dialog.is_running:
        dialog.finish(text, is_written=is_written)
    else:
        app.show_message(text, error=not is_written)
