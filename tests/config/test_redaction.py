"""Keys are refused where they are written by mistake, and redacted where others write them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from core.config import redaction
from core.config.load import parse_config
from core.config.redaction import without_secrets
from core.domain.errors import UserError
from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import Answer, BatchRecord, Failed, Record, ResponseRecord, Started

SHAPED = [
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "gsk_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijklmnop_qrstuvwxyz",
    "glpat-abcdefghij_0123456789",
    "nvapi-abcdefghijklmnopqrstuvwxyz-0123456789",
    "pplx-abcdefghijklmnopqrstuvwxyz0123456789",
    "AKIAABCDEFGHIJKLMNOP",
    "ASIAABCDEFGHIJKLMNOP",
    "a1b2c3d4e5f6" * 4 + "g7h8JQQJ99BAACYeBjFXJ3w3AAABACOGabcd",
    "Bearer abcdefghij.0123456789-_ABCDEF",
]
TEACHER = '[teachers.gpt]\nprovider = "openai"\nmodel = "gpt-4o"\n'


@pytest.mark.parametrize("key", SHAPED)
def test_what_is_shaped_like_a_key_is_redacted(key: str) -> None:
    assert without_secrets(f"Incorrect key: {key}.") == "Incorrect key: [key]."


def test_usual_texts_are_left() -> None:
    usual = (
        "a bearer of bad news, Bearer YOUR-OWN-API-KEY-GOES-HERE, "
        "sk-learn, hf_hub, task-1234567890abcdefghijklmnopqrst, " + "0a1b" * 16
    )
    assert without_secrets(usual) == usual


@pytest.mark.parametrize(
    "key", [*SHAPED, "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5"]
)
def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_config(f'{TEACHER}api_key_env = "{key}"\n')
    assert key not in str(caught.value)
    assert "key" in str(caught.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_KEY_2", "TEAM2024_OPENAI_PRODUCTION_KEY", "KEY"])
def test_variables_are_taken(name: str) -> None:
    assert parse_config(f'{TEACHER}api_key_env = "{name}"\n').teachers["gpt"].api_key_env == name


def test_a_known_key_anywhere_in_the_configuration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "unshaped+but-known")
    with pytest.raises(UserError, match="contains the value of MY_API_KEY: remove it"):
        parse_config(f'{TEACHER}extra_body = {{ user = "unshaped+but-known" }}\n')


@pytest.mark.parametrize(
    "value",
    [rf"\u00{ord(SHAPED[0][0]):x}{SHAPED[0][1:]}", r"\u0075nshaped+but-known", "unshaped+but\\\n  -known"],
)
def test_a_key_behind_escapes_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MY_API_KEY", "unshaped+but-known")
    with pytest.raises(UserError, match="remove it; keys are read from environment variables"):
        parse_config(f'{TEACHER}extra_body = {{ user = """{value}""" }}\n')


def test_a_secret_for_the_nodes_of_a_cluster_is_refused() -> None:
    engine = '[engines.far]\ntype = "slurm"\n[engines.far.env]\n'
    with pytest.raises(UserError, match=r"line 4: engines\.far\.env\.MY_API_KEY: is a secret") as caught:
        parse_config(f'{engine}MY_API_KEY = "unshaped+unknown"\n')
    assert "unshaped" not in str(caught.value)
    usual = {"TOKENIZERS_PARALLELISM": "false", "HF_TOKEN_PATH": "/shared/token", "HF_HOME": "/shared/hub"}
    lines = "".join(f'{name} = "{value}"\n' for name, value in usual.items())
    assert parse_config(engine + lines).engines["far"].env == usual


def test_a_journal_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "unshaped+but-known")
    monkeypatch.setattr(redaction, "_used", {})
    written = Journal(tmp_path)
    # A key is read when a client is made.
    redaction.remember('"an\\ödd-key"', "CREDENTIAL")
    said = f'you sent unshaped+but-known and "an\\ödd-key" and {SHAPED[0]}'
    written.write(Answer("t", "k", 1, "d1", "ok", said, raw=said), Failed(said))
    content = (tmp_path / journal.NAME).read_text()
    for key in ("unshaped+but-known", "dd-key", SHAPED[0]):
        assert key not in content
    (first, _), (second, _) = journal.read(tmp_path)
    assert isinstance(first.record, Answer)
    assert first.record.text == "you sent [MY_API_KEY] and [CREDENTIAL] and [key]"
    assert second.record == Failed(first.record.text)


@pytest.mark.parametrize("secret", ["response", "finished", "12345678", "dialog_id", "completed", '{"type":'])
def test_a_secret_that_is_a_common_word_damages_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """The names and numbers of records are no secrets; `DB_PASSWORD=response` ended every job."""
    monkeypatch.setenv("DB_PASSWORD", secret)
    written: list[Record] = [
        Started(12345678, "host", spec=msgspec.Raw(b'{"response": "finished"}')),
        ResponseRecord("d1", f"a {secret} b", "stop"),
        BatchRecord("t", "completed", completed=12345678),
    ]
    Journal(tmp_path).write(*written)
    found = [entry.record for entry, _ in journal.read(tmp_path)]
    assert found == [written[0], ResponseRecord("d1", "a [DB_PASSWORD] b", "stop"), written[2]]
