"""The names of runs, recipes, comparisons, versions and jobs: parsed and formatted here and nowhere else.

Students, teachers, judges and sources in the data have plain names, without a slash, a colon or white space,
so every name that is put together from them can be taken apart again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from core.domain.errors import UserError

Method = Literal["direct", "improve-human", "improve-llm"]
#: The fine-tuning stages of a run, in their order.
RunStage = Literal["sft", "sft-dpo"]

METHODS: tuple[Method, ...] = get_args(Method)
RUN_STAGES: tuple[RunStage, ...] = get_args(RunStage)

#: Settings by which runs or versions of the same name differ: key and value of each.
NamedSettings = tuple[tuple[str, str], ...]

#: How many digits of its fingerprint a job's id has.
_ID_DIGITS = 10
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: What names the seed of a run: its own, or that of one of its stages.
_SEEDS = ("seed", "sft.seed", "dpo.seed")
#: What names the number of examples of a rung.
_EXAMPLES = "examples"
#: What follows the name of a base student that responds to the dialogues on which rungs are decided.
_HELD_OUT = "held-out"


def is_plain(name: str) -> bool:
    """Whether a student, a teacher, a judge or a source may have this name."""
    return _PLAIN.fullmatch(name) is not None


def settings_text(settings: NamedSettings) -> str:
    """The settings in a name: `epochs=1,lora.r=4`."""
    return ",".join(f"{key}={value}" for key, value in settings)


def _settings_in(text: str) -> NamedSettings:
    """The settings that `settings_text` wrote."""
    pairs = (part.partition("=") for part in text.split(",") if part)
    return tuple((key, value) for key, _, value in pairs)


@dataclass(frozen=True, order=True)
class RecipeName:
    """`<method>/<source or strategy>`, such as `direct/chatgpt` or `improve-llm/naive`."""

    method: Method
    """How the teacher's empathy is distilled."""
    variant: str
    """A source in the data or `all_together` for method direct, else a strategy; a round of the sequential
    strategy as `sequential/<dimension>`."""

    def __str__(self) -> str:
        return f"{self.method}/{self.variant}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The recipe of that name; None for what names no recipe."""
        method, _, variant = text.partition("/")
        known = next((one for one in METHODS if one == method), None)
        return None if known is None or not variant else cls(known, variant)


@dataclass(frozen=True, order=True)
class RunName:
    """`<student>/<recipe>/<stage>`, such as `smollm2/direct/chatgpt/sft`; with other settings than those of
    config.toml's tables `<student>/<recipe>/<stage>/<settings>`, such as
    `smollm2/direct/chatgpt/sft/sft.learning_rate=1e-05,seed=2`."""

    student: str
    """The base student that was fine-tuned."""
    recipe: RecipeName
    """What it was fine-tuned on."""
    stage: RunStage
    """`sft`, or `sft-dpo` for DPO on top of it."""
    settings: NamedSettings = ()
    """What [grid] varies, where it differs from config.toml's tables."""

    def __str__(self) -> str:
        plain = f"{self.student}/{self.recipe}/{self.stage}"
        return f"{plain}/{settings_text(self.settings)}" if self.settings else plain

    def at_stage(self, stage: RunStage) -> RunName:
        """The run of that stage with the same settings, as far as that stage has them."""
        kept = (one for one in self.settings if stage == "sft-dpo" or not one[0].startswith("dpo."))
        return replace(self, stage=stage, settings=tuple(kept))

    @property
    def over_seeds(self) -> RunName:
        """What runs that differ in their seeds alone have in common: the name without a seed."""
        return replace(self, settings=tuple(one for one in self.settings if one[0] not in _SEEDS))

    @property
    def examples(self) -> int | None:
        """How many examples the run of a rung is trained on; None for one that is trained on all."""
        return next(
            (int(value) for key, value in self.settings if key == _EXAMPLES and value.isdecimal()), None
        )

    def on_rung(self, examples: int) -> RunName:
        """The same run, trained on so many examples only."""
        return replace(self, settings=(*self.settings, (_EXAMPLES, str(examples))))

    @property
    def over_rungs(self) -> RunName:
        """What a run's seeds and rungs have in common: the name without a seed and a number of examples."""
        kept = tuple(one for one in self.over_seeds.settings if one[0] != _EXAMPLES)
        return replace(self, settings=kept)

    @property
    def seed(self) -> str:
        """The seeds in its name; empty for those of config.toml's tables."""
        return settings_text(tuple(one for one in self.settings if one[0] in _SEEDS))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The run of that name; None for every other responder: a base student, a teacher, a source."""
        plain, _, last = text.rpartition("/")
        settings: NamedSettings = ()
        if "=" in last:
            settings, text = _settings_in(last), plain
            # A superseded version has further settings after an `@`, and is not a run of that name.
            if settings_text(settings) != last or "@" in last or not all(map(all, settings)):
                return None
        student, _, rest = text.partition("/")
        before, _, last = rest.rpartition("/")
        recipe = RecipeName.parse(before)
        stage = next((one for one in RUN_STAGES if one == last), None)
        return (
            None if not student or recipe is None or stage is None else cls(student, recipe, stage, settings)
        )


def on_rung(name: str, examples: int) -> str:
    """The name of what is done with so many examples on a rung: a recipe, or a student's runs of a stage."""
    return f"{name}/{_EXAMPLES}={examples}"


