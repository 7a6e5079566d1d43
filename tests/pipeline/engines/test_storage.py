"""Jobs on nodes that do not see the workspace: everything goes through a storage."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.jobs.job import LOCAL
from core.jobs import files, journal
from core.jobs import spec as specs
from core.jobs.context import LOG
from core.jobs.settings import (
    CompareSettings,
    EmbeddedJudge,
    FilterSettings,
    LlmJudge,
    Ranks,
    RespondSettings,
    Settings,
    TeacherResponder,
    ValidateSettings,
)
from core.pipeline.engines import remote, transfers
from core.pipeline.storage import own_folder
from core.pipeline.storage.layout import read_by_attempts
from core.pipeline.storage.storage import Storage
from core.pipeline.supervision.supervisor import GRACE_S
from core.services.workspace import open_workspace
from core.store import intents
from core.store.jobs import job_attempts
from tests.pipeline.conftest import Rows
from tests.pipeline.engines.played_cluster import RECIPE, Played, can_hide
from tests.pipeline.workers import counting_stage
from tests.support import waiting
from tests.support.records import made_settings

SFT = "sft:tiny/direct/chatgpt/sft"


class FarPlayed:
    """A cluster whose nodes only see the folder `storage`."""

    def __init__(self, played: Played, storage: Path) -> None:
        self.played = played
        self.supervised = played.supervised
        self.storage = storage
        self.configure()
        if can_hide():
            # Not all of the workspace: the counting stage follows a plan in it.
            played.cluster.hidden = self.supervised.workspace.artifacts

    def configure(self, **options: float) -> None:
        self.played.configure(storage=f"file://{self.storage}", **options)

    def problem(self) -> str | None:
        """What is shown beside the engine."""
        (use,) = open_workspace(self.supervised.workspace.root).pipeline.snapshot().engines
        return use.problem

    def own(self) -> Path:
        """The folder of the workspace's engine on the storage."""
        return self.storage / own_folder.of_engine(self.supervised.workspace, "far")

    def files(self, folder: Path | None = None) -> list[str]:
        """The files in a folder on the storage, by default in the workspace's own."""
        folder = folder or self.own()
        # Folders may be removed meanwhile.
        found = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
        return [path.relative_to(folder).as_posix() for path in found]

    def stored(self, path: Path) -> Path:
        """Where a file that attempts read is on the storage."""
        return self.own() / read_by_attempts(files.sha256(path))

    def until_begun(self, attempt: int = 1) -> None:
        self.played.until(lambda: any(note[2] == attempt for note in self.supervised.notes()))

    def let_go(self) -> None:
        (self.supervised.workspace.root / "go").touch()


