#!/usr/bin/env python3
"""What an echo costs, beside other servers: messages per second of the server's CPU time, as a ratio to the floor.

    benches/echo/run.py                  every row, three rounds: some minutes
    benches/echo/run.py --quick          every row once and briefly, to see that it works
    benches/echo/run.py --tls            the same with TLS everywhere
    benches/echo/run.py --rows '16 KiB' --servers wsloop,forwarder --rounds 9

Needs Linux, two processors, cargo, and for the nanoseconds in user space `perf` (else they are left out). The floor is a
plain TCP echo on mio that knows no frames. Server and load are processes of their own, pinned to a core each; for each row
the servers take turns, each in a process that is new; a cell is the median over the rounds of the ratio to the floor of
the same round. Markdown goes to standard output, progress to standard error.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# Payload, kind, connections, in flight on each, and what the row must reach.
ROWS = [
    ("16 B, 32, 1", 16, "binary", 32, 1, 0.97),
    ("16 B, 32, 16", 16, "binary", 32, 16, 0.96),
    ("16 B, 256, 16", 16, "binary", 256, 16, 0.95),
    ("125 B, 32, 1", 125, "binary", 32, 1, 0.98),
    ("125 B, 256, 16", 125, "binary", 256, 16, 0.95),
    ("1 KiB, 32, 16", 1024, "binary", 32, 16, 0.94),
    ("16 KiB, 32, 1", 16 << 10, "binary", 32, 1, 0.96),
    ("16 KiB, 32, 16", 16 << 10, "binary", 32, 16, 0.90),
    ("64 KiB, 32, 1", 64 << 10, "binary", 32, 1, 0.96),
    ("mixed text 1 KiB, 32, 16", 1024, "text", 32, 16, 0.80),
    ("mixed text 16 KiB, 32, 16", 16 << 10, "text", 32, 16, 0.75),
]
# A flow that decodes and encodes each message: JSON, one pipeline, back to where it came from. The must is a ratio to the
# loop's own echo, of the same payload.
FLOW_ROWS = [
    ("JSON 125 B, 32, 1", 125, "json", 32, 1, 0.50),
    ("JSON 125 B, 32, 16", 125, "json", 32, 16, None),
]
FLOW = """define flow echo
flow
  define connector server from ws_server with codec = "json", config = {"url": "ADDRESS"} end;
  define pipeline same pipeline select event from in into out end;
  create connector server; create pipeline same;
  connect /connector/server to /pipeline/same; connect /pipeline/same to /connector/server;
