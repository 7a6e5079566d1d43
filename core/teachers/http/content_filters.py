"""Errors with which providers reject a request for its content, not for its form."""

from __future__ import annotations

import re

#: The code of such an error in a `RejectedError`, whatever the provider calls it.
CONTENT_FILTER = "content_filter"
#: Statuses under which providers report it.
STATUSES = ("400", "403", "422", "451", "invalid_request")

_WORDS = re.compile(
    r"content[ _-]?(?:filter|policy|management|moderation|safety)|data_?inspection|responsible_?ai"
    r"|safety system|usage polic|moderation|\bflagged\b|prohibited_content"
    r"|blocked by .{0,20}(?:safety|filter)",
    re.IGNORECASE,
)


def is_filtered(code: str, message: str) -> bool:
    """Whether an error of that code or HTTP status says that a filter rejected the content."""
    return code == CONTENT_FILTER or (code in STATUSES and _WORDS.search(message) is not None)
