"""Export of recipes as data sets for LLaMA-Factory, registered in its dataset_info.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from core.config.schema import Recipes
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.jobs import files
from core.recipes import examples
from core.recipes.examples import PreferencePair, SftExample

INFO = "dataset_info.json"

_SFT_ENTRY = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
    },
}
_DPO_ENTRY = {
    "formatting": "sharegpt",
    "ranking": True,
    "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
}


def export(
    folder: Path,
    dialogues: Sequence[Dialogue],
    names: Sequence[str],
    settings: Recipes,
    prompt: str,
    improved: Mapping[str, Sequence[Mapping[str, str]]],
    filtered: Mapping[str, Sequence[PreferencePair]],
) -> list[Path]:
    """Write two files for each recipe and register them. Returns the paths of all files written.

    `direct/chatgpt` gives the data sets `direct_chatgpt_sft` and `direct_chatgpt_dpo`. `improved` are
    the teacher's responses for each recipe that needs them, `filtered` the pairs that a judge keeps of each
    recipe that has one. LLaMA-Factory cannot load an empty file: no file
    is written for it, and that of an earlier export is deleted. Other entries of an existing
    dataset_info.json are kept. Raises `UserError` for an unknown recipe, and when the folder
    cannot be written or its dataset_info.json is not a JSON object.
    """
    written: list[Path] = []
    emptied: list[Path] = []
    try:
        info = _existing(folder / INFO)
        for name in names:
            if name in improved:
                share, seed = settings.improve_llm_sft, settings.improve_llm_seed
                sft, pairs, _ = examples.build_improved(dialogues, name, improved[name], prompt, share, seed)
            else:
                sft, pairs = examples.build(dialogues, name, settings.pairing, prompt)
            pairs = list(filtered.get(name, pairs))
            for file_name, entry, rows in _data_sets(name.replace("/", "_"), sft, pairs):
                path = folder / file_name
                if rows:
                    files.write_bytes(path, _encoded(rows))
                    info[path.stem] = {"file_name": path.name, **entry}
                    written.append(path)
                elif info.pop(path.stem, None) is not None:
                    emptied.append(path)
        # LLaMA-Factory reads only this file in the encoding of the locale.
        files.write_bytes(folder / INFO, json.dumps(info, indent=2).encode() + b"\n")
        for path in emptied:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return [*written, folder / INFO]


def files_of(stem: str, sft: Sequence[SftExample], pairs: Sequence[PreferencePair]) -> dict[str, bytes]:
    """Files with these examples, those that are not empty, and a dataset_info.json that registers them."""
    sets = [found for found in _data_sets(stem, sft, pairs) if found[2]]
    made = {name: _encoded(rows) for name, _, rows in sets}
    info = {Path(name).stem: {"file_name": name, **entry} for name, entry, _ in sets}
    return made | {INFO: json.dumps(info, indent=2).encode() + b"\n"}


def _data_sets(
    stem: str, sft: Sequence[SftExample], pairs: Sequence[PreferencePair]
) -> tuple[tuple[str, dict[str, Any], list[dict[str, Any]]], ...]:
    """The name, the entry in dataset_info.json, and the rows of each file."""
    return (
        (f"{stem}_sft.json", _SFT_ENTRY, [_messages(example) for example in sft]),
        (f"{stem}_dpo.json", _DPO_ENTRY, [_conversation(pair) for pair in pairs]),
    )


def _messages(example: SftExample) -> dict[str, Any]:
    turns = (*example.prompt, *example.completion)
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}


def _conversation(pair: PreferencePair) -> dict[str, Any]:
    return {
        "conversations": [{"from": "human", "value": turn.content} for turn in pair.prompt],
        "chosen": {"from": "gpt", "value": pair.chosen[0].content},
        "rejected": {"from": "gpt", "value": pair.rejected[0].content},
    }


def _existing(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} exists, but is not valid JSON ({error}): move it away") from error
    if not isinstance(info, dict):
        raise UserError(f"{path} exists, but is not a JSON object: move it away")
    return info


def _encoded(rows: list[dict[str, Any]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n"
