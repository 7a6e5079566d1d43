"""What a job found out: in a line, in sentences, and as raw values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.api import (
    DROP_REASONS,
    CompareResult,
    FilterResult,
    GenerateResult,
    HoldoutResult,
    JudgeResult,
    RecipeResult,
    RespondResult,
    RungResult,
    SftResult,
    ValidateResult,
    result_values,
)
from tui.format import values as formats
from tui.format.text import visible
from tui.format.values import count, counted, percent, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.api import Job, Result, RungPlace


def sentences(result: Result) -> list[str]:
    """All that people want to know of a result, the most important first, made visible."""
    match result:
        case GenerateResult():
            before = f", {count(result.reused)} of them paid for before" if result.reused else ""
            lines = [f"{count(result.answers)} usable responses{before}"]
            lines += [f"{counted(result.left_out, 'request')} without one"] if result.left_out else []
        case RecipeResult():
            lines = [
                f"{_of(result.sft_used, result.sft_examples)} SFT examples and "
                f"{_of(result.preferences_used, result.preference_pairs)} preference pairs written"
            ]
            if result.left_out:
                lines.append(
                    f"{count(result.left_out)} dialogues left out: they lack responses that it needs"
                )
        case FilterResult():
            lines = _filtered(result)
        case SftResult():
            lines = _training(result)
        case RespondResult():
            lines = [f"{count(result.responses)} test dialogues answered{_of_server(result)}"]
            lines += [f"{counted(result.cut, 'answer')} cut at max_new_tokens"] if result.cut else []
            lines += [f"{count(result.left_out)} without a usable answer"] if result.left_out else []
        case JudgeResult() | ValidateResult():
            interval = span(result.agreement_low, result.agreement_high)
            lines = [
                f"agrees with people on {percent(result.agreement, 1)} of "
                f"{count(result.agreement_pairs)} pairs (95 % interval {interval} %)"
            ]
            if result.longer_agreement is not None:
                lines.append(f"“the longer one wins” agrees on {percent(result.longer_agreement, 1)}")
        case CompareResult():
            lines = _comparison(result)
        case HoldoutResult():
            lines = [
                f"{count(result.held_out)} of {count(result.held_out + result.train)} train dialogues held "
                "out, on which rungs are decided"
            ]
        case RungResult():
            lines = [_went_on(result), *map(_place, result.places)]
    return [visible(line) for line in lines]


def brief(result: Result | None) -> str:
    """A finished job's main results in a line, which is not made visible; empty for None."""
    match result:
        case GenerateResult() as result:
            return _generated(result)
        case RecipeResult() as result:
            return f"{result.sft_used} SFT examples, {result.preferences_used} preference pairs" + _counted(
                result.control_tokens, "with control tokens as text"
            )
        case FilterResult() as result:
            return f"{result.kept} of {result.pairs} preference pairs kept"
        case SftResult() as result:
            return (
                f"{result.steps} steps, mean loss {result.train_loss:.3f}"
                + _counted(result.truncated, "examples truncated at max_length")
                + _counted(result.left_out, "examples left out")
                + _notes(result.chat_template_notes)
            )
        case RespondResult(responses=responses, cut=cut, left_out=left_out) as result:
            return (
                f"{responses} responses{_of_server(result)}"
                + ("" if cut is None else f", {cut} of them cut at max_new_tokens")
                + (f", {left_out} left out" if left_out else "")
                + _counted(result.with_thinking, "with thinking, which was removed")
                + _notes(result.chat_template_notes)
            )
        case JudgeResult(label=label):
            return label
        case ValidateResult() as result:
            interval = f"{percent(result.agreement_low, 1)} – {percent(result.agreement_high, 1)}"
            return f"agrees with people on {percent(result.agreement, 1)} ({interval})"
        case HoldoutResult(held_out=held_out, train=train):
            return f"{held_out} of {held_out + train} train dialogues held out"
        case RungResult():
            return _went_on(result)
        case CompareResult(win_rate_b=float(rate), ci_low=low, ci_high=high, left_out=left_out):
            return f"win rate of b {percent(rate, 1)} ({percent(low, 1)} – {percent(high, 1)})" + (
                f", {left_out} dialogues left out" if left_out else ""
            )
    return ""