def held_out(student: str) -> str:
    """The base student as a responder to the dialogues on which rungs are decided."""
    return f"{student}/{_HELD_OUT}"


def is_of_rung(responder: str) -> bool:
    """Whether it responds to the dialogues on which rungs are decided, and not to the test split."""
    name = VersionName.parse(responder).name
    run = RunName.parse(name)
    return name.endswith(f"/{_HELD_OUT}") if run is None else run.examples is not None


def student_of(responder: str) -> str:
    """The student of a run, or of a base student, which may respond to held-out dialogues."""
    name = VersionName.parse(responder).name
    run = RunName.parse(name)
    return name.removesuffix(f"/{_HELD_OUT}") if run is None else run.student


def without_seed(responder: str) -> str:
    """The name of a run without its seed; that of every other responder as it is."""
    run = RunName.parse(responder)
    return responder if run is None else str(run.over_seeds)


@dataclass(frozen=True, order=True)
class ComparisonName:
    """`<a> vs <b> @ <judge>`."""

    a: str
    """The responder that is the baseline."""
    b: str
    """The responder whose win rate is reported."""
    judge: str
    """What picks the better one of two responses."""

    def __str__(self) -> str:
        return f"{self.sides} @ {self.judge}"

    @property
    def sides(self) -> str:
        """`<a> vs <b>`, where the judge is known."""
        return f"{self.a} vs {self.b}"

    @property
    def over_seeds(self) -> ComparisonName:
        """What comparisons whose runs differ in their seeds alone have in common."""
        return ComparisonName(without_seed(self.a), without_seed(self.b), self.judge)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The comparison of that name. Raises `UserError` for what names none."""
        sides, _, judge = text.rpartition(" @ ")
        a, _, b = sides.partition(" vs ")
        if not (a and b and judge):
            raise UserError(f"a comparison is named `a vs b @ judge`, not {text!r}")
        return cls(a, b, judge)


@dataclass(frozen=True, order=True)
class JobName:
    """`<stage>:<name>`, such as `judge:gpt-4o`: one job, where its name alone names several."""

    stage: str
    """The stage of the pipeline, such as `compare`."""
    name: str
    """The job's name within its stage."""

    def __str__(self) -> str:
        return f"{self.stage}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The job of that stage and name; None for what names no stage."""
        stage, colon, name = text.partition(":")
        return cls(stage, name) if stage and colon and name else None


@dataclass(frozen=True, order=True)
class VersionName:
    """`<name>@<setting>=<value>,…`, such as `smollm2/direct/chatgpt/sft@epochs=1`.

    A name from config.toml stands for what has the current settings. What was made with other ones is
    superseded, and has the settings in which it differs after the `@`.
    """

    name: str
    """The name of the run, responder or judge."""
    settings: NamedSettings = ()
    """The settings in which it differs from the current one of that name; empty for that one."""

    def __str__(self) -> str:
        return f"{self.name}@{self.label}" if self.settings else self.name

    @property
    def label(self) -> str:
        """The settings alone: `epochs=1,lora.r=4`."""
        return settings_text(self.settings)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version of that name; without an `@`, the current one."""
        name, _, label = text.partition("@")
        return cls(name, _settings_in(label))


@dataclass(frozen=True, order=True)
class JobId:
    """`<stage>-<digits>`, such as `compare-0a1b2c3d4e`: one job of the graph, whatever it is named."""

    stage: str
    """The stage of the pipeline, such as `compare`."""
    digits: str
    """The first hexadecimal digits of the job's fingerprint."""

    def __str__(self) -> str:
        return f"{self.stage}-{self.digits}"

    @classmethod
    def of(cls, stage: str, fingerprint: str) -> Self:
        """The id of the job of that stage and fingerprint."""
        return cls(stage, fingerprint[:_ID_DIGITS])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The parts of an id; without a dash, the stage is empty."""
        stage, _, digits = text.rpartition("-")
        return cls(stage, digits)
