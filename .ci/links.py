"""Checks the Markdown files: every relative link, every anchor, and every path in backticks must exist.

python .ci/links.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: A path of the repository's own folders, as the text names it; `…` and `*` stand for several.
_PATH = re.compile(r"`((?:core|tui|tests|docs|benchmarks|\.ci|\.github)/[\w./-]+)`")


def main() -> int:
    problems = [problem for page in PAGES for problem in check(page)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def check(page: Path) -> Iterator[str]:
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT)
    for target in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        if not linked.exists():
            yield f"{name}: no file {target}"
        elif anchor and anchor not in anchors(linked.read_text(encoding="utf-8")):
            yield f"{name}: no heading {target}"
    for path in _PATH.findall(text):
        if not (ROOT / path).exists():
            yield f"{name}: no path {path}"


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    sys.exit(main())
