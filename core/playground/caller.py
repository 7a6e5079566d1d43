"""The process that asks one large model, or a judge, one thing for the playground.

`python -m core.playground.caller WORKSPACE` reads a `Call` from its standard input and writes events to its
standard output. What it sends is recorded before, and what it pays after, in a journal that all jobs count
against the budget. One call to a model goes on at a time. After SIGTERM, or once nobody listens, it records
what is known of the cost, and ends.
"""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain.errors import Cancelled
from core.domain.paths import file_name
from core.jobs import context, files, journal, libraries, locks, logs
from core.jobs.context import JobContext
from core.jobs.journal import Journal
from core.jobs.records import Answer
from core.jobs.settings import EmbeddedJudge, LlmJudge, RespondSettings, Settings, TeacherResponder
from core.jobs.spec import Spec
from core.playground import messages
from core.playground.error_words import unexpected_words, words_of
from core.playground.messages import (
    Answered,
    Call,
    Judged,
    OpinionCall,
    OpinionFailed,
    Piece,
    Preparing,
    ProcessEvent,
    TeacherCall,
)
from core.playground.records import PlaygroundAnswer, PlaygroundOpinion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.domain.evaluation.verdicts import Order

#: Seconds between two reports of an answer that grows.
_REPORT_S = 0.04
#: Seconds between two looks at whether the model is free.
_LOOK_S = 0.05
#: CPU threads of the embedded judge: it has two short texts.
_THREADS = 1

log = logging.getLogger("call")


class _Listener:
    """Whoever reads this process's standard output."""

    def __init__(self) -> None:
        self.is_gone = False

    def send(self, event: ProcessEvent) -> None:
        if self.is_gone:
            return
        try:
            sys.stdout.buffer.write(messages.encode(event))
            sys.stdout.buffer.flush()
        except OSError:
            self.is_gone = True


def main(workspace: WorkspacePaths) -> int:
    """Do what standard input says; 0 also if it failed, which is reported to the listener."""
    logs.begin()
    files.keep_private(workspace.root)
    libraries.keep_quiet()
    call = messages.call(sys.stdin.buffer.readline(messages.MAX_LINE_BYTES))
    listener = _Listener()
    stops = [False]
    signal.signal(signal.SIGTERM, lambda *_: stops.__setitem__(0, True))
    name = call.work.name if isinstance(call.work, TeacherCall) else call.work.settings.judge.name
    try:
        with _attempt(workspace, f"{_kind(call)}-{file_name(name)}", call, listener, stops) as job:
            signal.signal(signal.SIGTERM, lambda *_: job.stop.set())
            if stops[0]:
                job.stop.set()
            match call.work:
                case TeacherCall() as work:
                    listener.send(Answered(_answer(job, work, listener)))
                case OpinionCall() as work:
                    listener.send(Judged(_opinion(job, work)))
    except Cancelled:
        return 0
    except Exception as error:
        # The boundary of the process.
        words = words_of(error)
        if words is None:
            log.error("unexpected", exc_info=True)
            words = unexpected_words(error)
        if isinstance(call.work, OpinionCall):
            listener.send(OpinionFailed(words))
        else:
            answer = PlaygroundAnswer(responder=name, text="", finish="failed", error=words)
            listener.send(Answered(answer))
    return 0


def _kind(call: Call) -> str:
    return "answers" if isinstance(call.work, TeacherCall) else "opinions"


@contextmanager
def _attempt(
    workspace: WorkspacePaths, name: str, call: Call, listener: _Listener, stops: list[bool]
) -> Iterator[JobContext[Settings]]:
    """A folder with a journal of this call's own, once no other call to the model goes on.

    Raises `Cancelled` if it must stop before.
    """
    folder = workspace.calls / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "calls.lock").open("a") as turn:
        if not locks.try_acquire(turn):
            listener.send(Preparing("another question to it is being answered"))
            while not locks.try_acquire(turn):
                if stops[0]:
                    raise Cancelled
                time.sleep(_LOOK_S)
        numbers = [int(found.name) for found in folder.iterdir() if found.name.isdecimal()]
        number = max(numbers, default=0) + 1
        own = folder / str(number)
        own.mkdir()
        weights = call.work.weights if isinstance(call.work, OpinionCall) else None
        spec: Spec[Settings] = Spec(
            job=name,
            name=name,
            attempt=number,
            fingerprint="",
            settings=call.work.settings,
            inputs={} if weights is None else {"judge": weights},
            prior=(),
            threads=_THREADS,
            cache=str(workspace.cache),
            spent_usd=call.spent_usd,
        )
        with (own / context.LOCK).open("a") as lock, closing(Journal(own)) as records:
            locks.acquire(lock)
            yield JobContext(own, spec, records)


