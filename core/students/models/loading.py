"""Loading students: the embedded model, any causal language model of Hugging Face, and adapters."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from filelock import FileLock
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import cached_file

from core.config.schema import Quantization, Student
from core.domain.errors import UserError
from core.jobs import files
from core.network import hub
from core.students.models import checkpoint_checks, cpu_linear, embedded_package, memory, model_kind
from core.students.models import quantization as quantizing

EMBEDDED = embedded_package.EMBEDDED
#: The chat template for models that have none.
_TEMPLATE = Path(__file__).with_name("chat.jinja")

#: Errors of loading that say what is wrong: no network, unknown model, missing package, damaged weights.
_CLEAR_ERRORS = (OSError, ValueError, ImportError, SafetensorError)
#: The most of an error of a library that a message repeats, in characters.
_MAX_ERROR = 300

log = logging.getLogger(__name__)


def pick_device(device: str) -> str:
    """Resolve `auto` to a device of this machine. Raises `UserError` for CUDA without a GPU."""
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError('runs.device is "cuda", but PyTorch finds no CUDA GPU: see `empathy-tui doctor`')
    return device


def pick_dtype(dtype: str, device: str) -> torch.dtype:
    """Resolve `auto` to a dtype for `device`: bfloat16 on a GPU that supports it, otherwise float32."""
    if dtype == "auto":
        return torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return getattr(torch, dtype)


def load_tokenizer(student: Student) -> Any:
    """Load the student's tokenizer, with a chat template, and with its `eos_token` and a padding token.

    Raises `UserError`.
    """
    source = source_of(student)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=student.revision, trust_remote_code=False)
    except Exception as error:
        raise _loading_error(student, error) from error
    if student.chat_template is not None:
        try:
            tokenizer.chat_template = Path(student.chat_template).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"chat_template {student.chat_template} cannot be read: {error}") from error
    elif tokenizer.chat_template is None:
        log.info("%s has no chat template: a plain one is used, and saved with the adapter", student.model)
        tokenizer.chat_template = _TEMPLATE.read_text(encoding="utf-8")
    if student.eos_token is not None:
        if student.eos_token not in tokenizer.get_vocab():
            raise UserError(f"eos_token: {student.eos_token!r} is not a token of {student.model!r}")
        tokenizer.eos_token = student.eos_token
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise UserError(
                f"the tokenizer of {student.model!r} has neither a padding nor an EOS token: set eos_token "
                "of the student in config.toml"
            )
        # Labels and attention are masked by position, so padding may use the end-of-sequence token.
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def base_folder(student: Student) -> Path:
    """The folder of the student's own weights; of a model on the Hub in the local cache.

    Raises `UserError` if it is not there and cannot be downloaded.
    """
    source = source_of(student)
    with _errors_of_loading(student):
        file = cached_file(source, "config.json", revision=student.revision)
    return Path(file).parent


def architecture(student: Student) -> str:
    """The class of the student's model, as its config.json names it. Raises `UserError`."""
    return str((_config(student).architectures or ["an unknown architecture"])[0])


def end_tokens(student: Student) -> list[int]:
    """The end tokens that the student's checkpoint names. Raises `UserError`."""
    return _own_ends(student.model, source_of(student), student.revision, _config(student)) or []


def _config(student: Student) -> Any:
    source = source_of(student)
    with _errors_of_loading(student):
        return AutoConfig.from_pretrained(source, revision=student.revision, trust_remote_code=False)


def fine_tuned(student: Student, folder: Path) -> Student:
    """The student with the weights in `folder`, which full fine-tuning gave it."""
    return msgspec.structs.replace(student, model=str(folder), revision=None)


def load_model(
    student: Student,
    device: str,
    dtype: torch.dtype,
    adapter: Path | None = None,
    *,
    trainable: bool = False,
    quantization: Quantization | None = None,
) -> Any:
    """Load the student to `device`, with `adapter` if there is one. Raises `UserError`, also if its weights
    are incomplete.

    `trainable` is whether the adapter's weights require gradients. Of its generation_config.json, the model
    has the end tokens alone. `quantization` needs what
    `quantizing.check` checks.
    """
    source = source_of(student)
    with _errors_of_loading(student):
        checkpoint_checks.check_no_adapter(student.model, source, student.revision)
        config = AutoConfig.from_pretrained(source, revision=student.revision, trust_remote_code=False)
        model_kind.check_config(config, student.model)
        checkpoint_checks.check_padding(student.model, config)
        model, info = AutoModelForCausalLM.from_pretrained(
            source,
            revision=student.revision,
            trust_remote_code=False,
            # Never a pickle.
            use_safetensors=True,
            dtype=dtype,
            generation_config=GenerationConfig(),
            output_loading_info=True,
            # Shapes that do not fit are in `info`.
            ignore_mismatched_sizes=True,
            **_quantized(quantization, device, dtype),
        )
        checkpoint_checks.check_weights(student.model, model, info)
        checkpoint_checks.name_untied(student.model, model)
        model.generation_config = GenerationConfig(
            use_cache=True, eos_token_id=_own_ends(student.model, source, student.revision, model.config)
        )
        if adapter is not None:
            model = _with_adapter(model, adapter, trainable)
        if quantization is None:
            model = model.to(device)
        model_kind.check_causal(model, student.model)
    cpu_linear.use(model)
    return model


