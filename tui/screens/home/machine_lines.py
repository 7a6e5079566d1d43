"""The load of the machine as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import GpuUse, Machine
    from tui.format.text import TextPart

#: A bar is coloured as a warning from this share on.
_FULL = 0.95
_BAR = 8


def machine_lines(machine: Machine | None, width: int) -> Content:
    """CPU and memory, then a line per GPU; within `width` cells."""
    if machine is None:
        return Content.styled("measuring …", "$text-muted")
    cpu = Content.assemble(
        *_gauge("cpu   ", machine.cpu, warns=False), (f" of {machine.cores} cores", "$text-muted")
    )
    memory = Content.assemble(
        *_gauge("memory", machine.memory_used / machine.memory_total, warns=True),
        (f" of {formats.size(machine.memory_total)}", "$text-muted"),
    )
    both = Content.assemble(cpu, "   ", memory)
    lines = [both] if both.cell_length <= width else [cpu, memory]
    lines += [_gpu(gpu, width) for gpu in machine.gpus]
    if not machine.gpus:
        lines.append(Content.styled("no NVIDIA GPU on this machine", "$text-muted"))
    return Content("\n").join([line.truncate(width, ellipsis=True) for line in lines])


def _gpu(gpu: GpuUse, width: int) -> Content:
    share = None if gpu.memory_used is None or not gpu.memory_total else gpu.memory_used / gpu.memory_total
    of = f" of {formats.size(gpu.memory_total)}" if gpu.memory_total else ""
    heat: TextPart = (f"  {_rounded(gpu.temperature)} °C  {_rounded(gpu.power)} W", "$foreground")
    # In narrow panels the name is left out first, then the memory size, then half of the bars.
    for bar, total, name in (
        (_BAR, of, f"  {visible(gpu.name)}"),
        (_BAR, of, ""),
        (_BAR, "", ""),
        (_BAR // 2, "", ""),
    ):
        load = _gauge(f"gpu {gpu.index:<2}", gpu.utilisation, bar, warns=False)
        memory = _gauge(" mem", share, bar, warns=True)
        line = Content.assemble(*load, *memory, (total, "$text-muted"), heat, (name, "$text-muted"))
        if line.cell_length <= width:
            break
    return line


def _gauge(name: str, share: float | None, bar: int = _BAR, *, warns: bool) -> list[TextPart]:
    colour = "$text-warning" if warns and share is not None and share >= _FULL else "$text-accent"
    return [
        (f"{name} ", "$text-muted"),
        (formats.bar(share, bar), colour),
        (f" {formats.percent(share):>5}", "$foreground"),
    ]


def _rounded(value: float | None) -> str:
    return formats.UNKNOWN if value is None else f"{value:.0f}"
