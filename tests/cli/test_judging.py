"""The commands about judges, pairs, votes and reports, as a person types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import loopback
from tests.cli.conftest import Program, end_processes
from tests.judging.test_llm_judge import longer
from tests.loopback import KEY, Api
from tests.support import finished_workspace
from tests.support.synthetic_dialogues import synthetic_csv

JUDGES = """
[judges.gpt]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
[judges.own]
provider = "embedded"
[comparisons]
extra = [{{ a = "human", b = "chatgpt" }}]
"""


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        found.faults.content = longer
        yield found


@pytest.fixture
def asked(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A workspace with data and a judge on a server."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    program = Program(tmp_path / "study")
    program("init", program.root)
    (program.root / "config.toml").write_text(JUDGES.format(url=api.url))
    program("import", synthetic_csv(tmp_path / "made.csv"))
    yield program
    end_processes(tmp_path)


def test_a_judge_is_validated_from_the_command_line(asked: Program, api: Api) -> None:
    result = asked("judge", "validate", "gpt", "--pairs", "8", "--dry-run", "--json").json
    assert (result["recipes"][0]["recipe"], result["recipes"][0]["requests"]) == ("judge gpt", 16)
    assert not api.paid
    done = asked("judge", "validate", "gpt", "--pairs", "8", "--wait")
    assert "gpt agrees with the ratings on" in done.out
    assert "of 8 pairs (" in done.out
    assert len(api.paid) == 16
    again = asked("judge", "validate", "gpt", "--pairs", "8")
    assert "of 8 pairs" in again.out, "asked once"
    assert len(api.paid) == 16
    (rate,) = (r for r in asked("winrates", "--json").json if r["judge"] == "gpt")
    assert "agrees with human ratings" in rate["label"]
    assert "no judge is named 'nobody'" in asked("judge", "validate", "nobody", code=1).err
    assert "is embedded" in asked("judge", "validate", "own", code=1).err
    assert asked("judge", "validate", "gpt", "--pairs", "0", code=2).err


def test_a_plan_costs_what_the_dry_run_says(asked: Program) -> None:
    config = asked.root / "config.toml"
    priced = '[prices]\ndate = 2026-06-01\n[prices.models."gpt-4o"]\ninput = 2.5\noutput = 10.0\n'
    config.write_text(config.read_text() + priced)
    (dry,) = asked("run", "compare:human vs chatgpt @ gpt", "--dry-run", "--json").json["recipes"]
    found = {plan["judge"]: plan for plan in asked("judge", "plan", "--detect", "10", "--json").json}
    assert found.keys() == {"gpt", "own"}
    gpt, own = found["gpt"], found["own"]
    assert [(d["orders"], d["repeats"], d["is_configured"]) for d in gpt["designs"]] == [
        (1, 1, False),
        (2, 1, True),
    ]
    for design in gpt["designs"]:
        assert design["requests"] == design["dialogues"] * design["orders"]
        assert design["usd"] / design["requests"] == pytest.approx(dry["usd"] / dry["requests"], rel=0.01)
    # Nothing was judged yet: nothing is known but the price.
    assert (gpt["seen"], gpt["tie_rate"], gpt["flip_rate"]) == (0, None, None)
    assert all(design["at_most"] for design in gpt["designs"][1:])
    assert (len(own["designs"]), own["designs"][0]["usd"]) == (1, 0.0)
    shown = " ".join(asked("judge", "plan", "gpt").out.split())
    assert "what both orders gain is not known" in shown
    assert "no judge is named 'nobody'" in asked("judge", "plan", "nobody", code=1).err
    assert "not in the range" in asked("judge", "plan", "--detect", "60", code=2).err


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Program:
    root = tmp_path_factory.mktemp("judged") / "study"
    finished_workspace.make(root)
    return Program(root)


def test_pairs_are_filtered(study: Program) -> None:
    every = study("pairs", "human", "chatgpt", "--json").json
    won = study("pairs", "human", "chatgpt", "--json", "--verdict", "b", "--judge", "gpt").json
    assert 0 < len(won) < len(every)
    assert {v["winner"] for pair in won for v in pair["verdicts"] if v["judge"] == "gpt"} == {"b"}
    parted = study("pairs", "human", "chatgpt", "--json", "--disagree", "any").json
    assert all(len({v["winner"] for v in pair["verdicts"]}) > 1 for pair in parted)
    emotion = won[-1]["emotion"]
    sad = study("pairs", "human", "chatgpt", "--json", "--emotion", emotion).json
    assert {pair["emotion"] for pair in sad} == {emotion}
    assert "no judge has a verdict" in study("pairs", "human", "chatgpt", "--judge", "me", code=1).err
    assert "none of 40 pairs is" in study("pairs", "human", "chatgpt", "--search", "qqq", code=1).err
    assert "\x1b" not in study("pairs", "human", "chatgpt", "--limit", "0").out


def test_a_report_is_written(study: Program, tmp_path: Path) -> None:
    written = study("report", tmp_path / "report", "--json", "--judge", "paper").json
    assert str(tmp_path / "report" / "report.html") in written
    assert all(Path(path).exists() for path in written)
    refused = study("report", study.root, code=1)
    assert "which is not part of a report" in refused.err
    assert json.loads((tmp_path / "report" / "contents.json").read_text())


def test_voting_says_what_it_needs(study: Program) -> None:
    assert "needs a terminal" in study("vote", "human", "chatgpt", code=1).err
    assert "no responder is named" in study("vote", "human", "nobody", code=1).err
    assert "is on both sides" in study("vote", "human", "human", code=1).err
    for name in ("", "x" * 41, "../x", "a\x1b[31m"):
        refused = study("vote", "human", "chatgpt", "--voter", name, code=1).err
        assert "not a valid voter name" in refused
        assert "\x1b" not in refused
