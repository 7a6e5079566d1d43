"""What `run --dry-run` prints of runs for people: device, memory and time of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import RunEstimate
from tui.cli.output.tables import cell, make_table, print_line, print_table
from tui.format.values import UNKNOWN, count, duration, roughly, size

#: Runs that a problem of many names.
_NAMED = 3


def print_runs(console: Console, found: Sequence[RunEstimate]) -> None:
    """The runs that are not done, what is not known of them and why, and those that do not fit."""
    if not found:
        return
    console.print()
    rows = make_table("run", "device", "memory", "of", "examples", "steps", "time", left=2)
    for one in found:
        rows.add_row(
            cell(one.name),
            cell(one.device),
            cell(UNKNOWN if one.memory_bytes is None else f"~{size(one.memory_bytes)}", _style(one)),
            cell(UNKNOWN if one.device_bytes is None else size(one.device_bytes)),
            cell(count(one.examples)),
            cell(count(one.steps)),
            cell(_time(one)),
        )
    print_table(console, rows)
    if any(one.devices > 1 for one in found):
        print_line(console, "Of runs on several GPUs, the memory is that of each GPU.", "dim")
    for problem in dict.fromkeys(one.problem for one in found if one.problem is not None):
        names = [one.name for one in found if one.problem == problem]
        print_line(console, f"{_some(names)}: {problem}", "yellow")
    too_large = [one for one in found if one.fits is False]
    if too_large:
        print_line(
            console,
            f"Too large for the device: {_some([one.name for one in too_large])}. Set "
            "gradient_checkpointing = true or a smaller per_device_train_batch_size; with runs.lora = false "
            'another optim, such as "adafactor"; on a GPU runs.quantization = "nf4".',
            "red",
        )
    if any(one.seconds is not None and not one.measured for one in found):
        print_line(
            console,
            "Times with ≈ are rough, from the number of operations; once a run like it is done, they follow "
            "from its time.",
            "dim",
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _time(one: RunEstimate) -> str:
    if one.seconds is None:
        return UNKNOWN
    return f"~{duration(one.seconds)}" if one.measured else f"≈{roughly(one.seconds)}"


def _style(one: RunEstimate) -> str:
    return "red" if one.fits is False else ""
