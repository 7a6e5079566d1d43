"""Whatever a name, a prompt or an answer holds, what is written of it is text, and nothing that acts."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import msgspec.yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from core.config.schema import Definition
from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs.results import SftResult
from core.domain.jobs.snapshot import DialogueCounts
from core.domain.paths import file_name
from core.publishing import results, sections
from core.publishing.sections import DataDescription
from core.reports import page
from core.reports.gather import Report
from core.reports.tables import cells, texts
from core.reports.tables.cells import ReportCell, ReportTable
from core.training.saving import model_card
from tests.fuzz import hostile
from tests.fuzz.hostile import fuzz
from tests.support.records import made_settings
from tui.cli.output.tables import cell, make_table, print_fields, print_line

#: Control characters that no file may have for people, and what turns the direction of text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
RESULT = SftResult(
    steps=1, train_loss=1.0, train_runtime_s=1.0, epochs=1.0, examples=1, device="cpu", dtype="float32"
)


#: Without results: what names and texts of a report do is the same in all its places.
_GIVEN = ("study", None, None, False, DialogueCounts(0, 0, 0), None)
REPORT = Report(*_GIVEN, *[()] * (len(fields(Report)) - len(_GIVEN)))


class Tags(HTMLParser):
    """What a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.bad += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        links = [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.bad += [link for link in links if not link.startswith(("#", "data:,"))]


def table(*found: str) -> ReportTable:
    """A table with these texts in every place."""
    row = tuple(cells.text(text) for text in found)
    return ReportTable("t", found[0], found[1], found, frozenset(), (row, row))


@fuzz
@given(found=st.tuples(*[hostile.filled_texts] * 3), warning=hostile.texts)
def test_the_page(found: tuple[str, ...], warning: str) -> None:
    def tags(*words: str) -> Tags:
        shown = replace(REPORT, workspace=words[0])
        text = page.page(shown, [table(*words)], [], [words[-1]])
        assert not _CONTROLS.search(text)
        seen = Tags()
        seen.feed(text)
        seen.close()
        return seen

    seen, plain = tags(*found, f"x{warning}"), tags("a", "b", "c", "d")
    assert seen.bad == []
    assert seen.names == plain.names


@fuzz
@given(found=st.tuples(*[hostile.filled_texts] * 3))
def test_tables_as_text(found: tuple[str, ...]) -> None:
    made = table(*found)
    for row in csv.reader(io.StringIO(texts.csv_of(made))):
        for written in row:
            assert not written.lstrip().startswith(
                ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
            )
    latex = texts.latex_of(made)
    assert not _CONTROLS.search(latex)
    bare = re.sub(r"\\[{}$&#%_]", "", latex)
    assert bare.count("{") == bare.count("}")
    commands = set(re.findall(r"\\([a-zA-Z]+)", latex))
    assert not commands & {"input", "include", "write", "openin", "def", "catcode", "csname", "immediate"}
    assert "^^" not in latex
    assert not re.search(r"(?<!\\)[$#]", latex)
    shown = replace(REPORT, workspace=found[0])
    markdown = texts.markdown_of(shown, [made], list(found))
    assert not re.search(r"(?<!\\)[<`]", markdown)
    assert not re.search(r"(?<!\\)\]\(", markdown)
    assert not _CONTROLS.search(markdown)


@fuzz
@given(cell=st.sampled_from(["=1", "+1", "-1", "@a", " =1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]))
def test_no_cell_is_a_formula(cell: str) -> None:
    made = ReportTable("t", "t", "n", (cell,), frozenset(), ((ReportCell(cell, cell),),))
    for (written,) in csv.reader(io.StringIO(texts.csv_of(made))):
        assert written == f"'{cell}"


@fuzz
@given(
    name=hostile.filled_texts,
    prompt=hostile.texts,
    model=hostile.filled_texts,
    extra=st.dictionaries(hostile.plain_texts, hostile.values, max_size=3),
)
def test_the_model_card(name: str, prompt: str, model: str, extra: dict[str, Any]) -> None:
    settings = made_settings.sft(
        student=made_settings.student(model, prompt), student_name=name, recipe=f"direct/{name}"
    )
    training = msgspec.structs.replace(settings.training, extra=extra)
    settings = msgspec.structs.replace(settings, training=training)
    with TemporaryDirectory() as folder:
        model_card.write(Path(folder), settings, RESULT)
        text = (Path(folder) / "README.md").read_bytes().decode()
    assert not _CONTROLS.search(text)
    _, front, body = text.split("---\n", 2)
    found = msgspec.yaml.decode(front)
    assert set(found) <= {"base_model", "library_name", "pipeline_tag", "tags"}
    assert found["tags"] == ["lora", "trl", "sft"]
    # Outside of code spans and blocks there is no markup of theirs.
    outside = _without_code(body)
    assert not re.search(r"(?<!\\)<", outside), outside
    assert re.findall(r"(?<!\\)\]\((.*?)\)", outside) == ["https://github.com/huggingface/trl"]
    assert len(re.findall("(?m)^# ", outside)) == 1


@fuzz
@given(name=hostile.filled_texts, data_file=hostile.filled_texts)
def test_a_published_card(name: str, data_file: str) -> None:
    from huggingface_hub import ModelCard

    rate = WinRate(
        a=name,
        b="small/direct/x/sft",
        judge=name,
        n=9,
        wins_a=4,
        wins_b=5,
        ties=0,
        invalid=0,
        win_rate_b=0.5,
        ci_low=0.4,
        ci_high=0.6,
        interval=name,
        label=name,
        job="job",
        state="done",
    )
    rates = results.of_run([rate], "small/direct/x/sft")
    definition = Definition(name=name, adjective=name, text="")
    described = DataDescription(data_file, "0" * 64, 9, 9, (name,), (name,), definition=definition)
    limits = sections.limits_section(described, [name])
    parts = sections.data_section(described), sections.results_section(rates), limits
    found = results.eval_results(rates, name, data_file, "0" * 64)
    publication = model_card.Publication(name, None, False, {}, found, "", "\n\n".join(parts))
    text = model_card.text(made_settings.sft(), RESULT, publication)
    assert not _CONTROLS.search(text)
    card = ModelCard(text)
    assert card.data.eval_results[0].metric_value == 0.5
    body = _without_code(text.split("---\n", 2)[2])
    assert not re.search(r"(?<!\\)<", body), body
    assert re.findall(r"(?<!\\)\]\((.*?)\)", body) == ["https://github.com/huggingface/trl"]
    assert len(re.findall("(?m)^# ", body)) == 1


def _without_code(body: str) -> str:
    outside = re.sub(r"(?ms)^(`{3,})[^\n]*\n.*?^\1$", "", body)
    return re.sub(r"(?s)(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)


@fuzz
@given(found=hostile.filled_texts)
def test_a_table_on_a_terminal(found: str) -> None:
    console = Console(force_terminal=True, color_system="truecolor", width=200)
    with console.capture() as capture:
        shown = make_table("name")
        shown.add_row(cell(found))
        console.print(shown)
        print_fields(console, ("name", found))
        print_line(console, found)
    # Only what Rich itself writes: colours, and none of the texts' own.
    assert not re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f]", capture.get())
    assert not re.search("\x1b(?!\\[[0-9;]*m)", capture.get())


@fuzz
@given(name=hostile.texts)
def test_no_name_is_a_path(name: str) -> None:
    """Names are plain in config.toml; a state.db from somebody else may hold any."""
    found = file_name(f"ranking-{name}.svg")
    assert PurePath(found).name == found
    assert re.fullmatch(r"[\w.-]+", found, re.ASCII)
