"""The job that builds a recipe's SFT examples and preference pairs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from core.config.schema import Flaw
from core.dialogues import control_tokens
from core.dialogues.files import records, response_file
from core.domain.errors import UserError
from core.domain.jobs.results import RecipeResult
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import DirectMethod, ImproveMethod, RecipeSettings
from core.recipes import examples, flaws, languages, strategies
from core.recipes.examples import PreferencePair, SftExample
from core.recipes.flaws import FlawedResponse
from core.recipes.languages import Language

#: Dialogues that show the language of the data, about so many.
_OF_LANGUAGE = 1000

T = TypeVar("T")


def run(job: JobContext[RecipeSettings]) -> RecipeResult:
    """Write sft.jsonl and preferences.jsonl. Raises `UserError` when both would be empty."""
    settings = job.settings
    dialogues = list(records.read(job.input("dialogues")))
    left_out: int | None = None
    flawed: list[FlawedResponse] | None = None
    match settings.method:
        case ImproveMethod(improve_llm_sft=limit, improve_llm_seed=seed, leave_out=leave_out):
            improved = {
                name: response_file.read(job.input(name)) for name in strategies.needs(settings.recipe)
            }
            some = dialogues[:: max(1, len(dialogues) // _OF_LANGUAGE)]
            language = languages.of([text for d in some for text in (d.situation, d.utterance)])
            flawed = list(_flawed(job, improved, leave_out, language))
            for one in flawed:
                if one.left_out:
                    del improved[one.answers][one.dialog_id]
            sft, pairs, left_out = examples.build_improved(
                dialogues, settings.recipe, list(improved.values()), settings.prompt, limit, seed
            )
            left_out -= sum(one.left_out for one in flawed)
            # Also without any: it takes the place of those that an earlier attempt found.
            flaws.write(job.folder / "flaws.jsonl", flawed)
            job.publish("flaws", job.folder / "flaws.jsonl")
        case DirectMethod(pairing=pairing):
            sft, pairs = examples.build(dialogues, settings.recipe, pairing, settings.prompt)
    if not sft and not pairs:
        raise UserError(f"{settings.recipe} produces no examples from this data: see `empathy-tui data`")
    used_sft = _draw(sft, settings.sft_limit, settings.seed)
    used_pairs = _draw(pairs, settings.preference_limit, settings.seed)
    for name, file, used in (
        ("sft", "sft.jsonl", used_sft),
        ("preferences", "preferences.jsonl", used_pairs),
    ):
        job.check()
        examples.write(job.folder / file, used)
        job.publish(name, job.folder / file)
    given: list[SftExample | PreferencePair] = [*used_sft, *used_pairs]
    found = [control_tokens.find(examples.text_of(example)) for example in given]
    spelled = sum(map(bool, found))
    if spelled:
        first = next(tokens[0] for tokens in found if tokens)
        job.warn(
            f"{spelled} of {len(found)} examples spell a control token of a chat format, such as {first!r}: "
            "students read it as plain text"
        )
    total = len(used_sft) + len(used_pairs)
    job.journal.write(Progress(total, total))
    return RecipeResult(
        sft_examples=len(sft),
        preference_pairs=len(pairs),
        sft_used=len(used_sft),
        preferences_used=len(used_pairs),
        left_out=left_out,
        control_tokens=spelled,
        flaws=None if flawed is None else dict(Counter(one.flaw for one in flawed)),
        flawed_left_out=sum(one.left_out for one in flawed or ()),
    )


def _flawed(
    job: JobContext[RecipeSettings],
    improved: Mapping[str, Mapping[str, str]],
    leave_out: Collection[Flaw],
    language: Language,
) -> Iterator[FlawedResponse]:
    """The responses with a flaw, of each of the recipe's sets."""
    for name in improved:
        for answer, flaw in flaws.find(response_file.responses(job.input(name)), language):
            yield FlawedResponse(name, answer.dialog_id, flaw, flaw in leave_out, answer.text)


def _draw(items: list[T], limit: int | None, seed: int) -> list[T]:
    """At most `limit` random items, in their order; reproducible with the same seed."""
    if limit is None or limit >= len(items):
        return items
    return [items[i] for i in sorted(random.Random(seed).sample(range(len(items)), limit))]
