"""The one way to get what a desk wants: in batches, live, or from a local model."""

from __future__ import annotations

from core.teachers.desk import Desk


def ask(desk: Desk, device: str, dtype: str) -> None:
    """Ask until nothing is left to send or to try; `device` and `dtype` are a local model's.

    Raises `UserError` when the teacher cannot be asked, or the budget does not allow for more.
    """
    desk.begin()
    match desk.teacher.provider, desk.teacher.mode:
        case "local", _:
            from core.teachers import local

            local.ask(desk, device, dtype)
        case _, "batch":
            from core.teachers import batches

            batches.ask(desk)
        case _:
            from core.teachers import sessions

            sessions.ask(desk)
    desk.ledger.refresh()
