"""A browser without a window, whose console and requests can be read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

_SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)


@contextmanager
def open_browser(profile: Path) -> Iterator[WebDriver]:
    """Chromium with a profile of its own; skips the test where it is not installed."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs Chromium and its driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*_SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def events(browser: WebDriver) -> list[dict[str, Any]]:
    """What happened in the browser's tabs since the last time, in the DevTools protocol's terms."""
    return [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]


def requests(found: list[dict[str, Any]]) -> list[str]:
    """The addresses that were requested, the browser's own pages aside."""
    asked = [
        one["params"]["request"]["url"] for one in found if one["method"] == "Network.requestWillBeSent"
    ] + [one["params"]["url"] for one in found if one["method"] == "Network.webSocketCreated"]
    return [url for url in asked if url.startswith(("http", "ws", "file"))]
