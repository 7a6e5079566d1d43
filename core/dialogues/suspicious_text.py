"""Finds texts that are probably not what a person wrote: traces of other programs, damaged characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from core.dialogues import control_tokens
from core.domain.data.findings import SuspiciousKind

#: Characters of a text that a finding shows, and how many of them stand before the trace.
_SHOWN, _BEFORE = 60, 20

#: Whole texts, in lower case, that programs write where a value is missing.
_PLACEHOLDERS = frozenset(
    (
        *(
            "nan",
            "-nan",
            "<nan>",
            "1.#qnan",
            "nat",
            "none",
            "<none>",
            "(none)",
            "null",
            "<null>",
            "(null)",
            "nil",
        ),
        *(
            "na",
            "n/a",
            "n.a.",
            "<na>",
            "undefined",
            "missing",
            "(missing)",
            "empty",
            "(empty)",
            "todo",
            "tbd",
        ),
        *("xxx", "[deleted]", "[removed]", "-", "--", "---", "–", "—", "?", "??", "???"),
        *("...", "…", "\\n", "[object object]"),
    )
)
_SPREADSHEET_ERROR = re.compile(r"#(?:N/A|#+|[¡¿]?[^\W\d_][\w/ .]*[!?])")
#: What cannot be seen: white space, controls, joiners, zero-width and other format characters.
_UNSEEN = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]+"
)
#: EmpatheticDialogues writes `_comma_`, Excel `_x000D_`, and JSON that was encoded twice `\n` and `\u2019`.
_ESCAPED = re.compile(
    r"_(?:comma|pipe|period|quote|tab|newline|semicolon|colon)_|_x[0-9A-Fa-f]{4}_"
    r"|(?<!:)\\(?:[nrt]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})"
)
_HTML = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|[lr][sd]quo|[mn]dash|#\d{2,6}|#x[0-9A-Fa-f]{2,5});"
    r"|</?(?:br|p|div|span|b|i|em|strong|a|li|ul|ol|font|h[1-6])(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
#: Names that training programs and processors replace by an image, a video or a sound.
_MEDIA = re.compile(r"<(?:image|video|audio|img|speech|sound)(?:here)?\d*\s*/?>", re.IGNORECASE)
#: Control characters but tab and line breaks, and those that reorder text.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
#: An id of digits that a spreadsheet has rounded, such as 1.23457E+14.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d{1,2}", re.IGNORECASE)
#: The longest text that a cell of Excel holds; a longer one is cut there.
_EXCEL_CELL = 32_767


def _mojibake() -> re.Pattern[str]:
    """Matches UTF-8 that was read in another encoding, such as `â€™` for an apostrophe.

    Only sequences that are rare in real text: letters with accents and symbols of two bytes, general
    punctuation and signs, the byte order mark, U+FFFD, and emoji.
    """
    found = []
    for codec in ("cp1252", "latin-1", "mac-roman", "cp850", "cp437", "cp1251"):
        # Programs keep bytes that a code page lacks as control characters.
        of = {byte: bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in range(0x80, 0x100)}

        def among(first: int, last: int, of: dict[int, str] = of) -> str:
            return f"[{''.join(re.escape(of[byte]) for byte in range(first, last + 1))}]"

        def these(*of_bytes: int, of: dict[int, str] = of) -> str:
            return re.escape("".join(of[byte] for byte in of_bytes))

        rest = among(0x80, 0xBF)
        found += [
            these(0xE2) + among(0x80, 0x84) + rest,
            these(0xEF, 0xBB, 0xBF),
            these(0xEF, 0xBF, 0xBD),
            these(0xF0, 0x9F) + rest + rest,
        ]
        if codec in ("cp1252", "latin-1", "mac-roman"):
            found.append(among(0xC2, 0xC3) + rest)
    return re.compile("|".join(found))


_MOJIBAKE = _mojibake()

_Span = tuple[int, int]


def _placeholder(text: str) -> _Span | None:
    return (0, len(text)) if text.strip().strip("'\"").casefold() in _PLACEHOLDERS else None


def _spreadsheet_error(text: str) -> _Span | None:
    found = text.strip()
    return (0, len(text)) if _SPREADSHEET_ERROR.fullmatch(found) and found == found.upper() else None


def _invisible(text: str) -> _Span | None:
    return (0, len(text)) if text and is_blank(text) else None


def _cut_off(text: str) -> _Span | None:
    return (len(text) - 1, len(text)) if len(text) == _EXCEL_CELL else None


def _replacement(text: str) -> _Span | None:
    at = text.find("\ufffd")
    return None if at < 0 else (at, at + 1)


def _inside(pattern: re.Pattern[str]) -> Callable[[str], _Span | None]:
    def find(text: str) -> _Span | None:
        match = pattern.search(text)
        return None if match is None else match.span()

    return find


def _control_token(text: str) -> _Span | None:
    token = next((one for one in control_tokens.find(text) if not _MEDIA.fullmatch(one)), None)
    if token is None:
        return None
    at = text.index(token)
    return at, at + len(token)


#: What a text is searched for, and how; the function returns where it is.
_SEARCHES: dict[SuspiciousKind, Callable[[str], _Span | None]] = {
    "placeholder": _placeholder,
    "spreadsheet_error": _spreadsheet_error,
    "invisible": _invisible,
    "escaped_character": _inside(_ESCAPED),
    "html": _inside(_HTML),
    "mojibake": _inside(_MOJIBAKE),
    "replacement_character": _replacement,
    "control_character": _inside(_CONTROLS),
    "control_token": _control_token,
    "media_tag": _inside(_MEDIA),
    "cut_off": _cut_off,
}
#: Kinds that need none of the characters that most texts lack.
_MARKS = re.compile(r"[<>|_&\\#\[\]\x00-\x08\x0b-\x1f\x7f-\U0010ffff]")


def find(text: str) -> Iterator[tuple[SuspiciousKind, str]]:
    """Each kind of suspicious text that `text` is or contains, with the part of it that shows this."""
    if len(text) > _SHOWN and len(text) != _EXCEL_CELL and not _MARKS.search(text):
        return
    for kind, search in _SEARCHES.items():
        if (span := search(text)) is not None:
            yield kind, excerpt(text, *span)


def excerpt(text: str, start: int = 0, end: int = 0) -> str:
    """At most 60 characters of `text`, those from `start` to `end` among them."""
    if len(text) <= _SHOWN:
        return text
    first = max(0, min(start - _BEFORE, len(text) - _SHOWN)) if end > _SHOWN else 0
    part = text[first : first + _SHOWN]
    return ("…" if first else "") + part + ("…" if first + _SHOWN < len(text) else "")


def is_blank(text: str) -> bool:
    """Whether nothing of `text` can be seen."""
    return not text or _UNSEEN.fullmatch(text) is not None


def without_unseen_ends(text: str) -> str:
    """`text` without white space and invisible characters at its ends."""
    first = _UNSEEN.match(text)
    text = text[first.end() :] if first else text
    end = len(text)
    while end and _UNSEEN.fullmatch(text[end - 1]):
        end -= 1
    return text[:end]


def is_rounded_id(text: str) -> bool:
    """Whether an id is a number that a spreadsheet has rounded: several rows may have had that id."""
    return _ROUNDED.fullmatch(text.strip()) is not None


def id_key(text: str) -> str:
    """Equal for ids that differ only by white space, invisible characters, case or Unicode form."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()
