"""A Modelfile's template writes what the student's chat template writes, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from core.config.schema import Responding, Student
from core.domain.errors import UserError
from core.publishing import ollama
from core.students.chat import chat_format, chat_template
from core.students.chat.chat_format import ChatFormat
from tests.students.chat import chat_tokenizers
from tests.support import tiny_student

CONVERSATIONS = (
    ("user",),
    ("user", "assistant", "user"),
    ("system", "user"),
)
TEXTS = ("I moved to a new town.", "That sounds hard.", "It is so quiet.")
#: Templates of Ollama that this program writes, in Jinja.
_IN_JINJA = {
    "{{ if .System }}": "{% if system %}",
    "{{ .System }}": "{{ system }}",
    "{{ else }}": "{% else %}",
    "{{ range .Messages }}": "{% for m in messages %}",
    '{{ if eq .Role "user" }}': "{% if m.role == 'user' %}",
    '{{ else if eq .Role "assistant" }}': "{% elif m.role == 'assistant' %}",
    "{{ .Content }}": "{{ m.content }}",
}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> ChatFormat:
    return chat_format.load(Student(model=str(tiny_student.make(tmp_path_factory.mktemp("tiny") / "tiny"))))


def rendered(template: str, roles: tuple[str, ...]) -> str:
    """What Ollama writes of a conversation."""
    for go, jinja in _IN_JINJA.items():
        template = template.replace(go, jinja)
    head, condition, rest = template.partition("{% for")
    # The end of a condition is that of the loop where the loop is inside; Go writes both alike.
    head = head.replace("{{ end }}", "{% endif %}")
    rest = rest.replace("{{ end }}", "{% endif %}", 1).replace("{{ end }}", "{% endfor %}", 1)
    environment = jinja2.Environment(keep_trailing_newline=True)
    messages = [{"role": role, "content": text} for role, text in zip(roles, TEXTS, strict=False)]
    system = messages[0]["content"] if roles[0] == "system" else ""
    return environment.from_string(head + condition + rest).render(messages=messages, system=system)


def wanted(chat: ChatFormat, roles: tuple[str, ...]) -> str:
    texts = TEXTS[: len(roles)]
    return chat_template.render(
        chat.tokenizer, roles, texts, add_generation_prompt=True, model="made"
    ).removeprefix(chat.tokenizer.bos_token or "")


def test_every_template_is_written_exactly_or_refused(tmp_path: Path) -> None:
    written = []
    for name, template in chat_tokenizers.trl_templates().items():
        if name.endswith("_training"):
            # The same text, with marks of what is trained.
            continue
        chat_tokenizers.tokenizer(template).save_pretrained(tmp_path / name)
        # It stands for the model, which is not loaded.
        (tmp_path / name / "config.json").write_text("{}")
        try:
            loaded = chat_format.load(Student(model=str(tmp_path / name)))
            own = ollama.template(loaded, bos_is_added=True)
        except UserError:
            continue
        written.append(name)
        for roles in CONVERSATIONS:
            try:
                found = wanted(loaded, roles)
            except UserError:
                # It takes no system message.
                continue
            if "{{ if .System }}" in own or roles[0] != "system":
                assert rendered(own, roles) == found, (name, roles)
    assert {"qwen2_5", "llama3"} <= set(written), written


def test_the_modelfile(chat: ChatFormat) -> None:
    made = ollama.modelfile(chat, Responding(max_new_tokens=8), "/models/with space", ".", bos_is_added=False)
    assert made.startswith('FROM "/models/with space"\nADAPTER .\nTEMPLATE """')
    assert "<|im_start|>user\n{{ .Content }}<|im_end|>\n<|im_start|>assistant\n{{ else if" in made
    assert made.endswith(
        "PARAMETER temperature 0\nPARAMETER repeat_penalty 1\nPARAMETER num_predict 8\nPARAMETER stop "
        '"<|im_end|>"\n'
    )


#: The instructions and parameters of Ollama's reference of the Modelfile that the program writes.
_INSTRUCTION = re.compile(
    r'FROM (?:"[^"\n]+"|[^"\s]+)\n'
    r'|ADAPTER (?:"[^"\n]+"|[^"\s]+)\n'
    r'|TEMPLATE """(?:(?!""").)*"""\n'
    r"|PARAMETER (?:temperature|top_p|repeat_penalty) \d+(?:\.\d+)?\n"
    r"|PARAMETER (?:top_k|num_predict) \d+\n"
    r'|PARAMETER stop "[^"\n]+"\n',
    re.DOTALL,
)


@pytest.mark.parametrize("sampled", [False, True])
def test_the_modelfile_follows_the_grammar(chat: ChatFormat, sampled: bool) -> None:
    responding = Responding(do_sample=sampled, temperature=0.7, top_p=0.9)
    made = ollama.modelfile(chat, responding, "/a model", "./adapter.gguf", bos_is_added=True)
    assert _INSTRUCTION.sub("", made) == ""
    instructions = [found[0].partition(" ")[0] for found in _INSTRUCTION.finditer(made)]
    assert instructions[:3] == ["FROM", "ADAPTER", "TEMPLATE"]
    assert set(instructions[3:]) == {"PARAMETER"}


def test_what_ollama_does_not_read_is_refused() -> None:
    ollama.check_architecture("LlamaForCausalLM", is_base=True)
    with pytest.raises(UserError, match=r"converts no weights of Qwen3ForCausalLM: .*--merge --gguf"):
        ollama.check_architecture("Qwen3ForCausalLM", is_base=True)
