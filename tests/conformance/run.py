#!/usr/bin/env python3
"""Holds wsloop against the Autobahn Testsuite, as server and as client, plain and with TLS.

    python3 tests/conformance/run.py                       the cases that CI runs: both roles, plain, release
    python3 tests/conformance/run.py --all                 everything, and writes docs/CONFORMANCE.md
    python3 tests/conformance/run.py --role server --tls --debug 6.* 7.1.3        just these, so

The testsuite is installed from PyPI into the target folder. Every run ends with one line that sums it up; each case that
isn't OK is named before. The exit code is 0 if all cases that were asked for ran and were OK (or informational).
Everything stays on 127.0.0.1. Needs cargo and Python 3.9 to 3.13 with pip (or venv).
"""

import argparse
import concurrent.futures
import os
import signal
import sys

sys.dont_write_bytecode = True

import install  # noqa: E402
import report  # noqa: E402
from testee import Ended, Failed, Run, build  # noqa: E402

# Sections 9, 12 and 13 but for a sample: they take their time.
GROUPS = [f"12.{group}" for group in range(1, 6)] + [f"13.{group}" for group in range(1, 8)]
BASIC = [f"{section}.*" for section in range(1, 8)] + ["10.*"]
SAMPLE = [f"{group}.{case}" for group, case in zip(GROUPS, [1, 3, 4, 11, 2, 3, 1, 4, 2, 11, 3, 4])]
QUICK = BASIC + SAMPLE
ALL = [BASIC + ["9.*"]] + [[f"{group}.*"] for group in GROUPS]
# What takes too long without optimization is left out there.
ALL_DEBUG = [BASIC + ["9.*"], [f"{group}.{case}" for group, case in zip(GROUPS, [3, 5, 11, 4, 12, 7, 5, 4, 11, 6, 3, 12])]]
COUNT_ALL = 517
ROLES = ["server", "client"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="all eight runs; writes docs/CONFORMANCE.md")
    parser.add_argument("--full", action="store_true", help=f"all {COUNT_ALL} cases; with --debug, a selection")
    parser.add_argument("--role", choices=ROLES, help="only as a server, or only as a client")
    parser.add_argument("--tls", action="store_true", help="with TLS")
    parser.add_argument("--debug", action="store_true", help="what is tested is built without optimization")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time; default 1")
    parser.add_argument("--continue", dest="go_on", action="store_true", help="pass over what the same program did before")
    parser.add_argument("--wstest", help="the `wstest` of another installation, CPython 2.7's say")
    parser.add_argument("cases", nargs="*", help="cases or patterns, 6.* or 7.1.3 say")
    asked = parser.parse_args()
    if asked.all and (asked.wstest or asked.full or asked.role or asked.tls or asked.debug or asked.cases):
        parser.error("--all is by itself")
    return asked


def planned(asked):
    """What is to be run, and how many cases each run must have, if that is known beforehand."""
    if asked.all:
        runs = [Run(role, tls, True, ALL, COUNT_ALL) for tls in (False, True) for role in ROLES]
        return runs + [Run(role, tls, False, ALL_DEBUG, None) for tls in (False, True) for role in ROLES]
    parts, count = [asked.cases or QUICK], None
    if asked.full:
        parts, count = (ALL_DEBUG, None) if asked.debug else (ALL, COUNT_ALL)
    roles = [asked.role] if asked.role else ROLES
    return [Run(role, asked.tls, not asked.debug, parts, count) for role in roles]


def main():
    asked = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, Ended.end_all)
    runs = planned(asked)
    site = install.testsuite()
    for run in runs:
        run.other_wstest = asked.wstest
    for release in sorted({run.release for run in runs}):
        build(release)
    folder = os.path.join(install.target(), "conformance", "runs")
    with concurrent.futures.ThreadPoolExecutor(max_workers=asked.jobs) as pool:
        for run, done in [(run, pool.submit(run.run, site, folder, asked.go_on)) for run in runs]:
            try:
                done.result()
            except Failed as failure:
                run.error = str(failure)
            print("\n".join(report.lines(run)), flush=True)
    if asked.all:
        report.write(runs, site)
    return 0 if all(report.is_good(run) for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
