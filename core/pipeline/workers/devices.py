"""The GPUs that jobs may use, and which of them the next job gets.

`nvidia-smi -L` names them, MIG instances too. CUDA_VISIBLE_DEVICES limits the supervisor to some of them, as
a scheduler of a cluster does; its meaning is CUDA's.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
#: Seconds for which nvidia-smi may take: without persistence mode, it starts the driver.
_LIMIT_S = 30.0
_GPU = re.compile(r"GPU (\d+): (.+?) \(UUID: (\S+)\)")
_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (\S+)\)")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gpu:
    """A GPU, or an instance of one."""

    device: str
    """What CUDA_VISIBLE_DEVICES names it by: its UUID, or else as the user has named it."""
    name: str
    """Its product; empty if that is not known."""


@dataclass(frozen=True)
class _Card:
    gpu: Gpu
    instances: tuple[Gpu, ...]
    """Of a GPU in MIG mode, which can only be used by them."""


def usable(environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """The GPUs for jobs, in the driver's order; none without NVIDIA's driver, or if none may be used."""
    cards = _cards()
    outer = environment.get(VISIBLE)
    if outer is None:
        return tuple(gpu for card in cards for gpu in card.instances or (card.gpu,))
    by_number = _has_numbers(cards, environment)
    found: list[Gpu] = []
    for entry in map(str.strip, outer.split(",")):
        if entry in ("", "-1"):
            # CUDA reads no further.
            break
        found.append(_named(entry, cards, by_number=by_number))
    return tuple(dict.fromkeys(found))


def least_used(gpus: Sequence[Gpu], used: Iterable[str | None], count: int = 1) -> tuple[Gpu, ...]:
    """So many GPUs with the fewest of the jobs whose devices are `used`, the first of several; fewer if there
    are no more."""
    jobs = Counter(device for devices in used for device in named(devices))
    return tuple(sorted(gpus, key=lambda gpu: jobs[gpu.device])[:count])


def named(devices: str | None) -> tuple[str, ...]:
    """The GPUs in a value of CUDA_VISIBLE_DEVICES that this module has made; none for None."""
    return () if devices is None else tuple(devices.split(","))


def _has_numbers(cards: Sequence[_Card], environment: Mapping[str, str]) -> bool:
    """Whether CUDA counts GPUs as nvidia-smi does: by default it counts the fastest first."""
    return environment.get(_ORDER) == "PCI_BUS_ID" or len({card.gpu.name for card in cards}) == 1


def _named(entry: str, cards: Sequence[_Card], *, by_number: bool) -> Gpu:
    """The GPU of an entry of CUDA_VISIBLE_DEVICES: a number, a UUID, or the beginning of one."""
    if entry.isdecimal():
        number = int(entry)
        if by_number and number < len(cards):
            card = cards[number]
            # CUDA makes the first instance visible.
            return card.instances[0] if card.instances else card.gpu
        return Gpu(entry, "")
    for card in cards:
        for gpu in card.instances or (card.gpu,):
            if gpu.device.startswith(entry):
                return gpu
        if card.gpu.device.startswith(entry) and card.instances:
            return card.instances[0]
    return Gpu(entry, "")


def _cards() -> tuple[_Card, ...]:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, errors="replace", timeout=_LIMIT_S
        )
    except FileNotFoundError:
        return ()
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi does not answer: %s", error)
        return ()
    if listed.returncode:
        log.warning("nvidia-smi fails: %s", (listed.stderr or listed.stdout).strip()[:200])
        return ()
    return tuple(_parsed(listed.stdout))


def _parsed(text: str) -> list[_Card]:
    cards: list[_Card] = []
    for line in text.splitlines():
        if (found := _GPU.match(line)) is not None:
            cards.append(_Card(Gpu(found[3], found[2].removeprefix("NVIDIA ")), ()))
        elif (found := _MIG.match(line)) is not None and cards:
            card = cards[-1]
            instance = Gpu(found[2], f"{card.gpu.name} MIG {found[1]}")
            cards[-1] = _Card(card.gpu, (*card.instances, instance))
    return cards
