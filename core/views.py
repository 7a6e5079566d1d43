"""What the store's readers hand out: frozen dataclasses, the same for screens and for programs.

`None` means not known (yet), and is shown as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from core.app_settings import AppSettings

JobState = Literal["waiting", "ready", "running", "done", "failed", "cancelled"]
Slot = Literal["gpu", "cpu", "api", "batch"]


@dataclass(frozen=True)
class DialogueCounts:
    """How many dialogues there are, in all and per split."""

    total: int
    train: int
    test: int


@dataclass(frozen=True)
class Supervisor:
    """Whether a supervisor holds this workspace's lock, and its process id."""

    running: bool
    pid: int | None


@dataclass(frozen=True)
class SlotUse:
    """How many jobs of one kind run now, and how many may."""

    name: Slot
    used: int
    total: int


@dataclass(frozen=True)
class Job:
    """One node of the pipeline's graph. Times are Unix seconds.

    `reason` says why a job that does not run does not: what it waits for, or that nobody asked
    for it (`requested` is False). `error` is the last attempt's, for the user. `folder` is that
    attempt's, relative to the workspace.
    """

    id: str
    stage: str
    name: str
    state: JobState
    requested: bool
    reason: str | None
    done: int | None
    total: int | None
    eta_s: float | None
    attempt: int
    started_at: float | None
    finished_at: float | None
    error: str | None
    slot: Slot
    fingerprint: str
    depends_on: tuple[str, ...]
    result: dict[str, Any] | None
    folder: str | None


@dataclass(frozen=True)
class Snapshot:
    """The whole pipeline at one moment; `version` moves whenever anything in the store does.

    `app` are config.toml's settings of the app, None where the file does not hold.
    """

    version: int
    workspace: str
    dialogues: DialogueCounts
    supervisor: Supervisor
    paused: bool
    slots: tuple[SlotUse, ...]
    jobs: tuple[Job, ...]
    config_error: str | None
    app: AppSettings | None


@dataclass(frozen=True)
class Recipe:
    """A recipe and what it yields from the imported data; counts are None until they are known."""

    name: str
    method: str
    sft_examples: int | None
    preference_pairs: int | None


@dataclass(frozen=True)
class MetricPoint:
    """The finite figures of one optimiser step, under TRL's names."""

    step: int
    at: float
    values: dict[str, float]


@dataclass(frozen=True)
class SampleAnswer:
    """What a student in training answered to a test dialogue."""

    step: int
    dialog_id: str
    utterance: str
    text: str


@dataclass(frozen=True)
class WinRate:
    """One comparison: `a` the baseline. Figures are None until every verdict is in, or where they do not
    apply.

    `win_rate_b` is (wins of b + half the ties) / n, with n all dialogues compared, invalid ones included,
    which are nobody's wins; it is None when no dialogue has a valid outcome. `interval` names how
    `ci_low` and `ci_high` were found, `design` what the judge was shown; the bootstrap's interval stands
    beside it where a dialogue was judged more than once. `p` is the exact sign test's of wins against
    losses, `p_holm` after Holm's correction over the judge's comparisons.

    `lc_…` is the length-controlled win rate, `lc_parted` whether it parts from the raw one. `soft_…` is the
    win rate by the log-probabilities of the judge's answers. `words_…` are mean words per response,
    `over_limit_…` the shares of responses with more words than the prompt allows.

    Of the pairs `identical` have the same text twice; `empty_…` and `addressing_…` count responses without a
    word, and those with words that may be meant for the judge. All of them are judged as they are.

    `label` names the judge's measured agreement with people, `prefers_first` how often it names the
    response shown first, `prefers_longer` the one with more words, `flip_rate` in how many dialogues its
    orders disagree. `fingerprint` is that of the job behind the figures.
    """

    a: str
    b: str
    judge: str
    n: int | None
    wins_a: int | None
    wins_b: int | None
    ties: int | None
    invalid: int | None
    win_rate_b: float | None
    ci_low: float | None
    ci_high: float | None
    interval: str | None
    label: str | None
    job: str
    state: JobState
    fingerprint: str = ""
    design: str | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    lc_win_rate_b: float | None = None
    lc_low: float | None = None
    lc_high: float | None = None
    lc_parted: bool | None = None
    soft_win_rate_b: float | None = None
    soft_low: float | None = None
    soft_high: float | None = None
    words_a: float | None = None
    words_b: float | None = None
    over_limit_a: float | None = None
    over_limit_b: float | None = None
    identical: int | None = None
    empty_a: int | None = None
    empty_b: int | None = None
    addressing_a: int | None = None
    addressing_b: int | None = None
    prefers_first: float | None = None
    prefers_longer: float | None = None
    flip_rate: float | None = None


@dataclass(frozen=True)
class Verdict:
    """A judge's answer on one pair in one order: winner is `a`, `b`, `tie` or `invalid`.

    `number` counts the times that it was asked the same; `probability_b` is how likely it found b to be
    the better one, None where it was not asked for that.
    """

    judge: str
    order: Literal["ab", "ba"]
    winner: Literal["a", "b", "tie", "invalid"]
    raw: str
    number: int = 1
    probability_b: float | None = None


@dataclass(frozen=True)
class Pair:
    """Two responders' responses to one test dialogue, and every verdict on them."""

    dialog_id: str
    emotion: str
    situation: str
    utterance: str
    response_a: str | None
    response_b: str | None
    verdicts: tuple[Verdict, ...]
    sentiment: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job or to the workspace."""

    id: int
    at: float
    job: str | None
    attempt: int | None
    text: str


@dataclass(frozen=True)
class IntentResult:
    """What became of an intent: `state` is pending, done or failed."""

    id: int
    state: Literal["pending", "done", "failed"]
    result: dict[str, Any] | None
    error: str | None
