"""The queries of readers about verdicts."""

from __future__ import annotations

import sqlite3

from core.domain.evaluation.verdicts import DIMENSIONS, Dimension, Order, Verdict, Winner

_DIMENSIONS = ", ".join(DIMENSIONS)


def winners_of(connection: sqlite3.Connection, dialog_id: str) -> dict[str, list[tuple[Order, Winner]]]:
    """(order, winner) of the verdicts of every comparison on a dialogue, by job."""
    found: dict[str, list[tuple[Order, Winner]]] = {}
    rows = connection.execute(
        "SELECT jobs.id, ordering, winner FROM jobs JOIN verdicts ON verdicts.job = jobs.id AND dialog_id = ?"
        " WHERE stage = 'compare'",
        (dialog_id,),
    )
    for job, order, winner in rows:
        found.setdefault(job, []).append((order, winner))
    return found


def verdicts(connection: sqlite3.Connection, job: str, judge: str) -> dict[str, list[Verdict]]:
    """A comparison's verdicts by dialogue."""
    found: dict[str, list[Verdict]] = {}
    rows = connection.execute(
        f"SELECT dialog_id, ordering, winner, raw, number, probability_b, {_DIMENSIONS} FROM verdicts"
        " WHERE job = ? ORDER BY dialog_id, ordering, number",
        (job,),
    )
    for row in rows:
        found.setdefault(row["dialog_id"], []).append(
            Verdict(
                judge,
                row["ordering"],
                row["winner"],
                row["raw"],
                row["number"],
                row["probability_b"],
                {name: row[name] for name in DIMENSIONS if row[name] is not None},
            )
        )
    return found


def winners(connection: sqlite3.Connection, job: str) -> list[tuple[str, Order, Winner]]:
    """(dialogue, order, winner) of a comparison's verdicts, by dialogue."""
    rows = connection.execute(
        "SELECT dialog_id, ordering, winner FROM verdicts WHERE job = ? ORDER BY dialog_id", (job,)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def probable_winners(
    connection: sqlite3.Connection, job: str
) -> list[tuple[str, Order, Winner, float | None]]:
    """(dialogue, order, winner, probability of b) of a comparison's verdicts, by dialogue; the probability is
    None where the judge gives none."""
    rows = connection.execute(
        "SELECT dialog_id, ordering, winner, probability_b FROM verdicts WHERE job = ? ORDER BY dialog_id",
        (job,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def dimension_winners(
    connection: sqlite3.Connection, job: str
) -> dict[Dimension, list[tuple[str, Order, Winner]]]:
    """(dialogue, order, winner) of a comparison's verdicts in each dimension, by dialogue."""
    found: dict[Dimension, list[tuple[str, Order, Winner]]] = {}
    for name in DIMENSIONS:
        rows = connection.execute(
            f"SELECT dialog_id, ordering, {name} FROM verdicts WHERE job = ? AND {name} IS NOT NULL"
            " ORDER BY dialog_id",
            (job,),
        )
        if own := [(row[0], row[1], row[2]) for row in rows]:
            found[name] = own
    return found
