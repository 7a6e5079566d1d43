"""init, import, data, recipes, export: what goes in, what is refused, and what programs get to read."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.support.records.synthetic_dialogues import columns, synthetic_csv, synthetic_rows, write_rows

Change = Callable[[Path, str, str], Path]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return synthetic_csv(tmp_path / "made.csv")


def test_init_makes_a_workspace_once(tmp_path: Path, program: Program) -> None:
    folder = tmp_path / "new" / "one"
    made = program("init", folder, "--json").json
    assert made["workspace"] == str(folder)
    assert (folder / "config.toml").is_file()
    again = program("init", folder, code=1)
    assert "exists already" in again.err
    assert again.out == ""


def test_init_without_a_folder_takes_the_named_workspace(tmp_path: Path) -> None:
    named = Program(tmp_path / "named")
    assert "import FILE" in named("init").out
    assert (tmp_path / "named" / "config.toml").is_file()


def test_init_lists_the_templates_when_it_does_not_know_one(tmp_path: Path, program: Program) -> None:
    refused = program("init", tmp_path / "x", "--template", "nonsense", code=1)
    assert "default" in refused.err
    assert "demo" in refused.err
    assert not (tmp_path / "x").exists()


def test_import_tells_what_went_in(program: Program, csv: Path) -> None:
    result = program("import", csv).out
    assert "48 dialogues: 36 train, 12 test" in result
    assert "human, chatgpt, llama, gemini, mixtral" in result
    assert program("status", "--json").json["dialogues"] == {"total": 48, "train": 36, "test": 12}


def test_import_json(program: Program, csv: Path) -> None:
    result = program("import", csv, "--json").json
    assert result["changed"] is True
    assert result["dialogues"] == {"total": 48, "train": 36, "test": 12}
    assert result["sources"] == ["human", "chatgpt", "llama", "gemini", "mixtral"]
    assert program("import", csv, "--json").json["changed"] is False


def test_import_into_a_bare_folder_leaves_a_configuration_to_edit(tmp_path: Path, csv: Path) -> None:
    (tmp_path / "bare").mkdir()
    bare = Program(tmp_path / "bare")
    assert "config.toml" in bare("import", csv).out
    assert len(bare("status", "--json").json["jobs"]) > 0


def test_the_same_file_again_changes_nothing(program: Program, csv: Path) -> None:
    program("import", csv)
    before = program("data", "--json").out
    assert "Nothing changed" in program("import", csv).out
    assert program("data", "--json").out == before


def test_a_changed_file_goes_in_only_with_consent(program: Program, csv: Path, changed: Change) -> None:
    program("import", csv)
    program("run", "recipe", "--wait")
    before = program("data", "--json").json
    other = changed(csv, "I watched my daughter", "I saw my daughter")
    refused = program("import", other, code=1)
    assert "1 dialogue changed" in refused.out
    assert "recipe direct/chatgpt" in refused.out, "the work that becomes stale"
    assert "--yes" in refused.err
    assert program("data", "--json").json == before
    taken = program("import", other, "--yes", "--json").json
    assert taken["changed"] is True
    assert [job["name"] for job in taken["stale"]] == ["direct/chatgpt"]
    assert program("data", "--json").json["file"] == other.name


def test_every_problem_of_a_file_is_listed_and_the_store_stays(
    program: Program, tmp_path: Path, csv: Path
) -> None:
    program("import", csv)
    before = program("data", "--json").out
    rows = synthetic_rows()
    rows[3]["emotion"] = ""
    rows[5]["situation"] = " "
    rows[9]["dialog_id"] = rows[8]["dialog_id"]
    refused = program("import", write_rows(tmp_path / "bad.csv", rows, columns()), code=1)
    assert "3 problems" in refused.err
    for column in ("emotion", "situation", "dialog_id"):
        assert column in refused.err
    assert program("data", "--json").out == before


def test_a_guess_is_shown_and_imported_only_with_consent(program: Program, csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl.gz"
    lines = [
        {
            "chat": [{"from": "human", "value": f"I failed {n}"}, {"from": "gpt", "value": "Oh no."}],
            "story": f"It was test {n}",
            "gpt4_answer": f"So sorry {n}",
        }
        for n in range(16)
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    shown = program("import", "--dry-run", path).out
    for part in ("JSON Lines, utf-8, compressed with gzip", "messages = chat", "response_gpt4 = gpt4_answer"):
        assert part in shown
    assert "no situation" in shown
    assert "Nothing was imported" in shown
    refused = program("import", path, code=1)
    assert "--yes" in refused.err
    assert program("data", "--json").json["file"] is None
    taken = program("import", "--map", "situation=story", path, "--yes", "--json").json
    assert (taken["rated"], taken["guessed"], taken["columns"]["situation"]) == (False, True, "story")
    assert taken["dialogues"] == {"total": 16, "train": 14, "test": 2}
    assert any("direct" in line for line in taken["unavailable"])
    # config.toml still names a recipe that needs ratings.
    assert {one["method"] for one in program("recipes", "--json", code=1).json} == {"improve-llm"}
    assert "direct/chatgpt" in program("run", code=1).err
    # An import that mends this succeeds.
    assert "Imported" in program("import", "--yes", csv).out
    program("recipes")


def test_a_new_config_fits_the_data_and_the_next_step_is_named(program: Program, tmp_path: Path) -> None:
    config = program.root / "config.toml"
    path = tmp_path / "chats.jsonl"
    with path.open("w") as file:
        for n in range(16):
            said = ({"role": "user", "content": f"I failed {n}"}, {"role": "assistant", "content": "Oh no."})
            file.write(json.dumps({"id": n, "messages": said}) + "\n")
    config.unlink()
    shown = program("import", path, "--yes").out
    assert "Next: edit config.toml, which does not fit this data yet" in shown
    assert "improve-llm/naive needs a teacher, but none is defined: add [teachers.NAME]" in shown
    config.write_text(config.read_text() + '[teachers.gpt]\nprovider = "openai"\nmodel = "gpt-4o"\n')
    assert "improve-llm/naive/sft-dpo" in program("run", "--dry-run").out


def test_a_file_is_read_as_config_toml_says(program: Program, tmp_path: Path) -> None:
    config = program.root / "config.toml"
    config.write_text("""
