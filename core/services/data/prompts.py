"""The prompt templates of a workspace, and prompts filled in with a dialogue."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.config.schema import Definition
from core.domain.data.dialogues import HUMAN, Dialogue
from core.domain.errors import UserError, did_you_mean
from core.domain.evaluation.verdicts import Pair
from core.domain.paths import not_a_file
from core.prompts import templates
from core.recipes import own_strategies, strategies

PURPOSES = {
    "student": "the prompt of students, in training and testing",
    "initial": "improve-llm: the teacher's own response to a dialogue",
    "naive": "improve the empathy, without a definition",
    "all_dimensions": "improve all three dimensions at once",
    "lacking_dimension": "improve the weakest dimension",
    "cognitive": "improve the cognitive empathy",
    "affective": "improve the affective empathy",
    "compassionate": "improve the compassionate empathy",
    "sequential_cognitive": "sequential, first turn: cognitive empathy",
    "sequential_affective": "sequential, second turn: affective empathy",
    "sequential_compassionate": "sequential, third turn: compassionate empathy",
    "judge": "the question to a judge about two responses",
    "judge_dimensions": "the same, also about each dimension of empathy",
}


#: What the names of prompts of the workspace's own strategies begin with.
OWN = "strategies/"
_EMPATHY = Definition()


@dataclass(frozen=True)
class Prompt:
    """A template of a workspace."""

    name: str
    """Its name, such as `judge`."""
    purpose: str
    """What it is for, in a sentence."""
    fields: tuple[str, ...]
    """The placeholders that it may use."""
    path: Path
    """The file in the workspace that overrides it, or would."""
    overridden: bool
    """Whether that file exists."""
    text: str
    """The template; empty if it is invalid."""
    error: str | None
    """Why it is invalid; None if it is valid."""


def prompts(overrides: Path, definition: Definition = _EMPATHY) -> tuple[Prompt, ...]:
    """All templates, and the workspace's own strategies; files in the folder `overrides` replace the built-in
    templates of the same name."""
    shipped = (_prompt(name, overrides, definition) for name in PURPOSES)
    own = (_own_prompt(name, overrides, definition) for name in own_strategies.names(overrides))
    return (*shipped, *own)


def stray_prompts(overrides: Path) -> tuple[Path, ...]:
    """Files in `overrides` that are not used because no template has their name.

    Hidden files and editor backups (`naive.txt~`) are ignored.
    """
    own = own_strategies.folder(overrides)
    used = {own, *(overrides / f"{name}.txt" for name in PURPOSES)}
    used |= {own / f"{name}.txt" for name in own_strategies.names(overrides)}
    found = [path for folder in (overrides, own) if folder.is_dir() for path in folder.iterdir()]
    return tuple(
        sorted(
            path
            for path in found
            if path not in used and not path.name.startswith(".") and not path.name.endswith("~")
        )
    )


def prompt_improves(name: str) -> bool:
    """Whether template `name` improves a response: the human one, or the teacher's own in improve-llm.

    What is not built in is a strategy of the workspace's own.
    """
    return name not in PURPOSES or any(
        response_set.original is not None and name in response_set.turns
        for response_set in strategies.RESPONSE_SETS.values()
    )


def prompt_conversation(
    name: str, overrides: Path, dialogue: Dialogue | None, definition: Definition = _EMPATHY
) -> tuple[tuple[str, str], ...]:
    """The turns (role, text) of the conversation in which template `name` is used.

    With a dialogue, the template's fields are filled in: the human response is the one to improve, and the
    first one for a judge. A placeholder stands for the teacher's answers to earlier turns. Without a
    dialogue, it is the template itself. A strategy of the workspace's own has its short name too, if no
    built-in template has it. Raises `UserError` if the template is unknown or invalid.
    """
    name = _known(name, overrides)
    if name.startswith(OWN):
        texts = own_strategies.load(overrides, name.removeprefix(OWN), definition).turns
    else:
        conversations = (found.turns for found in strategies.RESPONSE_SETS.values())
        used = next((names for names in conversations if names[-1] == name), (name,))
        texts = tuple(templates.load(turn, overrides, definition) for turn in used)
    if dialogue is None:
        # Of a built-in one the template alone: the turns before it are prompts of their own.
        return tuple(("user", text) for text in (texts if name.startswith(OWN) else texts[-1:]))
    human = dialogue.responses.get(HUMAN)
    fields = {
        "situation": dialogue.situation,
        "utterance": dialogue.utterance,
        "response": "" if human is None else human.text,
        "first": "" if human is None else human.text,
        "second": next((rated.text for source, rated in dialogue.responses.items() if source != HUMAN), ""),
    }
    turns: list[tuple[str, str]] = []
    for text in texts:
        if turns:
            turns.append(("assistant", f"[the teacher's answer to turn {len(turns) // 2 + 1}]"))
        turns.append(("user", templates.render(text, **fields)))
    return tuple(turns)


def judge_question(template: str, pair: Pair, order: Literal["ab", "ba"]) -> str:
    """The exact question to a judge about a pair; `ab` shows response A first.

    Raises `ValueError` if the pair lacks a response: such a pair is not judged.
    """
    if pair.response_a is None or pair.response_b is None:
        raise ValueError(f"dialogue {pair.dialog_id} lacks a response")
    return templates.judge_question(
        template,
        pair.situation,
        pair.utterance,
        (pair.response_a, pair.response_b),
        swapped=order == "ba",
    )


def prompt_differences(overrides: Path, names: Sequence[str] = ()) -> str:
    """What the files in `overrides` change, as a unified diff; empty for nothing.

    An own strategy is compared with a new one, the others with the built-in template. `names` are prompts,
    all by default; a strategy has its short name too. Raises `UserError` for one that is unknown, or
    unreadable.
    """
    found: list[str] = []
    for name in [_known(name, overrides) for name in names] or _all_names(overrides):
        own, shipped = overrides / f"{name}.txt", Path(templates.__file__).parent / f"{name}.txt"
        if not own.exists():
            continue
        if what := not_a_file(own):
            raise UserError(f"{own} {what}: move it away")
        try:
            after = own.read_text(encoding="utf-8-sig")
            before = (
                own_strategies.new_text() if name.startswith(OWN) else shipped.read_text(encoding="utf-8-sig")
            )
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{own} cannot be read: {error}") from error
        origin = "a new strategy" if name.startswith(OWN) else f"built-in/{name}.txt"
        found += difflib.unified_diff(
            before.splitlines(), after.splitlines(), origin, f"prompts/{name}.txt", lineterm=""
        )
    return "\n".join(found)


def _all_names(overrides: Path) -> tuple[str, ...]:
    return (*PURPOSES, *(f"{OWN}{own}" for own in own_strategies.names(overrides)))


def _known(name: str, overrides: Path) -> str:
    """The whole name of a prompt. Raises `UserError` if there is none of that name."""
    known = _all_names(overrides)
    if name not in known and f"{OWN}{name}" in known:
        return f"{OWN}{name}"
    if name not in known:
        hint = did_you_mean(name, (*known, *own_strategies.names(overrides)))
        raise UserError(f"there is no prompt {name!r}.{hint} There are: {', '.join(known)}")
    return name


def _own_prompt(name: str, overrides: Path, definition: Definition) -> Prompt:
    path, text, error, purpose = own_strategies.folder(overrides) / f"{name}.txt", "", None, ""
    try:
        found = own_strategies.load(overrides, name, definition)
        text, purpose = "\n\n".join(found.turns), found.description or "a strategy of this workspace"
    except UserError as problem:
        error = str(problem)
    used = (field for field in own_strategies.FIELDS if f"{{{field}}}" in text)
    return Prompt(f"{OWN}{name}", purpose, tuple(used), path, True, text, error)


def _prompt(name: str, overrides: Path, definition: Definition) -> Prompt:
    own = overrides / f"{name}.txt"
    text, error = "", None
    try:
        text = templates.load(name, overrides, definition)
    except UserError as found:
        error = str(found)
    path = own if own.exists() else Path(templates.__file__).with_name(own.name)
    return Prompt(
        name, PURPOSES[name], tuple(sorted(templates.FIELDS[name])), path, own.exists(), text, error
    )
