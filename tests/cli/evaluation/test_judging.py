"""The commands about judges, pairs, votes and reports, as a person types them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import loopback
from tests.cli.conftest import Program
from tests.loopback import KEY, Api
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.workspaces import finished_workspace
from tests.support.workspaces.judged_workspace import longer

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
    with supervised(program.root):
        program("import", synthetic_csv(tmp_path / "made.csv"))
        yield program


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
    assert "needs no validation" in asked("judge", "validate", "own", code=1).err
    assert asked("judge", "validate", "gpt", "--pairs", "0", code=2).err


def test_stored_answers_are_read_again(asked: Program, api: Api) -> None:
    assert "no job of these judges has ended" in asked("judge", "reparse", code=1).err
    assert "'own' is not a judge that is a large model" in asked("judge", "reparse", "own", code=1).err
    asked("run", "compare:human vs chatgpt @ gpt", "--wait")
    paid = dict(api.paid)
    before = asked("pairs", "human", "chatgpt", "--json").json
    # As an earlier version might have read them.
    with closing(sqlite3.connect(asked.root / "state.db")) as connection, connection:
        connection.execute("UPDATE verdicts SET winner = 'invalid'")
        connection.execute(
            "UPDATE jobs SET result = json_set(result, '$.invalid_verdicts', verdicts.n) FROM ("
            "SELECT count(*) AS n FROM verdicts) AS verdicts WHERE stage = 'compare'"
        )
    output = asked("judge", "reparse", "gpt").out
    (line,) = (line for line in output.splitlines() if line.startswith("compare human vs chatgpt @ gpt: "))
    now, _, earlier = line.partition("; before: ")
    n = len(before) * 2
    assert f"{n} of {n} verdicts valid" in now
    assert f"0 of {n} verdicts valid" in earlier
    assert asked("pairs", "human", "chatgpt", "--json").json == before
    done = asked("judge", "reparse", "--json").json
    assert done["ok"]
    assert [job["attempt"] for job in done["jobs"]] == [3]
    assert dict(api.paid) == paid
    # Where answers are missing, results stay as they are.
    (rate,) = (r for r in asked("winrates", "--json").json if r["judge"] == "gpt")
    for journal in asked.root.glob("artifacts/jobs/compare-*/*/journal.jsonl"):
        kept = (line for line in journal.read_text().splitlines() if '"key"' not in line)
        journal.write_text("\n".join(kept) + "\n")
    failed = asked("judge", "reparse", "gpt", code=1)
    assert "so the result is the earlier one" in failed.err
    assert "have no stored answer" in failed.err
    (after,) = (r for r in asked("winrates", "--json").json if r["judge"] == "gpt")
    assert after == rate
    assert after["state"] == "done"


def test_pairs_of_a_filter_are_read_again(asked: Program, api: Api) -> None:
    config = asked.root / "config.toml"
    config.write_text(f'{config.read_text()}[recipes]\ntrain = ["direct/chatgpt"]\nfilter_judge = "gpt"\n')
    asked("run", "filter", "--wait")
    (recipe,) = (one for one in asked("recipes", "--json").json if one["name"] == "direct/chatgpt")
    paid = dict(api.paid)
    # As an earlier version might have read them.
    with closing(sqlite3.connect(asked.root / "state.db")) as connection, connection:
        connection.execute("UPDATE jobs SET result = json_set(result, '$.kept', 1) WHERE stage = 'filter'")
    output = asked("judge", "reparse", "gpt").out
    kept, pairs = recipe["filtered"]["kept"], recipe["filtered"]["pairs"]
    assert f"valid, {kept} of {pairs} preference pairs kept; before: " in output
    assert f"valid, 1 of {pairs} preference pairs kept\n" in output
    assert "DPO runs that are done were trained on the pairs kept before" in output
    assert recipe in asked("recipes", "--json").json
    assert "trained on" not in asked("judge", "reparse").out
    assert dict(api.paid) == paid


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
    # Four named winners in an answer take more tokens than a digit; the requests are as many.
    config.write_text(
        config.read_text().replace(
            'model = "gpt-4o"\n', 'model = "gpt-4o"\ndimensions = true\nstop = "decided"\n'
        )
    )
    (more,) = asked("run", "compare:human vs chatgpt @ gpt", "--dry-run", "--json").json["recipes"]
    assert more["requests"] == dry["requests"]
    assert more["output_tokens"] == pytest.approx(4 * 5 * more["requests"], rel=0.3)
    assert more["usd"] > 1.1 * dry["usd"]
    # It may stop before.
    assert (dry["is_upper_bound"], more["is_upper_bound"]) == (False, True)
    output = " ".join(asked("run", "compare:human vs chatgpt @ gpt", "--dry-run").out.split())
    assert "At most this is sent: judge gpt may stop before, once it is decided." in output
    for design in gpt["designs"]:
        assert design["requests"] == design["dialogues"] * design["orders"]
        assert design["usd"] / design["requests"] == pytest.approx(dry["usd"] / dry["requests"], rel=0.01)
    # Nothing was judged yet: nothing is known but the price.
    assert (gpt["seen"], gpt["tie_rate"], gpt["flip_rate"]) == (0, None, None)
    assert all(design["at_most"] for design in gpt["designs"][1:])
    assert (len(own["designs"]), own["designs"][0]["usd"]) == (1, 0.0)
    shown = " ".join(asked("judge", "plan", "gpt").out.split())
    assert "the gain from both orders is not known" in shown
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
    differing = study("pairs", "human", "chatgpt", "--json", "--disagree", "any").json
    assert all(len({v["winner"] for v in pair["verdicts"]}) > 1 for pair in differing)
    emotion = won[-1]["emotion"]
    sad = study("pairs", "human", "chatgpt", "--json", "--emotion", emotion).json
    assert {pair["emotion"] for pair in sad} == {emotion}
    assert "no judge has a verdict" in study("pairs", "human", "chatgpt", "--judge", "me", code=1).err
    assert "none of 40 pairs is" in study("pairs", "human", "chatgpt", "--search", "qqq", code=1).err
    assert "\x1b" not in study("pairs", "human", "chatgpt", "--limit", "0").out


def test_dimensions_are_shown_by_comparison_and_by_recipe(study: Program) -> None:
    rates = {(r["b"], r["judge"]): r for r in study("winrates", "--json").json}
    assert rates["chatgpt", "paper"]["dimensions"] == {}
    own = rates[f"{finished_workspace.RUN}/sft", "gpt"]
    parts = own["dimensions"]
    # This judge finds cognitive empathy as overall, affective the other way round, compassionate always b's.
    assert parts["cognitive"]["win_rate_b"] == pytest.approx(own["win_rate_b"])
    assert parts["affective"]["win_rate_b"] == pytest.approx(1 - own["win_rate_b"])
    assert (parts["compassionate"]["win_rate_b"], parts["compassionate"]["invalid"]) == (1, 0)
    assert parts["cognitive"]["invalid"] == own["invalid"] > 0
    assert (parts["cognitive"]["ci_low"], parts["cognitive"]["ci_high"]) == (own["ci_low"], own["ci_high"])
    recipes = study("winrates", "recipes", "--json").json
    assert {(r["recipe"], r["stage"], r["judge"]) for r in recipes} == {
        (recipe, stage, judge)
        for recipe in ("direct/chatgpt", "direct/llama")
        for stage in ("sft", "sft-dpo")
        for judge in ("gpt", "paper")
    }
    (one,) = (r for r in recipes if (r["recipe"], r["stage"], r["judge"]) == ("direct/chatgpt", "sft", "gpt"))
    # Of one student, the breakdown by recipe is the comparison.
    assert (one["comparisons"], one["n"], one["invalid"]) == (1, own["n"], own["invalid"])
    assert (one["win_rate_b"], one["ci_low"], one["dimensions"]) == (own["win_rate_b"], own["ci_low"], parts)
    shown = study("winrates", "recipes").out
    assert all(word in shown for word in ("overall", "cognitive", "affective", "compassionate"))
    assert "compassionate" in study("winrates").out
    assert (
        "affective empathy" in study("winrates", "show", f"small vs {finished_workspace.RUN}/sft @ gpt").out
    )
    assert "digit" in study("winrates", "judges").out


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
