"""Python's `aiohttp` in compressed conversations with wsloop; what is said is in tests/it/interop_talk.rs.

Called as deflate_websockets.py is; SETTINGS is JSON: what `compress` takes (a client: window bits, 0 for no compression;
a server: true or false).
"""

import asyncio
import json
import sys

import aiohttp
import messages
from aiohttp import WSMsgType, web


class Talk:
    def __init__(self, ws):
        self.ws, self.pongs = ws, []

    async def hear(self):
        """The next message, with the pings before it answered."""
        while True:
            came = await self.ws.receive(60)
            if came.type == WSMsgType.PING:
                await self.ws.pong(came.data)
            elif came.type == WSMsgType.PONG:
                self.pongs.append(bytes(came.data))
            else:
                return came.data

    async def say(self, number, message):
        # aiohttp has no public way to send fragments.
        if number % 3 == 0:
            await self.ws.ping(f"ping {number}".encode())
        await (self.ws.send_str if isinstance(message, str) else self.ws.send_bytes)(message)

    async def run(self, known, closes, is_client):
        for number, (message, _) in enumerate(known):
            if is_client:
                await self.say(number, message)
            messages.check(await self.hear(), message, number)
            if not is_client:
                await self.say(number, message)
        if closes:
            await self.ws.close(code=1000, message=b"enough")
        else:
            await self.ws.send_str("close me")
            await self.hear()
        assert self.ws.close_code == 1000, self.ws.close_code
        # The last pong may be under way while this side closes.
        assert self.pongs == [f"ping {number}".encode() for number in range(0, len(known), 3)][: len(self.pongs)]
        assert len(self.pongs) >= len(known) // 3, self.pongs


async def verdict(ws, known, closes, is_client):
    try:
        # All that it keeps of an agreement: the window of what it compresses, and whether it starts anew.
        alone = ws._writer.notakeover
        print("agreed", f"{alone} {ws.compress}" if ws.compress else "nothing", flush=True)
        await Talk(ws).run(known, closes, is_client)
        print("ok", flush=True)
    except Exception as error:  # Whatever went wrong is the verdict.
        print(f"failed {type(error).__name__}: {error}", flush=True)


async def client(known, *runs):
    async with aiohttp.ClientSession() as session:
        for url, settings, closer in zip(*[iter(runs)] * 3):
            how = {"compress": json.loads(settings), "autoping": False, "max_msg_size": 0}
            async with session.ws_connect(url, **how) as ws:
                await verdict(ws, known, closer == "peer", True)
    print("done", flush=True)


async def server(known, *runs):
    for settings, closer in zip(*[iter(runs)] * 2):

        async def handler(request, compress=json.loads(settings), closes=closer == "peer"):
            ws = web.WebSocketResponse(compress=compress, autoping=False, max_msg_size=0)
            await ws.prepare(request)
            await verdict(ws, known, closes, False)
            return ws

        runner = web.ServerRunner(web.Server(handler))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print("listening", runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


print("version", aiohttp.__version__, flush=True)
asyncio.run({"client": client, "server": server}[sys.argv[1]](messages.read(sys.argv[2]), *sys.argv[3:]))
