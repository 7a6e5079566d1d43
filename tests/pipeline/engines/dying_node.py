"""`python -m tests.pipeline.engines.dying_node FOLDER NODE`: a node of a run, lost before the third step."""

from __future__ import annotations

import sys
from pathlib import Path

from core.training import node_process
from tests.training.distributed import forked_rank


def main(folder: Path, node: int) -> int:
    forked_rank.arrange("lost", 2)
    return node_process.main(folder, node)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), int(sys.argv[2])))
