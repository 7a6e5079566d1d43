"""What an import found in a file, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.format.text import visible
from tui.format.values import count

if TYPE_CHECKING:
    from core.api import Finding

SUSPICIOUS = ("suspicious text", "imported unchanged")
LEFT_OUT = ("response", "left out")
UNKNOWN = "not known: the data was imported by an older version"
#: What to do about ratings that are not 1, 2 or 3.
SCALE_HINT = (
    "Are ratings on another scale? Set data.ratings in config.toml, such as { min = 1, max = 5, good = 4 }."
)
#: Names of unused columns that are shown.
_NAMED = 6


def heading(found: Sequence[Finding], title: tuple[str, str]) -> str:
    """The line above findings, with the count of all."""
    what, outcome = title
    return f"{_counted(sum(finding.count for finding in found), what)} {outcome}:"


def is_other_scale(found: Sequence[Finding]) -> bool:
    """Whether ratings may be on another scale than 1, 2 and 3: some are left out that are numbers."""
    return any(finding.kind == "invalid_rating" and _is_number(finding.text) for finding in found)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def skipped(blank_rows: int, blank_columns: int) -> str:
    """The blank rows and columns; empty if there are none."""
    found = ((blank_rows, "blank row"), (blank_columns, "blank column"))
    return ", ".join(_counted(number, what) for number, what in found if number)


def ignored(columns: Sequence[str]) -> str:
    """The columns that an import does not use."""
    more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
    names = ", ".join(map(visible, columns[:_NAMED]))
    return f"{_counted(len(columns), 'column')} without a use: {names}{more}"


def undecided(dialogues: int) -> str:
    """Dialogues that might be in the train split if no response were left out."""
    are = "is" if dialogues == 1 else "are"
    return (
        f"{_counted(dialogues, 'dialogue')} {are} in the test split because responses are left out: with "
        "good ratings for them they would be in the train split."
    )


def _counted(number: int, what: str) -> str:
    return f"{count(number)} {what}{'s' if number != 1 else ''}"
