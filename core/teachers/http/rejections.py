"""Errors of providers, by their status and words: what may pass with time, and what never will."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from core.teachers.http import content_filters, error_bodies, error_text
from core.teachers.http.error_bodies import BodyError
from core.teachers.protocol import FailedRequest, RejectedError, Remedy, TransientError

#: The last part of a base URL of OpenAI's API and of servers compatible with it.
OPENAI_VERSION = "/v1"
#: The code of an error that is a web page under status 200.
WEB_PAGE = "200"
_TRANSIENT = frozenset({408, 409, 425, 429})
#: Statuses of gateways in front of a server that does not answer.
_UNREACHABLE = frozenset({502, 503, 504, 520, 521, 522, 523, 530})
#: Statuses that reject one request; any other rejection would meet every request.
_ONE_REQUEST = frozenset({400, 413, 422})
#: Codes that come with such a status and still concern every request.
_EVERY_REQUEST = frozenset(
    {
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
        "model_not_found",
        "failed_precondition",
    }
)
#: Codes and words of an account without credit, or with a quota that time alone does not bring back.
_NO_CREDIT_CODES = frozenset(
    {
        "insufficient_quota",
        "insufficient_balance",
        "insufficient_funds",
        "insufficient_user_quota",
        "exceeded_current_quota_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "account_deactivated",
        "payment_required",
        "billing_error",
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "arrearage",
    }
)
_NO_CREDIT = re.compile(
    r"insufficient (?:credit|balance|quota|funds)|out of credit|credit balance is too low"
    r"|(?:exceeded|reached) your (?:current |monthly |weekly )?(?:quota|(?:spending|credit|usage) limit)"
    r"|quota (?:has been |is )?exhausted|billing hard limit|check your plan and billing|add (?:more )?credit"
    r"|account (?:is )?(?:not active|suspended|in arrears)|余额不足|欠费",
    re.IGNORECASE,
)
#: The last one is LiteLLM's proxy, which looks for a key that is not its own in a database.
_KEY = re.compile(
    r"api.?key|access token|unauthorized|authenticat|credentials|no connected db", re.IGNORECASE
)
#: A model that the server does not have, under a status that is about one request.
_INVALID_MODEL = re.compile(r"invalid model name", re.IGNORECASE)
#: The same without a status, where other words may be about something else.
_REFUSED_KEY = re.compile(
    r"(?:invalid|incorrect|wrong|missing|expired|no) (?:api.?key|access token|credentials)"
    r"|not (?:authenticated|authorized)\b|authentication (?:is )?required|could not validate credentials"
    r"|api.?key (?:is )?(?:not valid|invalid|incorrect|missing|expired)|authentication (?:failed|error)"
    r"|invalid (?:token|authentication)|^unauthorized\b",
    re.IGNORECASE,
)
#: A model that the server does not have, named without a status.
_UNKNOWN_MODEL = re.compile(r"\bmodel\b.{1,200}(?:not found|does not exist)", re.IGNORECASE)
#: Codes about the batch of a request, not about the request.
_OF_BATCHES = frozenset({"batch_expired", "batch_cancelled"})
#: An HTTP request was sent to a port that speaks TLS.
_NEEDS_TLS = re.compile(r"HTTP request was sent to HTTPS|HTTP request to an HTTPS server", re.IGNORECASE)


def of_error(
    status: int,
    found: BodyError,
    base_url: str,
    key: str,
    *,
    retry_after: float | None = None,
    version: str = OPENAI_VERSION,
) -> TransientError | RejectedError:
    """The protocol's error for an error body under `status`; its message never contains `key`.

    `version` is the last part of a base URL as this kind of API has it; empty if it has none.
    """
    message = error_text.redacted(": ".join(filter(None, (str(status), found.name, found.message))), key)
    if content_filters.is_filtered(str(status), message):
        return RejectedError(message, code=content_filters.CONTENT_FILTER, fatal=False)
    remedy = _remedy(status, found, message)
    if remedy is None and (status >= 500 or status in _TRANSIENT):
        return TransientError(
            message,
            code=str(status),
            throttled=status == 429,
            unreachable=status in _UNREACHABLE,
            retry_after=retry_after,
        )
    if remedy == "url":
        message += url_hint(base_url, version)
    fatal = (
        status not in _ONE_REQUEST
        or remedy is not None
        or error_text.concerns_logprobs(message)
        or _INVALID_MODEL.search(message) is not None
        or not _EVERY_REQUEST.isdisjoint(found.codes)
    )
    return RejectedError(error_text.with_logprobs_hint(message), code=str(status), fatal=fatal, remedy=remedy)


def of_body(
    content: bytes, base_url: str, key: str, *, version: str = OPENAI_VERSION
) -> TransientError | RejectedError | None:
    """The error for a body under status 200 that is an error or a web page; None for any other body."""
    if error_bodies.is_web_page(content):
        page = error_text.redacted(error_bodies.shown(content), key)
        return RejectedError(
            f"the server sent a web page instead of an answer ({page}){url_hint(base_url, version)}",
            code=WEB_PAGE,
            fatal=True,
            remedy="url",
        )
    found = error_bodies.of_content(content)
    return None if found is None else _inside_success(found, base_url, key, version)


def of_object(
    body: object, base_url: str, key: str, *, version: str = OPENAI_VERSION
) -> TransientError | RejectedError | None:
    """The error for a decoded body, or a part of one, under status 200; None if it names none."""
    found = error_bodies.of_object(body)
    return None if found is None else _inside_success(found, base_url, key, version)


def of_line(
    status: int | None, body: object, base_url: str, key: str, *, version: str = OPENAI_VERSION
) -> FailedRequest:
    """The failure of one request of a batch, from the status and the error body in its line."""
    found = error_bodies.of_object(body) or error_bodies.undescribed(json.dumps(body))
    status = status if status is not None and status >= 400 else _status(found)
    if status is None or found.codes & _OF_BATCHES:
        message = error_text.redacted(found.message, key)
        return FailedRequest(found.name or "error", error_text.with_logprobs_hint(message))
    return as_failure(of_error(status, found, base_url, key, version=version))


def as_failure(error: TransientError | RejectedError) -> FailedRequest:
    """An error of a call as the result of one request of a batch."""
    message = str(error).removeprefix(f"{error.code}: ")
    if isinstance(error, TransientError):
        return FailedRequest(error.code, message)
    return FailedRequest(error.code, message, error.fatal, error.remedy)


def _inside_success(
    found: BodyError, base_url: str, key: str, version: str
) -> TransientError | RejectedError:
    status = _status(found)
    if status is not None:
        return of_error(status, found, base_url, key, version=version)
    message = error_text.redacted(f"the server sent an error instead of an answer: {found.message}", key)
    return TransientError(message, code="body")


def _status(found: BodyError) -> int | None:
    """The HTTP status that an error names, or that its words mean."""
    if found.status is not None:
        return found.status
    if error_bodies.is_unknown_path(found.message):
        return 404
    if _NO_CREDIT.search(found.message):
        return 402
    if _UNKNOWN_MODEL.search(found.message):
        return 404
    return 401 if _REFUSED_KEY.search(found.message) else None


def url_hint(base_url: str, version: str = OPENAI_VERSION) -> str:
    """What may be wrong with a URL whose path the server does not know."""
    path = urlsplit(base_url).path.rstrip("/")
    shown = base_url.rstrip("/")
    for end in ("/chat/completions", "/completions", "/models", "/batches"):
        if path.endswith(end):
            return f" (base_url is {base_url}: leave out {end})"
    if version and re.search(r"/v\d|/openai\b|/api/", path) is None:
        return f" (base_url is {base_url}: does the API begin at {shown}{version}?)"
    return f" (base_url is {base_url}: check its path)"


def _remedy(status: int, found: BodyError, message: str) -> Remedy | None:
    if _NEEDS_TLS.search(message):
        return "url"
    if status == 402 or not _NO_CREDIT_CODES.isdisjoint(found.codes):
        return "credit"
    if status in (400, 403, 429) and _NO_CREDIT.search(found.message):
        return "credit"
    if status == 401 or (status in (400, 403) and _KEY.search(found.message)):
        return "key"
    if status in (400, 404) and error_bodies.is_unknown_path(found.message):
        return "url"
    if status == 405 or (status == 404 and not found.is_described):
        return "url"
    return None
