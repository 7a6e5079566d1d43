"""Addresses of workspaces on other machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.api import UserError
from tui.remote.address import RemoteHost, parse, parse_host


@pytest.mark.parametrize(
    ("text", "host", "folder"),
    [
        ("ssh://gpubox/data/study", RemoteHost("gpubox"), "/data/study"),
        ("ssh://gpubox//data/study", RemoteHost("gpubox"), "/data/study"),
        ("ssh://me@gpubox:2222/study", RemoteHost("gpubox", "me", 2222), "/study"),
        ("ssh://me@lab.org@gate/study", RemoteHost("gate", "me@lab.org"), "/study"),
        ("ssh://[::1]:22/study", RemoteHost("::1", None, 22), "/study"),
        ("ssh://gpubox/~", RemoteHost("gpubox"), "~"),
        ("ssh://gpubox/~/work%20here", RemoteHost("gpubox"), "~/'work here'"),
        ("ssh://gpubox/~ana/study", RemoteHost("gpubox"), "~ana/study"),
        ("ssh://gpubox/a/~/b?c#d", RemoteHost("gpubox"), "'/a/~/b?c#d'"),
    ],
)
def test_forms(text: str, host: RemoteHost, folder: str) -> None:
    workspace = parse(text)
    assert workspace.host == host
    assert workspace.shell_word == folder
    assert parse_host(str(host)) == host


@pytest.mark.parametrize(
    "text",
    [
        *("ssh://", "ssh:///study", "ssh://gpubox", "ssh://gpubox/", "ssh://gpubox//", "ssh://gpubox/%00"),
        *("ssh://-oProxyCommand=id/x", "ssh://-v@gpubox/x", "ssh://a b/x", "ssh://gpubox:0/x"),
        *("ssh://gpubox:99999/x", "ssh://gpubox:/x", "ssh://$(id)/x", "ssh://gpubox/~$(id)/x", "ssh://a\n/x"),
    ],
)
def test_what_names_no_workspace_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="write ssh://"):
        parse(text)


@given(st.text(max_size=20))
def test_no_text_becomes_an_option_of_ssh(text: str) -> None:
    try:
        host = parse_host(f"ssh://{text}")
    except UserError:
        return
    assert not host.name.startswith("-")
    assert not (host.user or "").startswith("-")


def test_what_a_person_types() -> None:
    host = RemoteHost("gpubox", "me", 2222)
    assert host.ssh_command == "ssh -p 2222 me@gpubox"
    assert host.copy_command("/out/it's") == """scp -r -P 2222 'me@gpubox:/out/it'"'"'s' ."""
    assert RemoteHost("::1").copy_command("/out") == "scp -r '[::1]:/out' ."
