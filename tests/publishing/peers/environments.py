"""Environments of other programs: they have neither this project nor its dependencies."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """An environment in a folder, with these packages."""

    folder: Path
    packages: tuple[str, ...]

    def prepare(self) -> None:
        """Create it, and install the packages unless they are there."""
        if not self.folder.exists():
            uv = shutil.which("uv") or "uv"
            subprocess.run([uv, "venv", "-q", "--python", "3.11", str(self.folder)], check=True)
            install = [uv, "pip", "install", "-q", "--python", str(self.program("python")), *self.packages]
            if subprocess.run(install, check=False).returncode:
                shutil.rmtree(self.folder)
                raise SystemExit(f"{' '.join(self.packages)} cannot be installed")

    def program(self, name: str) -> Path:
        """One of its programs."""
        return self.folder / "bin" / name

    def run(self, command: Sequence[str | Path], scratch: Path, given: bytes = b"") -> str:
        """Run one of its programs in a folder, offline and without a GPU; what it prints.

        Raises `SystemExit` with the end of its errors if it fails.
        """
        ended = subprocess.run(
            [str(self.program(str(command[0]))), *map(str, command[1:])],
            cwd=scratch,
            env=self._variables(),
            input=given,
            capture_output=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit((ended.stderr or ended.stdout).decode(errors="replace")[-3000:])
        return ended.stdout.decode()

    def versions(self, names: Sequence[str]) -> str:
        """The versions of some of its packages."""
        code = (
            "import sys\nfrom importlib.metadata import version\n"
            "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
        )
        return self.run(("python", "-c", code, *names), self.folder).strip()

    def _variables(self) -> Mapping[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
        }
        return kept | {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "AXOLOTL_DO_NOT_TRACK": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "HF_HUB_OFFLINE": "1",
            "PYTHONSAFEPATH": "1",
        }
