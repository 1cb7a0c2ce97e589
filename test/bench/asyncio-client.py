"""A load client the way vLLM's benchmark is written: one asyncio loop, one aiohttp session, a task per request that
sleeps until its turn, `async for` over the response, json.loads of every event. Rival of the replay benchmark.

usage: asyncio-client.py URL STREAMS_PER_SEC SECONDS TOKENS  → one JSON line: TTFT errors and CPU seconds.
The server's clock is in the response id: received-firstToken, ns.
"""
import asyncio
import json
import resource
import sys
import time

import aiohttp

URL, RATE, SECONDS, TOKENS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
PROMPT = " ".join(["word"] * 50)


async def one(session, errors_ms, lags_ms, due):
    body = {
        "model": "null",
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    started = time.perf_counter()
    lags_ms.append((started - due) * 1e3)
    ttft = None
    server = None
    async with session.post(URL, json=body) as response:
        async for chunk in response.content:
            chunk = chunk.strip()
            if not chunk:
                continue
            text = chunk.decode("utf-8").removeprefix("data: ")
            if text == "[DONE]":
                continue
            data = json.loads(text)
            if data["choices"] and data["choices"][0]["delta"].get("content"):
                now = time.perf_counter()
                if ttft is None:
                    ttft = now - started
                    received, first = data["id"].split("-")
                    server = (int(first) - int(received)) / 1e9
    if ttft is not None:
        errors_ms.append((ttft - server) * 1e3)


async def main():
    errors_ms = []
    lags_ms = []
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=6 * 3600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        tasks = []
        origin = time.perf_counter() + 0.2
        for i in range(int(RATE * SECONDS)):
            due = origin + i / RATE
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.create_task(one(session, errors_ms, lags_ms, due)))
        await asyncio.gather(*tasks)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # The first tenth opens connections and warms caches.
    print(json.dumps({
        "errorsMs": errors_ms[len(errors_ms) // 10:],
        "lagsMs": lags_ms,
        "cpuSec": usage.ru_utime + usage.ru_stime,
    }))


asyncio.run(main())
