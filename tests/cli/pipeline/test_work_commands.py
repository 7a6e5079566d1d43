"""run, status, cancel, retry, pause, resume, logs: light jobs, real supervisors and workers."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Program, end_processes, environment, make_program
from tests.cli.test_program import in_terminal
from tests.support import waiting
from tests.support.records.synthetic_dialogues import columns, synthetic_csv, synthetic_rows, write_rows


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Workspaces to be copied: `loaded` has data; `barren` has some whose recipe fails, for ChatGPT's
    responses are rated too low for any example."""
    folder = tmp_path_factory.mktemp("imported")
    poor = [row | {"rating_chatgpt_empathy": "1"} for row in synthetic_rows()]
    files = {
        "loaded": synthetic_csv(folder / "made.csv"),
        "barren": write_rows(folder / "poor.csv", poor, columns()),
    }
    for name, file in files.items():
        make_program(folder / name)("import", file)
    end_processes(folder)
    return {name: folder / name for name in files}


@pytest.fixture
def loaded(imported: dict[str, Path], tmp_path: Path) -> Iterator[Program]:
    """A workspace with data, and no job requested."""
    yield Program(shutil.copytree(imported["loaded"], tmp_path / "work"))
    end_processes(tmp_path)


@pytest.fixture
def barren(imported: dict[str, Path], tmp_path: Path) -> Iterator[Program]:
    """A workspace whose recipe produces no examples and fails."""
    yield Program(shutil.copytree(imported["barren"], tmp_path / "work"))
    end_processes(tmp_path)


def job(program: Program, name: str) -> dict[str, Any]:
    """The one job, `stage name`, as the status shows it."""
    return next(j for j in program("status", "--json").json["jobs"] if f"{j['stage']} {j['name']}" == name)


RECIPE = "recipe direct/chatgpt"
RUN = "sft tiny/direct/chatgpt/sft"


def test_the_status_before_anything_was_asked_for(loaded: Program) -> None:
    jobs = loaded("status", "--json").json["jobs"]
    assert [(j["stage"], j["name"], j["state"], j["requested"]) for j in jobs] == [
        ("recipe", "direct/chatgpt", "waiting", False),
        ("respond", "tiny", "waiting", False),
        ("sft", "tiny/direct/chatgpt/sft", "waiting", False),
        ("respond", "tiny/direct/chatgpt/sft", "waiting", False),
    ]
    wanted = {
        "id",
        "stage",
        "name",
        "state",
        "done",
        "total",
        "attempt",
        "started_at",
        "finished_at",
        "error",
    }
    assert all(wanted <= set(j) for j in jobs)
    assert "not started" in loaded("status").out


def test_run_waits_tells_and_does_nothing_twice(loaded: Program) -> None:
    begun = time.time()
    result = loaded("run", "recipe", "--wait")
    assert "1 job: 1 new, 0 done before" in result.out
    assert "recipe direct/chatgpt: done in" in result.out
    assert "SFT examples" in result.out
    found = job(loaded, RECIPE)
    assert found["state"] == "done"
    assert found["attempt"] == 1
    assert found["done"] == found["total"] > 0
    assert begun - 1 < found["started_at"] <= found["finished_at"] < time.time() + 1
    again = loaded("run", "direct/chatgpt", "--wait")
    assert "1 job: 0 new, 1 done before" in again.out
    assert job(loaded, RECIPE) == found


def test_run_returns_at_once_and_answers_programs(loaded: Program) -> None:
    result = loaded("run", "recipe", "--json").json
    assert result["jobs"] == [job(loaded, RECIPE)["id"]]
    assert (result["new"], result["paused"]) == (1, False)
    waited = loaded("run", "recipe", "--wait", "--json")
    assert waited.json["ok"] is True
    assert [j["state"] for j in waited.json["jobs"]] == ["done"]


def test_run_draws_on_a_terminal(loaded: Program) -> None:
    code, shown = in_terminal(loaded.command("run", "recipe", "--wait"))
    assert code == 0
    assert "done in" in shown


def test_an_unknown_target(loaded: Program) -> None:
    refused = loaded("run", "recepie", "--wait", code=1)
    assert "recipe" in refused.err
    assert not any(j["requested"] for j in loaded("status", "--json").json["jobs"])


