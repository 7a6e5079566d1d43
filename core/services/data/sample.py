"""The bundled sample of dialogues, for trying the program."""

from __future__ import annotations

from pathlib import Path

from core.domain.data.dialogues import ImportedData
from core.jobs import files

SAMPLE = Path(__file__).parents[2] / "dialogues" / "sample" / "sample.csv"


def is_sample(imported: ImportedData | None) -> bool:
    """Whether the imported data is the bundled sample: results on it are not for research."""
    return imported is not None and SAMPLE.is_file() and imported.file_sha256 == files.sha256(SAMPLE)
