"""Well-behaved clients on Python's `websockets` and aiohttp: good.py URL CERTIFICATE SECONDS LIBRARY COUNT SEED.

Prints a JSON line at the end: {"messages", "reconnects", "problems"}.
"""

import asyncio
import json
import ssl
import sys
import time

import aiohttp
import websockets
from checker import Talker

url, certificate, seconds, library, count, seed = sys.argv[1:7]
seconds, count, seed = float(seconds), int(count), int(seed)
context = ssl.create_default_context(cafile=certificate)
deadline = time.monotonic() + seconds
totals = {"messages": 0, "reconnects": 0, "problems": []}
IN_FLIGHT = 12
PATIENCE = 60


class Websockets:
    async def open(self):
        self.socket = await websockets.connect(url, ssl=context, max_size=None, open_timeout=PATIENCE, compression=None)

    async def send(self, text):
        await self.socket.send(text)

    async def receive(self):
        return await asyncio.wait_for(self.socket.recv(), PATIENCE)

    async def close(self):
        await self.socket.close()
        return self.socket.close_code


class Aiohttp:
    async def open(self):
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(url, ssl=context, max_msg_size=0, timeout=aiohttp.ClientWSTimeout(ws_close=PATIENCE))

    async def send(self, text):
        await self.socket.send_str(text)

    async def receive(self):
        return await self.socket.receive_str(timeout=PATIENCE)

    async def close(self):
        await self.socket.close()
        await self.session.close()
        return self.socket.close_code


async def one(index):
    talker = Talker(f"{library}-{index}", seed * 1000 + index)
    await asyncio.sleep(talker.random.random() * 2)
    while time.monotonic() < deadline:
        connection = Websockets() if library == "websockets" else Aiohttp()
        await connection.open()
        until = min(deadline, time.monotonic() + talker.random.uniform(5, 40))
        while time.monotonic() < until:
            for _ in range(talker.random.randint(1, 3)):
                for message in talker.messages():
                    await connection.send(message)
            # The last message may be half a line: its other half comes with the same call.
            while len(talker.owed) > talker.random.randint(0, IN_FLIGHT):
                problem = talker.reply(await connection.receive())
                if problem:
                    raise RuntimeError(problem)
            await asyncio.sleep(talker.random.uniform(0.02, 0.4))
        while talker.owed:
            problem = talker.reply(await connection.receive())
            if problem:
                raise RuntimeError(problem)
        code = await connection.close()
        if code != 1000:
            raise RuntimeError(f"{talker.name}: closed with {code} instead of 1000")
        totals["reconnects"] += 1
    totals["messages"] += talker.received
    return talker.end()


async def main():
    results = await asyncio.gather(*(one(index) for index in range(count)), return_exceptions=True)
    for index, result in enumerate(results):
        if isinstance(result, BaseException):
            totals["problems"].append(f"{library}-{index}: {type(result).__name__}: {result}")
        elif result:
            totals["problems"].append(result)
    print(json.dumps(totals), flush=True)


asyncio.run(main())
