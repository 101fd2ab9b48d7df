#!/usr/bin/env python3
"""A TLS flow under a crowd of other makers' clients, half of which misbehave.

    tests/interop/crowd.py --minutes 10      the whole thing; without the option one minute, as CI runs it

100 well-behaved clients (Python's websockets and aiohttp, Node's ws) talk to a flow with `separate` and `json`, and must get
each of their replies once and in order. 100 others stall, reset, send garbage, close by halves and flood, all the time. The
service's memory must stay level, its files be closed in the end, and it must stop in good order. Exit code 1 if anything is
wrong. The clients' libraries are those that tests/run installs (WSLOOP_INTEROP names the folder).
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.insert(0, str(HERE / "crowd"))
from checker import flat, self_test  # noqa: E402

FLOW = """define flow crowd
flow
  define connector server from ws_server
  with
    codec = "json", preprocessors = ["separate"], postprocessors = ["separate"],
    config = {
      "url": "wss://127.0.0.1:PORT",
      "tls": {"cert": "localhost.cert", "key": "localhost.key"},
      "limits": {"queued_bytes": 1048576},
      "timeouts": {"tls_ms": 5000, "opening_ms": 5000},
    },
  end;
  define pipeline same pipeline select event from in into out end;
  define pipeline oops pipeline select {"err": event.error} from in into out end;
  create connector server; create pipeline same; create pipeline oops;
  connect /connector/server to /pipeline/same;     connect /pipeline/same to /connector/server;
  connect /connector/server/err to /pipeline/oops; connect /pipeline/oops to /connector/server;
end;
deploy flow crowd
"""
GOOD = {"websockets": 34, "aiohttp": 33, "ws": 33}
BAD = {"raw, websockets, aiohttp": 70, "ws": 30}


def status(pid, key):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def start_service(binary, directory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run([binary, "cert", directory], check=True, stdout=subprocess.DEVNULL)
    (directory / "config.troy").write_text(FLOW.replace("PORT", str(port)))
    log = open(directory / "log", "w")
    service = subprocess.Popen(
        [binary, "-q", "run", "config.troy"], cwd=directory, stderr=log, stdin=subprocess.DEVNULL
    )
    for _ in range(300):
        if service.poll() is not None:
            raise SystemExit((directory / "log").read_text())
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return service, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service does not listen")


def start_clients(port, certificate, seconds):
    environment = dict(os.environ, PYTHONPATH=f"{INTEROP / 'python'}:{HERE / 'crowd'}", WSLOOP_INTEROP=str(INTEROP))
    url = f"wss://localhost:{port}/"
    commands = {}
    for seed, library in enumerate(["websockets", "aiohttp"]):
        commands["good", library] = [
            sys.executable, HERE / "crowd/good.py", url, certificate, seconds, library, GOOD[library], seed
        ]
    node = ["node", HERE / "crowd/client.mjs", url, certificate, seconds]
    commands["good", "ws"] = [*node, "good", GOOD["ws"]]
    commands["bad", "ws"] = [*node, "bad", BAD["ws"]]
    commands["bad", "raw, websockets, aiohttp"] = [
        sys.executable, HERE / "crowd/bad.py", "localhost", port, certificate, seconds, BAD["raw, websockets, aiohttp"], 7
    ]
    return {
        # What the libraries say of connections that end badly is no news here.
        key: subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        for key, command in commands.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--binary", type=Path, help="the program; else a release build is made")
    arguments = parser.parse_args()
    self_test()
    binary = arguments.binary
    if binary is None:
        subprocess.run(
            ["cargo", "build", "--locked", "--release", "--quiet", "--features", "cli", "--bin", "wsloop"], check=True, cwd=ROOT
        )
        binary = TARGET / "release" / "wsloop"
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        service, port = start_service(binary.resolve(), directory)
        try:
            problems, report = run(service, port, directory, arguments.minutes * 60)
        finally:
            if service.poll() is None:
                service.kill()
        log = (directory / "log").read_text()
    if "panicked" in log:
        problems.append("the service's log tells of a panic: " + log[log.index("panicked") - 80 :][:500])
    print(report)
    for problem in problems[:40]:
        print(f"WRONG: {problem}")
    print("crowd: every reply came once and in order" if not problems else f"crowd: {len(problems)} things are wrong")
    return 1 if problems else 0


def run(service, port, directory, seconds):
    problems = []
    time.sleep(1)
    files_before = open_files(service.pid)
    clients = start_clients(port, directory / "localhost.cert", seconds)
    samples, most_files = [], 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(1)
        if service.poll() is not None:
            problems.append(f"the service ended with {service.returncode}")
            break
        samples.append(status(service.pid, "VmRSS"))
        most_files = max(most_files, open_files(service.pid))
    results = {}
    for (manners, library), client in clients.items():
        try:
            output, _ = client.communicate(timeout=120)
            results[manners, library] = json.loads(output)
            problems += results[manners, library]["problems"]
        except (subprocess.TimeoutExpired, ValueError):
            client.kill()
            problems.append(f"the {manners} clients of {library} came to no end")
    if service.poll() is not None:
        return problems, ""
    cpu, peak = cpu_seconds(service.pid), status(service.pid, "VmHWM")
    for _ in range(200):
        files_after = open_files(service.pid)
        if files_after <= files_before:
            break
        time.sleep(0.1)
    else:
        problems.append(f"{files_after - files_before} files stay open when everybody is gone")
    allowance = 6_000 if seconds >= 300 else 24_000
    problems += [problem for problem in [flat(samples, allowance)] if problem]
    service.send_signal(signal.SIGTERM)
    try:
        code = service.wait(timeout=10)
        if code != 0:
            problems.append(f"the service ended with {code}")
    except subprocess.TimeoutExpired:
        problems.append("the service does not end")
    return problems, report_of(results, samples, peak, cpu, seconds, most_files)


def report_of(results, samples, peak, cpu, seconds, most_files):
    lines = ["| clients | of | number | replies, each once and in order | connections closed in good order |", "|---|---|--:|--:|--:|"]
    messages = 0
    for library, number in GOOD.items():
        result = results.get(("good", library), {"messages": 0, "reconnects": 0})
        messages += result["messages"]
        lines.append(f"| well-behaved | {library} | {number} | {result['messages']:,} | {result['reconnects']:,} |")
    misdeeds = Counter()
    for library, number in BAD.items():
        result = results.get(("bad", library), {"misdeeds": {}})
        misdeeds.update(result["misdeeds"])
        lines.append(f"| misbehaving | {library} | {number} | {sum(result['misdeeds'].values()):,} misdeeds | |")
    lines += ["", "Misdeeds: " + ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in sorted(misdeeds.items())) + "."]
    if samples:
        fifth = max(1, len(samples) // 5)
        median = lambda values: sorted(values)[len(values) // 2]
        lines += [
            "",
            f"{seconds / 60:g} minutes; resident memory {median(samples[fifth:2 * fifth]):,} kB in the second fifth of the time, "
            f"{median(samples[-fifth:]):,} kB in the last, {peak:,} kB at most; up to {most_files} open files; "
            f"{cpu:.0f} s of CPU time, {messages:,} replies to the well-behaved.",
        ]
    return "\n".join(lines)


INTEROP = Path(os.environ.get("WSLOOP_INTEROP", TARGET / "interop"))
if __name__ == "__main__":
    sys.exit(main())
