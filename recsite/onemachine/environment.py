"""Make the environment in `.venv`: `make install`.

    python3 -I recsite/onemachine/environment.py [INDEX]

Runs as a script on the system's Python and its standard library alone. Does nothing when .venv already holds what the
requirement files ask for. INDEX is an extra package index.

Exit codes: 0 done, 1 pip failed (its own words are above), 2 this Python cannot do it, 130 interrupted.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "requirements"
FILES = ("serve.txt", "train.txt", "dev.txt")
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
"""Fingerprint of the requirements that are installed. Written last: an interrupted install is not taken for done."""


def main() -> int:
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted and _works(["-c", ""]):
        return 0
    problem = _unusable_python() or _missing_library()
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    sys.stdout.write("Installing what the site needs into .venv (once; this takes some minutes)\n")
    sys.stdout.flush()
    STAMP.unlink(missing_ok=True)
    code = _install(extra_indexes=sys.argv[1:])
    if code == 0:
        STAMP.write_text(wanted)
    return code


def _install(*, extra_indexes: list[str]) -> int:
    if not _works(["-m", "pip", "--version"]) and _run([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        return 1
    arguments = [part for file in FILES for part in ("-r", str(REQUIREMENTS / file))]
    for index in extra_indexes:
        arguments += ["--extra-index-url", index]
    return min(1, _run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]))


def _run(command: list[str]) -> int:
    """Run in a session of its own and on a tether. When we are to stop it is ended, with all it started."""
    tether = [sys.executable, "-I", "-S", str(Path(__file__).with_name("tether.py")), "--signal", "TERM", "--"]
    process = subprocess.Popen([*tether, *command], cwd=ROOT, start_new_session=True)
    try:
        return abs(process.wait())
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def _works(arguments: list[str]) -> bool:
    if not PYTHON.exists():
        return False
    return subprocess.run([str(PYTHON), *arguments], capture_output=True, check=False).returncode == 0


def _unusable_python() -> str:
    """One line on what this Python lacks, or nothing."""
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        return f"{sys.executable} lacks its venv module. On Debian and Ubuntu: apt install python3-venv"
    return ""


def _missing_library() -> str:
    """One line on what LightGBM's wheel for Linux expects of the system, or nothing."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libgomp.so.1")
        except OSError:
            return "LightGBM needs libgomp.so.1, which is not here. On Debian and Ubuntu: apt install libgomp1"
    return ""


def _fingerprint() -> str:
    contents = [(REQUIREMENTS / name).read_bytes() for name in (*FILES, "s3.txt", "constraints.txt")]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
