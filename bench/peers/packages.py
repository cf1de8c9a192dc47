"""The venv of the peers: made when they are first measured, remade when requirements.txt changes."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def prepare(venv: pathlib.Path) -> pathlib.Path:
    """The venv's Python. A package that cannot be installed is said on stderr and is missing there:
    its engine then says so itself."""
    python, stamp = venv / "bin/python", venv / "requirements.stamp"
    now = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == now:
        return python
    print(f"peers: installing {REQUIREMENTS.name} into {venv}", file=sys.stderr)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", str(venv)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    together = subprocess.run([*install, "-r", str(REQUIREMENTS)], capture_output=True, text=True,
                              check=False)
    if together.returncode == 0:
        stamp.write_text(now)
        return python
    lines = [line.split("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines()]
    for package in filter(None, lines):
        done = subprocess.run([*install, package], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            print(f"peers: {package} cannot be installed: {reason}", file=sys.stderr)
    return python
