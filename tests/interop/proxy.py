"""A proxy on pproxy that takes HTTP's CONNECT and SOCKS5 on one port, prints the port, and lives until it is killed.

    PYTHONPATH=target/interop/python python3 tests/interop/proxy.py [USER:PASSWORD]
"""

import asyncio
import sys

import pproxy


async def serve():
    credentials = "".join("#" + argument for argument in sys.argv[1:])
    server = pproxy.Server("http+socks5://127.0.0.1:0" + credentials)
    # Whoever has been let in once would be let in again without a word, for a month, by his address.
    arguments = {"rserver": [], "verbose": lambda line: None, "authtime": -1}
    handler = await server.start_server(arguments)
    print(handler.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(serve())
