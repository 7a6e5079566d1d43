"""A grid with two rungs and real training, from `run` to the end; its supervisor is killed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Program, make_program
from tests.support import tiny_student, waiting
from tests.support.processes.forking import preload
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_csv

preload(
    "core.judging.compare_job",
    "core.judging.embedded.fit_job",
    "core.judging.rung_job",
    "core.responding.respond_job",
    "core.responding.student_job",
    "core.training.training_job",
    into="models",
)

RUN = "tiny/direct/chatgpt/sft"
#: So small a rate leaves the student as it was, which ties with itself; the others spoil it.
WINNER, *LOSERS = (f"{RUN}/sft.learning_rate={rate}" for rate in ("1e-12", "0.2", "0.3"))
CONFIG = """
[students.tiny]
model = "{student}"
[recipes]
train = ["direct/chatgpt"]
[runs]
stages = ["sft"]
device = "cpu"
[sft]
max_steps = 3
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
[grid.sft]
learning_rate = [1e-12, 0.2, 0.3]
[rungs]
examples = [2, 4]
reduction_factor = 3
held_out = 8
[responding]
max_new_tokens = 8
[judges.embedded]
provider = "embedded"
[slots]
cpu = 2
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, str, str]]:
    """A workspace in which everything was run, and what `run --dry-run` and `run --wait` printed."""
    folder = tmp_path_factory.mktemp("rungs")
    student = tiny_student.make(folder / "student")
    program = make_program(folder / "work", CONFIG.format(student=student))
    with supervised(program.root, loaded="models") as first:
        program("import", synthetic_csv(folder / "made.csv"))
        planned = program("run", "--dry-run").out
        program("run")
        decided = f"rung-{'?' * 10}"
        waiting.wait_until(
            lambda: bool(list(program.root.glob(f"artifacts/jobs/{decided}/1/journal.jsonl"))),
            "the first rung",
            progress=waiting.file_sizes(program.root),
        )
        first.kill()
        first.wait()
    with supervised(program.root, loaded="models"):
        yield program, planned, program("run", "--wait").out


def states(program: Program) -> dict[str, str]:
    return {f"{job['stage']}:{job['name']}": job["state"] for job in program("status", "--json").json["jobs"]}


def test_the_winner_is_trained_in_full_and_the_losers_are_not(finished: tuple[Program, str, str]) -> None:
    program, _, printed = finished
    found = states(program)
    assert found[f"sft:{WINNER}"] == "done"
    assert found[f"compare:tiny vs {WINNER} @ embedded"] == "done"
    for loser in LOSERS:
        assert found[f"sft:{loser},examples=2"] == "done"
        assert found[f"sft:{loser},examples=4"] == "stopped"
        assert found[f"sft:{loser}"] == "stopped"
    assert set(found.values()) == {"done", "stopped"}
    assert f"sft {LOSERS[0]},examples=4: stopped at rung 1: " in printed
    rung = next(job for job in program("status", "--json").json["jobs"] if job["stage"] == "rung")
    promoted = {place["run"]: place["promoted"] for place in rung["result"]["places"]}
    assert promoted == {WINNER: True, **dict.fromkeys(LOSERS, False)}


def test_counts_add_up_and_results_are_those_of_the_test_split(finished: tuple[Program, str, str]) -> None:
    program, _, _ = finished
    found = states(program)
    stopped = sum(state == "stopped" for state in found.values())
    shown = " ".join(program("status").out.split())
    assert f"{len(found) - stopped} of {len(found)} done, {stopped} stopped at rungs" in shown
    rates = program("winrates", "--json").json
    assert [rate["b"] for rate in rates if rate["n"] is not None] == [WINNER]
    assert not [rate for rate in rates if "examples" in rate["b"] or "held-out" in rate["a"]]
    runs = {row["run"]["name"]: row["run"]["state"] for row in program("runs", "list", "--json").json}
    assert runs[LOSERS[0]] == "stopped"
    assert runs[f"{LOSERS[0]},examples=2"] == "done"


def test_the_plan_says_what_is_expected(finished: tuple[Program, str, str]) -> None:
    program, planned, _ = finished
    lines = {line.split()[0]: line.split() for line in planned.splitlines() if line.split()}
    # 3 runs on 2 examples, 3 on 4, 3 on all: 9 at most, 3 + 1 + 1 expected.
    assert lines["sft"][2:7] == ["9", "0", "0", "9", "~5"]
    assert "33 %" in next(line for line in planned.splitlines() if line.startswith(f"{LOSERS[0]} "))
    after = program("run", "--dry-run").out
    lines = {line.split()[0]: line.split() for line in after.splitlines() if line.split()}
    assert lines["sft"][2:6] == ["9", "5", "4", "0"]
    assert LOSERS[0] not in after


def test_everything_again_is_nothing_to_do_until_a_stopped_run_is_named(
    finished: tuple[Program, str, str],
) -> None:
    program, _, _ = finished
    before = program("status", "--json").json["jobs"]
    program("run", "--wait")
    assert program("status", "--json").json["jobs"] == before
    program("run", f"sft:{LOSERS[1]}", "--wait")
    assert states(program)[f"sft:{LOSERS[1]}"] == "done"


def test_a_report_says_that_runs_were_selected(finished: tuple[Program, str, str], tmp_path: Path) -> None:
    program, _, _ = finished
    program("report", tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "early rungs have stopped 1 of 3 runs, by win rates on train dialogues that were held out" in text
    assert "held-out vs" not in text.replace("\\", "")
