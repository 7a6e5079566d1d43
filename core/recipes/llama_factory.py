"""Export of recipes as data sets for LLaMA-Factory, registered in its dataset_info.json."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from core.config.schema import Recipes
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.paths import file_name
from core.jobs import files
from core.recipes import examples
from core.recipes.examples import PreferencePair, SftExample
from core.teachers.protocol import Message

INFO = "dataset_info.json"

#: Rows that are written at once, and files: while the disk takes one, the rows of another are made.
_ROWS, _FILES = 200, 4

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


def _row_template(row: dict[str, Any]) -> bytes:
    """The JSON of a row in a list, with `%b` where each text is filled in."""
    return textwrap.indent(json.dumps(row, indent=2), "  ").replace('"%b"', "%b").encode()


_SFT_ROW = _row_template(
    {"messages": [{"role": "user", "content": "%b"}, {"role": "assistant", "content": "%b"}]}
)
_DPO_ROW = _row_template(
    {
        "conversations": [{"from": "human", "value": "%b"}],
        "chosen": {"from": "gpt", "value": "%b"},
        "rejected": {"from": "gpt", "value": "%b"},
    }
)


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
    recipe that has one. LLaMA-Factory cannot load an empty file: no file is written for it, and that of an
    earlier export is deleted. Other entries of an existing dataset_info.json are kept. Raises `UserError` for
    an unknown recipe, and when the folder cannot be written or its dataset_info.json is not a JSON object.
    """
    written: list[Path] = []
    emptied: list[Path] = []

    def write(path: Path, rows: Iterator[bytes]) -> bool:
        """Whether there are rows."""
        first = next(rows, None)
        if first is None:
            return False
        with files.replacing(path) as file:
            for part in _encoded(chain([first], rows)):
                file.write(part)
        return True

    try:
        info = _existing(folder / INFO)
        sets = [
            (folder / file, entry, rows)
            for name in names
            for sft, pairs in [_examples(dialogues, name, settings, prompt, improved.get(name))]
            for file, entry, rows in _data_sets(file_name(name), sft, filtered.get(name, pairs))
        ]
        with ThreadPoolExecutor(_FILES) as pool:
            found = list(pool.map(write, [path for path, _, _ in sets], [rows for _, _, rows in sets]))
        for (path, entry, _), has_rows in zip(sets, found, strict=True):
            if has_rows:
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
    sizes = (len(sft), len(pairs))
    sets = [found for found, size in zip(_data_sets(stem, sft, pairs), sizes, strict=True) if size]
    made = {name: b"".join(_encoded(rows)) for name, _, rows in sets}
    info = {Path(name).stem: {"file_name": name, **entry} for name, entry, _ in sets}
    return made | {INFO: json.dumps(info, indent=2).encode() + b"\n"}


def _examples(
    dialogues: Sequence[Dialogue],
    name: str,
    settings: Recipes,
    prompt: str,
    improved: Sequence[Mapping[str, str]] | None,
) -> tuple[Iterable[SftExample], Iterable[PreferencePair]]:
    if improved is None:
        return examples.iterate(dialogues, name, settings.pairing, prompt)
    share, seed = settings.improve_llm_sft, settings.improve_llm_seed
    return examples.build_improved(dialogues, name, improved, prompt, share, seed)[:2]


def _data_sets(
    stem: str, sft: Iterable[SftExample], pairs: Iterable[PreferencePair]
) -> tuple[tuple[str, dict[str, Any], Iterator[bytes]], ...]:
    """The name, the entry in dataset_info.json, and the rows of each file."""
    return (
        (f"{stem}_sft.json", _SFT_ENTRY, map(_messages, sft)),
        (f"{stem}_dpo.json", _DPO_ENTRY, map(_conversation, pairs)),
    )


def _messages(example: SftExample) -> bytes:
    return _SFT_ROW % (_json(example.prompt[0]), _json(example.completion[0]))


def _conversation(pair: PreferencePair) -> bytes:
    return _DPO_ROW % (_json(pair.prompt[0]), _json(pair.chosen[0]), _json(pair.rejected[0]))


def _json(message: Message) -> bytes:
    return msgspec.json.encode(message.content)


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


def _encoded(rows: Iterator[bytes]) -> Iterator[bytes]:
    """The parts of a JSON file with at least one row."""
    before = b"[\n"
    while part := b",\n".join(islice(rows, _ROWS)):
        yield before + part
        before = b",\n"
    yield b"\n]\n"
