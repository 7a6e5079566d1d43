"""What is asked in the playground, and what was answered: also the lines of its history."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from core.config.schema import Responding
from core.domain.evaluation.verdicts import Order, Winner

#: Responders that may answer side by side.
MAX_RESPONDERS = 4
#: How an answer ended: by itself, at the limit of new tokens, because a person stopped it, or by an error.
AnswerFinish = Literal["stop", "length", "stopped", "failed"]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
BoundedCount = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class _PlaygroundRecord(msgspec.Struct, frozen=True):
    """Unknown fields are ignored: newer versions may write them."""


class PlaygroundAnswer(_PlaygroundRecord, frozen=True, kw_only=True):
    """One responder's answer to one turn."""

    responder: str
    """The responder's name."""
    text: str
    """The answer; as far as it came if it was stopped or failed."""
    finish: AnswerFinish
    """How it ended."""
    error: str | None = None
    """Why it failed, for people; None unless it did."""
    tokens: BoundedCount = 0
    """Tokens that were generated, those of removed thinking included."""
    first_token_s: Seconds | None = None
    """Seconds of its own computing until the first token; None without one."""
    seconds: Seconds = 0.0
    """Seconds of its own computing, without that of responders that answer beside it."""
    had_thinking: bool = False
    """Whether thinking was removed from it."""
    usd: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """What a teacher behind an API was paid for it, in US dollars; None for a model of one's own, and where
    the price is unknown."""
    is_estimated: bool = False
    """Whether `usd` is estimated, because the provider did not report the tokens."""

    @property
    def words(self) -> int:
        """Words of the answer."""
        return len(self.text.split())

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second after the first one; None where that is not known."""
        if self.first_token_s is None or self.tokens < 2 or self.seconds <= self.first_token_s:
            return None
        return (self.tokens - 1) / (self.seconds - self.first_token_s)


class PlaygroundOpinion(_PlaygroundRecord, frozen=True, kw_only=True):
    """A judge's opinion on two answers to the same utterance."""

    judge: str
    """The judge's name."""
    label: str
    """How far the judge agrees with people, or how it judges, for people."""
    a: str
    """The responder of the first answer."""
    b: str
    """The responder of the second one."""
    verdicts: tuple[tuple[Order, Winner, str], ...]
    """Which answer the judge was shown first, the better one, and the judge's own words."""
    winner: Winner
    """The better answer by all verdicts; `tie` if the orders disagree."""
    usd: float | None = None
    """What was paid for it in US dollars; 0 for a judge that costs nothing or had judged the same before,
    None where the price is unknown."""
    is_estimated: bool = False
    """Whether `usd` is estimated, because the provider did not report the tokens."""


class PlaygroundTurn(_PlaygroundRecord, frozen=True, kw_only=True):
    """One turn of a conversation, with the answers to it: a line of the history."""

    id: str
    """Unique in the workspace."""
    conversation: str
    """The id of the conversation's first turn."""
    number: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 1
    """The turn's number in its conversation, from 1."""
    at: float
    """When it was sent, in Unix seconds."""
    situation: str
    """The situation of the conversation; empty for none."""
    utterance: str
    """What the speaker says in this turn."""
    dialog_id: str | None = None
    """The dialogue of the data that situation and utterance are from; None if they were typed, or changed."""
    sampling: Responding
    """How students generated their answers."""
    answers: tuple[PlaygroundAnswer, ...]
    """The answers, in the order of the responders."""


class PlaygroundQuestion(_PlaygroundRecord, frozen=True, kw_only=True):
    """A turn to be answered."""

    situation: str
    """The situation of the conversation; empty for none."""
    utterance: str
    """What the speaker says now."""
    responders: tuple[str, ...]
    """Who answers: one to four responders."""
    sampling: Responding
    """How students answer; a teacher answers with its own settings in config.toml."""
    dialog_id: str | None = None
    """The dialogue of the data that situation and utterance are from; None for none."""
    earlier: tuple[PlaygroundTurn, ...] = ()
    """The conversation so far, empty for a new one; each responder sees it without the answers of others."""
