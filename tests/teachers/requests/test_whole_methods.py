"""Methods 2 and 3 on real data: one request in ten fails, and both processes keep being killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

from core.config.schema import Recipes
from core.dialogues.importing.table import read_table
from core.domain.names import RecipeName
from core.pipeline.supervision.supervisor import MAX_LOST
from core.recipes import improve, strategies
from core.store import intents
from tests import loopback
from tests.loopback import Api, Faults, expected_answer
from tests.support import waiting
from tests.support.processes.forking import ForkedProcess
from tests.support.records import rating_counts
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

KILLS = 12

#: With temperature 0 the same question has one answer, and is asked once for all dialogues that share it.
TEACHER = "temperature = 0\nbatch_tries = 12"


def test_everything_is_answered_once_whatever_dies(tmp_path: Path, reference_dataset: Path) -> None:
    dialogues = read_table(reference_dataset).dialogues[:200]
    with loopback.running(Faults(fail_share=0.1, seed=1)) as api:
        study = TeacherWorkspace(tmp_path, api.url, strategies.names(), teacher=TEACHER, dialogues=dialogues)
        study.ask(intents.Start(targets=("recipe",)))
        kills = work_and_kill(study)
        assert kills == 2 * KILLS, study.story()
        assert set(study.states().values()) == {"done"}, study.story()
        assert_nothing_was_paid_twice(study, api)
        assert_every_answer_is_in_its_place(study)
        for name in strategies.names():
            sets = 3 if name.endswith("/combined") else 1
            recipe = RecipeName.parse(name)
            assert recipe is not None
            sft, pairs = improve.counts(
                rating_counts.of_train(dialogues), recipe.method, Recipes().improve_llm_sft
            )
            result = study.result(f"recipe:{name}")
            assert (result["sft_examples"], result["preference_pairs"]) == (2 * sft * sets, pairs * sets), (
                name
            )
            assert result["left_out"] == 0


def work_and_kill(study: TeacherWorkspace) -> int:
    """Work to the end, killing workers and supervisors on the way; how many of both died."""
    chance = random.Random(7)
    patience = waiting.Patience(
        "all answers", progress=waiting.file_sizes(study.workspace.root), show=study.story
    )
    dead = {"worker": 0, "supervisor": 0}
    supervisor = study.supervise()
    answered = 0
    while True:
        patience.check()
        if supervisor.poll() is not None:
            if supervisor.returncode == 0:
                return dead["worker"] + dead["supervisor"]
            supervisor = study.supervise()
        # Something must have happened between two deaths: each hits another moment of the work.
        moved = study.query("SELECT count(*) FROM submission_states")[0][0]
        # A job whose workers die again and again is given up: that is another test's.
        running = study.query(
            "SELECT pid FROM attempts WHERE state = 'running' AND pid IS NOT NULL AND number < ?", MAX_LOST
        )
        if moved == answered or not running:
            time.sleep(0.02)
            continue
        answered = moved
        if dead["worker"] < KILLS:
            dead["worker"] += kill(chance.choice(running)[0])
        if dead["supervisor"] < KILLS and dead["supervisor"] <= dead["worker"]:
            dead["supervisor"] += end(supervisor)


def kill(pid: int) -> int:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def end(supervisor: ForkedProcess) -> int:
    if supervisor.poll() is not None:
        return 0
    supervisor.kill()
    supervisor.wait()
    return 1


def assert_nothing_was_paid_twice(study: TeacherWorkspace, api: Api) -> None:
    asked = {key for (key,) in study.query("SELECT DISTINCT key FROM answers")}
    assert len(api.paid) == len(asked)
    assert set(api.paid.values()) == {1}
    assert study.query("SELECT count(*) FROM submissions WHERE NOT collected") == [(0,)]
    # Every batch that was made is known, and none was made twice for one intent.
    tokens = [batch["metadata"]["token"] for batch in api.batches.values()]
    assert len(tokens) == len(set(tokens))
    known = {token for (token,) in study.query("SELECT token FROM submissions WHERE batch IS NOT NULL")}
    assert known == set(tokens)


def assert_every_answer_is_in_its_place(study: TeacherWorkspace) -> None:
    """Each line of each set is what the API says to exactly that dialogue's conversation."""
    expected = {}
    for path in (study.workspace.artifacts / "jobs").glob("generate-*/*/*.jsonl"):
        if path.name not in ("journal.jsonl", "answers.jsonl") and "-" not in path.stem:
            for line in map(json.loads, path.open()):
                expected[line["custom_id"]] = expected_answer(line["body"]["messages"])
    for name in strategies.RESPONSE_SETS:
        lines = study.answers(name)
        assert len(lines) == len({line["dialog_id"] for line in lines}) == len(study.train)
        found = study.query(
            "SELECT key, text FROM answers JOIN submissions USING (token)"
            " WHERE submissions.job = ? AND outcome = 'ok'",
            study.job(f"generate:{name}"),
        )
        assert dict(found) == {key: expected[key] for key, _ in found}
        assert {line["text"] for line in lines} == {text for _, text in found}
