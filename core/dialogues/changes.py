"""The differences between the imported dialogues and those of another file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.domain.dialogues import Dialogue

_FIELDS = ("emotion", "sentiment", "plutchik", "situation", "utterance")


@dataclass(frozen=True)
class Changes:
    """Ids of dialogues that are added, removed or changed; `what` counts the kinds of change.

    `reordered` is whether the common dialogues are in another order.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    what: dict[str, int]
    reordered: bool

    def lines(self) -> tuple[str, ...]:
        """The changes as text, one per line; empty without changes."""
        found = []
        for verb, ids in (("added", self.added), ("removed", self.removed), ("changed", self.changed)):
            if ids:
                named = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
                found.append(f"{len(ids)} dialogue{'s' if len(ids) != 1 else ''} {verb}: {named}")
        found += [f"  {kind}: {count}" for kind, count in self.what.items()]
        if self.reordered:
            found.append("the dialogues are in another order")
        return tuple(found)


def compare(old: Iterable[Dialogue], new: Iterable[Dialogue]) -> Changes:
    """The changes if `new` replaces `old`."""
    before = {dialogue.dialog_id: dialogue for dialogue in old}
    after = {dialogue.dialog_id: dialogue for dialogue in new}
    changed = [i for i, dialogue in after.items() if i in before and before[i] != dialogue]
    what = Counter(kind for i in changed for kind in _kinds(before[i], after[i]))
    return Changes(
        added=tuple(i for i in after if i not in before),
        removed=tuple(i for i in before if i not in after),
        changed=tuple(changed),
        what=dict(sorted(what.items())),
        reordered=[i for i in before if i in after] != [i for i in after if i in before],
    )


def _kinds(old: Dialogue, new: Dialogue) -> Iterable[str]:
    for field in _FIELDS:
        if getattr(old, field) != getattr(new, field):
            yield field
    for source in {**old.responses, **new.responses}:
        before, after = old.responses.get(source), new.responses.get(source)
        if before is None or after is None:
            yield f"source {source} {'added' if before is None else 'removed'}"
            continue
        if before.text != after.text:
            yield f"response of {source}"
        if before.rating != after.rating:
            yield f"rating of {source}"
    if old.split != new.split:
        yield f"moved from {old.split} to {new.split}"
