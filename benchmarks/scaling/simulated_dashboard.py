"""A dashboard of a Ray cluster that says that jobs run, in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection


@contextmanager
def dashboard(tasks: Sequence[str]) -> Iterator[str]:
    """Its address while these Ray jobs run."""
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe()
    server = context.Process(target=_serve, args=(tasks, its), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        server.kill()
        server.join()


def _serve(tasks: Sequence[str], announce: Connection) -> None:
    answers = {
        "/api/version": {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""},
        "/api/jobs/": [_job(task) for task in tasks],
        "/api/cluster_status": {
            "data": {"clusterStatus": {"loadMetricsReport": {"usage": {"CPU": [len(tasks), len(tasks)]}}}}
        },
    }
    encoded = {path: json.dumps(answer).encode() for path, answer in answers.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = encoded.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        announce.send(server.server_address[1])
        server.serve_forever()


def _job(task: str) -> dict[str, object]:
    """What Ray says of a running job, as long as it says that."""
    return {
        "type": "SUBMISSION",
        "submission_id": task,
        "status": "RUNNING",
        "entrypoint": "cd /shared/study && exec python -P -m core.pipeline.workers.worker " + 120 * "/",
        "message": "Job is currently running.",
        "start_time": 1_700_000_000_000,
        "metadata": {"job_name": task},
        "runtime_env": {},
        "driver_agent_http_address": "http://10.0.0.17:52365",
        "driver_node_id": 56 * "0",
    }
