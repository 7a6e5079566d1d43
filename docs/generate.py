"""Generates what the docs take from the program: the pages of keys, commands and options, and screenshots.

python docs/generate.py [--check]

README's table of commands, between its markers, is generated too. With --check nothing is written; it fails
when a file is stale. compatibility.md takes minutes: its own test checks it, not --check.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.generator import commands, configuration, keys, screenshots
from docs.generator.markdown import between

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate what the docs take from the program.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    check = parser.parse_args().check
    stale = []
    for path, text in generated() if check else chain(generated(), measured()):
        if is_stale(path, text):
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
                print(stale[-1])
    if check and stale:
        print(f"stale: {', '.join(stale)}; run `python docs/generate.py`", file=sys.stderr)
    return 1 if check and stale else 0


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file with its content."""
    yield from pages()
    for name, svg in screenshots.screenshots().items():
        yield DOCS / "screenshots" / f"{name}.svg", svg


def measured() -> Iterator[tuple[Path, str]]:
    """The page that takes minutes: it comes from training many tiny models."""
    from docs.generator import compatibility

    yield DOCS / "compatibility.md", compatibility.page()


def pages() -> Iterator[tuple[Path, str]]:
    """The generated files that are text, which take no time."""
    yield DOCS / "keys.md", keys.page()
    yield DOCS / "commands.md", commands.page()
    yield DOCS / "configuration.md", configuration.page()
    readme = ROOT / "README.md"
    yield readme, between(readme.read_text(encoding="utf-8"), "commands", commands.summary())


def is_stale(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main())
