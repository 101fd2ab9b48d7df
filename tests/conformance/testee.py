"""One run of the testsuite: wsloop on one side, `wstest` on the other, and the cases counted afterwards."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from install import HERE, PACKAGE, target

AGENT = "wsloop"
# Far more than any run takes; a hang ends by it.
RUN_SECONDS = 3600
START_SECONDS = 120


class Failed(Exception):
    """The run has no result."""


def build(release):
    command = ["cargo", "build", "--locked", "--quiet", "--example", "echo_server", "--example", "conformance_client"]
    # Without optimization all features cost nothing: `cargo test --all-features` needs the same.
    subprocess.run([*command, "--release" if release else "--all-features"], cwd=PACKAGE, check=True)


def key_of(case):
    """Cases in the order of their numbers."""
    return [int(part) for part in case.split(".")]


class Run:
    """As `role`, which is wsloop's; `parts` are lists of cases and patterns, `count` how many cases they must come to."""

    def __init__(self, role, tls, release, parts, count):
        self.role, self.tls, self.release, self.parts, self.count = role, tls, release, parts, count
        self.other_wstest = None
        self.results = {}
        self.error = None

    @property
    def name(self):
        return f"{self.role}, {'TLS' if self.tls else 'plain'}, {'release' if self.release else 'debug'}"

    def run(self, site, folder, go_on):
        """Fills `results`: the number of each case that was asked for, and the testsuite's word on it, if any.

        It goes by parts, and what came of each is kept: with `go_on`, parts that the same program has been through
        are not run again.
        """
        folder = os.path.join(folder, self.name.replace(", ", "-").lower() + ("-other" if self.other_wstest else ""))
        kept = Kept(os.path.join(folder, "results.json"), self.digest())
        if not go_on:
            shutil.rmtree(folder, ignore_errors=True)
        for part in self.parts:
            found = kept.of(part) if go_on else None
            if found is None:
                self.folder = os.path.join(folder, part[0].replace("*", "x"))
                found = self.run_part(part, site)
                kept.keep(part, found)
            self.results.update(found)

    def run_part(self, part, site):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        if self.tls:
            self.make_certificate(site)
        reports = os.path.join(self.folder, "reports")
        (self.as_server if self.role == "server" else self.as_client)(site, part, reports)
        index = os.path.join(reports, "index.json")
        if not os.path.isfile(index):
            raise Failed(f"the testsuite wrote no report; see {self.folder}")
        with open(index, encoding="utf-8") as file:
            found = json.load(file).get(AGENT, {})
        return {case: found.get(case) for case in self.wanted(part)}

    def digest(self):
        """Of the program under test."""
        name = "echo_server" if self.role == "server" else "conformance_client"
        with open(self.program(name), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def as_server(self, site, part, reports):
        with self.start("testee", [self.program("echo_server"), "127.0.0.1:0", "--compress", *self.tls_files("--tls")]) as server:
            url = self.wait_for(server, "testee", r"listening on (wss?://\S+)")
            spec = self.spec(part, reports, servers=[{"url": url, "agent": AGENT}])
            with self.start("wstest", self.wstest("fuzzingclient", spec), site) as fuzzer:
                self.wait_until_done(fuzzer)
            # `wstest` ends well in any case.
            if server.poll() is not None:
                raise Failed(f"the server ended with {server.returncode}; see {self.folder}")
            server.kill()

    def as_client(self, site, part, reports):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"{'wss' if self.tls else 'ws'}://127.0.0.1:{port}"
        certificate = dict(zip(("cert", "key"), self.tls_files()))
        spec = self.spec(part, reports, url=url, **certificate)
        with self.start("wstest", self.wstest("fuzzingserver", spec), site) as fuzzer:
            self.wait_for(fuzzer, "wstest", r"(Cases = \[.*\])")
            self.wait_for_port(fuzzer, port)
            roots = [certificate["cert"]] if self.tls else []
            with self.start("testee", [self.program("conformance_client"), url, AGENT, *roots]) as client:
                self.wait_until_done(client)
            if client.returncode:
                raise Failed(f"the client ended with {client.returncode}; see {self.folder}")
            if fuzzer.poll() is not None:
                raise Failed(f"the testsuite ended with {fuzzer.returncode}; see {self.folder}")
            # It closes the last connection before it writes the reports.
            self.wait_for(fuzzer, "wstest", r"(Report generation complete)")
            fuzzer.kill()

    def wanted(self, part):
        """The cases that the testsuite understood; without one that was asked for, the run is no run."""
        with open(self.log("wstest"), encoding="utf-8") as file:
            found = re.search(r"^Cases = (\[.*\])$", file.read(), re.MULTILINE)
        cases = re.findall(r"'([\d.]+)'", found[1]) if found else []
        for pattern in part:
            expression = re.escape(pattern).replace(r"\*", ".*")
            if not any(re.fullmatch(expression, case) for case in cases):
                raise Failed(f"the testsuite has no case {pattern}")
        return cases

    def program(self, name):
        return os.path.join(target(), "release" if self.release else "debug", "examples", name)

    def wstest(self, mode, spec):
        # Port 0: no web page beside the tests.
        ours = [sys.executable, os.path.join(HERE, "wstest.py")]
        return [*([self.other_wstest] if self.other_wstest else ours), "-m", mode, "-s", spec, "-u", "0"]

    def spec(self, part, reports, **more):
        path = os.path.join(self.folder, "spec.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"outdir": reports, "cases": part, **more}, file)
        return path

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def start(self, name, command, site=None):
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        if site and not self.other_wstest:
            environment["PYTHONPATH"] = site
        with open(self.log(name), "w", encoding="utf-8") as log:
            return Ended(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def wait_for(self, process, name, pattern):
        """What `pattern` catches in the log of a process."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with open(self.log(name), encoding="utf-8", errors="replace") as file:
                found = re.search(pattern, file.read())
            if found:
                return found[1]
            if process.poll() is not None:
                break
            time.sleep(0.02)
        raise Failed(f"{name} doesn't say what was waited for; see {self.log(name)}")

    def wait_for_port(self, process, port):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise Failed(f"the testsuite doesn't listen; see {self.log('wstest')}")

    def wait_until_done(self, process):
        try:
            process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {RUN_SECONDS} s; see {self.folder}") from None

    def tls_files(self, *before):
        return [*before, os.path.join(self.folder, "cert.pem"), os.path.join(self.folder, "key.pem")] if self.tls else []

    def make_certificate(self, site):
        """For 127.0.0.1, signed by itself, with what the testsuite brings along."""
        script = os.path.join(HERE, "certificate.py")
        environment = dict(os.environ, PYTHONPATH=site)
        subprocess.run([sys.executable, script, *self.tls_files()], env=environment, check=True)


class Kept:
    """Results by part, in a file, of one program."""

    def __init__(self, path, program):
        self.path, self.program, self.parts = path, program, {}
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                stored = json.load(file)
            if stored["program"] == program:
                self.parts = stored["parts"]

    def of(self, part):
        return self.parts.get(" ".join(part))

    def keep(self, part, results):
        self.parts[" ".join(part)] = results
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({"program": self.program, "parts": self.parts}, file)


class Ended(subprocess.Popen):
    """A process that doesn't outlive the block that it is used in, nor a signal to end."""

    living = []

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        Ended.living.append(self)

    @classmethod
    def end_all(cls, number, _):
        for process in cls.living:
            if process.poll() is None:
                process.kill()
        os._exit(128 + number)

    def __exit__(self, *exception):
        if self.poll() is None:
            self.kill()
        return super().__exit__(*exception)
