"""Answers as plain Transformers and PEFT give them, without this project."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.processes.forking import preload

preload(__name__, "peft", into="models")


def work(folders: Sequence[tuple[Path, Path | None]], asked: Sequence[tuple[str, str]]) -> int:
    """Print what each folder answers to situations and utterances. An adapter has its base model's beside it.

    From here on nothing can be imported from this project, and nothing comes from the Hub.
    """
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True
    for name in [name for name in sys.modules if name.partition(".")[0] in ("core", "tui")]:
        del sys.modules[name]
    sys.modules["core"] = sys.modules["tui"] = None  # type: ignore[assignment]
    sys.stdout.write(json.dumps([_answers(folder, base, asked) for folder, base in folders]))
    sys.stdout.flush()
    return 0


def _answers(folder: Path, base: Path | None, asked: Sequence[tuple[str, str]]) -> list[str]:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    model = AutoModelForCausalLM.from_pretrained(base or folder)
    if base:
        model = PeftModel.from_pretrained(model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = Path(folder, "prompt.txt").read_text(encoding="utf-8")
    answers = []
    for situation, utterance in asked:
        text = prompt.replace("{situation}", situation).replace("{utterance}", utterance)
        messages = [{"role": "user", "content": text}]
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        output = model.generate(**inputs, generation_config=GenerationConfig.from_pretrained(folder))
        new = output[0, inputs["input_ids"].shape[1] :]
        answers.append(tokenizer.decode(new, skip_special_tokens=True).strip())
    return answers
