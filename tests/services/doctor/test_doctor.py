"""The doctor on keys: those that teachers and judges need, by their variables, and never a key itself."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.checks import Check
from core.services.doctor import doctor, key_checks

SECRET = "sk-do-not-show-this-0123"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    # No request leaves this machine: nothing listens there.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    for name in (*key_checks.KEYS, "OUR_KEY"):
        monkeypatch.delenv(name, raising=False)


def checks(folder: Path, config: str) -> dict[str, Check]:
    (folder / "config.toml").write_text(config)
    return {check.name: check for check in doctor.examine(WorkspacePaths(folder))}


def test_without_teachers_no_key_is_needed(tmp_path: Path) -> None:
    found = checks(tmp_path, "[judges.embedded]\nprovider = 'embedded'\n")
    for name in key_checks.KEYS:
        assert found[name] == Check(name, "ok", "not set; nothing in the pipeline needs it")


@pytest.mark.parametrize(
    ("config", "variable", "whom"),
    [
        ("[teachers.gpt]\nprovider = 'openai'", "OPENAI_API_KEY", "the teacher gpt"),
        ("[teachers.gem]\nprovider = 'google'", "GEMINI_API_KEY", "the teacher gem"),
        ("[teachers.claude]\nprovider = 'anthropic'", "ANTHROPIC_API_KEY", "the teacher claude"),
        ("[teachers.x]\nprovider = 'openai'\napi_key_env = 'OUR_KEY'", "OUR_KEY", "the teacher x"),
        (
            "[teachers.x]\nprovider = 'openai'\nbase_url = 'http://localhost:1'\napi_key_env = 'OUR_KEY'",
            "OUR_KEY",
            "the teacher x",
        ),
        ("[judges.gpt]\nprovider = 'openai'", "OPENAI_API_KEY", "the judge gpt"),
        ("[judges.gem]\nprovider = 'google'", "GEMINI_API_KEY", "the judge gem"),
    ],
)
def test_a_key_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, variable: str, whom: str
) -> None:
    config += "\nmodel = 'm'\n"
    for value in (None, "", "  "):
        if value is not None:
            monkeypatch.setenv(variable, value)
        missing = checks(tmp_path, config)[variable]
        assert (missing.outcome, missing.found) == ("fail", f"not set, but needed for {whom}")
        assert f"export {variable}" in (missing.remedy or "")
    monkeypatch.setenv(variable, SECRET)
    found = checks(tmp_path, config)
    assert found[variable] == Check(variable, "ok", "set")
    for check in found.values():
        assert SECRET not in repr(check)


def test_one_key_for_several(tmp_path: Path) -> None:
    config = (
        "[teachers.a]\nprovider = 'openai'\nmodel = 'm'\n[teachers.b]\nprovider = 'openai'\nmodel = 'n'\n"
        "base_url = 'http://localhost:1'\n[judges.c]\nprovider = 'openai'\nmodel = 'm'\n"
    )
    result = checks(tmp_path, config)["OPENAI_API_KEY"]
    assert result.found == "not set, but needed for the teacher a, the judge c"


def test_a_server_of_ones_own_may_want_none(tmp_path: Path) -> None:
    config = "[teachers.x]\nprovider = 'openai'\nmodel = 'm'\nbase_url = 'http://localhost:1'\n"
    result = checks(tmp_path, config)["OPENAI_API_KEY"]
    assert (result.outcome, result.found) == (
        "ok",
        "not set; it may not be needed for the teacher x, which has its own base_url",
    )


def test_a_local_model_needs_none(tmp_path: Path) -> None:
    found = checks(tmp_path, "[teachers.x]\nprovider = 'local'\nmodel = 'm'\n")
    assert "" not in found
    assert all(found[name].outcome == "ok" for name in key_checks.KEYS)


def test_a_configuration_that_does_not_hold_is_said_once(tmp_path: Path) -> None:
    found = checks(tmp_path, "[teachers.x]\nprovider = 'openai'\n")
    assert found["config.toml"].outcome == "fail"
    assert all(found[name].outcome == "ok" for name in key_checks.KEYS)


def test_packages_are_held_against_the_ranges_that_the_project_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = ["new>=1,<2", "old>=1,<2", "fits>=1,<2", "gone>=1,<2", "other>=1 ; sys_platform == 'never'"]
    installed = {"new": "2.0", "old": "0.9", "fits": "1.5.1"}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "requires", lambda project: required)
    monkeypatch.setattr(metadata, "version", version)
    found = checks(tmp_path, "")
    assert found["fits"] == Check("fits", "ok", "1.5.1")
    for name in ("new", "old"):
        assert (found[name].outcome, found[name].found) == ("warn", installed[name])
        assert "<2,>=1" in (found[name].remedy or "")
    assert found["gone"].outcome == "fail"
    assert "other" not in found
