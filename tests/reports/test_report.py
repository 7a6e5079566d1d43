"""Reports: what they say, in every format, of metrics and hostile texts."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.evaluation.comparisons import PairedTest
from core.domain.evaluation.win_rates import WinRate
from core.reports.gather import Report
from core.reports.tables import comparison_tables
from core.reports.write import CONTENTS, write_report
from core.services.workspace import open_workspace
from tests.support.workspaces.finished_workspace import RUN, make
from tests.web.browser import events, open_browser, requests

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return make(tmp_path_factory.mktemp("judged") / "study")


@pytest.fixture(scope="module")
def written(workspace: WorkspacePaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "report"
    with open_workspace(workspace) as opened:
        write_report(opened, folder)
    return folder


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / f"{table}.csv").read_text())))


def test_every_metric_is_there_in_full(workspace: WorkspacePaths, written: Path) -> None:
    with open_workspace(workspace) as opened:
        rates = opened.evaluation.win_rates()
        ranking = {one.judge: one for one in opened.evaluation.rankings()}
        (human,) = opened.evaluation.human_win_rates()
    found = rows(written, "comparisons")
    assert [(row["judge"], row["A"], row["B"]) for row in found] == [(r.judge, r.a, r.b) for r in rates]
    for row, rate in zip(found, rates, strict=True):
        assert float(row["win rate of B"]) == rate.win_rate_b
        assert int(row["n"]) == rate.n
        assert row["fingerprint"] == rate.fingerprint[:10]
        assert row["log-probability win rate of B"] == "", "what is not known is empty"
        assert row["design"] in ("both orders", "the baseline first")
    for judge, one in ranking.items():
        result = rows(written, f"ranking-{judge}")
        assert [row["responder"] for row in result] == [entry.responder for entry in one.entries]
    (votes,) = rows(written, "human_votes")
    assert float(votes["win rate of B"]) == human.win_rate_b
    parts = [row for row in rows(written, "human_votes_breakdown") if row["by"] == "emotion"]
    assert sum(int(row["dialogues"]) for row in parts) == human.dialogues
    assert votes["drawn"] == ("by uncertainty, weighted" if human.weighted else "uniformly")
    by_people = rows(written, "prediction_powered")
    assert {frozenset((row["A"], row["B"])) for row in by_people} == {frozenset((human.a, human.b))}
    assert {row["voted"] for row in by_people} == {str(human.dialogues)}
    assert rows(written, "breakdown")
    assert rows(written, "paired_tests")
    assert {row["kind"] for row in rows(written, "agreements")} == {"judges", "voters", "voter and judge"}


def test_the_papers_table(workspace: WorkspacePaths, written: Path) -> None:
    """A recipe a row, a student's stage a column, the best of each in bold."""
    found = rows(written, "win_rates-gpt")
    assert [(row["method"], row["strategy or source"]) for row in found] == [
        ("direct", "chatgpt"),
        ("direct", "llama"),
    ]
    with open_workspace(workspace) as opened:
        rates = {(r.a, r.b): r for r in opened.evaluation.win_rates() if r.judge == "gpt"}
    assert float(found[0]["small sft"]) == rates["small", f"{RUN}/sft"].win_rate_b
    assert float(found[0]["small sft-dpo"]) == rates["small", f"{RUN}/sft-dpo"].win_rate_b
    tex = (written / "win_rates-gpt.tex").read_text()
    assert r"\textbf{" not in tex, "the largest is not the best whatever its interval"
    for words in ("A tie is half a win", "identical texts are ties", "invalid and left out"):
        assert words in tex
    body = tex[tex.index(r"\midrule") : tex.index(r"\bottomrule")]
    assert [line.count("&") for line in body.splitlines() if "&" in line] == [3, 3]
    assert (rates["small", f"{RUN}/sft"].label or "") in tex.replace(r"\_", "_")


def test_the_table_of_comparisons_is_that_of_a_paper(written: Path) -> None:
    tex = (written / "comparisons.tex").read_text()
    head = tex[tex.index(r"\toprule") : tex.index(r"\midrule")].splitlines()[1]
    assert [title.strip(" \\") for title in head.split("&")] == [
        *(
            "judge",
            "baseline",
            "responder",
            "n",
            "win rate",
            "by people",
            "length-controlled",
            "ties",
            "invalid",
            "p (Holm)",
        )
    ]
    caption = tex[: tex.index(r"\begin{tabular}")]
    for words in (
        *("A tie is half a win", "identical texts are ties without a verdict", "are invalid and left out"),
        *("Holm's correction over all", "comparisons of the same judge", "Judge gpt;", "exact sign test"),
    ):
        assert words in caption
    full = rows(written, "comparisons")[0]
    assert {"flip rate", "min win rate of B", "bounds low", "LC overlap", "prefers longer"} < full.keys()
    breakdown = (written / "breakdown.tex").read_text()
    assert f"{len(rows(written, 'breakdown'))} cells" in breakdown
    assert "Nothing is corrected for the number of cells" in breakdown


