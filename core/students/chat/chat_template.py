"""Chat templates as text: what they write around messages, and settings that are fixed in them.

A template is changed by wrapping it, so that whoever loads the tokenizer saved with an adapter or a merged
model renders the same prompts as in training.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from core.domain.errors import UserError

#: Variables by which templates turn thinking off, and their values then.
THINKING_SWITCHES: Mapping[str, object] = dict.fromkeys(
    ("enable_thinking", "thinking", "enable_reasoning", "use_thinking"), False
)
#: The same for variables that other templates use for something else: they are set where this helps.
AMBIGUOUS_SWITCHES: Mapping[str, object] = {
    "reasoning": False,
    "reasoning_effort": "none",
    "thinking_option": "off",
    "thinking_budget": 0,
    "disable_thinking": True,
    "skip_think": True,
}
#: What a template may raise on messages that it does not support.
_RENDERING_ERRORS = (
    TemplateError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
#: White space that no template writes: it shows whether a template strips a message's text.
_EDGE = "\x0b"
#: What `strftime` replaces, such as %Y and, without a zero before it, %-d.
_DIRECTIVE = re.compile(r"%[-_0^#]?[A-Za-z]")
#: Variables that Transformers sets itself.
_NOT_VARIABLES = {"messages", "add_generation_prompt"}


@dataclass(frozen=True)
class Frame:
    """The template's text around the messages of a conversation."""

    pieces: tuple[str, ...]
    """Before the first message, between each two, and after the last."""
    strips: tuple[tuple[bool, bool], ...]
    """For each message, whether the template strips its text at the beginning and at the end."""


def text_of(tokenizer: Any, model: str) -> str:
    """The tokenizer's chat template. Raises `UserError` if it has several, and none is the default."""
    try:
        found: str = tokenizer.get_chat_template()
    except ValueError as error:
        raise UserError(f"the chat template of {model!r} cannot be used: {error}") from error
    return found


def check_variables(variables: Mapping[str, Any], template: str, tokenizer: Any, model: str) -> None:
    """Raise `UserError` for variables of `chat_template_kwargs` that would change nothing."""
    for name in variables:
        if name in _NOT_VARIABLES or name in tokenizer.special_tokens_map:
            raise UserError(f"chat_template_kwargs: {name} is not a variable that can be set")
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", template) is None:
            raise UserError(
                f"chat_template_kwargs: the chat template of {model!r} has no variable {name!r}: correct its "
                "name, or leave it out"
            )


def wrap(template: str, variables: Mapping[str, Any], date: datetime.date, before_answer: str) -> str:
    """The template with default values of variables, a fixed date, and a text after its generation prompt."""
    beginning = "".join(
        f"{{% if {name} is not defined or {name} is none %}}"  # Transformers sets `tools` to none.
        f"{{% set {name} = {literal(value)} %}}{{% endif %}}\n"
        for name, value in variables.items()
    )
    if "strftime_now" in template:
        beginning += _date_macro(date, set(_DIRECTIVE.findall(template)))
    # Jinja drops the last line break of a template, which is no longer the last.
    body = re.sub(r"(?:\r\n|\r|\n)\Z", "", template) if before_answer else template
    ending = f"{{{{ {literal(before_answer)} if add_generation_prompt else '' }}}}" if before_answer else ""
    return beginning + body + ending


def frame(tokenizer: Any, roles: Sequence[str], *, add_generation_prompt: bool, model: str) -> Frame:
    """The text around messages of these roles.

    Raises `UserError` when the template cannot render them, does not write each text once and in order, or
    writes something else each time.
    """
    names = [f"{_EDGE}TEXT-OF-MESSAGE-{i}-{_EDGE}" for i in range(len(roles))]
    rendered, again = (
        render(tokenizer, roles, names, add_generation_prompt=add_generation_prompt, model=model)
        for _ in range(2)
    )
    if again != rendered:
        raise UserError(
            f"the chat template of {model!r} writes something else each time: name another one with "
            "chat_template in config.toml"
        )
    pieces: list[str] = []
    strips: list[tuple[bool, bool]] = []
    position = 0
    for i, role in enumerate(roles):
        found = list(re.finditer(f"({_EDGE}?)TEXT-OF-MESSAGE-{i}-({_EDGE}?)", rendered))
        if len(found) != 1 or found[0].start() < position:
            text = f"the text of a message ({role})"
            wrong = (
                f"does not write {text}"
                if not found
                else f"writes {text} {'out of order' if len(found) == 1 else f'{len(found)} times'}"
            )
            raise UserError(
                f"the chat template of {model!r} {wrong}: set chat_template in config.toml to a template "
                "that writes it once"
            )
        pieces.append(rendered[position : found[0].start()])
        strips.append((not found[0][1], not found[0][2]))
        position = found[0].end()
    return Frame((*pieces, rendered[position:]), tuple(strips))


def render(
    tokenizer: Any, roles: Sequence[str], texts: Sequence[str], *, add_generation_prompt: bool, model: str
) -> str:
    """A conversation as text. Raises `UserError` when the template cannot render it."""
    failed: Exception | None = None
    first: str | None = None
    # Templates of models that also see images may want a list of parts.
    for in_parts in (False, True):
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text}
            for role, text in zip(roles, texts, strict=True)
        ]
        try:
            rendered: str = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except _RENDERING_ERRORS as error:
            failed = failed or error
            continue
        if all(text.strip() in rendered for text in texts):
            return rendered
        first = rendered if first is None else first
    if first is None:
        raise UserError(
            f"the chat template of {model!r} cannot render a conversation: {failed}. "
            "Name another one with chat_template in config.toml"
        ) from failed
    return first


def literal(value: object) -> str:
    """A value as Jinja spells it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _date_macro(date: datetime.date, directives: Collection[str]) -> str:
    """A macro in place of the function that writes today's date, for formats with these directives."""
    fixed = datetime.datetime.combine(date, datetime.time())
    filters = "".join(
        f" | replace({literal(directive)}, {literal(fixed.strftime(directive))})"
        for directive in sorted(directives)
    )
    return (
        "{% macro strftime_now(format) %}"
        f"{{{{ format | replace('%%', '\\x00'){filters} | replace('\\x00', '%') }}}}"
        "{% endmacro %}\n"
    )
