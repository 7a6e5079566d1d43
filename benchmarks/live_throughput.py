"""How near the live engine comes to C/L: requests a second at concurrency C and a server's latency L.

    python -m benchmarks.live_throughput [--latency S] [--concurrency C] [--requests N]
                                                 [--limit RATIO]

A server in a process of its own on loopback answers every chat completion after a fixed latency. The
real `openai` client asks through the engine, warm-up included. A second run lets the engine try twice
C while the server refuses with 429 whatever goes beyond C; a third counts the client's time alone.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import threading
import time
from collections import Counter
from multiprocessing.connection import Connection

from core.teachers.http.endpoint import Endpoint
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.openai.client import OpenAILive
from core.teachers.protocol import Message, RejectedError, Reply, Request, TransientError

ANSWER = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":'
    b'"stop","message":{"role":"assistant","content":"' + b"I am so sorry to hear that. " * 5 + b'"}}],'
    b'"usage":{"prompt_tokens":400,"completion_tokens":35,"total_tokens":435}}'
)


def serve(link: Connection, latency_s: float, cap: int | None) -> None:
    """Answer over HTTP/1.1 with keep-alive until the process is ended; the port goes through `link`."""
    asyncio.run(_serve(link, latency_s, cap))


async def _serve(link: Connection, latency_s: float, cap: int | None) -> None:
    busy = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
                await reader.readexactly(length)
                if cap is not None and busy >= cap:
                    status, body = b"429 Too Many Requests", b'{"error":{"message":"slow down"}}'
                else:
                    busy += 1
                    await asyncio.sleep(latency_s)
                    busy -= 1
                    status, body = b"200 OK", ANSWER
                writer.write(
                    b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                    % (status, len(body), body)
                )
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    link.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def measure(latency_s: float, concurrency: int, requests: int, cap: int | None) -> tuple[float, float, int]:
    """(requests a second, this process's CPU seconds a request, calls that were refused) of one run."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(there, latency_s, cap), daemon=True
    )
    process.start()
    try:
        return asyncio.run(_measure(here.recv(), concurrency, requests))
    finally:
        process.kill()
        process.join()


async def _measure(port: int, concurrency: int, requests: int) -> tuple[float, float, int]:
    url = f"http://127.0.0.1:{port}/v1"
    teacher = OpenAILive(Endpoint(model="m", key="none", base_url=url))
    refused: Counter[str] = Counter()
    ask = teacher.complete

    async def counting(request: Request) -> Reply:
        try:
            return await ask(request)
        except TransientError as error:
            refused[error.code] += 1
            raise

    teacher.complete = counting  # type: ignore[method-assign]
    asked = [
        Request(f"{n:032x}", str(n), (Message("user", "Improve this response. " * 60),))
        for n in range(requests)
    ]
    replies: list[Request] = []
    lost: list[Exception] = []

    def keep(request: Request, reply: Reply, unreported: int) -> None:
        replies.append(request)

    def lose(request: Request, error: TransientError | RejectedError, tries: int, unreported: int) -> None:
        lost.append(error)

    sender = Sender(teacher, LiveLimits(concurrency), threading.Event())
    cpu, began = time.process_time(), time.perf_counter()
    await sender.send(asked, keep, lose)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    await teacher.close()
    if lost or len(replies) != requests:
        raise SystemExit(f"{len(replies)} of {requests} requests were answered: {lost[:3]}")
    return requests / took, cpu / requests, sum(refused.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.25, help="seconds that the server takes")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--limit", type=float, help="exit with 1 when a ratio without 429s is below this")
    options = parser.parse_args()
    latency, concurrency, requests = options.latency, options.concurrency, options.requests
    ideal = concurrency / latency
    print(f"L = {latency} s, C = {concurrency}, {requests} requests; C/L = {ideal:.1f} a second")
    rate, cpu, _ = measure(latency, concurrency, requests, None)
    print(
        f"{'at most C':<28} {rate:7.1f} a second   {rate / ideal:5.3f} of C/L   {cpu * 1e3:.2f} ms CPU a call"
    )
    capped, cpu, refused = measure(latency, 2 * concurrency, requests, concurrency)
    print(
        f"{'at most 2C, 429 beyond C':<28} {capped:7.1f} a second   {capped / ideal:5.3f} of C/L   "
        f"{cpu * 1e3:.2f} ms CPU a call   {refused} refused"
    )
    alone, cpu, _ = measure(0.0, concurrency, requests, None)
    print(f"{'without any latency':<28} {alone:7.1f} a second   {'':14}   {cpu * 1e3:.2f} ms CPU a call")
    if options.limit is not None and rate / ideal < options.limit:
        sys.exit(f"the engine reaches {rate / ideal:.3f} of C/L; the limit is {options.limit}")


if __name__ == "__main__":
    main()