def test_bold_is_what_is_better_than_all_others() -> None:
    def rate(b: str, win_rate: float) -> WinRate:
        return WinRate(
            a="base",
            b=b,
            judge="gpt",
            n=250,
            wins_a=90,
            wins_b=160,
            ties=0,
            invalid=0,
            win_rate_b=win_rate,
            ci_low=win_rate - 0.06,
            ci_high=win_rate + 0.06,
            interval=None,
            label=None,
            job="compare-1",
            state="done",
        )

    def test(a: str, b: str, p: float) -> PairedTest:
        return PairedTest("gpt", "base", a, b, 250, 0, 60, 100, 0.16, 0.1, 0.2, p, p)

    def best(*tests: PairedTest) -> WinRate | None:
        report = SimpleNamespace(tests=tests)
        return comparison_tables.best(rates, cast(Report, report))

    rates = [rate("one", 0.6), rate("two", 0.76), rate("three", 0.7)]
    assert best(test("one", "two", 0.01), test("three", "two", 0.04)) is rates[1]
    assert best(test("one", "two", 0.01), test("three", "two", 0.06)) is None
    assert best(test("one", "two", 0.01)) is None


def test_what_a_reader_must_know_is_said(written: Path) -> None:
    for name in ("report.html", "report.md"):
        text = (written / name).read_text()
        assert "are invalid and left out; with them the win rate of B would be between" in text
        assert not re.search(r"B wins \d", text)
        assert "have words that may be meant for the judge" in text


def test_no_text_from_outside_gets_through_as_code(written: Path) -> None:
    page = (written / "report.html").read_text()

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.scripts = 0
            self.bad: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.scripts += tag == "script"
            self.bad += [name for name, _ in attrs if name.startswith("on") or name == "style"]
            self.bad += [
                value or ""
                for name, value in attrs
                if name in ("src", "href") and not (value or "").startswith(("#", "data:"))
            ]
            if tag in ("img", "i", "iframe", "object", "form"):
                self.bad.append(tag)

    tags = Tags()
    tags.feed(page)
    assert tags.scripts == 1
    assert tags.bad == []
    assert "http://" not in re.sub(r'xmlns[:\w]*="[^"]*"', "", page).replace("http://evil.example", "")
    for path in written.iterdir():
        if path.suffix in (".html", ".md", ".tex", ".csv", ".svg"):
            text = path.read_text()
            assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", text.replace("\r", "")), path.name
    for path in written.glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text())):
            for cell in row:
                assert not cell.startswith(("=", "+", "@", "\t")), path.name
                assert not cell.startswith("-") or float(cell) < 0
    for path in written.glob("*.tex"):
        text = path.read_text()
        bare = re.sub(r"\\[{}$&#%_]", "", text)
        assert bare.count("{") == bare.count("}")
        assert r"\input{" not in text
        assert not re.search(r"(?<!\\)\$", text)
    markdown = (written / "report.md").read_text()
    assert "<script>" not in markdown
    assert "](javascript" not in markdown
    for path in written.glob("*.svg"):
        tree = ElementTree.parse(path)
        assert not [node for node in tree.iter() if node.tag.endswith("script")]


