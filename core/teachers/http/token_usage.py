"""The tokens that a provider charges for, from the counts that it reports."""

from __future__ import annotations

from core.teachers.protocol import TokenCounts, Usage


def billed(counts: TokenCounts, *, has_answer: bool) -> Usage | None:
    """The billed tokens; None unless those of the prompt and the completion follow from the counts.

    Some servers leave tokens of reasoning out of the completion's, but not out of the total. No prompt is
    empty, and no answer: 0 means that the server does not count.
    """
    prompt, completion, total = counts.prompt, counts.completion, counts.total
    if not prompt and total is not None and completion is not None:
        prompt = total - completion
    if completion is None and prompt and total is not None:
        completion = total - prompt
    if prompt is None or prompt <= 0 or completion is None or completion < 0:
        return None
    if counts.reasoning is not None and counts.reasoning > completion:
        # A part is never more than the whole: these are counted apart.
        completion += counts.reasoning
    if total is not None:
        completion = max(completion, total - prompt)
    if has_answer and completion == 0:
        return None
    cached = min(max(0, counts.cached or 0), prompt)
    written = min(max(0, counts.cache_write or 0), prompt - cached)
    reasoned = None if counts.reasoning is None else min(max(0, counts.reasoning), completion)
    return Usage(prompt, cached, completion, reasoned, written)


def incomplete(counts: TokenCounts, usage: Usage | None) -> TokenCounts | None:
    """The counts where the usage does not follow from them; None if it does, or nothing was reported."""
    is_empty = not any((counts.prompt, counts.completion, counts.total, counts.reasoning))
    return None if usage is not None or is_empty else counts


def completed(counts: TokenCounts | None, estimate: Usage) -> Usage:
    """`estimate`, with the counts that are known instead of their estimates."""
    if counts is None:
        return estimate
    prompt = counts.prompt or estimate.input_tokens
    output = max(counts.completion or estimate.output_tokens, counts.reasoning or 0)
    cached = min(counts.cached or 0, prompt)
    written = min(counts.cache_write or 0, prompt - cached)
    return Usage(prompt, cached, max(output, (counts.total or 0) - prompt), counts.reasoning, written)
