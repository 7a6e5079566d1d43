"""A recipe's training data as a data set for the Hub, which TRL, LLaMA-Factory and Axolotl read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.domain import markdown
from core.domain.markdown import code
from core.domain.names import RecipeName
from core.domain.text import visible
from core.publishing import sections
from core.publishing.sections import DataDescription
from core.recipes import examples, llama_factory
from core.recipes.examples import PreferencePair, SftExample

_SFT, _PREFERENCES = "sft.jsonl", "preferences.jsonl"


def files_of(
    recipe: str, sft_file: Path, preferences_file: Path, described: DataDescription
) -> dict[str, bytes]:
    """The files of the data set, from those of the recipe's job; none for no examples."""
    sft = list(examples.read(sft_file, SftExample))
    pairs = list(examples.read(preferences_file, PreferencePair))
    found = {}
    if sft:
        found[_SFT] = sft_file.read_bytes()
    if pairs:
        found[_PREFERENCES] = preferences_file.read_bytes()
    found |= llama_factory.files_of("llama_factory", sft, pairs)
    found["README.md"] = _card(recipe, len(sft), len(pairs), described).encode()
    return found


def _card(recipe: str, sft: int, pairs: int, described: DataDescription) -> str:
    from huggingface_hub import DatasetCardData

    configs = [
        {"config_name": name, "data_files": file}
        for name, file, count in (("sft", _SFT, sft), ("preferences", _PREFERENCES, pairs))
        if count
    ]
    data = DatasetCardData(
        language=described.language,
        task_categories=["text-generation"],
        pretty_name=visible(recipe),
        tags=[visible(described.definition.name), "trl"],
        configs=configs,
    )
    name = RecipeName.parse(recipe)
    origin = (
        "Responses in the data that people rated as good."
        if name is not None and name.method == "direct"
        else "Responses that a teacher improved, beside those of people."
    )
    parts = [
        f"---\n{data.to_yaml()}\n---",
        f"# {markdown.escaped(recipe)}",
        f"{origin} Made by empathy-tui after "
        '"Distilling Empathy from Large Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025): '
        f"recipe {code(recipe)}, {sft} SFT examples and {pairs} preference pairs.",
        _use(bool(sft), bool(pairs)),
        sections.data_section(described),
        "## Intended use and limits\n\n"
        f"{described.purpose}. It contains responses that are worse on purpose: the rejected ones. The terms "
        "of the data, and of the teacher's provider where there is a teacher, apply to it.",
    ]
    return "\n\n".join(parts) + "\n"


def _use(has_sft: bool, has_pairs: bool) -> str:
    """How TRL, LLaMA-Factory and Axolotl read the files."""
    loads: list[str] = []
    axolotl: list[str] = []
    if has_sft:
        loads.append('sft = load_dataset(FOLDER, "sft", split="train")  # for SFTTrainer')
        axolotl.append(_axolotl("datasets", "llama_factory_sft.json", "chat_template", ()))
    if has_pairs:
        loads.append('pairs = load_dataset(FOLDER, "preferences", split="train")  # for DPOTrainer')
        # For preferences it knows no other names of roles and texts.
        fields = ("field_messages: prompt",)
        axolotl.append(_axolotl("rl: dpo\ndatasets", _PREFERENCES, "chat_template.default", fields))
    code_of_trl = "\n".join(("from datasets import load_dataset", "", *loads))
    return f"""## Use

TRL reads it as it is:

{markdown.code_block(code_of_trl, "python")}

LLaMA-Factory: `dataset_dir` is this folder, and `dataset` is {_data_sets(has_sft, has_pairs)}.

Axolotl:

{markdown.code_block((chr(10) * 2).join(axolotl), "yaml")}"""


def _data_sets(has_sft: bool, has_pairs: bool) -> str:
    found = (("llama_factory_sft", has_sft), ("llama_factory_dpo", has_pairs))
    return " or ".join(f"`{name}`" for name, is_there in found if is_there)


def _axolotl(key: str, file: str, kind: str, more: Sequence[str]) -> str:
    lines = (f"- path: {file}", "  ds_type: json", f"  type: {kind}", *(f"  {line}" for line in more))
    return "\n".join((f"{key}:", *(f"  {line}" for line in lines)))
