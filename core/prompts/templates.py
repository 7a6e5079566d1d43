"""Prompt templates: text files, which a workspace can override with files of the same name."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

from core.config.schema import Definition
from core.domain.errors import UserError
from core.domain.paths import not_a_file

#: Fields that every template may have: what config.toml's [definition] says.
DEFINED = frozenset({"definition", "importance", "virtue", "adjective"})
#: The fields of each template, all of them required.
FIELDS = {
    "student": frozenset({"situation", "utterance"}),
    "initial": frozenset({"situation", "utterance"}),
    **dict.fromkeys(
        (
            "naive",
            "all_dimensions",
            "lacking_dimension",
            "cognitive",
            "affective",
            "compassionate",
            "sequential_cognitive",
        ),
        frozenset({"situation", "utterance", "response"}),
    ),
    **dict.fromkeys(("judge", "judge_dimensions"), frozenset({"situation", "utterance", "first", "second"})),
    # Later messages of a conversation, which refer to the answer before them.
    "sequential_affective": frozenset[str](),
    "sequential_compassionate": frozenset[str](),
}

_EMPATHY = Definition()
#: A placeholder, and its name.
FIELD = re.compile(r"\{([a-z_]+)\}")


def load(name: str, overrides: Path | None = None, definition: Definition = _EMPATHY) -> str:
    """Load template `name` from `<name>.txt` in `overrides` if that exists, otherwise the default one.

    The fields of the definition are filled in. Raises `UserError` naming the file and the field when a field
    is missing or unknown.
    """
    path = Path(__file__).parent / f"{name}.txt"
    try:
        if overrides is not None and (overrides / path.name).exists():
            path = overrides / path.name
        if what := not_a_file(path):
            raise UserError(f"the prompt template {path} {what}: move it away")
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the prompt template {path} cannot be read: {error}") from error
    found = set(FIELD.findall(text))
    for field in sorted(FIELDS[name] - found):
        raise UserError(f"the prompt template {path} lacks the field {{{field}}}")
    for field in sorted(found - FIELDS[name] - DEFINED):
        known = ", ".join(f"{{{known}}}" for known in sorted(FIELDS[name])) or "none"
        raise UserError(f"the prompt template {path} has the unknown field {{{field}}}; it takes {known}")
    return define(text, definition)


def define(template: str, definition: Definition) -> str:
    """Fill in what the definition says. Braces in it are left as they are."""
    is_own = definition.text is not None
    importance = definition.importance or ("" if is_own else _shipped("importance"))
    known = {
        "definition": (definition.text or _shipped("definition")).strip(),
        # A line of its own after the definition.
        "importance": f"\n{importance.strip()}" if importance else "",
        "virtue": definition.name,
        "adjective": definition.adjective,
    }
    return FIELD.sub(lambda match: known.get(match[1], match[0]), template)


@cache
def _shipped(name: str) -> str:
    return (Path(__file__).parent / "empathy" / f"{name}.txt").read_text(encoding="utf-8").strip()


def render(template: str, **fields: str) -> str:
    """Fill in the fields of a template. Braces in the values are left as they are.

    Raises `KeyError` when a field of the template has no value.
    """
    parts = list(_parts(template))
    parts[1::2] = [fields[name] for name in parts[1::2]]
    return "".join(parts)


@lru_cache(maxsize=64)
def _parts(template: str) -> tuple[str, ...]:
    """The text before each field, the field's name, and the text after the last one."""
    return tuple(FIELD.split(template))


def judge_question(
    template: str, situation: str, utterance: str, responses: tuple[str, str], *, swapped: bool
) -> str:
    """What a judge is asked about two responses, word for word; `swapped` shows the second one first."""
    first, second = reversed(responses) if swapped else responses
    return render(template, situation=situation, utterance=utterance, first=first, second=second)
