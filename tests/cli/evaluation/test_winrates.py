"""winrates and its views: for people, and as JSON."""

from __future__ import annotations

import pytest

from core.config.workspace import WorkspacePaths
from tests.cli.conftest import Program
from tests.support.workspaces import win_rate_workspace
from tests.support.workspaces.filled_workspace import job_id
from tui.screens.win_rates import matrix

DPO = "smollm2/direct/chatgpt/sft-dpo"
AGREES = "Judge gpt-4o agrees with human ratings on 74 % of 200 pairs"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(win_rate_workspace.make(tmp_path_factory.mktemp("judged") / "study").root)


def test_the_table_is_a_list(study: Program) -> None:
    rates = study("winrates", "--json").json
    assert len(rates) == 21
    assert {rate["judge"] for rate in rates} == {"gpt-4o", "gemini", "embedded"}
    assert sum(rate["win_rate_b"] is None for rate in rates) == 4
    shown = study("winrates").out
    assert "68.3 %" in shown
    assert "Judge gpt-4o agrees" in shown


def test_one_comparison_in_full(study: Program) -> None:
    found = study("winrates", "show", win_rate_workspace.LENGTH_BIASED, "--json").json
    assert found["rate"]["lc_differs"] is True
    assert {cell["kind"] for cell in found["cells"]} == {"emotion", "sentiment", "length"}
    assert sum(cell["n"] for cell in found["cells"] if cell["kind"] == "emotion") == 60
    shown = study("winrates", "show", win_rate_workspace.LENGTH_BIASED).out
    assert "! Length affects this win rate: at equal length it is 51.5 % (29.5–73.5)." in shown
    assert "By sentiment" in shown
    assert AGREES in shown


def test_one_that_is_not_finished_is_not_known(study: Program) -> None:
    found = study("winrates", "show", win_rate_workspace.UNFINISHED, "--json").json
    assert found["rate"]["n"] is None
    assert found["cells"] == []
    shown = study("winrates", "show", win_rate_workspace.UNFINISHED).out
    assert ": running" in shown
    assert "verdicts are incomplete" in shown


def test_what_is_no_comparison_is_refused(study: Program) -> None:
    answers = job_id(WorkspacePaths(study.root), "respond", "smollm2")
    assert "is not a comparison" in study("winrates", "show", answers, code=1).err
    assert "there is no job 'none'" in study("winrates", "show", "none", code=1).err


def test_the_ranking(study: Program) -> None:
    found = study("winrates", "ranking", "--json").json
    assert [(one["judge"], one["groups"], len(one["entries"])) for one in found] == [
        ("gpt-4o", 2, 9),
        ("gemini", 1, 4),
        ("embedded", 2, 9),
    ]
    shown = study("winrates", "ranking").out
    assert shown.index(DPO) < shown.index("smollm2/direct/llama/sft ")
    assert "2 groups with no comparison between them" in shown
    assert AGREES in shown


def test_the_judges(study: Program) -> None:
    found = study("winrates", "judges", "--json").json
    assert [card["judge"] for card in found["judges"]] == ["gpt-4o", "gemini", "embedded"]
    assert {one["kind"] for one in found["agreements"]} == {"judges", "voters", "voter and judge"}
    assert [(vote["b"], vote["votes"]) for vote in found["votes"]] == [(DPO, 48)]
    shown = study("winrates", "judges").out
    assert "`empathy-tui judge validate gemini`" in shown
    assert "kappa" in shown
    models = {one["judge"]: one for one in found["bias_models"]}
    assert [effect["kind"] for effect in models["gpt-4o"]["effects"]][:3] == [
        "position",
        "length",
        "strength",
    ]
    position = models["gpt-4o"]["effects"][0]
    assert position["low"] < position["log_odds"] < position["high"]
    # gemini saw the baseline first, always.
    assert models["gemini"]["effects"][0]["log_odds"] is None
    assert "position and strength cannot be distinguished" in shown
    # Two voters with 24 pairs each are too few.
    assert all(
        test["passed"] is None and "ann 24, ben 24" in test["missing"] for test in found["annotator_tests"]
    )
    assert "needs 3 voters with 30 pairs each" in " ".join(shown.split())


def test_the_win_rates_by_people(study: Program) -> None:
    found = study("winrates", "votes", "--json").json
    assert {(one["b"], one["voted"], one["n"]) for one in found} == {(DPO, 24, 60)}
    assert {one["judge"] for one in found} == {"gpt-4o", "gemini", "embedded"}
    for one in found:
        width = one["ci_high"] - one["ci_low"]
        assert width <= one["votes_high"] - one["votes_low"]
        assert one["voters"] == ["ann", "ben"]
    shown = study("winrates", "votes").out
    assert "48 votes of ann, ben on 24 dialogues" in shown
    assert "votes alone" in shown
    assert "59.6 % (42.4–74.7)" in study("winrates").out
    detail = study("winrates", "show", f"smollm2 vs {DPO} @ gpt-4o")
    assert "prediction-powered" in detail.out
    basis = "votes on 24 of 60 dialogues and verdicts on all (their weight: 0.36)"
    assert basis in " ".join(detail.out.split())


def test_runs_against_runs(study: Program) -> None:
    found = study("winrates", "tests", "--json").json
    assert {(test["judge"], test["baseline"]) for test in found} >= {("gpt-4o", "smollm2")}
    few = study("winrates", "tests", "--significant", "--json").json
    assert 0 < len(few) < len(found)
    assert all(test["p_holm"] < 0.05 for test in few)
    shown = study("winrates", "tests", "--significant").out
    assert f"{len(few)} of {len(found)} tests" in shown
    assert matrix.SIGNIFICANT in shown
    assert AGREES in shown


def test_before_there_is_anything(program: Program) -> None:
    for view, text in (
        ("ranking", "no ranking"),
        ("tests", "nothing to test"),
        ("judges", "no judge"),
        ("votes", "Nobody has voted yet"),
    ):
        assert text in program("winrates", view).out
    assert program("winrates", "ranking", "--json").json == []
    assert program("winrates", "votes", "--json").json == []
    assert not any(program("winrates", "judges", "--json").json.values())