def with_adapter(model: Any, adapter: Path, student: Student, name: str = "default") -> Any:
    """Add an adapter to the loaded student, which may have others. Raises `UserError` if it cannot be loaded.

    `name` is what the model calls it.
    """
    with _errors_of_loading(student):
        model = _with_adapter(model, adapter, trainable=False, name=name)
    cpu_linear.use(model)
    return model


@contextmanager
def _errors_of_loading(student: Student) -> Iterator[None]:
    """Turn errors of libraries into a `UserError` that names the student."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not memory.is_out_of_memory(error):
            raise _loading_error(student, error) from error
        raise UserError(
            f'out of memory while loading the student {student.model!r}: use runs.dtype = "bfloat16", a '
            "smaller model or another device"
        ) from error


def _quantized(quantization: Quantization | None, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """The arguments by which weights are quantized on the device as they are loaded."""
    if quantization is None:
        return {}
    return {
        "quantization_config": quantizing.configuration(quantization, dtype),
        "device_map": {"": device},
    }


def _with_adapter(model: Any, adapter: Path, trainable: bool, name: str = "default") -> Any:
    from peft import PeftModel

    checkpoint_checks.check_adapter(adapter)
    if isinstance(model, PeftModel):
        model.load_adapter(str(adapter), name, is_trainable=trainable)
        return model
    return PeftModel.from_pretrained(model, str(adapter), name, is_trainable=trainable)


def _own_ends(name: str, source: str, revision: str | None, config: Any) -> list[int] | None:
    """The end tokens that the checkpoint names. Raises `UserError` if its file of them is no JSON."""
    path = cached_file(
        source,
        "generation_config.json",
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    text = config.get_text_config(decoder=True)
    own = getattr(text, "eos_token_id", None)
    if path is not None:
        try:
            saved = json.loads(Path(path).read_bytes())
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"generation_config.json of the student {name!r} is not JSON ({error}): download it "
                "again, or delete it"
            ) from error
        own = saved.get("eos_token_id", own) if isinstance(saved, dict) else own
    ends = own if isinstance(own, list) else [own]
    return [end for end in ends if type(end) is int and 0 <= end < text.vocab_size] or None


def source_of(student: Student) -> str:
    """What Transformers loads: a folder, or a name on the Hub. Raises `UserError` if there is no model."""
    if student.model == EMBEDDED:
        return str(embedded())
    if student.model.startswith("embedded/"):
        raise UserError(f"unknown embedded student {student.model!r}: the only one is {EMBEDDED!r}")
    path = Path(student.model).expanduser()
    if path.is_absolute() or student.model.startswith("."):
        if not (path / "config.json").is_file():
            raise UserError(f"the student's folder {path} has no model (no config.json)")
        checkpoint_checks.check_files(student.model, path)
        return str(path)
    hub.use_own_client()
    return student.model


def _loading_error(student: Student, error: Exception) -> UserError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = " ".join(lines[: 2 if lines[0].endswith(":") else 1])[:_MAX_ERROR] if lines else ""
    if "trust_remote_code" in str(error):
        reason = "it needs Python code of its own, which is not run"
    elif not reason or not isinstance(error, _CLEAR_ERRORS):
        log.warning("%s", student.model, exc_info=error)
        reason = f"{type(error).__name__}: {reason}".rstrip(": ")
    return UserError(
        f"the student {student.model!r} cannot be loaded: {reason.rstrip('.')}. "
        "Name a causal language model on the Hugging Face Hub (with network, and HF_TOKEN where it is "
        "gated) or a folder with one."
    )


def embedded() -> Path:
    """The folder of the embedded student in the user's cache, created on first use.

    Its package has the model as a quantised GGUF file. It is converted once to float32 safetensors, which
    can be trained. Raises `UserError` if the package cannot be had, or the cache cannot be written.
    """
    target = embedded_package.converted_folder()
    if (target / "config.json").is_file():
        return target
    try:
        return _embedded(target)
    except OSError as error:
        raise UserError(
            f"the embedded student cannot be prepared in {target}: {error.strerror or error}. Free up space, "
            "or set XDG_CACHE_HOME to a folder that you may write to"
        ) from error


def _embedded(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f"{target.name}.lock", fallback_to_soft=False):
        if not (target / "config.json").is_file():
            with embedded_package.model_file(target.parent) as file:
                _convert(file, target)
    return target


def _convert(file: Path, target: Path) -> None:
    log.info("converting the embedded student to %s", target)
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # The weights are float32 now; save_pretrained would reject a model that is marked as quantised.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        files.sync(aside)
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    files.sync_folder(target.parent)
