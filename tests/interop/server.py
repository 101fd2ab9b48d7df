"""Python's `websockets` as an echo server for wsloop's client.

server.py [CERTIFICATE KEY]  prints `listening PORT`, then `closed CODE REASON` for each connection that ends. It stops
when its standard input ends. The texts `close me`, `fragment me` and `ping me` ask for what they say.
"""

import asyncio
import ssl
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def talk(ws):
    try:
        while True:
            message = await ws.recv()
            if message == "close me":
                await ws.close(1000, "bye")
            elif message == "fragment me":
                await ws.send(["one ", "", "zwei ", "üç"])
            elif message == "ping me":
                await (await ws.ping(b"are you there?"))
                await ws.send("pong seen")
            else:
                await ws.send(message)
    except ConnectionClosed:
        print("closed", ws.close_code, ws.close_reason, flush=True)


async def main(certificate=None, key=None):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    async with serve(talk, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
