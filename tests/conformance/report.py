"""What came of the runs: the lines on the terminal, and docs/CONFORMANCE.md."""

import os
import platform
import subprocess

from install import PACKAGE, TESTSUITE, versions
from testee import key_of

KINDS = ["ok", "informational", "non-strict", "unimplemented", "failed"]


def kind(result):
    """Of what happened and how it was closed, the worse."""
    if result is None:
        return "failed"
    found = {result["behavior"].lower(), result["behaviorClose"].lower()}
    for one in ("non-strict", "unimplemented"):
        if found <= {one, "ok", "informational"} and one in found:
            return one
    if found <= {"ok", "informational"}:
        return "informational" if "informational" in found else "ok"
    # An unimplemented case is closed without a word.
    return "unimplemented" if "unimplemented" in found else "failed"


def counted(run, section=None):
    """How many of which kind, of all cases or of those of one section."""
    numbers = dict.fromkeys(KINDS, 0)
    for case, result in run.results.items():
        if section is None or case.split(".")[0] == section:
            numbers[kind(result)] += 1
    return numbers


def is_good(run):
    numbers = counted(run)
    complete = len(run.results) == (run.count or len(run.results)) > 0
    return run.error is None and complete and numbers["ok"] + numbers["informational"] == len(run.results)


def summary(run):
    told = ", ".join(f"{number} {name}" for name, number in counted(run).items())
    expected = f" of {run.count}" if run.count not in (None, len(run.results)) else ""
    line = f"autobahn {TESTSUITE}, {run.name}: {len(run.results)}{expected} cases: {told}"
    return f"{line}; {run.error}" if run.error else line


def lines(run):
    """Every case that isn't OK, then the summary."""
    told = []
    for case in sorted(run.results, key=key_of):
        result = run.results[case]
        if kind(result) not in ("ok", "informational"):
            word = f"{result['behavior']}, closing {result['behaviorClose']}, code {result['remoteCloseCode']}" if result else "NOT RUN"
            told.append(f"autobahn case {case}, {run.name}: {word}")
    return [*told, summary(run)]


# What the testsuite calls them.
SECTIONS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Limits and performance",
    "10": "Fragmentation by the sender",
    "12": "Compression, different payloads",
    "13": "Compression, different parameters",
}


def cell(run, section):
    numbers = counted(run, section)
    return ", ".join(f"{number} {name}" for name, number in numbers.items() if number) or "–"


def table(runs):
    """A row for each section, a column for each run."""
    heads = [run.name.rsplit(", ", 1)[0] for run in runs]
    rows = [f"| section | cases | {' | '.join(heads)} |", "|---" * (len(runs) + 2) + "|"]
    for section, title in SECTIONS.items():
        cases = sum(case.split(".")[0] == section for case in runs[0].results)
        rows.append(f"| {section}. {title} | {cases} | {' | '.join(cell(run, section) for run in runs)} |")
    return "\n".join(rows)


def not_ok(runs):
    """A line for each case that is not simply OK, with what the testsuite saw."""
    told = {}
    for run in runs:
        for case, result in run.results.items():
            if kind(result) != "ok":
                code = result["remoteCloseCode"] if result else "not run"
                told.setdefault((case, kind(result), code), []).append(run.name)
    rows = ["| case | result | our close code | runs |", "|---|---|---|---|"]
    for (case, what, code), names in sorted(told.items(), key=lambda item: key_of(item[0][0])):
        rows.append(f"| {case} | {what} | {code} | {'all' if len(names) == len(runs) else '; '.join(names)} |")
    return "\n".join(rows)


def output(*command):
    return subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=True).stdout.strip()


def made_with(site):
    found = versions(site)
    package = output("cargo", "pkgid").rsplit("#", 1)[1].rsplit("@", 1)[-1]
    return [
        f"wsloop {package}, {output('rustc', '--version')}",
        f"autobahntestsuite {found['autobahntestsuite']}, autobahn {found['autobahn']}, wsaccel {found['wsaccel']}",
        f"{platform.python_implementation()} {platform.python_version()}, Twisted {found['twisted']}, "
        f"pyOpenSSL {found['pyopenssl']}, cryptography {found['cryptography']}",
        f"{platform.system()} {platform.machine()}",
    ]


DOCUMENT = """# Conformance

<!-- Written by `python3 tests/conformance/run.py --all`. -->

wsloop against the [Autobahn Testsuite](https://github.com/crossbario/autobahn-testsuite) {suite}, all {all} cases: as a
server `docs/examples/echo_server.rs`, as a client `tests/conformance/client.rs`, both with permessage-deflate, over
plain connections and over TLS. The tables count results, in which a case is only OK if the connection was closed as the
testsuite expects, too.

## Release build, all cases

{release}

## Debug build, sections 1–7, 9 and 10, and one case of each group of 12 and 13

{debug}

## Cases that are not OK

{not_ok}

An informational case looks at what the RFC leaves open, and has no wrong result: whether a message of 256 KiB is still
echoed when a Close follows at its heels (7.1.6), and how a Close of an undefined code is answered (7.13.1: 5000, 7.13.2:
65535).

## The runs

```
{summaries}
```

## Made with

{versions}

Python 3 runs the testsuite through `tests/conformance/wstest.py`, which translates its Python 2 sources at import. Under
CPython 2.7.18, where it was installed with what it pins (Twisted 19.10.0, wsaccel 0.6.6) and run as it is (`run.py
--wstest`), sections 1–10 and a sample of 12 and 13 came to the same result, closing and close code in each case, in both
roles.

## To repeat it

`python3 tests/conformance/run.py --all` runs everything and writes this file; it needs cargo, Python 3.9 to 3.13 with
pip, and PyPI. [TESTING.md](TESTING.md#conformance) tells how to run parts of it.
"""


def write(runs, site):
    """docs/CONFORMANCE.md, from all eight runs."""
    text = DOCUMENT.format(
        suite=TESTSUITE,
        all=max(run.count or 0 for run in runs),
        release=table([run for run in runs if run.release]),
        debug=table([run for run in runs if not run.release]),
        not_ok=not_ok(runs),
        summaries="\n".join(summary(run) for run in runs),
        versions="\n".join(f"- {line}" for line in made_with(site)),
    )
    with open(os.path.join(PACKAGE, "docs", "CONFORMANCE.md"), "w", encoding="utf-8") as file:
        file.write(text)
