"""The Gemini Developer API over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.loopback import google_requests
from tests.loopback.google_api import GoogleApi, GoogleError, GoogleFaults
from tests.loopback.openai_server import Handler, served

#: So few that whoever lists meets more than one page.
_PAGE = 2


@contextmanager
def running(faults: GoogleFaults | None = None, **settings: Any) -> Iterator[GoogleApi]:
    """An API at `api.url` for as long as the block lasts."""
    api = GoogleApi(faults, **settings)
    with served(type("GoogleHandler", (GoogleHandler,), {"api": api})) as url:
        api.url = url
        yield api


class GoogleHandler(Handler):
    api: GoogleApi

    def account(self) -> str:
        if "upload_id=" in self.path:
            # The upload URL names its owner.
            return ""
        key = self.headers.get("x-goog-api-key")
        if key is None:
            raise GoogleError(403, "Method doesn't allow unregistered callers.", "PERMISSION_DENIED")
        if key not in self.api.keys:
            message = "API key not valid. Please pass a valid API key."
            raise GoogleError(400, message, "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"})
        return key

    def broken(self) -> GoogleError:
        return GoogleError(500, "An internal error has occurred.", "INTERNAL")

    def route(self, method: str, path: str, query: dict[str, list[str]], account: str, body: bytes) -> bytes:
        found = self._found(method, path, query, account, body)
        return found if isinstance(found, bytes) else json.dumps(found).encode()

    def _found(
        self, method: str, path: str, query: dict[str, list[str]], account: str, body: bytes
    ) -> bytes | dict[str, Any]:
        api, faults = self.api, self.api.faults
        name, _, verb = path.removeprefix("/v1beta/").partition(":")
        match method, *name.strip("/").split("/"), verb:
            case "POST", "models", _, "generateContent":
                api.count("generate")
                answer = api.generate(name, _object(body))
                time.sleep(faults.latency_s)
                return answer
            case "POST", "models", _, "streamGenerateContent":
                api.count("generate")
                return self.stream(google_requests.stream(api.generate(name, _object(body))))
            case "POST", "models", _, "batchGenerateContent":
                api.count("create")
                return self._unless_lost("lose_creates", api.create(account, name, _object(body)))
            case "POST", "upload", "v1beta", "files", "":
                if "upload_id" in query:
                    return self._upload(query["upload_id"][0], body)
                return self._start(account, body)
            case "GET", "files", "":
                files = [name for name, file in api.files.items() if file["account"] == account]
                return _page("files", [api.shown_file(name) for name in files], query)
            case "GET", "files", _, "":
                api.file(account, name)
                return api.shown_file(name)
            case "DELETE", "files", _, "":
                api.count("delete")
                return json.dumps(api.delete(account, name)).encode()
            case "GET", "files", _, "download":
                api.count("download")
                if query.get("alt") != ["media"]:
                    raise GoogleError(400, "alt=media is required.")
                return api.content(account, name)
            case "GET", "batches", "":
                api.count("list")
                batches = [name for name, batch in api.batches.items() if batch["account"] == account]
                return _page("operations", [api.shown_batch(name) for name in batches], query)
            case "GET", "batches", _, "":
                api.count("get")
                return api.retrieve(account, name)
            case "POST", "batches", _, "cancel":
                api.count("cancel")
                return api.cancel(account, name)
        raise GoogleError(404, f"{method} {path} is no method.", "NOT_FOUND")

    def _start(self, account: str, body: bytes) -> dict[str, Any]:
        self.api.count("start")
        headers = {name.lower(): value for name, value in self.headers.items()}
        if (headers.get("x-goog-upload-protocol"), headers.get("x-goog-upload-command")) != (
            "resumable",
            "start",
        ):
            raise GoogleError(400, "Uploads are resumable, and begin with start.")
        size = int(headers["x-goog-upload-header-content-length"])
        file = _object(body).get("file") or {}
        name = str(file.get("displayName") or file.get("display_name") or "")
        upload = self.api.start(account, name, headers["x-goog-upload-header-content-type"], size)
        self.reply_headers["x-goog-upload-url"] = f"{self.api.url}/upload/v1beta/files?upload_id={upload}"
        return {}

    def _upload(self, upload: str, content: bytes) -> dict[str, Any]:
        self.api.count("upload")
        command, offset = self.headers.get("x-goog-upload-command"), self.headers.get("x-goog-upload-offset")
        if (command, offset) != ("upload, finalize", "0"):
            raise GoogleError(400, "One piece is enough for what is sent here.")
        file = self.api.finish(upload, content)
        self.reply_headers["x-goog-upload-status"] = "final"
        return self._unless_lost("lose_uploads", {"file": file})

    def _unless_lost(self, fault: str, answer: dict[str, Any]) -> dict[str, Any]:
        left = getattr(self.api.faults, fault)
        if left > 0:
            setattr(self.api.faults, fault, left - 1)
            raise ConnectionAbortedError
        return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise GoogleError(400, "Invalid JSON payload received.") from error
    if not isinstance(found, dict):
        raise GoogleError(400, "The body is no object.")
    return found


def _page(kind: str, found: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    """A page of a list, which is shorter than was requested; an empty list is left out."""
    start = int(query.get("pageToken", ["0"])[0])
    end = start + min(_PAGE, int(query.get("pageSize", ["50"])[0]))
    page: dict[str, Any] = {kind: found[start:end]} if found[start:end] else {}
    return page | ({"nextPageToken": str(end)} if end < len(found) else {})
