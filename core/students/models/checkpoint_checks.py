"""Checks of a loaded student: that it is the model that its name and its files promise."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from transformers.utils.peft_utils import find_adapter_config_file

from core.domain.errors import UserError
from core.domain.paths import is_inside

#: Weights that are named in a message.
_MAX_NAMED = 3
#: How the files begin that Git LFS leaves in place of large ones, and how large they are at most.
_LFS_POINTER = b"version https://git-lfs"
_MAX_POINTER_BYTES = 1024
_ADAPTER, _ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")

log = logging.getLogger(__name__)


def check_no_adapter(name: str, source: str, revision: str | None) -> None:
    """Raise `UserError` if an adapter lies beside the model's weights.

    Transformers would put it on top of them, and an adapter that is trained here on top of both.
    """
    if find_adapter_config_file(source, revision=revision) is not None:
        raise UserError(
            f"the student {name!r} has an adapter beside its weights (adapter_config.json): merge it into "
            "them (peft's merge_and_unload, then save_pretrained), or move the adapter's files away"
        )


def check_files(name: str, folder: Path) -> None:
    """Raise `UserError` if a file in a model's folder is a pointer of Git LFS to a file that is not there, or
    if an index names weights outside of the folder."""
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".index.json"):
            _check_index(name, path)
        is_small = path.is_file() and path.stat().st_size < _MAX_POINTER_BYTES
        if is_small and path.read_bytes().startswith(_LFS_POINTER):
            raise UserError(
                f"{path.name} of the student {name!r} is a Git LFS pointer, not the file: run `git lfs pull` "
                "in the folder, or download the model again"
            )


def _check_index(name: str, path: Path) -> None:
    found = _object(name, path)
    shards = found.get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise UserError(f"{path.name} of the student {name!r} lists no files of weights: download it again")
    for shard in shards.values():
        if not is_inside(shard):
            raise UserError(
                f"{path.name} of the student {name!r} names {shard!r}, which is not in the model's folder: "
                "do not use this model"
            )


def check_adapter(folder: Path) -> None:
    """Raise `UserError` unless the folder has a LoRA adapter whose weights are plain numbers.

    PEFT would take a pickle where there are none, and other kinds of adapters where their name says so.
    """
    if _object(str(folder), folder / _ADAPTER).get("peft_type") != "LORA":
        raise UserError(f"{folder / _ADAPTER} is not of a LoRA adapter: train it again")
    if not (folder / _ADAPTER_WEIGHTS).is_file():
        raise UserError(f"{folder} has no {_ADAPTER_WEIGHTS}: train the adapter again")


def _object(name: str, path: Path) -> dict[str, Any]:
    """A file's JSON object. Raises `UserError`."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path.name} of {name!r} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path.name} of {name!r} is no JSON object")
    return found


def check_padding(name: str, config: Any) -> None:
    """Raise `UserError` if the configuration names a padding token that the embedding has no row for."""
    text = config.get_text_config(decoder=True)
    padding, rows = getattr(text, "pad_token_id", None), getattr(text, "vocab_size", None)
    if isinstance(padding, int) and isinstance(rows, int) and padding >= rows:
        raise UserError(
            f"pad_token_id in config.json of the student {name!r} is {padding}, but the embedding has {rows} "
            "rows. Name another token there, or resize the embedding (resize_token_embeddings) and save the "
            "model again"
        )


def check_weights(name: str, model: Any, info: dict[str, Any]) -> None:
    """Raise `UserError` unless every weight of the model was in its files; `info` is Transformers' report."""
    if info["missing_keys"]:
        raise UserError(
            f"the student {name!r} has no weights for {_listed(info['missing_keys'])}: they would be random. "
            "Its config.json does not fit its weights, or files are missing: save or download it again"
        )
    if info["mismatched_keys"]:
        key, saved, expected = min(info["mismatched_keys"])
        raise UserError(
            f"the student {name!r} has weights of another shape than its config.json names: {key} is "
            f"{_shape(saved)}, not {_shape(expected)}. Save or download it again"
        )
    patterns = {_layers(key) for key in model.state_dict()} - {None}
    unused = {key for key in info["unexpected_keys"] if _layers(key) in patterns}
    if unused:
        raise UserError(
            f"the student {name!r} has weights that its config.json leaves no place for: {_listed(unused)}. "
            "They would be dropped: save or download it again"
        )
    if info["unexpected_keys"]:
        log.warning("%s: weights that are not used: %s", name, _listed(info["unexpected_keys"]))