def test_the_same_report_is_the_same_bytes(workspace: WorkspacePaths, written: Path, tmp_path: Path) -> None:
    """In another process, with other hashes."""
    code = [
        sys.executable,
        "-m",
        "tui",
        "--workspace",
        str(workspace.root),
        "report",
        str(tmp_path / "again"),
    ]
    env = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    subprocess.run(code, check=True, env=env, capture_output=True)
    one = {path.name: path.read_bytes() for path in written.iterdir()}
    other = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_figures_name_what_stands_behind_them(written: Path) -> None:
    page = (written / "report.html").read_text()
    for name in ("win_rates-gpt", "ranking-gpt", "emotions-gpt", "bias", "training-sft", "training-sft-dpo"):
        assert (written / f"{name}.svg").exists()
        assert (written / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    assert len(captions) == 2 * 3 + 3
    assert all("fingerprint" in caption for caption in captions)
    assert all("n = 40 dialogues" in caption for caption in captions if "Judge" in caption)


def test_unfinished_work_is_named(tmp_path: Path) -> None:
    with open_workspace(make(tmp_path / "half", finished=False)) as workspace:
        write_report(workspace, tmp_path / "report", "paper")
    assert "are not finished" in (tmp_path / "report" / "report.md").read_text()
    states = [row["state"] for row in rows(tmp_path / "report", "comparisons")]
    assert set(states) == {"done", "waiting"}


def test_one_judge_takes_the_place_of_all(workspace: WorkspacePaths, written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    shutil.copytree(written, folder)
    with open_workspace(workspace) as opened:
        with pytest.raises(UserError, match=r"no judge is named 'nobody'\. There are: gpt, paper"):
            write_report(opened, folder, "nobody")
        assert {path.name for path in folder.iterdir()} == {path.name for path in written.iterdir()}
        write_report(opened, folder, "paper")
    assert {row["judge"] for row in rows(folder, "comparisons")} == {"paper"}
    left = {path.name for path in folder.iterdir()}
    assert not any("gpt" in name for name in left)
    assert left == {*json.loads((folder / CONTENTS).read_text()), CONTENTS}


def test_a_folder_of_others_is_left_alone(workspace: WorkspacePaths, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with open_workspace(workspace) as opened:
        with pytest.raises(UserError, match=r"contains 'thesis\.tex', which is not part of a report"):
            write_report(opened, folder)
        with pytest.raises(UserError, match="is a file"):
            write_report(opened, folder / "thesis.tex")
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    "form", ["../../thesis.tex", "{}/thesis.tex", "sub/../../thesis.tex", "..", "a/b.csv"]
)
def test_a_contents_file_names_nothing_elsewhere(
    workspace: WorkspacePaths, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "given" / "report"
    folder.mkdir(parents=True)
    (tmp_path / "thesis.tex").write_text("years of work")
    (folder / CONTENTS).write_text(json.dumps(["report.md", form.format(tmp_path)]))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with open_workspace(workspace) as opened, pytest.raises(UserError, match="which is not in the folder"):
        write_report(opened, folder)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_links_in_the_folder_are_replaced_not_followed(workspace: WorkspacePaths, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    for name in ("report.html", "old.csv"):
        (folder / name).symlink_to(thesis)
    (folder / CONTENTS).write_text(json.dumps(["report.html", "old.csv"]))
    with open_workspace(workspace) as opened:
        write_report(opened, folder, "paper")
    assert thesis.read_text() == "years of work"
    assert not (folder / "report.html").is_symlink()
    assert not (folder / "old.csv").exists()


def test_nothing_to_report(tmp_path: Path) -> None:
    with (
        open_workspace(WorkspacePaths(tmp_path)) as workspace,
        pytest.raises(UserError, match="no comparison to report"),
    ):
        write_report(workspace, tmp_path / "report")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def test_the_page_in_a_browser(browser: WebDriver, written: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    address = (written / "report.html").as_uri()
    browser.get(address)
    assert browser.get_log("browser") == []
    assert browser.title == "Report on study"
    assert [url for url in requests(events(browser)) if url != address] == []
    # No text became an element, and no plot lost its drawing.
    assert browser.find_elements(By.CSS_SELECTOR, "article img, article i, td i") == []
    plots = browser.find_elements(By.CSS_SELECTOR, ".plot svg")
    assert len(plots) == 9
    assert all(plot.size["height"] > 100 for plot in plots)

    heads = browser.find_elements(By.CSS_SELECTOR, "#table-3 th")
    column = [head.text for head in heads].index("win rate")

    def shown() -> list[float]:
        cells = browser.find_elements(By.CSS_SELECTOR, f"#table-3 tbody td:nth-child({column + 1})")
        return [float(cell.text.split()[0]) for cell in cells]

    before = shown()
    assert len(before) > 2
    button = heads[column].find_element(By.TAG_NAME, "button")
    browser.execute_script("arguments[0].click()", button)
    assert shown() == sorted(before)
    assert heads[column].get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.ENTER)
    assert shown() == sorted(before, reverse=True)
    assert heads[column].get_attribute("aria-sort") == "descending"
    assert browser.get_log("browser") == []
