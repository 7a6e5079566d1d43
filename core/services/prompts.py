"""What there is to see of the prompts: every template of a workspace, and one as a dialogue fills it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.domain.dialogues import HUMAN, Dialogue
from core.domain.errors import UserError
from core.domain.verdicts import Pair
from core.prompts import templates
from core.recipes import strategies

PURPOSES = {
    "student": "what a student is asked, in training and in testing",
    "initial": "improve-llm: the teacher's own response to a dialogue",
    "naive": "improve the empathy, without a definition",
    "all_dimensions": "improve along all three dimensions at once",
    "lacking_dimension": "improve along the dimension that is lacking most",
    "cognitive": "improve the cognitive empathy",
    "affective": "improve the affective empathy",
    "compassionate": "improve the compassionate empathy",
    "sequential_cognitive": "sequential, first turn: cognitive empathy",
    "sequential_affective": "sequential, second turn: affective empathy",
    "sequential_compassionate": "sequential, third turn: compassionate empathy",
    "judge": "what a judge is asked of two responses",
}


@dataclass(frozen=True)
class Prompt:
    """A template as a workspace has it; `error` says why it cannot be used, `text` is empty then."""

    name: str
    purpose: str
    fields: tuple[str, ...]
    path: Path
    overridden: bool
    text: str
    error: str | None


def prompts(overrides: Path) -> tuple[Prompt, ...]:
    """All templates; files in the folder `overrides` stand for shipped ones of the same name."""
    return tuple(_prompt(name, overrides) for name in PURPOSES)


def stray_prompts(overrides: Path) -> tuple[Path, ...]:
    """Files among `overrides` that no template is read from, by a wrong name perhaps.

    Hidden files and an editor's backups (`naive.txt~`) are nobody's mistake, and left out.
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
    """Whether template `name` improves a response: the human one, or a teacher's own in improve-llm."""
    return any(
        response_set.original is not None and name in response_set.turns
        for response_set in strategies.RESPONSE_SETS.values()
    )


def prompt_conversation(name: str, overrides: Path, dialogue: Dialogue | None) -> tuple[tuple[str, str], ...]:
    """The turns, each with its role, in which a model meets template `name`.

    For a dialogue its fields are filled in: the human response is the one to improve, and a judge's
    first. Answers of a teacher to earlier turns are told by a placeholder. Without a dialogue it is
    the template alone. Raises `UserError` for an unknown template and one that does not hold.
    """
    if name not in PURPOSES:
        raise UserError(f"there is no prompt {name!r}. There are: {', '.join(PURPOSES)}")
    if dialogue is None:
        return (("user", templates.load(name, overrides)),)
    fields = {
        "situation": dialogue.situation,
        "utterance": dialogue.utterance,
        "response": dialogue.responses[HUMAN].text,
        "first": dialogue.responses[HUMAN].text,
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
    """What a judge is asked of a pair, word for word; `ab` shows response A first.

    Raises `ValueError` when the pair lacks a response, because no judge is asked then.
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
