"""Misbehaving clients: bad.py HOST PORT CERTIFICATE SECONDS COUNT SEED. Each commits one misdeed after the other.

Prints a JSON line at the end: {"misdeeds", "problems"}.
"""

import asyncio
import json
import os
import random
import socket
import ssl
import struct
import sys
import time

import aiohttp
import websockets

host, port, certificate, seconds, count, seed = sys.argv[1:7]
port, seconds, count, seed = int(port), float(seconds), int(count), int(seed)
url = f"wss://{host}:{port}/"
context = ssl.create_default_context(cafile=certificate)
deadline = time.monotonic() + seconds
done = {}
REQUEST = (
    f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()


def frame(opcode, payload, masked=True, fin=True):
    head = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += struct.pack(">BH", bit | 126, len(payload))
    else:
        head += struct.pack(">BQ", bit | 127, len(payload))
    # A key of zeros changes nothing: quick, and as good as any here.
    return head + (b"\0\0\0\0" if masked else b"") + payload


async def secure():
    return await asyncio.wait_for(asyncio.open_connection(host, port, ssl=context, server_hostname="localhost"), 30)


async def opened():
    reader, writer = await secure()
    writer.write(REQUEST)
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    return reader, writer


def reset(writer):
    raw = writer.get_extra_info("socket")
    if raw is None:
        # The server was faster.
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent_tcp(choice):
    _, writer = await asyncio.open_connection(host, port)
    await asyncio.sleep(choice.uniform(0.5, 8))
    writer.close()


async def half_a_hello(choice):
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(choice.randint(0, 100)))
    await asyncio.sleep(choice.uniform(0.5, 8))
    writer.close()


async def half_a_request(choice):
    _, writer = await secure()
    writer.write(REQUEST[: choice.randint(1, len(REQUEST) - 1)])
    await asyncio.sleep(choice.uniform(0.5, 8))
    writer.close()


async def garbage_on_tcp(choice):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(os.urandom(choice.randint(1, 5000)))
    await asyncio.wait_for(reader.read(), 30)
    writer.close()


async def garbage_in_tls(choice):
    reader, writer = await secure()
    writer.write(os.urandom(choice.randint(1, 5000)) + b"\r\n\r\n")
    await asyncio.wait_for(reader.read(), 30)
    writer.close()


async def bad_frames(choice):
    reader, writer = await opened()
    bad = [
        frame(1, b"1\n", masked=False),
        frame(3, b"x"),
        frame(9, b"x" * 126),
        frame(1, b"\xff\xfe\n"),
        frame(0, b"nothing to continue"),
        frame(8, b"\x03\xed"),
        b"\xff" * 20,
        frame(1, b"") [:1] + b"\xff" + struct.pack(">Q", 1 << 62) + b"\0\0\0\0",
    ]
    writer.write(choice.choice(bad))
    await asyncio.wait_for(reader.read(), 30)
    writer.close()


async def no_json(choice):
    async with websockets.connect(url, ssl=context, compression=None) as connection:
        for _ in range(20):
            await connection.send("{" * choice.randint(1, 300) + "\n")
            assert '"err"' in await asyncio.wait_for(connection.recv(), 60)


async def long_line(choice):
    async with aiohttp.ClientSession() as session, session.ws_connect(url, ssl=context) as connection:
        for _ in range(30):
            await connection.send_str("x" * 100_000)
        await connection.send_str("\n")
        assert '"err"' in await connection.receive_str(timeout=60)


async def resets(choice):
    _, writer = await opened()
    for _ in range(choice.randint(1, 20)):
        writer.write(frame(1, b'{"a":1}\n'))
    await asyncio.sleep(choice.uniform(0, 0.3))
    reset(writer)


async def half_close(choice):
    reader, writer = await opened()
    writer.write(frame(1, b'{"a":1}\n'))
    await writer.drain()
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.shutdown(socket.SHUT_WR)
    await asyncio.wait_for(reader.read(), 30)
    writer.close()


async def never_reads(choice):
    reader, writer = await opened()
    writer.transport.pause_reading()
    line = b'{"fill":"' + b"x" * 4000 + b'"}\n'
    until = time.monotonic() + choice.uniform(2, 6)
    while time.monotonic() < until:
        writer.write(frame(1, line) * 20)
        if writer.transport.get_write_buffer_size() > 1 << 20:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.02)
    reset(writer)


async def pings(choice):
    reader, writer = await opened()
    writer.transport.pause_reading()
    for _ in range(300):
        writer.write(frame(9, b"x" * 125) * 20)
        if writer.transport.get_write_buffer_size() > 1 << 20:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0)
    reset(writer)


async def byte_by_byte(choice):
    reader, writer = await opened()
    for byte in frame(1, b'{"slow":true}\n'):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)
    assert b'{"slow":true}' in await asyncio.wait_for(reader.read(100), 60)
    writer.close()


async def vanishes(choice):
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, port)
        reset(writer)


MISDEEDS = [
    silent_tcp, half_a_hello, half_a_request, garbage_on_tcp, garbage_in_tls, bad_frames, no_json, long_line, resets,
    half_close, never_reads, pings, byte_by_byte, vanishes,
]


async def one(index):
    choice = random.Random(seed * 1000 + index)
    problems = []
    await asyncio.sleep(choice.random() * 3)
    while time.monotonic() < deadline:
        misdeed = choice.choice(MISDEEDS)
        try:
            await misdeed(choice)
            done[misdeed.__name__] = done.get(misdeed.__name__, 0) + 1
        except AssertionError as error:
            problems.append(f"{misdeed.__name__}: what was owed did not come {error}")
        except (asyncio.TimeoutError, TimeoutError):
            problems.append(f"{misdeed.__name__}: the server neither answered nor ended the connection in time")
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, websockets.WebSocketException, aiohttp.ClientError):
            # The server ended it: that is what it is for.
            done[misdeed.__name__] = done.get(misdeed.__name__, 0) + 1
        await asyncio.sleep(choice.uniform(0.1, 1.5))
    return problems


async def main():
    results = await asyncio.gather(*(one(index) for index in range(count)), return_exceptions=True)
    problems = []
    for result in results:
        problems += [f"{type(result).__name__}: {result}"] if isinstance(result, BaseException) else result
    print(json.dumps({"misdeeds": done, "problems": problems}), flush=True)


asyncio.run(main())
