"""Which of a teacher's replies can be used."""

from __future__ import annotations

from core.domain.data.dialogues import is_too_long
from core.domain.submissions import Outcome
from core.teachers.answers import cleaning
from core.teachers.protocol import Finish, Reply

#: Endings that make an answer unusable, whatever it says.
_OUTCOMES: dict[Finish, Outcome] = {
    "refusal": "refused",
    "filtered": "filtered",
    "length": "cut",
    "unknown": "unfinished",
    "unreadable": "unreadable",
}


def classify(reply: Reply) -> tuple[Outcome, str]:
    """Whether a reply can be used, and its text without what the model wrote around the answer."""
    text = cleaning.clean(reply.text).text
    if reply.finish in _OUTCOMES:
        return _OUTCOMES[reply.finish], text
    if not text:
        return "empty", text
    return ("long" if is_too_long(text) else "ok"), text
