"""Checks of the options of teachers, judges and servers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core.config.problems import InvalidOptionError
from core.config.schema import JudgeConfig, Server, Teacher
from core.domain.names import RunName

#: Without user name, password or query, because people put API keys there; except for Azure's version.
_URL = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?(\?api-version=[\w.-]+)?")
#: Paths below the base URL, which people copy from examples of single requests.
_ENDPOINTS = ("/chat/completions", "/completions", "/messages", "/batches")
#: How long a batch may take: a number of hours or days.
_WINDOW = re.compile(r"[1-9]\d*[hd]")
#: An API key can look like a variable name; the prefixes of some providers' keys are refused, and long names
#: of letters and digits without a "_".
_VARIABLE = re.compile(
    r"(?!AIza|hf_|gsk_|sk_|gh[pousr]_|r8_|AKIA)(?!(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24,}$)[A-Za-z_][A-Za-z0-9_]*"
)

#: The range of a temperature that a model samples with: with smaller ones its scores are not finite.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.001, 100
#: The minimum of tokens of reasoning that Claude can be limited to.
_MIN_CLAUDE_BUDGET = 1024


def check_judge(key: str, judge: JudgeConfig) -> None:
    if judge.provider != "embedded":
        if not judge.model:
            raise InvalidOptionError(f"{key}.model", "is missing: the model that judges")
        check_teacher(key, judge)
        if judge.provider == "local" and judge.structured_output:
            raise InvalidOptionError(
                f"{key}.structured_output", "a local model does not support it; remove it"
            )
        for name in ("dimensions", "structured_output"):
            if judge.top_logprobs is not None and getattr(judge, name):
                raise InvalidOptionError(
                    f"{key}.{name}",
                    f"set either {name} or top_logprobs, which are log-probabilities of an "
                    "answer of one digit",
                )
        if judge.stop is not None and judge.mode == "batch":
            raise InvalidOptionError(
                f"{key}.stop",
                '"decided" needs verdicts one after the other, but a batch gives all of them '
                'at its end; set mode = "live", or remove stop',
            )
    elif judge != JudgeConfig(provider="embedded", stop=judge.stop, comparisons=judge.comparisons):
        raise InvalidOptionError(
            key, "the embedded judge takes no setting other than provider, stop and comparisons"
        )


def check_server(key: str, server: Server, student: str) -> None:
    if "?" in server.base_url:
        raise InvalidOptionError(f"{key}.base_url", "must have no query")
    _check_url(key, server.base_url)
    _check_variable(key, server.api_key_env)
    if "{" in server.model.replace("{responder}", "") or not server.model.strip():
        raise InvalidOptionError(
            f"{key}.model", "must be a name; the only field that it may have is {responder}"
        )
    for responder, name in server.models.items():
        run = RunName.parse(responder)
        if responder != student and (run is None or run.student != student):
            raise InvalidOptionError(
                f"{key}.models",
                f"{responder!r} is neither {student!r} nor a run of it, such as "
                f"'{student}/direct/chatgpt/sft'",
            )
        if not name.strip():
            raise InvalidOptionError(f"{key}.models", f"the name of {responder!r} is empty")


def _check_url(key: str, url: str) -> None:
    if not _is_url(url):
        raise InvalidOptionError(
            f"{key}.base_url",
            "must be a URL such as http://localhost:8000/v1, without user name, password and query",
        )
    path = url.partition("?")[0].rstrip("/")
    ending = next((end for end in _ENDPOINTS if path.endswith(end)), None)
    if ending is not None:
        raise InvalidOptionError(f"{key}.base_url", f"leave out {ending}, which each request adds")


def _is_url(text: str) -> bool:
    """Whether it is a URL of a server, which every reader of URLs can take apart."""
    try:
        parts = urlsplit(text)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return has_place and text.isprintable() and _URL.fullmatch(text) is not None


def _check_variable(key: str, name: str | None) -> None:
    if name is not None and not _VARIABLE.fullmatch(name):
        raise InvalidOptionError(
            f"{key}.api_key_env", "must be the name of an environment variable, never the key itself"
        )


def _check_claude(key: str, teacher: Teacher) -> None:
    if teacher.top_logprobs is not None:
        raise InvalidOptionError(f"{key}.top_logprobs", "Claude returns no log-probabilities; remove it")
    if teacher.seed is not None:
        raise InvalidOptionError(f"{key}.seed", "Claude takes no seed; remove it")
    budget = teacher.thinking_budget
    if budget is None or budget <= 0:
        return
    if budget < _MIN_CLAUDE_BUDGET:
        raise InvalidOptionError(
            f"{key}.thinking_budget", f"Claude takes at least {_MIN_CLAUDE_BUDGET}, 0 for none, or -1"
        )
    if teacher.max_output_tokens is not None and teacher.max_output_tokens <= budget:
        raise InvalidOptionError(
            f"{key}.max_output_tokens", "must exceed thinking_budget: the limit is for reasoning and answer"
        )


def check_teacher(key: str, teacher: Teacher) -> None:
    if teacher.provider == "local":
        if teacher.temperature and not MIN_TEMPERATURE <= teacher.temperature <= MAX_TEMPERATURE:
            raise InvalidOptionError(
                f"{key}.temperature", f"must be 0, or from {MIN_TEMPERATURE} to {MAX_TEMPERATURE}"
            )
        if teacher.mode == "batch":
            raise InvalidOptionError(f"{key}.mode", "a local model has no batch mode; use 'live'")
        if teacher.base_url is not None or teacher.api_key_env is not None:
            raise InvalidOptionError(key, "a local model takes neither base_url nor api_key_env")
    if teacher.base_url is not None:
        _check_url(key, teacher.base_url)
    _check_variable(key, teacher.api_key_env)
    if teacher.provider == "local" and teacher.top_logprobs is not None:
        raise InvalidOptionError(f"{key}.top_logprobs", "only a judge behind an API supports it; remove it")
    if teacher.provider == "local" and teacher.extra_body:
        raise InvalidOptionError(f"{key}.extra_body", "a local model sends no request; remove it")
    if teacher.provider not in ("google", "anthropic") and teacher.thinking_budget is not None:
        raise InvalidOptionError(
            f"{key}.thinking_budget", 'only provider "google" and provider "anthropic" support it'
        )
    if teacher.provider == "anthropic":
        _check_claude(key, teacher)
    if teacher.provider != "openai" and teacher.token_limit is not None:
        raise InvalidOptionError(
            f"{key}.token_limit", 'only provider "openai" has two names for it; remove it'
        )
    if teacher.provider == "local" and teacher.reasoning_effort is not None:
        raise InvalidOptionError(f"{key}.reasoning_effort", "a local model does not support it; remove it")
    if teacher.thinking_budget is not None and teacher.reasoning_effort is not None:
        raise InvalidOptionError(key, "set either thinking_budget or reasoning_effort: models take only one")
    if teacher.provider != "openai" and (teacher.api_version is not None or "?" in (teacher.base_url or "")):
        raise InvalidOptionError(f"{key}.api_version", 'only provider "openai" supports it')
    if not _WINDOW.fullmatch(teacher.batch_window):
        raise InvalidOptionError(f"{key}.batch_window", "must be a number of hours or days such as 24h or 7d")
    if teacher.poll_min_s > teacher.poll_max_s:
        raise InvalidOptionError(f"{key}.poll_min_s", "must not exceed poll_max_s")
