"""The prompt templates of a workspace, and prompts filled in with a dialogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.domain.dialogues import HUMAN, Dialogue
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import Pair
from core.prompts import templates
from core.recipes import strategies

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


@dataclass(frozen=True)
class Prompt:
    """A template of a workspace; if it is invalid, `error` says why and `text` is empty."""

    name: str
    purpose: str
    fields: tuple[str, ...]
    path: Path
    overridden: bool
    text: str
    error: str | None


def prompts(overrides: Path) -> tuple[Prompt, ...]:
    """All templates; files in the folder `overrides` replace the built-in ones of the same name."""
    return tuple(_prompt(name, overrides) for name in PURPOSES)


def stray_prompts(overrides: Path) -> tuple[Path, ...]:
    """Files in `overrides` that are not used because no template has their name.

    Hidden files and editor backups (`naive.txt~`) are ignored.
    """
    if not overrides.is_dir():
        return ()
    known = {f"{name}.txt" for name in PURPOSES}
    return tuple(
        sorted(
            path
            for path in overrides.iterdir()
            if path.name not in known and not path.name.startswith(".") and not path.name.endswith("~")
        )
    )


def prompt_improves(name: str) -> bool:
    """Whether template `name` improves a response: the human one, or the teacher's own in improve-llm."""
    return any(
        response_set.original is not None and name in response_set.turns
        for response_set in strategies.RESPONSE_SETS.values()
    )


def prompt_conversation(name: str, overrides: Path, dialogue: Dialogue | None) -> tuple[tuple[str, str], ...]:
    """The turns (role, text) of the conversation in which template `name` is used.

    With a dialogue, the template's fields are filled in: the human response is the one to improve, and the
    first one for a judge. A placeholder stands for the teacher's answers to earlier turns. Without a
    dialogue, it is the template itself. Raises `UserError` if the template is unknown or invalid.
    """
    if name not in PURPOSES:
        raise UserError(f"there is no prompt {name!r}. There are: {', '.join(PURPOSES)}")
    if dialogue is None:
        return (("user", templates.load(name, overrides)),)
    human = dialogue.responses.get(HUMAN)
    fields = {
        "situation": dialogue.situation,
        "utterance": dialogue.utterance,
        "response": "" if human is None else human.text,
        "first": "" if human is None else human.text,
        "second": next((rated.text for source, rated in dialogue.responses.items() if source != HUMAN), ""),
    }
    conversations = (found.turns for found in strategies.RESPONSE_SETS.values())
    used = next((names for names in conversations if names[-1] == name), (name,))
    turns: list[tuple[str, str]] = []
    for turn in used:
        if turns:
            turns.append(("assistant", f"[the teacher's answer to turn {len(turns) // 2 + 1}]"))
        turns.append(("user", templates.render(templates.load(turn, overrides), **fields)))
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


def _prompt(name: str, overrides: Path) -> Prompt:
    own = overrides / f"{name}.txt"
    text, error = "", None
    try:
        text = templates.load(name, overrides)
    except UserError as found:
        error = str(found)
    path = own if own.exists() else Path(templates.__file__).with_name(own.name)
    return Prompt(
        name, PURPOSES[name], tuple(sorted(templates.FIELDS[name])), path, own.exists(), text, error
    )
