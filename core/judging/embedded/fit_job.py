"""The job that trains the embedded judge on the human ratings of the train split."""

from __future__ import annotations

from core.dialogues.files import records
from core.domain.jobs.results import JudgeResult
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import JudgeSettings
from core.judging.embedded import embedded_judge, sentence_embeddings
from core.judging.embedded.sentence_embeddings import Embedder


def run(job: JobContext[JudgeSettings]) -> JudgeResult:
    """Write judge.json. The result is the judge's agreement with held-out human ratings."""
    dialogues = [d for d in records.read(job.input("dialogues")) if d.split == "train"]

    embedder = Embedder(job.cache(sentence_embeddings.CACHE), job.spec.threads)
    count = sum(len(dialogue.responses) + 1 for dialogue in dialogues)
    job.journal.write(Progress(0, count))

    def progress(done: int, total: int) -> None:
        job.check()
        job.journal.write(Progress(done, total))

    weights, agreement = embedded_judge.fit(dialogues, embedder, progress)
    path = job.folder / "judge.json"
    embedded_judge.save(path, weights)
    job.publish("judge", path)
    return JudgeResult(
        label=weights.label,
        agreement=agreement.share,
        agreement_low=agreement.low,
        agreement_high=agreement.high,
        agreement_pairs=agreement.pairs,
        longer_agreement=agreement.longer,
        auc=agreement.auc,
        length_auc=agreement.length_auc,
        alpha=weights.alpha,
    )
