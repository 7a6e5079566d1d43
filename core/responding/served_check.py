"""Whether a server's answers are those of a student, as it was trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from core.domain.errors import UserError
from core.jobs.settings import StudentServer
from core.students.chat.chat_format import ChatFormat

#: By how much the logit of the student's most probable token may be above that of the server's, which may
#: compute in another number format and order.
_MAX_GAP = 0.5
#: Share of the tokens that may be others: the text is tokenised again, perhaps not as it was generated.
_MAX_OTHERS = 0.03
#: Words before a difference that a message shows.
_WORDS_SHOWN = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedAnswer:
    """A server's greedy answer to a test dialogue."""

    dialog_id: str
    """The dialogue."""
    prompt: list[int]
    """The tokens of the prompt, as in training."""
    prompt_tokens: int | None
    """Those that the server counted; None if it does not report them."""
    text: str
    """As the server sent it."""
    is_cut: bool
    """Whether the limit of tokens ended it."""


@dataclass(frozen=True)
class _Followed:
    """An answer's tokens beside what the student would write in their places."""

    answer: ServedAnswer
    tokens: list[int]
    best: list[int]
    """The student's most probable token in each place."""
    others: list[int]
    """The places in which the answer has another one."""


def check_prompts(server: StudentServer, answers: Sequence[ServedAnswer]) -> None:
    """Raise `UserError` if the server's prompts have another length than those of training."""
    for answer in answers:
        if answer.prompt_tokens is not None and answer.prompt_tokens != len(answer.prompt):
            raise UserError(
                f"{_where(server)} makes a prompt of {answer.prompt_tokens} tokens for dialogue "
                f"{answer.dialog_id}, training one of {len(answer.prompt)}: its chat template "
                "differs. Start it with the chat_template.jinja in the folder of the run's adapter"
            )


def check_answers(
    server: StudentServer, responder: str, model: Any, chat: ChatFormat, answers: Sequence[ServedAnswer]
) -> None:
    """Raise `UserError` unless the student writes these answers greedily, up to rounding.

    Each answer is computed once as a whole: in each place, the student sees what the server wrote before.
    """
    followed = [_follow(model, chat, answer) for answer in answers]
    count = sum(len(one.tokens) for one in followed)
    others = sum(len(one.others) for one in followed)
    log.info("%d of %d tokens of %d answers are not the student's", others, count, len(answers))
    if others <= _MAX_OTHERS * count:
        return
    worst = max(followed, key=lambda one: len(one.others) / len(one.tokens))
    place = worst.others[0]
    before = " ".join(chat.tokenizer.decode(worst.tokens[:place]).split()[-_WORDS_SHOWN:])
    wrote, writes = (chat.tokenizer.decode([tokens[place]]) for tokens in (worst.tokens, worst.best))
    raise UserError(
        f"{_where(server)} is not {responder}: {others} of {count} tokens in {len(answers)} greedy answers "
        f"differ from the student's. In dialogue {worst.answer.dialog_id} it writes {wrote!r} after "
        f"“{before}”, the student {writes!r}. Give it this run's newest adapter under that name, unquantized "
        "and without sampling settings of its own (extra_body)"
    )


def _follow(model: Any, chat: ChatFormat, answer: ServedAnswer) -> _Followed:
    """The answer followed as it is; or as in training, for servers that take white space off it."""
    followed = _follow_tokens(model, chat, answer, chat.written(answer.text))
    as_trained = chat.completion(answer.text)
    if not followed.others or as_trained == followed.tokens:
        return followed
    return min(followed, _follow_tokens(model, chat, answer, as_trained), key=lambda one: len(one.others))


def _follow_tokens(model: Any, chat: ChatFormat, answer: ServedAnswer, tokens: list[int]) -> _Followed:
    if answer.is_cut:
        # What ends an answer is not there yet.
        tokens = tokens[: -max(1, len(chat.tokenizer.encode(chat.after_answer, add_special_tokens=False)))]
    ids = torch.tensor([answer.prompt + tokens])
    with torch.inference_mode():
        # The logits of a token are in the place before it.
        logits = model(input_ids=ids, use_cache=False).logits[0, len(answer.prompt) - 1 : -1].float()
    chosen = logits.gather(1, torch.tensor(tokens)[:, None])[:, 0]
    if not answer.is_cut:
        # A server may end an answer by any of the tokens that end one.
        chosen[-1] = logits[-1, chat.stops_of(model)].max()
    best = logits.max(1)
    others = (best.values - chosen > _MAX_GAP).nonzero()[:, 0]
    return _Followed(answer, tokens, best.indices.tolist(), others.tolist())


def _where(server: StudentServer) -> str:
    return f"{server.model!r} at {server.client.base_url}"
