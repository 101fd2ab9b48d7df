#!/usr/bin/env python3
"""How cost grows with the number of connections: CPU time a message, and memory a connection.

    benches/echo/growth.py                both tables, a minute
    benches/echo/growth.py --parts memory

The server is the example `echo_server`, built for release. Needs Linux, cargo, and 11,000 open files a process. Memory is
the resident one of the server at 10,000 connections less that at 1,000, by 9,000 (and so on for other numbers): what the
kernel holds for a socket is not in it. Markdown goes to standard output.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import Bench
from soak import raise_limit

COUNTS = (10, 100, 1_000, 10_000)


def resident_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("the server is gone")


class Held:
    """Connections that are open as long as this lives."""

    def __init__(self, bench, address, count, talk):
        command = [bench.tool, "hold", address, "--connections", str(count)] + (["--talk"] if talk else [])
        if bench.arguments.tls:
            command += ["--tls", bench.certificate[0]]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("the connections can't be opened")

    def drop(self):
        self.process.stdin.close()
        self.process.wait()


def settled_kb(pid):
    time.sleep(0.5)
    return resident_kb(pid)


def memory(bench, name, talk):
    """Resident kB at each count."""
    server, address = bench.serve(name)
    held, found, have = [], [], 0
    try:
        # What the loop takes once and for all, it has taken.
        Held(bench, address, 4, True).drop()
        for count in COUNTS:
            held.append(Held(bench, address, count - have, talk))
            have = count
            found.append(settled_kb(server.pid))
    finally:
        for each in held:
            each.drop()
        server.kill()
        server.wait()
    return found


def memory_table(bench, arguments):
    print("| resident kB of the process at | " + " | ".join(f"{count:,}" for count in COUNTS) + " | bytes a connection |")
    print("|---|" + "--:|" * (len(COUNTS) + 1))
    names = arguments.servers.split(",")
    for tls in (False, True):
        bench.arguments.tls = tls
        for name in names:
            for talk in (False, True):
                found = memory(bench, name, talk)
                each = (found[-1] - found[-2]) * 1024 / (COUNTS[-1] - COUNTS[-2])
                what = f"{name}, " + ("TLS, " if tls else "") + ("idle after talking" if talk else "idle")
                print(f"| {what} | " + " | ".join(f"{kb:,}" for kb in found) + f" | {each:,.0f} |", flush=True)
    bench.arguments.tls = False
    print()


def cost(bench, name, busy, idle, window_ms):
    server, address = bench.serve(name)
    held = Held(bench, address, idle, False) if idle and name != "floor" else None
    try:
        options = ["--payload", 125, "--connections", busy, "--in-flight", 1]
        result = bench.load(name, address, server.pid, options, window_ms)
        return result["cpu_ns"] / result["messages"] if result else None
    finally:
        if held:
            held.drop()
        server.kill()
        server.wait()


def cost_table(bench, arguments):
    print("| CPU ns a message of 125 B, one in flight on each | " + " | ".join(f"{count:,}" for count in COUNTS) + " |")
    print("|---|" + "--:|" * len(COUNTS))
    for title, name, shape in (
        ("plain TCP echo, all busy", "floor", lambda count: (count, 0)),
        ("wsloop, all busy", "wsloop", lambda count: (count, 0)),
        ("wsloop, 10 busy, the others idle", "wsloop", lambda count: (10, count - 10)),
    ):
        cells = []
        for count in COUNTS:
            found = [cost(bench, name, *shape(count), arguments.window_ms) for _ in range(arguments.rounds)]
            found = [value for value in found if value]
            cells.append(f"{statistics.median(found):,.0f}" if found else "–")
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="cost,memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window-ms", type=int, default=1000)
    parser.add_argument("--servers", default="wsloop", help="whose memory, by commas")
    parser.add_argument("--no-build", action="store_true")
    arguments = parser.parse_args()
    raise_limit()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Namespace(tls=False, server_core=0, load_core=1, servers=None), Path(directory))
        bench.build(not arguments.no_build)
        if "cost" in arguments.parts.split(","):
            cost_table(bench, arguments)
        if "memory" in arguments.parts.split(","):
            memory_table(bench, arguments)


if __name__ == "__main__":
    main()
