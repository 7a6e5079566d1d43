"""The commands about runs: list, compare, archive, delete, tag, note."""

from __future__ import annotations

import click

from core.api import DeleteOutcome, Job, RunAction, Workspace, run_problem
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, confirm, examples, json_option, workspace_of, yes_option
from tui.cli.output import json
from tui.format import runs as table
from tui.format.runs import RunResults
from tui.format.text import visible
from tui.format.values import counted, size

_RUN = "smollm2/direct/chatgpt/sft@epochs=1"


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog=examples("runs", f"runs compare smollm2/direct/chatgpt/sft {_RUN}"),
)
@json_option
@click.pass_context
def runs(ctx: click.Context, as_json: bool) -> None:
    """Show all runs with their settings and results, also those that other settings superseded.

    A run of an earlier configuration has the settings in which it differs after an @, such as
    smollm2/direct/chatgpt/sft@epochs=1. A RUN is such a name, or the id of its job or the beginning of it.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, as_json=as_json)


@runs.command("list", epilog=examples("runs list --sort loss", "runs list --filter 'epochs=1' --archived"))
@click.option("--archived", is_flag=True, help="Also runs that are archived.")
@click.option("--sort", metavar="COLUMN", help="Sort by this column.")
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option("--filter", "words", metavar="WORDS", default="", help="Only runs with all of these words.")
@json_option
@click.pass_context
def list_(
    ctx: click.Context,
    archived: bool = False,
    sort: str | None = None,
    reverse: bool = False,
    words: str = "",
    as_json: bool = False,
) -> None:
    """List runs with the settings in which they differ, and their results."""
    reader = workspace_of(ctx).runs
    found = reader.runs(archived=archived)
    columns = table.columns(found)
    sizes = reader.disk_bytes(run.job for run in found)
    rows = table.matching((RunResults(run, sizes.get(run.job)) for run in found), words)
    if sort is not None:
        by = next((column for column in columns if sort in (column.key, column.label)), None)
        if by is None:
            known = ", ".join(column.label for column in columns)
            raise CommandError(f"no column is named {sort!r}. There are: {known}")
        rows = table.ordered(rows, by, is_reversed=reverse)
    elif reverse:
        rows = rows[::-1]
    if as_json:
        json.write([json.RunRecord(run=row.run, disk_bytes=row.bytes) for row in rows])
        return
    from tui.cli.output.pipeline.run_table import print_runs
    from tui.cli.output.tables import make_console

    hidden = 0 if archived else reader.archived()
    print_runs(make_console(), columns, rows, of=len(found), archived=hidden)


@runs.command(epilog=examples(f"runs compare smollm2/direct/chatgpt/sft {_RUN}"))
@click.argument("wanted", metavar="RUN RUN...", nargs=-1, required=True)
@json_option
@click.pass_context
def compare(ctx: click.Context, wanted: tuple[str, ...], as_json: bool) -> None:
    """Compare runs: settings in which they differ, results, and paired tests on the same dialogues."""
    reader = workspace_of(ctx).runs
    found = reader.compare(wanted)
    sizes = reader.disk_bytes(run.job for run in found.runs)
    if as_json:
        json.write(found)
        return
    from tui.cli.output.pipeline.run_table import print_comparison
    from tui.cli.output.tables import make_console

    print_comparison(make_console(), found, [RunResults(run, sizes.get(run.job)) for run in found.runs])


@runs.command(epilog=examples(f"runs archive {_RUN}", f"runs archive --undo {_RUN}"))
@click.argument("wanted", metavar="RUN...", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Show them again.")
@json_option
@click.pass_context
def archive(ctx: click.Context, wanted: tuple[str, ...], undo: bool, as_json: bool) -> None:
    """Hide superseded runs from lists, without deleting anything.

    `runs list --archived` shows them.
    """
    workspace = workspace_of(ctx)
    jobs = _able(workspace, wanted, "restore" if undo else "archive")
    commands = workspace.commands
    commands.wait(commands.archive_runs([job.id for job in jobs], archived=not undo))
    _report(workspace, wanted, f"{'shown again' if undo else 'archived'}", as_json=as_json)


@runs.command(epilog=examples(f"runs tag {_RUN} baseline", f"runs tag {_RUN} --remove baseline"))
@click.argument("run", metavar="RUN")
@click.argument("tags", metavar="[TAG]...", nargs=-1)
@click.option("--remove", metavar="TAG", multiple=True, help="Remove this tag; repeatable.")
@json_option
@click.pass_context
def tag(ctx: click.Context, run: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Add tags to a run, or remove them."""
    if not tags and not remove:
        raise click.UsageError("name a TAG to add, or one to --remove")
    workspace = workspace_of(ctx)
    jobs = _able(workspace, (run,), "tag")
    commands = workspace.commands
    commands.wait(commands.tag_runs([job.id for job in jobs], tags, remove))
    _report(workspace, (run,), "tagged", as_json=as_json)


