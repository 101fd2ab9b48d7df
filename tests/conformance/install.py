"""Installs the testsuite and what it runs on, in pinned versions, from PyPI into the target folder."""

import os
import shutil
import subprocess
import sys

TESTSUITE = "25.10.1"
HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(HERE))


def target():
    return os.path.abspath(os.environ.get("CARGO_TARGET_DIR") or os.path.join(PACKAGE, "target"))


def testsuite():
    """The folder that it is installed in; what is there is kept until the pinned versions change."""
    requirements = os.path.join(HERE, "requirements.txt")
    root = os.path.join(target(), "conformance")
    site, stamp = os.path.join(root, "python"), os.path.join(root, "installed")
    with open(requirements, encoding="utf-8") as file:
        wanted = f"{file.read()}autobahntestsuite=={TESTSUITE}\n{sys.version}\n"
    if os.path.isfile(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return site
    print(f"conformance: installing the Autobahn Testsuite {TESTSUITE} into {site}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    python = [sys.executable]
    if subprocess.run([*python, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        subprocess.run([*python, "-m", "venv", os.path.join(root, "venv")], check=True)
        python = [os.path.join(root, "venv", "bin", "python")]
    # Its sources are Python 2: they aren't compiled here, and the versions that it asks for aren't these.
    suite = ["--no-deps", "--no-compile", f"autobahntestsuite=={TESTSUITE}"]
    for what in (["--requirement", requirements], suite):
        pip([*python, "-m", "pip", "install", "--target", site, *what])
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return site


def pip(command):
    """Its complaints are shown if it fails; else they are about what is installed elsewhere, which isn't used."""
    quiet = ["--quiet", "--root-user-action=ignore", "--disable-pip-version-check"]
    done = subprocess.run([*command, *quiet], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}conformance: pip failed with {done.returncode}")


def versions(site):
    """Of all that is installed there: name in lower case to version."""
    from importlib.metadata import distributions

    return {found.metadata["Name"].lower(): found.version for found in distributions(path=[site])}
