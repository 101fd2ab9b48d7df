"""Python's `websockets` in compressed conversations with wsloop; what is said is in tests/it/interop_talk.rs.

deflate_websockets.py client MESSAGES (URL SETTINGS CLOSER)…  prints `agreed …` and `ok` or `failed why` for each URL, and
`done` at the end. deflate_websockets.py server MESSAGES (SETTINGS CLOSER)…  prints `listening PORT` for each, then the
same as the client for each connection; it stops when its standard input ends.

SETTINGS is JSON: null for no compression, "default", or a list of what the library's factories take. CLOSER is
`peer` for this side, or `wsloop`.
"""

import asyncio
import json
import sys

import messages
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory


def options(settings, factory):
    if settings is None:
        return {"compression": None}
    if settings == "default":
        return {}
    return {"compression": None, "extensions": [factory(**parameters) for parameters in settings]}


async def say(ws, number, message, fragmented):
    if number % 3 == 0:
        await (await ws.ping(f"ping {number}"))
    if not fragmented:
        await ws.send(message)
        return

    async def parts():
        for piece in messages.pieces(message):
            yield piece
            await ws.ping()

    await ws.send(parts())


async def talk(ws, known, closes, is_client):
    try:
        agreed = "nothing"
        if ws.protocol.extensions:
            [extension] = ws.protocol.extensions
            ends = ["remote", "local"] if is_client else ["local", "remote"]
            agreed = " ".join(
                str(getattr(extension, f"{end}_{name}"))
                for name in ["no_context_takeover", "max_window_bits"]
                for end in ends
            )
        print("agreed", agreed, flush=True)
        for number, (message, fragmented) in enumerate(known):
            if is_client:
                await say(ws, number, message, fragmented)
            messages.check(await ws.recv(), message, number)
            if not is_client:
                await say(ws, number, message, fragmented)
        if closes:
            await ws.close(1000, "enough")
        else:
            await ws.send("close me")
            await ws.wait_closed()
        assert ws.close_code == 1000, ws.close_code
        assert closes or ws.close_reason == "bye", ws.close_reason
        print("ok", flush=True)
    except Exception as error:  # Whatever went wrong is the verdict.
        print(f"failed {type(error).__name__}: {error}", flush=True)


async def client(known, *runs):
    for url, settings, closer in zip(*[iter(runs)] * 3):
        how = options(json.loads(settings), ClientPerMessageDeflateFactory)
        async with connect(url, max_size=None, proxy=None, **how) as ws:
            await asyncio.wait_for(talk(ws, known, closer == "peer", True), 60)
    print("done", flush=True)


async def server(known, *runs):
    servers = []
    for settings, closer in zip(*[iter(runs)] * 2):
        how = options(json.loads(settings), ServerPerMessageDeflateFactory)

        async def handler(ws, closes=closer == "peer"):
            await talk(ws, known, closes, False)

        servers.append(await serve(handler, "127.0.0.1", 0, max_size=None, **how))
        print("listening", servers[-1].sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


print("version", websockets.__version__, flush=True)
asyncio.run({"client": client, "server": server}[sys.argv[1]](messages.read(sys.argv[2]), *sys.argv[3:]))
