"""What a change of config.toml means, and saving it: counts, time, cost, and never over another change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.api import UserError, Workspace, open_workspace
from tests.support.workspaces import finished_workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_workspace.make(tmp_path_factory.mktemp("made") / "study").root


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


def edited(workspace: Workspace, **changes: str | None) -> tuple[str, str]:
    """The text of config.toml, and that with changes of `sft` or `recipes`."""
    text = workspace.configuration.text()
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return text, workspace.configuration.edited(text, named)


def test_another_number_of_epochs_makes_all_that_follows_from_it_anew(study: Path) -> None:
    with open_workspace(study) as workspace:
        before, after = edited(workspace, sft__num_train_epochs="2")
        found = workspace.configuration.change(before, after)
        (setting,) = found.settings
        assert (setting.key, setting.before, setting.after) == ("sft.num_train_epochs", "3.0", "2.0")
        # Two recipes: SFT and DPO of each, their responses, and their comparisons under two judges.
        stages = sorted(job.stage for job in found.to_run)
        assert stages == ["compare"] * 8 + ["respond"] * 4 + ["sft"] * 2 + ["sft-dpo"] * 2
        assert sorted(job.stage for job in found.superseded) == stages
        assert found.known == found.unfinished == found.dropped == ()
        # The judges have no price.
        assert found.usd is None
        assert workspace.configuration.text() == before
        # Back again, everything is known.
        workspace.commands.save_config(before, after)
        back = workspace.configuration.change(after, before)
        assert (len(back.known), len(back.to_run), len(back.superseded)) == (16, 0, 0)


def test_without_paid_judges_it_costs_nothing(study: Path) -> None:
    (study / "config.toml").write_text(
        '[students.small]\nmodel = "made/small"\n[recipes]\ntrain = ["direct/chatgpt"]\n'
        '[judges.own]\nprovider = "embedded"\n'
    )
    with open_workspace(study) as workspace:
        before, after = edited(workspace, recipes__train="direct/chatgpt, direct/gemini")
        found = workspace.configuration.change(before, after)
    assert found.usd == 0
    assert found.settings[0].added == ("direct/gemini",)
    # A recipe, two runs, two responders and two comparisons.
    assert len(found.to_run) == 7
    assert not found.superseded
    assert not found.dropped


def test_a_setting_outside_the_fingerprint_changes_no_job(study: Path) -> None:
    with open_workspace(study) as workspace:
        found = workspace.configuration.change(*edited(workspace, sft__save_steps="10"))
    assert [one.key for one in found.settings] == ["sft.save_steps"]
    assert found.to_run == found.superseded == found.known == ()


def test_without_data_there_are_no_jobs(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# empty\n")
    with open_workspace(tmp_path) as workspace:
        found = workspace.configuration.change(*edited(workspace, sft__seed="2"))
    assert not found.has_data
    assert not found.to_run


def test_what_cannot_be_planned_is_refused_with_its_line(study: Path) -> None:
    with (
        open_workspace(study) as workspace,
        pytest.raises(UserError, match=r"line 5: .*'direct/lama'.*llama"),
    ):
        edited(workspace, recipes__train="direct/lama")


def test_saving_keeps_link_and_permissions_and_never_overwrites_another_change(study: Path) -> None:
    file, link = study.parent / "mine.toml", study / "config.toml"
    shutil.move(link, file)
    file.chmod(0o600)
    link.symlink_to(file)
    with open_workspace(study) as workspace:
        before, after = edited(workspace, sft__seed="2")
        workspace.commands.save_config(before, after)
        assert link.is_symlink()
        assert file.read_text() == after
        assert file.stat().st_mode & 0o777 == 0o600
        with pytest.raises(UserError, match="has changed meanwhile"):
            workspace.commands.save_config(before, before + "# mine\n")
        with pytest.raises(UserError, match=r"sft\.sed"):
            workspace.commands.save_config(after, after + "sed = 1\n")
        assert file.read_text() == after
    with open_workspace(study, read_only=True) as watched, pytest.raises(UserError, match="read-only"):
        watched.commands.save_config(after, before)


def test_a_mistake_keeps_the_last_valid_configuration(study: Path) -> None:
    with open_workspace(study) as workspace:
        before, after = edited(workspace, sft__num_train_epochs="2")
        jobs = workspace.pipeline.snapshot().jobs
        (study / "config.toml").write_text(after.replace("num_train_epochs", "num_train_epoch"))
        snapshot = workspace.pipeline.snapshot()
        assert "line 18: sft.num_train_epoch: " in (snapshot.config_error or "")
        assert "did you mean num_train_epochs?" in (snapshot.config_error or "")
        assert snapshot.jobs == jobs
        assert workspace.configuration.line_of_mistake() == 18
        # A recipe that the data has not is a mistake, too.
        (study / "config.toml").write_text(before.replace("direct/llama", "direct/lama"))
        snapshot = workspace.pipeline.snapshot()
        assert "line 5: recipes.train: there is no recipe 'direct/lama'" in (snapshot.config_error or "")
        assert snapshot.jobs == jobs
        (study / "config.toml").write_text(after)
        assert workspace.pipeline.snapshot().config_error is None


def test_settings_say_their_default_meaning_and_where_a_setting_stands(study: Path) -> None:
    with open_workspace(study) as workspace:
        found = {one.key: one for one in workspace.configuration.settings()}
        assert (found["judges.gpt.dimensions"].is_set, found["judges.gpt.dimensions"].line) == (True, 9)
        assert found["judges.gpt.dimensions"].choices == ("true", "false")
        assert not found["sft.seed"].is_set
        assert found["dpo.beta"].default == "0.1"
        assert "Passes over the training data" in found["dpo.num_train_epochs"].meaning
        assert workspace.configuration.line_of("recipes.train", "direct/llama") == 5
