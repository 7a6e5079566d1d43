"""`python -m core.training.node_process ATTEMPT_FOLDER NODE`: a run's ranks where its worker is not.

It starts them once the worker has announced itself in the folder, which all machines see, and ends with it:
the store of the ranks is the worker's. Signals are the worker's too.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path

from torch import distributed

from core.jobs import files, logs, processes
from core.jobs import spec as specs
from core.jobs.context import FENCE
from core.jobs.settings import DpoSettings, SftSettings
from core.training.distributed import nodes, peers, ranks

_LOOK_S = 0.2
#: Seconds between two signs of life.
_ALIVE_S = 2.0

log = logging.getLogger("node")


def main(folder: Path, node: int) -> int:
    """Start this machine's ranks, and watch them; 0 if all of them end well."""
    for number in processes.GIVE_BACK:
        signal.signal(number, signal.SIG_IGN)
    files.keep_private(folder.parents[3])
    logs.begin()
    log.info("waiting until rank 0 says in %s where it is", folder)
    while (place := nodes.find(folder)) is None:
        if (folder / FENCE).exists():
            log.error("stopped before it began: another attempt has taken its place")
            return 1
        time.sleep(_LOOK_S)
    settings = specs.read_here(folder).settings
    assert isinstance(settings, SftSettings | DpoSettings), "only training has several ranks"
    wanted = settings.ranks
    assert wanted is not None, "one rank is the worker"
    store = distributed.TCPStore(place.host, place.port, is_master=False)
    mine = range(node * wanted.of_node, (node + 1) * wanted.of_node)
    started = {
        rank: peers.start(folder, rank, ranks.environment(rank, wanted, place.port, place.host))
        for rank in mine
    }
    log.info("ranks %s of %d, with rank 0 on %s", list(mine), wanted.count, place.host)
    try:
        return _watch(store, node, started)
    except RuntimeError as error:
        # The store's own: rank 0 has ended.
        log.warning("rank 0 has ended: %s", str(error).splitlines()[0])
        return 1
    finally:
        for peer in started.values():
            peer.kill()
            peer.wait()


def _watch(store: distributed.TCPStore, node: int, started: dict[int, peers.Peer]) -> int:
    running = dict(started)
    count, alive_at = 0, -_ALIVE_S
    while running:
        if time.monotonic() - alive_at >= _ALIVE_S:
            count, alive_at = count + 1, time.monotonic()
            store.set(nodes.alive(node), str(count))
        for rank, peer in list(running.items()):
            if (code := peer.poll()) is not None:
                store.set(nodes.ended(rank), str(code))
                if code:
                    log.error("rank %d ended with %d", rank, code)
                    # Rank 0 decides what that means for all, and ends them.
                    while True:
                        store.get(nodes.ended(rank))
                        time.sleep(_LOOK_S)
                del running[rank]
        time.sleep(_LOOK_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), int(sys.argv[2])))
