"""Students are identified by what they are: folders by content, Hub names by commit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.config.load import parse_config
from core.config.schema import Config, Student
from core.domain.errors import UserError
from core.students.models import model_sources

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache without network, and an empty cache of the program."""
    import huggingface_hub.constants

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def config(model: str, extra: str = "") -> Config:
    return parse_config(f"[students.one]\nmodel = {model!r}\n{extra}")


def student(model: str, root: Path, extra: str = "") -> Student:
    return model_sources.resolved(config(model, extra), root, {}).students["one"]


def test_a_folder_is_its_content_wherever_it_lies(tiny: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(tiny, tmp_path / "space" / "moved"))
    (moved / "README.md").write_text("a card")
    names = ("./moved", "moved", str(moved), "../space/moved")
    found = {model_sources.identity(student(name, tmp_path / "space")) for name in names}
    assert found == {model_sources.identity(student(str(tiny), tmp_path))}
    assert found.pop().startswith("sha256:")
    before = model_sources.stamps(config("moved"), tmp_path / "space")
    (moved / "config.json").write_bytes((moved / "config.json").read_bytes() + b"\n")
    assert model_sources.identity(student("moved", tmp_path / "space")) != model_sources.identity(
        student(str(tiny), tmp_path)
    )
    assert model_sources.stamps(config("moved"), tmp_path / "space") != before


def test_files_that_seem_unchanged_are_not_read_again(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    first = model_sources.content_sha256(folder)
    weights = folder / "model.safetensors"
    status = weights.stat()
    weights.write_bytes(b"0" * status.st_size)
    assert model_sources.content_sha256(folder) != first
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = model_sources.content_sha256(folder)
    weights.write_bytes(b"1" * status.st_size)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert model_sources.content_sha256(folder) == second


def test_a_template_lies_in_the_workspace(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/mine.jinja").write_text("{{ messages }}")
    monkeypatch.chdir(tmp_path)
    found = student(str(tiny), tmp_path / "one", 'chat_template = "mine.jinja"')
    assert found.chat_template == str(tmp_path / "one/mine.jinja")
    sha256 = model_sources.template_sha256(found)
    assert sha256
    assert model_sources.template_sha256(student(str(tiny), tmp_path, 'chat_template = "mine.jinja"')) == ""
    model_sources.check_unchanged(found, model_sources.identity(found), sha256)
    (tmp_path / "one/mine.jinja").write_text("another")
    with pytest.raises(UserError, match=r"mine\.jinja has changed since this job was requested"):
        model_sources.check_unchanged(found, model_sources.identity(found), sha256)


def test_a_model_that_changed_after_the_request_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    found = student(str(folder), tmp_path)
    planned = model_sources.identity(found)
    model_sources.check_unchanged(found, planned, None)
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(UserError, match=r"copy have changed since .* start it again"):
        model_sources.check_unchanged(found, planned, None)


def test_a_hub_name_is_the_commit_that_the_workspace_stays_at(tmp_path: Path, caches: Path) -> None:
    name, other = "somebody/some-model", "f" * 40
    assert student(name, tmp_path).revision is None
    assert model_sources.new_commits(config(name), tmp_path, {}) == {}
    refs = caches / "models--somebody--some-model" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(COMMIT)
    (refs / "v2").write_text(other)
    assert student(name, tmp_path).revision == COMMIT
    assert student(name, tmp_path, 'revision = "v2"').revision == other
    assert model_sources.identity(student(name, tmp_path)) == f"{name}@{COMMIT}"
    assert model_sources.new_commits(config(name), tmp_path, {}) == {f"{name}@main": COMMIT}
    # The cache moves on with the Hub; the workspace stays.
    stays = {f"{name}@main": other}
    assert model_sources.new_commits(config(name), tmp_path, stays) == {}
    assert model_sources.resolved(config(name), tmp_path, stays).students["one"].revision == other


def test_the_embedded_student_is_its_name(tmp_path: Path) -> None:
    found = student("embedded/smollm2-135m-instruct", tmp_path)
    assert model_sources.identity(found) == "embedded/smollm2-135m-instruct"
    assert model_sources.stamps(config("embedded/smollm2-135m-instruct"), tmp_path) == ()
