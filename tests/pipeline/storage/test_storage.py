"""Files on storages: whole or not at all, and errors in one sentence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.jobs import files
from core.pipeline.storage import growing_file, storage
from core.pipeline.storage.growing_file import GrowingFile
from core.pipeline.storage.storage import Storage, StorageError


def test_small_files(url: str) -> None:
    found = Storage(url)
    assert found.read("a/mark") is None
    found.write("a/mark", b"one")
    found.write("a/mark", b"")
    assert found.read("a/mark") == b""
    found.write("a/b/mark", b"two\n")
    assert Storage(url).read("a/b/mark") == b"two\n"
    found.remove("a")
    found.remove("a")
    assert found.read("a/b/mark") is None
    assert found.try_out() > 0


def test_large_files(url: str, tmp_path: Path) -> None:
    found = Storage(url)
    assert found.size("files/x") is None
    path = tmp_path / "x"
    path.write_bytes(os.urandom(300_000))
    found.put(path, "files/x")
    assert found.size("files/x") == 300_000
    copy = tmp_path / "folder" / "copy"
    found.get("files/x", copy, files.sha256(path))
    assert copy.read_bytes() == path.read_bytes()
    with pytest.raises(StorageError, match="files/x is not what was uploaded"):
        found.get("files/x", tmp_path / "folder" / "other", "0" * 64)
    with pytest.raises(FileNotFoundError):
        found.get("files/y", tmp_path / "folder" / "other", "0" * 64)
    assert [one.name for one in copy.parent.iterdir()] == ["copy"]


def test_what_is_in_a_folder(url: str) -> None:
    found = Storage(url)
    assert found.sizes("lists") == {}
    for name in ("lists/one", "lists/folder/two", "lists/folder/three", "listed"):
        found.write(name, b"")
    assert set(found.sizes("lists")) == {"one", "folder/two", "folder/three"}
    assert found.sizes("lists")["one"] == found.size("lists/one")
    Storage(url).remove("lists/folder")
    assert set(found.sizes("lists")) == {"one"}
    for to in ("moved", "lists/one"):
        found.write("two", to.encode())
        found.move("two", to)
        assert (found.read("two"), found.read(to)) == (None, to.encode())
    with pytest.raises(FileNotFoundError):
        found.move("two", "moved")


def test_a_file_that_grows(url: str, tmp_path: Path) -> None:
    path, copy = tmp_path / "journal", tmp_path / "copy"
    sender = GrowingFile(Storage(url), path, "grows/journal", by_line=True)
    assert sender.next_part() == b""
    seen: list[bytes] = []
    for content in (b"1\n2\n", b"1\n2\n3", b"1\n2\n3\n4\n5"):
        path.write_bytes(content)
        if part := sender.next_part():
            sender.send(part)
        # Whoever reads may be another each time.
        growing_file.receive(Storage(url), "grows/journal", copy, seen.append)
    assert seen == [b"1\n2\n", b"3\n4\n"]
    assert copy.read_bytes() == b"1\n2\n3\n4\n"


def test_a_part_whose_answer_was_lost_is_sent_again_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Storage(f"file://{tmp_path}/storage")
    path, copy = tmp_path / "log", tmp_path / "copy"
    sender = GrowingFile(found, path, "log")
    path.write_bytes(b"one")
    write = Storage.write

    def lose_the_answer(self: Storage, name: str, content: bytes) -> None:
        write(self, name, content)
        raise StorageError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "write", lose_the_answer)
        with pytest.raises(StorageError):
            sender.send(sender.next_part())
    growing_file.receive(found, "log", copy)
    path.write_bytes(b"one, two")
    while part := sender.next_part():
        sender.send(part)
    growing_file.receive(found, "log", copy)
    assert copy.read_bytes() == b"one, two"


def test_half_a_file_is_none(tmp_path: Path) -> None:
    found = Storage(f"file://{tmp_path}")
    found.write("mark", b"content")
    whole = (tmp_path / "mark").read_bytes()
    for size in (0, 10, len(whole) - 1):
        (tmp_path / "mark").write_bytes(whole[:size])
        assert found.read("mark") is None


def test_what_is_missing_is_named(url: str) -> None:
    wrong = url.replace("://bucket", "://no-bucket").replace("/storage", "/x")
    if url.startswith(("file", "ssh")):
        wrong = f"{url.partition('://')[0]}://{url.partition('://')[2].partition('/')[0]}/no-such-folder/x"
    with pytest.raises(StorageError, match=r"there is no '/?no-(bucket|such-folder)'") as caught:
        Storage(wrong).write("mark", b"")
    assert caught.value.is_lasting


def test_a_server_that_does_not_answer_is_asked_again(url: str) -> None:
    if not url.startswith("ssh"):
        pytest.skip("the others have no connection")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        Storage(f"ssh://127.0.0.1:{port}/x").write("mark", b"")
    assert not caught.value.is_lasting


def test_an_unknown_server_and_a_refused_key_are_reported(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not url.startswith("ssh"):
        pytest.skip("the others have no servers with keys")
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    known = Path("~/.ssh/known_hosts").expanduser().read_bytes()
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StorageError, match=r"is not in .*/known_hosts"):
        Storage(url).write("mark", b"")
    (ssh / "known_hosts").write_bytes(known)
    with pytest.raises(StorageError, match="credentials") as caught:
        Storage(url).write("mark", b"")
    assert caught.value.is_lasting


@pytest.mark.parametrize(
    ("url", "words"),
    [("oss://bucket", "needs the package ossfs, which is not installed"), ("ftps://x", "knows no ftps://")],
)
def test_a_package_that_is_missing_is_named(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        storage.check_package(url)
