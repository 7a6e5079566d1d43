"""A grid with several seeds: in the table of win rates, in the ranking, in a report, before it starts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from core.domain.names import RunName
from tests.cli.conftest import Program
from tests.support.workspaces import finished_workspace

_GRID = "[grid]\nseeds = [42, 43, 44]\n[grid.sft]\nlearning_rate = [1e-5, 5e-5]\n"
RUN = "small/direct/chatgpt/sft"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(finished_workspace.make(tmp_path_factory.mktemp("grid") / "study", more=_GRID).root)


def test_seeds_have_their_mean_and_spread(program: Program) -> None:
    rates = program("winrates", "--json").json
    groups = program("winrates", "seeds", "--json").json
    # Two judges, two recipes, two stages, two learning rates.
    assert len(groups) == 16
    one = next(one for one in groups if (one["b"], one["judge"]) == (RUN, "gpt"))
    own = [
        rate["win_rate_b"]
        for rate in rates
        if rate["judge"] == "gpt" and rate["b"] in (RUN, f"{RUN}/seed=43", f"{RUN}/seed=44")
    ]
    assert one["n"] == len(own) == len(one["comparisons"]) == 3
    assert one["mean"] == pytest.approx(np.mean(own))
    assert one["sd"] == pytest.approx(np.std(own, ddof=1))
    assert (one["min"], one["max"]) == (min(own), max(own))
    assert one["low"] < one["mean"] < one["high"]
    assert one["seeds_low"] < one["mean"] < one["seeds_high"]
    text = program("winrates").out
    assert f"{one['mean'] * 100:.1f} ± {one['sd'] * 100:.1f} %" in text
    assert f"{RUN}/sft.learning_rate=1e-05" in text
    assert "for other seeds on these dialogues" in program("winrates", "seeds").out


def test_a_ranking_has_one_entry_for_all_seeds(program: Program) -> None:
    ranking = program("winrates", "ranking", "--over-seeds", "--json").json[0]
    names = [entry["responder"] for entry in ranking["entries"]]
    assert RUN in names
    assert f"{RUN}/sft.learning_rate=1e-05" in names
    assert not [name for name in names if (run := RunName.parse(name)) and run.seed]
    each = program("winrates", "ranking", "--json").json[0]
    assert f"{RUN}/seed=43" in [entry["responder"] for entry in each["entries"]]


def test_a_report_has_the_table_of_seeds(program: Program, tmp_path: Path) -> None:
    program("report", tmp_path / "report")
    (path,) = (tmp_path / "report").rglob("seeds.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == 16
    assert {row["seeds"] for row in rows} == {"3"}
    (path,) = (tmp_path / "report").rglob("win_rates-gpt.csv")
    with path.open(newline="", encoding="utf-8") as file:
        assert [row["strategy or source"] for row in csv.DictReader(file)] == [
            *("chatgpt sft.learning_rate=1e-05", "chatgpt", "llama sft.learning_rate=1e-05", "llama"),
        ]


def test_a_dry_run_counts_what_is_done(program: Program) -> None:
    stages = {one["stage"]: one for one in program("run", "--dry-run", "--json").json["stages"]}
    assert (stages["sft"]["jobs"], stages["sft"]["done"]) == (12, 12)
    assert (stages["recipe"]["jobs"], stages["sft-dpo"]["jobs"]) == (2, 12)
    config = program.root / "config.toml"
    before = config.read_text(encoding="utf-8")
    config.write_text(before.replace("[42, 43, 44]", "[42, 43, 44, 45]"), encoding="utf-8")
    try:
        found = program("run", "--dry-run", "--json").json
        text = program("run", "--dry-run").out
    finally:
        config.write_text(before, encoding="utf-8")
    stages = {one["stage"]: one for one in found["stages"]}
    assert (stages["sft"]["jobs"], stages["sft"]["done"]) == (16, 12)
    assert (stages["respond"]["jobs"], stages["respond"]["done"]) == (33, 25)
    assert stages["respond"]["seconds"] is not None
    assert {run["name"].rpartition("/")[2].rpartition(",")[2] for run in found["runs"]} == {"seed=45"}
    assert "to do" in text
