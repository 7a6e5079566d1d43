"""What `run --dry-run` prints of runs for people: device, memory and time of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import RunEstimate, StageWork, without_seed
from tui.cli.output.tables import cell, make_table, print_line, print_table
from tui.format.values import UNKNOWN, count, duration, roughly, size

#: Runs that a problem of many names.
_NAMED = 3


def print_work(console: Console, found: Sequence[StageWork]) -> None:
    """The jobs of each stage, what is done, and how long the others take."""
    if not found:
        return
    rows = make_table("stage", "runs on", "jobs", "done", "to do", "time to do", left=2)
    for one in found:
        rows.add_row(
            cell(one.stage),
            cell(one.slot),
            *(cell(count(number)) for number in (one.jobs, one.done, one.jobs - one.done)),
            cell(_time_of_stage(one)),
        )
    print_table(console, rows)
    gpu = [one for one in found if one.slot == "gpu" and one.jobs > one.done]
    if gpu:
        known = [one.seconds for one in gpu if one.seconds is not None]
        unknown = sum(one.unknown for one in gpu)
        hours = f"{'at least ' if known and unknown else ''}{sum(known) / 3600:,.1f}" if known else UNKNOWN
        missing = f"; of {count(unknown)} jobs the time is not known yet" if unknown else ""
        print_line(console, f"GPU-hours: {hours}{missing}.")
    print_line(
        console,
        "Times are those of one job after the other: of finished jobs of the same kind, with ≈ from the "
        "number of operations.",
        "dim",
    )
    console.print()


def _time_of_stage(one: StageWork) -> str:
    if one.jobs == one.done:
        return ""
    if one.seconds is None:
        return UNKNOWN
    time = f"~{duration(one.seconds)}" if one.measured else f"≈{roughly(one.seconds)}"
    return f"{time} + {count(one.unknown)} unknown" if one.unknown else time


def print_runs(console: Console, found: Sequence[RunEstimate]) -> None:
    """The runs that are not done, what is not known of them and why, and those that do not fit."""
    if not found:
        return
    console.print()
    groups: dict[str, list[RunEstimate]] = {}
    for one in found:
        groups.setdefault(without_seed(one.name), []).append(one)
    repeated = len(groups) < len(found)
    titles = ("device", *(("seeds",) if repeated else ()), "memory", "of", "examples", "steps")
    rows = make_table("run", *titles, "time of each" if repeated else "time", left=2)
    for name, own in groups.items():
        one = own[0]
        rows.add_row(
            cell(name if len(own) > 1 else one.name),
            cell(one.device),
            *((cell(count(len(own))),) if repeated else ()),
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
