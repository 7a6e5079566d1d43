"""The exported files hold what LLaMA-Factory's own parser and converter ask of them."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.config.schema import Recipes
from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import Dialogue, RatedResponse
from core.domain.errors import UserError
from core.prompts import templates
from core.recipes import catalog, examples, llama_factory
from tests.support.records.synthetic_dialogues import SOURCES, synthetic_dialogues

#: What LLaMA-Factory's DatasetAttr takes for a tag or a column that an entry does not name.
TAGS = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}


def export(folder: Path, dialogues: list[Dialogue], names: tuple[str, ...] | None = None) -> list[Path]:
    names = names or catalog.direct_recipes(SOURCES)
    return llama_factory.export(folder, dialogues, names, Recipes(), templates.load("student"), {}, {})


def load(folder: Path, name: str) -> list[tuple[list[dict[str, str]], list[dict[str, str]]]]:
    """(prompt, response) of every row, read as LLaMA-Factory reads a sharegpt data set.

    It takes an entry's keys as its parser does, maps the roles, wants user and assistant in turns,
    an even number of them for SFT and an odd one before a pair, and drops what does not hold.
    """
    entry = json.loads((folder / "dataset_info.json").read_text(encoding="ascii"))[name]
    assert set(entry) <= {"file_name", "formatting", "ranking", "columns", "tags"}
    assert entry["formatting"] == "sharegpt"
    tags = entry.get("tags", TAGS)
    assert set(tags) == set(TAGS)
    ranking, columns = entry.get("ranking", False), entry["columns"]
    roles = {tags["user_tag"]: "user", tags["assistant_tag"]: "assistant"}

    def aligned(message: dict[str, str]) -> dict[str, str]:
        return {"role": roles[message[tags["role_tag"]]], "content": message[tags["content_tag"]]}

    found = []
    for row in json.loads((folder / entry["file_name"]).read_text(encoding="utf-8")):
        turns = [aligned(message) for message in row[columns["messages"]]]
        assert [turn["role"] for turn in turns] == ["user", "assistant"][: len(turns)]
        if ranking:
            assert len(turns) % 2 == 1
            response = [aligned(row[columns["chosen"]]), aligned(row[columns["rejected"]])]
            assert [turn["role"] for turn in response] == ["assistant", "assistant"]
            found.append((turns, response))
        else:
            assert len(turns) % 2 == 0
            found.append((turns[:-1], turns[-1:]))
    return found


def _check_against_examples(folder: Path, dialogues: list[Dialogue]) -> None:
    for name in catalog.direct_recipes(SOURCES):
        sft, pairs = examples.build(dialogues, name, "strict", templates.load("student"))
        stem = name.replace("/", "_")
        assert [(p[0]["content"], r[0]["content"]) for p, r in load(folder, f"{stem}_sft")] == [
            (example.prompt[0].content, example.completion[0].content) for example in sft
        ]
        assert [
            (p[0]["content"], r[0]["content"], r[1]["content"]) for p, r in load(folder, f"{stem}_dpo")
        ] == [(pair.prompt[0].content, pair.chosen[0].content, pair.rejected[0].content) for pair in pairs]


def test_every_recipe_is_exported_whole(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues()
    written = export(tmp_path / "new" / "folder", dialogues)
    assert sorted(path.name for path in written) == sorted(
        path.name for path in (tmp_path / "new" / "folder").iterdir()
    )
    assert {"direct_chatgpt_sft.json", "direct_chatgpt_dpo.json"} <= {path.name for path in written}
    assert written[-1].name == "dataset_info.json"
    _check_against_examples(tmp_path / "new" / "folder", dialogues)


def test_the_real_file_is_exported_whole(reference_dataset: Path, tmp_path: Path) -> None:
    dialogues = list(read_table(reference_dataset).dialogues)
    export(tmp_path, dialogues)
    _check_against_examples(tmp_path, dialogues)
    assert len(load(tmp_path, "direct_all_together_sft")) == 4788


def test_the_shape_of_a_row(tmp_path: Path) -> None:
    export(tmp_path, synthetic_dialogues(), ("direct/llama",))

    def first(name: str) -> dict[str, Any]:
        return dict(json.loads((tmp_path / name).read_text(encoding="utf-8"))[0])

    sft, dpo = first("direct_llama_sft.json"), first("direct_llama_dpo.json")
    assert [set(turn) for turn in sft["messages"]] == [{"role", "content"}] * 2
    assert set(sft) == {"messages"}
    assert set(dpo) == {"conversations", "chosen", "rejected"}
    assert [turn["from"] for turn in dpo["conversations"]] == ["human"]
    assert dpo["chosen"]["from"] == dpo["rejected"]["from"] == "gpt"


def test_files_are_indented_json_in_utf_8(tmp_path: Path) -> None:
    hostile = '"quoted" \\ %b %s {situation}\n\t\x00\x1b \u2028 </script> é 🙂'
    rated = {source: RatedResponse(f"{source} {hostile}", 3) for source in ("human", "llama")}
    dialogues = [
        msgspec.structs.replace(
            dialogue,
            split="train",
            situation=f"{number} {hostile}",
            responses=rated if number % 2 else rated | {"human": RatedResponse("Okay.", 2)},
        )
        for number, dialogue in enumerate(islice(cycle(synthetic_dialogues()), 1000))
    ]
    export(tmp_path, dialogues, ("direct/llama",))
    for name, count in (("direct_llama_sft.json", 1000), ("direct_llama_dpo.json", 500)):
        content = (tmp_path / name).read_bytes()
        rows = json.loads(content)
        assert len(rows) == count
        assert all(hostile in prompt[0]["content"] for prompt, _ in load(tmp_path, Path(name).stem))
        assert content == json.dumps(rows, ensure_ascii=False, indent=2).encode() + b"\n"


def test_no_source_names_a_file_as_it_likes(tmp_path: Path) -> None:
    """Sources have plain names; a state.db from somebody else may hold any."""
    source = "x\x1b]0;y\x07 ..\\z"
    dialogues = [
        msgspec.structs.replace(
            dialogue, responses={"human": RatedResponse("Okay.", 2), source: RatedResponse("Oh no.", 3)}
        )
        for dialogue in synthetic_dialogues(12)
    ]
    written = export(tmp_path, dialogues, (f"direct/{source}",))
    assert [path.name for path in written] == ["direct_x__0_y__.._z_dpo.json", "dataset_info.json"]


def test_the_entries_of_others_stay(tmp_path: Path) -> None:
    foreign = {"theirs": {"file_name": "café.json"}, "direct_llama_sft": {"file_name": "old.json"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(foreign, ensure_ascii=False), encoding="utf-8")
    export(tmp_path, synthetic_dialogues(), ("direct/llama",))
    export(tmp_path, synthetic_dialogues(), ("direct/gemini",))
    info = json.loads((tmp_path / "dataset_info.json").read_text(encoding="ascii"))
    assert info["theirs"] == foreign["theirs"]
    assert info["direct_llama_sft"]["file_name"] == "direct_llama_sft.json"
    assert {"direct_llama_dpo", "direct_gemini_sft", "direct_gemini_dpo"} <= set(info)


def test_exporting_again_changes_nothing(tmp_path: Path) -> None:
    export(tmp_path, synthetic_dialogues())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    export(tmp_path, synthetic_dialogues())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_recipe_without_pairs_has_no_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues()
    export(tmp_path, dialogues, ("direct/llama",))
    assert (tmp_path / "direct_llama_dpo.json").exists()
    good = [d for d in dialogues if d.responses["human"].rating == 3]
    export(tmp_path, good, ("direct/llama",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset_info.json", "direct_llama_sft.json"]
    assert set(json.loads((tmp_path / "dataset_info.json").read_text())) == {"direct_llama_sft"}


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b""])
def test_a_dataset_info_that_is_none_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "dataset_info.json").write_bytes(content)
    with pytest.raises(UserError, match="move it away"):
        export(tmp_path, synthetic_dialogues())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("dataset_info.json", content)]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="cannot be written"):
            export(folder, synthetic_dialogues())
