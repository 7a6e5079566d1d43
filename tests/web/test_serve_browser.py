"""The command `serve` in a real browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import waiting
from tests.support.workspaces.filled_workspace import fill
from tests.web.browser import events, open_browser, requests
from tests.web.serving import serving

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

#: What a browser without a graphics card logs, and xterm.js on a busy machine.
_OF_ITS_OWN = ("software WebGL", "task queue exceeded allotted deadline")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    with open_browser(tmp_path / "profile") as opened:
        yield opened


class Watcher:
    """Reads along what the app sends to a browser's tabs, and what these ask for."""

    def __init__(self, browser: WebDriver) -> None:
        self._browser = browser
        self._all: list[dict[str, Any]] = []
        self._drawn = ""

    def requests(self) -> list[str]:
        self._read()
        return requests(self._all)

    def until_drawn(self, *words: str) -> None:
        """Wait until all these words were drawn since the last time."""
        self.until(lambda: all(word in self._drawn for word in words))
        self._drawn = ""

    def until_still(self, before: bytes) -> bytes:
        """Wait until the page looks other than before, and stays so; what it looks like."""
        seen = [before, before]

        def is_still() -> bool:
            seen[:] = seen[1], self._browser.get_screenshot_as_png()
            return seen[0] == seen[1] != before

        self.until(is_still)
        return seen[1]

    def until(self, holds: Callable[[], bool]) -> None:
        def holds_now() -> bool:
            self._read()
            return holds()

        waiting.wait_until(
            holds_now, "the page", progress=lambda: len(self._all), show=lambda: self._drawn[-2000:]
        )

    def _read(self) -> None:
        found = events(self._browser)
        self._all += found
        for one in found:
            if one["method"] == "Network.webSocketFrameReceived":
                frame = one["params"]["response"]
                if frame["opcode"] == 2:
                    text = base64.b64decode(frame["payloadData"]).decode(errors="replace")
                    self._drawn += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def complaints(browser: WebDriver) -> list[str]:
    """The console's warnings and errors."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] != "INFO" and not any(known in entry["message"] for known in _OF_ITS_OWN)
    ]


def press(browser: WebDriver, watcher: Watcher, keys: str) -> None:
    """Press keys once the terminal has them, which takes no click."""
    from selenium.webdriver.common.action_chains import ActionChains

    has_keys = "return document.activeElement.matches('.xterm-helper-textarea')"
    watcher.until(lambda: bool(browser.execute_script(has_keys)))
    ActionChains(browser).send_keys(keys).perform()


def test_the_app_in_a_browser(browser: WebDriver, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By

    workspace = fill(tmp_path / 'it\'s "a study"')
    browser.set_window_size(1200, 800)
    with serving(workspace.root) as served:
        watcher = Watcher(browser)
        browser.get(served.url)
        watcher.until_drawn("48 dialogues", "Quit")
        # What is drawn is also seen: on screens where nothing moves by itself.
        home = browser.get_screenshot_as_png()
        press(browser, watcher, "8")
        watcher.until_drawn("supervisor.log")
        logs = watcher.until_still(home)
        press(browser, watcher, "3")
        watcher.until_drawn("human")
        data = watcher.until_still(logs)
        browser.set_window_size(800, 600)
        watcher.until_drawn("human")
        watcher.until_still(data)

        # Another tab is another session, and a reload begins anew.
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        browser.get(served.url)
        watcher.until_drawn("48 dialogues")
        assert len(served.sessions()) == 2
        browser.close()
        browser.switch_to.window(first)
        browser.refresh()
        watcher.until_drawn("48 dialogues", "Quit")
        watcher.until(lambda: len(served.sessions()) == 1)

        assert complaints(browser) == []
        there = (f"{served.url}/", f"ws://127.0.0.1:{served.port}/ws?")
        assert [url for url in watcher.requests() if not url.startswith(there)] == []

        press(browser, watcher, "q")
        (notice,) = browser.find_elements(By.CSS_SELECTOR, ".closed")
        watcher.until(notice.is_displayed)
        assert "This session has ended" in notice.text
        notice.find_element(By.TAG_NAME, "a").click()
        watcher.until_drawn("48 dialogues")
    watcher.until(lambda: browser.find_element(By.CSS_SELECTOR, ".closed").is_displayed())


def test_the_token_is_asked_for_in_the_page(browser: WebDriver, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By

    token = "a-token-that-nobody-guesses"
    with serving(fill(tmp_path / "study").root, EMPATHY_SERVE_TOKEN=token) as served:
        watcher = Watcher(browser)
        browser.get(served.url)
        browser.find_element(By.NAME, "token").send_keys("wrong\n")
        watcher.until(lambda: "The token is wrong" in browser.page_source)
        browser.find_element(By.NAME, "token").send_keys(f"{token}\n")
        watcher.until_drawn("48 dialogues")
        assert browser.current_url == f"{served.url}/"
        # As a link, and without a trace of it.
        browser.delete_all_cookies()
        browser.get(f"{served.url}/?token={token}")
        watcher.until_drawn("48 dialogues")
        assert browser.current_url == f"{served.url}/"
        assert browser.execute_script("return document.cookie") == ""


def test_the_browser_lets_no_other_site_in(browser: WebDriver, tmp_path: Path) -> None:
    """A page of another origin, on this very machine, cannot connect, look in, or frame it."""
    (tmp_path / "evil.html").write_text("<title>evil</title>")
    with serving(fill(tmp_path / "study").root, "--write") as served:
        browser.get((tmp_path / "evil.html").as_uri())
        connects = """
            const done = arguments[arguments.length - 1];
            const socket = new WebSocket(arguments[0]);
            socket.onopen = () => done("opened");
            socket.onerror = () => done("refused");
        """
        address = f"ws://127.0.0.1:{served.port}/ws"
        assert browser.execute_async_script(connects, address) == "refused"
        assert served.sessions() == []
        reads = """
            const done = arguments[arguments.length - 1];
            fetch(arguments[0]).then(answer => answer.text()).then(() => done("read"), () => done("refused"));
        """
        assert browser.execute_async_script(reads, served.url) == "refused"
        # From its own page the same is let in.
        browser.get(served.url)
        assert browser.execute_async_script(connects, address) == "opened"
