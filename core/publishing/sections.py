"""The sections of a published model's card that a run's own card does not have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from core.config.schema import Definition, Responding, Student
from core.domain import markdown
from core.domain.data.recipes import FilteredPairs
from core.domain.markdown import code
from core.publishing import results
from core.publishing.results import RunWinRate

#: The prompt's template beside a published model.
PROMPT_FILE = "prompt.txt"
_EMPATHY = Definition()


@dataclass(frozen=True)
class DataDescription:
    """The data that a run was trained on."""

    file: str
    """The imported file's name."""
    sha256: str
    """Of all dialogues."""
    train: int
    """Train dialogues."""
    test: int
    """Test dialogues."""
    sources: tuple[str, ...]
    """The language models that have responses in it."""
    teachers: tuple[str, ...]
    """The models that improved responses; none for method direct."""
    is_sample: bool = False
    """Whether it is the bundled sample, which is no research data."""
    filtered: FilteredPairs | None = None
    """What a judge left of its preference pairs; None if it filtered none."""
    definition: Definition = _EMPATHY
    """The quality that is distilled from it."""
    language: str | None = None
    """The code of its language; None if that is not known."""

    @property
    def purpose(self) -> str:
        """What a model that is trained on it is for, in Markdown."""
        adjective = markdown.escaped(self.definition.adjective)
        where = ", in English" if self.language == "en" else ""
        return f"For research on {adjective} responses to short dialogues{where}"


def answering(student: Student, responding: Responding) -> str:
    """How to answer as the run answered, in code."""
    arguments = ["**inputs", "generation_config=GenerationConfig.from_pretrained(FOLDER)"]
    if student.stop_strings:
        arguments += [f"stop_strings={json.dumps(student.stop_strings)}", "tokenizer=tokenizer"]
    given = ", ".join(arguments)
    how = (
        "This samples, as the run did."
        if responding.do_sample
        else "This decodes greedily, as the run did for the results below."
    )
    lines = f"""from pathlib import Path
from transformers import GenerationConfig

FOLDER = …  # the folder of this card
fields = {{"{{situation}}": "I moved to a new town.", "{{utterance}}": "Every evening is so quiet."}}
prompt = Path(FOLDER, {json.dumps(PROMPT_FILE)}).read_text(encoding="utf-8")
for name, value in fields.items():
    prompt = prompt.replace(name, value)
inputs = tokenizer.apply_chat_template(
    [{{"role": "user", "content": prompt}}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)
output = model.generate({given})
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))"""
    return f"{markdown.code_block(lines, 'python')}\n\n{how} `{PROMPT_FILE}` is the prompt above."


def data_section(described: DataDescription) -> str:
    """The data and where it comes from."""
    lines = [
        f"- Dialogues: {code(described.file)}, SHA-256 of all dialogues `{described.sha256}`: "
        f"{described.train} for training, {described.test} for the test",
    ]
    if described.sources:
        lines.append(f"- Language models with responses in it: {', '.join(map(code, described.sources))}")
    if described.teachers:
        lines.append(f"- Teacher: {', '.join(map(code, described.teachers))}")
    if described.filtered is not None:
        lines.append(f"- Filter: the judge {described.filtered.words}")
    if described.is_sample:
        lines.append("- This is the program's sample, not research data: draw no conclusions from it.")
    return "## Data\n\n" + "\n".join(lines)


def results_section(rates: Sequence[RunWinRate]) -> str:
    """The results with their intervals and judges."""
    if not rates:
        return "## Results\n\nNo comparison of this run was finished when it was published."
    return f"""## Results

A win rate is the share of test dialogues in which the judge preferred this model's response, ties as one
half. Dialogues without a valid verdict are left out, and counted as invalid.

{results.table(rates)}"""


def limits_section(described: DataDescription, notes: Sequence[str]) -> str:
    """Intended use and limits; `notes` are those of this publication."""
    listed = "".join(f"\n- {markdown.escaped(note)}" for note in notes)
    return f"""## Intended use and limits

{described.purpose}, in the style of its training data.

- It is not a therapist or a crisis service, and must not replace one. It can respond wrongly or
  hurtfully.
- It was trained on one user turn made from the prompt above; other prompts and long conversations are
  untested.
- A judge's preference does not measure what people feel; see the quality of each judge above.
- It inherits the biases and the licence of its base model. The terms of the data, and of the teacher's
  provider where there is a teacher, apply to it as well.{listed}"""