def name_untied(name: str, model: Any) -> None:
    """Let the configuration say if the output layer has weights of its own.

    Transformers keeps two different matrices of one checkpoint apart, even if its config.json ties them; a
    program that loads the merged model would lose one.
    """
    text = model.config.get_text_config(decoder=True)
    head = model.get_output_embeddings()
    if not text.tie_word_embeddings or head is None:
        return
    if head.weight is not model.get_input_embeddings().weight:
        log.warning(
            "%s: config.json ties embedding and output layer, but their weights differ: they stay apart", name
        )
        text.tie_word_embeddings = model.config.tie_word_embeddings = False


def check_tokens(name: str, model: Any, tokenizer: Any, sequences: Iterable[Sequence[int]]) -> None:
    """Raise `UserError` if a token of the tokenizer's own or of `sequences` has no row in the embedding."""
    rows = model.get_input_embeddings().weight.shape[0]
    remedy = (
        f"the embedding has {rows} rows. Name another token in its tokenizer_config.json, or resize the "
        "embedding (resize_token_embeddings) and save the model again"
    )
    for role in ("pad", "eos", "bos"):
        token = getattr(tokenizer, f"{role}_token_id")
        if token is not None and token >= rows:
            spelling = getattr(tokenizer, f"{role}_token")
            what = {"pad": "padding", "eos": "EOS", "bos": "BOS"}[role]
            raise UserError(
                f"the {what} token {spelling!r} of the student {name!r} has the id {token}, but {remedy}"
            )
    highest = max(chain.from_iterable(sequences), default=0)
    if highest >= rows:
        raise UserError(
            f"the token {tokenizer.convert_ids_to_tokens(highest)!r} of the student {name!r} has the id "
            f"{highest}, but {remedy}"
        )


def positions_of(model: Any) -> int | None:
    """How many tokens the model has positions for; None if there is no limit."""
    text = model.config.get_text_config(decoder=True)
    found: list[int | None] = [getattr(text, key, None) for key in ("max_position_embeddings", "max_seq_len")]
    return next((positions for positions in found if positions is not None), None)


def check_positions(name: str, model: Any, longest: int, what: str, remedy: str) -> None:
    """Raise `UserError` if `longest` tokens are more than the model has positions; `what` has them."""
    positions = positions_of(model)
    if positions is not None and longest > positions:
        raise UserError(
            f"{what} {longest} tokens, and the student {name!r} has {positions} positions: {remedy}"
        )


def check_embeddings_without_adapter(name: str, model: Any) -> None:
    """Raise `UserError` if the adapter changes an embedding that the output layer shares: it could not be
    merged."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    base = model.get_base_model()
    shared = (base.get_input_embeddings(), base.get_output_embeddings())
    tied = getattr(base.config.get_text_config(decoder=True), "tie_word_embeddings", False)
    if tied and any(isinstance(module, BaseTunerLayer | ModulesToSaveWrapper) for module in shared):
        names = [part for part, module in base.named_modules() if any(module is one for one in shared)]
        raise UserError(
            f"lora.target_modules or lora.modules_to_save selects {' and '.join(names)}, but the student "
            f"{name!r} uses the same weights for its embedding and its output: an adapter on them cannot be "
            "merged. Leave them out"
        )


def _listed(keys: Collection[str]) -> str:
    ordered = sorted(keys)
    more = len(ordered) - _MAX_NAMED
    return ", ".join(ordered[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shape(sizes: Sequence[int]) -> str:
    return "×".join(map(str, sizes))


def _layers(key: str) -> str | None:
    """The list of layers that a weight belongs to; None if it belongs to none."""
    match = _NUMBER.search(key)
    return None if match is None else key[: match.start()]
