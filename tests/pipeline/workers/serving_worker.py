"""A worker that does one attempt after another, each as `plan.json` in its folder says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.pipeline.workers import serving


def run(folder: Path) -> int:
    plan = json.loads((folder / "plan.json").read_text())
    sys.stdout.write(f"attempt in {folder.name}\n")
    found = {"pid": os.getpid(), "environment": os.environ.get("LEFT"), "place": str(Path.cwd())}
    os.environ["LEFT"] = "by an earlier attempt"
    os.chdir("/")
    if "thread" in plan:
        threading.Thread(target=time.sleep, args=(600,)).start()
    if "process" in plan:
        subprocess.Popen(["sleep", "5"])
    (folder / "found.json.new").write_text(json.dumps(found))
    (folder / "found.json.new").rename(folder / "found.json")
    while "hold" in plan and not (folder / "go").exists():
        time.sleep(0.01)
    if "die" in plan:
        os.kill(os.getpid(), signal.SIGKILL)
    if "leave" in plan:
        os._exit(0)
    return int("fail" in plan)


if __name__ == "__main__":
    place, *descriptors = sys.argv[1:]
    sys.exit(serving.serve(run, Path(place), *map(int, descriptors)) if descriptors else run(Path(place)))
