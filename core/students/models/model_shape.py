"""The sizes of a student's layers, read from its files without loading it, or any heavy library.

A model's safetensors files name every weight with its shape. Where only config.json is here, the weights of a
common decoder follow from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from core.config.schema import Student
from core.domain.errors import UserError
from core.students.models import embedded_package, model_sources

#: config.json of the embedded student, which may not have been downloaded yet.
_EMBEDDED: Mapping[str, Any] = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.\d+\.")
#: Bytes of the length of a safetensors file's header, which the file begins with.
_LENGTH_BYTES = 8
#: The largest header that safetensors allows.
_MAX_HEADER = 100_000_000


@dataclass(frozen=True)
class ModelShape:
    """A decoder's sizes."""

    hidden: int
    """Width of the residual stream."""
    inner: int
    """Width of the feed-forward layers that one token passes."""
    layers: int
    """Decoder layers."""
    heads: int
    """Attention heads of a layer."""
    vocabulary: int
    """Tokens of the vocabulary, as the embedding has rows."""
    parameters: int
    """Weights, shared ones once."""
    outside: int
    """Those of them outside of the layers: embedding, head and last norm."""
    linear: Mapping[str, tuple[int, int]]
    """Output and input width of each linear module in the layers, by its name."""
    has_head: bool
    """Whether the head has weights of its own."""

    @property
    def active(self) -> int:
        """Weights in the layers that one token is multiplied with; those of all experts count."""
        return self.parameters - self.outside


#: What reading files that are of another form than usual ends with.
_UNKNOWN = (AttributeError, ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError)


def of(student: Student) -> ModelShape:
    """The shape of a student as `model_sources.resolved` has made it.

    Raises `UserError` if its configuration is not on this machine, or is none of a decoder.
    """
    folder = _folder(student)
    if folder is None:
        return of_config(_EMBEDDED)
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"config.json of {student.model!r} cannot be read: {error}") from error
    try:
        config = _text(config)
        weights = _weights(folder)
        return _from_weights(config, weights) if weights else of_config(config)
    except _UNKNOWN as error:
        raise UserError(
            f"config.json of {student.model!r} is of a kind whose size is not known ({error})"
        ) from error


def _folder(student: Student) -> Path | None:
    """The folder with config.json; None for the embedded student before its first use."""
    if student.model.startswith("embedded/"):
        folder = embedded_package.converted_folder()
        return folder if (folder / "config.json").is_file() else None
    path = Path(student.model).expanduser()
    if path.is_absolute():
        return path
    found = model_sources.cached_file(student, "config.json")
    if found is None:
        raise UserError(
            f"{student.model} is not on this machine yet: `hf download {student.model} config.json` is "
            "enough for an estimate"
        )
    return found.parent


def _text(config: dict[str, Any]) -> Mapping[str, Any]:
    """The configuration of the language model in one that also sees or hears."""
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, dict) else config


def _weights(folder: Path) -> dict[str, Sequence[int]]:
    """Name and shape of each weight; empty without safetensors files."""
    found: dict[str, Sequence[int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if length > _MAX_HEADER:
                raise ValueError(f"{path.name} is no safetensors file")
            header = json.loads(file.read(length))
        found |= {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    return found


def _from_weights(config: Mapping[str, Any], weights: Mapping[str, Sequence[int]]) -> ModelShape:
    outside = sum(prod(shape) for name, shape in weights.items() if not _LAYER.search(name))
    linear = {
        name.removesuffix(".weight"): (int(shape[0]), int(shape[1]))
        for name, shape in weights.items()
        if _LAYER.search(name) and name.endswith(".weight") and len(shape) == 2
    }
    return ModelShape(
        hidden=int(config["hidden_size"]),
        inner=_inner(config),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        vocabulary=int(config["vocab_size"]),
        parameters=sum(prod(shape) for shape in weights.values()),
        outside=outside,
        linear=linear,
        has_head=any(name.endswith("lm_head.weight") for name in weights),
    )


def of_config(config: Mapping[str, Any]) -> ModelShape:
    """The shape of a common decoder with this config.json."""
    hidden, layers, vocabulary = (
        int(config[name]) for name in ("hidden_size", "num_hidden_layers", "vocab_size")
    )
    heads = int(config["num_attention_heads"])
    head = int(config.get("head_dim") or hidden // heads)
    key = int(config.get("num_key_value_heads") or heads) * head
    experts = int(config.get("num_experts") or config.get("num_local_experts") or 0)
    inner = int(config.get("moe_intermediate_size") or config["intermediate_size"])
    sizes = {
        "self_attn.q_proj": (heads * head, hidden),
        "self_attn.k_proj": (key, hidden),
        "self_attn.v_proj": (key, hidden),
        "self_attn.o_proj": (hidden, heads * head),
    }
    for name in [f"mlp.experts.{number}" for number in range(experts)] or ["mlp"]:
        sizes |= {
            f"{name}.gate_proj": (inner, hidden),
            f"{name}.up_proj": (inner, hidden),
            f"{name}.down_proj": (hidden, inner),
        }
    linear = {f"model.layers.{layer}.{name}": size for layer in range(layers) for name, size in sizes.items()}
    has_head = not config.get("tie_word_embeddings", True)
    outside = vocabulary * hidden * (2 if has_head else 1) + hidden
    return ModelShape(
        hidden=hidden,
        inner=_inner(config),
        layers=layers,
        heads=heads,
        vocabulary=vocabulary,
        parameters=outside + sum(map(prod, linear.values())) + 2 * hidden * layers,
        outside=outside,
        linear=linear,
        has_head=has_head,
    )


def _inner(config: Mapping[str, Any]) -> int:
    chosen = int(config.get("num_experts_per_tok") or 0)
    width = config.get("moe_intermediate_size") or config.get("intermediate_size")
    return (chosen or 1) * int(width or 4 * config["hidden_size"])
