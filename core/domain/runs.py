"""Runs: what they log while they train, what they need, their results, and what people note about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.domain.evaluation.comparisons import PairedTest
    from core.domain.evaluation.win_rates import SameAnswers, WinRate
    from core.domain.names import RunStage
    from core.domain.states import JobState, Slot, Stage
    from core.domain.value_types import JsonValue


@dataclass(frozen=True)
class SampleAnswer:
    """A response of a student in training to a test dialogue."""

    step: int
    """Optimiser step at which it was generated."""
    dialog_id: str
    """The dialogue."""
    utterance: str
    """The utterance that it answers."""
    text: str
    """The response."""


#: What a setting of a run belongs to.
RunSettingGroup = Literal["training", "lora", "student", "libraries"]


@dataclass(frozen=True)
class RunSetting:
    """One setting of a run, or the version of a library that it uses."""

    group: RunSettingGroup
    """What it belongs to."""
    name: str
    """Its name in TRL, PEFT or config.toml; a library's name."""
    value: JsonValue
    """Its value; a library's version."""


@dataclass(frozen=True)
class RunEstimate:
    """What a run will need, estimated before it starts. Memory is in bytes."""

    job: str
    """Its id."""
    name: str
    """Student, recipe and stage."""
    device: str
    """Where it will run, for people."""
    device_bytes: int | None
    """The device's memory; None where that is not known."""
    memory_bytes: int | None
    """The memory that it needs at most, on each of its devices; None where that is not known."""
    memory_parts: Mapping[str, int]
    """The same by what it is for; empty where that is not known."""
    examples: int | None
    """Examples or pairs to train on; None before they are known."""
    steps: int | None
    """Optimizer steps; None before the examples are known."""
    seconds: float | None
    """How long it takes; None where that is not known."""
    measured: bool
    """Whether `seconds` follows from a finished run of the same kind; otherwise it is rough: from the number
    of operations, and the speed of the device."""
    problem: str | None
    """Why something is not known; None if everything is."""
    devices: int = 1
    """How many devices train it together."""

    @property
    def fits(self) -> bool | None:
        """Whether its device has that much memory; None where that is not known."""
        if self.memory_bytes is None or self.device_bytes is None:
            return None
        return self.memory_bytes <= self.device_bytes


@dataclass(frozen=True)
class StageWork:
    """The jobs of one stage in one kind of slot, and how long those take that are left."""

    stage: Stage
    """The stage."""
    slot: Slot
    """Where they run: `gpu`, `cpu`, `api` or `batch`."""
    jobs: int
    """All of them."""
    done: int
    """Those that are done, and are not run again."""
    seconds: float | None
    """How long the others take, one after the other; None where that is not known of any."""
    unknown: int
    """How many of the others have an unknown duration, and are missing from `seconds`."""
    measured: bool
    """Whether all of `seconds` follows from finished jobs of the same kind; otherwise it is rough."""


@dataclass(frozen=True)
class RunNotes:
    """What people note about a run."""

    archived: bool = False
    """Whether it is hidden from lists of runs as long as it is superseded."""
    tags: tuple[str, ...] = ()
    """Words to find it by."""
    note: str = ""
    """A text about it; empty for none."""


@dataclass(frozen=True)
class Run:
    """One fine-tuning that was requested or is planned, with its results."""

    job: str
    """The id of its job."""
    name: str
    """Student, recipe and stage; of a superseded run, with the settings in which it differs after an `@`."""
    stage: RunStage
    """`sft`, or `sft-dpo` on top of it."""
    state: JobState
    """The state of its job."""
    requested: bool
    """Whether it was ever requested."""
    is_superseded: bool
    """Whether config.toml defines another run, or none, in its place."""
    notes: RunNotes
    """What people note about it."""
    settings: Mapping[str, str]
    """The settings that differ between runs of the same name, with this run's values."""
    loss: float | None
    """The last logged training loss; None before there is one, as for the fields below."""
    eval_loss: float | None
    """The loss on examples that were held out."""
    rate: WinRate | None
    """Its win rate over its base student by the first judge that has one; else by another baseline."""
    rates: tuple[WinRate, ...]
    """All finished comparisons of its responses, those of config.toml first."""
    seconds: float | None
    """How long its attempts trained together."""
    tokens: int | None
    """Tokens trained on."""
    usd: float | None
    """US dollars paid to the judges of its comparisons; None where a price is not known. Responses of a
    teacher serve several runs, and are not counted."""
    finished_at: float | None
    """When it ended, in Unix seconds."""


@dataclass(frozen=True)
class RunComparison:
    """Runs side by side."""

    runs: tuple[Run, ...]
    """The runs, in the order in which they were named."""
    settings: tuple[str, ...]
    """The settings in which they differ."""
    tests: tuple[PairedTest, ...]
    """Paired tests of any two of them that the same judge compared with the same responder."""
    same_answers: tuple[SameAnswers, ...]
    """Each two of them that answer the same test dialogues, with how many they answer with the same text."""


@dataclass(frozen=True)
class RunDeletion:
    """What is deleted with runs."""

    runs: tuple[str, ...]
    """The ids of the runs: those that were chosen, and those that were trained on top of them."""
    jobs: tuple[str, ...]
    """The ids of all jobs that are deleted: the runs, their responses and comparisons."""
    kept: tuple[str, ...]
    """The ids of comparisons whose answers were paid for, and of the responses that they judged: they stay,
    so that nothing is paid twice, and count in the spending."""
    bytes: int
    """The disk space that is freed."""
