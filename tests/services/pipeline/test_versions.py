"""Superseded jobs: named by the settings in which they differ, and found by these names."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import schema
from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.names import ComparisonName, VersionName
from core.domain.versions import setting_value
from core.jobs import settings as job_settings
from core.pipeline.planning import workspace_graph
from core.services.pipeline import versions
from core.services.workspace import Workspace, open_workspace
from core.store import connections
from core.store.jobs import jobs
from tests.support.workspaces import finished_workspace

SFT, DPO = "small/direct/chatgpt/sft", "small/direct/chatgpt/sft-dpo"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return finished_workspace.make(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def study(finished: WorkspacePaths, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(finished.root, tmp_path / "study")
    with open_workspace(tmp_path / "study") as workspace:
        yield workspace


def change(study: Workspace, text: str, *, old: str = "") -> None:
    config = study.paths.config
    before = config.read_text()
    config.write_text(before.replace(old, text) if old else before + text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[sft]\nnum_train_epochs = 2\n", {f"{SFT}@epochs=3", f"{DPO}@sft.epochs=3"}),
        ("[dpo]\nbeta = 0.2\n", {f"{DPO}@beta=0.1"}),
        ("[runs]\nlora = false\n", {f"{SFT}@lora=on", f"{DPO}@lora=on"}),
        ("[runs]\ndtype = 'float32'\n", {f"{SFT}@dtype=auto", f"{DPO}@dtype=auto"}),
        (
            "[lora]\nr = 4\nlora_alpha = 8\n",
            {f"{SFT}@lora.r=8,lora_alpha=16", f"{DPO}@lora.r=8,lora_alpha=16"},
        ),
        ("[responding]\nmax_new_tokens = 100\n", set()),
    ],
)
def test_runs_are_named_by_what_differs(study: Workspace, text: str, names: set[str]) -> None:
    change(study, text)
    superseded = [job for job in study.runs.jobs() if not job.in_config and "chatgpt" in job.name]
    assert {job.name for job in superseded} == names
    assert {job.name for job in study.runs.jobs() if job.in_config} >= {SFT, DPO}
    # And back: nothing is superseded, and nothing was done again.
    study.paths.config.write_text(finished_workspace.CONFIG)
    assert all(job.in_config and job.state == "done" for job in study.runs.jobs())


def test_runs_on_all_pairs_are_named_beside_those_on_filtered_ones(study: Workspace) -> None:
    train = 'train = ["direct/chatgpt", "direct/llama"]'
    change(study, f'{train}\nfilter_judge = "gpt"', old=train)
    superseded = {job.name for job in study.runs.jobs() if not job.in_config}
    assert superseded == {f"{DPO}@filter=off", f"{DPO.replace('chatgpt', 'llama')}@filter=off"}


def test_responders_and_judges_of_comparisons_are_named_by_what_differs(study: Workspace) -> None:
    change(study, "[responding]\nmax_new_tokens = 100\n")
    change(study, "repeats = 2\n[judges.paper]", old="[judges.paper]")
    before = {rate.job for rate in study.evaluation.win_rates()}
    superseded = [rate for rate in study.evaluation.all_win_rates() if rate.job not in before]
    base, run = "small@max_new_tokens=160", f"{SFT}@respond.max_new_tokens=160"
    assert ComparisonName(base, run, "paper") in {rate.name for rate in superseded}
    assert ComparisonName(base, run, "gpt@repeats=1") in {rate.name for rate in superseded}
    assert ComparisonName("human", "chatgpt", "gpt@repeats=1") in {rate.name for rate in superseded}
    assert all(rate.n is not None for rate in superseded)
    pairs = study.evaluation.pairs(base, run)
    assert {verdict.judge for pair in pairs for verdict in pair.verdicts} == {"gpt@repeats=1", "paper"}
    assert all(pair.response_a and pair.response_b for pair in pairs)


def test_a_recipe_that_is_gone_keeps_its_runs_under_their_names(study: Workspace) -> None:
    change(study, 'train = ["direct/chatgpt"]', old='train = ["direct/chatgpt", "direct/llama"]')
    gone = [job for job in study.runs.jobs() if not job.in_config]
    assert {job.name for job in gone} == {"small/direct/llama/sft", "small/direct/llama/sft-dpo"}


def test_runs_side_by_side(study: Workspace) -> None:
    change(study, "[sft]\nnum_train_epochs = 2\n")
    other = "small/direct/llama/sft@epochs=3"
    found = study.runs.compare((f"{SFT}@epochs=3", other))
    assert [run.name for run in found.runs] == [f"{SFT}@epochs=3", other]
    assert all(run.rate is not None and run.rate.a == "small" for run in found.runs)
    assert {(test.a, test.b, test.baseline) for test in found.tests} == {(f"{SFT}@epochs=3", other, "small")}
    table = {run.name: run for run in study.runs.runs()}
    assert table[SFT].settings["epochs"] == "2"
    assert table[f"{SFT}@epochs=3"].settings["epochs"] == "3"
    assert table[f"{SFT}@epochs=3"].loss == pytest.approx(2 / 29)
    with pytest.raises(UserError, match="no run is named 'nothing'"):
        study.runs.find(["nothing"])
    with pytest.raises(UserError, match="two different runs"):
        study.runs.compare((SFT, SFT))


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z_.]+", fullmatch=True), st.text() | st.floats() | st.booleans()))
)
def test_names_are_parsed_as_they_are_formatted(settings: list[tuple[str, object]]) -> None:
    name = VersionName(SFT, tuple((key, setting_value(value)) for key, value in settings))
    assert VersionName.parse(str(name)) == name
    assert ComparisonName.parse(f"small vs {name} @ gpt") == ComparisonName("small", str(name), "gpt")


def test_settings_are_named_by_fields_that_there_are() -> None:
    modules = (job_settings, schema)
    structs = [
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, msgspec.Struct)
    ]
    fields = {name for struct in structs for name in struct.__struct_fields__}
    assert len(fields) > 50
    named = versions._LEFT_OUT | versions._NAMES | versions._SHORT.keys() | set(versions._GROUPS)
    # A stage that a configuration may do without.
    assert named - fields == {"filter"}


def test_what_earlier_settings_took_is_an_estimate(study: Workspace) -> None:
    change(study, "[sft]\nnum_train_epochs = 2\n")
    imported = study.data.imported()
    assert imported is not None
    planned = workspace_graph.plan(study.paths, load_config(study.paths.config), imported, {})
    with closing(connections.writer(study.paths.state)) as connection, connections.transaction(connection):
        connection.execute("UPDATE jobs SET started_at = 100, finished_at = 110 WHERE state = 'done'")
        jobs.put(connection, planned)
    found = study.pipeline.forecast(1000.0)
    assert found is not None
    assert not found.is_lower_bound
    assert found.stages["sft"] >= 10