def _answer(job: JobContext[Settings], call: TeacherCall, listener: _Listener) -> PlaygroundAnswer:
    """The teacher's answer. Raises `UserError` if it may not be asked, or rejects everything."""
    from core.responding import teacher_job
    from core.teachers.answers import cleaning
    from core.teachers.live import sessions
    from core.teachers.protocol import Request
    from core.teachers.requests.ledger import Ledger
    from core.teachers.requests.queue import RequestQueue

    assert isinstance(call.settings, RespondSettings)
    assert isinstance(call.settings.responder, TeacherResponder)
    client = call.settings.responder.model.client
    # A key of its own: who asks again wants another answer, and no job may take one of a conversation.
    request = Request(secrets.token_hex(16), "", call.messages)
    ledger = Ledger(job.folder.parents[2] / "jobs")
    queue = RequestQueue(
        job, ledger, client.teacher, client.price, client.budget_usd, [request], teacher_job.classify
    )
    queue.tries = 1
    queue.begin()
    grown = PlaygroundAnswer(responder=call.name, text="", finish="stop")
    began = reported = time.monotonic()

    def on_text(text: str) -> None:
        nonlocal grown, reported
        now = time.monotonic()
        first_s = grown.first_token_s or now - began
        shown = cleaning.clean(text).text
        grown = msgspec.structs.replace(grown, text=shown, first_token_s=first_s, seconds=now - began)
        if now - reported >= _REPORT_S:
            reported = now
            listener.send(Piece(grown))
        if listener.is_gone:
            job.stop.set()

    listener.send(Preparing(f"waiting for {client.teacher.model}"))
    try:
        sessions.run(queue, on_text)
    except Cancelled:
        log.info("stopped")
    record = ledger.answers.get(request.key) or ledger.newest(job.spec.job, request.key)
    if record is None:
        return msgspec.structs.replace(grown, finish="stopped")
    seconds = time.monotonic() - began
    return _finished(msgspec.structs.replace(grown, seconds=seconds), record, is_stopped=job.stop.is_set())


def _finished(grown: PlaygroundAnswer, record: Answer, *, is_stopped: bool) -> PlaygroundAnswer:
    found = msgspec.structs.replace(
        grown,
        text=record.text or grown.text,
        tokens=record.output_tokens or 0,
        had_thinking="thinking" in record.removed,
        usd=record.usd,
        is_estimated=record.is_estimated,
    )
    match record.outcome:
        case "ok" | "long" | "refused" | "empty":
            return found
        case "cut":
            return msgspec.structs.replace(found, finish="length")
        case "lost" if is_stopped:
            return msgspec.structs.replace(found, finish="stopped")
    words = record.error or f"the answer is {record.outcome}"
    return msgspec.structs.replace(found, finish="failed", error=words)


def _opinion(job: JobContext[Settings], call: OpinionCall) -> PlaygroundOpinion:
    """The judge's opinion in both orders. Raises `UserError` if it has none."""
    from core.judging import pair_verdicts
    from core.judging.llm import llm_judge
    from core.judging.metrics import scores
    from core.judging.protocol import OrderedPair

    def ordered_pairs(orders: Sequence[Order]) -> list[OrderedPair]:
        texts = (call.situation, call.utterance, call.answer_a, call.answer_b)
        return [OrderedPair("", *texts, order) for order in orders]

    match call.settings.judge:
        case EmbeddedJudge(name=name):
            judge = pair_verdicts.embedded(job)
            label, asked = judge.label, ordered_pairs(judge.orders)
            verdicts = list(judge.judge(asked))
        case LlmJudge(name=name) as chosen:
            label, asked = chosen.model.client.teacher.model, ordered_pairs(("ab", "ba"))
            verdicts = llm_judge.judge_pairs(job, chosen, asked)
    answers = [entry.record for entry, _ in journal.read(job.folder) if isinstance(entry.record, Answer)]
    return PlaygroundOpinion(
        judge=name,
        label=label,
        a=call.settings.a,
        b=call.settings.b,
        verdicts=tuple((one.order, one.winner, one.raw) for one in verdicts),
        winner=scores.outcome((one.order, one.winner) for one in verdicts),
        usd=None if any(answer.usd is None for answer in answers) else sum(a.usd or 0.0 for a in answers),
        is_estimated=any(answer.is_estimated for answer in answers),
    )


if __name__ == "__main__":
    sys.exit(main(WorkspacePaths(Path(sys.argv[1]))))
