"""Thinking is off in chat templates that can turn it off, and closed at once in others."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config.schema import Student
from core.students.chat import chat_format
from tests.students.chat import chat_tokenizers

_TURNS = (
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
)
_CHANNELS = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{{ '<|start|>assistant<|channel|>final<|message|>' + m['content'] + '<|return|>' }}"
    "{% else %}{{ '<|start|>' + m['role'] + '<|message|>' + m['content'] + '<|end|>' }}"
    "{% endif %}{% endfor %}"
)
_ANALYSIS, _FINAL = (f"<|start|>assistant<|channel|>{name}<|message|>" for name in ("analysis", "final"))


def _prompt(turns: str, condition: str, thinking: str, plain: str) -> str:
    """A template whose prompts end with `thinking` where the condition holds, else with `plain`."""
    choice = f"{{% if {condition} %}}{{{{ {thinking!r} }}}}{{% else %}}{{{{ {plain!r} }}}}{{% endif %}}"
    return f"{turns}{{% if add_generation_prompt %}}{choice}{{% endif %}}"


_HEADER = "<|im_start|>assistant\n"
#: A template, how its prompts end, and what is noted.
TEMPLATES = [
    (
        _prompt(_TURNS, "reasoning_effort != 'none'", f"{_HEADER}[THINK]", _HEADER),
        _HEADER,
        'reasoning_effort = "none"',
    ),
    (
        _prompt(_TURNS, "thinking_option != 'off'", f"{_HEADER}<think>", _HEADER),
        _HEADER,
        'thinking_option = "off"',
    ),
    (_prompt(_TURNS, "not skip_think", f"{_HEADER}<think>\n", _HEADER), _HEADER, "skip_think = true"),
    (
        _prompt(
            _TURNS, "reasoning is not defined or reasoning", f"{_HEADER}<think>", f"{_HEADER}<think></think>"
        ),
        f"{_HEADER}<think></think>",
        "reasoning = false",
    ),
    (_prompt(_CHANNELS, "reasoning_effort != 'none'", _ANALYSIS, _FINAL), _FINAL, "reasoning_effort"),
    (_prompt(_CHANNELS, "true", _ANALYSIS, _FINAL), f"{_ANALYSIS}<|end|>{_FINAL}", "it is closed at once"),
    # An effort that changes nothing but a text is the user's choice.
    (
        "{{ 'Reasoning: ' + (reasoning_effort or 'medium') }}"
        + _prompt(_TURNS, "true", f"{_HEADER}", f"{_HEADER}"),
        _HEADER,
        "",
    ),
]


@pytest.mark.parametrize(("template", "end", "noted"), TEMPLATES)
def test_thinking_is_off(tmp_path: Path, template: str, end: str, noted: str) -> None:
    chat_tokenizers.tokenizer(template).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    chat = chat_format.load(Student(model=str(tmp_path)))
    prompt = chat.tokenizer.decode(chat.prompt("It is so quiet."))
    assert prompt.endswith(end)
    assert prompt.count("assistant") == end.count("assistant")
    assert chat.tokenizer.decode(chat.completion("I am here.")).startswith("I am here.")
    assert any(noted in note for note in chat.notes)
    assert noted or not any("reasoning_effort" in note for note in chat.notes)