def test_a_failure_is_reported_with_its_reason_and_what_it_blocks(barren: Program) -> None:
    result = barren("run", RUN.partition(" ")[0], "--wait", code=1)
    assert "produces no examples" in result.out
    assert "1 failed, 1 blocked" in result.err
    failed = job(barren, RECIPE)
    assert failed["state"] == "failed"
    assert "produces no examples" in failed["error"]
    assert "blocked" in job(barren, RUN)["reason"]
    assert "produces no examples" in barren("status").out
    as_json = barren("run", "sft", "--wait", "--json", code=1)
    assert as_json.json["ok"] is False
    assert job(barren, RECIPE)["attempt"] == 2, "requested again, so tried again"


def test_retry(barren: Program) -> None:
    barren("run", "recipe", "--wait", code=1)
    failed = job(barren, RECIPE)
    assert barren("retry", failed["id"], "--json").json == {"jobs": [failed["id"]]}
    barren("run", "recipe", "--wait", code=1)
    assert job(barren, RECIPE)["attempt"] > 1
    assert "there is no job" in barren("retry", "nonsense", code=1).err


def test_what_cannot_be_cancelled_or_retried_is_said(loaded: Program) -> None:
    assert "not requested" in loaded("cancel", RUN.replace(" ", ":"), code=1).err
    loaded("run", "recipe", "--wait")
    assert "done" in loaded("cancel", "recipe:direct/chatgpt", code=1).err
    assert "done" in loaded("retry", "recipe:direct/chatgpt", code=1).err
    ambiguous = loaded("cancel", "tiny/direct/chatgpt/sft", code=1)
    assert "names 2 jobs" in ambiguous.err


def test_pause_holds_work_back_until_resume(loaded: Program) -> None:
    assert "resume" in loaded("pause").out
    assert loaded("status", "--json").json["paused"] is True
    assert "Paused" in loaded("run", "recipe").out
    refused = loaded("run", "recipe", "--wait", code=1)
    assert "paused" in refused.err
    assert "empathy-tui resume" in refused.err
    assert job(loaded, RECIPE)["state"] == "ready"
    assert "paused" in loaded("status").out
    assert loaded("resume", "--json").json == {"paused": False}
    loaded("run", "recipe", "--wait")


def test_a_job_that_waits_is_cancelled_and_taken_up_again(loaded: Program) -> None:
    loaded("pause")
    loaded("run", "recipe")
    assert loaded("cancel", RECIPE.replace(" ", ":"), "--json").json["state"] == "cancelled"
    assert job(loaded, RECIPE)["state"] == "cancelled"
    loaded("retry", "recipe:direct/chatgpt")
    loaded("resume")
    loaded("run", "recipe", "--wait")


def test_work_that_has_no_slot_is_not_waited_for(loaded: Program) -> None:
    config = loaded.root / "config.toml"
    config.write_text(config.read_text().replace('device = "cpu"', 'device = "cuda"') + "[slots]\ngpu = 0\n")
    refused = loaded("run", "sft", "--wait", code=1)
    assert "[slots] gpu = 0" in refused.err
    assert job(loaded, RECIPE)["state"] == "done"


def test_logs(barren: Program) -> None:
    assert "supervisor" in barren("logs").out
    assert "no log yet" in barren("logs", RECIPE.replace(" ", ":"), code=1).err
    barren("run", "recipe", "--wait", code=1)
    log = next((barren.root / job(barren, RECIPE)["folder"]).glob("log.txt"))
    log.write_text("first\n 10%\r 20%\r\x1b[31m\x1b[2Jlast\n")
    shown = barren("logs", RECIPE.replace(" ", ":")).out.splitlines()
    assert shown == ["first", "␛[2Jlast"]
    assert barren("logs", RECIPE.replace(" ", ":"), "-n", "1").out.splitlines() == shown[1:]
    found = barren("logs", RECIPE.replace(" ", ":"), "-n", "1", "--json").json
    (line,) = found.pop("lines")
    assert line["text"] == "\x1b[2Jlast"
    assert found == {"job": job(barren, RECIPE)["id"], "file": str(log), "attempt": 1}


def test_a_log_is_followed_until_its_job_has_ended(loaded: Program) -> None:
    loaded("pause")
    loaded("run", "recipe")
    command = loaded.command("logs", "--follow", RECIPE.replace(" ", ":"))
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        loaded("resume")
        out, _ = waiting.communicate(process)
    assert process.returncode == 0
    assert out == loaded("logs", RECIPE.replace(" ", ":"), "-n", "1000").out
    assert f"{RECIPE}, attempt 1" in out
