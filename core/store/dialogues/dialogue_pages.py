"""Pages of the imported dialogues: filtered, sorted and counted in SQL."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from core.domain.data.dialogue_pages import DialogueFilter, DialogueLine, DialogueOrder

Value = str | int

#: Characters of an utterance in a line.
_BEGINNING = 200
#: Steps of SQLite's machine, some milliseconds, after which a search looks whether it is still wanted.
_STEPS = 10_000
#: Characters of a text for SQLite's LIKE, which takes patterns of up to 50,000 bytes.
_MAX_LIKE = 10_000


def count(connection: sqlite3.Connection, wanted: DialogueFilter) -> int:
    """How many dialogues match the filter."""
    where, values = _where(connection, wanted)
    return _number(connection, where, values)


def matching(
    connection: sqlite3.Connection,
    wanted: DialogueFilter,
    order: DialogueOrder,
    is_wanted: Callable[[], bool],
    among: Sequence[str] | None = None,
) -> list[str] | None:
    """The ids of all dialogues that match the filter, in order; None once they are no longer wanted.

    With `among`, no other dialogue than these can match.
    """
    where, values = _where(connection, wanted)
    if among is not None:
        where = f"dialog_id IN (SELECT value FROM json_each(:among)) AND {where}"
        values["among"] = json.dumps([*among])
    direction = "DESC" if order.is_reversed else "ASC"
    with _given_up_unless(is_wanted, connection):
        rows = connection.execute(
            f"SELECT dialog_id FROM dialogues d WHERE {where} ORDER BY {_value(order)} {direction}, position",
            values | {"source": order.source},
        )
        return [row[0] for row in rows]
    return None


def narrows(text: str, before: str) -> bool:
    """Whether all that has a text has another one too."""
    if _is_plain(text) and _is_plain(before):
        return before.lower() in text.lower()
    return not _is_plain(text) and not _is_plain(before) and before.casefold() in text.casefold()


def before(
    connection: sqlite3.Connection, wanted: DialogueFilter, order: DialogueOrder, dialog_id: str
) -> int | None:
    """How many matching dialogues come before the given one; None if it does not match."""
    where, values = _where(connection, wanted)
    own = connection.execute(
        f"SELECT {_value(order)}, position FROM dialogues d WHERE {where} AND dialog_id = :dialog_id",
        values | {"dialog_id": dialog_id, "source": order.source},
    ).fetchone()
    if own is None:
        return None
    earlier, mark = _beyond(order, (own[0], own[1]), "before")
    return _number(connection, f"{where} AND {earlier}", values | mark)


def page(
    connection: sqlite3.Connection,
    wanted: DialogueFilter,
    order: DialogueOrder,
    limit: int,
    beside: tuple[Literal["before", "after"], DialogueLine] | None = None,
    skip: int = 0,
) -> tuple[DialogueLine, ...]:
    """At most `limit` matching dialogues, in order: the first ones, those after a line, or those just before
    one. `skip` is the number of dialogues to skip."""
    where, values = _where(connection, wanted)
    value = _value(order)
    falls, backwards = order.is_reversed, beside is not None and beside[0] == "before"
    if beside is not None:
        side, line = beside
        beyond, mark = _beyond(order, (_value_of(line, order), line.position), side)
        where, values = f"{where} AND {beyond}", values | mark
    first = "DESC" if falls != backwards else "ASC"
    second = "DESC" if backwards else "ASC"
    rows = connection.execute(
        f"SELECT dialog_id FROM dialogues d WHERE {where}"
        f" ORDER BY {value} {first}, position {second} LIMIT :limit OFFSET :skip",
        values | {"source": order.source, "limit": limit, "skip": skip},
    )
    ids = [row[0] for row in rows]
    return lines(connection, ids[::-1] if backwards else ids)


def first(
    connection: sqlite3.Connection, text: str, limit: int, is_wanted: Callable[[], bool]
) -> tuple[DialogueLine, ...]:
    """The first dialogues that contain a text, in the file's order; none once they are no longer wanted.

    A text that occurs nowhere is looked for in all dialogues, which takes seconds for hundreds of thousands.
    """
    with _given_up_unless(is_wanted, connection):
        return page(connection, DialogueFilter(text=text), DialogueOrder(), limit)
    return ()


@contextmanager
def _given_up_unless(is_wanted: Callable[[], bool], connection: sqlite3.Connection) -> Iterator[None]:
    """Leave the block in the midst of its query once nobody wants what it finds."""
    connection.set_progress_handler(lambda: not is_wanted(), _STEPS)
    try:
        yield
    except sqlite3.OperationalError:
        if is_wanted():
            raise
    finally:
        connection.set_progress_handler(None, 0)


def emotions(connection: sqlite3.Connection) -> dict[str, int]:
    """Each emotion and how many dialogues have it, by name."""
    return dict(
        connection.execute(
            "SELECT emotion, count(*) FROM dialogues GROUP BY emotion ORDER BY emotion"
        ).fetchall()
    )


def lines(connection: sqlite3.Connection, ids: Sequence[str]) -> tuple[DialogueLine, ...]:
    """The lines of the dialogues with these ids, in their order."""
    marks = ",".join("?" * len(ids))
    ratings: dict[str, dict[str, int]] = {name: {} for name in ids}
    for row in connection.execute(
        f"SELECT dialog_id, source, rating FROM ratings WHERE rating NOT NULL AND dialog_id IN ({marks})", ids
    ):
        ratings[row[0]][row[1]] = row[2]
    found = {
        row["dialog_id"]: DialogueLine(**dict(row), ratings=ratings[row["dialog_id"]])
        for row in connection.execute(
            f"SELECT position, dialog_id, split, emotion, substr(utterance, 1, {_BEGINNING}) AS utterance"
            f" FROM dialogues WHERE dialog_id IN ({marks})",
            ids,
        )
    }
    return tuple(found[name] for name in ids)


def _number(connection: sqlite3.Connection, where: str, values: dict[str, Value]) -> int:
    return int(connection.execute(f"SELECT count(*) FROM dialogues d WHERE {where}", values).fetchone()[0])


def _where(connection: sqlite3.Connection, wanted: DialogueFilter) -> tuple[str, dict[str, Value]]:
    """The condition on `dialogues d`, and the values of its parameters."""
    parts, values = ["1"], dict[str, Value]()
    if wanted.emotion is not None:
        parts.append("emotion = :emotion")
        values["emotion"] = wanted.emotion
    if wanted.split is not None:
        parts.append("split = :split")
        values["split"] = wanted.split
    for number, (source, allowed) in enumerate(wanted.ratings):
        among = ",".join(str(int(rating)) for rating in allowed)
        of_source = f" AND source = :source{number}" if source is not None else ""
        parts.append(
            f"EXISTS (SELECT 1 FROM ratings WHERE dialog_id = d.dialog_id AND rating IN ({among}){of_source})"
        )
        if source is not None:
            values[f"source{number}"] = source
    if wanted.text:
        has, values["text"] = _has(connection, wanted.text)
        texts = [has.format(column) for column in ("dialog_id", "situation", "utterance")]
        if " " in wanted.text and len(wanted.text) <= _MAX_LIKE:
            # A space stands for whatever joins the parts of an id.
            texts.append(r"dialog_id LIKE :name ESCAPE '\'")
            values["name"] = f"%{_escaped(wanted.text).replace(' ', '_')}%"
        texts.append(f"EXISTS (SELECT 1 FROM ratings WHERE dialog_id = d.dialog_id AND {has.format('text')})")
        parts.append(f"({' OR '.join(texts)})")
    return " AND ".join(parts), values


def _has(connection: sqlite3.Connection, text: str) -> tuple[str, str]:
    """The condition that a column has a text, whatever its case, and the value of its parameter `text`."""
    if _is_plain(text):
        # Of these letters SQLite knows both cases, and is many times faster.
        return r"{} LIKE :text ESCAPE '\'", f"%{_escaped(text)}%"
    connection.create_function("casefold", 1, str.casefold, deterministic=True)
    return "instr(casefold({}), :text)", text.casefold()


def _escaped(text: str) -> str:
    """A text as a part of a pattern of LIKE."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def _is_plain(text: str) -> bool:
    """Whether SQLite's LIKE can search for the text."""
    return text.isascii() and len(text) <= _MAX_LIKE


