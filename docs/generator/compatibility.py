"""docs/compatibility.md: what trains and answers, and what is refused, by the checks in `tests/students`."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from docs.generator.markdown import NOTE, cell, table
from tests.students import compatibility, families, unusable
from tests.students.chat import chat_tokenizers
from tests.students.compatibility import FamilyOutcome, TemplateOutcome

_INTRODUCTION = f"""# Compatibility

{NOTE} Each row is checked by
`tests/students/test_compatibility.py` with the installed libraries.

A student is a causal language model of Transformers. Each family below is examined with a tiny model of
random weights: SFT, sample answers, DPO after it, answering alone and in a batch, and merging. It works if

- every module with an adapter is trained, and TRL's loss is that of the logits by which the student answers;
- the prompt is the same tokens in training, in sample answers and in responding, and also for other programs
  that load the adapter's tokenizer;
- the token that ends an answer is trained, and ends generation;
- answers in a batch are those that the prompts get alone;
- the merged model has the adapter's logits, answers and prompts.
"""

_FAMILIES = """
## Model families

All of this works. The modules are those that get an adapter with `target_modules = "all-linear"`. A family
without a chat template here is examined as a base model, with the program's plain template.

"""

_TEMPLATES = """
## Chat templates

The chat templates that TRL ships; names that end in `training` are its own variants. Each is examined with
the tokenizer of a base model, whose EOS token is not what the template writes after an answer. The token that
ends an answer is trained, and generation stops at it and at the EOS token.

"""

_REFUSED = """
## What is refused

This is found when a student is loaded, before anything is trained.

"""

_PUBLISHED = """
## Published folders

What `empathy-tui publish` and `export llama-factory` write was read by these programs, each in an
environment of its own without this program, on a CPU. The student is the tiny one of the tests, for llama.cpp
the embedded one. `python -m tests.publishing.peers --work DIR` does it again, and prints the table. Ollama
was not run: the tests check Modelfiles against the grammar of its reference.

"""


def page() -> str:
    """The page. It takes minutes."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        return "".join(_parts(Path(folder)))


def _parts(folder: Path) -> Iterator[str]:
    found = [
        compatibility.examine_family(family, folder / f"family {i}")
        for i, family in enumerate(families.FAMILIES)
    ]
    model = families.load(families.FAMILIES[0], folder / "model")
    templates = [
        compatibility.examine_template(name, text, folder / name, model)
        for name, text in (chat_tokenizers.trl_templates() | unusable.TEMPLATES).items()
    ]
    damaged = {
        name: compatibility.examine_damage(name, folder / name) or "not refused" for name in unusable.DAMAGES
    }
    yield _INTRODUCTION + _FAMILIES
    yield table(
        ("model type", "models", "chat template", "modules with an adapter"),
        (family_row(outcome) for outcome in found if outcome.refused is None),
    )
    yield _TEMPLATES
    yield table(
        ("chat template", "ends an answer", "what is fixed or added"),
        (template_row(outcome) for outcome in templates if outcome.refused is None),
    )
    yield _REFUSED
    yield table(
        ("student", "message"),
        [
            *(family_row(outcome) for outcome in found if outcome.refused is not None),
            *(refused_row(name, message) for name, message in damaged.items()),
            *(template_row(outcome) for outcome in templates if outcome.refused is not None),
        ],
    )
    yield _PUBLISHED + Path(__file__).with_name("published_folders.md").read_text(encoding="utf-8")


def family_row(outcome: FamilyOutcome) -> tuple[str, ...]:
    """The cells of a family's row, in the table of families or in that of what is refused."""
    family = outcome.family
    if outcome.refused is not None:
        return refused_row(f"`{family.model_type}`: {family.models}", outcome.refused)
    template = "" if family.template is None else f"`{family.template}`"
    return f"`{family.model_type}`", family.models, template, _code(outcome.modules)


def template_row(outcome: TemplateOutcome) -> tuple[str, ...]:
    """The cells of a chat template's row, in the table of templates or in that of what is refused."""
    if outcome.end_token is None:
        return refused_row(outcome.template, outcome.refused or "")
    # What ends an answer has a column of its own.
    notes = [note for note in outcome.notes if not note.startswith("the chat template ends an answer")]
    return f"`{outcome.template}`", _code([outcome.end_token]), cell("; ".join(notes))


def refused_row(student: str, message: str) -> tuple[str, ...]:
    """The cells of a row in the table of what is refused."""
    return student, cell(message)


def line(row: Sequence[str]) -> str:
    """A row as it stands in the page."""
    return f"| {' | '.join(row)} |"


def _code(names: Iterable[str]) -> str:
    return " ".join(f"`{cell(name)}`" for name in names)
