"""The values of settings as the names of versions have them."""

from __future__ import annotations

import hashlib
import json
import re

#: Values that are shown as they are; of others, the beginning of their hash.
_PLAIN = re.compile(r"[A-Za-z0-9._+:/-]{1,40}")
#: How many digits of a hash distinguish what fewer do not.
DIGITS = 6


def setting_value(value: object) -> str:
    """A setting's value without white space, commas and `@`: short ones as they are, the hash of others."""
    match value:
        case None | () | "":
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.10g}"
        case tuple() | list():
            shown = "+".join(map(setting_value, value))
        case dict():
            shown = "+".join(f"{key}:{setting_value(part)}" for key, part in value.items()) or "none"
        case str():
            shown = value.removeprefix("sha256:")[:DIGITS] if value.startswith("sha256:") else value
        case _:
            shown = str(value)
    if _PLAIN.fullmatch(shown):
        return shown
    return hashlib.sha256(json.dumps(value, default=str, sort_keys=True).encode()).hexdigest()[:DIGITS]