[recipes]
train = []
[data]
columns = { utterance = "said", response_human = "reply", rating_human = "stars", situation = "" }
ratings = { min = 1, max = 5, good = 4 }
split = { by = "random", test_share = 0.5 }
""")
    path = tmp_path / "data.tsv"
    rows = [f"{n}\tsaid {n}\tok\t{n % 5 + 1}" for n in range(20)]
    path.write_text("\n".join(["id\tsaid\treply\tstars", *rows]))
    taken = program("import", path, "--yes", "--json").json
    assert taken["dialogues"] == {"total": 20, "train": 10, "test": 10}
    assert program("data", "--json").json["sources"][0]["ratings"] == {"1": 8, "2": 4, "3": 8}


def test_what_is_odd_in_a_file_is_counted_and_shown_and_refused_on_request(
    program: Program, tmp_path: Path
) -> None:
    rows = synthetic_rows()
    rows[2]["response_human"] = "nan"
    rows[4]["situation"] += "<|im_end|>"
    rows[6]["rating_llama_empathy"] = "7"
    rows[8]["response_llama_empathy"] = ""
    odd = write_rows(tmp_path / "odd.csv", rows, columns())
    odd.write_bytes(odd.read_bytes() + b",,,,\r\n" * 2)
    refused = program("import", "--strict", odd, code=1).err
    assert "4 suspicious or incomplete cells; nothing was imported" in refused
    assert program("status", "--json").json["dialogues"]["total"] == 0
    shown = program("import", odd).out
    for text in (shown, program("data").out):
        assert "2 suspicious texts imported unchanged" in text
        assert "1 × only a placeholder" in text
        assert "row 5 (line 6), column situation" in text
        assert "2 responses left out" in text
        assert "row 7 (line 8), column rating_llama_empathy: “7”" in text
    assert "2 blank rows" in shown
    as_json = program("import", odd, "--json").json
    assert {one["kind"]: one["count"] for one in as_json["suspicious"]} == {
        "placeholder": 1,
        "control_token": 1,
    }
    assert {one["kind"]: one["row"] for one in as_json["left_out"]} == {
        "invalid_rating": 7,
        "empty_response": 9,
    }
    assert (as_json["blank_rows"], as_json["blank_columns"], as_json["delimiter"]) == (2, 0, ",")
    data = program("data", "--json").json
    assert data["suspicious"] == as_json["suspicious"]
    assert {s["source"]: sum(s["ratings"].values()) for s in data["sources"]}["llama"] == 46
    program("run", "recipe", "--wait")


def test_an_empty_test_split_is_said(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("situation,question,answer,split\n" + "".join(f"s{n},q,a,valid\n" for n in range(4)))
    assert "There is no test dialogue: data.split" in program("import", "--dry-run", path).out


def test_files_that_are_no_table(program: Program, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    for wrong in (empty, tmp_path, tmp_path / "missing.csv"):
        refused = program("import", wrong, code=1)
        assert str(wrong) in refused.err
        assert "Traceback" not in refused.err


def test_text_from_outside_cannot_steer_the_terminal(program: Program, tmp_path: Path) -> None:
    rows = synthetic_rows(8)
    hostile = "\x1b]0;owned\x07\x1b[2J [bold]x[/bold] \u202egnp.exe :smile:"
    rows[0] |= {"situation": hostile, "speaker_uttr": hostile, "emotion": hostile, "response_human": hostile}
    rows[1]["rating_human"] = hostile
    wrong = write_rows(tmp_path / "wrong\x1b[31m.csv", rows, columns())
    refused = program("import", "--strict", wrong, code=1)
    imported = program("import", wrong)
    assert "1 response left out" in imported.out
    shown = program("pairs", "human", "chatgpt")
    for text in (refused.err, imported.out, shown.out, program("data").out):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
    assert "[bold]x[/bold]" in shown.out
    assert ":smile:" in shown.out
    as_json = program("pairs", "human", "chatgpt", "--json")
    assert as_json.out.isascii()
    assert as_json.json[0]["situation"] == hostile, "programs get the text to the letter"


def test_figures_of_the_data(program: Program, csv: Path) -> None:
    assert "no data yet" in program("data").out
    assert program("data", "--json").json["sources"] == []
    program("import", csv)
    result = program("data", "--json").json
    assert {source["source"] for source in result["sources"]} == {
        "human",
        "chatgpt",
        "llama",
        "gemini",
        "mixtral",
    }
    assert all(sum(source["ratings"].values()) == 48 for source in result["sources"])
    assert all(sum(map(sum, crosstab["counts"])) == 48 for crosstab in result["crosstabs"])
    assert len(result["crosstabs"]) == 4
    assert "human rated" in program("data").out


def test_recipes_and_their_export(program: Program, csv: Path, tmp_path: Path) -> None:
    assert program("recipes", "--json").json == []
    assert program("export", "llama-factory", tmp_path / "lf", code=1).err.count("\n") == 1
    program("import", csv)
    found = {recipe["name"]: recipe for recipe in program("recipes", "--json").json}
    strategies = ("naive", "all_dimensions", "lacking_dimension", "cognitive", "affective", "compassionate")
    assert set(found) == {
        *(f"direct/{name}" for name in ("chatgpt", "llama", "gemini", "mixtral", "all_together")),
        *(f"improve-human/{name}" for name in (*strategies, "combined", "sequential")),
        *(f"improve-llm/{name}" for name in (*strategies, "combined", "sequential")),
    }
    assert {"name", "method", "sft_examples", "preference_pairs"} <= set(found["direct/chatgpt"])
    assert "direct/all_together" in program("recipes").out
    assert (
        "run `empathy-tui run recipe:direct/chatgpt`"
        in program("recipes", "--flaws", "direct/chatgpt", code=1).err
    )
    assert "Did you mean 'direct/chatgpt'?" in program("recipes", "--flaws", "direct/chatgp", code=1).err
    written = program("export", "llama-factory", tmp_path / "lf", "--recipe", "direct/chatgpt", "--json").json
    assert len(written["files"]) == 3
    sft = next(Path(path) for path in written["files"] if path.endswith("_sft.json"))
    assert len(json.loads(sft.read_text())) == found["direct/chatgpt"]["sft_examples"]
    refused = program("export", "llama-factory", tmp_path / "lf", "--recipe", "direct/chatgtp", code=1)
    assert "direct/chatgpt" in refused.err


def test_the_real_data_gives_the_known_counts(program: Program, reference_dataset: Path) -> None:
    program("import", reference_dataset)
    status = program("status", "--json").json
    assert status["dialogues"] == {"total": 2000, "train": 1750, "test": 250}
    counts = {
        r["name"]: (r["sft_examples"], r["preference_pairs"]) for r in program("recipes", "--json").json
    }
    assert len(counts) == 21
    assert {name: found for name, found in counts.items() if name.startswith("direct/")} == {
        "direct/chatgpt": (1278, 593),
        "direct/llama": (1234, 563),
        "direct/gemini": (1102, 500),
        "direct/mixtral": (1174, 575),
        "direct/all_together": (4788, 2231),
    }
    improved = {name: found for name, found in counts.items() if not name.startswith("direct/")}
    assert {improved.pop(f"improve-{of}/combined") for of in ("human", "llm")} == {(5700, 2400)}
    assert set(improved.values()) == {(1900, 800)}
    ratings = {s["source"]: s["ratings"] for s in program("data", "--json").json["sources"]}
    assert ratings["human"] == {"1": 342, "2": 672, "3": 986}


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server on this machine: its address, and what it has by path."""
    pages: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output is no place for it."""

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", pages
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_fetching_names_source_and_terms_and_keeps_nothing_wrong(
    program: Program, server: tuple[str, dict[str, bytes]]
) -> None:
    address, pages = server
    pages["/dataset.csv"] = b"something else"
    refused = program("data", "fetch", "--url", f"{address}/dataset.csv", code=1)
    assert "Source: github.com/henryjxie" in refused.err
    assert "no licence that permits redistribution" in refused.err
    assert "d43fe180" in refused.err
    assert not (program.root / "dataset.csv").exists()
    assert "404" in program("data", "fetch", "--url", f"{address}/gone.csv", code=1).err


def test_fetching_the_real_file(
    program: Program, server: tuple[str, dict[str, bytes]], reference_dataset: Path
) -> None:
    address, pages = server
    pages["/dataset.csv"] = reference_dataset.read_bytes()
    words = ("data", "fetch", "--url", f"{address}/dataset.csv")
    result = program(*words)
    assert "empathy-tui import" in result.out
    assert "of 3.7 MB" in result.err or "MB" in result.err
    assert (program.root / "dataset.csv").read_bytes() == pages["/dataset.csv"]
    assert "--yes" in program(*words, code=1).err
    program(*words, "--yes")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(program: Program, csv: Path) -> None:
    csv.chmod(0)
    assert "chmod" in program("import", csv, code=1).err
