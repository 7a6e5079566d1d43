"""Which parameters an endpoint accepts for a model: found out from its errors, once, and remembered.

Models that reason refuse a temperature, or `max_tokens`; other servers know only that. Which is which is not
documented in a form that programs can read, so it is learned: a request that is refused because of such a
parameter is sent again without it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from core.jobs import files

#: The two names of the token limit: where one is refused, the other is sent.
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
#: The parameter that requests structured output, under OpenAI's name.
STRUCTURED_OUTPUT = "response_format"
#: The parameter that requests the usage of an answer that is streamed.
STREAM_OPTIONS = "stream_options"
#: Gemini's level of reasoning, in whose place older models take a budget, and Claude's adaptive thinking.
THINKING_LEVEL = "thinking_level"
ADAPTIVE_THINKING = "adaptive_thinking"
#: Parameters that can be left out: an endpoint that refuses one has no such choice, or decides by itself.
_OPTIONAL = (
    *("temperature", "top_p", "seed", "reasoning_effort"),
    *(STRUCTURED_OUTPUT, STREAM_OPTIONS, THINKING_LEVEL, ADAPTIVE_THINKING),
)
#: What servers call a parameter, if not by its name.
_CALLED = {
    STRUCTURED_OUTPUT: r"response[ _]format|response_?(?:json_?)?schema|response_?mime_?type|json[ _]mode"
    r"|json[ _]schema|structured[ _]outputs?|output_?(?:config\.)?format",
    "reasoning_effort": r"reasoning_?effort|(?:output_config\.)?effort",
    # Not "Thinking level MINIMAL is not supported", which is about that level.
    THINKING_LEVEL: r"thinking[ _]?level(?=\W{0,2} (?:is|parameter|field)\b)",
    ADAPTIVE_THINKING: r"adaptive[ _]thinking|thinking\.(?:type\.)?adaptive",
}
#: All parameters that are adjusted to what an endpoint accepts.
ADJUSTABLE = frozenset((*TOKEN_LIMITS, *_OPTIONAL))
#: How servers say that they refuse a parameter.
_REFUSED = re.compile(
    r"unsupported|not supported|does(?: not|n't) support|unrecognized|unknown|unexpected|deprecated"
    r"|not (?:a )?(?:permitted|allowed|valid|accept|implemented)|cannot be used|invalid parameter"
    r"|extra (?:inputs|fields)|extra_forbidden"
    r"|unavailable|not (?:available|enabled)|enabled only"
    r"|only (?:the default|[\d.]+)\b.{0,40}(?:allowed|supported)"
    r"|must be (?:set to )?1(?:\.0)?\b(?! (?:or|and))|may (?:not|only) be set|cannot both be"
    r"|use .{0,3}max_(?:completion_)?tokens.{0,3} instead",
    re.IGNORECASE,
)

log = logging.getLogger(__name__)


class AcceptedParameters:
    """What one endpoint refuses for one model; kept in the file `memory`, if any, of a workspace."""

    def __init__(self, memory: Path | None = None, endpoint: str = "") -> None:
        self._memory = memory
        self._endpoint = endpoint
        self._refused = self._read()

    def is_refused(self, parameter: str) -> bool:
        return parameter in self._refused

    def token_limit(self, default: str) -> str:
        """The name of the token limit: `default` unless the endpoint refuses it and not the other."""
        other = TOKEN_LIMITS[1 - TOKEN_LIMITS.index(default)]
        return other if default in self._refused and other not in self._refused else default

    def learn(self, message: str, sent: frozenset[str]) -> bool:
        """Whether the error `message` refuses one of the parameters that were `sent`, and can be left out.

        Then it is left out from now on. A value of `reasoning_effort` that a model does not know is an error
        of its own: the message has the values that it knows.
        """
        parameter = self._refused_in(message, sent)
        if parameter is None:
            return False
        if parameter not in self._refused:
            self._refused.add(parameter)
            instead = (
                f"{self.token_limit(parameter)} is sent instead"
                if parameter in TOKEN_LIMITS
                else "it is not sent any more, and the model's own default applies"
            )
            log.warning("%s refuses %s: %s (%s)", self._endpoint, parameter, instead, message)
            self._write()
        return True

    def _refused_in(self, message: str, sent: frozenset[str]) -> str | None:
        if _REFUSED.search(message) is None:
            return None
        named = [
            (found.start(), name)
            for name in (*TOKEN_LIMITS, *_OPTIONAL)
            if name in sent and (found := _spelled(name).search(message)) is not None
        ]
        if not named:
            return None
        # The first one is what is refused; others are what to use instead.
        name = min(named)[1]
        if name in TOKEN_LIMITS and TOKEN_LIMITS[1 - TOKEN_LIMITS.index(name)] in self._refused:
            return None
        is_value = re.search(r"unsupported[_ ]value|supported values", message, re.IGNORECASE) is not None
        return None if name == "reasoning_effort" and is_value else name

    def _read(self) -> set[str]:
        return set(self._all().get(self._endpoint, ()))

    def _all(self) -> dict[str, list[str]]:
        try:
            found = json.loads(self._memory.read_bytes()) if self._memory is not None else {}
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(refused, list) for refused in found.values()):
            log.warning("%s is damaged: what endpoints accept is found out again", self._memory)
            return {}
        return {name: list(map(str, refused)) for name, refused in found.items()}

    def _write(self) -> None:
        if self._memory is None:
            return
        with self._locked():
            everything = self._all()
            self._refused |= set(everything.get(self._endpoint, ()))
            everything[self._endpoint] = sorted(self._refused)
            files.write_bytes(self._memory, json.dumps(everything, indent=1).encode() + b"\n")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        assert self._memory is not None
        with FileLock(self._memory.with_suffix(".lock"), fallback_to_soft=False):
            yield


def _spelled(name: str) -> re.Pattern[str]:
    """What servers call a parameter: its name, also as `reasoningEffort`, or what it is for."""
    words = _CALLED.get(name, name.replace("_", "_?"))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
