"""state.db lost: no folder is used twice, and it can be made again as it was."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.domain import troubles
from core.domain.errors import UserError
from core.domain.evaluation.votes import Vote
from core.jobs import journal, spec
from core.jobs.records import Failed
from core.pipeline.rebuilding import rebuild
from core.store import connections, intents
from core.store.dialogues import dialogues
from tests.pipeline.conftest import SupervisedWorkspace, fill
from tests.pipeline.rebuilding.lost_store import lose, store_rows

RECIPE = "recipe:direct/chatgpt"
VOTES = [Vote("me", f"d{n}", "a" * 64, "b" * 64, "human", "chatgpt", "ab", "a", 100.0 + n) for n in range(3)]


def _finish(supervised: SupervisedWorkspace) -> None:
    """A whole pipeline, with an attempt that died, one that was cancelled and done again, and votes."""
    supervised.set_plan(die={RECIPE: [2]}, hold=["judge:embedded"])
    with closing(connections.reader(supervised.workspace.state)) as connection:
        imported = dialogues.imported(connection)
    assert imported is not None
    supervised.ask(intents.ImportData(imported))
    for vote in VOTES:
        supervised.ask(intents.CastVote(vote))
    supervised.ask(intents.WithdrawVote(VOTES[1]))
    supervised.ask(intents.Start())
    supervisor = supervised.supervise()
    supervised.until(lambda: any("judge" in job for _, job, _, _ in supervised.notes()))
    supervised.answer(supervised.ask(intents.Cancel(supervised.id("judge:embedded"))))
    supervised.until_state("judge:embedded", "cancelled")
    (supervised.workspace.root / "go").touch()
    supervised.ask(intents.Retry(supervised.id("judge:embedded")))
    assert supervised.wait(supervisor) == 0, supervised.story()
    sft = supervised.id("sft:tiny/direct/chatgpt/sft")
    supervised.ask(intents.NoteRuns((sft,), add_tags=("long", "kept"), note="answers repeat"))
    supervised.ask(intents.NoteRuns((sft,), archived=True, remove_tags=("long",)))
    supervised.ask(intents.Start((RECIPE,), force=True))
    assert supervised.finish() == 0, supervised.story()
    assert set(supervised.states().values()) == {"done"}, supervised.story()


@pytest.mark.parametrize("is_damaged", [False, True])
def test_the_store_is_made_again_as_it_was(supervised: SupervisedWorkspace, is_damaged: bool) -> None:
    _finish(supervised)
    before, steps = store_rows(supervised), supervised.steps()
    # Their journals say the same.
    for path in supervised.workspace.artifacts.glob(f"jobs/*/*/{spec.NAME}"):
        path.unlink()
    lose(supervised)
    if is_damaged:
        supervised.workspace.state.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    made = rebuild.rebuild(supervised.workspace)
    after = store_rows(supervised)
    for table, rows in before.items():
        if table != "imports":
            assert after[table] == rows, table
    assert made.jobs == len(before["jobs"])
    assert (made.set_aside is not None) is is_damaged
    assert made.dialogues == 8
    assert made.votes == 2
    # All is done: nothing is done again.
    supervised.ask(intents.Start())
    assert supervised.finish() == 0, supervised.story()
    assert supervised.steps() == steps


def test_what_was_requested_and_has_not_begun_is_there(supervised: SupervisedWorkspace) -> None:
    """In every state in which only the store knew of it, and in the order in which it will start."""
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    # It fails before an attempt begins: its input is not there.
    (data,) = supervised.workspace.artifacts.glob("data/*/dialogues.jsonl")
    data.rename(data.with_name("elsewhere"))
    supervised.ask(intents.Start(("judge:embedded",)))
    assert supervised.finish() == 0, supervised.story()
    data.with_name("elsewhere").rename(data)
    supervised.ask(intents.Pause())
    # Done jobs that are made again from the start, jobs that wait for others, and one that was cancelled.
    supervised.ask(intents.Start((RECIPE,), force=True))
    supervised.ask(intents.Start(targets=("sft-dpo",)))
    supervised.ask(intents.Start(targets=("respond",)))
    assert supervised.finish() == 0, supervised.story()
    supervised.ask(intents.Cancel(supervised.id("respond:tiny")))
    assert supervised.finish() == 0, supervised.story()
    before = store_rows(supervised)
    states = set(supervised.states().values())
    assert states == {"ready", "waiting", "cancelled", "failed"}, supervised.states()
    lose(supervised)
    made = rebuild.rebuild(supervised.workspace)
    after = store_rows(supervised)
    for table in ("jobs", "attempts"):
        assert after[table] == before[table], table
    assert (made.jobs, made.problems) == (1, ())
    assert made.requested == len(before["jobs"]) - 1
    # What was requested is done, without another request.
    supervised.ask(intents.Resume())
    assert supervised.finish() == 0, supervised.story()
    left = {name: state for name, state in supervised.states().items() if state != "done"}
    assert left == {"judge:embedded": "failed", "respond:tiny": "cancelled"}
    assert supervised.attempts(RECIPE) == [(1, "done"), (2, "done")]


def test_what_nobody_has_carried_out_is_carried_out_later(supervised: SupervisedWorkspace) -> None:
    """Of a store that no supervisor takes, because it is an older one."""
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    for vote in VOTES:
        last = supervised.ask(intents.CastVote(vote))
    rebuild.rebuild(supervised.workspace)
    assert supervised.outcome(last).state == "pending"
    assert supervised.finish() == 0, supervised.story()
    assert supervised.outcome(last).state == "done"
    assert len(store_rows(supervised)["votes"]) == 3


def test_what_died_with_its_supervisor_goes_on(supervised: SupervisedWorkspace) -> None:
    """Such as in a power failure that also cost state.db."""
    supervised.kill_supervisor_during(RECIPE)
    for worker in supervised.workers():
        worker.kill()
        worker.wait()
    lose(supervised)
    rebuild.rebuild(supervised.workspace)
    (supervised.workspace.root / "go").touch()
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "lost"), (2, "done")]


def test_a_request_whose_line_is_lost_is_named_by_what_waits_for_it(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Pause())
    supervised.ask(intents.Start(targets=("sft",)))
    assert supervised.finish() == 0, supervised.story()
    recipe, sft = supervised.id(RECIPE), supervised.id("sft:tiny/direct/chatgpt/sft")
    lines = supervised.workspace.history.read_bytes().splitlines(keepends=True)
    supervised.workspace.history.write_bytes(
        b"".join(line for line in lines if b'"job":"%s"' % recipe.encode() not in line)
    )
    lose(supervised)
    made = rebuild.rebuild(supervised.workspace)
    assert [problem for problem in made.problems if sft in problem]
    assert supervised.states() == {"sft:tiny/direct/chatgpt/sft": "waiting"}
    supervised.ask(intents.Start(targets=("sft",)))
    supervised.ask(intents.Resume())
    assert supervised.finish() == 0, supervised.story()
    assert set(supervised.states().values()) == {"done"}


def test_a_disk_that_fills_meanwhile_leaves_the_old_file(imported_workspace: Path, small_disk: Path) -> None:
    root = small_disk / "study"
    shutil.copytree(imported_workspace, root)
    supervised = SupervisedWorkspace(root)
    supervised.set_plan()
    try:
        supervised.ask(intents.Start())
        assert supervised.finish() == 0, supervised.story()
    finally:
        supervised.close()
    rows, before = store_rows(supervised), _store_files(root)
    said: list[str] = []
    for room in range(0, 3 << 20, 64 << 10):
        filler = fill(small_disk)
        os.truncate(filler, filler.stat().st_size - room)
        try:
            rebuild.rebuild(supervised.workspace)
        except (OSError, sqlite3.OperationalError, UserError) as error:
            said.append(troubles.trouble_in_words(error) or str(error))
        else:
            break
        finally:
            filler.unlink()
        assert _store_files(root) == before
    assert len(said) > 3
    assert [one for one in said if "full" not in one] == []
    assert [table for table, found in store_rows(supervised).items() if found != rows[table]] == []


def _store_files(root: Path) -> dict[str, bytes]:
    """What is in the folder, but for the index of the log."""
    found = [path for path in root.glob("*") if path.is_file() and path.name != "state.db-shm"]
    return {path.name: path.read_bytes() for path in found}


def test_a_lost_store_uses_no_folder_twice(supervised: SupervisedWorkspace) -> None:
    """A folder that is there is left as it is, whatever the store knows of it."""
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until_state(RECIPE, "ready", "running", "done")
    supervised.wait(supervisor)
    folder = supervised.workspace.attempt(supervised.id(RECIPE), 4)
    folder.mkdir()
    (folder / "log.txt").write_text("of a worker that never began")
    supervised.ask(intents.Start((RECIPE,), force=True))
    assert supervised.finish() == 0
    assert supervised.attempts(RECIPE) == [(1, "done"), (5, "done")]
    assert [path.name for path in folder.iterdir()] == ["log.txt"]


def test_without_a_history_nothing_begins_by_itself(supervised: SupervisedWorkspace) -> None:
    """As in a workspace of an older version, whose specs lack fields too."""
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe", "judge")))
    supervisor = supervised.supervise()
    supervised.until_state("judge:embedded", "done")
    supervised.until(lambda: any("recipe" in job for _, job, _, _ in supervised.notes()))
    before = {row[0]: row for row in store_rows(supervised)["jobs"]}
    supervisor.kill()
    supervisor.wait()
    for worker in supervised.workers():
        worker.kill()
        worker.wait()
    lose(supervised)
    supervised.workspace.history.unlink(missing_ok=True)
    for path in supervised.workspace.artifacts.glob("jobs/*/*/spec.json"):
        spec = json.loads(path.read_bytes())
        for name in ("slot", "reads", "depends_on", "redone_after", "spent_usd"):
            spec.pop(name, None)
        path.write_text(json.dumps(spec))
    broken = supervised.workspace.artifacts / "jobs" / "sft-0123456789" / "1"
    broken.mkdir(parents=True)
    (broken / "spec.json").write_bytes(b"\0\0\0")
    (broken / journal.NAME).write_bytes(b"\0\n")
    made = rebuild.rebuild(supervised.workspace)
    assert [problem for problem in made.problems if "spec.json" in problem]
    assert supervised.states() == {"judge:embedded": "done", RECIPE: "cancelled"}
    after = {row[0]: row for row in store_rows(supervised)["jobs"]}
    judge = supervised.id("judge:embedded")
    # Settings and inputs included; not when and where it was requested, nor after which others.
    assert after[judge][:-3] == before[judge][:-3]
    with closing(connections.reader(supervised.workspace.state)) as connection:
        assert connection.execute("SELECT count(*) FROM dialogues").fetchone()[0] == 8
    (supervised.workspace.root / "go").touch()
    supervised.ask(intents.Retry(supervised.id(RECIPE)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "lost"), (2, "done")]


def test_folders_that_are_not_of_this_workspace_are_left_out(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    before = supervised.attempts(RECIPE)
    own = json.loads((supervised.workspace.attempt(supervised.id(RECIPE), 1) / spec.NAME).read_bytes())
    for job, changes in (("recipe-same", {}), ("recipe-odd", {"reads": {"x": "nothing"}})):
        folder = supervised.workspace.attempt(job, 1)
        folder.mkdir(parents=True)
        (folder / spec.NAME).write_text(json.dumps(own | {"job": job} | changes))
        with closing(journal.Journal(folder)) as written:
            written.write(Failed("not ours"))
    lose(supervised)
    made = rebuild.rebuild(supervised.workspace)
    assert supervised.attempts(RECIPE) == before
    assert made.attempts == len(before)
    assert ["recipe-odd" in made.problems[0], "recipe-same" in made.problems[1]] == [True, True], made


def test_an_attempt_that_found_no_spec_is_one_of_its_job(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    folder = supervised.workspace.attempt(supervised.id(RECIPE), 2)
    folder.mkdir()
    with closing(journal.Journal(folder)) as written:
        written.write(Failed("spec.json cannot be read"))
    lose(supervised)
    made = rebuild.rebuild(supervised.workspace)
    assert supervised.attempts(RECIPE) == [(1, "done"), (2, "failed")]
    assert made.problems == ()


def test_what_is_damaged_or_missing_is_said(supervised: SupervisedWorkspace) -> None:
    """The jobs of a sound store whose folders had been moved away were gone without a word."""
    _finish(supervised)
    jobs = supervised.workspace.artifacts / "jobs"
    moved, damaged = supervised.id("judge:embedded"), supervised.id(RECIPE)
    (jobs / moved).rename(supervised.workspace.root / "elsewhere")
    found = jobs / damaged / "1" / journal.NAME
    found.write_bytes(b"\0\0\n" + found.read_bytes())
    supervised.workspace.history.unlink()
    supervised.workspace.history.mkdir()
    problems = rebuild.rebuild(supervised.workspace).problems
    for said in (f"(1, such as {moved})", f"{damaged}/1/{journal.NAME}, line 1"):
        assert any(said in problem for problem in problems), problems
    assert any("history.jsonl cannot be read: Is a directory" in problem for problem in problems)
