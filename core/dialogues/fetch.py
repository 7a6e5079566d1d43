"""Downloading the published data set for the user's own use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from core.domain.errors import UserError
from core.jobs import files

REPOSITORY = "henryjxie/Distilling-Empathy-from-Large-Language-Models"
DATA_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/HEAD/datasets/dataset.csv"
SHA256 = "d43fe180f0aab2ae4973ddcf1cc5420a219804ca0c9b7d302fb5e3b73b2d296b"
MAX_BYTES = 100_000_000
#: Timeout for connecting, and for each read.
TIMEOUT_S = 30.0

DATA_SOURCE = f"github.com/{REPOSITORY}, datasets/dataset.csv"
DATA_TERMS = (
    "2,000 dialogues with human ratings, by Welivita and Pu (arXiv 2406.05063), on prompts from "
    "EmpatheticDialogues, as published with “Distilling Empathy from Large Language Models” "
    "(Xie, Zhang, Zhang, Liu, SIGDIAL 2025). It has no licence that permits redistribution: keep your "
    "copy private, and cite both papers."
)


def fetch(
    destination: Path,
    progress: Callable[[int, int | None], None],
    url: str = DATA_URL,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Download the data to `destination`, complete and with the known SHA-256, or not at all.

    `progress` is called with the bytes received so far and the total, None if the server does not send it.
    Raises `UserError`; an existing file at `destination` is then kept.
    """
    import httpx2

    from core.network import clients, failures

    digest = hashlib.sha256()
    size = 0
    started = False
    try:
        with (
            clients.client(url, timeout=timeout_s) as client,
            files.replacing(destination) as file,
            # Without compression, the content length is that of the file.
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            response.raise_for_status()
            length = response.headers.get("content-length", "")
            total = int(length) if length.isdecimal() else None
            started = True
            for chunk in response.iter_bytes():
                size += len(chunk)
                if max(size, total or 0) > MAX_BYTES:
                    raise UserError(
                        f"{url} sends more than {MAX_BYTES / 1e6:.0f} MB: this is not the data set"
                    )
                digest.update(chunk)
                file.write(chunk)
                progress(response.num_bytes_downloaded, total)
            if digest.hexdigest() != SHA256:
                raise UserError(
                    f"{url} sent a file with SHA-256 {digest.hexdigest()}, not the known {SHA256}. "
                    "The file was discarded. If the authors changed it, download it yourself and import it."
                )
    except httpx2.HTTPStatusError as error:
        raise UserError(_refusal(url, error.response.status_code)) from error
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        if started:
            raise UserError(f"{url} disconnected after {size} bytes ({reason}): try again") from error
        failure = failures.explain(error, url, "the URL")
        raise UserError(f"{url} cannot be reached: {failure.text}") from error
    except (httpx2.InvalidURL, ValueError) as error:
        raise UserError(f"{url} cannot be requested ({error}): check the URL") from error
    except OSError as error:
        raise UserError(f"{destination} cannot be written: {error.strerror}") from error
    return destination


def _refusal(url: str, status: int) -> str:
    if status in (404, 410):
        return f"{url} answered {status}: the file no longer exists. Find it in {DATA_SOURCE}, and import it"
    if 300 <= status < 400:
        return f"{url} answered {status} without a redirect location: try later"
    return f"{url} answered {status}: try later"
