"""The public copy of the data, fetched for the user's own use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from core import files
from core.errors import UserError

REPOSITORY = "henryjxie/Distilling-Empathy-from-Large-Language-Models"
PUBLIC_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/HEAD/datasets/dataset.csv"
SHA256 = "d43fe180f0aab2ae4973ddcf1cc5420a219804ca0c9b7d302fb5e3b73b2d296b"
MAX_BYTES = 100_000_000

SOURCE = f"github.com/{REPOSITORY}, datasets/dataset.csv"
TERMS = (
    "2,000 dialogues with human ratings, by Welivita and Pu (arXiv 2406.05063), on prompts from "
    "EmpatheticDialogues, as published with “Distilling Empathy from Large Language Models” "
    "(Xie, Zhang, Zhang, Liu, SIGDIAL 2025). It is other people's data and carries no licence to pass it "
    "on: keep your copy to yourself, and cite both papers."
)


def fetch(destination: Path, progress: Callable[[int, int | None], None], url: str = PUBLIC_URL) -> Path:
    """Download the data to `destination`, whole and with the known SHA-256, or not at all.

    `progress` is told the bytes so far and the bytes in all, if known. Raises `UserError`.
    """
    import httpx

    digest = hashlib.sha256()
    size = 0
    try:
        with (
            files.replacing(destination) as file,
            httpx.stream("GET", url, follow_redirects=True, timeout=30) as response,
        ):
            response.raise_for_status()
            total = int(response.headers["content-length"]) if "content-length" in response.headers else None
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > MAX_BYTES:
                    raise UserError(f"{url} sends more than {MAX_BYTES / 1e6:.0f} MB: it is not the data set")
                digest.update(chunk)
                file.write(chunk)
                progress(size, total)
            if digest.hexdigest() != SHA256:
                raise UserError(
                    f"{url} sent a file with SHA-256 {digest.hexdigest()}, not the known {SHA256}. "
                    "Nothing was kept. If the authors changed the file, download it yourself and import it."
                )
    except httpx.HTTPStatusError as error:
        raise UserError(f"{url} answered {error.response.status_code}: try later") from error
    except httpx.HTTPError as error:
        raise UserError(f"{url} cannot be reached ({error}): check the network, and try again") from error
    except OSError as error:
        raise UserError(f"{destination} cannot be written: {error.strerror}") from error
    return destination