def _went_on(result: RungResult) -> str:
    going_on = [place.run for place in result.places if place.promoted]
    first = going_on[0] if going_on else formats.UNKNOWN
    return f"{len(going_on)} of {len(result.places)} runs went on, the best is {first}"


def _place(place: RungPlace) -> str:
    mark = "+" if place.promoted else "-"
    if place.win_rate is None:
        return f"{mark} no result: {place.run}"
    interval = "" if place.ci_low is None else f" ({span(place.ci_low, place.ci_high)})"
    return f"{mark} {percent(place.win_rate, 1)}{interval}: {place.run}"


def _of_server(result: RespondResult) -> str:
    """Which server answered, and how far it was checked; empty without one."""
    if result.server is None:
        return ""
    checked = f"{result.verified} checked with the student" if result.verified else "not checked"
    return f" of {result.served_as} at {result.server}, {checked}"


def _counted(number: int | None, what: str) -> str:
    """What is worth a word only if there is some."""
    return f", {number} {what}" if number else ""


def _notes(notes: Sequence[str]) -> str:
    return "".join(f"; {note}" for note in notes)


def _generated(result: GenerateResult) -> str:
    left_out = f", {result.left_out} left out" if result.left_out else ""
    reused = f", {result.reused} reused" if result.reused else ""
    return f"{result.answers} answers{left_out}{reused}"


def raw(job: Job) -> str:
    """Every value of the result by its name in JSON."""
    shown = []
    for one in result_values(job):
        match one.value:
            case float(number):
                shown.append(f"{visible(one.name)} {number:.4g}")
            case int() | str():
                shown.append(f"{visible(one.name)} {visible(str(one.value))}")
            case [_, *_] as several:
                shown.append(f"{visible(one.name)} {visible('; '.join(map(str, several)))}")
    return "  ·  ".join(shown) or formats.UNKNOWN


def _filtered(result: FilterResult) -> list[str]:
    share = "" if result.dropped_share is None else f", {percent(result.dropped_share, 1)} dropped"
    lines = [f"{count(result.kept)} of {count(result.pairs)} preference pairs kept{share}"]
    lines += [f"{count(number)} {DROP_REASONS[reason]}" for reason, number in result.dropped.items()]
    lines.append(f"judged by {result.design}" if result.label is None else result.label)
    return lines


def _training(result: SftResult) -> list[str]:
    lines = [
        f"{counted(result.steps, 'step')} over {counted(result.examples, 'example')}, "
        f"{result.epochs:.3g} epoch{'' if result.epochs == 1 else 's'}, "
        f"in {formats.duration(result.train_runtime_s)} on {result.device}",
        f"mean training loss {result.train_loss:.4g}",
    ]
    if result.eval_loss is not None:
        lines.append(f"loss on {count(result.held_out)} held-out examples {result.eval_loss:.4g}")
    if result.stopped_early:
        lines.append(f"stopped early, with the weights of step {count(result.best_step)}")
    if result.truncated:
        lines.append(f"{counted(result.truncated, 'example')} truncated at max_length")
    if result.left_out:
        lines.append(f"{counted(result.left_out, 'example')} left out, whose prompt alone fills max_length")
    return [*lines, *result.chat_template_notes]


def _comparison(result: CompareResult) -> list[str]:
    if result.win_rate_b is None:
        return [f"no valid verdict on {count(result.n)} dialogues"]
    lines = [
        f"B wins {count(result.wins_b)}, A wins {count(result.wins_a)}, {counted(result.ties, 'tie')} of "
        f"{counted(result.n, 'dialogue')}: win rate of B {percent(result.win_rate_b, 1)} "
        f"(95 % interval {span(result.ci_low, result.ci_high)} %), {formats.p_words(result.p)}"
    ]
    if result.invalid:
        lines.append(f"{counted(result.invalid, 'dialogue')} invalid, missing from these")
    if result.identical:
        lines.append(f"{counted(result.identical, 'pair')} of the same text, which counts as a tie")
    return lines


def _of(used: int, found: int) -> str:
    return count(used) if used == found else f"{count(used)} of {count(found)}"
