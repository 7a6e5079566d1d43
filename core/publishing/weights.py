"""The process that makes the files of a published model which need PyTorch: weights, tokenizer, Modelfile.

    python -m core.publishing.weights REQUEST RESULT

Both are JSON files: a `WeightsRequest`, and what became of it.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from core.config.redaction import without_secrets
from core.config.schema import Lora, Responding
from core.domain import troubles
from core.domain.errors import UserError
from core.jobs.settings import LocalStudent

#: Files of a run's folder that are not published: its own card, and a pickle of TRL's arguments.
_NOT_PUBLISHED = frozenset({"README.md", "training_args.bin"})
#: The most of an unexpected error that is repeated, in characters.
_LONGEST = 600
MODELFILE = "Modelfile"

log = logging.getLogger(__name__)


class WeightsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to make of a run."""

    student: LocalStudent
    """The student that the run fine-tuned."""
    responding: Responding
    """How it answers; written to the generation config and the Modelfile."""
    lora: Lora | None
    """None if all weights were trained."""
    trained: str
    """The folder of the run's adapter or model."""
    merge: bool
    """Whether to merge the adapter into the student."""
    dtype: str
    """Of the merged weights, under PyTorch's name."""
    folder: str
    """Where the files are made."""
    ollama: bool
    """Whether to write a Modelfile."""
    converter: str | None
    """llama.cpp's script that makes a GGUF file; None for no such file."""


class WeightsMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a request."""

    error: str | None = None
    """Why there are no files, for people; None if there are."""


def make(request: WeightsRequest, scratch: Path) -> None:
    """Have a process of its own make the files. Raises `UserError` if it cannot.

    `scratch` is a folder for the two files by which they speak.
    """
    asked, answered = scratch / "request.json", scratch / "result.json"
    asked.write_bytes(msgspec.json.encode(request))
    ended = subprocess.run(
        # -P: a file in the current folder must not shadow a module of the same name.
        [sys.executable, "-P", "-m", __name__, str(asked), str(answered)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TOKENIZERS_PARALLELISM": "false"},
        check=False,
    )
    try:
        made = msgspec.json.decode(answered.read_bytes(), type=WeightsMade)
    except (OSError, msgspec.DecodeError):
        said = without_secrets(ended.stderr.decode(errors="replace")).strip()[-_LONGEST:]
        raise UserError(
            f"the process that makes the weights ended with exit code {ended.returncode}: {said}"
        ) from None
    if made.error is not None:
        raise UserError(made.error)


def main(asked: Path, answered: Path) -> int:
    """Carry out a request; the exit code."""
    try:
        _make(msgspec.json.decode(asked.read_bytes(), type=WeightsRequest))
        made = WeightsMade()
    except UserError as error:
        made = WeightsMade(error=str(error))
    except Exception as error:
        # The boundary of the process: whoever waits must learn of any error.
        words = troubles.trouble_in_words(error)
        if words is None:
            log.error("unexpected", exc_info=True)
            words = f"unexpected: {type(error).__name__}: {error}"[:_LONGEST]
        made = WeightsMade(error=without_secrets(words))
    answered.write_bytes(msgspec.json.encode(made))
    return 0 if made.error is None else 1


def published_files(trained: Path) -> list[Path]:
    """The files of a run's folder that are published as they are.

    Raises `UserError` for a link, which no run writes: it may lead to a private file.
    """
    for path in trained.iterdir():
        if path.is_symlink():
            raise UserError(f"{path} is a link, and what it leads to would be published: remove it")
    return [path for path in trained.iterdir() if path.is_file() and path.name not in _NOT_PUBLISHED]


def _make(request: WeightsRequest) -> None:
    import torch

    from core.students import merging
    from core.students.chat import chat_format
    from core.students.decoding import generation_config as decoding
    from core.students.models import loading, model_sources, rope_names

    student, trained, folder = request.student.config, Path(request.trained), Path(request.folder)
    is_adapter = request.lora is not None and not request.merge
    model_sources.check_unchanged(student, request.student.source, request.student.chat_template_sha256)
    chat = chat_format.load(student)
    chat.check_adapter(trained)
    if request.lora is not None and request.merge:
        merging.merge(student, trained, folder, getattr(torch, request.dtype))
    else:
        for path in published_files(trained):
            shutil.copyfile(path, folder / path.name)
        if not is_adapter:
            rope_names.add_older(folder)
    ends = chat.stops(loading.end_tokens(student))
    decoding.configuration(request.responding, ends, chat.tokenizer.pad_token_id).save_pretrained(folder)
    gguf_file = None if request.converter is None else _convert(request, folder, is_adapter)
    if request.ollama:
        (folder / MODELFILE).write_text(_modelfile(request, chat, is_adapter, gguf_file), encoding="utf-8")


def _convert(request: WeightsRequest, folder: Path, is_adapter: bool) -> str:
    """Make a GGUF file; its name."""
    from core.publishing import gguf
    from core.students.models import loading

    script = Path(request.converter or "")
    if is_adapter:
        gguf.convert_adapter(
            script, folder, loading.base_folder(request.student.config), folder / "adapter.gguf"
        )
        return "adapter.gguf"
    gguf.convert_model(script, folder, folder / "model.gguf")
    return "model.gguf"


def _modelfile(request: WeightsRequest, chat: Any, is_adapter: bool, gguf_file: str | None) -> str:
    from core.publishing import ollama
    from core.students.models import loading, rope_names

    student = request.student.config
    if is_adapter or gguf_file is None:
        ollama.check_architecture(loading.architecture(student), is_base=is_adapter)
    if is_adapter and rope_names.lacks_older(loading.base_folder(student)):
        raise UserError(
            f"Ollama would read {student.model} wrongly: its config.json has rope_theta in rope_parameters "
            "alone. Publish it with --merge"
        )
    own = "." if gguf_file is None else f"./{gguf_file}"
    source, adapter = (str(loading.base_folder(student)), own) if is_adapter else (own, None)
    by_ollama = is_adapter or gguf_file is None
    return ollama.modelfile(
        chat,
        request.responding,
        source,
        adapter,
        bos_is_added=ollama.adds_bos(chat.tokenizer, by_ollama=by_ollama),
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
