"""llama.cpp's converters: where they are looked for, and what is said when one fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.publishing import gguf

CONVERTER = """
import pathlib, sys
folder, file = sys.argv[1], sys.argv[sys.argv.index("--outfile") + 1]
if folder.endswith("bad"):
    sys.exit("Model architecture is not supported")
if folder.endswith("poor"):
    import no_such_package
pathlib.Path(file).write_text(" ".join(sys.argv[1:]))
"""


def test_the_converter_is_found_and_its_error_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(gguf.FOLDER_VARIABLE, raising=False)
    with pytest.raises(UserError, match=re.escape("convert_hf_to_gguf.py, which is not on the PATH")):
        gguf.converter(is_adapter=False)
    monkeypatch.setenv(gguf.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "convert_hf_to_gguf.py").write_text(CONVERTER)
    with pytest.raises(UserError, match=re.escape("which has no convert_lora_to_gguf.py")):
        gguf.converter(is_adapter=True)
    script = gguf.converter(is_adapter=False)
    made = tmp_path / "model.gguf"
    gguf.convert_model(script, tmp_path / "good", made)
    assert made.read_text() == f"{tmp_path / 'good'} --outfile {made} --outtype auto"
    with pytest.raises(UserError, match=r"failed: Model architecture is not supported$"):
        gguf.convert_model(script, tmp_path / "bad", made)
    with pytest.raises(UserError, match=r"No module named 'no_such_package'\. Install what llama\.cpp's"):
        gguf.convert_model(script, tmp_path / "poor", made)
