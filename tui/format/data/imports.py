"""How an import reads a file, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.format.text import visible
from tui.format.values import percent

if TYPE_CHECKING:
    from core.api import Dialogue, DialogueCounts, Format, NearDuplicates, ReadingPhase

#: What an import does with a file.
PHASES: dict[ReadingPhase, str] = {"read": "checking every row", "compare": "searching near-duplicates"}
#: Characters of a text that a preview shows.
_SHOWN = 100


def written(found: Format) -> str:
    """Format, compression, encoding and delimiter."""
    parts = [found.name, found.encoding or ""]
    if found.delimiter is not None:
        parts.append("tab" if found.delimiter == "\t" else f"delimiter {visible(found.delimiter)}")
    if found.compression is not None:
        parts.append(f"compressed with {found.compression}")
    return ", ".join(part for part in parts if part)


def first_fields(dialogue: Dialogue) -> Iterable[tuple[str, str]]:
    """The fields of a dialogue, each in one line."""
    fields = [("id", dialogue.dialog_id), ("emotion", dialogue.emotion), ("situation", dialogue.situation)]
    fields += [("utterance", dialogue.utterance)]
    for source, response in dialogue.responses.items():
        rated = "" if response.rating is None else f" (rated {response.rating})"
        fields.append((f"{source}{rated}", response.text))
    for name, text in fields:
        line = " ".join(text.split())
        yield visible(name), visible(line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…")


def near_duplicates(found: NearDuplicates | None) -> list[str]:
    """Train dialogues that are nearly the same as test dialogues, one line for each pair that is named."""
    if found is None or not found.count:
        return []
    outcome = (
        "left out (data.near_duplicates)"
        if found.are_left_out
        else 'imported: data.near_duplicates = "leave_out" in config.toml leaves them out'
    )
    many = "dialogues are" if found.count != 1 else "dialogue is"
    lines = [f"{found.count:,} train {many} nearly the same as a test dialogue, and {outcome}:"]
    lines += [
        visible(f"  {one.train} is like {one.test} ({percent(one.similarity)} of the word bigrams)")
        for one in found.first
    ]
    return lines


def counted(dialogues: Iterable[Dialogue]) -> DialogueCounts:
    """How many dialogues there are per split."""
    from core.api import DialogueCounts

    train = total = 0
    for dialogue in dialogues:
        total += 1
        train += dialogue.split == "train"
    return DialogueCounts(total, train, total - train)
