"""The settings of each stage's jobs: everything that decides what a job does, apart from its inputs.

The planner makes them from config.toml; the store and spec.json keep them as JSON, and they are read back
strictly: a key that is unknown, missing or of another type is an error that names the key. The records of
config.toml are in `core.config.schema`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import msgspec

from core.config.schema import (
    Device,
    Dpo,
    Dtype,
    Flaw,
    Fsdp,
    Lora,
    Pairing,
    Price,
    Quantization,
    Responding,
    Server,
    Student,
    Teacher,
    Training,
)
from core.domain.errors import UserError
from core.domain.states import Stage


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Identity(_Settings, frozen=True, omit_defaults=True):
    """The settings of a large model that change its answers: after a change, requests are sent again.

    `base_url` is one of them: two servers may use the same name for different models.
    """

    provider: Literal["openai", "google", "anthropic", "local"]
    """How it is reached."""
    base_url: str | None
    """The address of its API; None for the provider's own, and for a local model."""
    model: str
    """Its name at the provider; of a local model its name on the Hub, or its folder."""
    temperature: float | None
    """Sampling temperature; None for the provider's, and for greedy decoding of a local model."""
    top_p: float | None
    """Nucleus sampling; None for the provider's."""
    seed: int | None
    """Sampling seed; None for none."""
    max_output_tokens: int
    """Maximum length of an answer in tokens, reasoning included."""
    extra_body: dict[str, object]
    """Further fields of the request, from config.toml; the provider defines them."""
    top_logprobs: int | None = None
    """Omitted from the JSON if None, so that the fingerprint stays that of requests without it."""
    reasoning_effort: str | None = None
    """As `top_logprobs`."""
    thinking_budget: int | None = None
    """As `top_logprobs`."""
    weights_sha256: str | None = None
    """Hash of the files of a local model in a folder; omitted likewise."""


class ClientSettings(_Settings, frozen=True):
    """How a large model is called, and what it may cost. It does not change the results."""

    teacher: Teacher
    """The model, limits and tries; of a judge, the fields that teachers have as well."""
    price: Price | None
    """None if it is unknown."""
    budget_usd: float | None
    """US dollars that the whole workspace may spend; None for no limit."""


class Placement(_Settings, frozen=True):
    """The device of a model that is loaded in the worker's process."""

    device: Device
    """Where it computes."""
    dtype: Dtype
    """The type of its weights."""


class LargeModel(_Settings, frozen=True):
    """A large model that a job sends requests to."""

    identity: Identity
    """What its answers depend on."""
    placement: Placement | None
    """None for a model behind an API."""
    client: ClientSettings
    """How it is called."""


class LlmJudge(_Settings, frozen=True, tag="llm"):
    """An LLM judge."""

    name: str
    """Its name in config.toml."""
    swap: bool
    """Whether each pair is shown in both orders."""
    repeats: int
    """How many times each pair is judged in each order."""
    prompt: str
    """The template of the question."""
    model: LargeModel
    """The model that is asked."""
    dimensions: bool = False
    """Whether it names the better response in each dimension of empathy too."""
    structured_output: bool = False
    """Whether its answers are requested as JSON of a fixed schema."""


class EmbeddedJudge(_Settings, frozen=True, tag="embedded"):
    """The embedded judge, which a job of stage `judge` fits."""

    name: str
    """Its name in config.toml."""


class DirectMethod(_Settings, frozen=True, tag="direct"):
    """Examples from the data only."""

    pairing: Pairing
    """The rule that selects preference pairs."""


class ImproveMethod(_Settings, frozen=True, tag="improve"):
    """Examples from a teacher's improved responses."""

    improve_llm_sft: int
    """How many of the paper's 1,750 train dialogues yield SFT examples of improve-llm."""
    improve_llm_seed: int
    """The random seed by which they are drawn."""
    leave_out: tuple[Flaw, ...] = ()
    """Responses that give no examples, by their flaw."""


class LocalStudent(_Settings, frozen=True):
    """A student and its device."""

    config: Student
    """As in config.toml, with absolute paths and, of a model on the Hub, its commit."""
    chat_template_sha256: str | None
    """Hash of the file of `config.chat_template`; None without one, empty if there is no such file."""
    prompt: str
    """The template of the student's prompt."""
    device: Device
    """Where it computes."""
    dtype: Dtype
    """The type of its weights."""
    source: str = ""
    """What identifies the model: the hash of a folder's files, or the name and commit on the Hub. Empty
    in jobs of versions that did not record it."""
    quantization: Quantization | None = None
    """How the weights are quantized when the model is loaded; None for not at all."""


class StudentServer(_Settings, frozen=True):
    """The server that answers for a student."""

    model: str
    """The name under which it serves the student, or the student's run."""
    client: Server
    """How it is called, as in config.toml."""

    @classmethod
    def of(cls, responder: str, server: Server) -> Self:
        """The server for a responder of that name."""
        return cls(
            model=server.models.get(responder) or server.model.replace("{responder}", responder),
            client=server,
        )


class StudentResponder(_Settings, frozen=True, tag="student"):
    """A student that responds, with an adapter if the job has that input."""

    student: LocalStudent
    """The base student."""
    responding: Responding
    """How responses are decoded."""
    server: StudentServer | None = None
    """None if the student is loaded in the job's own process."""


class TeacherResponder(_Settings, frozen=True, tag="teacher"):
    """A teacher that responds to the prompt that every responder gets."""

    prompt: str
    """The template of that prompt."""
    model: LargeModel
    """The teacher."""


class _StageSettings(_Settings, frozen=True, tag_field="stage"):
    """The tag is the stage's name."""

    stage: ClassVar[Stage]
    """The stage whose jobs have these settings."""


