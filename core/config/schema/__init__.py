"""The schema of config.toml: every table and option, with its type, default, range and meaning.

docs/configuration.md and the screen of settings show the docstrings here.
"""

from core.config.schema.config import Comparisons, Config, ExtraComparison, Slots
from core.config.schema.data import DataSet, DataSettings, RatingScale, SplitRule
from core.config.schema.engines import EngineConfig, EngineResources, SlotEngines
from core.config.schema.fine_tuning import (
    Device,
    Distributed,
    Dpo,
    Dtype,
    Fsdp,
    Lora,
    Quantization,
    Runs,
    Training,
)
from core.config.schema.grid import Grid
from core.config.schema.large_models import JudgeConfig, Price, Prices, SpendingLimits, Teacher
from core.config.schema.students import FLAWS, Definition, Flaw, Pairing, Recipes, Responding, Server, Student
from core.config.schema.table import CheckedShare, NonNegative, NonNegativeNumber, Positive, PositiveNumber

__all__ = [
    "FLAWS",
    "CheckedShare",
    "Comparisons",
    "Config",
    "DataSet",
    "DataSettings",
    "Definition",
    "Device",
    "Distributed",
    "Dpo",
    "Dtype",
    "EngineConfig",
    "EngineResources",
    "ExtraComparison",
    "Flaw",
    "Fsdp",
    "Grid",
    "JudgeConfig",
    "Lora",
    "NonNegative",
    "NonNegativeNumber",
    "Pairing",
    "Positive",
    "PositiveNumber",
    "Price",
    "Prices",
    "Quantization",
    "RatingScale",
    "Recipes",
    "Responding",
    "Runs",
    "Server",
    "SlotEngines",
    "Slots",
    "SpendingLimits",
    "SplitRule",
    "Student",
    "Teacher",
    "Training",
]
