"""Errors that servers describe in a response's body, also under the status 200."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.teachers.http import json_values

#: Characters of a web page or another unknown body that are shown.
_MAX_SHOWN = 200
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)
#: Members that hold the code of an error.
_CODES = ("code", "type", "status", "status_code", "http_code", "error_code")
#: Codes in words, and the HTTP status that belongs to them.
_STATUS_OF_CODE = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "unauthenticated": 401,
    "unauthorized": 401,
    "insufficient_balance": 402,
    "payment_required": 402,
    "billing_error": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "model_not_found": 404,
    "not_found": 404,
    "not_found_error": 404,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "invalid_argument": 400,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "unsupported_parameter": 400,
    "unsupported_value": 400,
    "request_too_large": 413,
    "api_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    "service_unavailable": 503,
    "unavailable": 503,
}
#: What servers say if they do not know the path of a request.
_UNKNOWN_PATH = re.compile(
    r"unexpected endpoint|unknown (?:endpoint|path|url|route)|invalid url|no route|route not found"
    r"|cannot (?:post|get) /|(?:path|file|url|page|endpoint) (?:was )?not found|method not allowed"
    r"|unrecognized request url|(?:path|route|endpoint) [\"'/]\S{1,80} (?:was )?not found"
    r"|^not found$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class BodyError:
    """An error in the provider's words."""

    status: int | None
    """The HTTP status that the body names; None if it names none."""
    codes: frozenset[str]
    """Codes and types, in lower case."""
    message: str
    """The provider's message, not redacted."""
    name: str | None = None
    """The code as the provider writes it, if it is a word."""
    is_described: bool = True
    """Whether the body describes an error; else `message` is the beginning of an unknown body."""


def of_object(body: object) -> BodyError | None:
    """The error in a decoded body; None if the body is not an object, or names no error."""
    if not isinstance(body, Mapping):
        return None
    for name in ("error", "errors", "detail", "message", "base_resp", "error_msg", "msg"):
        found = body.get(name)
        if isinstance(found, list) and found:
            found = found[0]
        if name == "message" and not isinstance(found, str):
            # A message of a conversation.
            continue
        if isinstance(found, Mapping) and not any(found.values()):
            continue
        if found:
            inner = found if isinstance(found, Mapping) else {"message": found}
            return _error({**{k: body[k] for k in _CODES if k in body}, **inner})
    return None


def of_content(content: bytes) -> BodyError | None:
    """The error in a body that should be an answer; None if it names none."""
    try:
        return of_object(json_values.parse(content))
    except ValueError:
        return None


def of_response(content: bytes) -> BodyError:
    """The error in the body of a response whose status is an error, whatever its format."""
    return of_content(content) or undescribed(content)


def undescribed(content: bytes | str) -> BodyError:
    """The error in a body that describes none."""
    return BodyError(None, frozenset(), shown(content), is_described=False)


def words(error: object) -> str:
    """What the error of one request says; empty if it says nothing."""
    if isinstance(error, Mapping):
        parts = (json_values.text(error.get(name)) for name in ("code", "status", "message"))
        return ": ".join(part for part in parts if part and part != "0")
    return json_values.text(error) or ""


def is_web_page(content: bytes) -> bool:
    """Whether a body is HTML, as web sites, gateways and log-in pages send it."""
    return content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def is_unknown_path(message: str) -> bool:
    """Whether the server says that it does not know the path of the request."""
    return _UNKNOWN_PATH.search(message) is not None


def shown(content: bytes | str) -> str:
    """The beginning of a body of an unknown format, without tags."""
    begin = content[:20_000] if isinstance(content, str) else content[:20_000].decode(errors="replace")
    text = " ".join(_TAG.sub(" ", begin).split())
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _error(found: Mapping[str, object]) -> BodyError:
    words = [found.get(name) for name in _CODES]
    named = (*words, json_values.member(found, "details", "error_code"))
    codes = frozenset(word.lower() for word in named if isinstance(word, str))
    numbers = (int(str(word)) for word in words if re.fullmatch(r"\d{3}", str(word)))
    status = next((number for number in numbers if 400 <= number < 600), None)
    if status is None:
        status = next((_STATUS_OF_CODE[code] for code in sorted(codes) if code in _STATUS_OF_CODE), None)
    message = next(
        (found[name] for name in ("message", "msg", "status_msg", "detail", "error") if found.get(name)), None
    )
    text = json_values.text(message) or json.dumps(message or dict(found), default=str)
    # What a provider behind OpenRouter says.
    behind = json_values.text(json_values.member(found, "metadata", "raw"))
    text += f": {behind}" if behind else ""
    name = next((word for word in words if isinstance(word, str) and not word.isdigit()), None)
    return BodyError(status, codes, text, name)
