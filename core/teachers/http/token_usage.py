"""The tokens that a provider charges for, from the counts that it reports."""

from __future__ import annotations

from core.teachers.protocol import Usage


def billed(prompt: int | None, cached: int | None, completion: int | None, total: int | None) -> Usage | None:
    """The billed tokens; None unless those of the prompt and the completion follow from the counts.

    Some servers leave tokens of reasoning out of the completion's, but not out of the total. No prompt is
    empty: 0 means that the server does not count.
    """
    if not prompt and total is not None and completion is not None:
        prompt = total - completion
    if completion is None and prompt and total is not None:
        completion = total - prompt
    if prompt is None or prompt <= 0 or completion is None or completion < 0:
        return None
    if total is not None:
        completion = max(completion, total - prompt)
    return Usage(prompt, min(max(0, cached or 0), prompt), completion)