@pytest.fixture
def far(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FarPlayed:
    monkeypatch.setattr(transfers, "LOOK_S", 0.05)
    monkeypatch.setenv(counting_stage.ROOT, str(played.supervised.workspace.root))
    return FarPlayed(played, tmp_path / "storage")


def test_the_rows_are_those_of_local_workers_although_a_node_and_a_supervisor_die(
    far: FarPlayed, undisturbed_rows: Rows
) -> None:
    # The third step waits, in the second attempt too.
    far.supervised.set_plan(hold=[RECIPE])
    far.supervised.ask(intents.Start(engine="far"))
    far.until_begun()
    far.played.end_supervisor()
    far.played.supervisor = far.played.make_supervisor()
    far.played.tick()
    (task,) = (one for one in far.played.cluster.tasks if one.folder == far.played.folder(1))
    far.played.cluster.kill_node(task.name)
    far.until_begun(2)
    far.let_go()
    far.played.until(lambda: set(far.supervised.states().values()) == {"done"})
    assert far.supervised.attempts(RECIPE) == [(1, "lost"), (2, "done")]
    assert far.supervised.rows() == undisturbed_rows
    assert set(far.supervised.steps().values()) == {1}
    log = (far.played.folder(2) / LOG).read_text()
    assert "attempt 2" in log
    assert "done" in log
    # Nothing is left, but what makes a worker of the first attempt end.
    far.played.until(lambda: far.files() == [f"attempts/{task.name}/fenced"])


def test_what_no_job_needs_is_removed_and_what_is_not_this_workspaces_stays(
    far: FarPlayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "TIDY_S", 0.0)
    others = [far.storage / "files/y", far.storage / "study-12345678/far/attempts/task/bundle"]
    # Of a supervisor that was killed.
    left = [far.own() / "files" / ("0" * 64), far.own() / "attempts/gone/journal/000"]
    for path in (*others, *left):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    far.supervised.set_plan(hold=[SFT])
    far.supervised.ask(intents.Start(engine="far"))
    far.played.until(lambda: far.supervised.id(RECIPE) in {job for _, job, *_ in far.supervised.notes()})
    (dialogues,) = far.supervised.workspace.artifacts.glob("data/*/dialogues.jsonl")
    uploaded = far.stored(dialogues).stat()
    spec_of_recipe = far.stored(far.played.folder(1) / specs.NAME)
    far.played.until(lambda: far.supervised.states()[SFT] == "running")
    far.played.until(lambda: far.supervised.id(SFT) in {job for _, job, *_ in far.supervised.notes()})
    far.played.until(lambda: not spec_of_recipe.exists() and not any(path.exists() for path in left))
    # Other jobs read the dialogues, and find them there.
    assert far.stored(dialogues).stat() == uploaded
    assert far.stored(far.supervised.workspace.attempt(far.supervised.id(SFT), 1) / specs.NAME).exists()
    far.let_go()
    far.played.until(lambda: set(far.supervised.states().values()) == {"done"})
    far.played.until(lambda: far.files() == ["attempts/gone/fenced"])
    assert set(far.files(far.storage)) == {
        "files/y",
        "study-12345678/far/attempts/task/bundle",
        f"{far.own().relative_to(far.storage).as_posix()}/attempts/gone/fenced",
    }


def test_what_nodes_have_made_is_not_uploaded_again(far: FarPlayed, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: list[str] = []
    put = Storage.put

    def note_and_put(self: Storage, path: Path, name: str) -> None:
        uploaded.append(path.name)
        put(self, path, name)

    monkeypatch.setattr(Storage, "put", note_and_put)
    far.supervised.set_plan(preempt={SFT: [2]})
    far.supervised.ask(intents.Start(engine="far"))
    far.played.until(lambda: set(far.supervised.states().values()) == {"done"})
    assert far.supervised.attempts(SFT) == [(1, "preempted"), (2, "done")]
    # And what the second attempt reads of the first one that no node has made.
    attempts = far.supervised.query("SELECT job FROM attempts")
    wanted = {"dialogues.jsonl": 1, specs.NAME: len(attempts), journal.NAME: 1, remote.ID: 1}
    assert Counter(uploaded) == wanted


def test_the_supervisor_stays_until_the_storage_is_tidy(far: FarPlayed) -> None:
    far.supervised.ask(intents.Start(engine="far"))
    far.supervised.until(lambda: not far.played.tick())
    assert set(far.supervised.states().values()) == {"done"}
    assert far.files() == []


def test_a_copy_of_a_workspace_has_another_folder(far: FarPlayed, tmp_path: Path) -> None:
    root = far.supervised.workspace.root
    before = own_folder.of_engine(WorkspacePaths(root), "far")
    assert before.startswith(f"{root.name}-")
    copy = shutil.copytree(root, tmp_path / "copy")
    assert own_folder.of_engine(WorkspacePaths(copy), "far").startswith("copy-")
    renamed = root.rename(tmp_path / "renamed")
    assert own_folder.of_engine(WorkspacePaths(renamed), "far") == before
    assert own_folder.of_engine(WorkspacePaths(renamed), "../x") == before.replace("/far", "/.._x")


def test_answers_of_a_lost_attempt_are_used_by_the_next(far: FarPlayed) -> None:
    far.supervised.set_plan(die={RECIPE: [2]})
    far.played.finish()
    assert far.supervised.attempts(RECIPE) == [(1, "lost"), (2, "done")]
    assert set(far.supervised.steps().values()) == {1}


def test_a_storage_that_is_away_for_a_while_loses_nothing(far: FarPlayed) -> None:
    far.supervised.set_plan(hold=[RECIPE])
    far.until_begun()
    away = far.storage.with_name("away")
    far.storage.rename(away)
    far.storage.write_text("a file, so that nothing can be below it")
    far.played.until(lambda: "cannot be reached" in (far.problem() or ""))
    # Nothing is lost because nothing can be seen.
    far.configure(lost_after_s=0.01)
    far.let_go()
    far.played.until(lambda: any(what == "end" for *_, what in far.supervised.notes()))
    assert far.supervised.attempts(RECIPE) == [(1, "running")]
    far.configure()
    far.storage.unlink()
    away.rename(far.storage)
    far.played.finish()
    assert far.supervised.attempts(RECIPE) == [(1, "done")]
    far.played.until(lambda: far.problem() is None)


def test_a_cancelled_job_stops_through_the_storage(far: FarPlayed) -> None:
    far.supervised.set_plan(hold=[RECIPE])
    far.until_begun()
    (attempt,) = job_attempts.attempts(far.played.supervisor.connection, state="running")
    assert far.played.engines.of(attempt).travel_s(attempt) > GRACE_S
    far.supervised.ask(intents.Cancel(far.supervised.id(RECIPE)))
    far.played.finish()
    assert far.supervised.attempts(RECIPE) == [(1, "cancelled")]
    assert not far.played.cluster.stopped
    assert not far.played.engines.local.travel_s(attempt)
    assert "stopped: cancel requested" in (far.played.folder(1) / LOG).read_text()


def test_a_worker_whose_place_was_taken_ends_and_its_journal_is_not_read(far: FarPlayed) -> None:
    far.supervised.set_plan(hold=[RECIPE])
    far.until_begun()
    far.played.until(lambda: (far.played.folder(1) / journal.NAME).exists())
    (task,) = far.played.cluster.tasks
    far.configure(lost_after_s=0.01)
    far.played.until(lambda: far.supervised.attempts(RECIPE)[0] == (1, "preempted"))
    far.configure()
    # The worker of the first attempt lives, and finds out by itself.
    before = (far.played.folder(1) / journal.NAME).read_bytes()
    process = far.played.cluster.processes[task.name]
    assert waiting.wait_for_exit(process, progress=far.supervised.progress()) == 1
    assert (far.played.folder(1) / journal.NAME).read_bytes() == before
    far.let_go()
    far.played.finish()
    assert far.supervised.attempts(RECIPE)[-1][1] == "done"


def test_a_bucket_that_is_missing_delays_jobs_and_says_so(far: FarPlayed) -> None:
    far.played.configure(storage="file:///no-such-folder-here/prefix")
    far.played.until(
        lambda: (
            "there is no '/no-such-folder-here'" in str(far.supervised.query("SELECT queue FROM attempts"))
        )
    )
    far.supervised.ask(intents.Cancel(far.supervised.id(RECIPE)))
    far.played.finish()
    assert far.supervised.attempts(RECIPE) == [(1, "cancelled")]


def test_what_asks_large_models_runs_where_the_workspace_is(far: FarPlayed) -> None:
    model = made_settings.large_model()
    llm = LlmJudge(name="gpt", swap=True, repeats=1, prompt="{response_a} {response_b}", model=model)
    embedded = EmbeddedJudge(name="embedded")
    engines = far.played.engines

    def engine_of(settings: Settings) -> str:
        return engines.usable_for(made_settings.planned("a", settings=settings), "far")

    asking: list[Settings] = [
        made_settings.generate(),
        FilterSettings(recipe="direct/chatgpt", judge=llm),
        RespondSettings(responder=TeacherResponder(prompt="{utterance}", model=model)),
        ValidateSettings(judge=llm, pairs=10),
        CompareSettings(a="small", b="human", judge=llm),
    ]
    others: list[Settings] = [
        made_settings.recipe(),
        FilterSettings(recipe="direct/chatgpt", judge=embedded),
        CompareSettings(a="small", b="human", judge=embedded),
    ]
    far.played.tick()
    assert {engine_of(settings) for settings in asking} == {LOCAL}
    assert {engine_of(settings) for settings in others} == {"far"}
    far.played.configure()
    far.played.tick()
    assert {engine_of(settings) for settings in asking} == {"far"}


def test_a_run_over_several_nodes_needs_nodes_that_see_the_workspace(far: FarPlayed) -> None:
    ranks = Ranks(count=2, fsdp=None, nodes=2)
    run = made_settings.planned("a", settings=made_settings.sft(ranks=ranks), slot="gpu")
    far.played.tick()
    for engine in (LOCAL, "far"):
        with pytest.raises(UserError, match=f"2 nodes that see the workspace, which the engine {engine}"):
            far.played.engines.check_nodes(run, engine)
    far.played.configure()
    far.played.tick()
    far.played.engines.check_nodes(run, "far")


def test_a_damaged_file_fails_the_job_which_uploads_it_again(far: FarPlayed) -> None:
    (dialogues,) = far.supervised.workspace.artifacts.glob("data/*/dialogues.jsonl")
    stored = far.stored(dialogues)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(dialogues.read_bytes().replace(b"utterance 0", b"utterance X"))
    far.played.finish()
    assert "was damaged on file://" in (far.supervised.error(RECIPE) or "")
    # Once the job is done, nothing needs the file.
    far.supervised.set_plan(hold=[RECIPE])
    far.supervised.ask(intents.Retry(far.supervised.id(RECIPE)))
    far.until_begun(2)
    assert stored.read_bytes() == dialogues.read_bytes()
    far.let_go()
    far.played.finish()
    assert far.supervised.attempts(RECIPE) == [(1, "failed"), (2, "done")]