def _value(order: DialogueOrder) -> str:
    """The value that dialogues are sorted by; the position breaks ties."""
    if order.by == "rating":
        rating = "(SELECT rating FROM ratings WHERE dialog_id = d.dialog_id AND source = :source)"
        return f"coalesce({rating}, {_missing(order)})"
    return order.by


def _value_of(line: DialogueLine, order: DialogueOrder) -> Value:
    match order.by:
        case "rating":
            return line.ratings.get(order.source, _missing(order))
        case "emotion":
            return line.emotion
        case "split":
            return line.split
        case "position":
            return line.position


def _missing(order: DialogueOrder) -> int:
    """The sort value of a missing rating, so that it comes last."""
    return 0 if order.is_reversed else 4


def _beyond(
    order: DialogueOrder, mark: tuple[Value, int], side: Literal["before", "after"]
) -> tuple[str, dict[str, Value]]:
    """The condition for dialogues before or after the one with that value and position."""
    ahead = ">" if (side == "after") != order.is_reversed else "<"
    values: dict[str, Value] = {"mark": mark[0], "source": order.source}
    if order.by == "position":
        return f"position {ahead} :mark", values
    equal = ">" if side == "after" else "<"
    value = _value(order)
    return (
        f"({value} {ahead} :mark OR ({value} = :mark AND position {equal} :place))",
        values | {"place": mark[1]},
    )
