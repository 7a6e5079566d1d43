"""Models that reason before they answer: how they are recognised, and what that means for their tokens."""

from __future__ import annotations

import re

from core.config.schema import Teacher

#: Tokens of an answer without reasoning, and of one with it.
_MAX_OUTPUT_TOKENS, _MAX_REASONED_TOKENS = 512, 8192
#: Tokens of reasoning about a short request, as long as nothing is known of the model.
_REASONING_TOKENS = 1000
#: Names of models that reason unless the request disables it.
_NAMES = re.compile(
    r"(?:^|[/:_-])(?:o[1-9](?:$|-)|gpt-5(?!.*chat)|gpt-oss|deepseek-(?:reasoner|r\d)|qwq|qwen3(?!.*instruct)"
    r"|gemini-(?:2\.5(?!-flash-lite)|[3-9])|magistral|grok-(?:3-mini|[4-9](?!.*non-reasoning))|minimax-m\d|glm-4\.[5-9]|glm-[5-9])"
    r"|thinking|(?<!non-)reasoning",
    re.IGNORECASE,
)

#: Those of Anthropic's API. Elsewhere they do not count: the limit of tokens is a part of a request's key.
_CLAUDE_NAMES = re.compile(r"claude-(?:fable|mythos|(?:opus|sonnet)-[5-9]|haiku-(?:5-[5-9]|[6-9]))")


def reasons(teacher: Teacher) -> bool:
    """Whether the model is expected to reason, by its settings or else by its name."""
    if teacher.reasoning_effort is not None:
        return teacher.reasoning_effort != "none"
    if teacher.thinking_budget is not None:
        return teacher.thinking_budget != 0
    if teacher.reasoning_tokens is not None:
        return teacher.reasoning_tokens > 0
    if teacher.provider == "anthropic":
        return _CLAUDE_NAMES.search(teacher.model) is not None
    return teacher.provider != "local" and _NAMES.search(teacher.model) is not None


def reasoning_tokens(teacher: Teacher) -> int:
    """Estimated tokens of reasoning in each answer."""
    if teacher.reasoning_tokens is not None:
        return teacher.reasoning_tokens
    return _REASONING_TOKENS if reasons(teacher) else 0


def max_output_tokens(teacher: Teacher) -> int:
    """The token limit of an answer."""
    if teacher.max_output_tokens is not None:
        return teacher.max_output_tokens
    if not reasons(teacher):
        return _MAX_OUTPUT_TOKENS
    if teacher.provider == "anthropic" and teacher.thinking_budget is not None:
        # Claude refuses a limit that leaves no room for an answer.
        return max(_MAX_REASONED_TOKENS, teacher.thinking_budget + _MAX_OUTPUT_TOKENS)
    return _MAX_REASONED_TOKENS
