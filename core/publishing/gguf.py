"""GGUF files, by the converters of llama.cpp."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.config.redaction import without_secrets
from core.domain.errors import UserError

#: Names the folder of llama.cpp with the converters, where they are not on the PATH.
FOLDER_VARIABLE = "EMPATHY_LLAMA_CPP"
_MODEL = "convert_hf_to_gguf.py"
_ADAPTER = "convert_lora_to_gguf.py"
#: The end of a converter's output that an error repeats, in characters.
_TAIL = 600


def converter(*, is_adapter: bool) -> Path:
    """The converter of adapters, or of models. Raises `UserError` if it is not installed."""
    name = _ADAPTER if is_adapter else _MODEL
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        path = Path(folder).expanduser() / name
        if not path.is_file():
            raise UserError(f"{FOLDER_VARIABLE} names {folder}, which has no {name}: name llama.cpp's folder")
        return path
    found = shutil.which(name)
    if found is None:
        raise UserError(
            f"--gguf needs llama.cpp's {name}, which is not on the PATH: get llama.cpp "
            f"(https://github.com/ggml-org/llama.cpp), and name its folder in {FOLDER_VARIABLE}"
        )
    return Path(found)


def convert_model(script: Path, folder: Path, file: Path) -> None:
    """Convert the model in a folder to a file. Raises `UserError` if that fails."""
    _convert(script, [str(folder), "--outfile", str(file), "--outtype", "auto"], file)


def convert_adapter(script: Path, folder: Path, base: Path, file: Path) -> None:
    """Convert the adapter in a folder, which is for the model in the folder `base`, to a file.

    Raises `UserError` if that fails.
    """
    _convert(script, [str(folder), "--base", str(base), "--outfile", str(file)], file)


def _convert(script: Path, arguments: Sequence[str], file: Path) -> None:
    # This program has most of what a script needs that cannot be executed: PyTorch, Transformers and gguf.
    command = [str(script)] if os.access(script, os.X_OK) else [sys.executable, str(script)]
    try:
        ended = subprocess.run(
            [*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise UserError(f"{script} cannot be started: {error}") from error
    if ended.returncode != 0 or not file.is_file():
        said = (ended.stderr or ended.stdout).decode(errors="replace").strip()
        remedy = ""
        if "ModuleNotFoundError" in said:
            remedy = (
                ". Install what llama.cpp's requirements.txt names into an environment, and make the script "
                "executable with the Python of that environment in its first line"
            )
        raise UserError(f"{script} failed: {without_secrets(said)[-_TAIL:] or 'it wrote no file'}{remedy}")