end;
deploy flow echo
"""
HANDSHAKES_MUST = 0.80
# Of these the time in user space is told.
USER_ROWS = {"16 B, 32, 16": 26, "125 B, 32, 16": 30, "1 KiB, 32, 16": 45, "16 KiB, 32, 16": 220, "125 B, 32, 1": 200}
# Or a copy is one instruction for each byte.
UNDER_VALGRIND = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1000000000"}
EXTRA_USER_ROW = ("125 B, 32, 16", 125, "binary", 32, 16, None)


class Bench:
    def __init__(self, arguments, directory):
        self.arguments = arguments
        self.tool = TARGET / "release" / "wsloop-echo"
        self.wsloop = TARGET / "release" / "examples" / "echo_server"
        self.program = TARGET / "release" / "wsloop"
        self.certificate = [str(directory / "certificate.pem"), str(directory / "key.pem")]
        self.directory = directory

    def build(self, compile):
        environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET))
        for command in () if not compile else (
            ["cargo", "build", "--locked", "--release", "--quiet", "--manifest-path", HERE / "Cargo.toml"],
            ["cargo", "build", "--locked", "--release", "--quiet", "--example", "echo_server"],
            ["cargo", "build", "--locked", "--release", "--quiet", "--features", "cli", "--bin", "wsloop"],
        ):
            subprocess.run(command, check=True, cwd=ROOT, env=environment)
        subprocess.run([self.tool, "certificate", *self.certificate], check=True)

    def names(self):
        listed = subprocess.run([self.tool, "names"], check=True, capture_output=True, text=True).stdout.split()
        names = listed[:2] + ["wsloop"] + listed[2:]
        if self.arguments.servers:
            wanted = self.arguments.servers.split(",")
            names = [name for name in names if name == "floor" or name in wanted]
        return names

    def serve(self, name, under=()):
        """A new server, and where it listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        if name == "flow":
            config = self.directory / "config.troy"
            config.write_text(FLOW.replace("ADDRESS", address))
            command = [self.program, "run", config]
        else:
            command = [self.wsloop, address] if name == "wsloop" else [self.tool, "serve", name, address]
        if self.arguments.tls:
            command += ["--tls", *self.certificate]
        # Else glibc gives freed memory back and takes it again for each large message, which costs the peers most.
        environment = dict(os.environ, MALLOC_TRIM_THRESHOLD_="1000000000", MALLOC_MMAP_THRESHOLD_="1000000000")
        server = subprocess.Popen(
            ["taskset", "-c", str(self.arguments.server_core), *under, *command],
            stdout=subprocess.DEVNULL,
            env=dict(environment, **(UNDER_VALGRIND if under else {})),
            stderr=subprocess.DEVNULL if under else None,
        )
        for _ in range(500):
            try:
                host, port = address.split(":")
                socket.create_connection((host, int(port))).close()
                return server, address
            except OSError:
                if server.poll() is not None:
                    raise SystemExit(f"{name} does not start")
                time.sleep(0.02)
        raise SystemExit(f"{name} does not listen")

    def load(self, name, address, pid, options, window_ms):
        command = ["taskset", "-c", str(self.arguments.load_core), self.tool, "load", address, "--pid", pid]
        command += ["--window-ms", window_ms, "--warm-ms", min(200, window_ms // 2), *options]
        if name == "floor":
            command.append("--plain")
        if self.arguments.tls:
            command += ["--tls", self.certificate[0]]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{name}: {done.stderr.strip()}", file=sys.stderr)
            return None
        return json.loads(done.stdout)

    def measure(self, name, options, window_ms):
        server, address = self.serve(name)
        try:
            return self.load(name, address, server.pid, options, window_ms)
        finally:
            server.kill()
            server.wait()

    def user_share(self, name, options, window_ms):
        """The part of a server's samples that lies in user space, and CPU time per message without sampling."""
        server, address = self.serve(name)
        data = self.directory / "perf.data"
        try:
            result = self.load(name, address, server.pid, options, window_ms)
            perf = subprocess.Popen(
                ["perf", "record", "-q", "-e", "cpu-clock", "-F", "10000", "-p", str(server.pid), "-o", data],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.load(name, address, server.pid, options, window_ms * 2)
            perf.send_signal(signal.SIGINT)
            perf.wait()
        finally:
            server.kill()
            server.wait()
        script = ["perf", "script", "-F", "ip", "-i", data]
        samples = subprocess.run(script, capture_output=True, text=True).stdout.split()
        user = sum(1 for address in samples if int(address, 16) < 1 << 63)
        if result is None or not samples:
            return None
        return user / len(samples) * result["cpu_ns"] / result["messages"]

    def instructions(self, name, row):
        """Instructions in user space for each message: what many take less what few take, by the difference."""
        _, _, _, connections, in_flight, _ = row
        counts = []
        for batches in (20 * connections, 120 * connections):
            out = self.directory / "callgrind.out"
            under = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
            server, address = self.serve(name, under)
            try:
                result = self.load(name, address, server.pid, [*options_of(row), "--batches", batches], 0)
            finally:
                server.terminate()
                server.wait()
            total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
            if result is None or total is None:
                return None
            counts.append((int(total.group(1)), result["messages"]))
        return (counts[1][0] - counts[0][0]) / (counts[1][1] - counts[0][1])


def options_of(row):
    _, payload, kind, connections, in_flight, _ = row
    return ["--payload", payload, "--kind", kind, "--connections", connections, "--in-flight", in_flight]


def per_message(result):
    return result["cpu_ns"] / result["messages"]


def table(names, rows, last=None):
    head = ["", *names] + ([last] if last else [])
    print("| " + " | ".join(head) + " |")
    print("|---|" + "--:|" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def rounds(bench, names, options, window_ms, count):
    """By server, the results of each round; the order goes on by one each round."""
    results = {name: [] for name in names}
    for turn in range(count):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            results[name].append(bench.measure(name, options, window_ms))
    return results


def ratios(results, value):
    """Each server's ratio to the floor of the same round, the median; more is better."""
    cells = {}
    for name, measured in results.items():
        pairs = [(own, floor) for own, floor in zip(measured, results["floor"]) if own and floor]
        cells[name] = statistics.median(value(floor) / value(own) for own, floor in pairs) if pairs else None
    return cells


def show(number, form):
    return "–" if number is None else form.format(number)


def echo_table(bench, names, rows, arguments):
    lines = []
    for row in rows:
        print(row[0], file=sys.stderr)
        results = rounds(bench, names, options_of(row), arguments.window_ms, arguments.rounds)
        cells = ratios(results, per_message)
        floor = statistics.median(per_message(result) for result in results["floor"] if result)
        texts = [f"1.00 ({floor:.0f} ns)"] + [show(cells[name], "{:.2f}") for name in names[1:]]
        lines.append([row[0], *texts] + ([] if arguments.tls else [f"≥ {row[5]:.2f}"]))
        print("  " + " | ".join(texts), file=sys.stderr)
    table(names, lines, None if arguments.tls else "wsloop must")


def flow_table(bench, arguments):
    """A flow beside the loop's own echo, which is the 1 of its last column."""
    names, lines = ["floor", "wsloop", "flow"], []
    for row in FLOW_ROWS:
        print(row[0], file=sys.stderr)
        results = rounds(bench, names, options_of(row), arguments.window_ms, arguments.rounds)
        cells = ratios(results, per_message)
        floor = statistics.median(per_message(result) for result in results["floor"] if result)
        pairs = [(flow, loop) for flow, loop in zip(results["flow"], results["wsloop"]) if flow and loop]
        ratio = statistics.median(per_message(loop) / per_message(flow) for flow, loop in pairs) if pairs else None
        must = "" if row[5] is None else f" (must {row[5]:.2f})"
        texts = [f"1.00 ({floor:.0f} ns)", *(show(cells[name], "{:.2f}") for name in names[1:])]
        lines.append([row[0], *texts, show(ratio, "{:.2f}") + must])
        print("  " + " | ".join(lines[-1][1:]), file=sys.stderr)
    table(names, lines, "flow, to wsloop")


def handshake_table(bench, names, arguments):
    print("handshakes", file=sys.stderr)
    options = ["--handshakes", "--connections", 16]
    results = rounds(bench, names, options, arguments.window_ms, arguments.rounds)
    cells = ratios(results, per_message)
    floor = statistics.median(per_message(result) for result in results["floor"] if result)
    texts = [f"1.00 ({floor / 1000:.1f} µs)"] + [show(cells[name], "{:.2f}") for name in names[1:]]
    print("  " + " | ".join(texts), file=sys.stderr)
    must = [] if arguments.tls else [f"≥ {HANDSHAKES_MUST:.2f}"]
    table(names, [["connect, upgrade, close", *texts, *must]], *(["wsloop must"] if must else []))


def latency_table(bench, names, arguments):
    print("latency", file=sys.stderr)
    options = ["--latency", "--payload", 125, "--connections", 1, "--in-flight", 1]
    results = rounds(bench, names, options, arguments.window_ms, arguments.rounds)
    lines = []
    for key in ("p50", "p99"):
        of = lambda result: result[key + "_ns"]
        cells = ratios(results, of)
        texts = []
        for name in names:
            value = statistics.median(of(result) for result in results[name] if result)
            ratio = "" if name == "floor" or not cells[name] else f" ({1 / cells[name]:.3f})"
            texts.append(f"{value / 1000:.1f} µs{ratio}")
        lines.append([key, *texts])
        print("  " + " | ".join(texts), file=sys.stderr)
    table(names, lines)


def user_table(bench, names, rows, arguments):
    lines = []
    for row in rows:
        print("user space: " + row[0], file=sys.stderr)
        values = {name: [] for name in names}
        for _ in range(max(1, arguments.rounds // 3)):
            for name in names:
                values[name].append(bench.user_share(name, options_of(row), arguments.window_ms))
        texts = []
        for name in names:
            found = [value for value in values[name] if value is not None]
            texts.append(f"{statistics.median(found):.0f}" if found else "–")
        lines.append([row[0], *texts] + ([] if arguments.tls else [f"≤ {USER_ROWS[row[0]]}"]))
        print("  " + " | ".join(texts), file=sys.stderr)
    table(names, lines, None if arguments.tls else "wsloop must")


def instruction_table(bench, names, rows, arguments):
    lines = []
    for row in rows:
        print("instructions: " + row[0], file=sys.stderr)
        texts = [show(bench.instructions(name, row), "{:,.0f}") for name in names]
        lines.append([row[0], *texts])
        print("  " + " | ".join(texts), file=sys.stderr)
    table(names, lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window-ms", type=int, default=500, help="how long a server is measured in a round")
    parser.add_argument("--quick", action="store_true", help="one round of 100 ms")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--rows", help="only those rows whose names this regular expression finds")
    parser.add_argument("--servers", help="only these, by commas, and the floor")
    parser.add_argument("--parts", default="echo,flow,handshakes,latency,user",
                        help="of echo, flow, handshakes, latency, user, instructions (the last needs valgrind)")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--no-build", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.window_ms = 1, 100
    wanted = re.compile(arguments.rows or "")
    rows = [row for row in ROWS if wanted.search(row[0])]
    parts = arguments.parts.split(",")
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(arguments, Path(directory))
        bench.build(not arguments.no_build)
        names = bench.names()
        print(f"{arguments.rounds} rounds of {arguments.window_ms} ms" + (", TLS" if arguments.tls else "") + "\n")
        if "echo" in parts and rows:
            echo_table(bench, names, rows, arguments)
        if "flow" in parts and not arguments.tls:
            flow_table(bench, arguments)
        if "handshakes" in parts:
            handshake_table(bench, names, arguments)
        if "latency" in parts:
            latency_table(bench, names, arguments)
        user_rows = [row for row in [*ROWS, EXTRA_USER_ROW] if row[0] in USER_ROWS and wanted.search(row[0])]
        if "instructions" in parts:
            instruction_table(bench, names, user_rows, arguments)
        if "user" in parts:
            user_table(bench, names, user_rows, arguments)


if __name__ == "__main__":
    main()