@runs.command(epilog=examples(f'runs note {_RUN} "too short, answers repeat"', f'runs note {_RUN} ""'))
@click.argument("run", metavar="RUN")
@click.argument("text")
@json_option
@click.pass_context
def note(ctx: click.Context, run: str, text: str, as_json: bool) -> None:
    """Replace the note on a run; an empty TEXT removes it."""
    workspace = workspace_of(ctx)
    (job,) = _able(workspace, (run,), "note")
    commands = workspace.commands
    commands.wait(commands.note_run(job.id, text))
    _report(workspace, (run,), "noted" if text.strip() else "without a note", as_json=as_json)


@runs.command(epilog=examples(f"runs delete {_RUN}"))
@click.argument("wanted", metavar="RUN...", nargs=-1, required=True)
@yes_option
@json_option
@click.pass_context
def delete(ctx: click.Context, wanted: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete superseded runs with their weights, checkpoints, responses and comparisons.

    Runs that were trained on top of them are deleted too. Comparisons that were paid for stay, with the
    responses that they judged. What config.toml defines, and what an unfinished job needs, is not deleted.
    """
    workspace = workspace_of(ctx)
    names = {job.id: job.name for job in workspace.runs.jobs(archived=True)}
    jobs = [job.id for job in _able(workspace, wanted, "delete")]
    planned = workspace.runs.deletion(jobs)
    listed = ", ".join(names[job] for job in planned.runs)
    if not yes:
        several = counted(len(planned.runs), "run")
        kept = counted(len(planned.kept), "job")
        stay = f" Kept, because their answers were paid for: {kept}." if planned.kept else ""
        confirm(
            f"Delete {several} ({listed}), {counted(len(planned.jobs), 'job')} in all? It frees "
            f"{size(planned.bytes)}, and cannot be undone.{stay}",
            "nothing was deleted",
        )
    commands = workspace.commands
    outcome = commands.wait(commands.delete_runs(jobs)).outcome
    assert isinstance(outcome, DeleteOutcome)
    if as_json:
        json.write(outcome)
    else:
        click.echo(f"deleted {visible(listed)}: {size(outcome.bytes)} freed")


def _able(workspace: Workspace, wanted: tuple[str, ...], action: RunAction) -> tuple[Job, ...]:
    """The jobs of these runs. Raises `CommandError` where this cannot be done to one of them."""
    jobs = workspace.runs.find(wanted)
    for job in jobs:
        name = visible(job.name)
        problem = run_problem(action, name, requested=job.requested, in_config=job.in_config)
        if problem is not None:
            raise CommandError(
                f"{problem}; a superseded run's name has its settings after an @: `empathy-tui runs` lists "
                "all"
            )
    return jobs


def _report(workspace: Workspace, wanted: tuple[str, ...], done: str, *, as_json: bool) -> None:
    """Print what is now noted about these runs."""
    jobs = {job.id for job in workspace.runs.find(wanted)}
    found = [run for run in workspace.runs.runs(archived=True) if run.job in jobs]
    if as_json:
        sizes = workspace.runs.disk_bytes(jobs)
        json.write([json.RunRecord(run=run, disk_bytes=sizes.get(run.job)) for run in found])
        return
    for run in found:
        tags = f"; tags: {', '.join(run.notes.tags)}" if run.notes.tags else ""
        click.echo(f"{visible(run.name)} is {done}{visible(tags)}")
