"""The job in which a server responds to the test split with a student, or with a run's adapter.

Answers are kept under keys that have the hash of the weights, not the server's name for them: another adapter
under the same name gets no answer of this one. So answers must be this student's. First a few are requested
again in each attempt, and compared with the student; only then the server answers the test split.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch

from core.config.schema import Price, Teacher
from core.dialogues import thinking
from core.dialogues.files import records, response_file
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.data.dialogues import Dialogue
from core.domain.jobs.results import RespondResult
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import Answer, Progress, ResponseRecord
from core.jobs.settings import (
    ClientSettings,
    Identity,
    LargeModel,
    RespondSettings,
    StudentResponder,
    StudentServer,
)
from core.prompts import templates
from core.responding import served_check
from core.responding.served_check import ServedAnswer
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.models import loading, memory, model_sources
from core.teachers import runner
from core.teachers.answers import classification
from core.teachers.protocol import Message, Reply, Request
from core.teachers.requests import building, outcomes
from core.teachers.requests.queue import RequestQueue
from core.teachers.settings.identity import identity

#: Whoever runs a server of their own pays nothing for an answer.
_FREE = Price(input=0.0, output=0.0)


def run(
    job: JobContext[RespondSettings], responder: StudentResponder, server: StudentServer
) -> RespondResult:
    """Check that the server has this student, get the answers that are missing, and write responses.jsonl.

    Raises `UserError` when there is no test dialogue, when the server's answers are not this student's, or
    when one of its requests gets no answer.
    """
    student = responder.student
    model_sources.check_unchanged(student.config, student.source, student.chat_template_sha256)
    dialogues = records.read_test_split(job.input("dialogues"))
    chat = chat_format.load(student.config)
    served = _ServedResponder(job, responder, server, chat)
    verified = served.verify(dialogues) if job.spec.sends_requests else None
    requests = [served.request(dialogue) for dialogue in dialogues]
    queue = served.ask(served.model, requests)
    answers = queue.ledger.answers
    responses = [_response(answers[request.key], request, responder) for request in requests]
    job.journal.write(*responses)
    path = job.folder / "responses.jsonl"
    response_file.write(path, (GeneratedResponse(r.dialog_id, r.text, finish=r.finish) for r in responses))
    job.publish("responses", path)
    job.journal.write(Progress(len(requests), len(requests)))
    return RespondResult(
        responses=len(responses),
        cut=sum(response.finish == "length" for response in responses),
        with_thinking=sum(response.had_thinking for response in responses),
        chat_template_notes=chat.notes,
        server=server.client.base_url,
        served_as=server.model,
        verified=verified,
    )


class _ServedResponder:
    """Requests of one job to a student's server."""

    def __init__(
        self,
        job: JobContext[RespondSettings],
        responder: StudentResponder,
        server: StudentServer,
        chat: ChatFormat,
    ) -> None:
        self.job = job
        self.responder = responder
        self.server = server
        self.chat = chat
        inputs = job.spec.inputs
        self.adapter = job.input("adapter") if "adapter" in inputs else None
        self.tuned = job.input("model") if "model" in inputs else None
        if (trained := self.adapter or self.tuned) is not None:
            chat.check_adapter(trained)
        #: What identifies the weights, on this server or on another.
        self.weights = responder.student.source if trained is None else model_sources.content_sha256(trained)
        responding = responder.responding
        self.model = self._model(responding.temperature if responding.do_sample else 0.0)

    def prompt(self, dialogue: Dialogue) -> str:
        return templates.render(
            self.responder.student.prompt, situation=dialogue.situation, utterance=dialogue.utterance
        )

    def request(self, dialogue: Dialogue) -> Request:
        return building.single(self.model.identity, dialogue.dialog_id, self.prompt(dialogue))

    def verify(self, dialogues: Sequence[Dialogue]) -> int:
        """Raise `UserError` if the server's answers are not this student's; how many were followed."""
        wanted = self.server.client.verify
        greedy = self._model(0.0)
        chosen = dialogues[: max(1, wanted)]
        requests = [self._probe(greedy.identity, dialogue) for dialogue in chosen]
        queue = self.ask(greedy, requests)
        answers = [
            ServedAnswer(
                request.dialog_id,
                self.chat.prompt(request.messages[0].content),
                None if answer.is_estimated else answer.input_tokens,
                answer.raw or answer.text,
                is_cut=_is_cut(answer, self.responder),
            )
            for request in requests
            for answer in [queue.ledger.answers[request.key]]
        ]
        served_check.check_prompts(self.server, answers)
        if not wanted:
            return 0
        torch.set_num_threads(self.job.spec.threads)
        student = self.responder.student
        if self.tuned is not None:
            student = msgspec.structs.replace(student, config=loading.fine_tuned(student.config, self.tuned))
        dtype = loading.pick_dtype(student.dtype, "cpu")
        model = loading.load_model(student.config, "cpu", dtype, self.adapter)
        served_check.check_answers(self.server, self.job.spec.name, model, self.chat, answers)
        del model
        memory.free()
        return len(answers)

    def _probe(self, known: Identity, dialogue: Dialogue) -> Request:
        """A request that no earlier attempt has made: the server may be another one since."""
        message = Message("user", self.prompt(dialogue))
        attempt = Message("user", f"{self.job.spec.job}/{self.job.spec.attempt}")
        return Request(building.key(known, (attempt, message)), dialogue.dialog_id, (message,))

    def ask(self, model: LargeModel, requests: Sequence[Request]) -> RequestQueue:
        """Raises `UserError` if one of them gets no answer."""
        queue = runner.run(self.job, model, requests, self._classify)
        found = outcomes.of(queue, requests)
        outcomes.check_answered(found, "test dialogues got no answer")
        outcomes.check_left_out(found, 0.0, queue.teacher, "test dialogues got no usable answer")
        return queue

    def _classify(self, reply: Reply) -> tuple[Outcome, str]:
        """A student's text is taken as it is, as when it runs here: cut, empty, or in quotes."""
        if reply.finish not in ("stop", "length"):
            return classification.classify(reply)
        return "ok", self.chat.before_stop(thinking.remove(reply.text)).strip()

    def _model(self, temperature: float) -> LargeModel:
        responding, client = self.responder.responding, self.server.client
        stops = {"stop": list(self.chat.stop_strings)} if self.chat.stop_strings else {}
        teacher = Teacher(
            provider="openai",
            model=self.server.model,
            base_url=client.base_url,
            api_key_env=client.api_key_env,
            temperature=temperature,
            top_p=responding.top_p if temperature else None,
            seed=responding.seed if temperature else None,
            max_output_tokens=responding.max_new_tokens,
            extra_body=stops | client.extra_body,
            max_concurrency=client.max_concurrency,
            timeout_s=client.timeout_s,
            max_wait_s=client.max_wait_s,
            max_left_out=0.0,
            resend="always",
        )
        # Wherever the server is, and whatever it calls them: the weights are the same.
        known = msgspec.structs.replace(
            identity(teacher), base_url=None, model="student", weights_sha256=self.weights
        )
        settings = ClientSettings(teacher=teacher, price=_FREE, budget_usd=None)
        return LargeModel(identity=known, placement=None, client=settings)


def _response(answer: Answer, request: Request, responder: StudentResponder) -> ResponseRecord:
    return ResponseRecord(
        request.dialog_id,
        answer.text,
        "length" if _is_cut(answer, responder) else "stop",
        "thinking" in answer.removed,
    )


def _is_cut(answer: Answer, responder: StudentResponder) -> bool:
    """Whether it has all tokens that it may have."""
    return (answer.output_tokens or 0) >= responder.responding.max_new_tokens
