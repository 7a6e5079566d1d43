"""Students and chat templates that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from tests.students.chat.chat_tokenizers import EMBEDDINGS

_TURN = "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
_CHATML = "{% for m in messages %}" + _TURN + "{% endfor %}"
_PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
#: Chat templates that no student can be trained with, by what is wrong with them.
TEMPLATES = {
    "a template that leaves out a text": _CHATML.replace(
        "m['content']", "(m['content'] if m['role'] == 'assistant' else '')"
    )
    + _PROMPT,
    "a template that writes a text twice": _CHATML.replace("m['content']", "m['content'] + m['content']")
    + _PROMPT,
    "a template that changes the text": _CHATML.replace("m['content']", "m['content'] | upper") + _PROMPT,
    "a template that raises an error": "{{ raise_exception('a system message is required') }}",
    "a template with another prompt in training": _CHATML.replace("m['role']", "m['role'] + ' (final)'")
    + _PROMPT,
}


def _configured(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))

    return change


def _with_adapter(folder: Path) -> None:
    LoraConfig(target_modules=["q_proj"]).save_pretrained(folder)


def _with_another_padding_token(folder: Path) -> None:
    tokens = AutoTokenizer.from_pretrained(folder)
    tokens.add_tokens([f"<word {i}>" for i in range(EMBEDDINGS - len(tokens))])
    tokens.add_special_tokens({"pad_token": "[PAD]"})
    tokens.save_pretrained(folder)


def _with_a_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")


def _not_numbers(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] *= float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


#: What is done to the folder of a student that is refused then.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "a layer without weights": _configured(num_hidden_layers=3),
    "a layer that config.json leaves out": _configured(num_hidden_layers=1),
    "weights of another shape": _configured(intermediate_size=48),
    "an adapter beside the weights": _with_adapter,
    "a padding token outside the embedding": _with_another_padding_token,
    "a padding token in config.json outside the embedding": _configured(pad_token_id=EMBEDDINGS),
    "weights that are not numbers": _not_numbers,
    "a pointer of Git LFS in place of the weights": _with_a_pointer,
    "Python code of its own": _configured(model_type="own", auto_map={"AutoConfig": "own.Config"}),
    "fewer positions than a prompt has tokens": _configured(max_position_embeddings=16),
}
