"""The tokens of prompts and answers: the same for training, for sample answers and for responding."""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from core.config.schema import Student
from core.dialogues import thinking
from core.domain.errors import UserError
from core.students.chat import chat_template, plain_text
from core.students.chat.chat_template import Frame
from core.students.chat.plain_text import Part
from core.students.models import loading

#: What the check at the start of a run renders: a text as long, and as odd, as those of real data may be.
_PROBE = (
    'Context: I moved to another town.\n\nUtterance: It\'s "so quiet" here – <b>really</b> & {truly}…  '
    + "Every evening I listen, and nobody calls. " * 50
    + "\nResponse:",
    'I am with you.\n\nIt\'s a "big" change – <b>really</b> & {truly}…',
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodedAnswer:
    """What generated tokens say."""

    text: str
    """Without control tokens and thinking, up to the first stop string."""
    is_stopped: bool
    """Whether a stop string ends it."""
    has_thinking: bool
    """Whether thinking was removed from it."""


@dataclass(frozen=True)
class ChatFormat:
    """How a student's prompts and answers become tokens. `load` makes it."""

    tokenizer: Any
    """With the chat template that is used, to be saved beside an adapter or a merged model."""
    model: str
    """The student's model, for messages."""
    before_answer: str
    """White space that the template writes between a prompt and an answer. It belongs to the answer."""
    after_answer: str
    """What the template writes after an answer, up to and with the end token; empty if it writes no end."""
    end_id: int
    """The token that ends an answer: it is trained, and ends generation."""
    end_is_appended: bool
    """Whether the end token follows the answer although the template writes none."""
    stop_ids: frozenset[int]
    """The tokens that end generation, beside those of the model's generation_config.json."""
    stop_strings: tuple[str, ...]
    """Texts that end generation, and are not part of the response."""
    template_date: str | None
    """The date that the template writes, in ISO format; None if it writes none."""
    notes: tuple[str, ...]
    """How this differs from what the template alone would do, in sentences."""
    _frames: dict[tuple[str, ...], Frame] = field(default_factory=dict, repr=False, compare=False)

    def prompt(self, messages: str | Sequence[Mapping[str, str]]) -> list[int]:
        """The tokens of a prompt, up to where the answer begins: one user message, or a conversation."""
        turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
        roles = tuple(turn["role"] for turn in turns)
        if roles not in self._frames:
            self._frames[roles] = chat_template.frame(
                self.tokenizer, roles, add_generation_prompt=True, model=self.model
            )
        frame = self._frames[roles]
        parts = [Part(frame.pieces[0], is_message=False)]
        for turn, (left, right), piece in zip(turns, frame.strips, frame.pieces[1:], strict=True):
            text = turn["content"]
            text = text.lstrip() if left else text
            parts.append(Part(text.rstrip() if right else text, is_message=True))
            parts.append(Part(piece, is_message=False))
        return plain_text.encode(self.tokenizer, parts, self._control_tokens)

    def completion(self, answer: str) -> list[int]:
        """The tokens that a student learns to write after a prompt: the answer and its end."""
        return self._written(answer.strip(), self.before_answer)

    def written(self, text: str) -> list[int]:
        """The tokens of a generated text with its end, with the white space that it has."""
        return self._written(text, "")

    def _written(self, text: str, before: str) -> list[int]:
        parts = (
            Part(before, is_message=False),
            Part(text, is_message=True),
            Part(self.after_answer, is_message=False),
        )
        ids = plain_text.encode(self.tokenizer, parts, self._control_tokens, continues=True)
        return [*ids, self.end_id] if self.end_is_appended else ids

    def stops_of(self, model: Any) -> list[int]:
        """All tokens that end the generation of `model`."""
        own = model.generation_config.eos_token_id
        return self.stops(own if isinstance(own, list) else [] if own is None else [own])

    def stops(self, own: Sequence[int]) -> list[int]:
        """All tokens that end the generation of a model whose checkpoint names the end tokens `own`."""
        return sorted(self.stop_ids.union(own))

    def response(self, tokens: Sequence[int]) -> DecodedAnswer:
        """The response in generated tokens up to their end token."""
        whole: str = self.tokenizer.decode(tokens, skip_special_tokens=False)
        text = thinking.remove(whole)
        has_thinking = text != whole
        if not has_thinking:
            text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        else:
            for token in sorted(self.tokenizer.all_special_tokens, key=len, reverse=True):
                text = text.replace(token, "")
        kept = self.before_stop(text)
        return DecodedAnswer(kept.strip(), kept != text, has_thinking)

    def before_stop(self, text: str) -> str:
        """The text up to the first stop string."""
        found = [position for stop in self.stop_strings if (position := text.find(stop)) >= 0]
        return text[: min(found, default=None)]

    def check_adapter(self, adapter: Path) -> None:
        """Raise `UserError` if the adapter in this folder was trained with another chat template."""
        saved = adapter / "chat_template.jinja"
        if saved.is_file() and saved.read_bytes().decode("utf-8") != self.tokenizer.chat_template:
            raise UserError(
                f"the chat template of {self.model!r} has changed since this run was trained: its prompts "
                "would differ from those of training. Train the run again, or set revision of the student"
            )

    @property
    def end_token(self) -> str:
        """The spelling of the token that ends an answer."""
        spelling: str = self.tokenizer.convert_ids_to_tokens(self.end_id)
        return spelling

    @cached_property
    def _control_tokens(self) -> re.Pattern[str]:
        return plain_text.control_token_pattern(self.tokenizer, self.tokenizer.chat_template)


def load(student: Student) -> ChatFormat:
    """Load the student's tokenizer and settle how its chat template is used.

    Thinking is turned off, a date is fixed, and whatever the template writes before an answer becomes part of
    the prompt, so that training and responding see the same tokens. Raises `UserError` when the tokenizer
    cannot be loaded, or the template cannot be used that way.
    """
    tokenizer = loading.load_tokenizer(student)
    eos = tokenizer.eos_token_id
    template = _settle_template(tokenizer, student)
    end = _find_end(tokenizer, template.tail, student)
    if end.id != eos and student.eos_token is None:
        _make_eos_token(tokenizer, end.id, student)
    chat = ChatFormat(
        tokenizer=tokenizer,
        model=student.model,
        before_answer=template.before_answer,
        after_answer=end.after_answer,
        end_id=end.id,
        end_is_appended=end.is_appended,
        stop_ids=frozenset({end.id} if eos is None else {end.id, eos}),
        stop_strings=student.stop_strings,
        template_date=template.date,
        notes=(*template.notes, *end.notes),
    )
    for note in chat.notes:
        log.info("%s", note)
    _check(chat)
    return chat


@dataclass(frozen=True)
class _Settled:
    """What a template writes around an answer."""

    before_answer: str
    tail: str
    """After an answer."""
    date: str | None
    notes: list[str]


@dataclass(frozen=True)
class _End:
    id: int
    after_answer: str
    is_appended: bool
    notes: list[str]


def _settle_template(tokenizer: Any, student: Student) -> _Settled:
    """Wrap the tokenizer's chat template, and find what it writes around an answer."""
    template = chat_template.text_of(tokenizer, student.model)
    variables = dict(student.chat_template_kwargs)
    chat_template.check_variables(variables, template, tokenizer, student.model)
    date = student.template_date
    notes: list[str] = []

    def use(date: datetime.date, before_answer: str = "") -> tuple[Frame, Frame]:
        tokenizer.chat_template = chat_template.wrap(template, variables, date, before_answer)
        return _frames_of(tokenizer, student)

    for switch, value in _switch_thinking_off(template, variables, lambda: use(date)).items():
        notes.append(f"thinking is off in the chat template: {switch} = {chat_template.literal(value)}")
    frames = use(date)
    writes_date = frames != use(date.replace(year=date.year - 1, month=1 + date.month % 12, day=1))
    if writes_date:
        notes.append(f"the chat template writes a date: it is always {date.isoformat()} (template_date)")
    prompt, whole = frames
    given, in_training = prompt.pieces[1], whole.pieces[1]
    into_prompt = before_answer = ""
    switched = thinking.channel_switch(given, in_training)
    if switched:
        into_prompt = switched
        notes.append("the chat template opens a channel of thinking before an answer: it is closed at once")
    elif in_training.startswith(given):
        lead = in_training[len(given) :]
        # A space begins the answer's first word; everything else is not the student's to write.
        into_prompt = lead.rstrip(" ")
        before_answer = lead[len(into_prompt) :]
    is_same = bool(switched) or thinking.without(given + into_prompt) == thinking.without(in_training)
    if prompt.pieces[0] != whole.pieces[0] or not is_same:
        raise UserError(
            f"the chat template of {student.model!r} ends a prompt with {given[-80:]!r}, but writes "
            f"{in_training[-80:]!r} between the prompt and an answer: training and responding would see "
            "different prompts. Set its variables with chat_template_kwargs, or name another template with "
            "chat_template in config.toml"
        )
    if closing := thinking.closing(given + into_prompt):
        into_prompt, before_answer = into_prompt + closing, ""
        notes.append("the chat template opens a block of thinking before an answer: it is closed at once")
    elif into_prompt and not switched:
        notes.append(f"the chat template writes {into_prompt!r} before an answer: it is part of the prompt")
    use(date, into_prompt)
    return _Settled(before_answer, whole.pieces[2], date.isoformat() if writes_date else None, notes)


def _switch_thinking_off(
    template: str, variables: dict[str, Any], use: Callable[[], tuple[Frame, Frame]]
) -> dict[str, object]:
    """Add the switches of thinking that change what the template writes to `variables`, and return them."""
    added: dict[str, object] = {}
    frames = use()
    for switches, only_if_needed in (
        (chat_template.THINKING_SWITCHES, False),
        (chat_template.AMBIGUOUS_SWITCHES, True),
    ):
        for switch, off in switches.items():
            if switch not in template or switch in variables or (only_if_needed and _is_plain(*frames)):
                continue
            variables[switch] = off
            try:
                without = use()
            except UserError:
                without = frames
            if without == frames or (only_if_needed and not _is_plain(*without)):
                del variables[switch]
                continue
            frames, added[switch] = without, off
    return added


def _frames_of(tokenizer: Any, student: Student) -> tuple[Frame, Frame]:
    """The template's text around a prompt, and around a prompt with its answer."""
    return (
        chat_template.frame(tokenizer, ["user"], add_generation_prompt=True, model=student.model),
        chat_template.frame(
            tokenizer, ["user", "assistant"], add_generation_prompt=False, model=student.model
        ),
    )


def _is_plain(prompt: Frame, whole: Frame) -> bool:
    """Whether answers follow the prompts without thinking, in training as in responding."""
    given, in_training = prompt.pieces[1], whole.pieces[1]
    is_same = in_training.startswith(given) or thinking.without(given) == thinking.without(in_training)
    return is_same and not thinking.closing(given)


def _find_end(tokenizer: Any, tail: str, student: Student) -> _End:
    """The token that ends an answer: the one that the template writes after it, else the EOS token."""
    signs = plain_text.control_token_pattern(tokenizer, tokenizer.chat_template)
    match = signs.search(tail)
    if match is not None and not tail[: match.start()].strip():
        found = [match]
        while (match := signs.match(tail, found[-1].end(1))) is not None:
            found.append(match)
        # Of several tokens in a row, such as Cohere's two, the EOS token is the one that ends generation.
        end = next((match for match in found if match[1] == tokenizer.eos_token), found[0])
        notes = []
        if end[1] != tokenizer.eos_token:
            eos = tokenizer.eos_token
            both = "" if eos is None else f", not with the EOS token {eos!r}: generation stops at both"
            notes.append(f"the chat template ends an answer with {end[1]!r}{both}")
        return _End(tokenizer.convert_tokens_to_ids(end[1]), tail[: end.end(1)], False, notes)
    if tokenizer.eos_token_id is None:
        raise UserError(
            f"the chat template of {student.model!r} writes no token after an answer, and the tokenizer has "
            "no EOS token: generation would never stop. Set eos_token of the student in config.toml"
        )
    text = f", but the text {tail.strip()!r}" if tail.strip() else ""
    note = f"the chat template writes no token after an answer{text}: {tokenizer.eos_token!r} is appended"
    return _End(tokenizer.eos_token_id, "", True, [note])


def _make_eos_token(tokenizer: Any, end: int, student: Student) -> None:
    """Make the end token the tokenizer's EOS token, for programs that load the tokenizer that is saved.

    A template that writes the EOS token elsewhere keeps its own.
    """
    before, frames = tokenizer.eos_token, _frames_of(tokenizer, student)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    if _frames_of(tokenizer, student) != frames:
        tokenizer.eos_token = before


def _check(chat: ChatFormat) -> None:
    """Check on plain messages that prompts are as the template renders them, and that answers follow them.

    Raises `UserError` when the template changes messages, or text can spell the end token.
    """
    question, answer = _PROBE
    prompt, completion = chat.prompt(question), chat.completion(answer)
    if prompt != _rendered(chat, [question]):
        raise UserError(
            f"the chat template of {chat.model!r} changes the text of messages: name another one with "
            "chat_template in config.toml"
        )
    spelled = chat.completion(f"{answer} {chat.end_token} {answer}")
    if completion[-1] != chat.end_id or completion.count(chat.end_id) + spelled.count(chat.end_id) != 2:
        raise UserError(
            f"the tokenizer of {chat.model!r} reads the text of an answer as its end token "
            f"{chat.end_token!r}: set eos_token of the student in config.toml to another one"
        )
    tokens = prompt + (completion[:-1] if chat.end_is_appended else completion)
    if _rendered(chat, [question, answer])[: len(tokens)] != tokens:
        log.info("prompt and answer are tokenised apart: together, they would begin the answer differently")


def _rendered(chat: ChatFormat, texts: Sequence[str]) -> list[int]:
    """The tokens of a conversation as TRL and other programs tokenise it."""
    roles = ("user", "assistant")[: len(texts)]
    text = chat_template.render(
        chat.tokenizer, roles, texts, add_generation_prompt=len(texts) == 1, model=chat.model
    )
    found: list[int] = chat.tokenizer.encode(text, add_special_tokens=False)
    return found
