"""A whole config.toml."""

from __future__ import annotations

from core.config.schema.data import DataSet, DataSettings
from core.config.schema.engines import EngineConfig, SlotEngines
from core.config.schema.fine_tuning import Dpo, Fsdp, Lora, Runs, Training
from core.config.schema.grid import Grid
from core.config.schema.large_models import JudgeConfig, Prices, SpendingLimits, Teacher
from core.config.schema.rungs import Rungs
from core.config.schema.students import Definition, Recipes, Responding, Server, Student
from core.config.schema.table import ConfigTable, NonNegative, Positive
from core.domain.app_settings import AppSettings


class Slots(ConfigTable, frozen=True):
    """How many jobs run at the same time, by the resource that they use."""

    gpu: NonNegative = 1
    """Jobs on the GPU; a run counts as `gpus_per_run` jobs."""
    cpu: Positive = 1
    """Jobs on the CPU."""
    api: Positive = 1
    """Jobs that make live API calls. Each keeps up to `max_concurrency` requests in flight by itself, and its
    rate limits apply to it alone."""
    batch: Positive = 32
    """Jobs that wait for a provider's batch."""


class ExtraComparison(ConfigTable, frozen=True):
    """Two responders: students, runs (`STUDENT/RECIPE/STAGE`), teachers, or sources in the data. With [grid],
    such a name stands for all runs that begin with it; two runs are compared where their seeds are equal."""

    a: str
    """The baseline."""
    b: str
    """The responder whose win rate is reported."""


class Comparisons(ConfigTable, frozen=True):
    """Which responders to compare, under every judge."""

    baseline: bool = True
    """Compare every run with its base student."""
    extra: tuple[ExtraComparison, ...] = ()
    """Further comparisons."""


class Config(ConfigTable, frozen=True):
    """A whole config.toml."""

    slots: Slots = Slots()
    """How many jobs run at the same time."""
    slot_engines: SlotEngines = SlotEngines()
    """Where jobs run."""
    engines: dict[str, EngineConfig] = {}
    """Clusters, by name."""
    students: dict[str, Student] = {}
    """The small models, by name."""
    teachers: dict[str, Teacher] = {}
    """The large models, by name; none has a student's name."""
    prices: Prices = Prices()
    """The price list."""
    spending: SpendingLimits = SpendingLimits()
    """The budget."""
    data: DataSettings = DataSettings()
    """How an import reads data."""
    data_sets: dict[str, DataSet] = {}
    """The data sets that are imported together, by name."""
    definition: Definition = Definition()
    """The quality that is distilled."""
    recipes: Recipes = Recipes()
    """What students are trained on."""
    runs: Runs = Runs()
    """The fine-tunings."""
    lora: Lora = Lora()
    """LoRA adapters."""
    fsdp: Fsdp = Fsdp()
    """Division of a model between GPUs."""
    sft: Training = Training()
    """Supervised fine-tuning."""
    dpo: Dpo = Dpo()
    """Preference tuning."""
    grid: Grid = Grid()
    """Runs with several seeds and settings."""
    rungs: Rungs = Rungs()
    """Runs that are trained on a few examples first."""
    responding: Responding = Responding()
    """How the test split is answered."""
    servers: dict[str, Server] = {}
    """The servers that answer for students, by the student's name; without one, a student answers in the
    job's own process."""
    judges: dict[str, JudgeConfig] = {}
    """The judges, by name."""
    comparisons: Comparisons = Comparisons()
    """What is compared."""
    app: AppSettings = AppSettings()
    """How the app looks."""
