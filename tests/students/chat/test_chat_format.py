"""Prompts, answers and their end are the same tokens in training and in responding, for every template."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from trl.data_utils import _tokenize

from core.config.schema import Student
from core.domain.errors import UserError
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from tests.support import tiny_student
from tests.support.tiny_student import TEMPLATE

QUESTION = "Context: I moved.\nUtterance: It is so quiet here!\nResponse:"
ANSWER = "I can hear how lonely that is."

_EMPTY_THINKING = "<think>\n\n</think>\n\n"
_ROLES = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
#: Templates with what they write beside the tiny student's, and how its prompt then ends.
THINKING = {
    "a block before every answer": TEMPLATE.replace(
        "message['content']",
        f"({_EMPTY_THINKING!r} if message['role'] == 'assistant' else '') + message['content']",
    ),
    "opened in the generation prompt alone": TEMPLATE.replace("assistant\n'", "assistant\n<think>\n'"),
    "a switch": TEMPLATE.replace(
        "assistant\n' -}}",
        "assistant\n' -}}{%- if enable_thinking is defined and not enable_thinking -%}"
        f"{{{{- {_EMPTY_THINKING!r} -}}}}{{%- else -%}}{{{{- '<think>\n' -}}}}{{%- endif -%}}",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("student") / "tiny")


def load(folder: Path, template: str, place: Path, **settings: Any) -> ChatFormat:
    path = place / "template.jinja"
    path.write_text(template, encoding="utf-8")
    return chat_format.load(Student(model=str(folder), chat_template=str(path), **settings))


def decoded(chat: ChatFormat, tokens: list[int]) -> str:
    text: str = chat.tokenizer.decode(tokens)
    return text


def test_prompts_and_answers_are_tokenised_as_trl_does(folder: Path) -> None:
    chat = chat_format.load(Student(model=str(folder)))
    user, assistant = {"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}
    prompt = chat.prompt(QUESTION)
    assert prompt == _tokenize(chat.tokenizer, [user], add_generation_prompt=True)["input_ids"]
    whole = _tokenize(chat.tokenizer, [user, assistant])["input_ids"]
    # TRL would also train the line break that follows the end.
    assert decoded(chat, whole[len(prompt) :]) == ANSWER + "<|im_end|>\n"
    assert prompt + chat.completion(ANSWER) == whole[:-1]
    assert chat.notes == ()


@pytest.mark.parametrize("template", THINKING.values(), ids=THINKING)
def test_thinking_is_off_in_prompts_and_never_in_answers(folder: Path, tmp_path: Path, template: str) -> None:
    chat = load(folder, template, tmp_path)
    assert decoded(chat, chat.prompt(QUESTION)).endswith("<|im_start|>assistant\n" + _EMPTY_THINKING)
    assert decoded(chat, chat.completion(ANSWER)) == ANSWER + "<|im_end|>"
    assert any("thinking" in note or "<think>" in note for note in chat.notes)
    # Whoever loads the tokenizer that is saved with an adapter renders the same prompt.
    chat.tokenizer.save_pretrained(tmp_path / "saved")
    theirs = (
        type(chat.tokenizer)
        .from_pretrained(tmp_path / "saved")
        .apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True)["input_ids"]
    )
    assert theirs == chat.prompt(QUESTION)


def test_a_variable_of_the_users_own_is_kept(folder: Path, tmp_path: Path) -> None:
    template = "{%- if tone is defined -%}{{- tone -}}{%- endif -%}" + TEMPLATE
    warm = "wärm \U0001f642 \"}}\" '%}'"
    chat = load(folder, template, tmp_path, chat_template_kwargs={"tone": warm})
    assert decoded(chat, chat.prompt("Hi")).startswith(warm + "<|im_start|>")
    thinking = load(folder, THINKING["a switch"], tmp_path, chat_template_kwargs={"enable_thinking": True})
    assert not any("enable_thinking" in note for note in thinking.notes)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("enable_thinkin", "has no variable 'enable_thinkin': correct its name"),
        ("enable-thinking", "has no variable 'enable-thinking'"),
        ("messages", "messages is not a variable that can be set"),
        ("eos_token", "eos_token is not a variable that can be set"),
    ],
)
def test_a_variable_that_would_change_nothing_is_refused(
    folder: Path, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load(folder, THINKING["a switch"], tmp_path, chat_template_kwargs={name: "x"})


def test_a_variable_that_transformers_sets_to_none_is_kept(folder: Path, tmp_path: Path) -> None:
    template = "{%- if tools -%}{{- tools | tojson -}}{%- endif -%}" + TEMPLATE
    chat = load(folder, template, tmp_path, chat_template_kwargs={"tools": [datetime.date(2024, 7, 1)]})
    assert decoded(chat, chat.prompt("Hi")).startswith('["2024-07-01"]<|im_start|>')


def test_a_template_that_contradicts_itself_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ends a prompt with .*Sure: .* different prompts.*chat_template"):
        load(folder, TEMPLATE.replace("assistant\n'", "assistant\nSure: '"), tmp_path)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{% for m in messages %}{{ m.content | lower }}{% endfor %}",
            "does not write the text of a message",
        ),
        ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "2 times"),
        (
            "{% for m in messages %}{{ m.content | replace('o', '0') }}<|im_end|>{% endfor %}",
            "changes the text",
        ),
        ("{{ raise_exception('no') }}", "cannot render a conversation: no"),
        ("{% for", "cannot render a conversation"),
        ("{% for i in range(999999) %}x{% endfor %}" + TEMPLATE, "cannot render a conversation: Range too"),
        ("{{ 1 // 0 }}" + TEMPLATE, "cannot render a conversation: integer division"),
        ("{{ range(99999) | random }}" + TEMPLATE, "writes something else each time"),
        (TEMPLATE.replace("message['content']", "message['content'] | truncate(90)"), "changes the text"),
        (TEMPLATE.replace("content'] +", "content'].replace('\n\n', '\n') +"), "changes the text"),
    ],
)
def test_a_template_that_loses_texts_is_refused(
    folder: Path, tmp_path: Path, template: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load(folder, template, tmp_path)


def test_a_date_is_fixed_and_said(folder: Path, tmp_path: Path) -> None:
    template = "{{ 'Today is ' + strftime_now('%-d %B %Y, 100%%') + '.\n' }}" + TEMPLATE
    chat = load(folder, template, tmp_path)
    assert "Today is 26 July 2024, 100%.\n" in decoded(chat, chat.prompt("Hi"))
    assert chat.template_date == "2024-07-26"
    assert "2024-07-26" in " ".join(chat.notes)
    rare = load(folder, "{{ strftime_now(format='%F %T %e. %-m %h') }}" + TEMPLATE, tmp_path)
    assert decoded(rare, rare.prompt("Hi")).startswith("2024-07-26 00:00:00 26. 7 Jul<|im_start|>")
    other = load(folder, template, tmp_path, template_date=datetime.date(2025, 3, 1))
    assert "Today is 1 March 2025, 100%.\n" in decoded(other, other.prompt("Hi"))
    plain = chat_format.load(Student(model=str(folder)))
    assert plain.template_date is None


def test_the_end_that_the_template_writes_is_trained_and_stops(folder: Path, tmp_path: Path) -> None:
    template = TEMPLATE.replace("<|im_end|>", "<|pad|>")
    chat = load(folder, template, tmp_path)
    eos = chat.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert chat.completion(ANSWER)[-1] == chat.end_id == chat.tokenizer.convert_tokens_to_ids("<|pad|>")
    assert chat.stop_ids == {chat.end_id, eos}
    assert chat.tokenizer.eos_token == "<|pad|>"
    assert "not with the EOS token" in chat.notes[0]


def test_a_template_without_an_end_gets_the_eos_token(folder: Path, tmp_path: Path) -> None:
    template = _ROLES + "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
    chat = load(folder, template, tmp_path)
    assert decoded(chat, chat.prompt(QUESTION)) == f"user: {QUESTION}\nassistant:"
    assert decoded(chat, chat.completion(ANSWER)) == f" {ANSWER}<|im_end|>"
    assert chat.end_is_appended
    assert "is appended" in chat.notes[0]
    chosen = load(folder, template, tmp_path, eos_token="<|pad|>")
    assert decoded(chosen, chosen.completion(ANSWER)) == f" {ANSWER}<|pad|>"
    with pytest.raises(UserError, match="'<nothing>' is not a token of"):
        load(folder, template, tmp_path, eos_token="<nothing>")


def test_a_template_without_a_generation_prompt_gets_one(folder: Path, tmp_path: Path) -> None:
    chat = load(folder, _ROLES, tmp_path)
    assert decoded(chat, chat.prompt(QUESTION)) == f"user: {QUESTION}\nassistant:"
    assert decoded(chat, chat.completion(ANSWER)) == f" {ANSWER}<|im_end|>"


def test_control_tokens_in_text_are_text(folder: Path) -> None:
    chat = chat_format.load(Student(model=str(folder)))
    special = set(chat.tokenizer.all_special_ids)
    spelled = "No<|im_end|>\n<|im_start|>assistant\n<|im_<|im_end|>end|>"
    for tokens in (chat.prompt(spelled), chat.completion(spelled)):
        assert spelled in decoded(chat, tokens)
    frame = [token for token in chat.prompt("No") if token in special]
    assert [token for token in chat.prompt(spelled) if token in special] == frame
    assert [token for token in chat.completion(spelled) if token in special] == [chat.end_id]
    # As text it is the same in a prompt and in an answer.
    inside = chat.completion(f"a {spelled}")[2:-1]
    assert decoded(chat, inside).endswith(spelled)


def test_messages_that_a_template_strips_are_stripped(folder: Path, tmp_path: Path) -> None:
    stripping = load(folder, TEMPLATE.replace("message['content']", "message['content'] | trim"), tmp_path)
    assert stripping.prompt("  Hi \n") == stripping.prompt("Hi")
    keeping = chat_format.load(Student(model=str(folder)))
    assert "  Hi \n<|im_end|>" in decoded(keeping, keeping.prompt("  Hi \n"))


@pytest.mark.parametrize(
    ("text", "response", "has_thinking"),
    [
        ("I see.", "I see.", False),
        ("<think>\nHm.\n</think>\n\nI see.", "I see.", True),
        ("Hm.\n</think>\n\nI see.", "I see.", True),
        ("<think>\nHm.", "", True),
        ("I see. Human: Why?", "I see.", False),
    ],
)
def test_a_response_has_no_thinking_and_ends_at_a_stop_string(
    folder: Path, text: str, response: str, has_thinking: bool
) -> None:
    chat = chat_format.load(Student(model=str(folder), stop_strings=("Human:",)))
    found = chat.response(chat.tokenizer.encode(text, add_special_tokens=False))
    assert (found.text, found.has_thinking) == (response, has_thinking)
    assert found.is_stopped == ("Human:" in text)


def test_an_adapter_of_another_template_is_refused(folder: Path, tmp_path: Path) -> None:
    chat = chat_format.load(Student(model=str(folder)))
    chat.tokenizer.save_pretrained(tmp_path / "adapter")
    chat.check_adapter(tmp_path / "adapter")
    other = load(folder, TEMPLATE.replace("im_start", "im_begin"), tmp_path)
    with pytest.raises(UserError, match="has changed since this run was trained"):
        other.check_adapter(tmp_path / "adapter")
