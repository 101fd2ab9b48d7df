"""Python's `websockets` as a client of wsloop's echo server.

client.py URL CERTIFICATE|- CASE…  prints `ok CASE` or `failed CASE: why` for each case, and `done` at the end.
"""

import asyncio
import ssl
import sys

from websockets.asyncio.client import connect

MEBI = 1024 * 1024


async def echoes(ws, sent, expected=None):
    await ws.send(sent)
    got = await ws.recv()
    assert got == (sent if expected is None else expected), f"{got[:60]!r} of {len(got)}"


async def text(ws):
    await echoes(ws, "Grüße, 世界 🌍")


async def binary(ws):
    await echoes(ws, bytes(range(256)))


async def empty(ws):
    await echoes(ws, "")
    await echoes(ws, b"")


async def mebibyte(ws):
    await echoes(ws, "x" * MEBI)
    await echoes(ws, bytes(i % 251 for i in range(MEBI)))


async def fragmented(ws):
    await echoes(ws, ["one ", "", "zwei ", "üç"], "one zwei üç")
    await echoes(ws, [b"\0", b"\xff" * 70000, b"\1"], b"\0" + b"\xff" * 70000 + b"\1")


async def ping(ws):
    await (await ws.ping(b"are you there?"))
    await echoes(ws, "after the ping")


async def pinged(ws):
    # `websockets` answers pings itself; the server tells when it has seen the answer.
    await echoes(ws, "ping me", "pong seen")


async def close_first(ws):
    await ws.close(4321, "I go first")
    assert ws.protocol.close_rcvd.code == 4321, ws.protocol.close_rcvd
    assert ws.protocol.close_rcvd_then_sent is False


async def closed_first(ws):
    await ws.send("close me")
    await ws.wait_closed()
    assert (ws.close_code, ws.close_reason) == (1000, "bye"), (ws.close_code, ws.close_reason)
    assert ws.protocol.close_rcvd_then_sent is True


async def one(case, url, context):
    async with connect(url, ssl=context, max_size=None, proxy=None) as ws:
        await case(ws)


async def main(url, certificate, *cases):
    context = ssl.create_default_context(cafile=certificate) if certificate != "-" else None
    for name in cases:
        try:
            await asyncio.wait_for(one(globals()[name], url, context), 20)
            print("ok", name, flush=True)
        except Exception as error:  # Whatever went wrong is the verdict.
            print(f"failed {name}: {type(error).__name__}: {error}", flush=True)
    print("done", flush=True)


asyncio.run(main(*sys.argv[1:]))
