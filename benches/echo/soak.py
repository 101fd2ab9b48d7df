#!/usr/bin/env python3
"""Ten minutes of 10,000 connections that say nothing, 1,000 that talk and come and go, and ten that mean ill.

    benches/echo/soak.py                  ten minutes
    benches/echo/soak.py --minutes 1

The server is the example `echo_server`, built for release, a process of its own; so is the load. Each echo is compared:
payloads carry who sent them and the how-manieth they are. Fails (exit 1) if an echo is lost, another connection's, doubled,
out of order or changed; if the server ends or refuses an honest connection, or dies; if its memory grows; or if a message
comes to cost half as much again. Times are not judged: the machine may be busy with other things. Needs Linux, cargo, and
12,000 open files in each of the two processes: the soft limit is raised as far as the hard one allows.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FILES = 12_000
# What resident memory may come to above that of the first fifth: a queue of each of the ill-meaning ones.
GROWTH_KB = 4_096


def build():
    environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET))
    for command in (
        ["cargo", "build", "--locked", "--release", "--quiet", "--manifest-path", HERE / "Cargo.toml"],
        ["cargo", "build", "--locked", "--release", "--quiet", "--example", "echo_server"],
    ):
        subprocess.run(command, check=True, cwd=ROOT, env=environment)


def raise_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise SystemExit(f"a process may open {hard} files here, and needs {FILES}")
    if soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


def serve():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    server = subprocess.Popen([TARGET / "release/examples/echo_server", address], stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    return server, address


def run(arguments):
    server, address = serve()
    command = [TARGET / "release/wsloop-echo", "soak", address, "--pid", server.pid]
    command += ["--seconds", int(arguments.minutes * 60), "--idle", arguments.idle, "--busy", arguments.busy]
    lines = []
    load = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    try:
        for line in load.stdout:
            lines.append(json.loads(line))
            if len(lines) % 30 == 0:
                print(brief(lines[-1]), file=sys.stderr)
        if load.wait() != 0:
            raise SystemExit("the load failed")
        if server.poll() is not None:
            raise SystemExit("the server died")
    finally:
        load.kill()
        server.kill()
        server.wait()
    return lines


def brief(line):
    return f"{line['at_ms'] // 1000:4} s: {line['messages']:,} messages, {line['rss_kb']:,} kB"


def costs(samples):
    """When, in seconds, and nanoseconds of CPU time for each message, by intervals of ten seconds (fewer in a short run)."""
    marks = samples[:: max(1, min(10, len(samples) // 6))]
    found = []
    for before, after in zip(marks, marks[1:]):
        if after["messages"] > before["messages"]:
            cost = (after["cpu_ns"] - before["cpu_ns"]) / (after["messages"] - before["messages"])
            found.append(((before["at_ms"] + after["at_ms"]) / 2000, cost))
    return found


def faults(lines):
    end = lines[-1]
    found = [f"{end[name]} {name}" for name in ("lost", "crossed", "damaged", "failed") if end[name]]
    samples = [line for line in lines if line["phase"] == "soak"]
    part = max(1, len(samples) // 5)
    before = statistics.median(line["rss_kb"] for line in samples[part : 2 * part])
    after = statistics.median(line["rss_kb"] for line in samples[-part:])
    if after > before + GROWTH_KB:
        found.append(f"memory grew from {before} kB to {after} kB")
    cost = [value for _, value in costs(samples)]
    half = len(cost) // 2
    first, second = statistics.median(cost[: half or 1]), statistics.median(cost[half:])
    if second > 1.5 * first:
        found.append(f"a message came to cost {second:.0f} ns after {first:.0f} ns")
    print(f"| connections at once, and opened in all | {end['opened'] - end['left']:,}, {end['opened']:,} |\n|---|--:|")
    print(f"| messages echoed and compared | {end['messages']:,} ({end['bytes'] / 1e9:.1f} GB) |")
    print(f"| ill-meaning connections | {end['hostile']:,} |")
    print(f"| lost, crossed, damaged, ended by the server | {end['lost']}, {end['crossed']}, {end['damaged']}, {end['failed']} |")
    print(f"| resident memory, second fifth and last (medians) | {before:,.0f} kB, {after:,.0f} kB |")
    print(f"| the most and the least of it after the first fifth | {max(s['rss_kb'] for s in samples[part:]):,} kB, {min(s['rss_kb'] for s in samples[part:]):,} kB |")
    print(f"| CPU time a message, first half and second (medians) | {first:.0f} ns, {second:.0f} ns |")
    return found


def plot(lines, path):
    """Memory above, CPU time a message below."""
    samples = [line for line in lines if line["phase"] == "soak"]
    seconds = samples[-1]["at_ms"] / 1000
    memory = [(line["at_ms"] / 1000, line["rss_kb"] / 1024) for line in samples]
    cost = [(at, value / 1000) for at, value in costs(samples)]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 420" font-family="sans-serif" font-size="12">',
        "<style>svg { color: #24292f } @media (prefers-color-scheme: dark) { svg { color: #d0d7de } }</style>",
    ]
    for title, points, top, colour in (
        ("resident memory of the server, MiB", memory, 30, "#0969da"),
        ("CPU time a message, µs", cost, 235, "#bf3989"),
    ):
        most = max(value for _, value in points) * 1.15
        step = 10 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
        while most / step > 6:
            step *= 2
        parts.append(f'<text x="50" y="{top - 10}" fill="currentColor">{title}</text>')
        mark = 0
        while mark <= most:
            y = top + 150 - 150 * mark / most
            parts.append(f'<path d="M50 {y:.1f}H780" stroke="currentColor" stroke-opacity=".2"/>')
            parts.append(f'<text x="44" y="{y + 4:.1f}" text-anchor="end" fill="currentColor">{mark:g}</text>')
            mark += step
        line = " ".join(f"{50 + 730 * at / seconds:.1f},{top + 150 - 150 * value / most:.1f}" for at, value in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for place in range(6):
            x = 50 + 146 * place
            parts.append(f'<text x="{x}" y="{top + 168}" text-anchor="middle" fill="currentColor">{seconds * place / 5:.0f} s</text>')
    parts.append("</svg>")
    Path(path).write_text("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--busy", type=int, default=1_000)
    parser.add_argument("--plot", help="where to draw memory and cost over time (SVG)")
    parser.add_argument("--no-build", action="store_true")
    arguments = parser.parse_args()
    if not arguments.no_build:
        build()
    raise_limit()
    lines = run(arguments)
    found = faults(lines)
    if arguments.plot:
        plot(lines, arguments.plot)
    for fault in found:
        print(fault, file=sys.stderr)
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
