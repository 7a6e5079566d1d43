"""SFT examples and preference pairs, in TRL's conversational formats, as JSON Lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from core.config.schema import Pairing
from core.domain.data.dialogues import HUMAN, Dialogue
from core.jobs import files
from core.prompts import templates
from core.recipes import catalog, direct, improve
from core.teachers.protocol import Message


class SftExample(msgspec.Struct, frozen=True):
    """TRL's prompt-completion format: one user turn, one assistant turn."""

    dialog_id: str
    """The train dialogue."""
    prompt: tuple[Message, ...]
    """The messages before the answer."""
    completion: tuple[Message, ...]
    """The answer, on which there is a loss."""


class PreferencePair(msgspec.Struct, frozen=True):
    """TRL's preference format."""

    dialog_id: str
    """The train dialogue."""
    prompt: tuple[Message, ...]
    """The messages before the answers."""
    chosen: tuple[Message, ...]
    """The answer that is preferred."""
    rejected: tuple[Message, ...]
    """The other answer."""


Example = TypeVar("Example", SftExample, PreferencePair)


def build(
    dialogues: Sequence[Dialogue], name: str, pairing: Pairing, prompt: str
) -> tuple[list[SftExample], list[PreferencePair]]:
    """The examples and pairs of a recipe of method `direct`, from the train dialogues, by source.

    `prompt` is the student's template. Raises `UserError` for an unknown recipe.
    """
    sft, pairs = iterate(dialogues, name, pairing, prompt)
    return list(sft), list(pairs)


def iterate(
    dialogues: Sequence[Dialogue], name: str, pairing: Pairing, prompt: str
) -> tuple[Iterator[SftExample], Iterator[PreferencePair]]:
    """What `build` returns, made while it is read."""
    known = dict.fromkeys(s for d in dialogues for s in d.responses if s != HUMAN)
    sources = catalog.sources_of(name, tuple(known))
    return _direct_sft(dialogues, sources, prompt), _direct_pairs(dialogues, sources, pairing, prompt)


def _direct_sft(dialogues: Sequence[Dialogue], sources: Sequence[str], prompt: str) -> Iterator[SftExample]:
    for source in sources:
        for dialogue in direct.sft_dialogues(dialogues, source):
            turn = _user(dialogue, prompt)
            for origin in (HUMAN, source):
                yield SftExample(dialogue.dialog_id, turn, _assistant(dialogue, origin))


def _direct_pairs(
    dialogues: Sequence[Dialogue], sources: Sequence[str], pairing: Pairing, prompt: str
) -> Iterator[PreferencePair]:
    for source in sources:
        for dialogue in direct.preference_dialogues(dialogues, source, pairing):
            chosen, rejected = _assistant(dialogue, source), _assistant(dialogue, HUMAN)
            yield PreferencePair(dialogue.dialog_id, _user(dialogue, prompt), chosen, rejected)


def build_improved(
    dialogues: Sequence[Dialogue],
    name: str,
    improved: Sequence[Mapping[str, str]],
    prompt: str,
    sft_share: int,
    seed: int,
) -> tuple[list[SftExample], list[PreferencePair], int]:
    """The examples and pairs of a recipe of an improve method, and the number of missing responses.

    `improved` are the recipe's sets of teacher responses, by dialogue. A dialogue that is missing in a set
    gives no example from that set.
    """
    for_sft, for_pairs = improve.divide(dialogues, catalog.method(name), sft_share, seed)
    sft: list[SftExample] = []
    pairs: list[PreferencePair] = []
    missing = 0
    for texts in improved:
        missing += sum(d.dialog_id not in texts for d in (*for_sft, *for_pairs))
        for dialogue in for_sft:
            if dialogue.dialog_id in texts:
                turn = _user(dialogue, prompt)
                for completion in (_assistant(dialogue, HUMAN), _message(texts[dialogue.dialog_id])):
                    sft.append(SftExample(dialogue.dialog_id, turn, completion))
        for dialogue in for_pairs:
            if dialogue.dialog_id in texts:
                chosen, rejected = _message(texts[dialogue.dialog_id]), _assistant(dialogue, HUMAN)
                pairs.append(PreferencePair(dialogue.dialog_id, _user(dialogue, prompt), chosen, rejected))
    return sft, pairs, missing


def build_stand_ins(
    dialogues: Sequence[Dialogue], prompt: str
) -> tuple[list[SftExample], list[PreferencePair]]:
    """Examples and pairs about as long as those of an improve method, whose teacher has not answered yet.

    A response of the data, of a language model if there is one, stands for the improved one.
    """
    sft: list[SftExample] = []
    pairs: list[PreferencePair] = []
    for dialogue in dialogues:
        if dialogue.split != "train" or HUMAN not in dialogue.responses:
            continue
        turn, human = _user(dialogue, prompt), _assistant(dialogue, HUMAN)
        other = _assistant(dialogue, next((s for s in dialogue.responses if s != HUMAN), HUMAN))
        sft += [SftExample(dialogue.dialog_id, turn, completion) for completion in (human, other)]
        pairs.append(PreferencePair(dialogue.dialog_id, turn, other, human))
    return sft, pairs


def text_of(example: SftExample | PreferencePair) -> str:
    """All texts of an example, a line break between each two."""
    match example:
        case SftExample(prompt=prompt, completion=completion):
            messages = (*prompt, *completion)
        case PreferencePair(prompt=prompt, chosen=chosen, rejected=rejected):
            messages = (*prompt, *chosen, *rejected)
    return "\n".join(message.content for message in messages)


def write(path: Path, examples: Iterable[SftExample] | Iterable[PreferencePair]) -> None:
    files.write_json_lines(path, examples)


def read(path: Path, kind: type[Example]) -> Iterator[Example]:
    return files.read_json_lines(path, kind)


class _OfDialogue(msgspec.Struct):
    """The part of a line that says which dialogue it is of."""

    dialog_id: str


def read_some(path: Path, kind: type[Example], dialogues: Collection[str]) -> tuple[list[Example], int]:
    """The examples of these dialogues, and the number of all examples in the file."""
    decoder, name = msgspec.json.Decoder(kind), msgspec.json.Decoder(_OfDialogue)
    found, count = [], 0
    with path.open("rb") as file:
        for line in file:
            count += 1
            if name.decode(line).dialog_id in dialogues:
                found.append(decoder.decode(line))
    return found, count


def _user(dialogue: Dialogue, prompt: str) -> tuple[Message, ...]:
    text = templates.render(prompt, situation=dialogue.situation, utterance=dialogue.utterance)
    return (Message("user", text),)


def _assistant(dialogue: Dialogue, source: str) -> tuple[Message, ...]:
    return _message(dialogue.responses[source].text)


def _message(text: str) -> tuple[Message, ...]:
    return (Message("assistant", text),)