class GenerateSettings(_StageSettings, frozen=True, tag="generate"):
    """One set of teacher responses to the train split."""

    stage: ClassVar[Stage] = "generate"
    model: LargeModel
    """The teacher."""
    turns: tuple[str, ...]
    """The templates of the user turns."""
    original: Literal["human", "initial"] | None
    """Which response is improved; None if the teacher writes its own."""
    max_left_out: float
    """The share of requests that may remain without a usable response."""


class RecipeSettings(_StageSettings, frozen=True, tag="recipe"):
    """A recipe's examples."""

    stage: ClassVar[Stage] = "recipe"
    recipe: str
    """The recipe's name."""
    prompt: str
    """The template of the student's prompt."""
    sft_limit: int | None
    """Number of SFT examples to sample; None for all."""
    preference_limit: int | None
    """Number of preference pairs to sample; None for all."""
    seed: int
    """The random seed of both samples."""
    method: DirectMethod | ImproveMethod
    """Where its examples come from."""


class FilterSettings(_StageSettings, frozen=True, tag="filter"):
    """Which of a recipe's preference pairs a judge agrees with."""

    stage: ClassVar[Stage] = "filter"
    recipe: str
    """The recipe's name."""
    judge: LlmJudge | EmbeddedJudge
    """The judge that decides which pairs are kept."""


class Ranks(_Settings, frozen=True):
    """The processes that train a run together, on a GPU each."""

    count: Annotated[int, msgspec.Meta(ge=2)]
    """How many there are."""
    fsdp: Fsdp | None
    """How they divide the model between them; None if each has all of it (DDP)."""
    nodes: Annotated[int, msgspec.Meta(ge=1)] = 1
    """The machines over which they are divided equally."""

    @property
    def of_node(self) -> int:
        """How many there are on each machine."""
        return self.count // self.nodes


class _RunSettings(_StageSettings, frozen=True):
    """One fine-tuning."""

    student: LocalStudent
    """The base student."""
    student_name: str
    """The student's name in config.toml."""
    recipe: str
    """The recipe's name."""
    lora: Lora | None
    """None for full fine-tuning."""


class SftSettings(_RunSettings, frozen=True, tag="sft"):
    """Supervised fine-tuning of a fresh adapter, or of the student itself."""

    stage: ClassVar[Stage] = "sft"
    training: Training
    """How it is trained, as in config.toml."""
    ranks: Ranks | None = None
    """The processes of the run; None for one."""


class DpoSettings(_RunSettings, frozen=True, tag="sft-dpo"):
    """DPO on top of the SFT adapter, or of the weights after SFT."""

    stage: ClassVar[Stage] = "sft-dpo"
    training: Dpo
    """How it is trained, as in config.toml."""
    ranks: Ranks | None = None
    """The processes of the run; None for one."""


class RespondSettings(_StageSettings, frozen=True, tag="respond"):
    """A responder's responses to the test split."""

    stage: ClassVar[Stage] = "respond"
    responder: StudentResponder | TeacherResponder
    """Whatever responds."""


class JudgeSettings(_StageSettings, frozen=True, tag="judge"):
    """Fitting the embedded judge to the ratings of the train split."""

    stage: ClassVar[Stage] = "judge"
    provider: Literal["embedded"] = "embedded"
    """The only provider of judges that are fitted."""


class ValidateSettings(_StageSettings, frozen=True, tag="validate"):
    """A judge's agreement with people, on pairs that they rated."""

    stage: ClassVar[Stage] = "validate"
    judge: LlmJudge
    """The judge that is validated."""
    pairs: int
    """The maximum number of pairs, each of another train dialogue."""


class CompareSettings(_StageSettings, frozen=True, tag="compare"):
    """Two responders under one judge."""

    stage: ClassVar[Stage] = "compare"
    a: str
    """The baseline's name."""
    b: str
    """The name of the responder that is compared with it."""
    judge: LlmJudge | EmbeddedJudge
    """What picks the better of two responses."""
    stop: Literal["decided"] | None = None
    """Whether judging stops once it is decided who is better; None to judge every dialogue."""


class HoldoutSettings(_StageSettings, frozen=True, tag="holdout"):
    """Which train dialogues runs of rungs are compared on, and not trained on."""

    stage: ClassVar[Stage] = "holdout"
    dialogues: int
    """How many."""
    seed: int
    """The random seed of the draw."""


#: The inputs of a rung: the one before it, and each comparison.
PREVIOUS, COMPARISON = "previous", "comparison-{}"


class RungSettings(_StageSettings, frozen=True, tag="rung"):
    """Which runs of a student and stage go on."""

    stage: ClassVar[Stage] = "rung"
    rung: int
    """Its number, from 1."""
    examples: int
    """Examples, or pairs, that each run is trained on."""
    reduction_factor: int
    """Of n runs, the best n / `reduction_factor` go on, rounded up."""
    runs: tuple[str, ...]
    """The runs that can take part, by the names of those that are trained on all examples. The input
    `COMPARISON`, with a run's place among them, has the result of its comparison."""


RunSettings = SftSettings | DpoSettings
Settings = (
    GenerateSettings
    | RecipeSettings
    | FilterSettings
    | SftSettings
    | DpoSettings
    | RespondSettings
    | JudgeSettings
    | ValidateSettings
    | CompareSettings
    | HoldoutSettings
    | RungSettings
)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Settings)


def encode(settings: Settings) -> str:
    """The settings as JSON."""
    return _encoder.encode(settings).decode()


def decode(text: str, place: str) -> Settings:
    """Decode settings that `encode` wrote. Raises `UserError` that names `place` and the wrong key."""
    try:
        settings: Settings = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UserError(f"{place}: {error}") from error
    return settings
