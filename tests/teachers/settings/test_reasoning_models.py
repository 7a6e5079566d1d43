"""Which models reason, by name and settings, and the tokens that are allowed for it."""

from __future__ import annotations

from typing import Any

import pytest

from core.config.schema import Teacher
from core.jobs.fingerprinted_settings import fingerprinted
from core.teachers.costs import prices
from core.teachers.settings import identity, reasoning


@pytest.mark.parametrize(
    "name",
    [
        "o3-mini",
        "openai/o4-mini",
        "gpt-5",
        "gpt-5-nano-2025-08-07",
        "openai/gpt-oss-20b",
        "deepseek-reasoner",
        "deepseek-ai/DeepSeek-R1",
        "Qwen/QwQ-32B",
        "Qwen/Qwen3-8B",
        "gemini-2.5-flash",
        "gemini-3-pro-preview",
        "kimi-k2-thinking",
        "grok-4",
    ],
)
def test_names_of_models_that_reason(name: str) -> None:
    teacher = Teacher(provider="openai", model=name)
    assert reasoning.reasons(teacher)
    assert reasoning.max_output_tokens(teacher) == 8192
    assert reasoning.reasoning_tokens(teacher) > 0


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o",
        "gpt-4.1-mini",
        "gpt-5-chat-latest",
        "gemini-2.0-flash",
        "gemini-2.5-flash-lite",
        "Qwen/Qwen3-4B-Instruct-2507",
        "grok-4-fast-non-reasoning",
        "llama-3.1-8b",
        "solo1-7b",
        "claude-haiku-4-5",
        "claude-opus-4-6",
    ],
)
def test_names_of_models_that_do_not(name: str) -> None:
    teacher = Teacher(provider="openai", model=name)
    assert not reasoning.reasons(teacher)
    assert (reasoning.max_output_tokens(teacher), reasoning.reasoning_tokens(teacher)) == (512, 0)


def test_names_of_claude_count_for_anthropic_alone() -> None:
    # Elsewhere they would change the limit, and with it the key, of requests that were answered before.
    for name, reasons in (("claude-opus-5-5", True), ("claude-fable-5", True), ("claude-haiku-4-5", False)):
        assert reasoning.reasons(Teacher(provider="anthropic", model=name)) == reasons
        assert not reasoning.reasons(Teacher(provider="openai", model=name))
    budget = Teacher(provider="anthropic", model="claude-opus-4-6", thinking_budget=20_000)
    assert reasoning.max_output_tokens(budget) == 20_512


def test_settings_go_before_names() -> None:
    plain, named = Teacher(provider="openai", model="m"), Teacher(provider="google", model="gemini-2.5-flash")
    assert reasoning.max_output_tokens(_with(plain, reasoning_effort="high")) == 8192
    assert reasoning.max_output_tokens(_with(named, thinking_budget=0)) == 512
    assert reasoning.max_output_tokens(_with(named, max_output_tokens=99)) == 99
    assert reasoning.reasoning_tokens(_with(plain, reasoning_tokens=300)) == 300


def test_a_setting_that_is_not_set_changes_no_fingerprint() -> None:
    plain = Teacher(provider="openai", model="m", base_url="http://h/v1?api-version=1")
    found = identity.identity(plain)
    assert {"reasoning_effort", "thinking_budget"}.isdisjoint(fingerprinted(found))
    assert found.base_url == "http://h/v1"
    assert fingerprinted(identity.identity(_with(plain, reasoning_effort="low")))["reasoning_effort"] == "low"


def _with(teacher: Teacher, **changes: Any) -> Teacher:
    return Teacher(**{name: getattr(teacher, name) for name in Teacher.__struct_fields__} | changes)


def test_estimates_learn_from_what_was_used() -> None:
    teacher = Teacher(provider="openai", model="m", reasoning_tokens=1000)
    assert prices.answer_tokens(teacher, 60, None) == 1060
    assert prices.answer_tokens(teacher, 60, prices.Used(9, 9 * 200)) == 1060
    assert prices.answer_tokens(teacher, 60, prices.Used(10, 10 * 200)) == 220
    assert prices.answer_tokens(teacher, 60, prices.Used(10, 10)) == 60
