"""Any votes, and any URL where one is expected: they are taken, or refused in a sentence."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.load import load_config
from core.config.schema import Teacher
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.evaluation.votes import Vote
from core.judging import voting
from core.network import clients, environment, failures
from core.pipeline.supervision import history
from core.pipeline.supervision.history import Voted
from core.store import connections
from core.store.evaluation import votes
from core.store.intents import CastVote, Intent, WithdrawVote
from core.teachers import clients as teachers
from core.teachers.http import endpoint, rejections
from tests.fuzz import hostile
from tests.fuzz.hostile import fuzz
from tui.web import address

_TEXTS_A, _TEXTS_B = {"1": "Oh.", "2": "I see."}, {"1": "Yes.", "2": "Go on."}
_DIGESTS = tuple(map(voting.digest, (*_TEXTS_A.values(), *_TEXTS_B.values())))

#: What an intent or a line of history.jsonl may say of a vote: mostly right, with some fields of any kind.
said_votes = st.builds(
    lambda right, odd: right | odd,
    st.fixed_dictionaries(
        {
            "voter": hostile.texts,
            "dialog_id": st.sampled_from(["1", "2"]) | hostile.texts,
            "digest_a": st.sampled_from(_DIGESTS) | hostile.texts,
            "digest_b": st.sampled_from(_DIGESTS) | hostile.texts,
            "a": st.sampled_from(["a", "b"]),
            "b": st.sampled_from(["a", "b"]) | hostile.texts,
            "ordering": st.sampled_from(["ab", "ba"]),
            "choice": st.sampled_from(["a", "b", "tie", "skip"]),
            "at": hostile.numbers,
            "probability": st.none() | hostile.numbers | st.floats(0, 1),
            "among": st.none() | hostile.numbers | st.integers(1, 9),
        }
    ),
    st.dictionaries(st.sampled_from(["voter", "choice", "at", "x"]), hostile.values, max_size=1),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return WorkspacePaths(tmp_path_factory.mktemp("votes"))


@pytest.fixture(scope="module")
def store(workspace: WorkspacePaths) -> Iterator[sqlite3.Connection]:
    with closing(connections.writer(workspace.state)) as connection:
        yield connection


@fuzz
@given(content=hostile.json_files | hostile.objects("kind", "vote", "job", "targets").map(json.dumps))
def test_intents(content: bytes | str) -> None:
    text = content if isinstance(content, str) else content.decode(errors="replace")
    with pytest.raises(UserError, match="intent 1, vote"):
        Intent(1, "vote", text).request()


@fuzz
@given(said=st.lists(said_votes, min_size=1, max_size=6), withdraw=st.booleans())
def test_votes(
    store: sqlite3.Connection, workspace: WorkspacePaths, said: list[dict[str, Any]], withdraw: bool
) -> None:
    cast: list[Vote] = []
    for vote in said:
        payload = json.dumps({"kind": "unvote" if withdraw else "vote", "vote": vote})
        try:
            request = Intent(1, "vote", payload).request()
        except UserError:
            continue
        assert isinstance(request, CastVote | WithdrawVote)
        cast.append(request.vote)
    workspace.history.parent.mkdir(exist_ok=True, parents=True)
    with workspace.history.open("w") as file:
        for vote in said:
            line = {"type": "voted", "at": 1.0, "vote": vote, "is_withdrawn": withdraw}
            file.write(json.dumps(line) + "\n")
    again = [entry.vote for entry in history.read(workspace) if isinstance(entry, Voted)]
    assert again == cast
    with connections.transaction(store):
        store.execute("DELETE FROM votes")
        for one in cast:
            votes.put(store, one)
    found = votes.votes(store)
    assert {one.voter for one in found} == {one.voter for one in cast}
    rate = voting.win_rate("a", "b", found, _TEXTS_A, _TEXTS_B)
    assert rate is None or 0 <= rate.ci_low <= rate.win_rate_b <= rate.ci_high <= 1
    voting.ballot_items([], _TEXTS_A, _TEXTS_B, "ann", found)
    voting.weights(found, "a", "b", _TEXTS_A, _TEXTS_B)


#: URLs of which each part may be any text.
urls = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "//", "javascript:", ""]),
        st.sampled_from(["", "user:password@"]),
        st.sampled_from(["localhost", "[::1]", "[::1", "[", "1.2.3.4", "xn--", "é", "a..b", "%00", ":", ""])
        | hostile.texts,
        st.sampled_from(["", ":", ":80", ":99999", ":-1", ":٣", ":x"]),
        st.sampled_from(["", "/", "/v1", "/v1/chat/completions", "?api-version=1", "#x"])
        | hostile.texts.map(lambda text: f"/{text}"),
    ),
)


@fuzz
@given(url=urls | hostile.texts)
def test_urls_of_teachers(tmp_path_factory: pytest.TempPathFactory, url: str) -> None:
    path = tmp_path_factory.getbasetemp() / "config.toml"
    path.write_text(f'[teachers.a]\nprovider = "openai"\nmodel = "m"\nbase_url = {json.dumps(url)}\n')
    try:
        teacher: Teacher = load_config(path).teachers["a"]
    except UserError as error:
        assert "base_url" in str(error) or "config.toml" in str(error)  # noqa: PT017 - either outcome is right
        return
    base = teachers.base_url(teacher)
    account = endpoint.account(teacher.provider, base, "sk-0123456789abcdef")
    assert "password" not in account.base_url
    assert account.base_url.isprintable()
    assert rejections.url_hint(base)
    assert failures.explain(OSError("x"), base).text
    environment.proxy_of(base)
    with clients.client(base) as client:
        client.build_request("GET", f"{base}/models")


@fuzz
@given(url=urls | hostile.texts)
def test_public_urls(url: str) -> None:
    try:
        name = address._public_name(url)
    except UserError as error:
        assert "--public-url" in str(error)  # noqa: PT017
    else:
        assert name
        assert name.isascii()
        assert name.isprintable()


@fuzz
@given(
    host=urls | hostile.texts | st.sampled_from(["localhost", "LOCALHOST:80", "[::1]:8000", "evil.example"])
)
def test_host_headers(host: str) -> None:
    names = frozenset({"localhost", "::1"})
    with socket.socket() as sock:
        served = address.Address("localhost", 80, sock, True, False, names, None)
        if served.serves(host):
            assert re.fullmatch(r"(localhost|\[::1\])(:[0-9]{1,5})?", host, re.IGNORECASE)
            assert served.origin(host) == f"http://{host}"
