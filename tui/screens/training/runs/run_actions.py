"""What people do with a run besides looking at it: publish, archive, tag, note, delete."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from core.api import RunNotes, publish_problem, run_problem, tag_problem
from tui.components.workspace_screen import WorkspaceScreen
from tui.format.text import visible
from tui.format.values import counted, size
from tui.navigation.bindings import verb
from tui.navigation.messages import PublishRun

if TYPE_CHECKING:
    from core.api import Job, RunAction, RunDeletion, Workspace

#: The actions of the keys below that need a run.
_ACTIONS: tuple[RunAction, ...] = ("archive", "delete", "tag", "note")
#: Runs and kept jobs that a confirmation lists.
_MAX_NAMES = 12

KEYS: tuple[BindingType, ...] = (
    verb(
        "export",
        "publish",
        title="Publish",
        id="training.publish",
        tooltip="Write the run to a folder for the Hugging Face Hub or Ollama",
    ),
    Binding(
        "a",
        "archive",
        "Archive",
        id="training.archive",
        show=False,
        tooltip="Archive a superseded run, which hides it in lists, or restore it",
    ),
    Binding(
        "A",
        "show_archived",
        "Archived runs",
        id="training.show_archived",
        show=False,
        tooltip="Show archived runs, or hide them",
    ),
    Binding(
        "D,delete",
        "delete",
        "Delete",
        id="training.delete",
        show=False,
        tooltip="Delete a superseded run, after a question that names the disk space",
    ),
    Binding("T", "tag", "Tags", id="training.tag", show=False, tooltip="Edit the tags of the run"),
    Binding("N", "note", "Note", id="training.note", show=False, tooltip="Edit the note on the run"),
)


class RunActions(WorkspaceScreen):
    """A screen with a run under its cursor."""

    WRITES = frozenset({*_ACTIONS, "publish"})
    BINDINGS: ClassVar[list[BindingType]] = list(KEYS)

    def chosen_run(self) -> Job | None:
        """The run under the cursor."""
        raise NotImplementedError

    def notes_of(self, job: str) -> RunNotes:
        """What is noted about a run."""
        raise NotImplementedError

    def unavailable(self, action: str) -> str | None:
        reason = super().unavailable(action)
        wanted = next((known for known in _ACTIONS if known == action), None)
        if reason is not None or (wanted is None and action != "publish"):
            return reason
        job = self.chosen_run()
        if job is None:
            return "no run is selected"
        if wanted is None:
            return publish_problem(job)
        if wanted == "archive" and self.notes_of(job.id).archived:
            wanted = "restore"
        return run_problem(wanted, job.name, requested=job.requested, in_config=job.in_config)

    def action_publish(self) -> None:
        job = self.chosen_run()
        if self.can("publish") and job is not None:
            self.app.post_message(PublishRun(job.name))

    def action_archive(self) -> None:
        job = self.chosen_run()
        if self.can("archive") and job is not None:
            archived = not self.notes_of(job.id).archived
            label = f"{'Archive' if archived else 'Restore'} {job.name}"
            self.app.act(label, lambda commands: commands.archive_runs([job.id], archived=archived))

    def action_tag(self) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        job = self.chosen_run()
        if not self.can("tag") or job is None:
            return
        before = self.notes_of(job.id).tags

        def change(text: str | None) -> None:
            if text is None:
                return
            wanted = _tags(text)
            remove = [tag for tag in before if tag not in wanted]
            self.app.act(f"Tag {job.name}", lambda commands: commands.tag_runs([job.id], wanted, remove))

        def problem_of(text: str) -> str | None:
            return next(filter(None, map(tag_problem, _tags(text))), None)

        title = f"Tags of {visible(job.name)}, separated by spaces"
        dialog = AskTextScreen(title, " ".join(before), adds=True, problem_of=problem_of)
        self.app.push_screen(dialog, change)

    def action_note(self) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        job = self.chosen_run()
        if not self.can("note") or job is None:
            return

        def change(text: str | None) -> None:
            if text is not None:
                self.app.act(f"Note on {job.name}", lambda commands: commands.note_run(job.id, text))

        before = " ".join(self.notes_of(job.id).note.split())
        self.app.push_screen(AskTextScreen(f"Note on {visible(job.name)}", before, adds=True), change)

    def action_delete(self) -> None:
        job = self.chosen_run()
        if self.can("delete") and job is not None:
            self.app.read("size of the run", partial(_deletion, job.id), partial(self._confirm, job))

    def _confirm(self, job: Job, found: tuple[RunDeletion, list[str]]) -> None:
        from tui.dialogs.confirm import ConfirmScreen

        deletion, names = found
        lines = [
            f"It frees {size(deletion.bytes)}, and cannot be undone. It deletes {counted(len(names), 'run')}:"
        ]
        lines += [f"  {visible(name)}" for name in names[:_MAX_NAMES]]
        if len(names) > _MAX_NAMES:
            lines.append(f"  and {len(names) - _MAX_NAMES} more runs")
        jobs = counted(len(deletion.jobs), "job")
        lines.append(f"with all weights, checkpoints, responses and comparisons, {jobs} in all.")
        if deletion.kept:
            lines.append(f"Kept: {counted(len(deletion.kept), 'job')} whose answers were paid for.")
        several = f"{len(names)} runs" if len(names) > 1 else visible(job.name)

        def go(yes: bool | None) -> None:
            if yes:
                self.app.act("Delete", lambda commands: commands.delete_runs([job.id]))

        self.app.push_screen(
            ConfirmScreen(f"Delete {several}?", Content("\n".join(lines)), "Delete", "Keep"), go
        )


def _tags(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _deletion(job: str, workspace: Workspace) -> tuple[RunDeletion, list[str]]:
    deletion = workspace.runs.deletion([job])
    names = {one.id: one.name for one in workspace.runs.jobs(archived=True)}
    return deletion, [names.get(name, name) for name in deletion.runs]
